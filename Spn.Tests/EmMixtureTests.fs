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

/// One step of the Einsum networks' authors. Their last two layers are one sum here, whose step follows from those of the two.
let private golden name =
    testCase name (fun () ->
        let data = EinsumGoldenTests.load $"{name}.json"
        let layers = EinsumGoldenTests.items (data.GetProperty "structure")
        let step = data.GetProperty "online_em"
        let after = step.GetProperty "params_after_one_batch"
        let k = (data.GetProperty "k").GetInt32()

        let x = [|
            for row in EinsumGoldenTests.items (data.GetProperty "x") ->
                [| for v in EinsumGoldenTests.flat row -> float32 v |]
        |]

        for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
            use given = EinsumGoldenTests.circuit engine data (data.GetProperty "params")
            use expected = EinsumGoldenTests.circuit engine data after

            let before =
                Array.ofList (EinsumGoldenTests.weights layers (data.GetProperty "params"))

            let wanted = Array.ofList (EinsumGoldenTests.weights layers after)
            use circuit = Circuit.Compile(given.Spec.WithWeights(WeightSpec.Free()), engine)

            circuit.SetParameters(
                ReadOnlySpan(Array.append (given.Parameters.ToArray()) [| for w in before -> float32 (log w) |])
            )

            // Their likelihood is that of every class.
            let classes = circuit.Classes
            let train = Evidence.From(Array.concat (Array.replicate classes x))
            let labels = Array.init (classes * x.Length) (fun i -> i / x.Length)

            circuit.Fit(
                train,
                SoftEmOptions(
                    Epochs = 1,
                    BatchSize = train.Count,
                    StepSize = (step.GetProperty "stepsize").GetDouble(),
                    Floor = 1e-16
                ),
                labels = labels
            )
            |> ignore

            let own = circuit.Parameters.ToArray()
            let inputs = given.ParameterCount

            let close (actual: float) (expected: float) (message: string) =
                Expect.isTrue
                    (abs (actual - expected) <= 2e-5 * max 1.0 (abs expected))
                    $"{message}: {actual}, expected {expected}"

            let kind = string ((data.GetProperty "leaf").GetString())
            let leaves = EinsumGoldenTests.items (data.GetProperty "params") |> List.head

            match kind with
            | "CategoricalArray" ->
                // Theirs start from numbers that add to more than 1 and are normalised after the step.
                let start, wanted = given.Parameters.ToArray(), expected.Parameters.ToArray()
                let states = leaves[0].[0].[0].GetArrayLength()
                let mutable next = 0

                for leaf in EinsumGoldenTests.items (layers[0].GetProperty "regions") do
                    let replica = (leaf.GetProperty "replica").GetInt32()

                    for variable in
                        [ for v in EinsumGoldenTests.items (leaf.GetProperty "scope") -> v.GetInt32() ]
                        |> List.sort do
                        for c in 0 .. k - 1 do
                            let theirs = EinsumGoldenTests.flat (leaves[variable].[c].[replica])
                            let all = List.sum theirs

                            for s in 0 .. states - 1 do
                                let now =
                                    exp (float own[next])
                                    / List.sum [ for t in 0 .. states - 1 -> exp (float own[next - s + t]) ]

                                let mean = (now - 0.95 * theirs[s] / all) / 0.05

                                close
                                    ((0.95 * theirs[s] + 0.05 * mean) / (0.95 * all + 0.05))
                                    (exp (float wanted[next]))
                                    $"input {next}"

                                next <- next + 1

                Expect.equal next start.Length "all inputs"
            | "NormalArray" ->
                // Theirs keep the variance at most 1.
                Expect.equal ((data.GetProperty "leaf_args").GetProperty("max_var").GetDouble()) 1.0 "bound"

                Array.iteri2
                    (fun i (a: float32) (e: float32) ->
                        let isScale = i % (2 * k) >= k
                        close (if isScale then min (float a) 0.0 else float a) (float e) $"input {i}")
                    own[.. inputs - 1]
                    (expected.Parameters.ToArray())
            | _ ->
                Array.iteri2
                    (fun i (a: float32) (e: float32) -> close (float a) (float e) $"input {i}")
                    own[.. inputs - 1]
                    (expected.Parameters.ToArray())

            let weights = [| for logit in own[inputs..] -> exp (float logit) |]
            let products = k * k

            let rootRows =
                EinsumGoldenTests.items (layers[layers.Length - 2].GetProperty "products")
                |> List.length

            let root = weights.Length - classes * rootRows * products

            for i in 0 .. root - 1 do
                close weights[i] wanted[i] $"weight {i}"

            let block (all: float[]) c p =
                all[root + (c * rootRows + p) * products ..][.. products - 1]

            for c in 0 .. classes - 1 do
                for p in 0 .. rootRows - 1 do
                    let old = block before c p

                    let flows =
                        Array.map2 (fun now w -> (now - 0.95 * w) / 0.05) (block weights c p) old

                    let mixed, share = Array.sum old, Array.sum flows

                    let target = block wanted c p

                    for i in 0 .. products - 1 do
                        let step = 0.95 * old[i] / mixed + 0.05 * flows[i] / share
                        close ((0.95 * mixed + 0.05 * share) * step) target[i] $"root weight {c}, {p}, {i}")

let private goldenTests =
    testList "online steps of Einsum networks" [
        golden "einet_rat_d8_bernoulli_k2"
        golden "einet_rat_d6_categorical_k3_classes2"
        golden "einet_pd_4x4_normal_k2"
    ]

let tests = testList "em mixtures" [ mixtureTests; goldenTests ]
