/// Expectation maximisation of inputs: statistics of every engine and family, and what training makes of them.
module Spn.Tests.EmInputTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

/// Statistics of all inputs after a pass up and down for each batch.
let private statistics
    (bind: Plan -> ISession)
    (plan: Plan)
    (parameters: float32[])
    (batches: Evidence list)
    (seeds: Evidence -> float[])
    =
    use session = bind plan
    session.GatherAtInputs InputGathering.Statistics
    session.SetParameters(ReadOnlySpan parameters)

    for evidence in batches do
        let values: float[] = Array.zeroCreate (evidence.Count * plan.Classes)
        session.Forward(evidence, ReadOnlySpan(Array.init evidence.Count id), Span values)
        session.Backward(Routing.Soft, ReadOnlySpan(seeds evidence))

    let result: float[] = Array.zeroCreate plan.StatisticCount
    session.InputStatistics(Span result)
    result

let private family (input: InputSpec) =
    let plan =
        Lowerer.Lower(
            CircuitSpec(
                HandBuiltRegions(1).Leaf(0),
                ValueList<LayerSpec> [ input :> LayerSpec; RootSpec() ],
                WeightSpec.Free()
            )
        )

    plan.Regions.Input(0).Family,
    plan.Initialise 3L
    |> Array.take (plan.Regions.Input(0).Family.ParameterCount)
    |> Array.map float

/// Families with statistics, with parameters at random.
let private families = [
    for name, input in Generators.inputs 3 do
        let family, parameters = family input

        // Those that take the values here; FamilyTests has the laws of all.
        match family with
        | :? LocationScaleFamily
        | :? DiscretisedLogisticFamily
        | :? BernoulliFamily
        | :? CategoricalFamily -> yield name, family, parameters
        | _ -> ()
]

let private familyTests =
    testList "families" [
        testCase "the pull of a Laplace density is its integral, near its location, across it and far out" (fun () ->
            // Exponential integrals: E1(1e-6) + 1, and (E1(2) - E1(3)) / (exp(-2) - exp(-3)).
            let pull low high = StandardLaplace.ExpectedPull(low, high)

            let close actual expected =
                Expect.isTrue (abs (actual - expected) < 1e-5 * expected) $"{actual}, expected {expected}"

            close (pull Double.NegativeInfinity Double.PositiveInfinity) 14.2382948
            close (pull 2.0 3.0) ((0.04890051070806112 - 0.013048381094197037) / (exp -2.0 - exp -3.0))
            close (pull -3.0 -2.0) (pull 2.0 3.0)
            close (pull 900.0 900.001) (1.0 / 900.0005)
            close (pull 500.0 Double.PositiveInfinity) (1.0 / 501.0))
        testCase
            "maximising the mean statistics leaves the parameters, and no nearby ones are likelier for samples"
            (fun () ->
                for name, family, parameters in families do
                    if family.Learns then
                        let mean: float[] = Array.zeroCreate family.StatisticCount
                        family.MeanStatistics(ReadOnlySpan parameters, Span mean)
                        let again = Array.copy parameters
                        family.Maximise(ReadOnlySpan mean, Span again)
                        let density (p: float[]) k x = family.LogDensity(k, x, ReadOnlySpan p)

                        for k in 0 .. family.Components - 1 do
                            for x in [ 0f; 1f ] do
                                Expect.floatClose
                                    Accuracy.medium
                                    (density again k x)
                                    (density parameters k x)
                                    $"{name} at {x}"

                        // A few rounds for families whose statistics depend on the parameters.
                        let random = Random 4

                        let samples =
                            Array.init 60 (fun _ ->
                                if family.States.HasValue then
                                    float32 (random.Next family.States.Value * random.Next 2)
                                else
                                    float32 (random.NextDouble() * 3.0 - 1.0))

                        let own = Array.copy parameters
                        let score (p: float[]) = samples |> Array.sumBy (density p 0)
                        let mutable last = score own

                        for _ in 1..400 do
                            let sums: float[] = Array.zeroCreate family.StatisticCount

                            for x in samples do
                                family.AddStatistics(0, x, 1.0, ReadOnlySpan own, Span sums)

                            let before = Array.copy own
                            family.Maximise(ReadOnlySpan sums, Span own)
                            let now = score own
                            Expect.isTrue (now >= last - 1e-4) $"{name}: {last} then {now}"
                            last <- now
                            // Components without flow stay.
                            for k in 1 .. family.Components - 1 do
                                Expect.equal (density own k 1f) (density before k 1f) $"{name}: component {k}"

                        let frozen = family.Frozen

                        for i in 0 .. own.Length - 1 do
                            let struct (first, count) = frozen

                            if i >= first && i < first + count then
                                Expect.equal own[i] parameters[i] $"{name}: frozen"
                            else
                                for step in [ -0.01; 0.01 ] do
                                    let near = Array.copy own
                                    near[i] <- near[i] + step
                                    Expect.isTrue (score near <= last + 1e-4) $"{name}: {score near} above {last}")
    ]

let private engineTests =
    testList "engines" [
        testCase "statistics of a mixture are the samples weighed by its posterior" (fun () ->
            let spec =
                CircuitSpec(
                    HandBuiltRegions(1).Leaf(0),
                    ValueList<LayerSpec> [ NormalInput(2) :> LayerSpec; RootSpec() ],
                    WeightSpec.Fixed [ 0.3; 0.7 ]
                )

            let plan = Lowerer.Lower spec
            let parameters = [| -1f; 0.5f; 0.2f; -0.4f |]
            let x = [| -1.3f; 0.1f; 0.8f |]

            let density k (value: float32) =
                let z = (float value - float parameters[k]) / exp (float parameters[2 + k])
                exp (-0.5 * z * z - float parameters[2 + k])

            let expected = [|
                for k in 0..1 do
                    for power in [ -1; 0; 1; 2 ] do
                        x
                        |> Array.sumBy (fun value ->
                            let own, other = density 0 value * 0.3, density 1 value * 0.7

                            (if k = 0 then own else other) / (own + other)
                            * (float value ** float (max power 0)))
            |]

            for engine in [ EngineTests.reference; EngineTests.simd 2 ] do
                let actual =
                    statistics engine plan parameters [ Evidence.From(x, 1) ] (fun _ -> [||])

                EngineTests.gradientsClose actual expected "mixture")
        testCase
            "every engine gathers those of the definition, with hidden values, sets, classes and far-off samples"
            (fun () ->
                for seed in 1..60 do
                    let name, spec = Generators.spec seed
                    let plan = Lowerer.Lower spec
                    let parameters = plan.Initialise(int64 seed)
                    let random = Random seed
                    let hidden = Generators.evidence plan 21 0.3 (seed + 1)

                    let batches = [
                        Generators.evidence plan 37 0.0 seed
                        hidden
                        Generators.restrict plan random hidden
                        (Generators.evidence plan 9 0.0 seed)
                    ]

                    let seeds (evidence: Evidence) =
                        Array.init (evidence.Count * plan.Classes) (fun i ->
                            if plan.Classes = 1 then 1.0 else float (i % 3) - 0.8)

                    let expected = statistics EngineTests.reference plan parameters batches seeds

                    for engine, bind in
                        [
                            "wide", EngineTests.simd 2
                            "narrow", EngineTests.narrow 1
                            "level by level", EngineTests.levels 2
                        ] do
                        EngineTests.gradientsClose
                            (statistics bind plan parameters batches seeds)
                            expected
                            $"{name}, {engine}")
        testCase "and where densities leave the float range" (fun () ->
            for input in
                [
                    NormalInput(2, Init = Init.Equidistant()) :> InputSpec
                    LaplaceInput 2
                    CauchyInput 2
                ] do
                let spec =
                    CircuitSpec.Over(BinaryTrees(4, 2, 1L)).With(input).SumPerRegion(2).HadamardProduct().RootSum()

                let plan = Lowerer.Lower spec

                let parameters =
                    plan.Initialise 2L
                    |> Array.mapi (fun i p -> if i < 64 && i % 4 >= 2 then -4f else p)

                let evidence = Generators.evidence plan 20 0.0 3

                let expected =
                    statistics EngineTests.reference plan parameters [ evidence ] (fun _ -> [||])

                EngineTests.gradientsClose
                    (statistics (EngineTests.simd 2) plan parameters [ evidence ] (fun _ -> [||]))
                    expected
                    input.Name)
        testCase "gathering statistics leaves flows as they were, and gathering nothing too" (fun () ->
            let _, spec = Generators.spec 4
            let plan = Lowerer.Lower spec
            let parameters = plan.Initialise 1L
            let evidence = Generators.evidence plan 30 0.2 1

            for bind in [ EngineTests.reference; EngineTests.simd 2 ] do
                let flows what =
                    use session: ISession = bind plan
                    session.GatherAtInputs what
                    session.SetParameters(ReadOnlySpan parameters)
                    let values: float[] = Array.zeroCreate (evidence.Count * plan.Classes)
                    session.Forward(evidence, ReadOnlySpan(Array.init evidence.Count id), Span values)
                    session.Backward(Routing.Soft, ReadOnlySpan(Array.empty<float>))
                    let flows: float32[] = Array.zeroCreate plan.Blocks.Total
                    session.WeightFlows(Span flows)
                    flows

                Expect.sequenceEqual (flows InputGathering.Statistics) (flows InputGathering.Gradient) "statistics"
                Expect.sequenceEqual (flows InputGathering.Nothing) (flows InputGathering.Gradient) "nothing")
    ]

let tests = testList "em inputs" [ familyTests; engineTests ]
