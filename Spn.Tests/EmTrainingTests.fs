/// What expectation maximisation does: it never lowers the likelihood, and its steps are those of their formulas.
module Spn.Tests.EmTrainingTests

open System
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
        | :? SumSpec as sum -> SumSpec(sum.Channels, sum.Shared, PerPartition = sum.PerPartition)
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
let mixture variables (input: InputSpec) =
    CircuitSpec(
        HandBuiltRegions(variables).Leaf [| 0 .. variables - 1 |],
        ValueList<LayerSpec> [ input :> LayerSpec; RootSpec() ],
        WeightSpec.Free()
    )

/// The weights of a mixture, from logits or accumulators without smoothing.
let shares (circuit: Circuit) (own: float32[]) =
    if circuit.Spec.Weights :? FreeWeights then
        let all = own |> Array.sumBy (float >> exp)
        own |> Array.map (fun w -> exp (float w) / all)
    else
        let all = Array.sumBy float own
        own |> Array.map (fun w -> float w / all)

let sigmoid x = 1.0 / (1.0 + exp -x)

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
                MaximisationStep(plan, WorkerPool.Of 1, 10, true, true) |> ignore
                failtest "not refused"
            with :? ArgumentException as e ->
                Expect.stringContains e.Message "SlantFamily" "what"
                Expect.stringContains e.Message "UpdateInputs" "advice"

            Expect.isFalse
                (MaximisationStep(plan, WorkerPool.Of 1, 10, true, false).NeedsStatistics)
                "weights alone are fine")
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

let tests = testList "em training" [ never; stepTests ]
