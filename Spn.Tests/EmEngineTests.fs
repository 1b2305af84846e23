/// Hard expectation maximisation's ways down: the choices of every engine are those of the definition.
module Spn.Tests.EmEngineTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Plans

let private withAccumulators (spec: CircuitSpec) =
    let own (layer: LayerSpec) : LayerSpec =
        match layer with
        | :? SumSpec as sum -> SumSpec(sum.Channels, sum.Shared)
        | :? RootSpec as root -> RootSpec(root.Classes, root.Mixture)
        | other -> other

    CircuitSpec(spec.Structure, ValueList<LayerSpec>(Seq.map own spec.Layers), WeightSpec.Accumulators())

/// Log-likelihoods, accumulators after the counts, and what the new weights say.
let private count
    (bind: Plan -> ISession)
    (plan: Plan)
    (parameters: float32[])
    (evidence: Evidence)
    winner
    (counts: float[])
    =
    use session = bind plan
    let own = Array.copy parameters
    session.SetParameters(ReadOnlySpan own)
    let before: float[] = Array.zeroCreate (evidence.Count * plan.Classes)
    let rows = Array.init evidence.Count id
    session.Count(evidence, ReadOnlySpan rows, winner, ReadOnlySpan counts, Span before)
    session.AddCounts(Span own)
    let after: float[] = Array.zeroCreate before.Length
    session.Forward(evidence, ReadOnlySpan rows, Span after)
    use fresh = bind plan
    fresh.SetParameters(ReadOnlySpan own)
    let anew: float[] = Array.zeroCreate before.Length
    fresh.Forward(evidence, ReadOnlySpan rows, Span anew)
    before, own, after, anew

let private agree (name: string) (plan: Plan) (evidence: Evidence) seed =
    let parameters = plan.Initialise(int64 seed)
    let random = Random(seed: int)

    let counts =
        Array.init (evidence.Count * plan.Classes) (fun _ -> float (random.Next 3))

    // Where nothing but rounding tells values apart engines may choose differently: hidden, discrete and single-channel regions, shared weights.
    let distinct =
        not evidence.HasHidden
        && Seq.forall
            (fun (family: InputFamily | null) ->
                (match family with
                 | null -> true
                 | own -> not own.States.HasValue))
            plan.InputOf
        && Seq.forall (fun r -> r = plan.Regions.Root || plan.Regions.Channels r > 1) (seq { 0 .. plan.Regions.Root })
        // Beyond their locations Laplace densities of the same scale keep their ratios.
        && not (name.Contains "laplace, frozen")
        && not (name.Contains "hared True" || name.Contains "Shared")

    let winners = [
        Winner(true, 0.0, 7L)
        Winner(true, 0.5, 8L)
        if distinct then
            Winner(false, 0.0, 9L)
            Winner(false, 0.3, 10L)
    ]

    let mutable compared = 0

    for winner in winners do
        compared <- compared + 1

        let expected, accumulators, _, _ =
            count EngineTests.reference plan parameters evidence winner counts

        for engine, bind in
            [
                "wide", EngineTests.simd 2
                "narrow", EngineTests.narrow 1
                "level by level", EngineTests.levels 2
            ] do
            let actual, own, after, anew = count bind plan parameters evidence winner counts
            EngineTests.logLikelihoodsClose actual expected $"{name}, {engine}, {winner}"
            EngineTests.logLikelihoodsClose after anew $"{name}, {engine}, {winner}, new weights"

            Array.iteri2
                (fun i (a: float32) (e: float32) ->
                    if abs (a - e) > 1e-4f * max 1f e then
                        failtest $"{name}, {engine}, {winner}: accumulator {i} is {a}, expected {e}")
                own
                accumulators

    compared

let tests =
    testList "em engines" [
        testCase "edges on the ways of every engine are those of the definition" (fun () ->
            let mutable unweighted = 0

            for seed in 1..40 do
                let name, spec = Generators.spec seed
                let plan = Lowerer.Lower(withAccumulators spec)
                unweighted <- unweighted + agree name plan (Generators.evidence plan 37 0.0 seed) seed - 2

                agree $"{name}, hidden" plan (Generators.evidence plan 9 0.3 seed) seed
                |> ignore

            Expect.isTrue (unweighted >= 4) $"{unweighted} with unweighted winners")
        testCase "and on spatial stacks" (fun () ->
            let mutable unweighted = 0

            for seed, spec in SpatialStacks.accepted (seq { 1..400 }) |> Seq.truncate 40 do
                let plan = Lowerer.Lower(withAccumulators spec)

                unweighted <-
                    unweighted
                    + agree (string spec) plan (Generators.evidence plan 21 0.0 seed) seed
                    - 2

            Expect.isTrue (unweighted >= 4) $"{unweighted} with unweighted winners")
        testCase "a way whose values leave the float range is gone in log space" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(4, 2, 1L))
                    .NormalInput(2, fixedVariances = [ 1e-4; 1e-4 ])
                    .SumPerRegion(2)
                    .HadamardProduct()
                    .RootSum()
                    .WithWeights(WeightSpec.Accumulators())

            let plan = Lowerer.Lower spec
            agree "far away" plan (Generators.evidence plan 12 0.0 3) 3 |> ignore)
        testCase "more rows than a round, regions of five channels, one and two classes" (fun () ->
            for classes in [ 1; 2 ] do
                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(5, 1, 2L))
                        .NormalInput(5)
                        .SumPerRegion(5)
                        .HadamardProduct()
                        .RootSum(classes = classes)
                        .WithWeights(WeightSpec.Accumulators())

                let plan = Lowerer.Lower spec

                Expect.equal
                    (agree $"fives, {classes} classes" plan (Generators.evidence plan 150 0.0 classes) classes)
                    4
                    "with unweighted winners")
        testCase "products that training drops are there for counts, and no rows count nothing" (fun () ->
            for trees in [ 1; 3 ] do
                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(4, trees, 2L))
                        .NormalInput(3)
                        .SumPerRegion(3)
                        .HadamardProduct()
                        .RootSum()
                        .WithWeights(WeightSpec.Accumulators())

                let plan = Lowerer.Lower spec
                let evidence = Generators.evidence plan 9 0.0 1
                let parameters = plan.Initialise 1L

                for engine, bind in [ "reference", EngineTests.reference; "simd", EngineTests.simd 2 ] do
                    let dropping share (rows: int[]) =
                        use session: ISession = bind plan
                        let own = Array.copy parameters
                        session.SetParameters(ReadOnlySpan own)
                        session.DropProducts(share, 3L)
                        let values: float[] = Array.zeroCreate rows.Length
                        let winner = Winner(true, 0.0, 1L)
                        session.Count(evidence, ReadOnlySpan rows, winner, ReadOnlySpan Array.empty, Span values)
                        session.AddCounts(Span own)
                        values, own

                    let rows = Array.init 9 id
                    Expect.equal (dropping 0.6 rows) (dropping 0.0 rows) $"{engine}, {trees} trees"
                    Expect.sequenceEqual (snd (dropping 0.0 [||])) parameters $"{engine}, {trees} trees, no rows")
    ]
