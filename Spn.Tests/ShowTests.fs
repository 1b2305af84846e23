/// Charts, tables, pictures and reports.
module Spn.Tests.ShowTests

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text.Json
open Spn
open Spn.Core

let private parse (chart: Chart) =
    (JsonDocument.Parse(Plotly.toJson chart)).RootElement

let private trace (index: int) (chart: Chart) =
    (parse chart).GetProperty("data")[index]

let private kinds (values: JsonElement) = [ for v in values.EnumerateArray() -> v.ValueKind ]

let private line points = Chart.Line [ "train", points ]

let private emptyFolder () =
    Directory.CreateTempSubdirectory("spn-test-").FullName

/// The bytes of a PNG file bit by bit, as the format's definition has it.
let private crc (bytes: byte[]) =
    let mutable c = 0xFFFFFFFFu

    for b in bytes do
        c <- c ^^^ uint32 b

        for _ in 1..8 do
            c <- if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1

    ~~~c

/// Chunks of a PNG file, each checked against its sum.
let private chunks (png: byte[]) =
    let word at =
        BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(png, at, 4))

    Expect.sequenceEqual
        png[..7]
        [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |]
        "a PNG file starts with its signature"

    8
    |> List.unfold (fun at ->
        if at = png.Length then
            None
        else
            let length = int (word at)
            Expect.equal (word (at + 8 + length)) (crc png[at + 4 .. at + 7 + length]) "a chunk ends with its sum"
            let kind = Text.Encoding.ASCII.GetString(png, at + 4, 4)
            Some((kind, png[at + 8 .. at + 7 + length]), at + 12 + length))

/// Height, width and pixel rows of a PNG file whose rows are not filtered.
let private decode (png: byte[]) =
    let chunks = chunks png
    Expect.equal (List.map fst chunks) [ "IHDR"; "IDAT"; "IEND" ] "the chunks stand in order"
    let header = dict chunks |> fun chunk -> chunk["IHDR"]

    let size at =
        int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(header, at, 4)))

    use inflated = new MemoryStream()

    use source =
        new ZLibStream(new MemoryStream(snd chunks[1]), CompressionMode.Decompress)

    source.CopyTo inflated
    let rows = Array.splitInto (size 4) (inflated.ToArray())
    Expect.all rows (fun row -> row[0] = 0uy) "every row has filter type 0"
    size 4, size 0, rows |> Array.collect Array.tail

let private picture (chart: Chart) =
    match chart.Traces with
    | [ Trace.Picture(png, _, side) ] -> decode png, side
    | traces -> failtestf "Expected one picture, got %A" traces

let private grey pixels =
    pixels |> Array.chunkBySize 3 |> Array.map Array.head

let private charts =
    testList "charts" [
        testCase "NaN and infinite values become null" (fun () ->
            let y =
                (line [ 0.0, 1.5; 1.0, nan; 2.0, infinity; 3.0, -infinity; 4.0, -2.0 ] |> trace 0).GetProperty "y"

            let expected = [
                JsonValueKind.Number
                JsonValueKind.Null
                JsonValueKind.Null
                JsonValueKind.Null
                JsonValueKind.Number
            ]

            Expect.equal (kinds y) expected "only finite values are numbers")

        testCase "text cannot end the script around it and is read back unchanged" (fun () ->
            let name = "a </script> \"quoted\" <!-- ü"
            let chart = Chart.Scatter([ name, [ 1.0, 2.0 ] ], x = name)
            Expect.isFalse ((Plotly.toJson chart).Contains '<') "no angle bracket is left"
            Expect.equal ((trace 0 chart).GetProperty("name").GetString()) name "the name is read back"

            Expect.equal
                ((parse chart)
                    .GetProperty("layout")
                    .GetProperty("xaxis")
                    .GetProperty("title")
                    .GetProperty("text")
                    .GetString())
                name
                "so is the axis title")

        testCase "numbers are written and read back exactly, whatever the culture" (fun () ->
            let values = [ 0.1; -1e-300; 1.0 / 3.0; 1e22 ]
            let y = (line [ for v in values -> v, v ] |> trace 0).GetProperty "y"
            Expect.sequenceEqual [ for v in y.EnumerateArray() -> v.GetDouble() ] values "the values are the same")

        testCase "train and valid share a colour, solid and dashed; another model has another colour" (fun () ->
            let points = [ 1.0, 1.0 ]
            let chart = Chart.Line [ "A train", points; "A valid", points; "B train", points ]

            let style index =
                let line = (trace index chart).GetProperty "line" in
                string (line.GetProperty "color"), string (line.GetProperty "dash")

            let (a, solid), (valid, dash), (b, _) = style 0, style 1, style 2
            Expect.equal valid a "one colour for one model"
            Expect.notEqual b a "another for the other"
            Expect.equal (solid, dash) ("solid", "dash") "dashes tell the sets apart")

        testCase "train and test differ in colour where there are no dashes" (fun () ->
            let chart = Chart.Histogram [ "train", [ 1.0 ]; "test", [ 2.0 ] ]

            let colour index =
                string ((trace index chart).GetProperty("marker").GetProperty "color")

            Expect.notEqual (colour 0) (colour 1) "each series has its own colour")

        testCase "a histogram counts every finite value once" (fun () ->
            let values = [ nan; infinity; 0.0; 0.25; 1.0; 1.0 ]

            match (Chart.Histogram([ "x", values ], bins = 4)).Traces with
            | [ Trace.Bins(name, edges, counts) ] ->
                Expect.equal name "x (2 not finite)" "left-out values are told"
                Expect.sequenceEqual edges [ 0.0; 0.25; 0.5; 0.75; 1.0 ] "bins are equally wide"
                Expect.sequenceEqual counts [ 1; 1; 0; 2 ] "the last bin holds the greatest value"
            | traces -> failtestf "Expected bins, got %A" traces)

        testCase "bars without one value for each label are refused with both numbers" (fun () ->
            let error =
                Expect.raises<ArgumentException>
                    (fun () -> Chart.Bars([ "a"; "b" ], [ "ours", [ 1.0 ] ]) |> ignore)
                    "lengths differ"

            Expect.stringContains error.Message "1 values; there are 2 labels" "given and expected are shown")

        testCase "the data of lines lists every x once with a column for each series" (fun () ->
            let data =
                Chart.data (Chart.Line([ "train", [ 1.0, 0.5; 2.0, 0.25 ]; "valid", [ 2.0, 0.125 ] ], x = "epoch"))

            Expect.equal data.Headers [ "epoch"; "train"; "valid" ] "headers"
            Expect.equal data.Rows [ [ "1"; "0.5"; "" ]; [ "2"; "0.25"; "0.125" ] ] "rows")

        testCase "a sparkline has one block a value from least to greatest" (fun () ->
            Expect.equal (Chart.sparkline [ 0.0; 1.0; nan; 3.5; 7.0 ]) "▁▂ ▅█" "blocks follow the values"
            Expect.equal (Chart.sparkline [ 2.0; 2.0 ]) "▄▄" "equal values are in the middle"
            Expect.equal (Chart.sparkline []) "" "no values, no blocks")
    ]

let private tables =
    testList "tables" [
        testCase "numbers stand flush right, text flush left" (fun () ->
            let table =
                Table.create [ "set"; "nats" ] [ [ "NLTCS"; "-6.05" ]; [ "Ad"; "-16.1" ]; [ "x"; "–" ] ]

            let expected =
                "set     nats\n─────  ─────\nNLTCS  -6.05\nAd     -16.1\nx          –"

            Expect.equal (Table.toText table) expected "columns line up")

        testTheory
            "a cell counts as a number"
            [ "1"; "-0.5"; "1,234.5"; "1e-3"; "0.31 ± 0.02"; "12 s"; "97%"; ".5" ]
            (fun cell -> Expect.equal (Table.numericColumns (Table.create [ "h" ] [ [ cell ] ])) [ true ] cell)

        testTheory "a cell counts as text" [ "64x64 px grid"; "RAT-SPN"; "2024-01-01"; ""; "-"; "NaN" ] (fun cell ->
            Expect.equal (Table.numericColumns (Table.create [ "h" ] [ [ cell ] ])) [ false ] cell)

        testCase "a row of another length than the headers is refused with both numbers" (fun () ->
            let error =
                Expect.raises<ArgumentException>
                    (fun () -> Table.create [ "a" ] [ [ "1" ]; [ "1"; "2" ] ] |> ignore)
                    "lengths differ"

            Expect.stringContains
                error.Message
                "Row 2 has 2 cells; the table has 1 headers"
                "given and expected are shown")
    ]

let private pictures =
    testList "pictures" [
        testProperty "a PNG file decodes to its pixels" (fun (bytes: byte[]) (width: int) ->
            let width = 1 + abs (width % 5)
            let height = 1 + bytes.Length / width
            let pixels = Array.append bytes (Array.zeroCreate (height * width - bytes.Length))
            Expect.equal (decode (Png.Encode(pixels, height, width))) (height, width, pixels) "grey pixels"
            let colour = Array.concat [ pixels; pixels; pixels ]
            Expect.equal (decode (Png.Encode(colour, height, width))) (height, width, colour) "coloured pixels")

        testCase "a grid shows images row by row with a line between them" (fun () ->
            let (height, width, pixels), side =
                picture (
                    Chart.SampleGrid(
                        [ [ 0.0; 1.0 ]; [ 1.0; 0.0 ]; [ 0.2; 0.4 ] ],
                        height = 1,
                        width = 2,
                        columns = 2,
                        side = 3
                    )
                )

            Expect.equal (height, width, side) (3, 5, 3) "two images across, two down"
            let expected = [| 0; 255; 140; 255; 0; 140; 140; 140; 140; 140; 51; 102; 140; 140; 140 |]
            Expect.sequenceEqual (grey pixels) (Array.map byte expected) "pixels")

        testCase "values outside 0 to 1 are shown from the least to the greatest" (fun () ->
            let (_, _, pixels), _ =
                picture (Chart.SampleGrid([ [ -5.0; 0.0; 5.0 ] ], height = 1, width = 3))

            Expect.sequenceEqual (Array.truncate 3 (grey pixels)) [ 0uy; 128uy; 255uy ] "black, grey, white")

        testCase "hidden entries of a batch are coloured" (fun () ->
            let batch = Evidence.From([| 1.0f; 1.0f |], 2).Hide 1
            let (_, _, pixels), _ = picture (Chart.SampleGrid(batch, height = 1, width = 2))
            Expect.sequenceEqual pixels[..2] [ 255uy; 255uy; 255uy ] "an observed one is grey"
            Expect.notEqual pixels[3] pixels[5] "a hidden one is not")

        testCase "no samples give an empty grid" (fun () ->
            Chart.SampleGrid(List.empty<float list>, height = 2, width = 2)
            |> picture
            |> ignore)
    ]

let private reports =
    testList "reports" [
        testCase "text is escaped in every block" (fun () ->
            let bad = "<b>&</script>"

            let page =
                Report.html bad [
                    Report.Heading bad
                    Report.Text bad
                    Report.Code bad
                    Report.Columns [ Report.Table(Table.create [ bad ] [ [ bad ] ]) ]
                    Report.Chart { line [ 1.0, 2.0 ] with Title = bad }
                ]

            Expect.isFalse (page.Contains "<b>") "no markup of the texts is left")

        testCase "pictures and tables need no script from elsewhere" (fun () ->
            let page =
                Report.html "t" [ Report.Chart(Chart.SampleGrid([ [ 1.0 ] ], height = 1, width = 1)) ]

            Expect.stringContains page "data:image/png;base64," "the picture is inside"
            Expect.isFalse (page.Contains "src=\"http") "nothing is loaded")

        testCase "plotly is found in the folder above" (fun () ->
            let root = emptyFolder ()
            Expect.isNone (Plotly.find root) "nothing is installed"
            let package = Path.Combine(root, "node_modules", "plotly.js-cartesian-dist-min")
            Directory.CreateDirectory package |> ignore
            File.WriteAllText(Path.Combine(package, "plotly-cartesian.min.js"), "")
            let below = Directory.CreateDirectory(Path.Combine(root, "a", "b")).FullName
            Expect.isSome (Plotly.find below) "it is found two folders below"
            Directory.Delete(root, true))

        testCase "a chart's page is complete in itself when plotly is at hand, else it names plotly's site" (fun () ->
            let page = Report.html "t" [ Report.Chart(line [ 1.0, 2.0 ]) ]

            match List.tryPick Plotly.find [ Environment.CurrentDirectory; AppContext.BaseDirectory ] with
            | Some script ->
                Expect.isFalse (page.Contains "src=\"http") "nothing is loaded"
                Expect.isGreaterThan (int64 page.Length) (FileInfo(script).Length) "the script is inside"
            | None -> Expect.stringContains page $"src=\"{Plotly.address}\"" "the script is loaded")

        testCase "a saved page replaces the old one and leaves nothing else behind" (fun () ->
            let folder = emptyFolder ()
            let path = Path.Combine(folder, "sub", "page.html")
            let first = Report.save path "old"
            Expect.equal (Report.save path "new") first "the path is the same"
            Expect.equal (File.ReadAllText path) "new" "the page is the new one"
            Expect.sequenceEqual (Directory.GetFiles(Path.Combine(folder, "sub"))) [ path ] "no other file is left"
            Directory.Delete(folder, true))

        testCase "showing a chart without a browser gives the path of a page" (fun () ->
            Environment.SetEnvironmentVariable("BROWSER", "none")
            let path = Show.chart (Chart.HeatMap(array2D [ [ 1.0; nan ] ], title = "Weights"))
            Expect.stringContains (File.ReadAllText path) "<h1>Weights</h1>" "the page bears the chart's title"
            File.Delete path)
    ]

let tests = testList "show" [ charts; tables; pictures; reports ]
