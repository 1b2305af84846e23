namespace Spn

open System
open System.IO
open System.Net

/// <summary>Makes reports: pages of text, charts and tables in one HTML file.</summary>
[<RequireQualifiedAccess>]
module Report =

    /// <summary>One part of a report, from top to bottom.</summary>
    type Block =
        /// <summary>A heading of a section.</summary>
        | Heading of string
        /// <summary>Plain text; an empty line starts a new paragraph.</summary>
        | Text of string
        /// <summary>Text shown as it is, such as a model's description or a console's output.</summary>
        | Code of string
        /// <summary>A chart; its numbers can be unfolded below it.</summary>
        | Chart of Chart
        /// <summary>A table.</summary>
        | Table of Table
        /// <summary>Blocks side by side where the page is wide enough.</summary>
        | Columns of Block list

    /// Rows of a chart's data that are written out; more would only slow the page down.
    let private mostRows = 500

    let private escape (text: string) : string = string (WebUtility.HtmlEncode text)

    let private table (table: Table) =
        let numeric = Table.numericColumns table

        let row tag cells =
            List.zip cells numeric
            |> List.map (fun (cell, right) ->
                (if right then $"<{tag} class=\"number\">" else $"<{tag}>")
                + escape cell
                + $"</{tag}>")
            |> String.concat ""
            |> fun cells -> $"<tr>{cells}</tr>"

        let head, body =
            row "th" table.Headers, table.Rows |> List.map (row "td") |> String.concat "\n"

        $"<div class=\"table\"><table><thead>{head}</thead><tbody>\n{body}\n</tbody></table></div>"

    let private picture (png: byte[]) (width: int) (side: int) =
        $"<img alt=\"grid of images\" width=\"{width * side}\" src=\"data:image/png;base64,{Convert.ToBase64String png}\">"

    let private chart (chart: Chart) =
        let title =
            if chart.Title = "" then
                ""
            else
                $"<figcaption>{escape chart.Title}</figcaption>"

        let pictures =
            chart.Traces
            |> List.choose (function
                | Trace.Picture(png, width, side) -> Some(picture png width side)
                | _ -> None)
            |> String.concat "\n"

        let plot =
            if List.forall (fun (trace: Trace) -> trace.IsPicture) chart.Traces then
                ""
            else
                let data = Chart.data chart

                let shown = {
                    data with
                        Rows = List.truncate mostRows data.Rows
                }

                let note =
                    if data.Rows.Length > mostRows then
                        $" (first {mostRows} of {data.Rows.Length} rows)"
                    else
                        ""

                $"<div class=\"plot\"></div><script type=\"application/json\">{Plotly.toJson chart}</script>\n"
                + $"<details><summary>Data{note}</summary>{table shown}</details>"

        $"<figure>{title}{pictures}{plot}</figure>"

    let rec private block part =
        match part with
        | Heading text -> $"<h2>{escape text}</h2>"
        | Text text ->
            text.ReplaceLineEndings("\n").Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            |> Array.map (fun paragraph -> $"<p>{escape (paragraph.Trim())}</p>")
            |> String.concat "\n"
        | Code text -> $"<pre>{escape text}</pre>"
        | Chart value -> chart value
        | Table value -> table value
        | Columns parts ->
            let cells =
                parts |> List.map (fun part -> $"<div>{block part}</div>") |> String.concat "\n"

            $"<div class=\"columns\">{cells}</div>"

    let private style =
        """
:root { color-scheme: light }
body { margin: 0 auto; padding: 24px 20px 64px; max-width: 1040px; background: #fff; color: #24292f;
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 16px }
h2 { font-size: 20px; margin: 36px 0 8px; padding-bottom: 4px; border-bottom: 1px solid #e6e8eb }
p { max-width: 72ch; margin: 8px 0 16px }
pre { background: #f6f8fa; padding: 12px 14px; overflow-x: auto; font: 14px/1.45 ui-monospace, Consolas, monospace }
figure { margin: 24px 0 }
figcaption { font-weight: 600; margin-bottom: 6px }
img { display: block; max-width: 100%; image-rendering: pixelated }
details { font-size: 14px; color: #57606a }
summary { cursor: pointer }
details .table { max-height: 420px; overflow-y: auto }
.table { overflow-x: auto; margin: 12px 0 }
table { border-collapse: collapse; font-size: 15px; color: #24292f }
th, td { padding: 5px 10px; text-align: left; white-space: nowrap; border-bottom: 1px solid #e6e8eb }
th { border-bottom: 2px solid #9aa1a9 }
details table { font-size: 13px }
.number { text-align: right; font-variant-numeric: tabular-nums }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); gap: 0 28px }
.columns > div { min-width: 0 }
#notice { background: #fff8e5; border-left: 4px solid #e69f00; padding: 8px 14px; max-width: none }
"""

    // Without plotly the data tables are unfolded in place of the charts. Pictures that are too wide for their place shrink
    // by whole pixels, since a fraction would draw some of their pixels larger than others.
    let private draw =
        """
addEventListener("DOMContentLoaded", () => {
  const plots = document.querySelectorAll(".plot")
  if (window.Plotly)
    for (const plot of plots) {
      const { data, layout } = JSON.parse(plot.nextElementSibling.textContent)
      Plotly.newPlot(plot, data, layout, { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "resetScale2d"]] })
    }
  else if (plots.length > 0) {
    document.getElementById("notice").hidden = false
    for (const data of document.querySelectorAll("details")) data.open = true
  }
})
addEventListener("load", () => {
  for (const image of document.images) {
    const side = Math.floor(image.parentElement.clientWidth / image.naturalWidth)
    if (side >= 1 && side * image.naturalWidth < image.width) image.width = side * image.naturalWidth
  }
})
"""

    let private library () =
        [ Environment.CurrentDirectory; AppContext.BaseDirectory ]
        |> List.tryPick Plotly.find
        |> function
            | Some path ->
                let script =
                    File.ReadAllText(path).Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase)

                $"<script>{script}</script>"
            | None -> $"<script defer src=\"{Plotly.address}\"></script>"

    /// <summary>A report as the text of one HTML page.</summary>
    /// <remarks>plotly.js is inlined when npm installed it in a node_modules folder of the current folder, of the program's
    /// folder, or of one above them; the page is then complete in itself. Else the page loads it from plotly's own site;
    /// where that fails, it says so and shows the numbers as tables. Pictures and tables never need it.</remarks>
    /// <param name="title">Title of the page.</param>
    /// <param name="blocks">Its parts, from top to bottom.</param>
    let html (title: string) (blocks: seq<Block>) : string =
        let body = blocks |> Seq.map block |> String.concat "\n"

        let library =
            if body.Contains "<div class=\"plot\">" then
                library ()
            else
                ""

        String.concat "\n" [
            "<!doctype html>"
            "<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            $"<title>{escape title}</title>"
            $"<style>{style}</style>"
            library
            $"<script>{draw}</script>"
            "</head><body>"
            $"<h1>{escape title}</h1>"
            "<p id=\"notice\" hidden>The script that draws the charts (plotly.js) could not be loaded, so their numbers are shown as tables.</p>"
            "<noscript><p>The charts need JavaScript; their numbers are below each heading.</p></noscript>"
            body
            "</body></html>"
            ""
        ]

    /// <summary>Writes a page to a file and gives the file's full path.</summary>
    /// <remarks>The folder is made when it is missing. The page is written beside the file and then renamed, so a reader
    /// never sees half of it.</remarks>
    /// <param name="path">The file; replaced when it is there.</param>
    /// <param name="page">The page, as made by <c>html</c>.</param>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    let save (path: string) (page: string) : string =
        let path = Path.GetFullPath path
        let partial = $"{path}.{Guid.NewGuid():N}.part"

        Path.GetDirectoryName path
        |> Option.ofObj
        |> Option.iter (Directory.CreateDirectory >> ignore)

        try
            File.WriteAllText(partial, page)
            File.Move(partial, path, overwrite = true)
        finally
            File.Delete partial

        path

    /// <summary>Writes one section of a Markdown page, leaves the page's other sections as they are, and gives the file's full path.</summary>
    /// <remarks>Comments that name the section mark where it begins and ends; a section that is not there yet is put last.</remarks>
    /// <param name="path">The file; begun with the title when it is not there.</param>
    /// <param name="title">Title of the page.</param>
    /// <param name="name">Name of the section.</param>
    /// <param name="section">Its text.</param>
    /// <exception cref="T:System.IO.IOException">The file cannot be read or written.</exception>
    let saveSection (path: string) (title: string) (name: string) (section: string) : string =
        let first, last = $"<!-- begin {name} -->", $"<!-- end {name} -->"

        let page =
            if File.Exists path then
                File.ReadAllText(path).ReplaceLineEndings "\n"
            else
                $"# {title}\n"

        let text = $"{first}\n{section.Trim()}\n{last}"

        match page.IndexOf(first, StringComparison.Ordinal), page.IndexOf(last, StringComparison.Ordinal) with
        | from, until when from >= 0 && until > from ->
            page.Substring(0, from) + text + page.Substring(until + last.Length)
        | _ -> $"{page.TrimEnd()}\n\n{text}\n"
        |> save path
