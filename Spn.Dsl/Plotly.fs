namespace Spn

open System.IO

/// <summary>Writes charts in the terms of plotly.js.</summary>
[<RequireQualifiedAccess>]
module Plotly =

    // Okabe and Ito's colours without yellow, which is too pale on white.
    let private palette = [|
        "#0072B2"
        "#D55E00"
        "#009E73"
        "#CC79A7"
        "#E69F00"
        "#56B4E9"
        "#4D4D4D"
    |]

    let private blueWhiteRed =
        let colours = [ "#053061"; "#2166AC"; "#67A9CF"; "#FFFFFF"; "#EF8A62"; "#B2182B"; "#67001F" ]

        Json.List [
            for i, colour in List.indexed colours -> Json.List [ Json.Number(float i / 6.0); Json.Text colour ]
        ]

    /// A name without its last word train, valid, validation, test or published, and the dash for that word.
    let private stem (name: string) =
        let cut = name.LastIndexOfAny [| ' '; ','; '/'; ':' |]
        let rest = name.Substring(0, max 0 cut).TrimEnd(' ', ',', '/', ':')

        match name.Substring(cut + 1).ToLowerInvariant() with
        | "train"
        | "training" -> rest, "solid"
        | "valid"
        | "validation" -> rest, "dash"
        | "test"
        | "published" -> rest, "dot"
        | _ -> name, "solid"

    let private traceName trace =
        match trace with
        | Trace.Lines(name, _)
        | Trace.Points(name, _)
        | Trace.Bars(name, _, _, _)
        | Trace.Bins(name, _, _) -> name
        | Trace.Cells _
        | Trace.Picture _ -> ""

    /// Traces with one key share a colour; only lines have dashes to tell them apart.
    let private colourKey trace =
        match trace with
        | Trace.Lines(name, _) -> fst (stem name)
        | _ -> traceName trace

    let private colourOf (chart: Chart) trace =
        let keys = chart.Traces |> List.map colourKey |> List.distinct
        palette[List.findIndex ((=) (colourKey trace)) keys % palette.Length]

    /// <summary>Colour of a line of a chart, and its dashes as SVG writes them; none when it is solid.</summary>
    /// <param name="chart">The chart.</param>
    /// <param name="name">Name of one of its lines.</param>
    let lineStyle (chart: Chart) (name: string) : string * string =
        let dashes =
            match snd (stem name) with
            | "dash" -> "9 6"
            | "dot" -> "2 4"
            | _ -> ""

        colourOf chart (Trace.Lines(name, [||])), dashes

    let private barCount traces =
        traces
        |> List.sumBy (function
            | Trace.Bars(_, labels, _, _) -> labels.Length
            | _ -> 0)

    let private trace (chart: Chart) colourOf trace =
        let name = traceName trace
        let colour = "color", Json.Text(colourOf trace)
        let hover text = "hovertemplate", Json.Text text

        let points kind values = [
            "type", Json.Text "scatter"
            "mode", Json.Text kind
            "x", Json.numbers (Array.map fst values)
            "y", Json.numbers (Array.map snd values)
        ]

        let specific =
            match trace with
            | Trace.Lines("x = y", values) when chart.Traces.Length > 1 ->
                points "lines" values
                @ [
                    "line", Json.Object [ "color", Json.Text "#999"; "width", Json.Number 1.0 ]
                    "hoverinfo", Json.Text "skip"
                ]
            | Trace.Lines(_, values) ->
                points (if values.Length <= 30 then "lines+markers" else "lines") values
                @ [
                    "line", Json.Object [ colour; "width", Json.Number 2.0; "dash", Json.Text(snd (stem name)) ]
                    "marker", Json.Object [ colour; "size", Json.Number 5.0 ]
                ]
            | Trace.Points(_, values) ->
                points "markers" values
                @ [
                    "marker", Json.Object [ colour; "size", Json.Number 8.0; "opacity", Json.Number 0.8 ]
                ]
            | Trace.Bars(_, labels, values, horizontal) ->
                let along, across = if horizontal then "x", "y" else "y", "x"

                [
                    "type", Json.Text "bar"
                    "orientation", Json.Text(if horizontal then "h" else "v")
                    across, Json.texts labels
                    along, Json.numbers values
                    "marker", Json.Object [ colour ]
                    if barCount chart.Traces <= (if horizontal then 60 else 8) then
                        "texttemplate", Json.Text $"%%{{{along}:.4~g}}"
                        "textposition", Json.Text "outside"
                        "cliponaxis", Json.Flag false
                ]
            | Trace.Bins(_, edges, counts) ->
                let bins = Array.pairwise edges

                [
                    "type", Json.Text "bar"
                    "x", Json.numbers [ for low, high in bins -> (low + high) / 2.0 ]
                    "width", Json.numbers [ for low, high in bins -> high - low ]
                    "y", Json.numbers (Array.map float counts)
                    "customdata", Json.List [ for low, high in bins -> Json.numbers [ low; high ] ]
                    hover "%{customdata[0]:.6~g} to %{customdata[1]:.6~g}: %{y}"
                    "marker", Json.Object [ colour ]
                    if chart.Traces.Length > 1 then
                        "opacity", Json.Number 0.6
                ]
            | Trace.Cells(values, unit, diverging, _) -> [
                "type", Json.Text "heatmap"
                "z", Json.List [ for r in 0 .. Array2D.length1 values - 1 -> Json.numbers values[r, *] ]
                "colorscale", (if diverging then blueWhiteRed else Json.Text "Viridis")
                if diverging then
                    "zmid", Json.Number 0.0
                "zsmooth", Json.Flag false
                "hoverongaps", Json.Flag false
                hover "row %{y}, column %{x}: %{z:.10~g}<extra></extra>"
                "colorbar",
                Json.Object [
                    "thickness", Json.Number 14.0
                    "title", Json.Object [ "text", Json.Text unit; "side", Json.Text "top" ]
                ]
              ]
            | Trace.Picture _ -> []

        Json.Object(("name", Json.Text name) :: specific)

    let private height (chart: Chart) =
        match chart.Traces with
        | Trace.Bars(_, labels, _, true) :: _ -> 130.0 + float labels.Length * (14.0 + 18.0 * float chart.Traces.Length)
        | traces -> 420.0 + 21.0 * float (max 0 (traces.Length / 2 - 2)) // the legend has two names a row on a narrow page

    let private layout (chart: Chart) =
        let cells =
            chart.Traces
            |> List.tryPick (function
                | Trace.Cells(_, _, _, square) -> Some square
                | _ -> None)

        let labelsAcross, labelsDown =
            match chart.Traces with
            | Trace.Bars(_, _, _, horizontal) :: _ -> not horizontal, horizontal
            | _ -> false, false

        let axis (axis: Axis) labels extra =
            Json.Object(
                [
                    "title", Json.Object [ "text", Json.Text axis.Title; "standoff", Json.Number 12.0 ]
                    "type",
                    Json.Text(
                        if labels then "category"
                        elif axis.Log then "log"
                        else "linear"
                    )
                    if axis.Log then
                        "exponentformat", Json.Text "power"
                    "automargin", Json.Flag true
                    "showgrid", Json.Flag(cells.IsNone && not labels)
                    "gridcolor", Json.Text "#e6e8eb"
                    "linecolor", Json.Text "#9aa1a9"
                    "showline", Json.Flag true
                    "zeroline", Json.Flag false
                    "ticks", Json.Text(if labels then "" else "outside")
                    "tickcolor", Json.Text "#9aa1a9"
                    "hoverformat", Json.Text ".10~g"
                ]
                @ extra
            )

        let reversed = [ "autorange", Json.Text "reversed" ]

        let square = [
            if cells = Some true then
                "scaleanchor", Json.Text "x"
                "constrain", Json.Text "domain"
        ]

        let lines = chart.Traces |> List.forall (fun (trace: Trace) -> trace.IsLines)

        Json.Object [
            "height", Json.Number(height chart)
            "font",
            Json.Object [
                "family", Json.Text "system-ui, sans-serif"
                "size", Json.Number 14.0
                "color", Json.Text "#24292f"
            ]
            "paper_bgcolor", Json.Text "white"
            "plot_bgcolor", Json.Text(if cells.IsSome then "#dfe3e7" else "white") // a missing cell shows the background
            "margin",
            Json.Object [
                for side, size in [ "l", 64.0; "r", (if labelsDown then 56.0 else 24.0); "t", 40.0; "b", 56.0 ] ->
                    side, Json.Number size
            ]
            "xaxis",
            axis chart.X labelsAcross [
                if cells = Some true then
                    "constrain", Json.Text "domain"
            ]
            "yaxis", axis chart.Y labelsDown ((if cells.IsSome || labelsDown then reversed else []) @ square)
            "showlegend", Json.Flag(chart.Traces.Length > 1)
            "legend",
            Json.Object [
                "orientation", Json.Text "h"
                "x", Json.Number 0.0
                "y", Json.Number 1.02
                "yanchor", Json.Text "bottom"
            ]
            "hovermode", Json.Text(if lines then "x unified" else "closest")
            "barmode",
            Json.Text(
                if List.exists (fun (trace: Trace) -> trace.IsBins) chart.Traces then
                    "overlay"
                else
                    "group"
            )
            "bargap", Json.Number 0.25
        ]

    /// <summary>The chart as a JSON object with plotly's fields "data" and "layout".</summary>
    /// <remarks>NaN and infinite values become null, drawn as gaps. Angle brackets are escaped, so the text can stand in a
    /// script element. The title is left to the page; pictures have no traces.</remarks>
    /// <param name="chart">The chart.</param>
    let toJson (chart: Chart) : string =
        Json.toString (
            Json.Object [
                "data",
                Json.List [
                    for item in chart.Traces do
                        if not item.IsPicture then
                            trace chart (colourOf chart) item
                ]
                "layout", layout chart
            ]
        )

    let private version = "4.1.1"

    /// <summary>Where plotly.js is loaded from when it is not inlined.</summary>
    let address = $"https://cdn.plot.ly/plotly-cartesian-{version}.min.js"

    /// <summary>Finds the script installed by npm in the node_modules folder of a folder or of one above it.</summary>
    /// <param name="folder">Where the search starts.</param>
    let find (folder: string) : string option =
        let rec search (folder: DirectoryInfo | null) =
            match folder with
            | null -> None
            | folder ->
                let path =
                    Path.Combine(folder.FullName, "node_modules/plotly.js-cartesian-dist-min/plotly-cartesian.min.js")

                if File.Exists path then Some path else search folder.Parent

        search (DirectoryInfo folder)
