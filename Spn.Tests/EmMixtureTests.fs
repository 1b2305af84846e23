/// What expectation maximisation finds: known mixtures, and the steps of the Einsum networks' authors.
module Spn.Tests.EmMixtureTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Training
open Spn.Tests.EmTrainingTests

let private wholeSet epochs =
    SoftEmOptions(FullBatch = true, Epochs = epochs, BatchSize = 1000)

let private mixtureTests =
    testList "known mixtures are found" [
        testCase "of normal densities" (fun () ->
            let random = RandomStream(4L, "normal mixture")
            let truth = [ 0.3, -2.0, 0.5; 0.7, 1.5, 1.0 ]

            let train =
                Evidence.From(
                    Array.init 6000 (fun i ->
                        let _, mean, deviation = if i % 10 < 3 then truth[0] else truth[1]
                        float32 (mean + deviation * random.NextNormal())),
                    1
                )

            for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
                use circuit =
                    Circuit.Compile(mixture 1 (NormalInput(2, Init = Init.Quantiles)), engine)

                circuit.Initialise train |> ignore
                circuit.Fit(train, wholeSet 60) |> ignore
                let own = circuit.Parameters.ToArray() |> Array.map float
                let weights = shares circuit (circuit.Parameters.ToArray()[4..])

                let found =
                    List.sortBy (fun (_, mean, _) -> mean) [ for k in 0..1 -> weights[k], own[k], exp own[2 + k] ]

                for (w, mean, deviation), (w', mean', deviation') in List.zip found truth do
                    Expect.isTrue (abs (w - w') < 0.02) $"weight {w}"
                    Expect.isTrue (abs (mean - mean') < 0.06) $"mean {mean}"
                    Expect.isTrue (abs (deviation - deviation') < 0.05) $"deviation {deviation}")
        testCase "of Bernoulli products, by mini-batches too" (fun () ->
            let random = Random 5
            let truth = [ [ 0.9; 0.8; 0.1; 0.2; 0.7; 0.9 ]; [ 0.1; 0.3; 0.8; 0.9; 0.2; 0.05 ] ]

            let x =
                Array.init 5000 (fun i ->
                    let own = if i % 4 = 0 then truth[0] else truth[1]
                    [| for p in own -> if random.NextDouble() < p then 1f else 0f |])

            for options in
                [
                    wholeSet 40
                    SoftEmOptions(Epochs = 6, Decay = StepDecay())
                    SoftEmOptions(Epochs = 6, StepSize = 0.05, Momentum = 0.5)
                ] do
                use circuit = Circuit.Compile(mixture 6 (BernoulliInput 2))
                let train = Evidence.From x
                circuit.Fit(train, options) |> ignore
                let own = circuit.Parameters.ToArray()
                let weights = shares circuit own[12..]
                let first = if weights[0] < weights[1] then 0 else 1
                Expect.isTrue (abs (weights[first] - 0.25) < 0.03) $"{options}: weight {weights[first]}"

                for k, expected in [ first, truth[0]; 1 - first, truth[1] ] do
                    expected
                    |> List.iteri (fun v p ->
                        let found = sigmoid (float own[2 * v + k])
                        Expect.isTrue (abs (found - p) < 0.05) $"{options}: {found}, expected {p}"))
        testCase "of categorical variables with three tenths of the cells hidden" (fun () ->
            let random = Random 6
            let truth = [ [ 0.7; 0.2; 0.1 ]; [ 0.1; 0.2; 0.7 ] ]

            let draw (p: float list) =
                let u = random.NextDouble()

                if u < p[0] then 0f
                elif u < p[0] + p[1] then 1f
                else 2f

            let x =
                Array.init 8000 (fun i -> Array.init 5 (fun _ -> draw truth[if i % 5 < 2 then 0 else 1]))

            let train = Evidence.From(x).Hide(fun _ _ -> random.NextDouble() < 0.3)
            use circuit = Circuit.Compile(mixture 5 (CategoricalInput(2, 3)))
            circuit.Fit(train, wholeSet 80) |> ignore
            let own = circuit.Parameters.ToArray()
            let weights = shares circuit own[30..]
            let first = if weights[0] < weights[1] then 0 else 1
            Expect.isTrue (abs (weights[first] - 0.4) < 0.03) $"weight {weights[first]}"

            for k, expected in [ first, truth[0]; 1 - first, truth[1] ] do
                for v in 0..4 do
                    for s in 0..2 do
                        let found = exp (float own[6 * v + 3 * k + s])
                        Expect.isTrue (abs (found - expected[s]) < 0.04) $"{found}, expected {expected[s]}")
        testCase
            "of grey values by pieces of logistic distributions, one of them cut off, by mini-batches too"
            (fun () ->
                let random = RandomStream(7L, "logistic mixture")
                let truth = [ 0.4, 60.0, 8.0; 0.6, 240.0, 12.0 ]

                let train =
                    Evidence.From(
                        Array.init 8000 (fun i ->
                            let _, location, scale = if i % 10 < 4 then truth[0] else truth[1]
                            let share = float (random.NextSingle()) * 0.999998 + 1e-6

                            float32 (
                                Math.Clamp(Math.Round(location + scale * log (share / (1.0 - share))), 0.0, 255.0)
                            )),
                        1
                    )

                for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
                    for options in [ wholeSet 100; SoftEmOptions(Epochs = 8, Decay = StepDecay()) ] do
                        use circuit =
                            Circuit.Compile(
                                mixture 1 (DiscretisedLogisticInput(2, 256, Init = Init.Quantiles)),
                                engine
                            )

                        circuit.Initialise train |> ignore
                        circuit.Fit(train, options) |> ignore
                        let own = circuit.Parameters.ToArray() |> Array.map float
                        let weights = shares circuit (circuit.Parameters.ToArray()[4..])

                        let found =
                            List.sortBy (fun (_, location, _) -> location) [
                                for k in 0..1 -> weights[k], 127.5 * (1.0 + own[k]), 127.5 * exp own[2 + k]
                            ]

                        for (w, location, scale), (w', location', scale') in List.zip found truth do
                            Expect.isTrue (abs (w - w') < 0.01) $"{options}: weight {w}"
                            Expect.isTrue (abs (location - location') < 1.5) $"{options}: location {location}"
                            Expect.isTrue (abs (scale - scale') < 0.06 * scale') $"{options}: scale {scale}")
        testCase "and the shares of classes" (fun () ->
            let spec =
                CircuitSpec(
                    HandBuiltRegions(1).Leaf(0),
                    ValueList<LayerSpec> [ NormalInput 2 :> LayerSpec; RootSpec(3, ClassWeights = WeightSpec.Free()) ],
                    WeightSpec.Free()
                )

            use circuit = Circuit.Compile spec
            let train = Generators.evidence circuit.Plan 100 0.0 1

            let labels =
                Array.init 100 (fun i ->
                    if i < 20 then 0
                    elif i < 30 then 1
                    else 2)

            circuit.Fit(train, wholeSet 2, labels = labels) |> ignore

            Seq.iter2
                (fun (p: float) e -> Expect.floatClose Accuracy.medium p e "share")
                (Unchecked.nonNull circuit.ClassPrior)
                [ 0.2; 0.1; 0.7 ])
    ]

/// One step of the Einsum networks' authors, who raise the likelihood of every class.
let private golden name =
    testCase name (fun () ->
        let data = EinsumGolden.load name
        let step = data.GetProperty "online_em"
        let k = GoldenTests.integer "k" data
        let x = EinsumGolden.evidence data
        let kind = string ((data.GetProperty "leaf").GetString())

        for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
            for weights in [ WeightSpec.Free() :> WeightSpec; WeightSpec.Accumulators 0.0 ] do
                use circuit = Circuit.Compile(EinsumGolden.describe weights data, engine)

                let parameters (given: Text.Json.JsonElement) =
                    EinsumGolden.parameters circuit.Plan data given

                circuit.SetParameters(ReadOnlySpan(parameters (data.GetProperty "params")))
                let classes = circuit.Classes

                let rows = [|
                    for _ in 1..classes do
                        yield! [| 0 .. x.Count - 1 |]
                |]

                let train = x.Rows(ReadOnlySpan<int> rows)

                circuit.Fit(
                    train,
                    SoftEmOptions(
                        Epochs = 1,
                        BatchSize = train.Count,
                        StepSize = (step.GetProperty "stepsize").GetDouble(),
                        Floor = 1e-16
                    ),
                    labels = Array.init (classes * x.Count) (fun i -> i / x.Count)
                )
                |> ignore

                let own = circuit.Parameters.ToArray() |> Array.map float

                let wanted =
                    parameters (step.GetProperty "params_after_one_batch") |> Array.map float

                let inputs = circuit.Plan.Tensors[0].Count

                let close (actual: float) (expected: float) (message: string) =
                    Expect.isTrue
                        (abs (actual - expected) <= 2e-5 * max 1.0 (abs expected))
                        $"{name}, {weights.Name}, {message}: {actual}, expected {expected}"

                // Accumulators of theirs add to 1, ours to the number of samples.
                let scale =
                    if weights :? AccumulatorWeights then
                        1.0 / float train.Count
                    else
                        1.0

                for i in inputs .. own.Length - 1 do
                    close (scale * own[i]) wanted[i] $"weight {i}"

                match kind with
                | "CategoricalArray" ->
                    // Theirs start from numbers that add to more than 1 and are normalised after the step.
                    let leaves = (data.GetProperty "params")[0]
                    let states = leaves[0].[0].[0].GetArrayLength()

                    EinsumGolden.inputs data
                    |> List.iteri (fun i (variable, replica) ->
                        for c in 0 .. k - 1 do
                            let theirs = GoldenTests.numbers (leaves[variable].[c].[replica])
                            let all = List.sum theirs

                            for s in 0 .. states - 1 do
                                let place = (i * k + c) * states + s
                                let mean = (exp own[place] - 0.95 * theirs[s] / all) / 0.05

                                close
                                    ((0.95 * theirs[s] + 0.05 * mean) / (0.95 * all + 0.05))
                                    (exp wanted[place])
                                    $"input {place}")
                | "NormalArray" ->
                    // Theirs keep the variance at most 1.
                    Expect.equal (((data.GetProperty "leaf_args").GetProperty "max_var").GetDouble()) 1.0 "bound"

                    for i in 0 .. inputs - 1 do
                        close (if i % (2 * k) >= k then min own[i] 0.0 else own[i]) wanted[i] $"input {i}"
                | _ ->
                    for i in 0 .. inputs - 1 do
                        close own[i] wanted[i] $"input {i}")

let private goldenTests =
    testList "online steps of Einsum networks" [
        golden "einet_rat_d8_bernoulli_k2"
        golden "einet_rat_d6_categorical_k3_classes2"
        golden "einet_pd_4x4_normal_k2"
    ]

let tests = testList "em mixtures" [ mixtureTests; goldenTests ]
