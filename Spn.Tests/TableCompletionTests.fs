/// Tables that spn query fills in, and the numbers that it writes.
module Spn.Tests.TableCompletionTests

open System
open System.IO
open System.IO.Compression
open System.Text
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Tests.QueryCommand

let private complete options (text: string) (circuit: Circuit) =
    use output = new StringWriter()
    let report = circuit.CompleteTable(stream text, "people.csv", output, options)
    report, string output

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

let tests = testList "spn query" [ completeTests; formatTests ]
