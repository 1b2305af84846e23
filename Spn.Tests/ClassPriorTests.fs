/// A learned p(class): a root sum over the classes, whose logits are parameters.
module Spn.Tests.ClassPriorTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Files
open Spn.Core.Inference
open Spn.Core.Plans
open Spn.Host.Examples

let private learning classes : CircuitSpec =
    CircuitSpec
        .Over(BinaryTrees(4, 2))
        .CategoricalInput(2, 3)
        .SumPerRegion(2)
        .HadamardProduct()
        .RootSum(classes, classWeights = WeightSpec.Free())

let private constant classes : CircuitSpec =
    CircuitSpec.Over(BinaryTrees(4, 2)).CategoricalInput(2, 3).SumPerRegion(2).HadamardProduct().RootSum classes

let private engines: IEngine list = [ ReferenceEngine(); SimdEngine 2 ]

let private priorOf (circuit: Circuit) =
    circuit.ClassPrior |> Option.ofObj |> Option.map Array.ofSeq

let private logits (circuit: Circuit) =
    match circuit.Plan.ClassLogits with
    | null -> failtest "p(class) is not learned"
    | tensor -> circuit.Parameters.Slice(tensor.Offset, tensor.Count).ToArray()

let private close (actual: float[] option) (expected: float[]) message =
    Expect.floatsClose Accuracy.low (Expect.wantSome actual message) expected message

let private inFile (circuit: Circuit) check =
    let file = Path.Combine(Path.GetTempPath(), $"spn-{Guid.NewGuid()}.safetensors")

    try
        circuit.Save file
        check file
    finally
        File.Delete file

let tests =
    testList "learned class prior" [
        testCase "the logits are the last tensor, start equal, and their softmax is the prior" (fun () ->
            use circuit = Circuit.Compile(learning 3)
            use without = Circuit.Compile(constant 3)
            Expect.isNone (Option.ofObj without.Plan.ClassLogits) "a constant has no logits"
            Expect.equal circuit.ParameterCount (without.ParameterCount + 3) "one logit a class"
            Expect.equal (Seq.last circuit.Plan.Tensors).Name "classes" "last"
            Expect.equal (logits circuit) [| 0f; 0f; 0f |] "start"
            close (priorOf circuit) (Array.create 3 (1.0 / 3.0)) "equal"

            let parameters = circuit.Parameters.ToArray()
            parameters[parameters.Length - 3] <- 1f
            parameters[parameters.Length - 1] <- -2f
            circuit.SetParameters parameters
            let shares = [| exp 1.0; 1.0; exp -2.0 |]
            close (priorOf circuit) (shares |> Array.map (fun s -> s / Array.sum shares)) "softmax")
        testCase "setting the prior writes its logarithms, and null makes the classes equal" (fun () ->
            use circuit = Circuit.Compile(learning 3)
            circuit.ClassPrior <- [| 0.2; 0.0; 0.8 |]
            Expect.floatClose Accuracy.low (float (logits circuit).[0]) (log 0.2) "log p"
            close (priorOf circuit) [| 0.2; 0.0; 0.8 |] "read back"
            Expect.equal ((Expect.wantSome (priorOf circuit) "prior").[1]) 0.0 "impossible stays impossible"
            Expect.throwsT<ArgumentException> (fun () -> circuit.ClassPrior <- [| 0.5; 0.6; 0.0 |]) "no distribution"
            circuit.ClassPrior <- null
            Expect.equal (logits circuit) [| 0f; 0f; 0f |] "equal")
        testCase "every query mixes the classes by the learned prior as by an equal constant one" (fun () ->
            for engine in engines do
                use learned = Circuit.Compile(learning 3, engine)
                use given = Circuit.Compile(constant 3, engine)
                given.SetParameters(learned.Parameters.Slice(0, given.ParameterCount))
                // Logits are kept in single precision, so answers are compared to six digits.
                let prior = [| 0.625; 0.25; 0.125 |]
                learned.ClassPrior <- prior
                given.ClassPrior <- prior
                let samples = Generators.evidence given.Plan 6 0.4 3
                let row = samples.Rows(ReadOnlySpan [| 0 |]).Hide(fun _ v -> v > 0)

                let same name (ask: Circuit -> float seq) =
                    Expect.floatsClose Accuracy.low (ask learned) (ask given) $"{engine.Name}, {name}"

                same "joint log-likelihood" (fun c -> c.JointLogLikelihood samples)
                same "class posterior" (fun c -> c.ClassPosterior samples)
                same "most probable class" (fun c -> c.MostProbableClass samples |> Seq.map float)

                same "posterior" (fun c ->
                    let posterior = c.Posterior row
                    Seq.collect (fun v -> posterior.Probabilities(0, v).ToArray()) [ 1..3 ])

                same "covariance" (fun c -> (c.Covariance row) |> Seq.cast<float>)
                same "expectation" (fun c -> [ (c.Expectation((fun x -> float x[1]), row)).Value ])
                same "explanation" (fun c -> (c.Mpe row).LogLikelihood)
                same "samples" (fun c -> (c.Sample(row, draws = 20, seed = 4L)).Row(7).ToArray() |> Seq.map float)

                same "conditioned" (fun c ->
                    use rest = c.Condition row

                    Seq.append
                        (rest.JointLogLikelihood(Evidence.Unknown(1, 3).Observe(0, 1f)))
                        (rest.ClassPrior |> nonNull)))
        testCase "a conditioned circuit goes on learning what the evidence says of its classes" (fun () ->
            use circuit = Circuit.Compile(learning 3)
            circuit.ClassPrior <- [| 0.5; 0.3; 0.2 |]
            let given = Evidence.Unknown(1, 4).Observe(2, 1f)
            use rest = circuit.Condition given
            close (priorOf rest) (circuit.ClassPosterior given) "posterior"
            Expect.hasLength (logits rest) 3 "logits"
            use twice = rest.Condition(Evidence.Unknown(1, 3).Observe(0, 2f))
            close (priorOf twice) (circuit.ClassPosterior(given.Observe(0, 2f))) "again"
            use all = circuit.Condition(Evidence.Unknown(1, 4))
            close (priorOf all) [| 0.5; 0.3; 0.2 |] "nothing observed"

            inFile twice (fun file ->
                use loaded = Circuit.Load file
                Expect.equal (loaded.Parameters.ToArray()) (twice.Parameters.ToArray()) "saved"))
        testCase "a model file keeps the logits as a tensor" (fun () ->
            use circuit = Circuit.Compile(learning 3)
            circuit.ClassPrior <- [| 0.5; 0.3; 0.2 |]

            inFile circuit (fun file ->
                use loaded = Circuit.Load file
                Expect.equal loaded.Spec circuit.Spec "description"
                Expect.equal (priorOf loaded) (priorOf circuit) "prior"
                let content = ModelFile.Read file
                Expect.equal (content.ClassPrior |> nonNull |> Array.ofSeq |> Some) (priorOf circuit) "of the file"

                let changed =
                    File.ReadAllBytes file
                    |> ModelFileTests.rebuilt (fun _ metadata data ->
                        metadata["spn.class_prior"] <- "[0.5, 0.25, 0.25]"
                        data)

                Expect.stringContains
                    (ModelFileTests.refusal changed)
                    "the circuit learns it"
                    "two priors are refused"))
        testCase "a root of one class may have class weights too" (fun () ->
            use circuit = Circuit.Compile(learning 1)
            Expect.equal (priorOf circuit) (Some [| 1.0 |]) "certain"
            let samples = Generators.evidence circuit.Plan 3 0.3 1

            Expect.floatsClose
                Accuracy.high
                (circuit.JointLogLikelihood samples)
                (circuit.LogLikelihood samples)
                "same")
        testCase "other sources of class weights are refused with the way out" (fun () ->
            for weights in
                [
                    WeightSpec.Uniform() :> WeightSpec
                    WeightSpec.Hyper(2, [])
                    WeightSpec.Tied(WeightSpec.Free())
                    WeightSpec.Free(deadEntries = true)
                ] do
                let spec =
                    CircuitSpec.Over(BinaryTrees(4, 2)).IndicatorInput().HadamardProduct().RootSum(2, false, weights)

                match Circuit.check spec with
                | [ finding ] ->
                    Expect.equal finding.Property "class weights unfit" weights.Name
                    Expect.stringContains finding.Layer "Sum.Root" "layer"
                    Expect.stringContains finding.Advice "Circuit.ClassPrior" "advice"
                | findings -> failtest $"{weights.Name}: {findings}")
        testCase "class weights in F# equal those in C#" (fun () ->
            Expect.equal
                (Regions.RandomBinaryTrees(4, 2)
                 |> Circuit.overRegions [
                     Input.Categorical(2, 3)
                     Sum.PerRegion 2
                     Product.Hadamard
                     Sum.Root(classes = 3, classWeights = Weights.Free())
                 ])
                (learning 3)
                "same value"

            Expect.notEqual (learning 3) (constant 3) "they matter")
    ]
