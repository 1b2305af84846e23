/// What expectation maximisation learns: it never lowers the likelihood, finds known mixtures, and takes the steps of the Einsum networks.
module Spn.Tests.EmTrainingTests

open System
open System.Text.Json
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

/// The random circuits with weights that have an M-step.
let private settable seed (spec: CircuitSpec) =
    let weights: WeightSpec =
        match seed % 4 with
        | 0 -> WeightSpec.Accumulators()
        | 1 -> WeightSpec.Tied(WeightSpec.Free())
        | 2 -> WeightSpec.Free()
        | _ -> AccumulatorWeights(0.0, Concentration = 1.0)

    let own (layer: LayerSpec) : LayerSpec =
        match layer with
        | :? SumSpec as sum -> SumSpec(sum.Channels, sum.Shared)
        | :? RootSpec as root -> RootSpec(root.Classes, root.Mixture, ClassWeights = root.ClassWeights)
        | other -> other

    CircuitSpec(spec.Structure, ValueList<LayerSpec>(Seq.map own spec.Layers), weights)

let private never =
    testList "a full batch never lowers the likelihood" [
        for name, engine in
            [
                "reference", (fun () -> ReferenceEngine() :> IEngine)
                "simd", (fun () -> SimdEngine 2)
            ] do
            for kind in [ "complete"; "hidden"; "sets" ] do
                testCase $"{name}, {kind}" (fun () ->
                    let mutable rose = 0

                    for seed in 1..40 do
                        let description, spec = Generators.spec seed
                        let spec = settable seed spec
                        let count = 40
                        let plan = Lowerer.Lower spec
                        let random = Random seed

                        let train =
                            let share = if kind = "complete" then 0.0 else 0.3
                            Generators.evidence plan count share seed

                        let train =
                            if kind = "sets" then
                                Generators.restrict plan random train
                            else
                                train

                        let labels =
                            if plan.Classes > 1 then
                                Some(Array.init count (fun _ -> random.Next plan.Classes))
                            else
                                None

                        use circuit = Circuit.Compile(spec, engine (), int64 seed)

                        if kind = "complete" then
                            circuit.Initialise(train, int64 seed) |> ignore

                        let report =
                            circuit.Fit(
                                train,
                                SoftEmOptions(FullBatch = true, Epochs = 6, BatchSize = 16),
                                labels = Option.toObj labels
                            )

                        for before, after in Seq.pairwise report.Curve do
                            Expect.isTrue
                                (after.Train >= before.Train - 1e-5 * max 1.0 (abs before.Train))
                                $"{description}, {spec.Weights.Name}: {before.Train} then {after.Train}"

                        if report.Curve[5].Train > report.Curve[0].Train + 0.01 then
                            rose <- rose + 1

                    Expect.isTrue (rose > 30) $"{rose} rose")
    ]


/// A mixture of products over all variables.
let private mixture variables (input: InputSpec) =
    CircuitSpec(
        HandBuiltRegions(variables).Leaf [| 0 .. variables - 1 |],
        ValueList<LayerSpec> [ input :> LayerSpec; RootSpec() ],
        WeightSpec.Free()
    )

/// The weights of a mixture, from logits or accumulators without smoothing.
let private shares (circuit: Circuit) (own: float32[]) =
    if circuit.Spec.Weights :? FreeWeights then
        let all = own |> Array.sumBy (float >> exp)
        own |> Array.map (fun w -> exp (float w) / all)
    else
        let all = Array.sumBy float own
        own |> Array.map (fun w -> float w / all)

let private sigmoid x = 1.0 / (1.0 + exp -x)

/// P(x = 1) is the square of a sigmoid, for which no statistics are given.
type private SlantFamily(components: int) =
    inherit DiscreteFamily(components, 2)
    override _.ParameterCount = components

    override _.LogDensity(k, value, parameters) =
        let one = sigmoid parameters[k] ** 2.0
        log (if value = 0f then 1.0 - one else one)

    override _.AddGradient(_: int, _: float32, _: float, _: ReadOnlySpan<float>, _: Span<float>) : unit =
        raise (NotSupportedException())

    override _.Initialise(_, parameters) = parameters.Clear()

let private stepTests =
    testList "steps" [
        for name, engine in
            [
                "reference", (fun () -> ReferenceEngine() :> IEngine)
                "simd", (fun () -> SimdEngine 2)
            ] do
            testCase $"are those of a plain loop over samples and components ({name})" (fun () ->
                let variables, count = 3, 50
                let random = Random 8

                let x =
                    Array.init count (fun _ -> Array.init variables (fun _ -> float32 (random.Next 2 * random.Next 2)))
                // One variable of some samples is hidden.
                let hides row variable = row % 5 = 0 && variable = row % 3
                let train = Evidence.From(x).Hide(fun row variable -> hides row variable)

                for weights in
                    [
                        WeightSpec.Free() :> WeightSpec
                        AccumulatorWeights(0.0, Concentration = 1.0)
                    ] do
                    for options in
                        [
                            SoftEmOptions(Epochs = 4, StepSize = 0.3)
                            SoftEmOptions(Epochs = 4, Decay = StepDecay(0.6, 3.0))
                            SoftEmOptions(Epochs = 4, StepSize = 0.4, Momentum = 0.7)
                            SoftEmOptions(Epochs = 4, StepSize = 0.2, Smoothing = 5.0, Momentum = 0.5)
                            SoftEmOptions(Epochs = 4, FullBatch = true, Smoothing = 2.0, BatchSize = 9)
                        ] do
                        use circuit =
                            Circuit.Compile((mixture variables (BernoulliInput 2)).WithWeights weights, engine (), 5L)

                        let start = circuit.Parameters.ToArray()
                        // [variable, component] logits, then the weights.
                        let p = Array2D.init 2 variables (fun k v -> sigmoid (float start[2 * v + k]))
                        let w = shares circuit start[2 * variables ..]
                        let meanFlow = Array.zeroCreate<float> 2

                        let meanSeen, meanOnes =
                            Array2D.zeroCreate<float> 2 variables, Array2D.zeroCreate<float> 2 variables

                        for step in 0..3 do
                            let flow = Array.zeroCreate<float> 2

                            let seen, ones =
                                Array2D.zeroCreate<float> 2 variables, Array2D.zeroCreate<float> 2 variables

                            for row in 0 .. count - 1 do
                                let joint =
                                    Array.init 2 (fun k ->
                                        let mutable own = w[k]

                                        for v in 0 .. variables - 1 do
                                            if not (hides row v) then
                                                own <- own * (if x[row][v] = 1f then p[k, v] else 1.0 - p[k, v])

                                        own)

                                for k in 0..1 do
                                    let r = joint[k] / Array.sum joint
                                    flow[k] <- flow[k] + r

                                    for v in 0 .. variables - 1 do
                                        if not (hides row v) then
                                            seen[k, v] <- seen[k, v] + r
                                            ones[k, v] <- ones[k, v] + (if x[row][v] = 1f then r else 0.0)

                            let beta = options.Momentum
                            let average (mean: float) now = beta * mean + (1.0 - beta) * now
                            let age = 1.0 - beta ** float (step + 1)

                            let size =
                                if options.FullBatch then
                                    1.0
                                else
                                    match options.Decay with
                                    | null -> options.StepSize
                                    | decay -> (float step + decay.Offset) ** -decay.Power

                            for k in 0..1 do
                                meanFlow[k] <- average meanFlow[k] flow[k]

                                for v in 0 .. variables - 1 do
                                    meanSeen[k, v] <- average meanSeen[k, v] seen[k, v]
                                    meanOnes[k, v] <- average meanOnes[k, v] ones[k, v]

                            let all = Array.sum meanFlow / age

                            for k in 0..1 do
                                let share =
                                    (meanFlow[k] / age + options.Smoothing / 2.0) / (all + options.Smoothing)

                                w[k] <- (1.0 - size) * w[k] + size * share

                                for v in 0 .. variables - 1 do
                                    let mean =
                                        (meanOnes[k, v] / age + options.Smoothing / 2.0)
                                        / (meanSeen[k, v] / age + options.Smoothing)

                                    p[k, v] <- (1.0 - size) * p[k, v] + size * mean

                        circuit.Fit(train, options) |> ignore
                        let own = circuit.Parameters.ToArray()

                        shares circuit own[2 * variables ..]
                        |> Array.iteri (fun k share ->
                            Expect.floatClose Accuracy.low share w[k] $"{options}: weight {k}")

                        for k in 0..1 do
                            for v in 0 .. variables - 1 do
                                Expect.floatClose
                                    Accuracy.low
                                    (sigmoid (float own[2 * v + k]))
                                    p[k, v]
                                    $"{options}: input {k}, {v}")
        testCase "flows of some batches make one step, and the last of an epoch are not lost" (fun () ->
            // Three batches an epoch, of which two are added and then one: as batches of 40 and 20.
            let random = Random 2

            let train =
                Evidence.From(Array.init 60 (fun _ -> Array.init 4 (fun _ -> float32 (random.Next 2))))

            let learned (options: SoftEmOptions) =
                use circuit = Circuit.Compile(mixture 4 (BernoulliInput 3), ReferenceEngine(), 2L)
                circuit.Fit(train, options) |> ignore
                circuit.Parameters.ToArray()

            let added =
                learned (SoftEmOptions(Epochs = 3, BatchSize = 20, AccumulateBatches = 2))

            let large = learned (SoftEmOptions(Epochs = 3, BatchSize = 40))

            Array.iter2
                (fun (a: float32) b -> Expect.floatClose Accuracy.medium (float a) (float b) "parameter")
                added
                large

            let inPieces = learned (SoftEmOptions(Epochs = 3, BatchSize = 7, FullBatch = true))
            let whole = learned (SoftEmOptions(Epochs = 3, BatchSize = 60, StepSize = 1.0))

            Array.iter2
                (fun (a: float32) b -> Expect.floatClose Accuracy.medium (float a) (float b) "parameter")
                inPieces
                whole)
        testCase "validation samples see every step, whatever was added before" (fun () ->
            let random = Random 2

            let train =
                Evidence.From(Array.init 60 (fun _ -> Array.init 4 (fun _ -> float32 (random.Next 2))))

            let learned (valid: Evidence | null) =
                use circuit = Circuit.Compile(mixture 4 (BernoulliInput 3), SimdEngine 1, 2L)

                let report =
                    circuit.Fit(train, SoftEmOptions(Epochs = 3, BatchSize = 20, AccumulateBatches = 2), valid)

                Expect.equal report.BestStep 9 "the last is best on the training samples"
                circuit.Parameters.ToArray()

            Expect.sequenceEqual (learned train) (learned null) "the same")
        testCase "an input without statistics is refused with the way out" (fun () ->
            let rules = LoweringRules.BuiltIn()
            rules.AddInput<Spn.Host.Examples.CoinInput>(fun spec -> SlantFamily spec.Components :> InputFamily)
            let plan = Lowerer.Lower(mixture 2 (Spn.Host.Examples.CoinInput 2), rules)

            try
                MaximisationStep(plan, 10, true, true) |> ignore
                failtest "not refused"
            with :? ArgumentException as e ->
                Expect.stringContains e.Message "SlantFamily" "what"
                Expect.stringContains e.Message "UpdateInputs" "advice"

            Expect.isFalse (MaximisationStep(plan, 10, true, false).NeedsStatistics) "weights alone are fine")
        testCase "weights and inputs change when they are asked to" (fun () ->
            use circuit = Circuit.Compile(mixture 4 (NormalInput 3))
            let train = Generators.evidence circuit.Plan 50 0.0 1
            circuit.Initialise train |> ignore
            let inputs = circuit.Plan.Tensors[0].Count

            let changed (options: SoftEmOptions) =
                let before = circuit.Parameters.ToArray()
                circuit.Fit(train, options) |> ignore
                let after = circuit.Parameters.ToArray()
                before[.. inputs - 1] <> after[.. inputs - 1], before[inputs..] <> after[inputs..]

            Expect.equal (changed (SoftEmOptions())) (true, true) "both"
            Expect.equal (changed (SoftEmOptions(UpdateInputs = false))) (false, true) "weights"
            Expect.equal (changed (SoftEmOptions(UpdateWeights = false))) (true, false) "inputs"

            Expect.throwsT<ArgumentException>
                (fun () -> changed (SoftEmOptions(UpdateWeights = false, UpdateInputs = false)) |> ignore)
                "neither"

            // Inputs alone learn beside weights that have no M-step.
            use generated =
                Circuit.Compile((mixture 4 (NormalInput 3)).WithWeights(WeightSpec.Hyper(2, [ 3 ])))

            generated.Fit(train, SoftEmOptions(UpdateWeights = false)) |> ignore)
    ]

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

/// One step of the Einsum networks' authors.
let private golden name =
    testCase name (fun () ->
        let data = EinsumGolden.load name
        let step = data.GetProperty "online_em"
        let after = step.GetProperty "params_after_one_batch"
        let k = GoldenTests.integer "k" data
        let x = EinsumGolden.evidence data
        let kind = string ((data.GetProperty "leaf").GetString())

        for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
            use circuit =
                Circuit.Compile(EinsumGolden.describe (WeightSpec.Free()) data, engine)

            let start = EinsumGolden.parameters circuit.Plan data (data.GetProperty "params")
            let wanted = EinsumGolden.parameters circuit.Plan data after
            circuit.SetParameters(ReadOnlySpan start)
            // Their likelihood is that of every class.
            let classes = circuit.Classes

            let train =
                x.Rows(ReadOnlySpan(Array.init (classes * x.Count) (fun i -> i % x.Count)))

            let labels = Array.init (classes * x.Count) (fun i -> i / x.Count)

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

            let close (actual: float) (expected: float) (message: string) =
                Expect.isTrue
                    (abs (actual - expected) <= 2e-5 * max 1.0 (abs expected))
                    $"{message}: {actual}, expected {expected}"

            let inputs =
                circuit.Plan.Tensors
                |> Seq.filter (fun t -> t.Name = "inputs")
                |> Seq.sumBy _.Count

            match kind with
            | "CategoricalArray" ->
                // Theirs start from numbers that add to more than 1 and are normalised after the step.
                let leaves = (data.GetProperty "params")[0]
                let mutable next = 0

                for variable, replica in EinsumGolden.inputs data do
                    for c in 0 .. k - 1 do
                        let theirs = List.ofSeq (GoldenTests.numbers leaves[variable].[c].[replica])
                        let all = List.sum theirs
                        let states = theirs.Length

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

                Expect.equal next inputs "all inputs"
            | _ ->
                let isNormal = (kind = "NormalArray")

                // Theirs keep the variance at most 1.
                if isNormal then
                    Expect.equal ((data.GetProperty "leaf_args").GetProperty("max_var").GetDouble()) 1.0 "bound"

                for i in 0 .. inputs - 1 do
                    let isScale = isNormal && i % (2 * k) >= k
                    close (if isScale then min (float own[i]) 0.0 else float own[i]) (float wanted[i]) $"input {i}"

            for i in inputs .. own.Length - 1 do
                close (exp (float own[i])) (exp (float wanted[i])) $"weight {i}")

let private goldenTests =
    testList "online steps of Einsum networks" [
        golden "einet_rat_d8_bernoulli_k2"
        golden "einet_rat_d6_categorical_k3_classes2"
        golden "einet_pd_4x4_normal_k2"
    ]

let tests = testList "em training" [ never; stepTests; mixtureTests; goldenTests ]
