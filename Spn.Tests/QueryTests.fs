/// Queries against enumeration and numeric integration.
module Spn.Tests.QueryTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Inference
open Spn.Core.Plans

let private compileWith (engine: IEngine) seed =
    let name, spec = Generators.spec seed
    name, Circuit.Compile(spec, engine, int64 seed)

let private statesOf (circuit: Circuit) v =
    match circuit.Plan.InputOf[v] with
    | null -> failwith "no input"
    | family when family.States.HasValue -> family.States.Value
    | _ -> 0

let private jointStates circuit (variables: int seq) =
    variables |> Seq.fold (fun n v -> n * float (statesOf circuit v)) 1.0

/// Seeds of random circuits with one class over few discrete values.
let private small most =
    Seq.initInfinite ((+) 1)
    |> Seq.filter (fun seed ->
        let _, spec = Generators.spec seed
        use circuit = Circuit.Compile(spec, ReferenceEngine())
        let n = jointStates circuit (seq { 0 .. circuit.Variables - 1 })
        n >= 4.0 && n <= most)

/// Every joint value of all variables.
let private allValues (circuit: Circuit) =
    let states = Array.init circuit.Variables (statesOf circuit)
    let count = Array.fold (*) 1 states

    let values =
        Array.init (count * circuit.Variables) (fun i ->
            let mutable rest = i / circuit.Variables
            let v = i % circuit.Variables

            for u in 0 .. v - 1 do
                rest <- rest / states[u]

            float32 (rest % states[v]))

    Evidence.From(values, circuit.Variables)

/// log p of all joint values, classes taken together with equal priors, by the reference.
let private logTable (circuit: Circuit) (all: Evidence) =
    use reference = Circuit.Compile(circuit.Spec, ReferenceEngine())
    reference.SetParameters circuit.Parameters

    reference.LogLikelihood all
    |> Array.chunkBySize circuit.Classes
    |> Array.map (fun own -> LogSum.Of(ReadOnlySpan own) - log (float circuit.Classes))

/// Whether a joint value agrees with what a row says.
let private agrees (evidence: Evidence) row (all: Evidence) state =
    let values = all.Row(state).ToArray()

    Seq.forall
        (fun v ->
            if not (evidence.IsHidden(row, v)) then
                evidence.Row(row).ToArray()[v] = values[v]
            else
                match evidence.SetOf(row, v) with
                | null -> true
                | set -> set.Contains values[v])
        (seq { 0 .. all.Variables - 1 })

/// The conditional distribution over joint values that a row leaves, or None when it is impossible.
let private conditional (evidence: Evidence) row (all: Evidence) (table: float[]) =
    let weights =
        Array.init table.Length (fun state ->
            if agrees evidence row all state then
                exp table[state]
            else
                0.0)

    let total = Array.sum weights

    if total = 0.0 then
        None
    else
        Some(weights |> Array.map (fun w -> w / total))

let private engines: (string * IEngine * float) list = [
    "reference", ReferenceEngine(), 1e-6
    "simd", SimdEngine(2), 1e-4
]

let private close tolerance (actual: float) expected message =
    if
        not (
            actual = expected
            || abs (actual - expected) <= tolerance * max 1.0 (abs expected)
        )
    then
        failtest $"{message}: {actual}, expected {expected}"

/// Circuits of both engines with rows of hidden entries and sets that are possible, and the enumerated conditional of each row.
let private eachSmall
    count
    most
    (law: string -> Circuit -> float -> Evidence -> Evidence -> float[] -> float[][] -> unit)
    =
    for seed in small most |> Seq.take count do
        for engineName, engine, tolerance in engines do
            let name, circuit = compileWith engine seed
            use circuit = circuit
            let all = allValues circuit
            let table = logTable circuit all

            let drawn =
                Generators.evidence circuit.Plan 6 0.6 seed
                |> Generators.restrict circuit.Plan (Random seed)

            let possible =
                [| 0..5 |] |> Array.filter (fun row -> (conditional drawn row all table).IsSome)

            if possible.Length > 0 then
                let evidence = drawn.Rows(ReadOnlySpan possible)

                let conditionals =
                    Array.init evidence.Count (fun row -> (conditional evidence row all table).Value)

                law $"{engineName}, {name}" circuit tolerance evidence all table conditionals

let private gaussianCircuit (engine: IEngine) =
    let spec =
        CircuitSpec.Over(BinaryTrees(3, 2, 5L)).GaussianInput(2).SumPerRegion(2).HadamardProduct().RootSum(1, true)

    Circuit.Compile(spec, engine, 3L)

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

                        let actual = posterior.Probabilities(row, v).ToArray()

                        Array.iter2
                            (fun a e -> close tolerance a e $"{name}, row {row}, variable {v}")
                            actual
                            expected

                        close 1e-9 (Array.sum actual) 1.0 $"{name}, total"))
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
                use circuit = gaussianCircuit engine

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
                    .With(GaussianInput(2, Location = 1e5, Scale = 1.0))
                    .SumPerRegion(2)
                    .HadamardProduct()
                    .RootSum()

            use circuit = Circuit.Compile(spec, seed = 4L)

            use near =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(2, 1, 1L))
                        .GaussianInput(2)
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum(),
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
            use circuit = gaussianCircuit (SimdEngine 2)

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
            use circuit = gaussianCircuit (SimdEngine 2)
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

            // A factorised Gaussian: the sum of the closed forms.
            use normal =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(3, 1, 1L))
                        .GaussianInput(1, [ 0.5 ], [ 4.0 ])
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
    testList "queries" [
        marginalTests
        posteriorTests
        mpeTests
        sampleTests
        conditionTests
        informationTests
        classTests
        loadTests
    ]
