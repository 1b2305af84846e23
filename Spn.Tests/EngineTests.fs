/// The fast engine against the definition.
module Spn.Tests.EngineTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans

/// Log-likelihoods, gradient and flows of one pass up and down.
let run (bind: Plan -> ISession) (plan: Plan) (parameters: float32[]) (evidence: Evidence) (seeds: float[]) =
    use session = bind plan
    session.SetParameters(ReadOnlySpan parameters)
    let logLikelihoods: float[] = Array.zeroCreate (evidence.Count * plan.Classes)
    session.Forward(evidence, ReadOnlySpan(Array.init evidence.Count id), Span logLikelihoods)
    session.Backward(Routing.Soft, ReadOnlySpan seeds)
    let gradient: float32[] = Array.zeroCreate plan.ParameterCount
    let flows: float32[] = Array.zeroCreate plan.Blocks.Total
    session.Gradient(Span gradient)
    session.WeightFlows(Span flows)
    logLikelihoods, Array.map float gradient, Array.map float flows

let reference plan = ReferenceEngine().Bind plan
let simd (threads: int) plan = SimdEngine(threads).Bind plan
let narrow (threads: int) plan = SimdEngine(threads).BindNarrow plan
let levels (threads: int) plan = SimdEngine(threads).BindWide plan

/// Equal to 1e-4 of the largest entry, or 1e-6: sums of terms of both signs lose digits beside their largest term, which is about 1.
let gradientsClose (actual: float[]) (expected: float[]) message =
    let largest = expected |> Array.fold (fun m x -> max m (abs x)) 1e-2

    Array.iteri2
        (fun i a e ->
            if not (abs (a - e) <= 1e-4 * largest) then
                failtest $"{message}: entry {i} is {a}, expected {e}, largest {largest}")
        actual
        expected

let logLikelihoodsClose (actual: float[]) (expected: float[]) message =
    Array.iteri2
        (fun i (a: float) (e: float) ->
            if not (a = e || abs (a - e) <= 1e-5 * max 1.0 (abs e)) then
                failtest $"{message}: sample {i} is {a}, expected {e}")
        actual
        expected

/// Both vector widths agree with the reference, with seeds of either sign.
let agrees name (plan: Plan) parameters (evidence: Evidence) =
    let random = Random 5

    let seeds =
        Array.init (evidence.Count * plan.Classes) (fun _ ->
            if plan.Classes = 1 then 1.0 else random.NextDouble() - 0.4)

    let expected, gradient, flows = run reference plan parameters evidence seeds

    for engine, bind in [ "wide", simd 2; "narrow", narrow 1; "level by level", levels 2 ] do
        let actual, actualGradient, actualFlows = run bind plan parameters evidence seeds
        logLikelihoodsClose actual expected $"{name}, {engine}"
        gradientsClose actualGradient gradient $"{name}, {engine}, gradient"
        gradientsClose actualFlows flows $"{name}, {engine}, flows"

let compareAt seed count hidden =
    let name, spec = Generators.spec seed
    let plan = Lowerer.Lower spec

    agrees
        $"{name}, {count} rows, hidden {hidden}"
        plan
        (plan.Initialise(int64 seed))
        (Generators.evidence plan count hidden seed)

let zeroWeights =
    // Rows of two: indicators that must hold, so most inputs are impossible.
    CircuitSpec
        .Over(BinaryTrees(4, 1, 3L))
        .IndicatorInput()
        .SumPerRegion(2)
        .HadamardProduct()
        .RootSum()
        .WithWeights(
            WeightSpec.Fixed(
                [
                    for _ in 1..4 do
                        yield! [ 1.0; 0.0; 0.0; 1.0 ]
                    for _ in 1..2 do
                        yield! [ 1.0; 0.0; 0.25; 0.75 ]
                    yield! [ 0.5; 0.5 ]
                ]
            )
        )

let tests =
    testList "engines" [
        testCase "simd equals reference on random small circuits of every kind" (fun () ->
            for seed in 1..150 do
                compareAt seed 7 0.0)
        testCase "simd equals reference with hidden variables" (fun () ->
            for seed in 1..100 do
                compareAt seed 37 0.3)
        testCase "a downward pass is for the rows of the last upward pass, whatever ran before" (fun () ->
            let plan =
                Lowerer.Lower(
                    CircuitSpec.Over(BinaryTrees(5, 1, 2L)).NormalInput(3).SumPerRegion(3).HadamardProduct().RootSum()
                )

            let evidence, parameters = Generators.evidence plan 400 0.0 4, plan.Initialise 4L

            let gradient (bind: Plan -> ISession) (calls: (int * bool) list) =
                use session = bind plan
                session.SetParameters(ReadOnlySpan parameters)

                for rows, downward in calls do
                    let values: float[] = Array.zeroCreate rows
                    session.Forward(evidence, ReadOnlySpan(Array.init rows id), Span values)

                    if downward then
                        session.Backward(Routing.Soft, ReadOnlySpan Array.empty)

                let own: float32[] = Array.zeroCreate plan.ParameterCount
                session.Gradient(Span own)
                Array.map float own

            let calls = [ 5, true; 7, false; 400, true; 3, false; 0, false; 9, true ]
            let expected = gradient reference calls

            for name, bind in [ "simd", simd 2; "level by level", levels 2 ] do
                gradientsClose (gradient bind calls) expected name)
        testCase "simd equals reference when everything is hidden, and the sum over all states is one" (fun () ->
            for seed in 1..40 do
                compareAt seed 3 1.1
                let _, spec = Generators.spec seed
                use circuit = Circuit.Compile(spec, seed = int64 seed)

                for value in circuit.LogLikelihood(Generators.evidence circuit.Plan 3 1.1 seed) do
                    Expect.isTrue (abs value < 1e-5) $"log of the sum over all states, seed {seed}: {value}")
        testCase "simd equals reference at batch sizes 1, 7, 64 and 501" (fun () ->
            for count in [ 1; 7; 64; 501 ] do
                for seed in 200..210 do
                    compareAt seed count 0.0)
        testCase "the same seed gives the same bits with one and two threads" (fun () ->
            for seed in 300..320 do
                let _, spec = Generators.spec seed
                let plan = Lowerer.Lower spec

                let parameters, evidence =
                    plan.Initialise(int64 seed), Generators.evidence plan 200 0.0 seed

                let one = run (simd 1) plan parameters evidence [||]
                let two = run (simd 2) plan parameters evidence [||]
                Expect.isTrue (one = two) $"seed {seed}"
                let levelsOne = run (levels 1) plan parameters evidence [||]
                let levelsTwo = run (levels 2) plan parameters evidence [||]
                Expect.isTrue (levelsOne = levelsTwo) $"seed {seed}, level by level")
        testCase "level by level, later passes add to earlier ones and start afresh with new parameters" (fun () ->
            let spec =
                CircuitSpec
                    .Over(GridVariables.Image(5, 5))
                    .NormalInput(3)
                    .SpatialProduct(channels = ProductChannels.AllCombinations)
                    .SpatialSum(16)
                    .SpatialProduct(dilation = 2)
                    .SpatialSum(16)
                    .SpatialProduct(dilation = 4, padding = Padding.Final)
                    .RootSum(classes = 3)

            let plan = Lowerer.Lower spec
            let evidence = Generators.evidence plan 40 0.1 3

            let twice (bind: Plan -> ISession) =
                use session = bind plan
                let result: float[] = Array.zeroCreate (40 * 3)

                [
                    for seed in 1L .. 3L do
                        session.SetParameters(ReadOnlySpan(plan.Initialise seed))

                        for first, last in [ 0, 15; 16, 39 ] do
                            session.Forward(evidence, ReadOnlySpan [| first..last |], Span result)
                            session.Backward(Routing.Soft, ReadOnlySpan [||])

                        let gradient: float32[] = Array.zeroCreate plan.ParameterCount
                        session.Gradient(Span gradient)
                        Array.map float gradient
                ]

            for bind in [ simd 2; levels 2; levels 1 ] do
                List.iter2
                    (fun actual expected -> gradientsClose actual expected "gradient")
                    (twice bind)
                    (twice reference))
        testCase "a chain of 1,556 variables stays in range" (fun () ->
            let spec =
                CircuitSpec.Over(Generators.chain 1556).IndicatorInput().SumPerRegion(3).HadamardProduct().RootSum()

            let plan = Lowerer.Lower spec
            agrees "chain" plan (plan.Initialise 4L) (Generators.evidence plan 5 0.1 4)
            agrees "chain, observed" plan (plan.Initialise 4L) (Generators.evidence plan 5 0.0 4))
        testCase "zero weights give minus infinity where nothing is possible, and finite gradients" (fun () ->
            let plan = Lowerer.Lower zeroWeights

            let states =
                Evidence.From(Array.init 64 (fun i -> float32 (i / 4 >>> (i % 4) &&& 1)), 4)

            agrees "zero weights" plan (plan.Initialise 1L) states)
        testCase "sharp weights send disagreeing channels to the log-space path" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(16, 2, 3L))
                    .IndicatorInput()
                    .SumPerRegion(4)
                    .HadamardProduct()
                    .RootSum(1, true)

            let plan = Lowerer.Lower spec

            for sharpness in [ 20f; 60f; 120f ] do
                let parameters =
                    plan.Initialise 9L |> Array.map (fun p -> sharpness * (2f * p - 1f))

                agrees $"sharpness {sharpness}" plan parameters (Generators.evidence plan 40 0.0 9)
                agrees $"sharpness {sharpness}, hidden" plan parameters (Generators.evidence plan 40 0.2 9))
        testCase "normal densities 1e-4 wide with data a thousand widths away" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(6, 2, 1L))
                    .NormalInput(3, null, [ 1e-8; 1e-8; 1e-8 ])
                    .SumPerRegion(3)
                    .HadamardProduct()
                    .RootSum()

            let plan = Lowerer.Lower spec
            let random = Random 3
            let parameters = plan.Initialise 2L

            for r in 0 .. plan.Regions.Count - 1 do
                if plan.Regions.Kind r = RegionKind.Input then
                    let input = plan.Regions.Input r

                    for k in 0..2 do
                        parameters[input.Offset + k] <- float32 (0.1 * float k + 0.01 * random.NextDouble())

            let values = Array.init (6 * 20) (fun _ -> float32 (random.NextDouble() * 0.3))
            agrees "narrow normal densities" plan parameters (Evidence.From(values, 6)))
        testCase "a deep chain of five channels stays in range" (fun () ->
            let spec =
                CircuitSpec.Over(Generators.chain 60).IndicatorInput().SumPerRegion(5).HadamardProduct().RootSum()

            let plan = Lowerer.Lower spec
            agrees "chain of fives" plan (plan.Initialise 4L) (Generators.evidence plan 40 0.0 4)
            agrees "chain of fives, hidden" plan (plan.Initialise 4L) (Generators.evidence plan 40 0.2 4))
        testCase "densities beyond the range of exponents are redone" (fun () ->
            let spec =
                CircuitSpec.Over(BinaryTrees(4, 1, 1L)).NormalInput(1, [ 0.0 ], [ 1e-8 ]).HadamardProduct().RootSum()

            let plan = Lowerer.Lower spec
            agrees "far away" plan (plan.Initialise 1L) (Evidence.From(Array.create 8 3f, 4)))
        testCase "a leaf of 400 variables stays in range" (fun () ->
            let plan =
                Lowerer.Lower(CircuitSpec.Over(HandBuiltRegions(400).Leaf([| 0..399 |])).NormalInput(1).RootSum())

            agrees "wide leaf" plan (plan.Initialise 1L) (Generators.evidence plan 3 0.0 1))
        testCase "a channel that was lost early and matters late is found" (fun () ->
            let means, variance = [ 0.0; 0.8276701711503196 ], 0.03801156918343002
            let x = Array.init 60 (fun v -> if v < 10 then 0f else 0.49978545f)

            for structure in [ HandBuiltRegions(60).Leaf([| 0..59 |]); Generators.chain 60 ] do
                let spec =
                    CircuitSpec
                        .Over(structure)
                        .NormalInput(2, means, [ variance; variance ])
                        .HadamardProduct()
                        .RootSum()

                let plan = Lowerer.Lower spec
                agrees structure.Name plan (plan.Initialise 1L) (Evidence.From(x, 60)))
        testCase "an input kind of one's own without parameters is no indicator" (fun () ->
            let rules = LoweringRules.BuiltIn()
            Spn.Host.Examples.CoinInput.AddTo rules

            for components in [ 1; 3 ] do
                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(6, 2, 1L))
                        .With(Spn.Host.Examples.CoinInput components)
                        .SumPerRegion(components)
                        .HadamardProduct()
                        .RootSum()

                let plan = Lowerer.Lower(spec, rules)
                agrees $"{components} coins" plan (plan.Initialise 1L) (Generators.evidence plan 40 0.0 1))
        testCase "gradients match differences of the reference" (fun () ->
            for seed in 400..410 do
                let name, spec = Generators.spec seed
                let plan = Lowerer.Lower spec

                let parameters, evidence =
                    plan.Initialise(int64 seed), Generators.evidence plan 4 0.2 seed

                let seeds = Array.init (4 * plan.Classes) (fun _ -> 1.0)
                let _, gradient, _ = run reference plan parameters evidence seeds

                let total (at: float32[]) =
                    let logLikelihoods, _, _ = run reference plan at evidence seeds
                    Array.sum logLikelihoods

                let random = Random seed

                let learned =
                    plan.Learned
                    |> Seq.collect (fun run -> seq { run.Offset .. run.End - 1 })
                    |> Array.ofSeq

                if learned.Length > 0 then
                    for _ in 1..5 do
                        let i = learned[random.Next learned.Length]
                        let step = 1e-2f

                        let moved (d: float32) =
                            Array.mapi (fun j p -> if i = j then p + d else p) parameters

                        let slope from upTo =
                            (total (moved upTo) - total (moved from))
                            / (float (Array.item i (moved upTo)) - float (Array.item i (moved from)))

                        // At a kink of a network the slopes on either side differ, and the gradient is one of those between.
                        let below, above = slope -step 0f, slope 0f step
                        let difference = slope -step step
                        let beyond = max (min below above - gradient[i]) (gradient[i] - max below above)

                        if abs (difference - gradient[i]) > 2e-3 * max 1.0 (abs difference) && beyond > 0.0 then
                            failtest $"{name}: parameter {i} has gradient {gradient[i]}, differences say {difference}")
    ]
