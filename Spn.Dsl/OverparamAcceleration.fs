namespace Spn

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>The experiment of Trapp, Peharz and Pernkopf 2019: deeper sums learn faster by plain gradient ascent.</summary>
[<RequireQualifiedAccess>]
module OverparamAcceleration =

    let private work (job: OverparamJob) =
        // In double precision an iteration takes some fifty times as long.
        float job.Iterations * (if job.Mode = OverparamMode.Paper then 50.0 else 1.0)

    let private perform (options: OverparamOptions) data (cancellation: CancellationToken) report (job: OverparamJob) =
        let clock = Stopwatch.StartNew()

        let tell iteration (train: float) =
            String.Format(
                CultureInfo.InvariantCulture,
                "iteration {0}/{1}, train {2:F3}",
                iteration,
                job.Iterations,
                train
            )
            |> report (float iteration / float job.Iterations)

        let curve =
            OverparamProtocol.run tell cancellation options.Common.Threads (data job.DataSet) job

        let result = {
            Job = job
            Seconds = clock.Elapsed.TotalSeconds
            Curve = curve
        }

        result,
        String.Format(
            CultureInfo.InvariantCulture,
            "train {0:F3}, test {1:F3} nats, within 0.05 from iteration {2}, {3}",
            result.Last,
            result.Test,
            result.Reached,
            Progress.duration clock.Elapsed
        )

    let private notes (options: OverparamOptions) (jobs: OverparamJob list) = [
        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            "The digits are built in, black and white, and not in the paper; with a data folder the paper's nltcs is taken."

        if
            jobs
            |> List.exists (fun job -> job.Iterations < OverparamProtocol.iterations job.Mode)
        then
            "Shortened: fewer iterations than the paper's."
    ]

    let private stepSizes = [ 0.02; 0.01; 0.005 ]

    let private publish (output: TextWriter) (options: OverparamOptions) data (results: OverparamResult list) =
        let first: DataSet = data results.Head.Job.DataSet

        let halving =
            OverparamTables.halving stepSizes [
                for depth in 2..3 -> depth, OverparamProtocol.predictionErrors first depth stepSizes
            ]

        let command = OverparamOptions.command options
        output.WriteLine()

        for _, own in results |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Mode) do
            output.WriteLine
                $"{own.Head.Job.DataSet}, {own.Head.Job.Mode.Title}: training log-likelihood (nats) by iteration"

            output.WriteLine(Table.toText (OverparamTables.iterations own))
            output.WriteLine()

        output.WriteLine(Table.toText (OverparamTables.ends results))
        output.WriteLine()
        OverparamTables.verdict results |> Option.iter output.WriteLine
        output.WriteLine "Largest distance of predicted from actual weights after a step:"
        output.WriteLine(Table.toText halving)
        output.WriteLine()

        OverparamReport.html command halving results
        |> Report.save (Path.Combine(options.Common.Out, "overparam-acceleration.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        options.Common.Markdown
        |> Option.iter (fun path ->
            let page, figures = OverparamReport.markdown command halving results
            let path = Report.save path page
            let folder = Path.GetDirectoryName path |> string

            for name, figure in figures do
                Report.save (Path.Combine(folder, name)) figure |> ignore

            output.WriteLine $"Page: {path}, with {figures.Length} figures beside it")

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: OverparamOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : OverparamResult list =
        let files, jobs = OverparamResults options.Common.Out, OverparamOptions.jobs options

        let data = Experiment.reader options.Common.Data

        Experiment.run output line cancellation {
            Title = $"Overparametrized sums on {BinarySets.titles options.DataSets}"
            Notes = notes options jobs
            Common = options.Common
            Jobs = jobs
            Files = files.Files
            Read = files.Read
            JobOf = _.Job
            Work = work
            Name = fun job -> $"{job.DataSet}, {job.Mode.Name}, L = {job.Depth}, seed {job.Seed}"
            Perform = perform options data cancellation
            Append = files.Append
            Publish = publish output options data
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main OverparamOptions.parse run arguments
