/// Training that tells classes apart: what is raised, its gradient, dropout, what a classifier reaches.
module Spn.Tests.DiscriminativeTests

open System
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

let private stack learned =
    let classWeights: WeightSpec | null = if learned then WeightSpec.Free() else null

    CircuitSpec
        .Over(GridVariables.Image(4, 4))
        .NormalInput(3)
        .SpatialProduct()
        .SpatialSum(4)
        .SpatialProduct(dilation = 2, channels = ProductChannels.Limited(7, 3L))
        .SpatialSum(5)
        .SpatialProduct(dilation = 4, padding = Padding.Final)
        .RootSum(classes = 3, classWeights = classWeights)

let private samples =
    let random = RandomStream(1L, "samples")
    Evidence.From(Array.init (30 * 16) (fun _ -> float32 (random.NextNormal())), 16)

let private labels = Array.init 30 (fun i -> i * i % 3)

/// (1 - share) log p(x | y), or log p(x, y), + share log p(y | x), summed over the samples; by the definition.
let private objective share (circuit: Circuit) =
    let byClass = circuit.LogLikelihood samples
    let prior = circuit.ClassPrior

    let one i =
        let joint = [|
            for c in 0..2 ->
                byClass[i * 3 + c]
                + log (
                    match prior with
                    | null -> 1.0 / 3.0
                    | own -> own[c]
                )
        |]

        let own = labels[i]

        let generative =
            if isNull circuit.Plan.ClassLogits then
                byClass[i * 3 + own]
            else
                joint[own]

        (1.0 - share) * generative
        + share * (joint[own] - LogSum.Of(ReadOnlySpan joint))

    Seq.sumBy one [ 0..29 ]

/// The change of the parameters by one plain step of size 1: the gradient.
let private gradient share (circuit: Circuit) =
    let before = circuit.Parameters.ToArray()

    circuit.Fit(
        samples,
        options =
            GradientOptions(
                Optimiser = Optimiser.Sgd,
                LearningRate = 1.0,
                BatchSize = 30,
                Steps = 1,
                Discriminative = share
            ),
        labels = labels
    )
    |> ignore

    let change =
        Array.map2 (fun a b -> float (a - b)) (circuit.Parameters.ToArray()) before

    circuit.SetParameters(ReadOnlySpan before)
    change

let private dropped (bind: Plan -> ISession) (plan: Plan) (parameters: float32[]) (evidence: Evidence) share =
    use session = bind plan
    session.SetParameters(ReadOnlySpan parameters)
    let result: float[] = Array.zeroCreate (evidence.Count * plan.Classes)
    let rows = Array.init evidence.Count id
    session.DropProducts(share, 11L)
    session.Forward(evidence, ReadOnlySpan rows, Span result)
    session.Backward(Routing.Soft, ReadOnlySpan [||])
    let gradient: float32[] = Array.zeroCreate plan.ParameterCount
    session.Gradient(Span gradient)
    let plain: float[] = Array.zeroCreate result.Length
    session.DropProducts(0.0, 0L)
    session.Forward(evidence, ReadOnlySpan rows, Span plain)
    result, Array.map float gradient, plain

let private objectiveTests =
    testList "objective" [
        for learned in [ false; true ] do
            for share in [ 0.0; 0.3; 1.0 ] do
                testCase $"its gradient is that of differences, share {share}, learned prior {learned}" (fun () ->
                    use circuit = Circuit.Compile(stack learned, seed = 4L)

                    if learned then
                        circuit.ClassPrior <- [| 0.2; 0.5; 0.3 |]

                    let own = gradient share circuit
                    let parameters = circuit.Parameters.ToArray()
                    let random = Random 5

                    for i in
                        [
                            for _ in 1..40 -> random.Next parameters.Length
                            if learned then
                                yield! [ parameters.Length - 3 .. parameters.Length - 1 ]
                        ] do
                        let at (step: float32) =
                            let moved = Array.copy parameters
                            moved[i] <- moved[i] + step
                            circuit.SetParameters(ReadOnlySpan moved)
                            objective share circuit

                        let difference = (at 1e-2f - at -1e-2f) / 2e-2

                        if abs (difference - own[i]) > 2e-3 * max 1.0 (abs difference) then
                            failtest $"entry {i}: {own[i]}, differences say {difference}")
        testCase "one class cannot be told apart" (fun () ->
            use circuit = Circuit.Compile(DgcSpn.TwoSums(4, 4).WithWeights(WeightSpec.Free()))

            Expect.throwsT<ArgumentException>
                (fun () -> circuit.Fit(samples, options = GradientOptions(Discriminative = 1.0)) |> ignore)
                "refused")
        testCase "settings out of range are refused" (fun () ->
            use circuit = Circuit.Compile(stack true)

            for options in
                [
                    GradientOptions(Discriminative = 1.1)
                    GradientOptions(Discriminative = nan)
                    GradientOptions(ProductDropout = 1.0)
                    GradientOptions(InputDropout = -0.1)
                ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> circuit.Fit(samples, options = options, labels = labels) |> ignore)
                    $"{options}")
    ]

let private dropoutTests =
    testList "dropout" [
        testCase "drops the same products in every engine, up and down" (fun () ->
            let check name (plan: Plan) seed share =
                let parameters = plan.Initialise(int64 seed)
                let evidence = Generators.evidence plan 41 0.1 seed

                let expected, gradient, plain =
                    dropped EngineTests.reference plan parameters evidence share

                for engine, bind in
                    [
                        "wide", EngineTests.simd 2
                        "narrow", EngineTests.narrow 1
                        "level by level", EngineTests.levels 2
                    ] do
                    let actual, own, undropped = dropped bind plan parameters evidence share
                    EngineTests.logLikelihoodsClose actual expected $"{name}, {engine}"
                    EngineTests.gradientsClose own gradient $"{name}, {engine}, gradient"
                    EngineTests.logLikelihoodsClose undropped plain $"{name}, {engine}, afterwards"

                if expected = plain then 0 else 1

            let changed = [
                for seed in 1..40 do
                    let name, spec = Generators.spec seed
                    check name (Lowerer.Lower spec) seed 0.2
                for seed, spec in SpatialStacks.accepted (seq { 1..200 }) |> Seq.truncate 20 do
                    check (string spec) (Lowerer.Lower spec) seed 0.5
            ]

            Expect.isTrue (List.sum changed > 40) $"{List.sum changed} of {changed.Length} changed")
        testCase "the share of products that drop is the one asked for, and one of each region stays" (fun () ->
            let dropout = Dropout(0.2, 5L)
            let drops = Array.init 20000 (fun i -> dropout.Drops(3, i % 50, 50, i / 50))
            let share = float (Array.sumBy (fun d -> if d then 1 else 0) drops) / 20000.0
            Expect.isTrue (abs (share - 0.2) < 0.015) $"share {share}"
            let often = Dropout(0.9, 5L)

            for row in 0..500 do
                Expect.isTrue (Seq.exists (fun c -> not (often.Drops(1, c, 3, row))) [ 0..2 ]) $"row {row}")
        testCase "dropped inputs count as hidden, dropped products leave the trained circuit alone" (fun () ->
            use circuit = Circuit.Compile(stack true, seed = 2L)

            let options =
                GradientOptions(
                    BatchSize = 10,
                    Epochs = 3,
                    Discriminative = 1.0,
                    ProductDropout = 0.2,
                    InputDropout = 0.2
                )

            circuit.Fit(samples, options = options, labels = labels) |> ignore
            let first = circuit.Parameters.ToArray()
            use again = Circuit.Compile(stack true, Simd.SimdEngine 1, seed = 2L)
            again.Fit(samples, options = options, labels = labels) |> ignore
            Expect.sequenceEqual (again.Parameters.ToArray()) first "the same seed gives the same bits"
            use reference = Circuit.Compile(stack true, Reference.ReferenceEngine())
            reference.SetParameters(ReadOnlySpan first)

            EngineTests.logLikelihoodsClose
                (circuit.LogLikelihood samples)
                (reference.LogLikelihood samples)
                "queries see no dropout")
    ]

let private classifierTests =
    testList "classifier" [
        testCase "the discriminative stack learns the built-in digits" (fun () ->
            let data = DataCatalogue.Load("digits-grey", null)

            use circuit =
                Circuit.Compile(DgcSpn.Discriminative(8, 8, components = 8), seed = 3L)

            let score = StandardScore.VisibleOnly()
            let train, test = score.Apply(data.Train).Images, score.Apply(data.Test).Images

            let report =
                circuit.Fit(
                    train,
                    valid = test,
                    options =
                        GradientOptions(
                            BatchSize = 64,
                            Epochs = 12,
                            LearningRate = 3e-2,
                            Objective = Objective.Mean,
                            Discriminative = 1.0,
                            ProductDropout = 0.2,
                            InputDropout = 0.2,
                            KeepLast = true
                        ),
                    labels = Unchecked.nonNull data.TrainLabels,
                    validLabels = Unchecked.nonNull data.TestLabels
                )

            let accuracy = report.Curve[11].Accuracy.Value
            Expect.isTrue (accuracy > 0.9) $"accuracy {accuracy}"
            Expect.equal report.BestStep report.Steps "the last parameters are kept"
            let classes = circuit.MostProbableClass test

            let right =
                Array.fold2 (fun n a b -> if a = b then n + 1 else n) 0 classes (Unchecked.nonNull data.TestLabels)

            Expect.floatClose Accuracy.high (float right / float test.Count) accuracy "as a query sees it")
    ]

let tests =
    testList "discriminative" [ objectiveTests; dropoutTests; classifierTests ]
