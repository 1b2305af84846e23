/// Reading tables of a known schema: at once, in blocks, by name and by place.
module Spn.Tests.SchemaReadingTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Tests.SchemaTests

let private gzip (text: string) =
    let packed = new MemoryStream()

    (use pack = new GZipStream(packed, CompressionLevel.Optimal, true)
     pack.Write(ReadOnlySpan(Encoding.UTF8.GetBytes text)))

    packed.Position <- 0L
    packed :> Stream

let tests =
    testList "schema, reading" [
        testCase "columns are found by name, in any order" (fun () ->
            let read = schema.Read(stream "age,pid,colour\n42,4,red\n?,0,\n", "x.csv")
            Expect.equal (known read) [ "3"; "2"; "42" ] "first row"
            Expect.equal (known (read |> Evidence.rows [ 1 ])) [ "0"; "?"; "?" ] "second row")
        testCase "what does not fit is refused with line, column and domain" (fun () ->
            for text, options, parts in
                [
                    "age,pid,colour\n1,1,red\n2,7,red\n",
                    TableOptions(),
                    [ "x.csv line 3, column \"pid\": \"7\" is not one of 0, 1, 2, 4." ]
                    "age,pid,colour\nx,1,red\n",
                    TableOptions(),
                    [ "line 2, column \"age\": \"x\" is not a finite number" ]
                    "age,pid\n1,1\n", TableOptions(), [ "expected a column \"colour\"" ]
                    "age,pid,colour,x\n1,1,red,1\n",
                    TableOptions(),
                    [ "line 1 column 4"; "one of the columns pid, colour, age"; "\"x\"" ]
                    "4,red\n", TableOptions(HasHeader = false), [ "expected 3 cells"; "found 2" ]
                    "age,pid,colour\n", TableOptions(), [ "at least one row" ]
                ] do
                let e = malformed (fun () -> schema.Read(stream text, "x.csv", options))

                for part in parts do
                    Expect.stringContains e.Message part text)
        testCase "absent columns are hidden and unknown ones passed over where that is asked for" (fun () ->
            let options = TableOptions(HideAbsentColumns = true, PassUnknownColumns = true)
            Expect.equal (known (schema.Read(stream "x,pid\n9,1\n", "x.csv", options))) [ "1"; "?"; "?" ] "entries"
            let ignoring = Schema(schema.Columns, null, [| "x" |])

            Expect.equal
                (known (ignoring.Read(stream "x,pid,age,colour\n9,1,,\n", "x.csv")))
                [ "1"; "?"; "?" ]
                "ignored")
        testCase "without a header columns go by their place" (fun () ->
            let options = TableOptions(HasHeader = false)

            Expect.equal
                (known (schema.Read(stream "4,red,42\n", "x.csv", options)))
                [ "3"; "2"; "42" ]
                "as the schema"

            let numbered =
                infer (SchemaOptions(HasHeader = false, Drop = [| "column2" |])) "1,x,0.5\n2,y,1.5\n"

            Expect.equal [ for c in numbered.Columns -> c.Name ] [ "column1"; "column3" ] "names"
            Expect.equal (known (numbered.Read(stream "2,z,7\n", "x.csv", options))) [ "1"; "7" ] "one was dropped")
        testCase "blocks hold together what reading at once holds, with the cells of the file" (fun () ->
            let pid = [| "0"; "1"; "2"; "4"; "?" |]

            let text =
                "age,\"colour\",pid\n"
                + String.concat "" [ for i in 0..99 -> $"{i}.25, red ,{pid[i % 5]}\n" ]

            let whole = schema.Read(stream text, "x.csv")

            for source in [ stream; gzip ] do
                for rows in [ 1; 7; 100; 1000 ] do
                    let blocks = schema.ReadBlocks(source text, "x.csv", rows) |> List.ofSeq
                    Expect.equal blocks.Length ((99 + rows) / rows) "number of blocks"

                    Expect.equal
                        [ for b in blocks -> b.FirstRow ]
                        [ for i in 0 .. blocks.Length - 1 -> int64 (i * rows) ]
                        "first rows"

                    let entries (e: Evidence) = [ for i in 0 .. e.Count - 1 -> known (e |> Evidence.rows [ i ]) ]

                    Expect.equal
                        (blocks |> List.collect (fun b -> entries b.Evidence))
                        (entries whole)
                        $"{rows} rows a block"

                    let cells = blocks |> List.collect (fun b -> List.ofSeq b.Cells)
                    Expect.equal cells[4] [| "4.25"; "red"; "?" |] "texts of the file, without white space"
                    Expect.equal (List.ofSeq blocks.Head.Header) [ "age"; "colour"; "pid" ] "header"
                    Expect.equal (List.ofSeq blocks.Head.Variables) [ 2; 1; 0 ] "variables"
                    Expect.isGreaterThan (List.last blocks).BytesRead 100L "bytes")
        testCase "a long file is never held as a whole" (fun () ->
            // A stream that makes its rows as they are read, so that only the reader could hold them.
            let row = Encoding.UTF8.GetBytes(String.replicate 1000 "4,light red,41.5\n")
            let mutable left = 10_000

            let endless = {
                new ForwardStream() with
                    member _.Read(buffer: Span<byte>) : int =
                        if left = 0 then
                            0
                        else
                            left <- left - 1
                            let part = ReadOnlySpan(row).Slice(0, min row.Length (buffer.Length / 17 * 17))
                            part.CopyTo buffer
                            part.Length
            }

            let before = GC.GetTotalMemory true
            let mutable rows, most = 0L, 0L

            for block in
                schema.ReadBlocks(endless, "x", 1000, TableOptions(HasHeader = false, Separator = Nullable ',')) do
                rows <- rows + int64 block.Cells.Count

                if block.FirstRow % 100_000L = 0L then
                    most <- max most (GC.GetTotalMemory true - before)

            Expect.isGreaterThan rows 400_000L "rows"
            Expect.isLessThan most 8_000_000L "bytes held")
        testCase "a gzip file cut short is refused, however it is read" (fun () ->
            let text =
                "age,colour,pid\n"
                + String.concat "" [ for i in 0..999 -> $"{i * 7919 % 1000},red,4\n" ]

            use packed = new MemoryStream()
            (gzip text).CopyTo packed

            for length in [ 2; 100; int packed.Length / 2; int packed.Length - 1 ] do
                let cut () =
                    new MemoryStream(packed.ToArray()[.. length - 1])

                malformed (fun () -> schema.Read(cut (), "x.csv")) |> ignore

                malformed (fun () -> schema.ReadBlocks(cut (), "x.csv", 10) |> Seq.length)
                |> ignore)
    ]
