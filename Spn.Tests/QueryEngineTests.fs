/// What the engines answer for each row: the fast one against the definition.
module Spn.Tests.QueryEngineTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Tests.EngineTests

type Answers = {
    LogValues: float[]
    Joint: float[]
    Expectations: float[]
    Flows: float[]
    Largest: float[]
    DrawnUnits: int[]
}

let answers (bind: Plan -> ISession) (plan: Plan) (parameters: float32[]) (evidence: Evidence) ways =
    use session = bind plan
    session.SetParameters(ReadOnlySpan parameters)
    let rows = Array.init evidence.Count id
    let zeros n : float[] = Array.zeroCreate n

    let values, largest =
        zeros (rows.Length * plan.Classes), zeros (rows.Length * plan.Classes)

    let units: int[] = Array.zeroCreate (rows.Length * ways * plan.Variables)
    let expectations = zeros (rows.Length * plan.ExpectationsOf[plan.Variables])

    let variable = plan.Variables / 2
    let width = plan.InputsOf variable |> Array.sumBy plan.Regions.Channels
    let flows = zeros (rows.Length * width)

    let prior =
        Array.init plan.Classes (fun c -> float (c + 1) / float (plan.Classes * (plan.Classes + 1) / 2))

    let centres = Array.create plan.Variables 0.25

    let classes n =
        Array.init n (fun i -> i % plan.Classes)

    let joint, jointAgain = zeros rows.Length, zeros rows.Length

    session.Expectations(
        evidence,
        ReadOnlySpan rows,
        ReadOnlySpan prior,
        ReadOnlySpan centres,
        Span joint,
        Span expectations
    )

    session.InputFlows(evidence, ReadOnlySpan rows, variable, ReadOnlySpan prior, Span jointAgain, Span flows)
    session.Forward(evidence, ReadOnlySpan rows, Span values)
    session.Route(Routing.Draw, ReadOnlySpan(classes (rows.Length * ways)), 0, 7L, Span units)
    session.ForwardMax(evidence, ReadOnlySpan rows, Span largest)

    {
        LogValues = values
        Joint = Array.append joint jointAgain
        Expectations = expectations
        Flows = flows
        Largest = largest
        DrawnUnits = units
    }

let private close tolerance name (actual: float[]) (expected: float[]) =
    Array.iteri2
        (fun i a e ->
            if not (a = e || abs (a - e) <= tolerance * max 1.0 (abs e)) then
                failtest $"{name}: entry {i} is {a}, expected {e}")
        actual
        expected

/// Entries of hidden variables; those of observed ones mean nothing.
let private hiddenOnly (plan: Plan) (evidence: Evidence) (numbers: float[]) =
    let width = plan.ExpectationsOf[plan.Variables]

    [|
        for row in 0 .. evidence.Count - 1 do
            for v in 0 .. plan.Variables - 1 do
                if evidence.IsHidden(row, v) then
                    for j in plan.ExpectationsOf[v] .. plan.ExpectationsOf[v + 1] - 1 do
                        numbers[row * width + j]
    |]

/// Log of the product that a way down multiplies, from the reference's values: equal ways attain equal numbers.
let agrees name (plan: Plan) parameters (evidence: Evidence) =
    let ways = 3
    let expected = answers reference plan parameters evidence ways

    for engine, bind in [ "wide", simd 2; "narrow", narrow 1 ] do
        let actual = answers bind plan parameters evidence ways
        let name = $"{name}, {engine}"
        logLikelihoodsClose actual.LogValues expected.LogValues $"{name}, values"
        logLikelihoodsClose actual.Joint expected.Joint $"{name}, mixture of classes"
        logLikelihoodsClose actual.Largest expected.Largest $"{name}, largest"

        close
            1e-4
            $"{name}, expectations"
            (hiddenOnly plan evidence actual.Expectations)
            (hiddenOnly plan evidence expected.Expectations)

        close 1e-4 $"{name}, flows" actual.Flows expected.Flows

        // A uniform number that falls on a boundary may be rounded to either side.
        let share (a: int[]) (b: int[]) =
            float (Array.fold2 (fun n x y -> if x = y then n + 1 else n) 0 a b)
            / float (max a.Length 1)

        Expect.isTrue (share actual.DrawnUnits expected.DrawnUnits > 0.99) $"{name}: drawn ways differ"

let private compareAt seed count hidden sets =
    let name, spec = Generators.spec seed
    let plan = Lowerer.Lower spec
    let evidence = Generators.evidence plan count hidden seed

    let evidence =
        if sets then
            Generators.restrict plan (Random seed) evidence
        else
            evidence

    // Evidence that rows of indicators make impossible has no answer.
    let parameters = plan.Initialise(int64 seed)
    agrees $"{name}, {count} rows, hidden {hidden}" plan parameters evidence

let tests =
    testList "query engines" [
        testCase "simd equals reference with hidden variables" (fun () ->
            for seed in 1..100 do
                compareAt seed 9 0.4 false)
        testCase "simd equals reference with sets of values" (fun () ->
            for seed in 101..200 do
                compareAt seed 9 0.7 true)
        testCase "simd equals reference when everything is hidden" (fun () ->
            for seed in 1..30 do
                compareAt seed 2 1.1 false)
        testCase "simd equals reference at batch sizes 1, 64 and 501" (fun () ->
            for count in [ 1; 64; 501 ] do
                for seed in 200..206 do
                    compareAt seed count 0.5 true)
        testCase "gradients with sets of values equal the reference's and differences" (fun () ->
            for seed in 301..360 do
                let name, spec = Generators.spec seed
                let plan = Lowerer.Lower spec
                let parameters = plan.Initialise(int64 seed)

                let evidence =
                    Generators.evidence plan 5 0.6 seed |> Generators.restrict plan (Random seed)

                EngineTests.agrees name plan parameters evidence)
        testCase "sharp weights and long chains are redone in log space" (fun () ->
            let sharp =
                CircuitSpec
                    .Over(BinaryTrees(16, 2, 3L))
                    .IndicatorInput()
                    .SumPerRegion(4)
                    .HadamardProduct()
                    .RootSum(1, true)

            let plan = Lowerer.Lower sharp

            for sharpness in [ 20f; 60f; 120f ] do
                let parameters =
                    plan.Initialise 9L |> Array.map (fun p -> sharpness * (2f * p - 1f))

                agrees $"sharpness {sharpness}" plan parameters (Generators.evidence plan 40 0.4 9)

            let chain =
                Lowerer.Lower(
                    CircuitSpec
                        .Over(Generators.chain 1556)
                        .IndicatorInput()
                        .SumPerRegion(3)
                        .HadamardProduct()
                        .RootSum()
                )

            agrees "chain" chain (chain.Initialise 4L) (Generators.evidence chain 5 0.3 4))
        testCase "the same seed gives the same answers with one and two threads" (fun () ->
            for seed in 300..310 do
                let _, spec = Generators.spec seed
                let plan = Lowerer.Lower spec
                let parameters = plan.Initialise(int64 seed)
                let evidence = Generators.evidence plan 200 0.5 seed
                let one = answers (simd 1) plan parameters evidence 2
                let two = answers (simd 2) plan parameters evidence 2
                Expect.isTrue (one = two) $"seed {seed}")
        testCase "pieces of a normal distribution agree with numeric integration" (fun () ->
            let density z = exp (StandardNormal.LogDensity z)

            for low, high in
                [
                    -1.0, 2.0
                    0.5, 0.7
                    -8.0, -5.0
                    6.0, 9.0
                    1.0, 1.0005
                    2.5, 2.5 + 1e-5
                    -0.3, 12.0
                    20.0, 20.2
                ] do
                let steps = 20000
                let width = (high - low) / float steps

                let integral f =
                    Seq.init steps (fun i ->
                        let z = low + (float i + 0.5) * width
                        f z * density z * width)
                    |> Seq.sum

                let mass = integral (fun _ -> 1.0)
                let origin, distance, variance = (StandardNormal.Moments(low, high)).ToTuple()
                let mean = origin + distance
                let square = mean * mean + variance

                Expect.floatClose
                    { absolute = 1e-6; relative = 0.0 }
                    (StandardNormal.LogBetween(low, high))
                    (log mass)
                    $"mass {low} to {high}"

                Expect.floatClose Accuracy.medium mean (integral id / mass) $"mean {low} to {high}"

                Expect.floatClose
                    Accuracy.medium
                    square
                    (integral (fun z -> z * z) / mass)
                    $"second moment {low} to {high}"

                for share in [ 0.01; 0.3; 0.77; 0.999 ] do
                    let z = StandardNormal.Quantile(low, high, share)

                    Expect.floatClose
                        { absolute = 1e-5; relative = 0.0 }
                        (exp (StandardNormal.LogBetween(low, z) - StandardNormal.LogBetween(low, high)))
                        share
                        $"quantile {share} of {low} to {high}")
    ]
