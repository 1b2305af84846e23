namespace Spn

open System
open System.IO

/// <summary>What a script has to say: printed as it goes, and kept for a page with the charts.</summary>
/// <param name="title">Title of the page.</param>
/// <param name="folder">Where page and pictures are written.</param>
/// <param name="output">Where text is printed.</param>
[<Sealed>]
type Notebook(title: string, folder: string, output: TextWriter) =
    let blocks = ResizeArray<Report.Block>()

    /// <summary>A notebook that prints to the console.</summary>
    /// <param name="title">Title of the page.</param>
    /// <param name="folder">Where page and pictures are written.</param>
    new(title: string, folder: string) = Notebook(title, folder, Console.Out)

    /// <summary>Starts a section.</summary>
    member _.Section(heading: string) : unit =
        output.WriteLine $"\n{heading}\n{String('─', heading.Length)}"
        blocks.Add(Report.Heading heading)

    /// <summary>Tells something in words; an empty line starts a new paragraph.</summary>
    member _.Say(text: string) : unit =
        output.WriteLine text
        blocks.Add(Report.Text text)

    /// <summary>Shows text as it is: a circuit, a training report, or whatever else <c>Show.text</c> knows.</summary>
    member _.Print(value: obj) : unit =
        let text =
            Show.text value |> Option.ofObj |> Option.defaultWith (fun () -> string value)

        output.WriteLine text
        blocks.Add(Report.Code text)

    /// <summary>Shows a table.</summary>
    member _.Table(headers: seq<string>, rows: seq<#seq<string>>) : unit =
        let table = Table.create headers rows
        output.WriteLine(Table.toText table)
        blocks.Add(Report.Table table)

    /// <summary>Shows a chart on the page.</summary>
    member _.Chart(chart: Chart) : unit = blocks.Add(Report.Chart chart)

    /// <summary>Shows charts side by side on the page.</summary>
    member _.Charts(charts: seq<Chart>) : unit =
        blocks.Add(Report.Columns [ for chart in charts -> Report.Chart chart ])

    /// <summary>Shows a grid of images on the page and writes it to a file as well.</summary>
    /// <param name="name">Name of the file, without an ending.</param>
    /// <param name="grid">The grid.</param>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    member notebook.Picture(name: string, grid: Chart) : unit =
        let path = grid |> Chart.savePicture (Path.Combine(folder, $"{name}.png"))
        output.WriteLine $"Picture: {path}"
        notebook.Chart grid

    /// <summary>Writes the page and gives its full path.</summary>
    /// <param name="name">Name of the file, without an ending.</param>
    /// <exception cref="T:System.IO.IOException">The file cannot be written.</exception>
    member _.Save(name: string) : string =
        let path =
            Report.html title blocks |> Report.save (Path.Combine(folder, $"{name}.html"))

        output.WriteLine $"\nReport: {path}"
        path
