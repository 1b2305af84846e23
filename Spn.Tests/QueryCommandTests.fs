/// Questions on the command line, and the tables that they read and write.
module Spn.Tests.QueryCommandTests

open System
open System.Globalization
open System.IO
open System.IO.Compression
open System.Text
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training
open Spn.Host

/// Exit code, output and errors of a command line given word by word.
let private spnWith (cancellation: CancellationToken) (words: string list) =
    use output = new StringWriter()
    use error = new StringWriter()

    let code =
        Program.Run(Array.ofList words, output, error, ProgressLine(error, 0), cancellation)

    code, string output, string error

let private spn words = spnWith CancellationToken.None words

let private succeeds words =
    let code, output, error = spn words
    Expect.equal (code, error) (0, "") (String.concat " " words)
    output

let private fails expected part words =
    let code, output, error = spn words
    Expect.equal (code, output) (expected, "") (String.concat " " words)
    Expect.stringContains error part "the message"
    Expect.equal (error.Trim().Split('\n').Length) 1 "one line"

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work (fun (name: string) -> Path.Combine(folder.FullName, name))
    finally
        folder.Delete true

/// Two groups of people, a tenth of the cells missing; identifier and note are no variables.
let private people rows =
    let random = RandomStream(5L, "people")

    let row i =
        let young = random.NextDouble() < 0.5

        let gap cell =
            if random.NextDouble() < 0.1 then "" else cell

        let age =
            ((if young then 28.0 else 61.0) + 6.0 * random.NextNormal()).ToString("F1", CultureInfo.InvariantCulture)

        let smoker =
            if random.NextDouble() < (if young then 0.7 else 0.2) then
                "yes"
            else
                "no"

        let vote = random.NextInt 3
        $"P{i},{gap age},{gap smoker},{gap (string vote)},\"note, {i}\""

    String.concat "\n" [
        yield "id,age,smoker,vote,note"
        for i in 1..rows do
            yield row i
    ]
    + "\n"

let private table = lazy (people 300)

let private stream (text: string) =
    new MemoryStream(Encoding.UTF8.GetBytes text)

let private schema =
    lazy (Schema.Infer(stream table.Value, "people.csv", SchemaOptions(Drop = [| "id"; "note" |])))

let private trained =
    lazy
        (let schema = schema.Value
         let data = schema.Read(stream table.Value, "people.csv")

         let circuit =
             CircuitSpec
                 .Over(BinaryTrees(schema.Variables, 3))
                 .With(schema.Inputs 3)
                 .SumPerRegion(3)
                 .HadamardProduct()
                 .RootSum(mixture = true)
             |> Circuit.compile

         circuit.Initialise data |> ignore
         circuit.Schema <- schema

         circuit.Fit(data, null, GradientOptions(Steps = 60, EvaluationPeriod = 30))
         |> ignore

         circuit)

/// A folder with the model and its table.
let private withModel work =
    inFolder (fun file ->
        let model = file "people.safetensors"
        trained.Value.Save model
        File.WriteAllText(file "people.csv", table.Value)
        work trained.Value model file)

let private number (text: string) =
    Double.Parse(text, CultureInfo.InvariantCulture)

let private cells (csv: string) =
    csv.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> Array.map _.Split(',')

let private complete options (text: string) (circuit: Circuit) =
    use output = new StringWriter()
    let report = circuit.CompleteTable(stream text, "people.csv", output, options)
    report, string output

let private askTests =
    testList "--ask" [
        testCase "prints the posterior of the columns, exactly with --csv" (fun () ->
            withModel (fun circuit model _ ->
                let rows =
                    succeeds [ "query"; model; "--given"; "smoker = yes"; "--ask"; "vote, age"; "--csv" ]
                    |> cells

                let given = schema.Value.Given "smoker = yes"
                let posterior = circuit.Posterior given
                let vote, age = schema.Value.Find "vote", schema.Value.Find "age"

                let expected = [|
                    for code, p in Seq.indexed (posterior.Probabilities(0, vote).ToArray()) ->
                        [| "vote"; string code |], p
                |]

                Expect.sequenceEqual [| for row in rows[1..3] -> row[..1], number row[2] |] expected "sorted by code"
                let mixture = circuit.Mixture(given, age)[0]

                let moments = [ posterior.Mean(0, age); sqrt (posterior.Variance(0, age)) ]
                let quantiles = List.map mixture.Quantile [ 0.05; 0.5; 0.95 ]

                Expect.sequenceEqual
                    (Array.map number (rows[4].[3..]))
                    (moments @ quantiles)
                    "mean, deviation and quantiles"

                Expect.equal (rows[4].[0]) "age" "after the discrete ones"))

        testCase "gives a table to read that says how probable is what is known" (fun () ->
            withModel (fun circuit model _ ->
                let said = succeeds [ "query"; model; "--given"; "age >= 40"; "--ask"; "smoker" ]
                let log = circuit.LogLikelihood(schema.Value.Given "age >= 40")[0]

                Expect.stringStarts
                    said
                    $"log p(age >= 40) = {log:F4} nats\n\ncolumn  value  probability\n"
                    "the preface"

                Expect.stringContains said "\nsmoker  no " "labels of the table"))

        testCase "speaks of all columns that are not known when none is named" (fun () ->
            withModel (fun _ model _ ->
                let asked = succeeds [ "query"; model; "--given"; "vote = 1"; "--ask" ]
                Expect.equal (succeeds [ "query"; model; "--given"; "vote = 1" ]) asked "no question is this one"
                Expect.stringContains asked "\nage " "real"
                Expect.stringContains asked "\nsmoker " "discrete"
                Expect.isFalse (asked.Contains "\nvote ") "known"))

        testCase "speaks of a known column too when it is named" (fun () ->
            withModel (fun _ model _ ->
                let rows =
                    succeeds [
                        "query"
                        model
                        "--given"
                        "vote = 1, age = 40.5"
                        "--ask"
                        "age, vote"
                        "--csv"
                    ]
                    |> cells

                Expect.sequenceEqual [ for row in rows[1..3] -> row[2] ] [ "0"; "1"; "0" ] "vote"
                Expect.sequenceEqual (rows[4].[3..]) [ "40.5"; "0"; "40.5"; "40.5"; "40.5" ] "age"))

        testCase "prints the classes of a model with several" (fun () ->
            inFolder (fun file ->
                let model = file "classes.safetensors"

                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(4, 2))
                        .IndicatorInput(3)
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum(classes = 3)

                use circuit = Circuit.compile spec
                circuit.Save model

                let rows =
                    succeeds [ "query"; model; "--given"; "x1 = 2"; "--ask"; "class"; "--csv" ]
                    |> cells

                let expected = circuit.ClassPosterior(circuit.SchemaOrDefault.Given "x1 = 2")

                Expect.sequenceEqual
                    [ for row in rows[1..] -> row[1], number row[2] ]
                    (Seq.mapi (fun c p -> string c, p) expected)
                    "Bayes"

                let said = succeeds [ "query"; model ]

                Expect.stringStarts
                    said
                    "The model has 3 classes, which are taken as equally probable beforehand.\n"
                    "the priors"

                Expect.stringContains said "\nclass " "asked without a question, too"
                Expect.stringContains said "\nx3 " "columns without names"))
    ]

let private otherQuestions =
    testList "one question" [
        testCase "--mpe prints the most probable explanation and whether it is exact" (fun () ->
            withModel (fun circuit model _ ->
                let result = circuit.Mpe(schema.Value.Given "vote = 2")
                let said = succeeds [ "query"; model; "--given"; "vote = 2"; "--mpe" ]
                Expect.stringContains said $"log-likelihood {result.LogLikelihood[0]:F4} nats, " "its log-likelihood"
                Expect.stringContains said $"\n{result.Exactness}\n" "approximate, and why"
                Expect.stringContains said "2        given" "what is known is marked"

                let rows =
                    succeeds [ "query"; model; "--given"; "vote = 2"; "--mpe"; "--csv" ] |> cells

                Expect.sequenceEqual (rows[0]) [ "age"; "smoker"; "vote" ] "names"

                Expect.sequenceEqual
                    (rows[1])
                    [ for v in 0..2 -> schema.Value.Rounded(v, float (result.Completed.Row(0)[v])) ]
                    "values"))

        testCase "--mpe says so where it is exact" (fun () ->
            inFolder (fun file ->
                use circuit = Circuit.compile Deterministic.spec
                circuit.Save(file "m.safetensors")

                Expect.stringContains
                    (succeeds [ "query"; file "m.safetensors"; "--mpe" ])
                    "\nexact: "
                    "deterministic"))

        testCase "--probability prints p(event | given), and the values of a column share it out" (fun () ->
            withModel (fun _ model _ ->
                let p event =
                    number
                        (cells (
                            succeeds [
                                "query"
                                model
                                "--given"
                                "40 <= age <= 60"
                                "--probability"
                                event
                                "--csv"
                            ]
                        ))
                            .[1].[0]

                Expect.floatClose Accuracy.low (p "vote = 0" + p "vote in {1, 2}") 1.0 "they add to one"
                Expect.floatClose Accuracy.low (p "age >= 40") 1.0 "known already"
                Expect.equal (p "age > 70") 0.0 "excluded already"

                let said =
                    succeeds [ "query"; model; "--given"; "age = 50"; "--probability"; "vote=0" ]

                Expect.stringStarts said "p(vote=0 | age = 50) = 0." "to read"
                Expect.stringContains said "\nlog p = -" "in nats"

                Expect.stringContains
                    (succeeds [ "query"; model; "--probability"; "age = 50" ])
                    "a density, since age is real"
                    "one number"))

        testCase "--sample repeats by its seed, heeds what is given, and reads back" (fun () ->
            withModel (fun _ model file ->
                let draw seed =
                    succeeds [
                        "query"
                        model
                        "--sample"
                        "50"
                        "--seed"
                        seed
                        "--given"
                        "smoker = no, age >= 45"
                    ]

                Expect.equal (draw "3") (draw "3") "the same seed"
                Expect.notEqual (draw "3") (draw "4") "another seed"
                let samples = schema.Value.Read(stream (draw "3"), "samples.csv")
                Expect.equal (samples.Count, samples.HasHidden) (50, false) "rows"

                Expect.isTrue
                    (Seq.forall (fun row -> samples.Row(row)[1] = 0f && samples.Row(row)[0] >= 44.999f) [ 0..49 ])
                    "what is given"

                let out = file "samples.csv.gz"

                let said =
                    succeeds [
                        "query"
                        model
                        "--sample"
                        "50"
                        "--seed"
                        "3"
                        "--given"
                        "smoker = no, age >= 45"
                        "--out"
                        out
                    ]

                Expect.equal said $"Saved 50 samples in {out}\n" "it says so"

                use unpack =
                    new StreamReader(new GZipStream(File.OpenRead out, CompressionMode.Decompress))

                Expect.equal (unpack.ReadToEnd()) (draw "3") "the same in a file"))

        testCase "samples in blocks are those of one call" (fun () ->
            let given = schema.Value.Given "vote = 1"
            let whole = trained.Value.Sample(given, 40, 9L)

            for size in [ 1; 7; 40; 100 ] do
                let blocks =
                    trained.Value.SampleBlocks(given, 40, 9L, size)
                    |> Seq.collect (fun block -> block.Values.ToArray())

                Expect.sequenceEqual blocks (whole.Values.ToArray()) $"blocks of {size}")

        testCase "info --queries lists what the model can answer" (fun () ->
            withModel (fun circuit model _ ->
                let said = succeeds [ "info"; model; "--queries" ]

                for support in circuit.Support() do
                    Expect.stringContains said support.Query "the query"
                    Expect.stringContains said support.Reason "the reason"))

        testCase "a share of a mixture's probability lies below its quantile" (fun () ->
            for conditions in [ ""; "age >= 45"; "20 <= age <= 50, smoker = yes" ] do
                let mixture = trained.Value.Mixture(schema.Value.Given conditions, 0)[0]

                for share in [ 1e-6; 0.05; 0.5; 0.95; 0.999999 ] do
                    let below = exp (mixture.LogProbability(ValueSet.AtMost(mixture.Quantile share)))
                    Expect.floatClose Accuracy.medium below share conditions

            let votes =
                trained.Value.Posterior(schema.Value.Given "").Probabilities(0, 2).ToArray()

            let mixture = trained.Value.Mixture(schema.Value.Given "", 2)[0]

            let least share =
                votes
                |> Array.scan (+) 0.0
                |> Array.tail
                |> Array.findIndex (fun sum -> sum > share)

            Expect.sequenceEqual
                (List.map mixture.Quantile [ 0.1; 0.5; 0.9 ])
                (List.map (least >> float) [ 0.1; 0.5; 0.9 ])
                "codes")
    ]

/// Tables with white space, quotes, line ends and characters that must survive.
let private odd = [
    "usual", "id,age,smoker,vote\nA,40.5,yes,1\nB,,no,\n"
    "columns of the model only, in another order", "vote,smoker,age\n1,yes,\n,no,12.50\n"
    "line ends of another system", "age,vote,smoker,id\r\n40,1,,\r\n,1,yes,2\r\n"
    "no last line end", "age,vote,smoker\n40,1,\n,,"
    "quotes that need not be", "\"age\",\"smoker\",vote,\"x\"\"y\"\n\"40\",\"\",\"1\",\"a, b\nc\"\n"
    "white space", " age ,\tsmoker , vote\n 40 , , 1 \n   ,  yes,  NA  \n"
    "semicolons", "age;vote;smoker\n40.5;;no\n"
    "a byte order mark", "\uFEFFage,smoker,vote\n,yes,1\n"
    "blank lines", "\n\nage,smoker,vote\n\n40,yes,?\n\n\n,no,1\n\n"
    "other missing marks", "age,smoker,vote,note\nNA,?,NaN,ünïcödé\n"
    "one column", "smoker\nyes\n\nno\n"
]

let private completeTests =
    testList "--complete" [
        testCase "fills in what is missing and leaves every other byte as it was" (fun () ->
            for name, text in odd do
                for by in [ Completion.Mean; Completion.Mpe; Completion.Sample ] do
                    let report, filled = complete (TableCompletionOptions(By = by)) text trained.Value
                    Expect.isGreaterThan report.Filled 0L name
                    let again, twice = complete (TableCompletionOptions(By = by)) filled trained.Value
                    Expect.equal (again.Filled, twice) (0L, filled) $"{name}: nothing is left to fill in"

                    let read (text: string) =
                        trained.Value.Schema
                        |> nonNull
                        |> fun schema ->
                            schema.Read(
                                stream text,
                                name,
                                TableOptions(HideAbsentColumns = true, PassUnknownColumns = true)
                            )

                    let before, after = read text, read filled

                    for row in 0 .. before.Count - 1 do
                        for v in 0..2 do
                            if not (before.IsHidden(row, v)) then
                                Expect.equal (after.Row(row)[v]) (before.Row(row)[v]) $"{name}: a known cell"
                            elif not (report.Absent |> Seq.contains (schema.Value.Columns[v].Name)) then
                                Expect.isFalse (after.IsHidden(row, v)) $"{name}: a missing cell"

                    // Taking away what was put in gives back the text.
                    let mutable at = 0

                    for c in text.Replace("NaN", "").Replace("NA", "").Replace("?", "").Replace("\"\",", ",") do
                        let next = filled.IndexOf(c, at)
                        Expect.isGreaterThanOrEqual next at $"{name}: {filled}"
                        at <- next + 1)

        testCase "writes what the library fills in" (fun () ->
            let data = schema.Value.Read(stream table.Value, "people.csv")

            for by in [ Completion.Mean; Completion.Mpe; Completion.Sample ] do
                let expected = trained.Value.Complete(data, by, 4L)

                let _, text =
                    complete (TableCompletionOptions(By = by, Seed = 4L)) table.Value trained.Value

                let rows = text.Split '\n'

                for row in 0 .. data.Count - 1 do
                    for v in 0..2 do
                        if data.IsHidden(row, v) then
                            let cell = rows[row + 1].Split(',')[v + 1]
                            Expect.equal cell (schema.Value.Rounded(v, float (expected.Row(row)[v]))) $"{by}")

        testCase "gives the same in blocks of any size" (fun () ->
            for by in [ Completion.Mean; Completion.Mpe; Completion.Sample ] do
                let whole =
                    complete (TableCompletionOptions(By = by)) table.Value trained.Value |> snd

                for size in [ 1; 7; 299 ] do
                    let blocks =
                        complete (TableCompletionOptions(By = by, RowsPerBlock = size)) table.Value trained.Value
                        |> snd

                    Expect.equal blocks whole $"{by}, blocks of {size}")

        testCase "reads and writes plain and packed files alike, and the file that it reads" (fun () ->
            withModel (fun circuit model file ->
                let expected = complete (TableCompletionOptions()) table.Value circuit |> snd
                Expect.equal (succeeds [ "query"; model; "--complete"; file "people.csv" ]) expected "to the console"

                (use pack =
                    new GZipStream(File.Create(file "people.csv.gz"), CompressionLevel.Fastest)

                 pack.Write(ReadOnlySpan(Encoding.UTF8.GetBytes table.Value)))

                let said =
                    succeeds [
                        "query"
                        model
                        "--complete"
                        file "people.csv.gz"
                        "--out"
                        file "full.csv.gz"
                    ]

                Expect.stringContains said " cells in 300 rows\n" "what was done"
                Expect.stringContains said "not in the model, written as they were   id, note\n" "what was not"

                use unpack =
                    new StreamReader(new GZipStream(File.OpenRead(file "full.csv.gz"), CompressionMode.Decompress))

                Expect.equal (unpack.ReadToEnd()) expected "packed"

                succeeds [ "query"; model; "--complete"; file "people.csv"; "--out"; file "people.csv" ]
                |> ignore

                Expect.equal (File.ReadAllText(file "people.csv")) expected "in place"))

        testCase "draws by the seed" (fun () ->
            withModel (fun _ model file ->
                let draw seed =
                    succeeds [
                        "query"
                        model
                        "--complete"
                        file "people.csv"
                        "--by"
                        "sample"
                        "--seed"
                        seed
                    ]

                Expect.equal (draw "2") (draw "2") "the same seed"
                Expect.notEqual (draw "2") (draw "3") "another seed"))

        testCase "takes columns by their place where there are no names" (fun () ->
            withModel (fun _ model file ->
                File.WriteAllText(file "bare.csv", "40.5,yes,1\n,no,\n")

                let text =
                    succeeds [ "query"; model; "--complete"; file "bare.csv"; "--no-header"; "--by"; "mpe" ]

                Expect.stringStarts text "40.5,yes,1\n" "the first row is a row"
                Expect.isFalse (text.Contains ",\n") "all is filled in"))

        testCase "names line, column and domain of a cell that does not fit, and writes nothing" (fun () ->
            withModel (fun _ model file ->
                File.WriteAllText(file "bad.csv", "age,smoker,vote\n40,yes,1\n41,maybe,\n")

                [ "query"; model; "--complete"; file "bad.csv"; "--out"; file "out.csv" ]
                |> fails 1 "bad.csv line 3, column \"smoker\": \"maybe\" is not one of no, yes."

                File.WriteAllText(file "other.csv", "a,b\n1,2\n")

                [ "query"; model; "--complete"; file "other.csv"; "--out"; file "out.csv" ]
                |> fails 1 "other.csv line 1: expected at least one of the columns age, smoker, vote, found a, b."

                File.WriteAllBytes(file "latin.csv", [| yield! "age,smoker,vote,x\n40,,1,"B; 0xFCuy; yield! "\n"B |])

                [ "query"; model; "--complete"; file "latin.csv" ]
                |> fails 1 "latin.csv: expected text in UTF-8"

                Expect.sequenceEqual
                    (Directory.GetFiles(file ".") |> Array.map Path.GetFileName |> Array.sort)
                    [ "bad.csv"; "latin.csv"; "other.csv"; "people.csv"; "people.safetensors" ]
                    "no file is left"))

        testCase "names the cell that makes a row impossible" (fun () ->
            inFolder (fun file ->
                use circuit = Circuit.compile Deterministic.sure

                circuit.Schema <-
                    Schema [
                        for name in [ "a"; "b"; "c"; "d" ] -> DiscreteColumn(name, [ "no"; "yes" ]) :> Column
                    ]

                circuit.Save(file "m.safetensors")
                let schema = circuit.SchemaOrDefault

                // A pair of values that exclude each other.
                let first, second, row =
                    Seq.head (
                        seq {
                            for v in 0..3 do
                                for u in v + 1 .. 3 do
                                    for i in 0f .. 1f do
                                        for j in 0f .. 1f do
                                            let row = Evidence.Unknown(1, 4).Observe(v, i).Observe(u, j)

                                            if Double.IsNegativeInfinity(circuit.LogLikelihood(row)[0]) then
                                                v, u, row
                        }
                    )

                let line =
                    String.Join(
                        ",",
                        [
                            for v in 0..3 ->
                                if row.IsHidden(0, v) then
                                    ""
                                else
                                    schema.Text(v, row.Row(0)[v])
                        ]
                    )

                File.WriteAllText(file "rows.csv", $"a,b,c,d\n,,,\n{line}\n")
                let name v = schema.Columns[v].Name

                [
                    "query"
                    file "m.safetensors"
                    "--complete"
                    file "rows.csv"
                    "--out"
                    file "out.csv"
                ]
                |> fails
                    1
                    $"rows.csv line 3, column \"{name first}\": \"{schema.Text(first, row.Row(0)[first])}\" (the column holds one of no, yes) has probability 0 given the other known cells (the same holds of \"{name second}\")"

                let conditions =
                    String.Join(", ", [ for v in [ first; second ] -> $"{name v} = {schema.Text(v, row.Row(0)[v])}" ])

                [ "query"; file "m.safetensors"; "--given"; conditions; "--mpe" ]
                |> fails 1 "What is given has probability 0"))

        testCase "a cancellation leaves no half file" (fun () ->
            withModel (fun _ model file ->
                for question in [ [ "--complete"; file "people.csv" ]; [ "--sample"; "100" ] ] do
                    let code, output, error =
                        spnWith (CancellationToken true) ([ "query"; model; "--out"; file "out.csv" ] @ question)

                    Expect.equal (code, output, error.Trim()) (130, "", "Stopped.") "it stops"
                    Expect.equal (Directory.GetFiles(file ".").Length) 2 "the model and the table"))
    ]

let private wrongUse =
    testList "wrong use ends with code 2 and a short message" [
        for words, part in
            [
                [ "--ask"; "--mpe" ], "--ask and --mpe are two questions; ask one at a time."
                [ "--sample"; "3"; "--complete"; "x.csv" ], "--sample and --complete are two questions"
                [ "--ask"; "weight" ], "--ask: There is no column \"weight\"; the columns are age, smoker, vote."
                [ "--ask"; "age vote" ], "\"age vote\""
                [ "--ask"; "class" ], "\"class\""
                [ "--given"; "vote = 7" ],
                "--given: Character 8 of the conditions: column \"vote\": \"7\" is not one of 0, 1, 2."
                [ "--probability"; "" ], "--probability: there is no condition"
                [ "--probability"; "vote" ], "--probability: Character 5"
                [ "--sample"; "0" ], "--sample is 0; it must be at least 1."
                [ "--by"; "mpe" ], "--by is for --complete."
                [ "--out"; "x.csv" ], "--out is for --complete and --sample."
                [ "--complete"; "x.csv"; "--given"; "vote = 1" ], "--given is for the other questions"
            ] do
            testCase (String.concat " " words) (fun () ->
                withModel (fun _ model _ -> fails 2 part ([ "query"; model ] @ words)))
    ]

let private formatTests =
    testList "numbers" [
        testCase "that were computed have six significant digits, or what the column's scale needs" (fun () ->
            for scale, value, expected in
                [
                    1.0, 3.14159265, "3.14159"
                    1.0, 52341.699219, "52341.7"
                    20000.0, 52341.699219, "52341.7"
                    0.5, 1234567.0, "1234567"
                    1e-6, 1.23456789e-6, "1.23457E-06"
                    1.0, 0.1, "0.1"
                    1.0, -0.0000000000000001, "-1E-16"
                    1.0, 0.0, "0"
                    1.0, nan, ""
                ] do
                Expect.equal (RealColumn("x", 0.0, scale).Rounded value) expected $"{value} at scale {scale}")
    ]

let tests =
    testList "spn query" [ askTests; otherQuestions; completeTests; wrongUse; formatTests ]
