/// A training step inside an engine.
module Spn.Tests.StepTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Tests.EngineTests

/// p + 0.01 g, bounded as accumulators and deviations need it, and how often each place was asked for.
type private Bounded(places: int) =
    member val Calls: int[] = Array.zeroCreate places

    member _.Next(p: float32, g: float32) = p + 0.01f * Math.Clamp(g, -5f, 5f)

    interface IUpdateRule with
        member rule.Apply(first, gradient, parameters) =
            for i in 0 .. parameters.Length - 1 do
                rule.Calls[first + i] <- rule.Calls[first + i] + 1
                parameters[i] <- rule.Next(parameters[i], gradient[i])

let private large =
    CircuitSpec
        .Over(GridVariables.Image(4, 4))
        .NormalInput(3)
        .SpatialProduct(channels = ProductChannels.AllCombinations)
        .SpatialSum(16)
        .SpatialProduct(dilation = 2)
        .SpatialSum(24)
        .SpatialProduct(dilation = 4, padding = Padding.Final)
        .RootSum(classes = 3, classWeights = WeightSpec.Free())

let private engines = [
    "reference", reference
    "simd", simd 2
    "narrow", narrow 1
    "level by level", levels 2
]

let private check name (plan: Plan) (bind: Plan -> ISession) seed =
    use session = bind plan
    let start = plan.Initialise seed
    let evidence = Generators.evidence plan 20 0.2 (int seed)
    let rows, values = Array.init 20 id, Array.zeroCreate<float>(20 * plan.Classes)

    let byClass =
        plan.ClassLogits
        |> Option.ofObj
        |> Option.map (fun run -> Array.init run.Count float32)

    session.SetParameters(ReadOnlySpan start)
    let mutable before = start

    // A second step shows that the statistics of the first are forgotten and its weights made.
    for step in 1..2 do
        session.Forward(evidence, ReadOnlySpan rows, Span values)
        session.Backward(Routing.Soft, ReadOnlySpan [||])
        let gradient: float32[] = Array.zeroCreate plan.ParameterCount
        session.Gradient(Span gradient)

        for run in Option.ofObj plan.ClassLogits |> Option.toList do
            Array.blit byClass.Value 0 gradient run.Offset run.Count

        let rule = Bounded plan.ParameterCount
        Expect.isTrue (session.Step(rule, ReadOnlySpan(Option.defaultValue [||] byClass))) $"{name}, step {step}"
        let after: float32[] = Array.zeroCreate plan.ParameterCount
        session.GetParameters(0, Span after)
        let learned = Array.zeroCreate<bool> plan.ParameterCount

        for run in plan.Learned do
            Array.fill learned run.Offset run.Count true

        for i in 0 .. after.Length - 1 do
            let expected =
                if learned[i] then
                    rule.Next(before[i], gradient[i])
                else
                    before[i]

            Expect.equal rule.Calls[i] (if learned[i] then 1 else 0) $"{name}, step {step}, calls for {i}"

            if not (abs (after[i] - expected) <= 1e-6f * max 1f (abs expected)) then
                failtest $"{name}, step {step}: parameter {i} is {after[i]}, expected {expected}"

        use fresh = bind plan
        fresh.SetParameters(ReadOnlySpan after)
        let own: float[] = Array.zeroCreate values.Length
        fresh.Forward(evidence, ReadOnlySpan rows, Span own)
        session.Forward(evidence, ReadOnlySpan rows, Span values)
        logLikelihoodsClose values own $"{name}, after step {step}"
        before <- after

let tests =
    testList "Step" [
        testCase "a step changes each learned parameter once, as the gradient and the rule say" (fun () ->
            for name, bind in engines do
                check $"large blocks, {name}" (Lowerer.Lower large) bind 1L

                for seed in 1..30 do
                    let _, spec = Generators.spec seed
                    check $"seed {seed}, {name}" (Lowerer.Lower spec) bind (int64 seed))
        testCase "a gradient that is not finite leaves all as it was" (fun () ->
            for name, bind in engines do
                let plan = Lowerer.Lower large
                use session = bind plan
                let start = plan.Initialise 3L
                let evidence = Generators.evidence plan 4 0.0 3
                let rows, values = Array.init 4 id, Array.zeroCreate<float>(4 * plan.Classes)
                session.SetParameters(ReadOnlySpan start)
                session.Forward(evidence, ReadOnlySpan rows, Span values)
                let seeds = Array.create (4 * plan.Classes) 1.0
                seeds[5] <- nan
                session.Backward(Routing.Soft, ReadOnlySpan seeds)
                Expect.isFalse (session.Step(Bounded plan.ParameterCount, ReadOnlySpan [| 0f; 0f; 0f |])) name
                let after: float32[] = Array.zeroCreate plan.ParameterCount
                session.GetParameters(0, Span after)
                Expect.isTrue ((after = start)) $"{name}: parameters")
    ]
