namespace Spn

open System.IO

/// <summary>One part of a page of results, from top to bottom.</summary>
[<RequireQualifiedAccess>]
type PagePart =
    /// <summary>A heading of a section.</summary>
    | Heading of string
    /// <summary>Plain text.</summary>
    | Text of string
    /// <summary>A table, printed on the console as well.</summary>
    | Table of Table
    /// <summary>Lines, and the name of the SVG file, without its ending, that shows them where there are no scripts.</summary>
    | Lines of file: string * chart: Chart
    /// <summary>A picture in a PNG file.</summary>
    | Picture of title: string * path: string

/// <summary>Writes results of an experiment: on the console, as an HTML report, and as a page of the documentation.</summary>
[<RequireQualifiedAccess>]
module ResultPage =

    let private svg folder file =
        Path.Combine((folder: string), $"{file}.svg")

    let private html title command parts =
        Report.html title [
            Report.Code command
            for part in parts do
                match part with
                | PagePart.Heading text -> Report.Heading text
                | PagePart.Text text -> Report.Text text
                | PagePart.Table table -> Report.Table table
                | PagePart.Lines(_, chart) -> Report.Chart chart
                | PagePart.Picture(title, path) -> Report.Chart(Chart.loadPicture title path)
        ]

    let private markdown title command parts =
        String.concat "\n\n" [
            $"# {title}"
            $"Made by\n\n```\n{command}\n```"
            "The same command with `--resume --markdown FILE` writes this page again from the finished rows of the CSV file."
            for part in parts do
                match part with
                | PagePart.Heading text -> $"## {text}"
                | PagePart.Text text -> text
                | PagePart.Table table -> Table.toMarkdown table
                | PagePart.Lines(file, chart) -> $"![{chart.Title}]({file}.svg)"
                | PagePart.Picture(title, path) -> $"{title}\n\n![{title}]({Path.GetFileName path})"
        ]
        + "\n"

    let private copyBeside (page: string) (file: string) =
        let beside =
            Path.Combine(string (Path.GetDirectoryName page), string (Path.GetFileName file))

        if Path.GetFullPath file <> Path.GetFullPath beside then
            File.Copy(file, beside, overwrite = true)

    /// <summary>Prints texts and tables, and writes the report, its line charts as SVG files, and the Markdown page where one is asked for, with its figures beside it.</summary>
    /// <param name="output">Where results are printed.</param>
    /// <param name="options">Says the folder and the page.</param>
    /// <param name="name">Name of the report, without its ending.</param>
    /// <param name="title">Title of the pages.</param>
    /// <param name="command">The command line that makes the results.</param>
    /// <param name="parts">What there is to say.</param>
    /// <exception cref="T:System.IO.IOException">A file cannot be written.</exception>
    let publish
        (output: TextWriter)
        (options: ExperimentOptions)
        (name: string)
        (title: string)
        (command: string)
        (parts: PagePart list)
        : unit =
        output.WriteLine()

        for part in parts do
            match part with
            | PagePart.Heading text -> output.WriteLine text
            | PagePart.Text text -> output.WriteLine text
            | PagePart.Table table -> output.WriteLine $"{Table.toText table}\n"
            | PagePart.Lines(file, chart) -> Report.save (svg options.Out file) (SvgChart.lines chart) |> ignore
            | PagePart.Picture _ -> ()

        html title command parts
        |> Report.save (Path.Combine(options.Out, $"{name}.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        match options.Markdown with
        | Some page ->
            let path = Report.save page (markdown title command parts)

            let figures = [
                for part in parts do
                    match part with
                    | PagePart.Lines(file, _) -> svg options.Out file
                    | PagePart.Picture(_, path) -> path
                    | _ -> ()
            ]

            figures |> List.iter (copyBeside path)
            output.WriteLine $"Page: {path}, figures beside it: {figures.Length}"
        | None -> ()
