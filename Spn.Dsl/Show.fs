namespace Spn

open System
open System.Diagnostics
open System.IO
open System.Globalization
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training

/// <summary>Shows charts and reports in the browser, and values at the REPL.</summary>
/// <remarks>Without a display, or with the environment variable BROWSER set to none, the path of the file is printed instead.</remarks>
[<RequireQualifiedAccess>]
module Show =

    let private hasDisplay () =
        let isSet (name: string) =
            not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable name))

        Environment.GetEnvironmentVariable "BROWSER" <> "none"
        && if OperatingSystem.IsWindows() then
               Environment.UserInteractive
           else
               OperatingSystem.IsMacOS() || isSet "DISPLAY" || isSet "WAYLAND_DISPLAY"

    /// The shell's opener is started and left to itself: some wait until the browser is closed.
    let private opens (path: string) =
        try
            use _ = Process.Start(ProcessStartInfo(path, UseShellExecute = true))
            true
        with _ ->
            false

    /// <summary>Writes a page to a temporary file, opens it in the browser where there is one, and gives the file's path.</summary>
    /// <param name="page">The page, as made by <c>Report.html</c>.</param>
    /// <exception cref="T:System.IO.IOException">The temporary file cannot be written.</exception>
    let report (page: string) : string =
        let path =
            page
            |> Report.save (Path.Combine(Path.GetTempPath(), $"spn-{Guid.NewGuid():N}.html"))

        if not (hasDisplay () && opens path) then
            printfn $"{path}"

        path

    /// <summary>Shows one chart as a page of its own and gives the file's path.</summary>
    /// <param name="chart">The chart.</param>
    /// <exception cref="T:System.IO.IOException">The temporary file cannot be written.</exception>
    let chart (chart: Chart) : string =
        Report.html (if chart.Title = "" then "Chart" else chart.Title) [ Report.Chart { chart with Title = "" } ]
        |> report

    let private nats (value: float) =
        value.ToString("F3", CultureInfo.InvariantCulture)

    let private trainingReport (report: TrainingReport) =
        let curve select =
            report.Curve |> Seq.map select |> Chart.sparkline

        let last = Seq.tryLast report.Curve
        let speed = report.SamplesPerSecond.ToString("N0", CultureInfo.InvariantCulture)

        String.concat "\n" [
            $"{report.End} after {report.Steps} steps in {Progress.duration report.Elapsed}, {speed} samples/s"
            match last with
            | Some point -> $"  train  {nats point.Train}  {curve _.Train}"
            | None -> ()
            if report.BestValid.HasValue then
                let valid = curve (fun point -> point.Valid.GetValueOrDefault Double.NaN)
                $"  valid  {nats report.BestValid.Value}  {valid}  kept: step {report.BestStep}"
        ]

    let private dataSet (data: DataSet) =
        let labels = if isNull data.TrainLabels then "" else ", labelled"

        let image =
            if data.Height.HasValue && data.Width.HasValue then
                $", images of {data.Height.Value} x {data.Width.Value}"
            else
                ""

        $"{data.Name}: {data.Variables} variables; {data.Train.Count} training, {data.Valid.Count} validation "
        + $"and {data.Test.Count} test samples{image}{labels}"

    let private values (column: Column) =
        match column with
        | :? RealColumn as real ->
            let number (value: float) =
                value.ToString("G4", CultureInfo.InvariantCulture)

            [ "real"; $"mean {number real.Location}, deviation {number real.Scale}" ]
        | :? CountColumn -> [ "counts"; column.Domain ]
        | column ->
            let states = column.States.GetValueOrDefault()
            [ (if states = 1 then "1 value" else $"{states} values"); column.Domain ]

    let private schema (schema: Schema) =
        Table.create [ "column"; "kind"; "values" ] [ for column in schema.Columns -> column.Name :: values column ]
        |> Table.toText

    let private profile (profile: TableProfile) =
        let rows = [
            for column, counted in Seq.zip profile.Schema.Columns profile.Columns ->
                column.Name :: values column
                @ [ string counted.Missing; defaultArg (Option.ofObj counted.Note) "" ]
        ]

        Table.create [ "column"; "kind"; "values"; "missing"; "note" ] rows
        |> Table.toText

    /// <summary>A readable text for a circuit, a description, a training report, a data set, a batch of evidence, the columns of a
    /// table, or the answer to a query; null for anything else.</summary>
    let text (value: objnull) : string | null =
        match value with
        | :? Circuit as circuit -> circuit.Summary()
        | :? CircuitSpec as spec -> string spec
        | :? TrainingReport as report -> trainingReport report
        | :? DataSet as data -> dataSet data
        | :? Schema as columns -> schema columns
        | :? TableProfile as table -> profile table
        | :? Evidence as batch -> QueryText.evidence batch
        | :? Posterior as answer -> QueryText.posterior answer
        | :? MpeResult as answer -> QueryText.mpe answer
        | :? Information as answer -> QueryText.information answer
        | :? Estimate as answer -> QueryText.estimate answer
        | :? seq<QuerySupport> as answers -> QueryText.support answers
        | _ -> null

    /// <summary>Makes the REPL print circuits, descriptions, training reports, data sets, evidence, schemas and answers to queries by <c>text</c>.</summary>
    /// <example><code>Show.registerPrinters fsi.AddPrinter</code></example>
    /// <param name="addPrinter">The REPL's own function for that.</param>
    let registerPrinters (addPrinter: (objnull -> string | null) -> unit) : unit = addPrinter text
