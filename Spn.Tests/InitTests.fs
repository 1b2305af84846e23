/// How real inputs start.
module Spn.Tests.InitTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Files
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

let plan (input: LayerSpec) variables =
    Lowerer.Lower(
        CircuitSpec.Over(BinaryTrees(variables, 1, 1L)).With(input).SumPerRegion(2).HadamardProduct().RootSum()
    )

/// Locations of a variable's components, in its own unit, and their deviations.
let private started (plan: Plan) (parameters: float32[]) variable =
    let regions: int[] = plan.InputsOf variable
    let place = plan.Regions.Input(regions[0])

    let own =
        Array.init place.Family.ParameterCount (fun i -> float parameters[place.Offset + i])

    let family = place.Family :?> LocationScaleFamily

    [|
        for k in 0 .. family.Components - 1 ->
            family.LocationOf(k, ReadOnlySpan own), exp (family.LogScaleOf(k, ReadOnlySpan own))
    |]

let samples rows variables seed =
    let random = RandomStream(seed, "init tests")

    // Clumps of values, some of them equal.
    Evidence.From(
        Array.init (rows * variables) (fun i ->
            let clump = 3f * float32 (random.NextInt 3)

            if i % 7 = 0 then
                clump
            else
                clump + float32 (random.NextNormal())),
        variables
    )

let private observed (evidence: Evidence) variable = [|
    for row in 0 .. evidence.Count - 1 do
        if not (evidence.IsHidden(row, variable)) then
            float (evidence.Row(row).ToArray()[variable])
|]

let private deviation (values: float[]) =
    let mean = Array.average values
    sqrt (values |> Array.averageBy (fun v -> (v - mean) * (v - mean)))

let private near = { absolute = 1e-5; relative = 1e-5 }

let tests =
    testList "starts" [
        testCase "quantiles are the means of parts of round(N / K) sorted values, the last takes the rest" (fun () ->
            for rows, k in [ 100, 4; 101, 4; 103, 6; 60, 7; 2500, 3; 11, 7; 8, 5; 3, 5; 1, 2 ] do
                let evidence = (samples rows 3 (int64 rows)).Hide(fun row v -> v = 1 && row % 3 = 1)

                let plan =
                    plan (NormalInput(k, Init = Init.Quantiles.WithDeviations InitDeviations.OfPart)) 3

                let parameters = plan.Initialise(1L, evidence)

                for v in 0..2 do
                    let sorted = observed evidence v |> Array.sort
                    let n = sorted.Length
                    let size = int (Math.Round(float n / float k))

                    started plan parameters v
                    |> Array.iteri (fun i (location, scale) ->
                        let first = min (i * size) n
                        let last = if i = k - 1 then n else min (first + size) n
                        let part = sorted[first .. last - 1]

                        if part.Length > 0 then
                            Expect.floatClose
                                near
                                location
                                (Array.average part)
                                $"{rows} rows, K = {k}, component {i}"

                            if part.Length > 1 then
                                Expect.floatClose
                                    { absolute = 1e-4; relative = 1e-4 }
                                    scale
                                    (max 1e-3 (deviation part))
                                    "deviation of the part"
                        else
                            Expect.isTrue
                                (Array.exists (fun x -> abs (x - location) < 1e-5) sorted)
                                "a value of the variable"))
        testCase "k-means centres are the means of the values nearest to them, and find separate clusters" (fun () ->
            let evidence = samples 4000 3 5L
            let plan = plan (NormalInput(4, Init = Init.KMeans)) 3
            let parameters = plan.Initialise(1L, evidence)

            for v in 0..2 do
                let values = observed evidence v
                let centres = started plan parameters v |> Array.map fst

                let nearest x =
                    Seq.minBy (fun i -> abs (centres[i] - x)) (seq { 0 .. centres.Length - 1 })

                for i, own in values |> Array.groupBy nearest do
                    Expect.floatClose
                        { absolute = 2e-3; relative = 0.0 }
                        centres[i]
                        (Array.average own)
                        $"centre {i} of variable {v}"

            let apart =
                Evidence.From(Array.init 900 (fun i -> 100f * float32 (i % 3) + 0.01f * float32 (i % 10)), 1)

            let plan =
                Lowerer.Lower(
                    CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).NormalInput(3, init = Init.KMeans).RootSum()
                )

            for seed in 1L .. 20L do
                let centres =
                    started plan (plan.Initialise(seed, apart)) 0 |> Array.map fst |> Array.sort

                Expect.floatsClose { absolute = 0.1; relative = 0.0 } centres [ 0.0; 100.0; 200.0 ] $"seed {seed}")
        testCase "equidistant locations are those, with and without samples, in the input's unit" (fun () ->
            let input = NormalInput(4, Init = Init.Equidistant(), Location = 10.0, Scale = 2.0)
            let plan = plan input 3

            for parameters in [ plan.Initialise 1L; plan.Initialise(1L, samples 50 3 1L) ] do
                for v in 0..2 do
                    let own = started plan parameters v
                    Expect.floatsClose near (Array.map fst own) [ 7.0; 9.0; 11.0; 13.0 ] "locations"
                    Expect.floatsClose near (Array.map snd own) [ 2.0; 2.0; 2.0; 2.0 ] "deviations"

            let middle =
                started
                    (Lowerer.Lower(
                        CircuitSpec
                            .Over(HandBuiltRegions(1).Leaf(0))
                            .NormalInput(1, init = Init.Equidistant(1.0, 3.0))
                            .RootSum()
                    ))
                    [| 2f; 0f; 0f |]
                    0

            Expect.equal (fst middle[0]) 2.0 "one location stands in the middle")
        testCase "random locations are observed values, and deviations start where they are told" (fun () ->
            let evidence = samples 300 2 8L

            for init, expected in
                [
                    Init.Random, (fun values _ -> deviation values)
                    Init.Random.WithDeviations InitDeviations.One, (fun _ _ -> 1.0)
                    Init.Quantiles, (fun _ _ -> 1.0)
                    Init.KMeans.WithDeviations InitDeviations.OfVariable, (fun values _ -> deviation values)
                    Init.Random.WithDeviations InitDeviations.OfPart, (fun _ own -> deviation own)
                    Init.Equidistant(-1.0, 6.0).WithDeviations InitDeviations.OfPart, (fun _ own -> deviation own)
                ] do
                let plan = plan (NormalInput(3, Init = init)) 2
                let parameters = plan.Initialise(2L, evidence)

                for v in 0..1 do
                    let values = observed evidence v
                    let own = started plan parameters v

                    for k in 0..2 do
                        if init :? RandomInit then
                            Expect.isTrue (Array.contains (fst own[k]) values) "an observed value"

                        let nearest =
                            values
                            |> Array.filter (fun x ->
                                own |> Array.forall (fun (l, _) -> abs (fst own[k] - x) <= abs (l - x)))

                        if nearest.Length > 1 && (own |> Array.distinctBy fst).Length = 3 then
                            Expect.floatClose
                                { absolute = 1e-3; relative = 1e-2 }
                                (snd own[k])
                                (expected values nearest)
                                $"{init}, component {k}")
        testCase "scales of Laplace and Cauchy inputs start at the estimates of their kind" (fun () ->
            let evidence = Evidence.From([| 1f; 9f; 2f; 4f; 30f |], 1)

            for input, expected in
                ([
                    // Median 4: distances 3, 5, 2, 0, 26. Quartiles 2 and 9.
                    LaplaceInput 2, 36.0 / 5.0
                    CauchyInput 2, 3.5
                ]
                : (LayerSpec * float) list) do
                let plan =
                    Lowerer.Lower(CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).With(input).RootSum())

                let own = started plan (plan.Initialise(1L, evidence)) 0
                Expect.floatsClose near (Array.map snd own) [ expected; expected ] input.Name)
        testCase
            "the same seed gives the same start, and a variable that all samples hide starts as without samples"
            (fun () ->
                for init in [ Init.Random; Init.Quantiles; Init.KMeans; Init.Equidistant() ] do
                    let plan = plan (CauchyInput(5, Init = init)) 70
                    let evidence = (samples 3000 70 2L).Hide(4)
                    let first, second = plan.Initialise(3L, evidence), plan.Initialise(3L, evidence)
                    Expect.equal first second "bits"
                    Expect.equal (started plan first 4) (started plan (plan.Initialise 3L) 4) "hidden everywhere")
        testCase "sorting by bits is sorting" (fun () ->
            let random = Random 3

            for count in [ 1; 5; 1023; 1024; 5000 ] do
                let values =
                    Array.init count (fun i ->
                        match i % 5 with
                        | 0 -> 0f
                        | 1 -> -1e-40f
                        | 2 -> float32 (random.Next 10 - 5)
                        | _ ->
                            float32 (Math.Exp(40.0 * random.NextDouble() - 20.0))
                            * (if i % 2 = 0 then 1f else -1f))

                let sorted = Array.copy values
                FloatSort.Sort(Span sorted)
                Expect.equal sorted (Array.sort values) $"{count} values")
    ]
