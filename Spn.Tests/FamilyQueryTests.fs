/// Every input family through both engines, every query, files and tables.
module Spn.Tests.FamilyQueryTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines
open Spn.Core.Files
open Spn.Core.Inference
open Spn.Core.Lowering
open Spn.Core.Training

let private circuits (input: LayerSpec) =
    CircuitSpec.Over(BinaryTrees(3, 2, 1L)).With(input).SumPerRegion(2).HadamardProduct().RootSum()

let private eachInput law =
    for name, input in Generators.inputs 3 do
        law name (circuits input)

let private both spec action =
    use reference = Circuit.Compile(spec, Reference.ReferenceEngine(), 3L)
    use simd = Circuit.Compile(spec, Simd.SimdEngine 2, 3L)
    action reference simd

let private someEvidence (plan: Plans.Plan) count =
    Generators.evidence plan count 0.4 11 |> Generators.restrict plan (Random 5)

/// Rows that the circuit allows.
let private possible (circuit: Circuit) (evidence: Evidence) =
    let scores = circuit.LogLikelihood evidence

    evidence.Rows(
        ReadOnlySpan [|
            for row in 0 .. evidence.Count - 1 do
                if scores[row] > -1e4 then
                    row
        |]
    )

let private engineTests =
    testList "engines and queries" [
        testCase
            "every family has the reference's values, gradients and flows in the fast engine, with sets and hidden values too"
            (fun () ->
                eachInput (fun name spec ->
                    let plan = Lowerer.Lower spec
                    EngineTests.agrees name plan (plan.Initialise 3L) (someEvidence plan 50)

                    EngineTests.agrees
                        $"{name}, observed"
                        plan
                        (plan.Initialise 4L)
                        (Generators.evidence plan 50 0.0 2)))
        testCase "posteriors, covariances and explanations of both engines agree" (fun () ->
            eachInput (fun name spec ->
                both spec (fun reference simd ->
                    let evidence = possible reference (someEvidence reference.Plan 20)
                    Expect.isGreaterThan evidence.Count 10 name
                    let expected, actual = reference.Posterior evidence, simd.Posterior evidence
                    let close = { absolute = 1e-4; relative = 1e-4 }

                    for row in 0 .. evidence.Count - 1 do
                        for v in 0..2 do
                            if expected.IsDiscrete v then
                                Expect.floatsClose
                                    close
                                    (actual.Probabilities(row, v).ToArray())
                                    (expected.Probabilities(row, v).ToArray())
                                    name
                            elif expected.HasMoments(row, v) then
                                Expect.floatClose close (actual.Mean(row, v)) (expected.Mean(row, v)) $"{name}, mean"

                                Expect.floatClose
                                    { absolute = 1e-3; relative = 1e-3 }
                                    (actual.Variance(row, v))
                                    (expected.Variance(row, v))
                                    $"{name}, variance"

                    Expect.floatsClose
                        close
                        (simd.Mpe(evidence).LogLikelihood)
                        (reference.Mpe(evidence).LogLikelihood)
                        name

                    if
                        expected.HasMoments(0, 0)
                        && expected.HasMoments(0, 1)
                        && expected.HasMoments(0, 2)
                    then
                        let one = evidence.Rows(ReadOnlySpan [| 0 |])
                        let a: float[,] = reference.Covariance one
                        let b: float[,] = simd.Covariance one

                        for i in 0..2 do
                            for j in 0..2 do
                                Expect.floatClose
                                    { absolute = 1e-3; relative = 2e-3 }
                                    b[i, j]
                                    a[i, j]
                                    $"{name}, covariance")))
        testCase "samples lie in the domain and in the sets, and have the posterior's mean" (fun () ->
            eachInput (fun name spec ->
                use circuit = Circuit.Compile(spec, seed = 3L)

                let evidence =
                    (possible circuit (someEvidence circuit.Plan 20)).Rows(ReadOnlySpan [| 0; 1 |])

                let draws = 2000
                let samples = circuit.Sample(evidence, draws)
                circuit.Plan.CheckEvidence samples
                let posterior = circuit.Posterior evidence

                for row in 0..1 do
                    for v in 0..2 do
                        let values = [| for d in 0 .. draws - 1 -> samples.Row(row * draws + d)[v] |]

                        match evidence.SetOf(row, v) with
                        | null -> ()
                        | set -> Expect.isTrue (values |> Array.forall set.Contains) $"{name}: inside {set}"

                        if posterior.HasMoments(row, v) then
                            let deviation = sqrt (posterior.Variance(row, v) / float draws)

                            Expect.floatClose
                                {
                                    absolute = 5.0 * deviation + 1e-5
                                    relative = 1e-6
                                }
                                (values |> Array.averageBy float)
                                (posterior.Mean(row, v))
                                $"{name}, row {row}, variable {v}"))
        testCase
            "every way of completion gives values of the domain, and explanations are as likely as they say"
            (fun () ->
                eachInput (fun name spec ->
                    use circuit = Circuit.Compile(spec, seed = 3L)
                    let evidence = possible circuit (someEvidence circuit.Plan 20)

                    for way in [ Completion.Mean; Completion.Mpe; Completion.Component; Completion.Sample ] do
                        let completed = circuit.Complete(evidence, way)
                        Expect.isFalse completed.HasHidden $"{name}, {way}"
                        circuit.Plan.CheckEvidence completed

                    let mpe = circuit.Mpe evidence

                    Expect.floatsClose
                        { absolute = 1e-4; relative = 1e-4 }
                        (circuit.LogLikelihood mpe.Completed)
                        mpe.LogLikelihood
                        name))
        testCase
            "a conditioned circuit has the conditional probabilities, and mixtures the posterior's moments"
            (fun () ->
                eachInput (fun name spec ->
                    use circuit = Circuit.Compile(spec, seed = 3L)
                    let full = possible circuit (Generators.evidence circuit.Plan 10 0.0 7)
                    let given = full.Rows(ReadOnlySpan [| 0 |]).Hide(1, 2)
                    use rest = circuit.Condition given
                    let others = full.Observe(0, full.Row(0)[0])

                    let joint =
                        Array.map (fun l -> l - circuit.LogLikelihood(given)[0]) (circuit.LogLikelihood others)

                    let own =
                        rest.LogLikelihood(
                            Evidence.From(
                                [|
                                    for row in 0 .. full.Count - 1 do
                                        yield! full.Row(row).ToArray()[1..]
                                |],
                                2
                            )
                        )

                    Expect.floatsClose { absolute = 1e-4; relative = 1e-4 } own joint name
                    let mixture = circuit.Mixture(given, 1)[0]
                    let posterior = circuit.Posterior given

                    if posterior.HasMoments(0, 1) then
                        Expect.floatClose
                            { absolute = 1e-4; relative = 1e-4 }
                            mixture.Mean
                            (posterior.Mean(0, 1))
                            name

                        Expect.floatClose
                            { absolute = 1e-3; relative = 1e-3 }
                            mixture.Variance
                            (posterior.Variance(0, 1))
                            name

                    let median = mixture.Quantile 0.5
                    Expect.isGreaterThan (exp (mixture.LogProbability(ValueSet.AtMost median))) 0.4999 name))
        testCase "entropies are those of samples" (fun () ->
            for name, input in Generators.inputs 1 do
                match input with
                | :? UniformInput
                | :? CauchyInput -> ()
                | _ ->
                    // One density: the sum over it is deterministic, and the entropy exact.
                    use circuit =
                        Circuit.Compile(CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).With(input).RootSum(), seed = 2L)

                    let exact = circuit.Entropy()
                    Expect.isTrue exact.Exactness.IsExact $"{name}: {exact}"
                    let samples = circuit.Sample 4000
                    let scores = circuit.LogLikelihood samples
                    let estimate = -(Array.average scores)

                    let spread =
                        sqrt (scores |> Array.averageBy (fun s -> pown (s + estimate) 2)) / sqrt 4000.0

                    Expect.floatClose
                        {
                            absolute = 5.0 * spread + 1e-6
                            relative = 0.0
                        }
                        exact.Nats
                        estimate
                        name)
        testCase "training makes the samples likelier, with hidden values too" (fun () ->
            eachInput (fun name spec ->
                use teacher = Circuit.Compile(spec, seed = 3L)
                let train = teacher.Sample(300).Hide(fun row v -> (row + v) % 5 = 0)
                use circuit = Circuit.Compile(spec, seed = 8L)
                circuit.Initialise(train, 5L) |> ignore
                let before = circuit.LogLikelihood train |> Array.average

                circuit.Fit(train, null, GradientOptions(Steps = 30, BatchSize = 300, LearningRate = 0.05))
                |> ignore

                let after = circuit.LogLikelihood train |> Array.average
                Expect.isTrue (Double.IsFinite after) $"{name}: {after}"
                Expect.isGreaterThan after before name))
    ]

let private descriptionTests =
    testList "descriptions and files" [
        testCase "every family comes back from a description and from a file" (fun () ->
            let folder = Directory.CreateTempSubdirectory "spn-families-"

            try
                eachInput (fun name spec ->
                    Expect.isTrue (SpecKinds.Default.Read(SpecKinds.Default.Write spec) = spec) name
                    let path = Path.Combine(folder.FullName, "m.safetensors")
                    use circuit = Circuit.Compile(spec, seed = 3L)
                    circuit.Save path
                    use loaded = Circuit.Load path
                    Expect.isTrue (loaded.Spec = spec) name
                    let evidence = Generators.evidence circuit.Plan 10 0.2 1
                    Expect.equal (loaded.LogLikelihood evidence) (circuit.LogLikelihood evidence) name)
            finally
                folder.Delete true)
        testCase "the same input is the same value from F# and from C#" (fun () ->
            let start = CircuitSpec.Over(Generators.diamond)

            for fsharp, csharp in
                [
                    Input.Binomial(3, trials = 9), start.BinomialInput(3, 9)
                    Input.Poisson(2, init = Init.KMeans), start.PoissonInput(2, Init.KMeans)
                    Input.Geometric 2, start.GeometricInput 2
                    Input.NegativeBinomial(2, successes = 1.5), start.NegativeBinomialInput(2, 1.5)
                    Input.NegativeBinomial 2, start.NegativeBinomialInput 2
                    Input.DiscretisedLogistic(4, states = 256), start.DiscretisedLogisticInput(4, 256)
                    Input.Exponential 2, start.ExponentialInput 2
                    Input.Gamma(2, shape = 3.0), start.GammaInput(2, 3.0)
                    Input.Gamma(2, init = Init.Quantiles), start.GammaInput(2, init = Init.Quantiles)
                    Input.Beta 2, start.BetaInput 2
                    Input.LogNormal 2, start.LogNormalInput 2
                    Input.Uniform [ 0.0, 1.0; -1.0, 2.0 ], start.UniformInput(struct (0.0, 1.0), struct (-1.0, 2.0))
                    Input.Histogram(2, [ 0.0; 1.0; 3.0 ], quantiles = true),
                    start.HistogramInput(2, [ 0.0; 1.0; 3.0 ], true)
                    Input.Normal(2, mostDeviation = 0.1), start.With(NormalInput(2, MostDeviation = 0.1))
                ] do
                Expect.isTrue (start.With(fsharp) = csharp) $"{fsharp.Name}"
                Expect.stringContains fsharp.Name "Input." "named")
        testCase "settings that make no distribution are refused with the way out" (fun () ->
            for spec, part in
                ([
                    BinomialInput(2, 0), "Give 1 to"
                    NegativeBinomialInput(2, Successes = 0.0), "above 0"
                    GammaInput(2, Shape = -1.0), "above 0"
                    DiscretisedLogisticInput(2, 1), "Give 2 to"
                    DiscretisedLogisticInput(2, 9, LeastDeviation = nan), "above 0"
                    UniformInput(ValueList [ 1.0 ], ValueList [ 1.0 ]), "each lower one below"
                    UniformInput(ValueList [ 1.0; 2.0 ], ValueList [ 3.0 ]), "one of each"
                    HistogramInput(2, ValueList [ 1.0 ]), "Give 2 to 1025"
                    HistogramInput(2, ValueList [ 0.0; 2.0; 2.0 ]), "ascending"
                    NormalInput(2, MostDeviation = 1e-4), "above the least"
                    PoissonInput 0, "at least 1"
                ]
                : (LayerSpec * string) list) do
                let error =
                    Expect.raises<CircuitException> (fun () -> Lowerer.Lower(circuits spec) |> ignore) spec.Name

                Expect.stringContains error.Message part spec.Name)
        testCase "values and sets outside of the domain are refused in words" (fun () ->
            for input, value, part in
                ([
                    BinomialInput(2, 7), 8f, "8 is not an integer from 0 to 7"
                    PoissonInput 2, -1f, "-1 is not an integer of at least 0"
                    GeometricInput 2, 0.5f, "0.5 is not an integer of at least 0"
                    ExponentialInput 2, -0.5f, "-0.5 is not a number of at least 0"
                    GammaInput 2, 0f, "0 is not a number above 0"
                    BetaInput 2, 1f, "1 is not a number above 0 and below 1"
                    UniformInput(ValueList [ 0.0; 1.0 ], ValueList [ 1.0; 2.5 ]), 3f, "3 is not a number from 0 to 2.5"
                    NormalInput 2, infinityf, "not a finite number"
                ]
                : (LayerSpec * float32 * string) list) do
                use circuit = Circuit.Compile(circuits input)

                let refused evidence =
                    (Expect.raises<EvidenceException>
                        (fun () -> circuit.LogLikelihood(evidence: Evidence) |> ignore)
                        input.Name)
                        .Message

                Expect.stringContains (refused (Evidence.From([| value; nanf; nanf |], 3))) part input.Name
                let nothing = Evidence.Unknown(1, 3)

                match input with
                | :? NormalInput -> ()
                | _ ->
                    Expect.stringContains
                        (refused (nothing.Where(0, ValueSet.Between(-9.0, -3.0))))
                        "holds nothing that is"
                        input.Name

                if not (circuit.Plan.InputOf[0] |> Unchecked.nonNull).Domain.IsInteger then
                    Expect.stringContains (refused (nothing.Where(0, ValueSet.OneOf 0.5f))) "probability 0" input.Name)
        testCase "deviations stay between their bounds, whatever the data" (fun () ->
            let train = Evidence.From(Array.init 300 (fun i -> float32 (i % 7) * 10f), 3)

            let spec = circuits (NormalInput(2, LeastDeviation = 1e-3, MostDeviation = 0.1))

            use circuit = Circuit.Compile(spec, seed = 1L)
            circuit.Initialise(train, 1L) |> ignore

            circuit.Fit(train, null, GradientOptions(Steps = 60, BatchSize = 100, LearningRate = 0.1))
            |> ignore

            let variances = circuit.Posterior(Evidence.Unknown(1, 3))
            let mixture = circuit.Mixture(Evidence.Unknown(1, 3), 0)[0]

            for k in 0 .. mixture.Weights.Count - 1 do
                let _, variance = mixture.Moments(k).ToTuple()
                Expect.isTrue (variance <= 0.01 + 1e-9 && variance >= 1e-6 - 1e-12) $"variance {variance}"

            Expect.isGreaterThan (variances.Variance(0, 0)) 0.01 "of the mixture")
    ]

/// Counts, amounts, shares, labels and numbers; every seventh cell is missing.
let private table rows = [|
    "visits,amount,share,colour,height"
    let random = RandomStream(3L, "table", 0L)

    for i in 1..rows do
        let busy = random.NextDouble() < 0.5

        let visits =
            Seq.init 30 (fun _ ->
                if random.NextDouble() < (if busy then 0.4 else 0.05) then
                    1
                else
                    0)
            |> Seq.sum

        let amount = (if busy then 20.0 else 2.0) * random.NextGamma 2.0

        let share =
            random.NextGamma 2.0
            |> fun a -> a / (a + random.NextGamma(if busy then 6.0 else 2.0))

        let colour = if (random.NextDouble() < 0.8) = busy then "red" else "blue"
        let height = 170.0 + 10.0 * random.NextNormal()

        let cells = [
            string visits
            amount.ToString("F3", Globalization.CultureInfo.InvariantCulture)
            (min 0.99999 (max 0.00001 share)).ToString("F5", Globalization.CultureInfo.InvariantCulture)
            colour
            height.ToString("F1", Globalization.CultureInfo.InvariantCulture)
        ]

        String.Join(",", cells |> List.mapi (fun c cell -> if (5 * i + c) % 7 = 0 then "" else cell))
|]

let private tableTests =
    testList "tables of mixed types" [
        testCase "counts, amounts, shares, labels and numbers with missing cells train and answer together" (fun () ->
            let folder = Directory.CreateTempSubdirectory "spn-mixed-"

            try
                let file = Path.Combine(folder.FullName, "t.csv")
                File.WriteAllLines(file, table 600)
                let schema = Schema.Infer(file, SchemaOptions(Counts = [| "visits" |]))
                Expect.equal schema.Columns[0] (CountColumn "visits") "counts"
                let train = schema.Read file

                let input =
                    Input.ForSchema(3, schema, special = [ "amount", Input.Gamma 3; "share", Input.Beta 3 ])

                Expect.equal
                    input.Name
                    "Input.PerVariable(Input.NegativeBinomial(3), Input.Gamma(3), Input.Beta(3), Input.Indicator(2), Input.Normal(3))"
                    "inputs"

                let spec =
                    Regions.RandomBinaryTrees(5, replicas = 2)
                    |> Circuit.overRegions [ input; Sum.PerRegion 4; Product.Hadamard; Sum.Root() ]

                use circuit = Circuit.Compile(spec, seed = 1L)
                circuit.Initialise(train, 1L) |> ignore
                circuit.Schema <- schema
                let before = circuit.LogLikelihood train |> Array.average

                circuit.Fit(train, null, GradientOptions(Steps = 150, BatchSize = 200, LearningRate = 0.03))
                |> ignore

                let after = circuit.LogLikelihood train |> Array.average
                Expect.isGreaterThan after (before + 0.3) "nats a row"
                // Many visits and large amounts go together.
                let mean conditions variable =
                    circuit.Posterior(schema.Given conditions).Mean(0, schema.Find variable)

                Expect.isGreaterThan (mean "visits >= 9" "amount") (2.0 * mean "visits < 3" "amount") "amounts"
                Expect.isGreaterThan (mean "amount > 60" "visits") (mean "amount < 3" "visits" + 4.0) "visits"
                let completed = circuit.Complete train
                circuit.Plan.CheckEvidence completed
                let path = Path.Combine(folder.FullName, "m.safetensors")
                circuit.Save path
                use loaded = Circuit.Load path
                Expect.isTrue (loaded.Schema = schema) "the schema is kept"
                Expect.stringContains (nonNull (Show.text schema)) "counts" "shown"
            finally
                folder.Delete true)
        testCase "conditions on counts mean integers" (fun () ->
            let schema = Schema [| CountColumn "n" :> Column |]

            let setOf conditions =
                schema.Given(conditions: string).SetOf(0, 0)

            Expect.equal (setOf "n < 3") (ValueSet.AtMost 2.0) "less"
            Expect.equal (setOf "n <= 3.5") (ValueSet.AtMost 3.0) "at most"
            Expect.equal (setOf "n > 2") (ValueSet.AtLeast 3.0) "more"
            Expect.equal (setOf "1.5 <= n") (ValueSet.AtLeast 2.0) "at least"
            Expect.equal (setOf "n in {1, 4, 9}, n >= 3") (ValueSet.OneOf(4f, 9f)) "listed"
            Expect.equal ((schema.Given "n = 7").Row(0).ToArray()) [| 7f |] "equal"
            Expect.equal ((schema.Given "n > 3, n < 5").Row(0).ToArray()) [| 4f |] "between"

            for conditions, part in
                [
                    "n = 2.5", "is not an integer of at least 0"
                    "n < 0", "no value of column \"n\" fits"
                    "n != 3", "counts without an end"
                    "n > 3, n < 4", "contradict"
                    "n in {1, 2}, n > 5", "contradict"
                ] do
                let error =
                    Expect.raises<EvidenceException> (fun () -> schema.Given conditions |> ignore) conditions

                Expect.stringContains error.Message part conditions)
        testCase "a column of counts refuses what is none" (fun () ->
            let column = CountColumn "n"

            for cell in [ "-1"; "2.5"; "many"; "1e99" ] do
                let mutable value = 0f
                Expect.isFalse (column.TryRead(cell.AsSpan(), &value)) cell

            Expect.equal (column.Text 1234567f) "1234567" "in full"
            Expect.equal (column.Rounded 2.3456789) "2.34568" "a mean"

            let infer (text: string) =
                use stream = new MemoryStream(Text.Encoding.UTF8.GetBytes text)
                Schema.Infer(stream, "t.csv", SchemaOptions(Counts = [| "n" |])) |> ignore

            let error =
                Expect.raises<DataFormatException> (fun () -> infer "n,m\n1,2\n-3,4\n") "negative"

            Expect.stringContains error.Message "line 3" "where"
            Expect.stringContains error.Message "an integer of at least 0" "what"

            use circuit =
                Circuit.Compile(CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).PoissonInput(2).RootSum())

            Expect.equal circuit.SchemaOrDefault.Columns[0] (CountColumn "x0") "of a circuit of counts"

            let refused =
                Expect.raises<ArgumentException>
                    (fun () -> circuit.Schema <- Schema [| RealColumn "a" :> Column |])
                    "real"

            Expect.stringContains refused.Message "has real values, variable 0 of the circuit counts" "message")
    ]

let tests = testList "families" [ engineTests; descriptionTests; tableTests ]
