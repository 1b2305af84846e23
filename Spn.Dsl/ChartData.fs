namespace Spn

open System
open System.Globalization
open System.IO

/// <summary>Looks at charts without a browser.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Chart =

    let private text (v: float) =
        v.ToString("G7", CultureInfo.InvariantCulture)

    /// <summary>A line of block characters from the least value to the greatest, for console progress.</summary>
    /// <remarks>One character a value; a space stands for NaN and infinite values, a middle block for values that are all the same.</remarks>
    /// <param name="values">The values, in order.</param>
    let sparkline (values: seq<float>) : string =
        let values = Array.ofSeq values
        let finite = Array.filter Double.IsFinite values

        let low, high =
            if finite.Length = 0 then
                0.0, 0.0
            else
                Array.min finite, Array.max finite

        let block v =
            if not (Double.IsFinite v) then
                ' '
            elif low = high then
                '▄'
            else
                "▁▂▃▄▅▆▇█"[int (Math.Round((v - low) / (high - low) * 7.0))]

        String(Array.map block values)

    /// <summary>The numbers that a chart draws; empty for pictures.</summary>
    /// <remarks>Lines, bars and bins have a column for each series; points are listed one by one; cells keep their rows and columns.</remarks>
    /// <param name="chart">The chart.</param>
    let data (chart: Chart) : Table =
        let axisTitle (axis: Axis) fallback =
            if axis.Title = "" then fallback else axis.Title

        let column index (pairs: ('k * string)[]) = // one column of a table whose rows are keys
            pairs |> Array.map (fun (key, cell) -> key, (index, cell))

        let byKey keyHeaders (keyCells: 'k -> string list) (series: (string * ('k * string)[]) list) =
            let rows =
                series
                |> List.mapi (fun i (_, pairs) -> column i pairs)
                |> Array.concat
                |> Array.groupBy fst

            Table.create (keyHeaders @ List.map fst series) [
                for key, cells in rows do
                    let cells = cells |> Array.map snd |> Map.ofArray

                    keyCells key
                    @ [
                        for i in 0 .. series.Length - 1 -> cells |> Map.tryFind i |> Option.defaultValue ""
                    ]
            ]

        match chart.Traces with
        | Trace.Lines _ :: _ ->
            [
                for trace in chart.Traces do
                    match trace with
                    | Trace.Lines(name, points) -> name, points |> Array.map (fun (x, y) -> x, text y)
                    | _ -> ()
            ]
            |> byKey [ axisTitle chart.X "x" ] (fun x -> [ text x ])
        | Trace.Bars(horizontal = horizontal) :: _ ->
            [
                for trace in chart.Traces do
                    match trace with
                    | Trace.Bars(name, labels, values, _) -> name, Array.zip labels (Array.map text values)
                    | _ -> ()
            ]
            |> byKey [ axisTitle (if horizontal then chart.Y else chart.X) "label" ] List.singleton
        | Trace.Bins _ :: _ ->
            [
                for trace in chart.Traces do
                    match trace with
                    | Trace.Bins(name, edges, counts) ->
                        name, Array.zip (Array.pairwise edges) (counts |> Array.map string)
                    | _ -> ()
            ]
            |> byKey [ "from"; "to" ] (fun (low, high) -> [ text low; text high ])
        | Trace.Points _ :: _ ->
            Table.create [ "series"; axisTitle chart.X "x"; axisTitle chart.Y "y" ] [
                for trace in chart.Traces do
                    match trace with
                    | Trace.Points(name, points) -> for x, y in points -> [ name; text x; text y ]
                    | _ -> ()
            ]
        | Trace.Cells(values, _, _, _) :: _ ->
            let columns = [ 0 .. Array2D.length2 values - 1 ]

            Table.create ("" :: List.map string columns) [
                for row in 0 .. Array2D.length1 values - 1 ->
                    string row :: [ for column in columns -> text values[row, column] ]
            ]
        | Trace.Picture _ :: _
        | [] -> Table.create [] List.empty<string list>

    /// <summary>Writes the pictures of a grid to a PNG file as large as a report shows them, and gives the file's full path.</summary>
    /// <param name="path">The file; replaced when it is there. Its folder is made when it is missing.</param>
    /// <param name="chart">A grid of images.</param>
    /// <exception cref="T:System.ArgumentException">The chart is no grid of images.</exception>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    let savePicture (path: string) (chart: Chart) : string =
        match chart.Traces with
        | [ Trace.Picture(png, _, side) ] ->
            let path = Path.GetFullPath path

            Path.GetDirectoryName path
            |> Option.ofObj
            |> Option.iter (Directory.CreateDirectory >> ignore)

            File.WriteAllBytes(path, Png.Enlarge(png, side))
            path
        | _ -> invalidArg (nameof chart) "Only a grid of images is a picture; put other charts into a report."

    /// <summary>The picture in a PNG file, such as <c>savePicture</c> writes, as a chart for a report.</summary>
    /// <param name="title">Heading.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="T:System.ArgumentException">It is no PNG file.</exception>
    /// <exception cref="T:System.IO.IOException">The file cannot be read.</exception>
    let loadPicture (title: string) (path: string) : Chart =
        let png = File.ReadAllBytes path
        let none: Axis = { Title = ""; Log = false }

        {
            Title = title
            X = none
            Y = none
            Traces = [ Trace.Picture(png, Png.Width png, 1) ]
        }
