/// Expectation maximisation: the update rules, what training leaves behind.
module Spn.Tests.EmTests

open System
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

/// A mixture of two products over two binary variables: weights 0.9 and 0.1, with the second product's leaves nearer the data.
let private twoLevels () =
    let spec =
        CircuitSpec(
            HandBuiltRegions(2).Leaf(0).Leaf(1).Join([| 0; 1 |]),
            ValueList<LayerSpec>(
                [
                    IndicatorInput(2) :> LayerSpec
                    SumSpec(2, Weights = WeightSpec.Fixed [ 0.4; 0.6; 0.1; 0.9; 0.4; 0.6; 0.1; 0.9 ])
                    HadamardProduct()
                    RootSpec()
                ]
            ),
            WeightSpec.Accumulators(smoothing = 0.0)
        )

    let circuit = Circuit.Compile(spec, ReferenceEngine())
    circuit.SetParameters(ReadOnlySpan [| 9f; 1f |])
    circuit

let private ruleTests =
    testList "rules" [
        for name, engine in
            [
                "reference", (fun () -> ReferenceEngine() :> IEngine)
                "simd", (fun () -> SimdEngine(2))
            ] do
            testCase $"an unweighted winner is the largest input, a weighted one the largest term ({name})" (fun () ->
                use made = twoLevels ()
                use circuit = Circuit.Compile(made.Spec, engine ())
                circuit.SetParameters made.Parameters
                let ones = Evidence.From([| 1f; 1f |], 2)
                // Inputs 0.36 and 0.81; times the weights 0.9 and 0.1 they are 0.324 and 0.081.
                let options = HardEmOptions(Epochs = 1)
                circuit.Fit(ones, options) |> ignore
                Expect.sequenceEqual (circuit.Parameters.ToArray()) [ 10f; 1f ] "weighted"

                circuit.Fit(ones, HardEmOptions(Epochs = 1, UnweightedSumInputs = true))
                |> ignore

                Expect.sequenceEqual (circuit.Parameters.ToArray()) [ 10f; 2f ] "unweighted")
        testCase "accumulators make weights that add to 1, smoothing shared out equally" (fun () ->
            use circuit = twoLevels ()

            let plan =
                Lowerer.Lower(circuit.Spec.WithWeights(WeightSpec.Accumulators(smoothing = 2.0)))

            use session = EngineTests.simd 1 plan
            session.SetParameters(ReadOnlySpan [| 9f; 1f |])
            let result = [| 0.0 |]
            session.Forward(Evidence.From([| 1f; 1f |], 2), ReadOnlySpan [| 0 |], Span result)
            Expect.floatClose Accuracy.low (exp result[0]) (10.0 / 12.0 * 0.36 + 2.0 / 12.0 * 0.81) "likelihood")
        testCase "ties are broken by lot" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(1, 4, 1L))
                    .IndicatorInput()
                    .RootSum()
                    .WithWeights(AccumulatorWeights(0.0, EqualStart = true))

            use circuit = Circuit.Compile spec
            let train = Evidence.From(Array.zeroCreate<float32> 4000, 1)

            circuit.Fit(train, HardEmOptions(Epochs = 1, UnweightedSumInputs = true))
            |> ignore

            // The input of each of the four trees that says 0 is 1, the other is 0.
            circuit.Parameters.ToArray()
            |> Array.iteri (fun i accumulator ->
                let expected = if i % 2 = 0 then 1000.125f else 0.125f

                Expect.isTrue
                    (abs (accumulator - expected) <= 120f * float32 (1 - i % 2))
                    $"about a quarter each, {accumulator}"))
        testCase "draws in place of winners follow the posterior" (fun () ->
            use circuit = twoLevels ()
            circuit.SetParameters(ReadOnlySpan [| 1e-6f; 1e-6f |])
            let train = Evidence.From(Array.create 8000 1f, 2)
            // All weights start equal and stay so within one batch.
            circuit.Fit(train, HardEmOptions(Epochs = 1, BatchSize = 4000, DrawShare = 1.0))
            |> ignore

            let share = float (circuit.Parameters.ToArray()[1]) / 4000.0
            Expect.isTrue (abs (share - 0.81 / 1.17) < 0.03) $"share {share}")
        testCase "full-batch soft expectation maximisation never lowers the likelihood" (fun () ->
            for seed in [ 1; 4; 9 ] do
                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(6, 3, int64 seed))
                        .IndicatorInput()
                        .SumPerRegion(3)
                        .HadamardProduct()
                        .RootSum(mixture = true)
                        .WithWeights(AccumulatorWeights(0.0, Concentration = 1.0))

                use circuit = Circuit.Compile(spec, SimdEngine(2), int64 seed)
                let random = Random seed

                let train =
                    Evidence.From(Array.init 600 (fun _ -> float32 (random.Next 2 * random.Next 2)), 6)

                let report =
                    circuit.Fit(train, SoftEmOptions(Epochs = 25, BatchSize = 100, StepSize = 1.0, Floor = 0.0))

                for before, after in Seq.pairwise report.Curve do
                    Expect.isTrue (after.Train >= before.Train - 1e-6) $"{before.Train} then {after.Train}"

                Expect.isTrue (report.Curve[24].Train > report.Curve[0].Train + 0.01) "it rises")
        testCase "hard expectation maximisation finds the shares of a mixture" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(1, 1, 1L))
                    .NormalInput(2, fixedMeans = [ -3.0; 3.0 ], fixedVariances = [ 1.0; 1.0 ])
                    .RootSum()
                    .WithWeights(WeightSpec.Accumulators())

            use circuit = Circuit.Compile spec
            let random = RandomStream(5L, "mixture")

            let train =
                Evidence.From(
                    Array.init 1000 (fun i -> float32 (random.NextNormal() + (if i % 4 = 0 then 3.0 else -3.0))),
                    1
                )

            circuit.Fit(train, HardEmOptions(Epochs = 3)) |> ignore
            let own = circuit.Parameters.ToArray()
            Expect.floatClose { absolute = 0.01; relative = 0.0 } (float own[0] / float (own[0] + own[1])) 0.75 "share")
        testCase "gamma and Dirichlet draws have their moments" (fun () ->
            for shape in [ 0.1; 0.7; 1.0; 4.5 ] do
                let random = RandomStream(3L, "gamma", int64 (shape * 10.0))
                let draws = Array.init 40000 (fun _ -> random.NextGamma shape)
                let mean = Array.average draws
                let variance = draws |> Array.averageBy (fun x -> (x - mean) * (x - mean))
                Expect.isTrue (abs (mean - shape) < 0.05 * shape + 0.01) $"mean {mean} of {shape}"
                Expect.isTrue (abs (variance - shape) < 0.12 * shape + 0.01) $"variance {variance} of {shape}"

            let numbers: float32[] = Array.zeroCreate 5
            RandomStream(1L, "dirichlet").NextDirichlet(0.1, 3.0, Span numbers)
            Expect.floatClose Accuracy.low (Array.sumBy float numbers) 3.0 "total")
    ]

let private mixture () =
    CircuitSpec
        .Over(BinaryTrees(5, 3, 1L))
        .IndicatorInput()
        .SumPerRegion(2)
        .HadamardProduct()
        .RootSum(mixture = true)
        .WithWeights(WeightSpec.Accumulators())

let private someRows =
    let random = Random 3
    Evidence.From(Array.init 2000 (fun _ -> float32 (random.Next 2)), 5)

let private surfaceTests =
    testList "surface" [
        testCase "threads and runs do not change what is learned" (fun () ->
            let learned threads =
                use circuit = Circuit.Compile(mixture (), SimdEngine(threads: int), 4L)
                circuit.Fit(someRows, HardEmOptions(Epochs = 2, DrawShare = 0.2)) |> ignore
                circuit.Parameters.ToArray()

            Expect.sequenceEqual (learned 1) (learned 2) "same bits"
            Expect.sequenceEqual (learned 2) (learned 2) "again")
        testCase "weights that have no M-step are refused with the way out" (fun () ->
            use circuit = Circuit.Compile(mixture().WithWeights(WeightSpec.Free()))
            Expect.throwsT<ArgumentException> (fun () -> circuit.Fit(someRows, HardEmOptions()) |> ignore) "hard"

            use generated = Circuit.Compile(mixture().WithWeights(WeightSpec.Hyper(2, [ 3 ])))

            try
                generated.Fit(someRows, SoftEmOptions()) |> ignore
                failtest "not refused"
            with :? ArgumentException as e ->
                Expect.stringContains e.Message "HyperProgram" "what"
                Expect.stringContains e.Message "WeightSpec.Free()" "advice"

            use counted = Circuit.Compile(mixture ())
            Expect.throwsT<ArgumentException> (fun () -> counted.Fit(someRows) |> ignore) "gradient steps")
        testCase "settings out of range are refused" (fun () ->
            use circuit = Circuit.Compile(mixture ())

            for options in
                [
                    HardEmOptions(Epochs = 0)
                    HardEmOptions(BatchSize = 0)
                    HardEmOptions(DrawShare = 1.5)
                    HardEmOptions(DrawShare = nan)
                ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> circuit.Fit(someRows, options) |> ignore)
                    $"{options}"

            for options in
                [
                    SoftEmOptions(StepSize = 0.0)
                    SoftEmOptions(StepSize = 1.1)
                    SoftEmOptions(AccumulateBatches = 0)
                    SoftEmOptions(Floor = -1.0)
                    SoftEmOptions(Smoothing = -1.0)
                    SoftEmOptions(Smoothing = infinity)
                    SoftEmOptions(Momentum = 1.0)
                    SoftEmOptions(Decay = StepDecay(Power = 0.0))
                    SoftEmOptions(Decay = StepDecay(Offset = 0.5))
                ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> circuit.Fit(someRows, options) |> ignore)
                    $"{options}")
        testCase "accumulators that cannot be are refused" (fun () ->
            for weights in
                [
                    AccumulatorWeights(-1.0)
                    AccumulatorWeights(nan)
                    AccumulatorWeights(0.0, StartCount = 0.0)
                    AccumulatorWeights(0.0, StartCount = -1.0)
                    AccumulatorWeights(0.0, Concentration = 0.0)
                ] do
                Expect.throwsT<CircuitException>
                    (fun () -> mixture().WithWeights(weights) |> Lowerer.Lower |> ignore)
                    $"{weights}")
        testCase "one call takes every form, from F# as from C#" (fun () ->
            let forms: EmOptions list = [
                SoftEmOptions(Epochs = 2, Momentum = 0.5)
                SoftEmOptions(Epochs = 2, FullBatch = true)
                HardEmOptions(Epochs = 2)
            ]

            for options in forms do
                let parameters (train: Circuit -> TrainingReport) =
                    use circuit = Circuit.Compile(mixture (), SimdEngine 1)
                    train circuit |> ignore
                    circuit.Parameters.ToArray()

                let learned = parameters (Train.em options someRows)
                Expect.sequenceEqual learned (parameters (fun c -> c.Fit(someRows, options))) $"{options}"
                Expect.notEqual learned (parameters (fun c -> c.Fit(someRows, SoftEmOptions(Epochs = 1)))) $"{options}")
        testCase "a cancelled training keeps what it has learned" (fun () ->
            use circuit = Circuit.Compile(mixture ())
            use source = new CancellationTokenSource()
            source.CancelAfter 50

            let report =
                circuit.Fit(someRows, HardEmOptions(Epochs = 1000000), cancellation = source.Token)

            Expect.equal report.End TrainingEnd.Cancelled "end"
            Expect.isTrue (Seq.sum (circuit.Parameters.ToArray()) > 20f) "counts")
        testCase "a data set trains class roots with its labels, hard or soft, as its parts do" (fun () ->
            let digits = Data.Digits.LoadBinary()

            let spec =
                CircuitSpec
                    .Over(BinaryTrees(64, 2, 1L))
                    .IndicatorInput()
                    .SumPerRegion(2)
                    .HadamardProduct()
                    .RootSum(classes = 10)
                    .WithWeights(WeightSpec.Accumulators())

            let parameters (train: Circuit -> TrainingReport) =
                use circuit = Circuit.Compile(spec)
                let report = train circuit
                Expect.isTrue report.Curve[0].Accuracy.HasValue "labels of the validation samples are used"
                circuit.Parameters.ToArray()

            let mutable told = 0
            let hard, soft = HardEmOptions(Epochs = 1), SoftEmOptions(Epochs = 1)

            Expect.sequenceEqual
                (parameters (Train.dataSetEmWith (fun _ -> told <- told + 1) CancellationToken.None digits hard))
                (parameters (fun c -> c.Fit(digits.Train, hard, digits.Valid, digits.TrainLabels, digits.ValidLabels)))
                "hard"

            Expect.isTrue (told > 0) "progress"

            Expect.sequenceEqual
                (parameters (Train.dataSetEm digits soft))
                (parameters (fun c -> c.Fit(digits.Train, soft, digits.Valid, digits.TrainLabels, digits.ValidLabels)))
                "soft")
        testCase "validation samples choose the parameters" (fun () ->
            use circuit = Circuit.Compile(mixture ())
            let report = Train.hardEm (HardEmOptions(Epochs = 3)) someRows circuit
            Expect.equal report.Steps 12 "four batches an epoch"
            let again = circuit.Fit(someRows, SoftEmOptions(Epochs = 4), valid = someRows)
            Expect.equal again.BestValid (Nullable(again.Curve |> Seq.map _.Valid.Value |> Seq.max)) "best"
            let score = circuit.LogLikelihood someRows |> Array.average
            Expect.floatClose Accuracy.low score again.BestValid.Value "kept")
    ]

let tests = testList "em" [ ruleTests; surfaceTests ]
