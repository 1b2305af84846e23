/// The M-step at work: many numbers at a time, by several threads.
module Spn.Tests.EmStepTests

open System
open System.Threading
open Spn.Core
open Spn.Core.Engines.Simd
open Spn.Core.Plans
open Spn.Core.Training

let private bulkTests =
    testList "many numbers at a time" [
        testCase "become what each would alone" (fun () ->
            let random = Random 3

            for length in 1..40 do
                let x =
                    Array.init length (fun _ -> exp (20.0 * random.NextDouble() - 10.0) * float (sign (random.Next 3)))

                let after (change: float[] -> unit) (from: float[]) =
                    let own = Array.copy from
                    change own
                    own

                let law name (all: float[]) (each: float -> float) (given: float[]) =
                    for i in 0 .. length - 1 do
                        Expect.isTrue
                            (all[i] = each given[i]
                             || abs (all[i] - each given[i]) <= 1e-15 * abs (each given[i]))
                            $"{name} of {given[i]:R}: {all[i]:R}"

                law "exp" (after (fun own -> Bulk.Exp(Span own)) x) exp x
                law "log" (after (fun own -> Bulk.Log(Span own)) x) log x
                law "move" (after (fun own -> Bulk.Move(Span own, 0.7, -0.2)) x) (fun v -> v * 0.7 - 0.2) x
                law "at least" (after (fun own -> Bulk.AtLeast(Span own, 0.5)) x) (fun v -> max v 0.5) x
                law "add" (after (fun own -> Bulk.Add(Span own, ReadOnlySpan x)) x) (fun v -> v + v) x

                let floats = Array.map float32 x
                let wide: float[] = Array.zeroCreate length
                Bulk.Widen(ReadOnlySpan floats, Span wide)
                law "widen" wide id (Array.map float floats)
                let narrow: float32[] = Array.zeroCreate length
                Bulk.Narrow(ReadOnlySpan x, Span narrow)
                Expect.sequenceEqual narrow floats "narrow"

                law
                    "move by others"
                    (after (fun own -> Bulk.Move(Span own, 0.25, 1.0, 3.0, ReadOnlySpan floats)) wide)
                    (fun v -> v * 0.25 + 1.0 + v * 3.0)
                    wide

                Expect.isTrue (abs (Bulk.Sum(ReadOnlySpan x) - Array.sum x) <= 1e-14 * Array.sum x) "sum"

                Expect.isTrue
                    (abs (Bulk.Sum(ReadOnlySpan floats) - Array.sum wide) <= 1e-14 * Array.sum wide)
                    "of floats"

                let logits = x |> Array.map (fun v -> v - 400.0)
                let all = logits |> Array.sumBy (fun v -> exp (v - Array.max logits))

                for own, logit in Array.zip (after (fun own -> Bulk.Softmax(Span own)) logits) logits do
                    Expect.floatClose Accuracy.veryHigh own (exp (logit - Array.max logits) / all) "softmax")
        testCase "keep what is not finite" (fun () ->
            let special = [| 0.0; infinity; nan; -1.0; 1.0 |]
            let logs = Array.copy special
            Bulk.Log(Span logs)
            Expect.equal logs[0] -infinity "log 0"
            Expect.equal logs[1] infinity "log of infinity"
            Expect.isTrue (Double.IsNaN logs[2] && Double.IsNaN logs[3]) "no logarithm"
            let powers = [| -infinity; infinity; nan; -800.0; 0.0 |]
            Bulk.Exp(Span powers)
            Expect.equal powers[0] 0.0 "exp of -infinity"
            Expect.equal powers[1] infinity "exp of infinity"
            Expect.isTrue (Double.IsNaN powers[2]) "exp of nan"
            Expect.equal powers[4] 1.0 "exp 0"
            let bounded = [| nan; 0.0; 1.0; 2.0; 3.0; nan; -1.0 |]
            Bulk.AtLeast(Span bounded, 0.5)
            Expect.isTrue (Double.IsNaN bounded[0] && Double.IsNaN bounded[5]) "nan stays")
    ]

let private threadTests =
    testList "threads" [
        testCase "of which some sleep while others are done miss no loop" (fun () ->
            let pool = WorkerPool.Of 5

            let loops () =
                let sum = [| 0 |]

                for i in 1..400 do
                    // Long enough for workers to fall asleep, at different times.
                    Thread.Sleep(if i % 5 = 0 then 2 else 0)
                    pool.Run(7, fun item _ -> Interlocked.Add(&sum[0], item) |> ignore)

                sum[0]

            let all = Tasks.Task.Run<int> loops
            Expect.isTrue (all.Wait(TimeSpan.FromMinutes 2.0)) "every loop ends"
            Expect.equal all.Result (400 * 21) "every item is done once")
        for name, input in
            [
                "normal", NormalInput(10) :> InputSpec
                "laplace", LaplaceInput(10)
                "binomial", BinomialInput(10, 9)
                "discretised logistic", DiscretisedLogisticInput(10, 10)
            ] do
            testCase $"do not change what is learned: {name}" (fun () ->
                let random = Random 5

                let train =
                    Evidence.From(Array.init 300 (fun _ -> Array.init 24 (fun _ -> float32 (random.Next 10))))

                for weights in
                    [
                        WeightSpec.Free() :> WeightSpec
                        WeightSpec.Accumulators()
                        WeightSpec.Tied(WeightSpec.Free())
                    ] do
                    let learned threads =
                        use circuit =
                            Circuit.Compile(
                                EinsumNetwork.Over(RatRegions(24, 2, 20), input, 10).WithWeights(weights),
                                SimdEngine(threads: int),
                                4L
                            )

                        circuit.Initialise train |> ignore

                        circuit.Fit(train, SoftEmOptions(Epochs = 1, BatchSize = 100, Momentum = 0.3, Smoothing = 0.1))
                        |> ignore

                        circuit.Parameters.ToArray()

                    let one = learned 1
                    Expect.isTrue (weights :? TiedWeights || one.Length > 20000) "more than one piece of work"
                    Expect.sequenceEqual (learned 2) one $"{weights.Name}, two"
                    Expect.sequenceEqual (learned 3) one $"{weights.Name}, three")
    ]

let tests = testList "em steps" [ bulkTests; threadTests ]
