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

    let private load (options: OverparamOptions) =
        let loaded = Collections.Generic.Dictionary<string, DataSet>()

        fun name ->
            match loaded.TryGetValue name with
            | true, data -> data
            | _ ->
                loaded[name] <- DataCatalogue.Load(name, options.Data.Path)
                loaded[name]

    let private runAll
        (options: OverparamOptions)
        (output: TextWriter)
        line
        (cancellation: CancellationToken)
        data
        left
        save
        =
        let name (job: OverparamJob) =
            $"{job.DataSet}, {job.Mode.Name}, L = {job.Depth}, seed {job.Seed}"

        let perform report (job: OverparamJob) =
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
                OverparamProtocol.run tell cancellation options.Threads (data job.DataSet) job

            let result = {
                Job = job
                Seconds = clock.Elapsed.TotalSeconds
                Curve = curve
            }

            save result

            String.Format(
                CultureInfo.InvariantCulture,
                "train {0:F3}, test {1:F3} nats, within 0.05 from iteration {2}, {3}",
                result.Last,
                result.Test,
                result.Reached,
                Progress.duration clock.Elapsed
            )

        left |> Jobs.run output line work name perform

    let private say
        (output: TextWriter)
        (options: OverparamOptions)
        (all: OverparamJob list)
        (left: OverparamJob list)
        file
        =
        let names = options.DataSets |> List.map _.Name |> String.concat ", "
        output.WriteLine $"Data: {options.Data}"

        output.WriteLine
            $"Overparametrized sums on {names}: trainings: {all.Length}, done already: {all.Length - left.Length}, threads: {options.Threads}"

        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            output.WriteLine
                "The digits are built in, black and white, and not in the paper; with a data folder the paper's nltcs is taken."

        if
            all
            |> List.exists (fun job -> job.Iterations < OverparamProtocol.iterations job.Mode)
        then
            output.WriteLine "Shortened: fewer iterations than the paper's."

        output.WriteLine $"Rows: {file}"
        output.WriteLine()

    let private stepSizes = [ 0.02; 0.01; 0.005 ]

    let private write (options: OverparamOptions) (output: TextWriter) data (results: OverparamResult list) =
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
        |> Report.save (Path.Combine(options.Out, "overparam-acceleration.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        options.Markdown
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
        let file = OverparamResults options.Out
        let all = OverparamOptions.jobs options

        if not options.Resume then
            file.MoveAside()
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

        let wanted = Set.ofList all
        let known = file.Read() |> List.filter (fun r -> wanted.Contains r.Job)
        let results = ResizeArray(known |> List.distinctBy _.Job)
        let left = all |> List.except [ for result in results -> result.Job ]
        let data = load options
        say output options all left file.Path

        runAll options output line cancellation data left (fun result ->
            file.Append result
            results.Add result)

        let place = all |> List.mapi (fun i job -> job, i) |> Map.ofList
        let results = results |> List.ofSeq |> List.sortBy (fun r -> place[r.Job])

        if results.IsEmpty then
            output.WriteLine "No training was finished."
        else
            write options output data results

        if cancellation.IsCancellationRequested then
            output.WriteLine
                $"Stopped after {results.Length} of {all.Length} trainings; the same command with --resume does the rest."

        results

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main OverparamOptions.parse run arguments
