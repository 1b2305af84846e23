namespace Spn

open System
open System.Globalization
open System.Net

/// <summary>Draws line charts as SVG, for pages without scripts such as the documentation's.</summary>
[<RequireQualifiedAccess>]
module SvgChart =

    let private width, height = 720.0, 420.0

    let private left, right, top, bottom = 64.0, 16.0, 34.0, 46.0

    let private number (v: float) =
        v.ToString("0.##", CultureInfo.InvariantCulture)

    let private escape (text: string) : string = string (WebUtility.HtmlEncode text)

    let private text (x: float) (y: float) (style: string) (content: string) =
        $"<text x=\"{number x}\" y=\"{number y}\" {style}>{escape content}</text>"

    /// Round numbers that divide a range in about so many steps.
    let private ticks count (low: float) (high: float) =
        let rough = (high - low) / float count
        let unit = 10.0 ** floor (log10 rough)

        let step =
            [ 1.0; 2.0; 5.0; 10.0 ]
            |> List.map ((*) unit)
            |> List.find (fun step -> step >= rough * 0.999)

        [
            for i in int (ceil (low / step - 1e-9)) .. int (floor (high / step + 1e-9)) -> float i * step
        ]

    let private tickLabel (v: float) =
        v.ToString("0.######", CultureInfo.InvariantCulture)

    /// Where a value stands between the ends of an axis, from 0 to 1.
    let private scale (axis: Axis) values =
        let position v = if axis.Log then log10 v else v

        let known =
            values
            |> Array.filter (fun v -> Double.IsFinite v && (not axis.Log || v > 0.0))
            |> Array.map position

        let low, high =
            if known.Length = 0 then
                0.0, 1.0
            else
                Array.min known, Array.max known

        let low, high = if high > low then low, high else low - 0.5, high + 0.5

        let marks =
            if axis.Log then
                [ int (floor low) .. int (ceil high) ]
                |> List.map float
                |> List.filter (fun p -> p >= low - 1e-9 && p <= high + 1e-9)
                |> List.map (fun p -> p, "1e" + string (int p))
            else
                ticks 7 low high |> List.map (fun p -> p, tickLabel p)

        (fun v -> (position v - low) / (high - low)), [ for p, label in marks -> (p - low) / (high - low), label ]

    /// <summary>The lines of a chart as the text of an SVG file; other traces are left out.</summary>
    /// <remarks>Values that are not finite, or not positive on a logarithmic axis, are gaps. Colours and dashes are those of reports.</remarks>
    /// <param name="chart">The chart.</param>
    let lines (chart: Chart) : string =
        let series = [
            for trace in chart.Traces do
                match trace with
                | Trace.Lines(name, points) -> name, points
                | _ -> ()
        ]

        let all = series |> List.map snd |> Array.concat
        let x, xMarks = scale chart.X (Array.map fst all)
        let y, yMarks = scale chart.Y (Array.map snd all)
        let across at = left + at * (width - left - right)

        let down at =
            height - bottom - at * (height - top - bottom)

        let path points =
            let mutable pen = "M"

            [
                for px, py in points do
                    let at, up = x px, y py

                    if Double.IsFinite at && Double.IsFinite up then
                        $"{pen}{number (across at)} {number (down up)}"
                        pen <- "L"
                    else
                        pen <- "M"
            ]
            |> String.concat " "

        // Names stand in the corner that the lines pass through least, the lower right one where there is no difference.
        let keyWidth, keyHeight = 202.0, 17.0 * float series.Length + 14.0

        let drawn = [
            for _, points in series do
                for (x1, y1), (x2, y2) in Array.pairwise points do
                    for step in 0..8 do
                        let between a b = a + float step / 8.0 * (b - a)
                        across (between (x x1) (x x2)), down (between (y y1) (y y2))
        ]

        let keyLeft, keyTop =
            [
                width - right - keyWidth, height - bottom - keyHeight
                left, height - bottom - keyHeight
                width - right - keyWidth, top
                left, top
            ]
            |> List.minBy (fun (from, high) ->
                drawn
                |> List.filter (fun (px, py) ->
                    px >= from && px <= from + keyWidth && py >= high && py <= high + keyHeight)
                |> List.length)

        String.concat "\n" [
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {number width} {number height}\" width=\"{number width}\" height=\"{number height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#24292f\">"
            "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
            text left 20.0 "font-size=\"14\" font-weight=\"bold\"" chart.Title
            for at, label in xMarks do
                $"<path d=\"M{number (across at)} {number (down 0.0)}V{number (down 1.0)}\" stroke=\"#e6e8eb\"/>"
                text (across at) (down 0.0 + 16.0) "text-anchor=\"middle\"" label
            for at, label in yMarks do
                $"<path d=\"M{number (across 0.0)} {number (down at)}H{number (across 1.0)}\" stroke=\"#e6e8eb\"/>"
                text (left - 6.0) (down at + 4.0) "text-anchor=\"end\"" label
            text (across 0.5) (height - 8.0) "text-anchor=\"middle\"" chart.X.Title
            let middle = number (down 0.5)
            text 14.0 (down 0.5) $"text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\"" chart.Y.Title

            for i, (name, points) in List.indexed series do
                let colour, dash = Plotly.lineStyle chart name
                let dash = if dash = "" then "" else $" stroke-dasharray=\"{dash}\""

                $"<path d=\"{path points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\"{dash}/>"

                let from, high = keyLeft + 12.0, keyTop + 17.0 * float (i + 1)

                $"<path d=\"M{number from} {number (high - 4.0)}h26\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>"
                text (from + 32.0) high "" name

            "</svg>"
            ""
        ]
