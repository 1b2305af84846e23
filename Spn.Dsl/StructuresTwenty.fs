namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>RAT-SPNs and hidden Chow-Liu trees by EM on the twenty binary data sets and the baby registries.</summary>
[<RequireQualifiedAccess>]
module StructuresTwenty =

    let private perform (options: StructuresOptions) data cancellation report (job: StructuresJob) =
        let result =
            StructuresProtocol.run
                report
                cancellation
                options.Common.Threads
                options.Common.Budget
                (data job.DataSet)
                job

        result,
        String.Format(
            CultureInfo.InvariantCulture,
            "valid {0:F3}, test {1:F3} nats, {2} passes, {3}{4}",
            result.Valid,
            result.Test,
            result.Curve.Length,
            Progress.duration (TimeSpan.FromSeconds result.Seconds),
            (if result.OutOfTime then ", out of time" else "")
        )

    let private notes (options: StructuresOptions) (jobs: StructuresJob list) = [
        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            "Built-in sets have no published numbers; with a data folder, --datasets all runs the twenty sets."

        if
            jobs
            |> List.exists (fun job -> job.Epochs < StructuresProtocol.epochs (DataCatalogue.Find job.DataSet))
        then
            "Shortened: fewer passes than usual."
    ]

    let private publish (output: TextWriter) (options: StructuresOptions) (results: StructuresResult list) =
        let command = StructuresOptions.command options
        output.WriteLine()
        output.WriteLine(Table.toText (StructuresTables.table results))
        output.WriteLine()
        output.WriteLine StructuresTables.legend
        StructuresTables.verdict results |> Option.iter output.WriteLine
        output.WriteLine()

        StructuresReport.html command results
        |> Report.save (Path.Combine(options.Common.Out, "structures-twenty.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        options.Common.Markdown
        |> Option.iter (fun path ->
            let path = StructuresReport.markdown command results |> Report.save path
            output.WriteLine $"Page: {path}")

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
        let files, jobs =
            StructuresResults options.Common.Out, StructuresOptions.jobs options

        Experiment.run output line cancellation {
            Title = $"RAT-SPNs and hidden Chow-Liu trees by EM on {BinarySets.titles options.DataSets}"
            Notes = notes options jobs
            Common = options.Common
            Jobs = jobs
            Files = files.Files
            Read = files.Read
            JobOf = _.Job
            Work = StructuresProtocol.work
            Name = fun job -> $"{job.DataSet}, {job.Model.Title}, {job.Model.Describe job.Setting}, seed {job.Seed}"
            Perform = perform options (Experiment.reader options.Common.Data) cancellation
            Append = files.Append
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main StructuresOptions.parse run arguments
