/// Samples, conditioned circuits, information, classes and load against enumeration.
module Spn.Tests.QuerySampleTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Inference
open Spn.Core.Plans
open Spn.Tests.Enumeration

let private sampleTests =
    testList "samples" [
        testCase "conditional samples follow the enumerated conditional (chi-square)" (fun () ->
            eachSmall 12 60.0 (fun name circuit _ evidence all _ conditionals ->
                let draws = 4000
                let samples = circuit.Sample(evidence, draws, 11L)
                Expect.equal samples.Count (evidence.Count * draws) "count"
                let index = System.Collections.Generic.Dictionary<string, int>()

                for s in 0 .. all.Count - 1 do
                    index[String.Join(',', all.Row(s).ToArray())] <- s

                for row in 0 .. evidence.Count - 1 do
                    let counts: int[] = Array.zeroCreate all.Count

                    for d in 0 .. draws - 1 do
                        let s = index[String.Join(',', samples.Row(row * draws + d).ToArray())]
                        counts[s] <- counts[s] + 1

                    // Values with small expectations are taken together.
                    let expected = conditionals[row] |> Array.map (fun p -> p * float draws)

                    let large = [|
                        for s in 0 .. all.Count - 1 do
                            if expected[s] >= 5.0 then
                                s
                    |]

                    let rest = float draws - (large |> Array.sumBy (fun s -> expected[s]))
                    let restCount = draws - (large |> Array.sumBy (fun s -> counts[s]))
                    let square (o: float) e = (o - e) * (o - e) / e

                    let chi =
                        (large |> Array.sumBy (fun s -> square (float counts[s]) expected[s]))
                        + (if rest >= 5.0 then square (float restCount) rest else 0.0)

                    let degrees = float (max 1 (large.Length - (if rest >= 5.0 then 0 else 1)))
                    // Five standard deviations of a chi-square variable.
                    Expect.isTrue
                        (chi < degrees + 5.0 * sqrt (2.0 * degrees) + 5.0)
                        $"{name}, row {row}: chi-square {chi} at {degrees} degrees"

                    Array.iteri
                        (fun s n ->
                            if conditionals[row][s] = 0.0 then
                                Expect.equal n 0 $"{name}: an impossible value was drawn")
                        counts))
        testCase "samples of real variables have the exact moments, within intervals too" (fun () ->
            use circuit = normalCircuit (SimdEngine 2)

            let evidence =
                Evidence.From([| nanf; 0.3f; nanf |], 3).Where(2, ValueSet.Between(-0.2, 1.5))

            let draws = 20000
            let samples = circuit.Sample(evidence, draws, 5L)
            let posterior = circuit.Posterior evidence

            for v in [ 0; 2 ] do
                let values = Array.init draws (fun d -> float (samples.Row(d).ToArray()[v]))
                let error = sqrt (posterior.Variance(0, v) / float draws)
                Expect.isTrue (abs (Array.average values - posterior.Mean(0, v)) < 5.0 * error) $"mean of {v}"

            for d in 0 .. draws - 1 do
                let x = samples.Row(d).ToArray()
                Expect.isTrue (x[1] = 0.3f && x[2] >= -0.2f && x[2] <= 1.5f) "observed and interval")
        testCase "a sample does not hang on threads, batch or number of draws" (fun () ->
            for seed in 1..20 do
                let name, one = compileWith (SimdEngine 1) seed
                let _, two = compileWith (SimdEngine 2) seed
                use one = one
                use two = two
                let evidence = (Generators.evidence one.Plan 6 1.1 seed)
                let few, many = one.Sample(evidence, 2, 3L), two.Sample(evidence, 5, 3L)

                for row in 0 .. evidence.Count - 1 do
                    for d in 0..1 do
                        Expect.equal (few.Row(row * 2 + d).ToArray()) (many.Row(row * 5 + d).ToArray()) name)
        testCase "an expectation is estimated within its standard error" (fun () ->
            use circuit = normalCircuit (SimdEngine 2)
            let evidence = Evidence.From([| nanf; 0.3f; nanf |], 3)
            let posterior = circuit.Posterior evidence

            let estimate =
                circuit.Expectation((fun x -> float x[0] * float x[0]), evidence, 20000, 2L)

            let exact = posterior.Variance(0, 0) + posterior.Mean(0, 0) ** 2.0
            Expect.isTrue (abs (estimate.Value - exact) < 5.0 * estimate.StandardError) $"{estimate}, exact {exact}")
    ]

let private conditionTests =
    testList "conditioned circuits" [
        testCase "the conditioned circuit's likelihoods are the conditionals" (fun () ->
            for seed in 1..80 do
                for engineName, engine, tolerance in engines do
                    let name, circuit = compileWith engine seed
                    use circuit = circuit

                    let hidden = [|
                        for v in 0 .. circuit.Variables - 1 do
                            if (v + seed) % 3 <> 0 then
                                v
                    |]

                    let full = Generators.evidence circuit.Plan 5 0.0 seed

                    if hidden.Length > 0 && hidden.Length < circuit.Variables then
                        let given = (full.Rows(ReadOnlySpan [| 0 |])).Hide hidden

                        if circuit.LogLikelihood given |> Array.forall Double.IsFinite then
                            use rest = circuit.Condition given
                            Expect.equal rest.Variables hidden.Length name
                            let query = full.Only hidden
                            let expected = circuit.Conditional(query, given)

                            let actual =
                                rest.LogLikelihood(
                                    Evidence.From(
                                        [|
                                            for row in 0..4 do
                                                for v in hidden do
                                                    full.Row(row).ToArray()[v]
                                        |],
                                        hidden.Length
                                    )
                                )

                            Array.iter2
                                (fun a e -> close (10.0 * tolerance) a e $"{engineName}, {name}")
                                actual
                                expected)
        testCase "conditioning in two steps, and conditioning then marginalising, commute" (fun () ->
            for seed in 1..60 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit
                let n = circuit.Variables

                if n >= 3 && circuit.Classes = 1 then
                    let full = Generators.evidence circuit.Plan 1 0.0 seed
                    let value v = full.Row(0).ToArray()[v]

                    if circuit.LogLikelihood(full.Only(0, 1)) |> Array.forall Double.IsFinite then
                        use first = circuit.Condition(full.Only 0)
                        use second = first.Condition(Evidence.Unknown(1, n - 1).Observe(0, value 1))
                        use both = circuit.Condition(full.Only(0, 1))
                        let query = Evidence.Unknown(1, n - 2).Observe(0, value 2)
                        let a, b = second.LogLikelihood query, both.LogLikelihood query
                        close 1e-3 a[0] b[0] name
                        Expect.equal second.Spec both.Spec name
                        let expected = circuit.Conditional(full.Only 2, full.Only(0, 1))
                        close 1e-3 a[0] expected[0] name)
        testCase "a conditioned circuit is saved, loaded and trained like any other" (fun () ->
            let name, circuit = compileWith (SimdEngine 2) 3
            use circuit = circuit
            let full = Generators.evidence circuit.Plan 50 0.0 3
            use rest = circuit.Condition(full.Rows(ReadOnlySpan [| 0 |]).Only 0)

            let file =
                IO.Path.Combine(IO.Path.GetTempPath(), $"spn-{Guid.NewGuid()}.safetensors")

            try
                rest.Save file
                use loaded = Circuit.Load file
                Expect.equal loaded.Spec rest.Spec name
                let samples = rest.Sample(20, 1L)
                Expect.equal (loaded.LogLikelihood samples) (rest.LogLikelihood samples) name
            finally
                IO.File.Delete file)
        testCase "conditioning on everything or on sets is refused" (fun () ->
            let _, circuit = compileWith (SimdEngine 1) 3
            use circuit = circuit
            let full = Generators.evidence circuit.Plan 1 0.0 3
            Expect.throwsT<CircuitException> (fun () -> circuit.Condition full |> ignore) "all observed"
            let set = full.Where(0, ValueSet.AtLeast -1.0)
            Expect.throwsT<EvidenceException> (fun () -> circuit.Condition set |> ignore) "a set")
    ]

let private informationTests =
    testList "information" [
        testCase "entropy, divergence and mutual information over few values equal enumeration" (fun () ->
            for seed in small 300.0 |> Seq.take 20 do
                let name, p = compileWith (SimdEngine 2) seed
                use p = p

                if p.Classes = 1 then
                    use q = Circuit.Compile(p.Spec, seed = int64 seed + 50L)
                    let all = allValues p
                    let logP, logQ = logTable p all, logTable q all

                    let expect f =
                        Array.mapi (fun s l -> if Double.IsFinite l then exp l * f s else 0.0) logP
                        |> Array.sum

                    let entropy = p.Entropy()
                    Expect.isTrue entropy.Exactness.IsExact name
                    close 1e-4 entropy.Nats (-expect (fun s -> logP[s])) $"{name}, entropy"
                    close 1e-4 (p.Divergence q).Nats (expect (fun s -> logP[s] - logQ[s])) $"{name}, divergence"
                    Expect.isTrue ((p.Divergence q).Nats > -1e-5) $"{name}, divergence is not negative"

                    if p.Variables >= 2 then
                        let a, b = p.Marginal(all, 0), p.Marginal(all, 1)
                        let both = p.Marginal(all, 0, 1)

                        close
                            1e-3
                            (p.MutualInformation([ 0 ], [ 1 ])).Nats
                            (expect (fun s -> both[s] - a[s] - b[s]))
                            $"{name}, mutual information")
        testCase "deterministic circuits have exact entropies and divergences by structure" (fun () ->
            use p = Circuit.Compile(Deterministic.spec, ReferenceEngine())
            use q = Circuit.Compile(Deterministic.other, ReferenceEngine())
            let none = InformationOptions(MostStates = 0)
            let all = allValues p
            let logP, logQ = logTable p all, logTable q all

            let expect f =
                Array.mapi (fun s l -> if Double.IsFinite l then exp l * f s else 0.0) logP
                |> Array.sum

            let entropy, divergence = p.Entropy none, p.Divergence(q, none)

            Expect.isTrue
                (entropy.Exactness.IsExact && divergence.Exactness.IsExact)
                $"{entropy.Exactness}, {divergence.Exactness}"

            close 1e-9 entropy.Nats (-expect (fun s -> logP[s])) "entropy"
            close 1e-9 divergence.Nats (expect (fun s -> logP[s] - logQ[s])) "divergence"

            // A factorised normal density: the sum of the closed forms.
            use normal =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(3, 1, 1L))
                        .NormalInput(1, [ 0.5 ], [ 4.0 ])
                        .HadamardProduct()
                        .RootSum()
                )

            close 1e-6 (normal.Entropy()).Nats (3.0 * 0.5 * log (2.0 * Math.PI * Math.E * 4.0)) "normal")
        testCase "estimates name the obstacle and lie within their standard errors" (fun () ->
            for seed in small 300.0 |> Seq.take 8 do
                let name, p = compileWith (SimdEngine 2) seed
                use p = p

                if p.Classes = 1 then
                    let sampled = InformationOptions(MostStates = 0, Samples = 20000)
                    let exact, estimate = p.Entropy(), p.Entropy sampled

                    if not estimate.Exactness.IsExact then
                        Expect.stringContains estimate.Exactness.Reason "estimated from 20000 samples" name

                        Expect.isTrue
                            (abs (estimate.Nats - exact.Nats) < 5.0 * estimate.StandardError + 1e-6)
                            $"{name}: {estimate}, exact {exact}")
        testCase "support agrees with what the answers say" (fun () ->
            for seed in 1..40 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit
                let support = circuit.Support() |> Seq.map (fun s -> s.Query, s.Level) |> dict
                let nothing = Evidence.Unknown(1, circuit.Variables)

                Expect.equal
                    (support["most probable explanation"] = QueryLevel.Exact)
                    (circuit.Mpe nothing).Exactness.IsExact
                    name

                Expect.equal (support["class posterior"] = QueryLevel.Unavailable) (circuit.Classes = 1) name

                if circuit.Classes = 1 then
                    let entropy = circuit.Entropy(InformationOptions(Samples = 10))
                    Expect.equal (support["entropy"] = QueryLevel.Exact) entropy.Exactness.IsExact name
                else
                    Expect.throwsT<ArgumentException> (fun () -> circuit.Entropy() |> ignore) name)
    ]

let private classTests =
    testList "classes" [
        testCase "the class posterior is Bayes' rule over the class roots" (fun () ->
            for seed in 1..60 do
                let name, circuit = compileWith (SimdEngine 2) seed
                use circuit = circuit
                let c = circuit.Classes

                if c > 1 then
                    let evidence = Generators.evidence circuit.Plan 7 0.3 seed
                    let prior = [| for i in 1..c -> float i / float (c * (c + 1) / 2) |]
                    let likelihoods = circuit.LogLikelihood evidence |> Array.chunkBySize c

                    if likelihoods |> Array.forall (Array.exists Double.IsFinite) then
                        let actual = circuit.ClassPosterior(evidence, prior) |> Array.chunkBySize c
                        let best = circuit.MostProbableClass(evidence, prior)

                        Array.iteri2
                            (fun row own (logs: float[]) ->
                                let joint = Array.map2 (fun l p -> exp l * p) logs prior
                                Array.iteri (fun i a -> close 1e-6 a (joint[i] / Array.sum joint) name) own
                                Expect.equal own[best[row]] (Array.max own) name)
                            actual
                            likelihoods)
        testCase "an improper prior is refused" (fun () ->
            let _, circuit = compileWith (SimdEngine 1) 1
            use circuit = circuit

            Expect.throwsT<ArgumentException>
                (fun () ->
                    circuit.ClassPosterior(Evidence.Unknown(1, circuit.Variables), [ 0.3 ])
                    |> ignore)
                "prior")
    ]

let private loadTests =
    testCase "one circuit answers many threads as it answers one" (fun () ->
        let spec =
            CircuitSpec
                .Over(BinaryTrees(12, 9, 2L))
                .IndicatorInput()
                .SumPerRegion(5)
                .HadamardProduct()
                .RootSum(1, true)

        use circuit = Circuit.Compile(spec, SimdEngine 2)
        let batches = [| for i in 0..15 -> Generators.evidence circuit.Plan 70 0.4 i |]

        let ask (evidence: Evidence) =
            let posterior = circuit.Posterior evidence
            let mpe = circuit.Mpe evidence

            circuit.LogLikelihood evidence,
            [| for v in 0..11 -> posterior.Mean(3, v) |],
            mpe.LogBound,
            mpe.Completed.Values.ToArray(),
            circuit.Sample(evidence, 2, 9L).Values.ToArray()

        let alone = batches |> Array.map ask
        let results = Array.create (batches.Length * 4) alone[0]

        let threads = [|
            for t in 0..7 ->
                Threading.Thread(fun () ->
                    for i in t..8 .. results.Length - 1 do
                        results[i] <- ask batches[i % batches.Length])
        |]

        threads |> Array.iter _.Start()
        threads |> Array.iter _.Join()

        results
        |> Array.iteri (fun i r -> Expect.isTrue (r = alone[i % batches.Length]) $"batch {i}"))

let tests =
    testList "queries about samples and wholes" [ sampleTests; conditionTests; informationTests; classTests; loadTests ]
