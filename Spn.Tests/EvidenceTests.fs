/// Evidence: where it comes from, what is hidden in it, and what is known of hidden entries.
module Spn.Tests.EvidenceTests

open System
open System.Collections.Generic
open FsCheck.FSharp
open Spn
open Spn.Core

/// What a batch says of every entry: a value, a set in words, or nothing.
let private known (evidence: Evidence) = [
    for sample in 0 .. evidence.Count - 1 ->
        [
            for variable in 0 .. evidence.Variables - 1 ->
                if not (evidence.IsHidden(sample, variable)) then
                    string (evidence.Row(sample)[variable])
                else
                    match evidence.SetOf(sample, variable) with
                    | null -> "?"
                    | set -> string set
        ]
]

let private refusal action =
    Expect.raises<EvidenceException> (action >> ignore) "it is refused"

let private two = Evidence.From([| 0f; 1f; 2f; 3f; 4f; 5f |], 3)

let private arrays =
    testList "arrays" [
        testCase "all shapes and number types say the same" (fun () ->
            let expected = known two

            for name, evidence in
                [
                    "double[]", Evidence.From([| 0.0 .. 5.0 |], 3)
                    "int[]", Evidence.From([| 0..5 |], 3)
                    "byte[]", Evidence.From([| 0uy .. 5uy |], 3)
                    "span", Evidence.From(ReadOnlySpan [| 0f .. 5f |], 3)
                    "float[][]", Evidence.From [| [| 0f .. 2f |]; [| 3f .. 5f |] |]
                    "double[][]", Evidence.From [| [| 0.0 .. 2.0 |]; [| 3.0 .. 5.0 |] |]
                    "int[][]", Evidence.From [| [| 0..2 |]; [| 3..5 |] |]
                    "byte[][]", Evidence.From [| [| 0uy .. 2uy |]; [| 3uy .. 5uy |] |]
                    "float[,]", Evidence.From(array2D [ [ 0f .. 2f ]; [ 3f .. 5f ] ])
                    "double[,]", Evidence.From(array2D [ [ 0.0 .. 2.0 ]; [ 3.0 .. 5.0 ] ])
                    "int[,]", Evidence.From(array2D [ [ 0..2 ]; [ 3..5 ] ])
                    "byte[,]", Evidence.From(array2D [ [ 0uy .. 2uy ]; [ 3uy .. 5uy ] ])
                    "ofArray2D", Evidence.ofArray2D (array2D [ [ 0..2 ]; [ 3..5 ] ])
                    "ofRows", Evidence.ofRows [ [ 0.0 .. 2.0 ]; [ 3.0 .. 5.0 ] ]
                ] do
                Expect.equal (known evidence) expected name)
        testCase "NaN is hidden, whatever array it stands in" (fun () ->
            for evidence in
                [
                    Evidence.From([| 1f; nanf; 3f; 4f |], 2)
                    Evidence.From([| 1.0; nan; 3.0; 4.0 |], 2)
                    Evidence.From [| [| 1.0; nan |]; [| 3.0; 4.0 |] |]
                    Evidence.From(array2D [ [ 1.0; nan ]; [ 3.0; 4.0 ] ])
                    Evidence.ofRows [ [| 1.0; nan |]; [| 3.0; 4.0 |] ]
                ] do
                Expect.equal (known evidence) [ [ "1"; "?" ]; [ "3"; "4" ] ] "the second entry")
        testCase "a span is copied" (fun () ->
            let values = [| 1f; 2f |]
            let evidence = Evidence.From(ReadOnlySpan values, 2)
            values[0] <- 9f
            Expect.equal (known evidence) [ [ "1"; "2" ] ] "the batch keeps its values")
        testCase "a row of another length is refused with both lengths" (fun () ->
            let e =
                refusal (fun () -> Evidence.From [| [| 1; 2 |]; [| 1; 2 |]; [| 1; 2; 3 |] |])

            Expect.equal e.Message "Row 2 has 3 values, row 0 has 2." "message"
            Expect.equal e.Row (Nullable 2) "row"

            Expect.throwsT<ArgumentException> (fun () -> Evidence.From(Array.empty<int[]>) |> ignore) "no rows"
            Expect.throwsT<ArgumentException> (fun () -> Evidence.From([| 1; 2; 3 |], 2) |> ignore) "half a row")
    ]

let private sets =
    testList "sets" [
        testCase "both batches are known after And, sets by what they share" (fun () ->
            let left =
                Evidence.unknown 1 4
                |> Evidence.observe 0 1.0
                |> Evidence.where 1 (ValueSet.AtLeast 2.0)
                |> Evidence.where 2 (ValueSet.OneOf(1f, 2f, 3f))

            let right =
                Evidence.unknown 1 4
                |> Evidence.where 1 (ValueSet.AtMost 5.0)
                |> Evidence.where 2 (ValueSet.Between(2.0, 9.0))
                |> Evidence.observe 3 7.0

            let expected = [ [ "1"; "2 to 5"; "one of [2, 3]"; "7" ] ]
            Expect.equal (known (left.And right)) expected "left and right"
            Expect.equal (known (right |> Evidence.andAlso left)) expected "the order changes nothing")
        testCase "a value joins a set that holds it, and stays" (fun () ->
            let set = Evidence.unknown 1 1 |> Evidence.where 0 (ValueSet.AtLeast 2.0)
            let value = Evidence.unknown 1 1 |> Evidence.observe 0 3.0
            Expect.equal (known (set.And value)) [ [ "3" ] ] "set and value"
            Expect.equal (known (value.And set)) [ [ "3" ] ] "value and set")
        testCase "a contradiction is refused with its place" (fun () ->
            let at value =
                Evidence.unknown 1 2 |> Evidence.observe 1 value

            let within set =
                Evidence.unknown 1 2 |> Evidence.where 1 set

            for a, b in
                [
                    at 1.0, at 2.0
                    at 1.0, within (ValueSet.AtLeast 2.0)
                    within (ValueSet.OneOf(1f, 2f)), at 3.0
                    within (ValueSet.AtMost 1.0), within (ValueSet.AtLeast 2.0)
                ] do
                let e = refusal (fun () -> a.And b)
                Expect.equal (e.Row, e.Variable) (Nullable 0, Nullable 1) "place")
        testCase "one sample is joined to each, other numbers of samples are refused" (fun () ->
            let one = Evidence.unknown 1 3 |> Evidence.where 1 (ValueSet.AtMost 9.0)

            Expect.equal
                (known ((two |> Evidence.hide [ 1 ]).And one))
                [ [ "0"; "-Infinity to 9"; "2" ]; [ "3"; "-Infinity to 9"; "5" ] ]
                "both samples"

            refusal (fun () -> one.And two) |> ignore
            refusal (fun () -> two.And(Evidence.unknown 1 2)) |> ignore)
        testCase "the later of two statements counts" (fun () ->
            let set = ValueSet.AtLeast 2.0
            let base' = Evidence.unknown 1 1
            Expect.equal (known (base' |> Evidence.where 0 set |> Evidence.observe 0 1.0)) [ [ "1" ] ] "observed"
            Expect.equal (known (base' |> Evidence.observe 0 1.0 |> Evidence.where 0 set)) [ [ string set ] ] "set"
            Expect.equal (known (base' |> Evidence.where 0 set |> Evidence.hide [ 0 ])) [ [ "?" ] ] "hidden"
            Expect.equal (known (base' |> Evidence.observe 0 nan)) [ [ "?" ] ] "NaN hides")
        testCase "only, hide and rows keep what they do not change, sets included" (fun () ->
            let evidence = two |> Evidence.where 1 (ValueSet.AtLeast 2.0)
            let set = string (ValueSet.AtLeast 2.0)
            Expect.equal (known (evidence |> Evidence.only [ 1 ])) [ [ "?"; set; "?" ]; [ "?"; set; "?" ] ] "only"
            Expect.equal (known (evidence |> Evidence.hide [ 1; 2 ])) [ [ "0"; "?"; "?" ]; [ "3"; "?"; "?" ] ] "hide"

            Expect.equal
                (known (evidence |> Evidence.rows [ 1; 0; 1 ]))
                [ [ "3"; set; "5" ]; [ "0"; set; "2" ]; [ "3"; set; "5" ] ]
                "rows"

            Expect.equal
                (known (
                    evidence
                    |> Evidence.hideWhere (fun sample variable -> sample = 1 && variable = 1)
                ))
                [ [ "0"; set; "2" ]; [ "3"; "?"; "5" ] ]
                "hideWhere"

            Expect.equal (known evidence) [ [ "0"; set; "2" ]; [ "3"; set; "5" ] ] "the batch itself is as before")
        testProperty "rows of rows are rows" (fun (first: byte list) (second: byte list) ->
            first.IsEmpty
            || (let batch = two |> Evidence.where 2 (ValueSet.OneOf(1f, 2f)) |> Evidence.hide [ 0 ]
                let first = [ for i in first -> int i % 2 ]
                let second = [ for i in second -> int i % first.Length ]

                known (batch |> Evidence.rows first |> Evidence.rows second) =
                    known (batch |> Evidence.rows [ for i in second -> first[i] ])))
        testCase "an index that names no variable is refused" (fun () ->
            for action in
                [
                    fun () -> two.Hide(3)
                    fun () -> two.Only(-1)
                    fun () -> two.Observe(3, 1f)
                    fun () -> two.Where(3, ValueSet.AtLeast 1.0)
                ] do
                Expect.throwsT<ArgumentOutOfRangeException> (action >> ignore) "three variables")
    ]

type private Colour =
    | Red = 0
    | Blue = 1

let private schema =
    Schema [|
        DiscreteColumn("colour", "Blue", "Red") :> Column
        DiscreteColumn("level", "1", "2", "5")
        DiscreteColumn("ok", "no", "yes")
        DiscreteColumn("flag", "0", "1")
        RealColumn("size")
    |]

let private tables =
    testList "records and columns" [
        testCase "properties are columns in any letter case, absent ones are hidden" (fun () ->
            let read =
                Evidence.ofRecords schema [ {| Level = 5; Size = 1.5 |}; {| Level = 1; Size = nan |} ]

            Expect.equal (known read) [ [ "?"; "2"; "?"; "?"; "1.5" ]; [ "?"; "0"; "?"; "?"; "?" ] ] "entries")
        testCase "texts, enumerations, truth values and options mean what they say" (fun () ->
            let read =
                Evidence.ofRecords schema [
                    {|
                        colour = Colour.Red
                        ok = "yes"
                        flag = true
                        size = Some 2
                    |}
                    {|
                        colour = Colour.Blue
                        ok = "?"
                        flag = false
                        size = None
                    |}
                ]

            Expect.equal (known read) [ [ "1"; "?"; "1"; "1"; "2" ]; [ "0"; "?"; "?"; "0"; "?" ] ] "entries")
        testCase "a dictionary is a record too" (fun () ->
            let row =
                Dictionary [ KeyValuePair<string, objnull>("level", "2"); KeyValuePair("size", null) ]

            Expect.equal (known (Evidence.FromRecords([ row ], schema))) [ [ "?"; "1"; "?"; "?"; "?" ] ] "entries")
        testCase "named columns of any type fill a batch, the others are hidden" (fun () ->
            let read =
                Evidence.ofColumns schema [
                    "size", [| 1f; nanf |]
                    "level", [| 5; 1 |]
                    "Colour", [| "Red"; "" |]
                    "flag", [| true; false |]
                ]

            Expect.equal (known read) [ [ "1"; "2"; "?"; "1"; "1" ]; [ "?"; "0"; "?"; "0"; "?" ] ] "entries")
        testCase "what fits no column is refused with its place and the domain" (fun () ->
            let columns (name: string) (values: Array) =
                fun () -> Evidence.ofColumns schema [ name, values ]

            for action, message in
                [
                    columns "levle" [| 1 |],
                    "There is no column \"levle\"; the columns are colour, level, ok, flag, size."
                    columns "level" [| 1; 3 |], "Row 1, column \"level\": 3 is not one of 1, 2, 5."
                    columns "ok" [| 1 |], "Row 0, column \"ok\": 1 is not one of no, yes; give the text, not a code."
                    columns "ok" [| "maybe" |], "Row 0, column \"ok\": \"maybe\" is not one of no, yes."
                    columns "size" [| infinity |], "Row 0, column \"size\": Infinity is not a finite number."
                    columns "size" [| DateTime.MinValue |],
                    "Row 0, column \"size\": a value of type DateTime is no cell; give a text, a number, true or false."
                    (fun () -> Evidence.ofColumns schema [ "size", [| 1f |]; "level", [| 1; 2 |] ]),
                    "Column \"level\" has 2 values, column \"size\" has 1."
                    (fun () -> Evidence.ofRecords schema [ {| Size = 1.0; Weight = 2.0 |} ]),
                    "Property Weight: there is no column \"Weight\"; the columns are"
                ] do
                Expect.stringContains (refusal action).Message message "message")
    ]

/// The hidden pixels of an image, row by row.
let private hidden height width (evidence: Evidence) =
    String.Join(
        "/",
        [
            for r in 0 .. height - 1 ->
                String [|
                    for c in 0 .. width - 1 -> if evidence.IsHidden(0, r * width + c) then '#' else '.'
                |]
        ]
    )

let private images =
    testList "images" [
        testCase "halves and rectangles are hidden, of odd sizes the larger part" (fun () ->
            let image = Evidence.From(Array.create 15 0f, 15)

            for occlusion, expected in
                [
                    Occlusion.Left, "###../###../###.."
                    Occlusion.Right, "..###/..###/..###"
                    Occlusion.Top, "#####/#####/....."
                    Occlusion.Bottom, "...../#####/#####"
                    Occlusion.Rectangle(1, 3, 2, 1), "...../...#./...#."
                ] do
                Expect.equal (image |> Evidence.occlude 3 5 occlusion |> hidden 3 5) expected (string occlusion))
        testCase "of a hidden pixel all channels are hidden" (fun () ->
            let image = Evidence.From(Array.create 12 0f, 12)
            let read = image.Occlude(2, 2, Occlusion.Right, channels = 3)
            Expect.equal (hidden 1 12 read) "...###...###" "pixels side by side")
        testCase "a mask hides what it marks" (fun () ->
            let image = Evidence.From(Array.create 4 0f, 4)
            let mask = array2D [ [ true; false ]; [ false; true ] ]
            Expect.equal (image |> Evidence.occludeMask mask |> hidden 2 2) "#./.#" "diagonal")
        testCase "wrong sizes are refused with both" (fun () ->
            let image = Evidence.From(Array.create 12 0f, 12)
            let e = refusal (fun () -> image.Occlude(3, 5, Occlusion.Left))
            Expect.equal e.Message "An image of 3 x 5 pixels has 15 variables, the samples have 12." "one channel"
            let e = refusal (fun () -> image.Occlude(2, 5, Occlusion.Left, 3))
            Expect.stringContains e.Message "2 x 5 pixels and 3 channels has 30 variables" "three channels"

            Expect.throwsT<ArgumentException>
                (fun () -> image.Occlude(3, 4, Occlusion.Rectangle(2, 2, 2, 1)) |> ignore)
                "beyond the edge")
        testCase "occlusions are values" (fun () ->
            Expect.equal (Occlusion.Rectangle(1, 2, 3, 4)) (Occlusion.Rectangle(1, 2, 3, 4)) "equal"
            Expect.notEqual Occlusion.Left Occlusion.Right "different")
    ]

let tests = testList "evidence" [ arrays; sets; tables; images ]
