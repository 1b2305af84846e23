namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd

/// <summary>The experiment of the HyperSPN paper on the twenty binary data sets and the baby registries.</summary>
[<RequireQualifiedAccess>]
module HyperSpnTwenty =

    let private train report cancellation (options: TwentyOptions) (data: DataSet) job =
        use circuit =
            Circuit.Compile(HyperSpnProtocol.spec data.Variables job, SimdEngine options.Threads, job.Seed)

        let report =
            circuit
            |> Train.gradientWith report cancellation data.Train data.Valid (HyperSpnProtocol.options job)

        cancellation.ThrowIfCancellationRequested()

        {
            Job = job
            Parameters = circuit.ParameterCount
            Valid = report.BestValid.Value
            Test = circuit |> Query.averageLogLikelihood data.Test
            Parzen =
                if options.Parzen then
                    let samples = circuit |> Query.sampleWith job.Seed data.Test.Count
                    ParzenWindow.Score(samples, data.Test, batch = HyperSpnProtocol.batchSize job.DataSet)
                else
                    nan
            Seconds = report.Elapsed.TotalSeconds
            SamplesPerSecond = report.SamplesPerSecond
            Curve = [
                for point in report.Curve -> point.Step, point.Train, point.Valid.GetValueOrDefault nan
            ]
        }

    // Runs what is left to do, job by job; gives the rows of finished jobs.
    let private runAll (options: TwentyOptions) (output: TextWriter) (line: ProgressLine) cancellation left save =
        let mutable loaded: DataSet | null = null

        let name (job: TwentyJob) =
            $"{job.DataSet}, {job.Model.Title}, {job.Model.Describe job.Setting}, seed {job.Seed}"

        let perform report (job: TwentyJob) =
            let data =
                match loaded with
                | null -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data when data.Name <> job.DataSet -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data -> data

            loaded <- data

            let report (now: Training.TrainingProgress) =
                report (float now.Step / float now.Steps) (Progress.text now)

            let result = train report cancellation options data job
            save result

            String.Format(
                CultureInfo.InvariantCulture,
                "valid {0:F3}, test {1:F3} nats, {2}, {3:N0} samples/s",
                result.Valid,
                result.Test,
                Progress.duration (TimeSpan.FromSeconds result.Seconds),
                result.SamplesPerSecond
            )

        left |> Jobs.run output line HyperSpnProtocol.work name perform

    let private say (output: TextWriter) (options: TwentyOptions) (all: TwentyJob list) (left: TwentyJob list) file =
        let names = options.DataSets |> List.map _.Name |> String.concat ", "
        output.WriteLine $"Data: {options.Data}"

        output.WriteLine
            $"HyperSPN experiment on {names}: trainings: {all.Length}, done already: {all.Length - left.Length}, threads: {options.Threads}"

        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            output.WriteLine
                "Built-in sets have no published numbers; with a data folder, --datasets all runs the paper's twenty sets."

        if all |> List.exists (fun job -> HyperSpnProtocol.label job = "shortened") then
            output.WriteLine "Shortened: fewer steps than the paper's, so the numbers are not comparable with it."

        output.WriteLine $"Rows: {file}"
        output.WriteLine()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: TwentyOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : TwentyResult list =
        let file = TwentyResults options.Out
        let all = HyperSpnOptions.jobs options

        if not options.Resume then
            file.MoveAside()
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

        let wanted = Set.ofList all

        let known =
            file.Read()
            |> List.filter (fun r -> wanted.Contains r.Job && (not options.Parzen || Double.IsFinite r.Parzen))

        let results = ResizeArray(known |> List.distinctBy _.Job)
        let left = all |> List.except [ for result in results -> result.Job ]
        say output options all left file.Path

        runAll options output line cancellation left (fun result ->
            file.Append result
            results.Add result)

        let place = all |> List.mapi (fun i job -> job, i) |> Map.ofList
        let results = results |> List.ofSeq |> List.sortBy (fun r -> place[r.Job])
        let command = HyperSpnOptions.command options

        if results.IsEmpty then
            output.WriteLine "No training was finished."
        else
            output.WriteLine()
            output.WriteLine(Table.toText (HyperSpnTables.table results))
            output.WriteLine()
            output.WriteLine HyperSpnTables.legend
            HyperSpnTables.verdict results |> Option.iter output.WriteLine

            HyperSpnTables.plain results
            |> Option.iter (fun table ->
                output.WriteLine()
                output.WriteLine(Table.toText table)
                output.WriteLine()
                output.WriteLine HyperSpnTables.plainLegend)

            HyperSpnTables.parzen results
            |> Option.iter (fun (table, words) ->
                output.WriteLine()
                output.WriteLine(Table.toText table)
                output.WriteLine()
                output.WriteLine words)

            output.WriteLine()

            HyperSpnReport.html command results
            |> Report.save (Path.Combine(options.Out, "hyperspn-twenty.html"))
            |> fun path -> output.WriteLine $"Report: {path}"

            options.Markdown
            |> Option.iter (fun path ->
                let path = HyperSpnReport.markdown command results |> Report.save path
                output.WriteLine $"Page: {path}")

        if cancellation.IsCancellationRequested then
            output.WriteLine
                $"Stopped after {results.Length} of {all.Length} trainings; the same command with --resume does the rest."

        results

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main HyperSpnOptions.parse run arguments
