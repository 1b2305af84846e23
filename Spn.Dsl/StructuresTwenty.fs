namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>RAT-SPNs and hidden Chow-Liu trees by EM on the twenty binary data sets and the baby registries.</summary>
[<RequireQualifiedAccess>]
module StructuresTwenty =

    // Runs what is left to do, job by job; gives the rows of finished jobs.
    let private runAll (options: StructuresOptions) (output: TextWriter) (line: ProgressLine) cancellation left save =
        let mutable loaded: DataSet | null = null

        let name (job: StructuresJob) =
            $"{job.DataSet}, {job.Model.Title}, {job.Model.Describe job.Setting}, seed {job.Seed}"

        let perform report (job: StructuresJob) =
            let data =
                match loaded with
                | null -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data when data.Name <> job.DataSet -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data -> data

            loaded <- data

            let result =
                StructuresProtocol.run report cancellation options.Threads options.Budget data job

            save result

            String.Format(
                CultureInfo.InvariantCulture,
                "valid {0:F3}, test {1:F3} nats, {2} passes, {3}{4}",
                result.Valid,
                result.Test,
                result.Curve.Length,
                Progress.duration (TimeSpan.FromSeconds result.Seconds),
                (if result.OutOfTime then ", out of time" else "")
            )

        left |> Jobs.run output line StructuresProtocol.work name perform

    let private say (output: TextWriter) (options: StructuresOptions) (all: StructuresJob list) left file =
        let names = options.DataSets |> List.map _.Name |> String.concat ", "
        output.WriteLine $"Data: {options.Data}"

        output.WriteLine
            $"RAT-SPNs and hidden Chow-Liu trees by EM on {names}: trainings: {all.Length}, done already: {all.Length - List.length left}, threads: {options.Threads}"

        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            output.WriteLine
                "Built-in sets have no published numbers; with a data folder, --datasets all runs the twenty sets."

        if
            all
            |> List.exists (fun job -> job.Epochs < StructuresProtocol.epochs (DataCatalogue.Find job.DataSet))
        then
            output.WriteLine "Shortened: fewer passes than usual."

        output.WriteLine $"Rows: {file}"
        output.WriteLine()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: StructuresOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : StructuresResult list =
        let file = StructuresResults options.Out
        let all = StructuresOptions.jobs options

        if not options.Resume then
            file.MoveAside()
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

        let wanted = Set.ofList all
        let known = file.Read() |> List.filter (fun r -> wanted.Contains r.Job)
        let results = ResizeArray(known |> List.distinctBy _.Job)
        let left = all |> List.except [ for result in results -> result.Job ]
        say output options all left file.Path

        runAll options output line cancellation left (fun result ->
            file.Append result
            results.Add result)

        let place = all |> List.mapi (fun i job -> job, i) |> Map.ofList
        let results = results |> List.ofSeq |> List.sortBy (fun r -> place[r.Job])
        let command = StructuresOptions.command options

        if results.IsEmpty then
            output.WriteLine "No training was finished."
        else
            output.WriteLine()
            output.WriteLine(Table.toText (StructuresTables.table results))
            output.WriteLine()
            output.WriteLine StructuresTables.legend
            StructuresTables.verdict results |> Option.iter output.WriteLine
            output.WriteLine()

            StructuresReport.html command results
            |> Report.save (Path.Combine(options.Out, "structures-twenty.html"))
            |> fun path -> output.WriteLine $"Report: {path}"

            options.Markdown
            |> Option.iter (fun path ->
                let path = StructuresReport.markdown command results |> Report.save path
                output.WriteLine $"Page: {path}")

        if cancellation.IsCancellationRequested then
            output.WriteLine
                $"Stopped after {results.Length} of {all.Length} trainings; the same command with --resume does the rest."

        results

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main StructuresOptions.parse run arguments
