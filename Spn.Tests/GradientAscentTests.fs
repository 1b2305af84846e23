/// What gradient steps do to raw and factored weights: derivatives, predictions, floors.
module Spn.Tests.GradientAscentTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines.Reference
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training
open Spn.Tests.OverparametrisationTests

/// Largest distance of predicted from actual weights after one step, by the printed general formula or by another step size.
let private predictionError depth eta (rho: GradientAscent -> WeightChange -> float) =
    use circuit =
        mixture 5 8 (Weights.Factored(Weights.Raw(0.2, 0.6), depth = depth))
        |> Circuit.compileWith (ReferenceEngine())

    circuit.SetParameters(ReadOnlySpan(unsettle 3 (circuit.Parameters.ToArray())))
    use ascent = new GradientAscent(circuit, sample 4 5 60, Floor = 0.0)
    use before = new GradientAscent(circuit, sample 4 5 60)
    let root = circuit.Plan.Regions.Block circuit.Plan.Regions.Root
    let step = ascent.Step eta

    step.Weights
    |> Seq.filter (fun w -> w.Block = root)
    |> Seq.map (fun w -> abs (w.Before + rho before w * w.Gradient + w.Lambda * w.Before - w.After))
    |> Seq.max

let tests =
    testList "gradient ascent" [
        testCase "gradients of log f - log Z, and of log f - Z, are their numerical derivatives" (fun () ->
            let mutable raw, both = 0, 0

            for seed in 1..100 do
                let name, spec = described seed
                let plan = Lowerer.Lower spec

                use circuit = Circuit.Compile(spec, ReferenceEngine(), int64 seed)
                let train = Generators.evidence plan 5 0.1 seed

                if
                    plan.Classes = 1
                    && plan.ParameterCount < 400
                    && Double.IsFinite(circuit.AverageLogLikelihood train)
                then

                    let program =
                        plan.Programs
                        |> Seq.tryPick (function
                            | :? NormalisedProgram as p -> Some p
                            | _ -> None)

                    raw <- raw + Option.count program

                    // Beside a large Z differences of log-likelihoods drown.
                    for linear in
                        (if program.IsSome && circuit.LogPartition()[0] < 4.0 then
                             [ false; true ]
                         else
                             [ false ]) do
                        use ascent = new GradientAscent(circuit, train, LinearPartition = linear)
                        let gradient = ascent.Gradient() |> fst
                        both <- both + Convert.ToInt32 linear

                        let objective () =
                            let logZ =
                                match program with
                                | Some program when linear ->
                                    program.LogPartition(plan.Blocks, Span.op_Implicit ascent.Parameters)[0]
                                | _ -> 0.0

                            ascent.AverageLogLikelihood train + (if linear then logZ - exp logZ else 0.0)

                        for run in plan.Learned do
                            for i in run.Offset .. max 1 (run.Count / 5) .. run.End - 1 do
                                let h = 1e-5
                                let value = ascent.Parameters[i]
                                ascent.Parameters[i] <- value + h
                                let above = objective ()
                                ascent.Parameters[i] <- value - h
                                let below = objective ()
                                ascent.Parameters[i] <- value
                                let numerical = (above - below) / (2.0 * h)

                                if not (abs (gradient[i] - numerical) <= 1e-5 * max 1.0 (abs numerical)) then
                                    failtest
                                        $"{name}, linear {linear}, parameter {i}: {gradient[i]}, numerical {numerical}"

            Expect.isGreaterThan raw 10 "circuits with raw weights"
            Expect.isGreaterThan both 3 "circuits with raw weights of moderate Z")
        testCase "halving the step size quarters the error of the predicted step, at every depth" (fun () ->
            for depth in 2..4 do
                let rho _ (w: WeightChange) = w.Rho
                let errors = [ for eta in [ 1e-2; 5e-3; 2.5e-3 ] -> predictionError depth eta rho ]

                for coarse, fine in List.pairwise errors do
                    let ratio = coarse / fine
                    Expect.isTrue (ratio > 3.8 && ratio < 4.2) $"depth {depth}: {errors}")
        testCase "one layer is predicted exactly: its step size is the plain one and it has no momentum" (fun () ->
            use circuit = mixture 5 4 (Weights.Raw()) |> Circuit.compileWith (ReferenceEngine())

            use ascent = new GradientAscent(circuit, sample 5 5 40, Floor = 0.0)

            for w in ascent.Step(0.01).Weights do
                Expect.equal (w.Rho, w.Lambda) (0.01, 0.0) "rho, lambda"
                Expect.isTrue (abs (w.Predicted - w.After) < 1e-14) "prediction")
        testCase
            "for three layers the adaptive step takes the factors of all layers above, not of the first alone"
            (fun () ->
                let printed (before: GradientAscent) (w: WeightChange) =
                    // Groups of four neighbours share a factor of the first layer, which stands first among the parameters of the mixture.
                    0.01 * before.Parameters[before.Parameters.Length - 14 + w.Column / 4] ** 2.0

                let first (before: GradientAscent) w = printed before w / 0.01

                let error eta =
                    predictionError 3 eta (fun before w -> eta * first before w)

                let ratio = error 1e-2 / error 5e-3

                Expect.isTrue
                    (ratio < 2.5)
                    $"an error of the first order in the step size; halving it divides by {ratio}"

                let twoLayers = predictionError 2 1e-2 (fun _ w -> w.Rho)
                Expect.isTrue (twoLayers < 1e-3) "the printed rule holds for two")
        testCase
            "plain ascent in double precision and stochastic gradients on all samples take the same steps"
            (fun () ->
                for weights in
                    [
                        Weights.Raw()
                        Weights.Factored(Weights.Raw(), depth = 3)
                        Weights.Exponential()
                    ] do
                    use circuit = mixture 6 8 weights |> Circuit.compile
                    use precise = mixture 6 8 weights |> Circuit.compileWith (ReferenceEngine())
                    let train = sample 8 6 200
                    use ascent = new GradientAscent(precise, train)
                    let steps = [ for _ in 1..40 -> ascent.Step(0.05).LogLikelihood ]

                    let options =
                        GradientOptions(
                            Optimiser = Optimiser.Sgd,
                            Objective = Objective.Mean,
                            LearningRate = 0.05,
                            BatchSize = 200,
                            Epochs = Nullable 40
                        )

                    let report = circuit.Fit(train, null, options)
                    Expect.floatsClose Accuracy.low [ for point in report.Curve -> point.Train ] steps weights.Name

                    Array.iteri2
                        (fun i (a: float32) e ->
                            Expect.isTrue
                                (abs (float a - e) < 1e-4)
                                $"{weights.Name}, parameter {i}: {a}, in double {e}")
                        (circuit.Parameters.ToArray())
                        (ascent.Parameters.ToArray())

                    Expect.isGreaterThan (Seq.last steps) (Seq.head steps) "and they go up")
        testCase "raising log f - Z brings Z to 1" (fun () ->
            use circuit = mixture 4 3 (Weights.Exponential()) |> Circuit.compile
            Expect.isGreaterThan (abs (circuit.LogPartition()[0])) 0.5 "log Z at the start"

            let options =
                GradientOptions(LearningRate = 0.05, Objective = Objective.Mean, Steps = 600, LinearPartition = true)

            circuit.Fit(sample 2 4 100, null, options) |> ignore
            Expect.isTrue (abs (circuit.LogPartition()[0]) < 0.01) $"log Z is {circuit.LogPartition()[0]}")
        testCase "no step takes a raw weight below the floor" (fun () ->
            for optimiser in [ Optimiser.Sgd; Optimiser.Adam ] do
                use circuit =
                    mixture 4 6 (Weights.Factored(Weights.Raw(), depth = 2)) |> Circuit.compile

                let options =
                    GradientOptions(Optimiser = optimiser, LearningRate = 0.02, Steps = 50, Floor = 0.45)

                circuit.Fit(sample 2 4 100, null, options) |> ignore
                let least = circuit.Parameters.ToArray() |> Array.min
                Expect.equal least 0.45f $"{optimiser}: some weight is at the floor and none below"

            use circuit = mixture 4 6 (Weights.Raw()) |> Circuit.compileWith (ReferenceEngine())
            use ascent = new GradientAscent(circuit, sample 2 4 100, Floor = 0.45)

            for _ in 1..30 do
                ascent.Step 0.5 |> ignore

            Expect.equal (ascent.Parameters.ToArray() |> Array.min) 0.45 "plain ascent")
    ]
