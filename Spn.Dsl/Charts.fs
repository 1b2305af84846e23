namespace Spn

open System
open Spn.Core

/// <summary>An axis of a chart.</summary>
[<RequireQualifiedAccess>]
type Axis = {
    /// <summary>What the axis measures, with its unit, such as "average log-likelihood (nats)".</summary>
    Title: string
    /// <summary>Whether the scale is logarithmic; values that are not positive are then left out.</summary>
    Log: bool
}

/// <summary>One drawn element of a chart.</summary>
[<RequireQualifiedAccess>]
type Trace =
    /// <summary>Points joined by a line, in the given order.</summary>
    | Lines of name: string * points: (float * float)[]
    /// <summary>Points alone.</summary>
    | Points of name: string * points: (float * float)[]
    /// <summary>One bar for each label.</summary>
    | Bars of name: string * labels: string[] * values: float[] * horizontal: bool
    /// <summary>Counts between neighbouring edges; one edge more than counts.</summary>
    | Bins of name: string * edges: float[] * counts: int[]
    /// <summary>Coloured cells [row, column], the first row at the top.</summary>
    | Cells of values: float[,] * unit: string * diverging: bool * square: bool
    /// <summary>A picture as the bytes of a PNG file; each of its pixels is shown as a square of the given side, in screen pixels.</summary>
    | Picture of png: byte[] * width: int * side: int

/// <summary>A chart as an immutable value, drawn by a report or by <c>Show.chart</c>.</summary>
/// <remarks>Values that are NaN or infinite are drawn as gaps.</remarks>
[<RequireQualifiedAccess>]
type Chart = {
    /// <summary>The heading above the chart; may be empty.</summary>
    Title: string
    /// <summary>The horizontal axis.</summary>
    X: Axis
    /// <summary>The vertical axis.</summary>
    Y: Axis
    /// <summary>What is drawn.</summary>
    Traces: Trace list
} with

    static member private Make(traces, title, x, y, ?logX, ?logY) : Chart =
        let axis text log : Axis = {
            Title = defaultArg text ""
            Log = defaultArg log false
        }

        {
            Title = defaultArg title ""
            X = axis x logX
            Y = axis y logY
            Traces = traces
        }

    /// <summary>Lines through points, such as learning curves.</summary>
    /// <remarks>Names that differ only in a last word train, valid, validation, test or published share a colour; train is solid,
    /// valid dashed, test and published dotted.</remarks>
    /// <param name="series">Name and (x, y) points of each line, in drawing order.</param>
    /// <param name="title">Heading.</param>
    /// <param name="x">Title of the horizontal axis, with its unit.</param>
    /// <param name="y">Title of the vertical axis, with its unit.</param>
    /// <param name="logX">Logarithmic horizontal axis; false unless told.</param>
    /// <param name="logY">Logarithmic vertical axis; false unless told.</param>
    static member Line
        (series: seq<string * #seq<float * float>>, ?title: string, ?x: string, ?y: string, ?logX: bool, ?logY: bool)
        : Chart =
        let traces = [ for name, points in series -> Trace.Lines(name, Array.ofSeq points) ]
        Chart.Make(traces, title, x, y, ?logX = logX, ?logY = logY)

    /// <summary>Points in the plane.</summary>
    /// <param name="series">Name and (x, y) points of each group.</param>
    /// <param name="title">Heading.</param>
    /// <param name="x">Title of the horizontal axis, with its unit.</param>
    /// <param name="y">Title of the vertical axis, with its unit.</param>
    /// <param name="logX">Logarithmic horizontal axis; false unless told.</param>
    /// <param name="logY">Logarithmic vertical axis; false unless told.</param>
    /// <param name="diagonal">Adds the line x = y, for comparing two measurements of the same thing; false unless told.</param>
    static member Scatter
        (
            series: seq<string * #seq<float * float>>,
            ?title: string,
            ?x: string,
            ?y: string,
            ?logX: bool,
            ?logY: bool,
            ?diagonal: bool
        ) : Chart =
        let traces = [ for name, points in series -> Trace.Points(name, Array.ofSeq points) ]

        let both = [|
            for trace in traces do
                match trace with
                | Trace.Points(_, points) ->
                    for x, y in points do
                        if Double.IsFinite(x + y) then
                            x
                            y
                | _ -> ()
        |]

        let line = [
            if defaultArg diagonal false && both.Length > 0 then
                Trace.Lines("x = y", [| for v in [ Array.min both; Array.max both ] -> v, v |])
        ]

        Chart.Make(traces @ line, title, x, y, ?logX = logX, ?logY = logY)

    /// <summary>Bars in groups, one group for each label and one bar in it for each series, such as ours beside the paper's.</summary>
    /// <param name="labels">Names of the groups.</param>
    /// <param name="series">Name and values of each series; one value a label, NaN where there is none.</param>
    /// <param name="title">Heading.</param>
    /// <param name="x">Title of the horizontal axis, with its unit.</param>
    /// <param name="y">Title of the vertical axis, with its unit.</param>
    /// <param name="logValues">Logarithmic axis of values; false unless told.</param>
    /// <param name="horizontal">Lets the bars grow to the right, with the labels down the side; false unless told.</param>
    /// <exception cref="T:System.ArgumentException">A series has more or fewer values than there are labels.</exception>
    static member Bars
        (
            labels: seq<string>,
            series: seq<string * #seq<float>>,
            ?title: string,
            ?x: string,
            ?y: string,
            ?logValues: bool,
            ?horizontal: bool
        ) : Chart =
        let labels, horizontal, log =
            Array.ofSeq labels, defaultArg horizontal false, defaultArg logValues false

        let traces = [
            for name, values in series do
                let values = Array.ofSeq values

                if values.Length <> labels.Length then
                    invalidArg
                        (nameof series)
                        $"Series \"{name}\" has {values.Length} values; there are {labels.Length} labels."

                Trace.Bars(name, labels, values, horizontal)
        ]

        Chart.Make(traces, title, x, y, logX = (log && horizontal), logY = (log && not horizontal))

    /// <summary>How often values fall into bins of equal width, which all series share.</summary>
    /// <remarks>NaN and infinite values are left out and their number is added to the name.</remarks>
    /// <param name="series">Name and values of each series.</param>
    /// <param name="bins">Number of bins, at least 1; unless told, the square root of the number of values, within 8 to 60.</param>
    /// <param name="title">Heading.</param>
    /// <param name="x">Title of the horizontal axis, with its unit.</param>
    /// <param name="y">Title of the vertical axis; "count" unless told.</param>
    static member Histogram
        (series: seq<string * #seq<float>>, ?bins: int, ?title: string, ?x: string, ?y: string)
        : Chart =
        let series = [
            for name, values in series -> name, Array.partition Double.IsFinite (Array.ofSeq values)
        ]

        let all = series |> Seq.collect (snd >> fst) |> Array.ofSeq

        let low, high =
            if all.Length = 0 then
                0.0, 1.0
            else
                Array.min all, Array.max all

        let low, high = if low = high then low - 0.5, high + 0.5 else low, high

        let bins =
            defaultArg bins (all.Length |> float |> sqrt |> ceil |> int |> max 8 |> min 60)
            |> max 1

        let edges = [| for i in 0..bins -> low + (high - low) * float i / float bins |]

        let traces = [
            for name, (finite, others) in series do
                let counts = Array.zeroCreate bins

                for v in finite do
                    let bin = min (bins - 1) (int ((v - low) / (high - low) * float bins))
                    counts[bin] <- counts[bin] + 1

                let name =
                    if others.Length = 0 then
                        name
                    else
                        $"{name} ({others.Length} not finite)"

                Trace.Bins(name, edges, counts)
        ]

        Chart.Make(traces, title, x, Some(defaultArg y "count"))

    /// <summary>A matrix as coloured cells, the first row at the top.</summary>
    /// <param name="values">[row, column]</param>
    /// <param name="title">Heading.</param>
    /// <param name="x">What a column is.</param>
    /// <param name="y">What a row is.</param>
    /// <param name="unit">Title of the colour scale, with its unit.</param>
    /// <param name="diverging">A scale of two colours with white at zero, for signed values; false unless told.</param>
    /// <param name="square">Square cells, for images; false unless told, when the cells fill the width.</param>
    static member HeatMap
        (values: float[,], ?title: string, ?x: string, ?y: string, ?unit: string, ?diverging: bool, ?square: bool)
        : Chart =
        let cells =
            Trace.Cells(values, defaultArg unit "", defaultArg diverging false, defaultArg square false)

        Chart.Make([ cells ], title, x, y)

    static member private Pictures
        (samples: float option[][], height, width, title, columns, low, high, side, colours)
        : Chart =
        let colours = defaultArg colours 1

        if colours <> 1 && colours <> 3 then
            invalidArg (nameof colours) $"A pixel has 1 colour (grey) or 3 (red, green, blue), not {colours}."

        let size = height * width * colours

        samples
        |> Array.iteri (fun i sample ->
            if sample.Length <> size then
                let each = if colours = 1 then "" else $" of {colours} colours"

                invalidArg
                    (nameof samples)
                    $"Sample {i} has {sample.Length} values; {height} x {width} pixels{each} need {size}.")

        let columns =
            columns
            |> Option.defaultWith (fun () -> min samples.Length (max 10 (120 / width)))
            |> max 1

        let grid = Pictures.grid samples (height, width, colours) columns low high
        let side = side |> Option.defaultWith (fun () -> max 1 (min 6 (900 / grid.Width)))
        let png = Png.Encode(grid.Pixels, height = grid.Height, width = grid.Width)
        Chart.Make([ Trace.Picture(png, grid.Width, side) ], title, None, None)

    /// <summary>A grid of small images, binary, grey or coloured, with sharp pixels: low values black, high values white.</summary>
    /// <remarks>Values that are NaN or infinite are light blue.</remarks>
    /// <param name="samples">Rows of height * width * colours values, row by row from the top left of an image.</param>
    /// <param name="height">Rows of an image, in pixels.</param>
    /// <param name="width">Columns of an image, in pixels.</param>
    /// <param name="title">Heading.</param>
    /// <param name="columns">Images in a row of the grid; unless told, at least 10 or all there are.</param>
    /// <param name="low">The value shown as black; 0 unless told, or the least value when some lie outside 0 to 1.</param>
    /// <param name="high">The value shown as white; 1 unless told, or the greatest value when some lie outside 0 to 1.</param>
    /// <param name="side">Side of an image pixel in screen pixels; unless told, as large as the page allows, at most 6.</param>
    /// <param name="colours">Values of a pixel: 1 for grey, or 3 for red, green and blue, which stand side by side; 1 unless told.</param>
    /// <exception cref="T:System.ArgumentException">A row does not hold height * width * colours values.</exception>
    static member SampleGrid
        (
            samples: seq<#seq<float>>,
            height: int,
            width: int,
            ?title: string,
            ?columns: int,
            ?low: float,
            ?high: float,
            ?side: int,
            ?colours: int
        ) : Chart =
        let samples = [| for sample in samples -> [| for v in sample -> Some v |] |]
        Chart.Pictures(samples, height, width, title, columns, low, high, side, colours)

    /// <summary>A grid of small images from a batch; hidden entries are light blue.</summary>
    /// <param name="samples">Samples of height * width * colours variables, row by row from the top left of an image.</param>
    /// <param name="height">Rows of an image, in pixels.</param>
    /// <param name="width">Columns of an image, in pixels.</param>
    /// <param name="title">Heading.</param>
    /// <param name="columns">Images in a row of the grid; unless told, at least 10 or all there are.</param>
    /// <param name="low">The value shown as black; 0 unless told, or the least value when some lie outside 0 to 1.</param>
    /// <param name="high">The value shown as white; 1 unless told, or the greatest value when some lie outside 0 to 1.</param>
    /// <param name="side">Side of an image pixel in screen pixels; unless told, as large as the page allows, at most 6.</param>
    /// <param name="colours">Values of a pixel: 1 for grey, or 3 for red, green and blue, which stand side by side; 1 unless told.</param>
    /// <exception cref="T:System.ArgumentException">A sample does not have height * width * colours variables.</exception>
    static member SampleGrid
        (
            samples: Evidence,
            height: int,
            width: int,
            ?title: string,
            ?columns: int,
            ?low: float,
            ?high: float,
            ?side: int,
            ?colours: int
        ) : Chart =
        Chart.Pictures(Pictures.ofBatch samples, height, width, title, columns, low, high, side, colours)

    /// <summary>A grid with one batch of images in each row, for comparing sample by sample; hidden entries are light blue.</summary>
    /// <param name="rows">Batches of as many samples of height * width * colours variables, row by row from the top left of an image.</param>
    /// <param name="height">Rows of an image, in pixels.</param>
    /// <param name="width">Columns of an image, in pixels.</param>
    /// <param name="title">Heading.</param>
    /// <param name="low">The value shown as black; 0 unless told, or the least value when some lie outside 0 to 1.</param>
    /// <param name="high">The value shown as white; 1 unless told, or the greatest value when some lie outside 0 to 1.</param>
    /// <param name="side">Side of an image pixel in screen pixels; unless told, as large as the page allows, at most 6.</param>
    /// <param name="colours">Values of a pixel: 1 for grey, or 3 for red, green and blue, which stand side by side; 1 unless told.</param>
    /// <exception cref="T:System.ArgumentException">There is no batch, the batches differ in their number of samples, or a sample does not have height * width * colours variables.</exception>
    static member SampleRows
        (
            rows: seq<Evidence>,
            height: int,
            width: int,
            ?title: string,
            ?low: float,
            ?high: float,
            ?side: int,
            ?colours: int
        ) : Chart =
        let rows = List.ofSeq rows

        match rows |> List.map _.Count |> List.distinct with
        | [ columns ] ->
            let samples = rows |> Seq.map Pictures.ofBatch |> Array.concat
            Chart.Pictures(samples, height, width, title, Some columns, low, high, side, colours)
        | counts ->
            let counts = counts |> List.map string |> String.concat ", "

            invalidArg (nameof rows) $"The batches have {counts} samples; give batches of one number."
