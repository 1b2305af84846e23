/// Gradient ascent: protocol, seeds, selection, cancellation.
module Spn.Tests.TrainingTests

open System
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Training

let private digits = lazy (Digits.LoadBinary())

let private small () =
    Circuit.Compile(HyperSpn.Released(64, replicas = 4), seed = 3L)

let private options =
    GradientOptions(Steps = 60, BatchSize = 100, EvaluationPeriod = Nullable 20)

type private Listener<'t>(f: 't -> unit) =
    interface IProgress<'t> with
        member _.Report value = f value

let tests =
    testList "training" [
        testCase "Adam with coupled decay takes the golden steps" (fun () ->
            for file in
                [
                    "hyperspn_spn_d7_k2_r3.json"
                    "hyperspn_spn_d11_k3_r4.json"
                    "hyperspn_hyperspn_d7_k2_r3.json"
                    "hyperspn_hyperspn_d16_k5_r2.json"
                ] do
                let golden = GoldenTests.read file
                let adam = golden.GetProperty "adam"
                use circuit = Circuit.Compile(GoldenTests.describe golden)
                circuit.SetParameters(ReadOnlySpan(GoldenTests.parameters golden circuit.Plan "" |> Array.map float32))
                let x = GoldenTests.evidence golden circuit.Variables
                let steps = GoldenTests.integer "steps" adam

                circuit.Fit(
                    x,
                    null,
                    GradientOptions(
                        LearningRate = adam.GetProperty("lr").GetDouble(),
                        WeightDecay = adam.GetProperty("weight_decay").GetDouble(),
                        Steps = steps,
                        BatchSize = x.Count
                    )
                )
                |> ignore

                let expected = GoldenTests.parameters adam circuit.Plan "_after"

                Array.iteri2
                    (fun i (a: float32) e ->
                        if abs (float a - e) > 2e-5 then
                            failtest $"{file}: parameter {i} is {a}, expected {e}")
                    (circuit.Parameters.ToArray())
                    expected

                GoldenTests.near
                    1e-5
                    (circuit.LogLikelihood x)
                    (GoldenTests.numbers (adam.GetProperty "log_likelihood_after"))
                    file)
        testCase "training raises the validation log-likelihood and keeps the best" (fun () ->
            use circuit = small ()
            let before = circuit.AverageLogLikelihood digits.Value.Valid
            let report = circuit.Fit(digits.Value.Train, digits.Value.Valid, options)
            let after = circuit.AverageLogLikelihood digits.Value.Valid
            Expect.isGreaterThan after (before + 5.0) "nats"

            Expect.isTrue
                (abs (after - report.BestValid.Value) < 1e-6)
                $"the circuit has the best parameters: {after}, reported {report.BestValid}"

            Expect.equal (report.Curve |> Seq.map _.Step |> List.ofSeq) [ 20; 40; 60 ] "evaluations"
            Expect.equal report.BestValid.Value (report.Curve |> Seq.map _.Valid.Value |> Seq.max) "best of the curve")
        testCase "the same seed gives the same bits, another seed others" (fun () ->
            let fit seed =
                use circuit = small ()

                circuit.Fit(
                    digits.Value.Train,
                    digits.Value.Valid,
                    GradientOptions(Steps = 5, BatchSize = 64, Seed = seed)
                )
                |> ignore

                circuit.Parameters.ToArray()

            Expect.isTrue (fit 1L = fit 1L) "same"
            Expect.isFalse (fit 1L = fit 2L) "other")
        testCase "merging equal samples changes the steps only by rounding" (fun () ->
            let samples = digits.Value.Train.Rows(ReadOnlySpan [| for i in 0..199 -> i % 20 |])

            let fit merge =
                use circuit = small ()

                circuit.Fit(samples, null, GradientOptions(Steps = 3, BatchSize = 100, MergeEqualSamples = merge))
                |> ignore

                circuit.AverageLogLikelihood samples

            Expect.floatClose { absolute = 1e-3; relative = 0.0 } (fit true) (fit false) "log-likelihood")
        testCase "a mean objective is a sum objective with a smaller gradient" (fun () ->
            let step objective rate =
                use circuit = small ()

                circuit.Fit(
                    digits.Value.Train,
                    null,
                    GradientOptions(
                        Optimiser = Optimiser.Sgd,
                        LearningRate = rate,
                        Objective = objective,
                        Steps = 1,
                        BatchSize = 100
                    )
                )
                |> ignore

                circuit.Parameters.ToArray() |> Array.map float

            Array.iteri2
                (fun i a b ->
                    if abs (a - b) > 1e-6 then
                        failtest $"parameter {i}: {a} and {b}")
                (step Objective.Sum 1e-4)
                (step Objective.Mean 1e-2))
        testCase "epochs visit every sample once" (fun () ->
            use circuit = small ()

            let report =
                circuit.Fit(digits.Value.Train, null, GradientOptions(Epochs = Nullable 2, BatchSize = 300))

            Expect.equal report.Steps 10 "1,258 samples in 5 batches, twice"
            Expect.equal report.Curve.Count 2 "one point an epoch")
        testCase "training stops early when validation stops improving" (fun () ->
            use circuit = small ()

            let report =
                circuit.Fit(
                    digits.Value.Train.Rows(ReadOnlySpan [| 0..9 |]),
                    digits.Value.Valid,
                    GradientOptions(
                        Steps = 4000,
                        BatchSize = 10,
                        LearningRate = 0.05,
                        EvaluationPeriod = Nullable 10,
                        Patience = Nullable 3
                    )
                )

            Expect.equal report.End TrainingEnd.StoppedEarly "overfitting ten samples"
            Expect.isLessThan report.Steps 4000 "steps")
        testCase "cancelling keeps the best parameters so far" (fun () ->
            use circuit = small ()
            use source = new CancellationTokenSource()

            let progress =
                Listener<TrainingProgress>(fun p ->
                    if p.BestValid.HasValue then
                        source.Cancel())

            let report =
                circuit.Fit(
                    digits.Value.Train,
                    digits.Value.Valid,
                    GradientOptions(Steps = 100000, BatchSize = 100, EvaluationPeriod = Nullable 10),
                    progress = progress,
                    cancellation = source.Token
                )

            Expect.equal report.End TrainingEnd.Cancelled "end"

            Expect.isTrue
                (abs (circuit.AverageLogLikelihood digits.Value.Valid - report.BestValid.Value) < 1e-6)
                "best parameters")
        testCase "a training that diverges keeps the best parameters" (fun () ->
            let train = Evidence.From(Array.zeroCreate<float32> 40, 2)

            use circuit =
                Circuit.Compile(
                    CircuitSpec.Over(BinaryTrees(2, 1, 1L)).NormalInput(1, null, [ 0.01 ]).HadamardProduct().RootSum()
                )

            let report =
                circuit.Fit(
                    train,
                    train,
                    GradientOptions(
                        Optimiser = Optimiser.Sgd,
                        LearningRate = 1.0,
                        Steps = 4000,
                        BatchSize = 20,
                        EvaluationPeriod = Nullable 1
                    )
                )

            Expect.equal report.End TrainingEnd.Diverged "end"
            Expect.isTrue (circuit.Parameters.ToArray() |> Array.forall Single.IsFinite) "finite parameters"

            Expect.isTrue
                (abs (circuit.AverageLogLikelihood train - report.BestValid.Value)
                 <= 1e-5 * abs report.BestValid.Value)
                "the best ones")
        testCase "progress tells throughput and time left" (fun () ->
            use circuit = small ()
            let reports = ResizeArray<TrainingProgress>()

            circuit.Fit(
                digits.Value.Train,
                digits.Value.Valid,
                options,
                progress = Listener<TrainingProgress>(reports.Add)
            )
            |> ignore

            let last = reports[reports.Count - 1]
            Expect.equal (last.Step, last.Steps) (60, 60) "the last report is of the last step"
            Expect.isGreaterThan last.SamplesPerSecond 0.0 "throughput"
            Expect.equal last.Remaining TimeSpan.Zero "nothing left")
        testCase "settings and samples that do not fit are refused" (fun () ->
            use circuit = small ()

            let fit (options: GradientOptions) () =
                circuit.Fit(digits.Value.Train, null, options) |> ignore

            Expect.throwsT<ArgumentOutOfRangeException> (fit (GradientOptions(LearningRate = -1.0))) "rate"
            Expect.throwsT<ArgumentOutOfRangeException> (fit (GradientOptions(BatchSize = 0))) "batch"
            Expect.throwsT<EvidenceException> (fun () -> circuit.Fit(Evidence.From([| 0f; 1f |], 2)) |> ignore) "width"

            use classes =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(64, 1, 1L))
                        .IndicatorInput()
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum(10)
                )

            Expect.throwsT<ArgumentException> (fun () -> classes.Fit digits.Value.Train |> ignore) "labels missing")
        testCase "class roots trained on labels raise the log-likelihood of their class" (fun () ->
            let data = digits.Value

            use circuit =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(64, 4, 1L))
                        .IndicatorInput()
                        .SumPerRegion(4)
                        .HadamardProduct()
                        .RootSum(10)
                )

            match data.TrainLabels, data.TestLabels with
            | null, _
            | _, null -> failtest "digits have labels"
            | train, test ->
                circuit.Fit(
                    data.Train,
                    null,
                    GradientOptions(Steps = 300, BatchSize = 100, LearningRate = 0.05),
                    labels = train
                )
                |> ignore

                let scores = circuit.LogLikelihood data.Test

                let right =
                    test
                    |> Seq.indexed
                    |> Seq.filter (fun (i, label) ->
                        Array.IndexOf(scores[i * 10 .. i * 10 + 9], Array.max scores[i * 10 .. i * 10 + 9]) = label)
                    |> Seq.length

                Expect.isGreaterThan
                    right
                    (data.Test.Count / 2)
                    $"most digits are told apart: {right} of {data.Test.Count}")
        testCase "hidden entries are summed out in training" (fun () ->
            use circuit = small ()
            let random = Random 1
            let holes = digits.Value.Train.Hide(fun _ _ -> random.NextDouble() < 0.3)
            let before = circuit.AverageLogLikelihood digits.Value.Valid
            circuit.Fit(holes, digits.Value.Valid, options) |> ignore
            Expect.isGreaterThan (circuit.AverageLogLikelihood digits.Value.Valid) (before + 3.0) "nats")
        testCase "learned normal densities fit a mixture" (fun () ->
            let random = RandomStream(1L, "mixture")

            let values = [|
                for _ in 1..600 do
                    let centre = if random.NextDouble() < 0.5 then -2.0 else 2.0
                    float32 (centre + 0.5 * random.NextNormal())
                    float32 (-centre + 0.5 * random.NextNormal())
            |]

            let train = Evidence.From(values, 2)

            use circuit =
                Circuit.Compile(
                    CircuitSpec.Over(BinaryTrees(2, 2, 1L)).NormalInput(2).SumPerRegion(2).HadamardProduct().RootSum()
                )

            circuit.Initialise train |> ignore

            circuit.Fit(train, null, GradientOptions(Steps = 400, BatchSize = 200, LearningRate = 0.05))
            |> ignore
            // Entropy of the true density: log 2 for the centre and two normals of deviation 0.5.
            let best = -(log 2.0 + 2.0 * (0.5 * log (2.0 * Math.PI * Math.E) + log 0.5))
            Expect.isGreaterThan (circuit.AverageLogLikelihood train) (best - 0.15) "close to the true density")
    ]
