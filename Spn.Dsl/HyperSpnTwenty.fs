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
            Circuit.Compile(HyperSpnProtocol.spec data.Variables job, SimdEngine options.Common.Threads, job.Seed)

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

    let private perform (options: TwentyOptions) data cancellation report (job: TwentyJob) =
        let report (now: Training.TrainingProgress) =
            report (float now.Step / float now.Steps) (Progress.text now)

        let result = train report cancellation options (data job.DataSet) job

        result,
        String.Format(
            CultureInfo.InvariantCulture,
            "valid {0:F3}, test {1:F3} nats, {2}, {3:N0} samples/s",
            result.Valid,
            result.Test,
            Progress.duration (TimeSpan.FromSeconds result.Seconds),
            result.SamplesPerSecond
        )

    let private notes (options: TwentyOptions) (jobs: TwentyJob list) = [
        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            "Built-in sets have no published numbers; with a data folder, --datasets all runs the paper's twenty sets."

        if jobs |> List.exists (fun job -> HyperSpnProtocol.label job = "shortened") then
            "Shortened: fewer steps than the paper's, so the numbers are not comparable with it."
    ]

    let private publish (output: TextWriter) (options: TwentyOptions) (results: TwentyResult list) =
        let command = HyperSpnOptions.command options
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
        |> Report.save (Path.Combine(options.Common.Out, "hyperspn-twenty.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        options.Common.Markdown
        |> Option.iter (fun path ->
            let path = HyperSpnReport.markdown command results |> Report.save path
            output.WriteLine $"Page: {path}")

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
        let files, jobs = TwentyResults options.Common.Out, HyperSpnOptions.jobs options

        // A row without the measure that is asked for is no finished one.
        let read () =
            files.Read()
            |> List.filter (fun result -> not options.Parzen || Double.IsFinite result.Parzen)

        Experiment.run output line cancellation {
            Title = $"HyperSPN on {BinarySets.titles options.DataSets}"
            Notes = notes options jobs
            Common = options.Common
            Jobs = jobs
            Files = files.Files
            Read = read
            JobOf = _.Job
            Work = HyperSpnProtocol.work
            Name = fun job -> $"{job.DataSet}, {job.Model.Title}, {job.Model.Describe job.Setting}, seed {job.Seed}"
            Perform = perform options (Experiment.reader options.Common.Data) cancellation
            Append = files.Append
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main HyperSpnOptions.parse run arguments
