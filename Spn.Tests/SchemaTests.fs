/// Schemas: what is inferred from a table, cells to values and back, conditions, and the place of a schema in a circuit.
module Spn.Tests.SchemaTests

open System
open System.IO
open System.Text
open FsCheck
open FsCheck.FSharp
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Files

let stream (text: string) =
    new MemoryStream(Encoding.UTF8.GetBytes text) :> Stream

let infer options (text: string) =
    Schema.Infer(stream text, "x.csv", options)

let malformed action =
    Expect.raises<DataFormatException> (action >> ignore) "the table is refused"

let private refusal action =
    Expect.raises<EvidenceException> (action >> ignore) "it is refused"

let private inferring =
    testList "inferring" [
        testCase "text, few integers and other numbers are told apart" (fun () ->
            let text = "name,code,many,size\nb,2,1,0.5\na,10,2,?\n,1,3,1.5\nb,2.0,4,NA\n"

            Expect.equal
                (List.ofSeq (infer null text).Columns)
                [
                    DiscreteColumn("name", "a", "b")
                    DiscreteColumn("code", "1", "2", "10")
                    DiscreteColumn("many", "1", "2", "3", "4")
                    RealColumn("size", 1.0, 0.5)
                ]
                "columns"

            let few = infer (SchemaOptions(MostStates = 3)) text
            Expect.equal few.Columns[few.Find "many"] (RealColumn("many", 2.5, sqrt 1.25)) "more than 3 integers")
        testCase "wishes come before what the values look like" (fun () ->
            let options =
                SchemaOptions(Real = [| "a" |], Discrete = [| "b" |], Drop = [| "c" |], Missing = [| ""; "-9" |])

            let schema = infer options "a,b,c,d\n0,0.5,x,-9\n2,-0.25,y,1\n1,0.5,z,1\n"

            Expect.equal
                schema
                (Schema(
                    [|
                        RealColumn("a", 1.0, sqrt (2.0 / 3.0)) :> Column
                        DiscreteColumn("b", "-0.25", "0.5")
                        DiscreteColumn("d", "1")
                    |],
                    [| "-9" |],
                    [| "c" |]
                ))
                "schema")
        testCase "a constant column has one state, a constant number the scale 1" (fun () ->
            let options = SchemaOptions(Real = [| "b" |])
            let schema = infer options "a,b\nx,3\nx,3\n"
            Expect.equal (List.ofSeq schema.Columns) [ DiscreteColumn("a", "x"); RealColumn("b", 3.0, 1.0) ] "columns"

            use circuit =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(2, 1))
                        .With(schema.Inputs 2)
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum()
                )

            Expect.floatClose
                Accuracy.low
                (circuit.LogLikelihood(Evidence.From([| 0f; nanf |], 2))[0])
                0.0
                "the one value has probability 1")
        testCase "what makes no column is refused with its name and the way out" (fun () ->
            let rows count (cell: int -> string) =
                "id,b\n" + String.Join("\n", [ for i in 1..count -> cell i + ",1" ])

            for text, options, parts in
                [
                    "a,b\n?,1\nNA,2\n", SchemaOptions(), [ "column \"a\": all cells are missing"; "Drop" ]
                    rows 300 (fun i -> $"n{i}"),
                    SchemaOptions(),
                    [ "column \"id\": more than 256"; "Drop"; "identifier" ]
                    rows 300 (fun i -> if i = 7 then "n/a" else $"{i}.5"),
                    SchemaOptions(),
                    [ "\"n/a\" in line 8 is no number" ]
                    "a,b\n1,1\nx,2\n",
                    SchemaOptions(Real = [| "a" |]),
                    [ "x.csv line 3, column \"a\": \"x\" is not a number" ]
                    rows 300 string, SchemaOptions(Discrete = [| "id" |]), [ "column \"id\": more than 256"; "real" ]
                ] do
                let e = malformed (fun () -> infer options text)

                for part in parts do
                    Expect.stringContains e.Message part "message"

                Expect.isTrue (e.ColumnName = "a" || e.ColumnName = "id") "the column as a property"

            for options in
                [
                    SchemaOptions(Real = [| "c" |])
                    SchemaOptions(Real = [| "a" |], Drop = [| "a" |])
                    SchemaOptions(Drop = [| "a"; "b" |])
                ] do
                Expect.throwsT<ArgumentException> (fun () -> infer options "a,b\n1,2\n" |> ignore) $"{options}")
        testCase "a profile counts missing cells and remarks what looks odd" (fun () ->
            let profile =
                Schema.Profile(stream "a,b,c\n1,0.5,1\n2,?,1\n1O,0.5,1\n,0.75,1\n", "x.csv")

            Expect.equal profile.Rows 4L "rows"
            Expect.equal [ for c in profile.Columns -> c.Missing ] [ 1L; 1L; 0L ] "missing"
            let notes = [ for c in profile.Columns -> defaultArg (Option.ofObj c.Note) "" ]
            Expect.stringContains notes[0] "\"1O\" in line 4" "a slip of the pen"
            Expect.stringContains notes[1] "2 different numbers" "few numbers"
            Expect.stringContains notes[2] "one value" "constant"
            Expect.stringContains (Show.text profile |> string) "mean 0.58" "printed")
        testCase "a column without a name is called by its number" (fun () ->
            let schema = infer null ",a\n1,x\n2,y\n"
            Expect.equal [ for c in schema.Columns -> c.Name ] [ "column1"; "a" ] "names"
            Expect.equal (schema.Read(stream ",a\n2,x\n", "x.csv").Row(0)[0]) 1f "read by that name")
        testCase "schemas are values" (fun () ->
            let make () = infer null "a,b\n1,x\n2,y\n"
            Expect.isTrue (make () = make ()) "equal"
            Expect.equal (hash (make ())) (hash (make ())) "hash codes"
            Expect.isFalse (make () = infer null "a,b\n1,x\n3,y\n") "another label"

            for wrong in
                [
                    fun () -> Schema([])
                    fun () -> Schema [| RealColumn "a" :> Column; RealColumn "a" |]
                    fun () -> Schema [| DiscreteColumn("a", "?", "x") :> Column |]
                    fun () -> Schema [| DiscreteColumn("a", "x", "x") :> Column |]
                    fun () -> Schema [| RealColumn("a", 0.0, 0.0) :> Column |]
                ] do
                Expect.throwsT<ArgumentException> (wrong >> ignore) "no schema")
    ]

let schema =
    Schema [|
        DiscreteColumn("pid", "0", "1", "2", "4") :> Column
        DiscreteColumn("colour", "blue", "light red", "red")
        RealColumn("age", 40.0, 10.0)
    |]

let known (evidence: Evidence) = [
    for v in 0 .. evidence.Variables - 1 ->
        if not (evidence.IsHidden(0, v)) then
            string (evidence.Row(0)[v])
        else
            match evidence.SetOf(0, v) with
            | null -> "?"
            | set -> string set
]

let private cells =
    testList "cells" [
        testCase "labels are read as text, then as numbers" (fun () ->
            let value name (cell: string) = schema.Value(schema.Find name, cell)
            Expect.equal (value "pid" "4") 3f "text"
            Expect.equal (value "pid" "4.0") 3f "number"
            Expect.equal (value "colour" "light red") 1f "label"
            Expect.isTrue (Single.IsNaN(value "pid" "NA")) "missing"
            let e = refusal (fun () -> value "pid" "3")
            Expect.equal e.Message "Column \"pid\": \"3\" is not one of 0, 1, 2, 4." "message"
            Expect.throwsT<ArgumentOutOfRangeException> (fun () -> schema.Text(0, 4f) |> ignore) "no such code"
            Expect.throwsT<EvidenceException> (fun () -> schema.Find "Pid" |> ignore) "letter case counts"
            Expect.equal (schema.IndexOf "nothing") -1 "no such column")
        testProperty "a value survives the way to text and back" (fun (number: float32) (code: byte) ->
            let code = float32 (code % 4uy)

            schema.Value(0, schema.Text(0, code)) = code
            && (not (Single.IsFinite number) || schema.Value(2, schema.Text(2, number)) = number)
            && schema.Text(2, nanf) = "")
        testProperty "rows that are written are read as they were" (fun (rows: NonEmptyString list list) ->
            // White space at the ends of a cell is kept by quotes; control characters have no place in a table.
            let clean (cell: NonEmptyString) =
                cell.Get
                |> String.filter (fun c -> not (Char.IsControl c || Char.IsSurrogate c) || c = '\n')

            let rows = [
                for row in rows -> clean (NonEmptyString "x") :: "" :: "a\"b,c" :: " d " :: List.map clean row
            ]

            let width = rows |> List.map List.length |> List.append [ 4 ] |> List.max
            let rows = [ for row in rows -> row @ List.replicate (width - row.Length) "?" ]
            use text = new StringWriter()
            let writer = CsvWriter text
            writer.Write [| for c in 1..width -> $"c{c}" |]

            for row in rows do
                writer.Write(Array.ofList row)

            use reader = new CsvReader(stream (string text), "x", ',')
            reader.Read() |> ignore

            let read = [
                while reader.Read() do
                    [ for c in 0 .. width - 1 -> reader[c].ToString() ]
            ]

            read = rows)
        testCase "quotes stand only where they must" (fun () ->
            use text = new StringWriter()
            let writer = CsvWriter(text, ';')
            writer.Write("a,b", "c;d", "e\"f", "", " g", "h i")
            writer.Write [| "" |]
            Expect.equal (string text) "a,b;\"c;d\";\"e\"\"f\";;\" g\";h i\n\"\"\n" "text")
    ]

let private conditions =
    testList "conditions" [
        testTheory
            "say what is known"
            [
                "", [ "?"; "?"; "?" ]
                "pid = 4, colour = red, age = 42", [ "3"; "2"; "42" ]
                "age >= 42", [ "?"; "?"; "42 to Infinity" ]
                "3 <= age <= 7", [ "?"; "?"; "3 to 7" ]
                "7 > age > 3", [ "?"; "?"; "3 to 7" ]
                "age < 7, 3 < age", [ "?"; "?"; "3 to 7" ]
                "3 <= age <= 3", [ "?"; "?"; "3" ]
                "pid in {1, 4.0}", [ "one of [1, 3]"; "?"; "?" ]
                "pid > 1", [ "one of [2, 3]"; "?"; "?" ]
                "pid >= 1.5, pid < 4", [ "2"; "?"; "?" ]
                "pid >= 0", [ "?"; "?"; "?" ]
                "pid != 4", [ "one of [0, 1, 2]"; "?"; "?" ]
                "colour in {red, light red}", [ "?"; "one of [1, 2]"; "?" ]
                "colour = 'light red'", [ "?"; "1"; "?" ]
                "\"pid\"==\"4\" , colour <> red", [ "3"; "one of [0, 1]"; "?" ]
            ]
            (fun (text, expected) -> Expect.equal (known (schema.Given text)) expected text)
        testTheory
            "are refused with their place"
            [
                "pid = 3", 7, "column \"pid\": \"3\" is not one of 0, 1, 2, 4"
                "pid > 4", 7, "no value of column \"pid\" fits"
                "agee > 3", 1, "there is no column \"agee\"; the columns are pid, colour, age"
                "3 < agee", 5, "no column \"agee\""
                "age >", 6, "expected a value, found the end"
                "age", 4, "expected one of =, !=, <, <=, >, >= or in {...}"
                "age > x", 7, "\"x\" is not a finite number"
                "age > 3,", 9, "expected a condition after the comma"
                "age > 5, age < 3", 16, "the conditions on column \"age\" contradict each other"
                "pid in {1", 10, "expected a comma or }"
                "pid in 1", 9, "or in {...}, found the end"
                "age in {1, 2}", 9, "give an interval"
                "age != 1", 8, "give an interval"
                "colour > blue", 10, "holds text, which has no order"
                "1 < age > 3", 9, "< and > cannot follow each other"
                "'pid = 3", 1, "the quote is not closed"
            ]
            (fun (text, position, part) ->
                let e = refusal (fun () -> schema.Given text)
                Expect.stringContains e.Message part text
                Expect.equal e.Position (Nullable position) text)
        testProperty "an interval holds the codes of the numbers in it" (fun (a: byte) (b: byte) ->
            let low, high = min (a % 5uy) (b % 5uy), max (a % 5uy) (b % 5uy)

            // There is no 3: an interval of it alone is refused, as the conditions above are.
            (low, high) = (3uy, 3uy)
            || (let given = schema.Given $"{low} <= pid, pid <= {high}"

                [ 0..3 ]
                |> List.forall (fun code ->
                    let number = byte (schema.Text(0, float32 code))

                    let isIn =
                        match given.SetOf(0, 0) with
                        | null -> given.IsHidden(0, 0) || given.Row(0)[0] = float32 code
                        | set -> set.Contains(float32 code)

                    isIn = (low <= number && number <= high))))
    ]

let private circuit () =
    let spec =
        CircuitSpec.Over(BinaryTrees(3, 1)).With(schema.Inputs 2).SumPerRegion(2).HadamardProduct().RootSum()

    Circuit.Compile spec |> Circuit.withSchema schema

let private inCircuits =
    testList "in circuits" [
        testCase "inputs suit the columns" (fun () ->
            Expect.equal
                (schema.Inputs 2)
                (PerVariableInput(
                    ValueList [
                        IndicatorInput 4 :> InputSpec
                        IndicatorInput 3
                        NormalInput(2, Location = 40.0, Scale = 10.0)
                    ]
                ))
                "mixed"

            let codes =
                Schema [| DiscreteColumn("a", "x", "y") :> Column; DiscreteColumn("b", "0", "1") |]

            Expect.equal (codes.Inputs 5) (IndicatorInput 2) "all of one size")
        testCase "a schema of another shape is refused" (fun () ->
            use circuit = circuit ()

            let set (columns: Column list) =
                fun () -> circuit.Schema <- Schema columns

            for columns, part in
                [
                    [ RealColumn "a" :> Column ], "1 columns, the circuit 3 variables"
                    [ DiscreteColumn("a", "x"); RealColumn "b"; RealColumn "c" ],
                    "Column \"a\" has 1 values, variable 0 of the circuit 4"
                    [ schema.Columns[0]; RealColumn "b"; RealColumn "c" ],
                    "Column \"b\" has real values, variable 1 of the circuit 3"
                ] do
                let e = Expect.raises<ArgumentException> (set columns) "refused"
                Expect.stringContains e.Message part "message"

            Expect.isTrue (circuit.Schema = schema) "the schema stays")
        testCase "errors name the column and what its codes stand for" (fun () ->
            use circuit = circuit ()

            let e =
                refusal (fun () -> circuit.LogLikelihood(Evidence.From([| 0f; 0f; 1f; 0f; 7f; 1f |], 3)))

            Expect.equal
                e.Message
                "Row 1, column \"colour\": 7 is not an integer from 0 to 2, the code of one of blue, light red, red."
                "value"

            Expect.equal (e.Row, e.Variable) (Nullable 1, Nullable 1) "place"
            let set = Evidence.unknown 1 3 |> Evidence.where 2 (ValueSet.OneOf(1f, 2f))
            let e = refusal (fun () -> circuit.LogLikelihood set)
            Expect.stringContains e.Message "Row 0, column \"age\": one of [1, 2] has probability 0" "set"
            circuit.Schema <- null
            let e = refusal (fun () -> circuit.LogLikelihood set)
            Expect.stringContains e.Message "Row 0, variable 2" "without a schema")
        testCase "a model file keeps the schema, under its checksum, and refuses a malformed one" (fun () ->
            let folder = Directory.CreateTempSubdirectory "spn-schema-"

            try
                let path = Path.Combine(folder.FullName, "m.safetensors")
                use circuit = circuit ()
                circuit.Schema <- Schema(schema.Columns, [| "-9"; "täglich \"x\"" |], [| "id" |])
                circuit.Save path
                use loaded = Circuit.Load path
                Expect.isTrue (loaded.Schema = circuit.Schema) "schema"

                let content = File.ReadAllBytes path
                let text = Encoding.UTF8.GetString content

                let change (from: string) (into: string) =
                    Expect.isTrue (text.Contains from) $"{from} is in the file"

                    let at = ReadOnlySpan(content).IndexOf(ReadOnlySpan(Encoding.UTF8.GetBytes from))

                    let changed = Array.copy content
                    Array.blit (Encoding.UTF8.GetBytes into) 0 changed at from.Length

                    (Expect.raises<ModelFileException>
                        (fun () -> ModelFileReader("m", new MemoryStream(changed)).Read() |> ignore)
                        "refused")
                        .Message

                Expect.stringContains (change "blue" "blau") "SHA-256" "a changed label"
                Expect.stringContains (change "\\\"red\\\"" "\\\"rod\\\"") "SHA-256" "another one"

                Expect.stringContains
                    (change "\\\"ignored\\\"" "\\\"ignorad\\\"")
                    "the schema cannot be read"
                    "an unknown field"

                Expect.stringContains (change "\\\"4\\\"" "\\\"1\\\"") "the schema cannot be read" "a label twice"

                circuit.Schema <- null
                circuit.Save path
                use plain = Circuit.Load path
                Expect.isTrue (isNull plain.Schema) "no schema"
            finally
                folder.Delete true)
    ]

let tests = testList "schema" [ inferring; cells; conditions; inCircuits ]
