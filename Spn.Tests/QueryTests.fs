/// Likelihoods, posteriors and most probable explanations against enumeration and numeric integration.
module Spn.Tests.QueryTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Inference
open Spn.Core.Plans
open Spn.Tests.Enumeration

let private marginalTests =
    testList "likelihoods" [
        testCase "the likelihood of sets and hidden entries equals the sum over the states they allow" (fun () ->
            eachSmall 25 300.0 (fun name circuit tolerance evidence all table _ ->
                let actual =
                    circuit.LogLikelihood evidence
                    |> Array.chunkBySize circuit.Classes
                    |> Array.map (fun own -> LogSum.Of(ReadOnlySpan own) - log (float circuit.Classes))

                for row in 0 .. evidence.Count - 1 do
                    let allowed = [|
                        for s in 0 .. table.Length - 1 do
                            if agrees evidence row all s then
                                table[s]
                    |]

                    close tolerance (Array.item row actual) (LogSum.Of(ReadOnlySpan allowed)) $"{name}, row {row}"))
        testCase "a marginal equals the likelihood with all other variables hidden" (fun () ->
            for seed in 1..30 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit
                let evidence = Generators.evidence circuit.Plan 5 0.0 seed

                let chosen = [|
                    for v in 0 .. circuit.Variables - 1 do
                        if v % 2 = 0 then
                            v
                |]

                Expect.equal
                    (circuit.Marginal(evidence, chosen))
                    (circuit.LogLikelihood(evidence.Hide(fun _ v -> v % 2 = 1)))
                    name)
        testCase "a conditional equals joint minus marginal, and one given row serves all" (fun () ->
            eachSmall 15 300.0 (fun name circuit tolerance evidence all table conditionals ->
                if circuit.Classes = 1 then
                    for row in 0 .. evidence.Count - 1 do
                        let given = evidence.Rows(ReadOnlySpan [| row |])

                        let states = [|
                            for s in 0 .. table.Length - 1 do
                                if agrees evidence row all s then
                                    s
                        |]

                        let actual = circuit.Conditional(all.Rows(ReadOnlySpan states), given)

                        let expected = conditionals[row]

                        Array.iter2
                            (fun s a -> close tolerance (exp a) expected[s] $"{name}, row {row}")
                            states
                            actual))
        testCase "the partition function of a normalised circuit is one" (fun () ->
            for seed in 1..40 do
                let name, circuit = compileWith (SimdEngine 1) seed
                use circuit = circuit

                for z in circuit.LogPartition() do
                    close 1e-5 z 0.0 name)
        testCase "evidence that contradicts itself or the model is refused with its row" (fun () ->
            use circuit = Circuit.Compile(EngineTests.zeroWeights)

            let impossible =
                Evidence.From([| nanf; 0f; 0f; 1f; 0f; nanf; 1f; 0f; 1f; 1f; 1f; 0f |], 4)

            let states = circuit.LogLikelihood impossible
            let row = states |> Array.findIndex Double.IsNegativeInfinity

            for ask in
                [
                    fun () -> circuit.Posterior impossible |> ignore
                    fun () -> circuit.Mpe impossible |> ignore
                    fun () -> circuit.Sample impossible |> ignore
                ] do
                let told =
                    try
                        ask ()
                        Nullable()
                    with :? EvidenceException as e ->
                        e.Row

                Expect.equal told (Nullable row) "impossible evidence"

            Expect.throwsT<EvidenceException>
                (fun () -> Evidence.From([| 1f; 0f |], 2).And(Evidence.From([| 0f; 0f |], 2)) |> ignore)
                "contradiction")
    ]

let private posteriorTests =
    testList "posteriors" [
        testCase "posteriors equal enumeration, and add to one" (fun () ->
            eachSmall 40 300.0 (fun name circuit tolerance evidence all _ conditionals ->
                let posterior = circuit.Posterior evidence

                for row in 0 .. evidence.Count - 1 do
                    for v in 0 .. circuit.Variables - 1 do
                        let expected: float[] = Array.zeroCreate (statesOf circuit v)

                        Array.iteri
                            (fun s p ->
                                expected[int (all.Row(s).ToArray()[v])] <-
                                    expected[int (all.Row(s).ToArray()[v])] + p)
                            conditionals[row]

                        if posterior.IsDiscrete v then
                            let actual = posterior.Probabilities(row, v).ToArray()

                            Array.iter2
                                (fun a e -> close tolerance a e $"{name}, row {row}, variable {v}")
                                actual
                                expected

                            close 1e-9 (Array.sum actual) 1.0 $"{name}, total"
                        elif evidence.IsHidden(row, v) then
                            // Counts: the same table by the mixture of the variable.
                            let mixture = circuit.Mixture(evidence.Rows(ReadOnlySpan [| row |]), v)[0]

                            expected
                            |> Array.iteri (fun s e ->
                                close
                                    tolerance
                                    (exp (mixture.LogDensity(float32 s)))
                                    e
                                    $"{name}, row {row}, count {v}")))
        testCase "moments and covariances equal enumeration" (fun () ->
            eachSmall 25 300.0 (fun name circuit tolerance evidence all _ conditionals ->
                let posterior = circuit.Posterior evidence
                let value s v = float (all.Row(s).ToArray()[v])

                let expect row f =
                    conditionals[row] |> Array.mapi (fun s p -> p * f s) |> Array.sum

                for row in 0 .. min 1 (evidence.Count - 1) do
                    let covariance = circuit.Covariance(evidence.Rows(ReadOnlySpan [| row |]))

                    for v in 0 .. circuit.Variables - 1 do
                        let mean = expect row (fun s -> value s v)
                        close tolerance (posterior.Mean(row, v)) mean $"{name}, mean"

                        for u in 0 .. circuit.Variables - 1 do
                            let both = expect row (fun s -> value s v * value s u)
                            // Codes up to n have covariances of the size of n squared.
                            let scale = max 1.0 (float (statesOf circuit v * statesOf circuit u) / 4.0)

                            close
                                (scale * tolerance)
                                covariance[v, u]
                                (both - mean * expect row (fun s -> value s u))
                                $"{name}, covariance {v} {u}"))
        testCase "moments of real variables equal numeric integration, with intervals too" (fun () ->
            for engineName, engine, tolerance in engines do
                use circuit = normalCircuit engine

                let cases =
                    Evidence
                        .From([| nanf; 0.3f; -0.5f; nanf; nanf; 1.1f; nanf; nanf; nanf; nanf; 0.2f; nanf |], 3)
                        .Where(fun row v ->
                            if row = 2 && v = 0 then ValueSet.Between(-0.5, 0.9)
                            elif row = 3 && v = 2 then ValueSet.AtLeast 0.4
                            else null)

                let posterior = circuit.Posterior cases

                for row in 0 .. cases.Count - 1 do
                    for v in 0..2 do
                        if cases.IsHidden(row, v) then
                            let low, high =
                                match cases.SetOf(row, v) with
                                | :? Interval as set -> max set.Low -10.0, min set.High 10.0
                                | _ -> -10.0, 10.0

                            // Simpson's rule; the density is exactly that of the rounded points.
                            let steps = 4000
                            let width = (high - low) / float steps
                            let points = [| for i in 0..steps -> float (float32 (low + float i * width)) |]

                            let batch =
                                cases
                                    .Rows(ReadOnlySpan(Array.create points.Length row))
                                    .Observe(fun s u -> if u = v then Nullable(float32 points[s]) else Nullable())

                            let density = circuit.LogLikelihood batch |> Array.map exp

                            let integral f =
                                points
                                |> Array.mapi (fun i x ->
                                    let weight =
                                        if i = 0 || i = steps then 1.0
                                        elif i % 2 = 1 then 4.0
                                        else 2.0

                                    weight * f x * density[i] * width / 3.0)
                                |> Array.sum

                            let total = integral (fun _ -> 1.0)
                            let mean = integral id / total
                            let variance = integral (fun x -> (x - mean) * (x - mean)) / total
                            let name = $"{engineName}, row {row}, variable {v}"

                            close
                                tolerance
                                total
                                (exp (circuit.LogLikelihood(cases.Rows(ReadOnlySpan [| row |])) |> Array.head))
                                $"{name}, likelihood"

                            close tolerance (posterior.Mean(row, v)) mean $"{name}, mean"
                            close tolerance (posterior.Variance(row, v)) variance $"{name}, variance"
                            let mixture = circuit.Mixture(cases.Rows(ReadOnlySpan [| row |]), v)
                            let middle = steps / 2

                            close
                                tolerance
                                (exp (mixture[0].LogDensity(float32 points[middle])))
                                (density[middle] / total)
                                $"{name}, mixture")
        testCase "a mixture's moments are the posterior's" (fun () ->
            for seed in 1..30 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit

                if circuit.Classes = 1 then
                    let evidence = (Generators.evidence circuit.Plan 4 1.1 seed)
                    let posterior = circuit.Posterior evidence
                    let v = circuit.Variables - 1

                    circuit.Mixture(evidence, v)
                    |> Array.iteri (fun row mixture ->
                        let mean =
                            Seq.mapi (fun k w -> w * fst ((mixture.Moments k).ToTuple())) mixture.Weights
                            |> Seq.sum

                        close 1e-4 mean (posterior.Mean(row, v)) name
                        close 1e-9 (Seq.sum mixture.Weights) 1.0 name))
        testCase "variances keep their digits far from zero" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(2, 1, 1L))
                    .With(NormalInput(2, Location = 1e5, Scale = 1.0))
                    .SumPerRegion(2)
                    .HadamardProduct()
                    .RootSum()

            use circuit = Circuit.Compile(spec, seed = 4L)

            use near =
                Circuit.Compile(
                    CircuitSpec.Over(BinaryTrees(2, 1, 1L)).NormalInput(2).SumPerRegion(2).HadamardProduct().RootSum(),
                    seed = 4L
                )

            near.SetParameters circuit.Parameters

            let far, expected =
                circuit.Posterior(Evidence.Unknown(1, 2)), near.Posterior(Evidence.Unknown(1, 2))

            for v in 0..1 do
                close 1e-5 (far.Variance(0, v)) (expected.Variance(0, v)) "variance"
                close 1e-9 (far.Mean(0, v)) (1e5 + expected.Mean(0, v)) "mean")
    ]

let private mpeTests =
    testList "most probable explanations" [
        testCase "the max pass gives the value of its own way, and never more than is attained" (fun () ->
            for seed in 1..120 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit

                let evidence =
                    Generators.evidence circuit.Plan 9 0.6 seed
                    |> Generators.restrict circuit.Plan (Random seed)

                let possible =
                    circuit.LogLikelihood evidence
                    |> Array.chunkBySize circuit.Classes
                    |> Array.map (Array.exists Double.IsFinite)
                    |> Array.indexed
                    |> Array.filter snd
                    |> Array.map fst

                let evidence = evidence.Rows(ReadOnlySpan possible)

                let result =
                    try
                        circuit.Mpe evidence
                    with e ->
                        failtest $"{name}: {e.Message}"

                let again = circuit.Mpe result.Completed
                Expect.isFalse result.Completed.HasHidden name

                for row in 0 .. evidence.Count - 1 do
                    close 1e-5 again.LogBound[row] result.LogBound[row] $"{name}, row {row}"

                    if circuit.Classes = 1 then
                        Expect.isTrue (result.LogBound[row] <= result.LogLikelihood[row] + 1e-4) $"{name}, bound"

                    for v in 0 .. circuit.Variables - 1 do
                        let value = result.Completed.Row(row).ToArray()[v]

                        match evidence.SetOf(row, v) with
                        | null ->
                            if not (evidence.IsHidden(row, v)) then
                                Expect.equal value (evidence.Row(row).ToArray()[v]) name
                        | set -> Expect.isTrue (set.Contains value) $"{name}: {value} lies outside {set}")
        testCase "a deterministic circuit's answer equals enumeration and says that it is exact" (fun () ->
            for engineName, engine, _ in engines do
                use circuit = Circuit.Compile(Deterministic.spec, engine)
                let all = allValues circuit
                let table = logTable circuit all

                let evidence =
                    Evidence.From([| nanf; nanf; nanf; nanf; 1f; nanf; nanf; nanf; 0f; nanf; 1f; nanf |], 4)

                let result = circuit.Mpe evidence
                Expect.isTrue result.Exactness.IsExact $"{engineName}: {result.Exactness}"

                for row in 0 .. evidence.Count - 1 do
                    let best =
                        Seq.max [
                            for s in 0 .. table.Length - 1 do
                                if agrees evidence row all s then
                                    table[s]
                        ]

                    close 1e-5 result.LogLikelihood[row] best $"{engineName}, row {row}"
                    close 1e-5 result.LogBound[row] best $"{engineName}, row {row}")
        testCase "following the largest marginal of each variable is wrong where the max pass is right" (fun () ->
            use circuit = Circuit.Compile Deterministic.misleading
            let nothing = Evidence.Unknown(1, 2)
            let byMarginals = circuit.Complete(nothing, Completion.Mean)
            let mpe = circuit.Mpe nothing
            let table = logTable circuit (allValues circuit)
            Expect.isTrue mpe.Exactness.IsExact "exact"
            close 1e-5 mpe.LogLikelihood[0] (Array.max table) "the maximiser"
            Expect.isTrue (circuit.AverageLogLikelihood byMarginals < mpe.LogLikelihood[0] - 0.1) "marginals mislead")
        testCase "an approximate answer says so with a witness, and improving never lowers it" (fun () ->
            let mutable better = 0

            eachSmall 30 300.0 (fun name circuit _ evidence all table _ ->
                let plain = circuit.Mpe evidence
                let improved = circuit.Mpe(evidence, MpeOptions(Improve = 5))
                Expect.isNonEmpty plain.Exactness.Reason "reason"

                for row in 0 .. evidence.Count - 1 do
                    let best =
                        Seq.max [
                            for s in 0 .. table.Length - 1 do
                                if agrees evidence row all s then
                                    table[s]
                        ]

                    Expect.isTrue (improved.LogLikelihood[row] >= plain.LogLikelihood[row] - 1e-9) name
                    Expect.isTrue (improved.LogLikelihood[row] <= best + 1e-4) name

                    if improved.LogLikelihood[row] > plain.LogLikelihood[row] + 1e-6 then
                        better <- better + 1)

            Expect.isTrue (better > 0) "improving found something in some circuit")
    ]

let tests = testList "queries" [ marginalTests; posteriorTests; mpeTests ]
