/// Tables from end to end: inferred, fitted, saved, scored; and the tables that ship with the library.
module Spn.Tests.TableTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Host

let private data name =
    Path.Combine(Generators.repository, "data", name)

let private spn ([<ParamArray>] arguments: string[]) =
    use output = new StringWriter()
    use error = new StringWriter()

    let code =
        Program.Run(arguments, output, error, ProgressLine(error, 0), CancellationToken.None)

    code, string output, string error

let private succeeds arguments =
    let code, output, error = spn arguments
    Expect.equal (code, error) (0, "") (String.Join(' ', arguments))
    output

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-table-"

    try
        work (fun (name: string) -> Path.Combine(folder.FullName, name))
    finally
        folder.Delete true

let private mixed = [|
    "id,colour,size,level,score"
    for i in 0..59 do
        let colour = [| "red"; "blue"; "deep, blue" |][i % 3]
        let size = if i % 7 = 0 then "none" else $"{i % 5}.5"
        $"{i},\"{colour}\",{size},{i % 4 + 1},{i * i % 90}"
|]

let tests =
    testList "tables" [
        testCase "a table of labels and numbers is inferred, fitted, saved and scored" (fun () ->
            inFolder (fun file ->
                File.WriteAllLines(file "t.csv", mixed)
                let model = file "m.safetensors"

                let said =
                    succeeds [|
                        "fit"
                        "--csv"
                        file "t.csv"
                        "--missing"
                        "none"
                        "--missing"
                        "-9"
                        "--drop"
                        "id"
                        "--real"
                        "score,level"
                        "--steps"
                        "6"
                        "--out"
                        model
                    |]

                for part in
                    [
                        "colour  3 values"
                        "one of blue, deep, blue, red"
                        "score   real"
                        "mean 2.5, deviation 1.118"
                        "Finished after 6 steps"
                    ] do
                    Expect.stringContains said part "the table of columns"

                use circuit = Circuit.Load model
                let schema = nonNull circuit.Schema
                Expect.equal [ for c in schema.Columns -> c.Name ] [ "colour"; "size"; "level"; "score" ] "columns"
                Expect.isTrue (schema.IsMissing "none" && schema.IsMissing "-9" && schema.IsMissing "NA") "markers"
                Expect.stringContains (succeeds [| "info"; model |]) "colour  3 values" "info shows the columns"

                let rows = schema.Read(file "t.csv")
                Expect.isTrue (rows.IsHidden(0, 1)) "none is missing"
                let expected = circuit.LogLikelihood rows

                let scored =
                    (succeeds [| "score"; model; "--csv"; file "t.csv"; "--per-row" |])
                        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    |> Array.map float

                Expect.sequenceEqual scored expected "one number a row"

                File.WriteAllLines(file "part.csv", [| "score,colour"; "4,red"; ",blue" |])
                let code, _, error = spn [| "score"; model; "--csv"; file "part.csv" |]
                Expect.equal code 1 "columns are missing"
                Expect.stringContains error "expected a column \"size\"" "it names the first"

                let average =
                    succeeds [| "score"; model; "--csv"; file "part.csv"; "--hide-absent" |]

                let expected =
                    Evidence.ofRecords schema [
                        {| score = Nullable 4; colour = "red" |}
                        {|
                            score = Nullable()
                            colour = "blue"
                        |}
                    ]
                    |> circuit.AverageLogLikelihood

                Expect.stringContains average $"{expected:F4} nats" "absent columns are summed out"))

        testCase "a binary table keeps the paper's model" (fun () ->
            inFolder (fun file ->
                File.WriteAllLines(
                    file "b.csv",
                    [|
                        "a,b,c"
                        for i in 0..39 do
                            $"{i % 2},{i / 2 % 2},{i / 4 % 2}"
                    |]
                )

                let model = file "m.safetensors"

                succeeds [| "fit"; "--csv"; file "b.csv"; "--epochs"; "1"; "--out"; model |]
                |> ignore

                use circuit = Circuit.Load model
                Expect.isTrue (circuit.Spec = HyperSpn.Released 3) "description"))

        testCase "the election study has its shape, and its copy the cells that the notice says" (fun () ->
            let whole = Csv.Read(data "anes96.csv.gz")
            let missing = Csv.Read(data "anes96-missing.csv.gz")
            Expect.equal (whole.Values.Count, whole.Values.Variables, whole.Values.HasHidden) (944, 10, false) "shape"
            Expect.equal [ for c in missing.Columns -> c.Name ] [ for c in whole.Columns -> c.Name ] "names"

            let chosen =
                RandomStream(96L, "missing cells").Permutation(9440)
                |> Array.truncate 1416
                |> set

            for row in 0..943 do
                for column in 0..9 do
                    let isChosen = chosen.Contains(10 * row + column)
                    Expect.equal (missing.Values.IsHidden(row, column)) isChosen $"cell {row}, {column}"

                    if not isChosen then
                        Expect.equal (missing.Values.Row(row)[column]) (whole.Values.Row(row)[column]) "value")

        testCase "a model fitted to missing cells beats columns on their own" (fun () ->
            let schema = Schema.Infer(data "anes96-missing.csv.gz")
            let train = schema.Read(data "anes96-missing.csv.gz")
            let test = schema.Read(data "anes96.csv.gz")

            let fitted replicas channels =
                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(10, replicas))
                        .With(schema.Inputs 3)
                        .SumPerRegion(channels)
                        .HadamardProduct()
                        .RootSum(mixture = true)

                use circuit = Circuit.Compile(spec).Initialise(train)

                circuit
                |> Train.gradient
                    train
                    (train.Rows(ReadOnlySpan [||]))
                    (Training.GradientOptions(LearningRate = 0.02, Steps = 150, BatchSize = 200))
                |> ignore

                circuit.AverageLogLikelihood test

            Expect.isGreaterThan (fitted 2 4) (fitted 1 1 + 0.3) "nats on the whole table")
    ]
