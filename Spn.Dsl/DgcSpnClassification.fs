namespace Spn

open System
open System.Diagnostics
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Training

/// <summary>The image classification experiment of the DGC-SPN paper.</summary>
[<RequireQualifiedAccess>]
module DgcSpnClassification =

    // As many passes as are worth the time on a few cores; the paper's 400 take hours there.
    let private usualEpochs preset =
        min 20 (DgcSpnProtocol.classifyEpochs preset)

    // The built-in digits have 20 batches a pass, too few for small steps.
    let private usualRate (set: DataEntry) preset =
        if set.Group = DataGroup.BuiltIn then
            0.03
        else
            DgcSpnProtocol.classifyRate preset

    // At most so many evaluations, each a look at all test images.
    let private mostEvaluations = 50

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: ClassifyRunOptions) : ClassifyJob list = [
        for set in options.Sets do
            for preset in options.Presets do
                for seed in options.Common.Seeds do
                    let rate = options.Rate |> Option.defaultValue (usualRate set preset)

                    {
                        DataSet = set.Name
                        Preset = preset
                        Rate = rate
                        FinalRate = options.FinalRate |> Option.defaultValue rate
                        Seed = seed
                        Epochs = options.Common.Epochs |> Option.defaultValue (usualEpochs preset)
                        Images = options.Common.Images |> Option.defaultValue set.Train |> min set.Train
                    }
    ]

    let private work (job: ClassifyJob) =
        float (job.Epochs * job.Images)
        * float (DataCatalogue.Find job.DataSet).Variables

    let private name (job: ClassifyJob) =
        $"""{job.DataSet}, {job.Preset.Name}, rate {ClassifyTables.rate job}, seed {job.Seed}"""

    let private accuracy (test: Evidence) (labels: int[]) (circuit: Circuit) =
        let right =
            Array.zip (circuit |> Query.mostProbableClass test) labels
            |> Array.filter (fun (found, label) -> found = label)

        100.0 * float right.Length / float labels.Length

    /// Trains for the passes that are left, some at a time, and tells after each time how many are done, and the average of what
    /// was raised. What Adam remembers goes on from time to time, but starts afresh after --resume.
    let private fitInPeriods
        (images: Evidence)
        (labels: int[])
        (options: GradientOptions)
        (from: int, period: int)
        (progress: IProgress<TrainingProgress>)
        (evaluated: float -> float -> unit)
        (cancellation: CancellationToken)
        (circuit: Circuit)
        : unit =
        let state = OptimiserState()
        let mutable next, last = from, options.Epochs.Value
        let perEpoch = (images.Count + options.BatchSize - 1) / options.BatchSize

        while next < last do
            let epochs = min period (last - next)

            let rateAt pass =
                let first = options.LearningRate
                first + (options.FinalLearningRate.Value - first) * float pass / float last

            let settings =
                GradientOptions(
                    LearningRate = rateAt next,
                    FinalLearningRate = rateAt (next + epochs),
                    BatchSize = options.BatchSize,
                    Objective = options.Objective,
                    Discriminative = options.Discriminative,
                    ProductDropout = options.ProductDropout,
                    InputDropout = options.InputDropout,
                    Epochs = Nullable epochs,
                    Seed = options.Seed * 1000L + int64 next
                )

            let began = next

            let shifted = {
                new IProgress<TrainingProgress> with
                    member _.Report now =
                        progress.Report(
                            TrainingProgress(
                                began * perEpoch + now.Step,
                                last * perEpoch,
                                now.Train,
                                now.Valid,
                                now.BestValid,
                                now.SamplesPerSecond,
                                now.Elapsed,
                                now.Remaining
                            )
                        )
            }

            let report =
                circuit.Fit(images, null, settings, labels, null, shifted, cancellation, state)

            let train =
                if report.Curve.Count > 0 then
                    report.Curve[report.Curve.Count - 1].Train
                else
                    nan

            evaluated (float next + float report.Steps / float perEpoch) train

            next <-
                if report.End = TrainingEnd.Finished then
                    next + epochs
                else
                    last

    // Trains a network, from its last evaluation on where it was kept.
    let private train
        (options: ClassifyRunOptions)
        (files: ClassifyResults)
        report
        cancellation
        (images: ImageJob)
        (circuit: Circuit)
        (job: ClassifyJob)
        =
        let path, training = files.ModelPath job, files.Training job

        let score =
            DgcSpnProtocol.score images.Train (DgcSpnProtocol.classifyStatistics job.Preset)

        let test, standard =
            score.Apply(images.Test).Images, score.Apply(images.Train).Images

        let earlier =
            files.Curves.Read() |> Map.tryFind training |> Option.bind List.tryLast

        let mutable now =
            match Checkpoint.load path circuit, earlier with
            | Some facts, Some point when facts["epochs"] = ResultFile.Cell(point.Epoch, "0.###") -> point
            | _ ->
                circuit.Initialise(standard, job.Seed) |> ignore

                {
                    Epoch = 0.0
                    Seconds = 0.0
                    Train = nan
                    Accuracy = nan
                }

        use limit =
            CancellationTokenSource.CreateLinkedTokenSource(cancellation: CancellationToken)

        let budget = options.Common.BudgetSeconds

        if Double.IsFinite budget then
            limit.CancelAfter(TimeSpan.FromSeconds(max 0.0 (budget - now.Seconds)))

        // Time stands still while test images are looked at.
        let clock, before = Stopwatch.StartNew(), now.Seconds

        let progress = {
            new IProgress<TrainingProgress> with
                member _.Report step =
                    let share = float step.Step / float step.Steps
                    let spent = (before + clock.Elapsed.TotalSeconds) / budget

                    report
                        (max share spent)
                        (DgcSpnCells.text
                            ("pass {0:F1} of {1}, average {2:F3}"
                             + (if Double.IsNaN now.Accuracy then "" else ", test {3:F2}%"))
                            [| share * float job.Epochs; job.Epochs; step.Train; now.Accuracy |])
        }

        let evaluated epochs average =
            // What finished passes have learned is kept, part of one only when the time is up.
            if epochs <> floor epochs || epochs = now.Epoch then
                cancellation.ThrowIfCancellationRequested()

            clock.Stop()

            now <- {
                Epoch = epochs
                Seconds = before + clock.Elapsed.TotalSeconds
                Train = average
                Accuracy = circuit |> accuracy test images.TestLabels
            }

            circuit
            |> Checkpoint.save path [ "data", job.DataSet; "epochs", ResultFile.Cell(now.Epoch, "0.###") ]

            files.Curves.Append training now
            cancellation.ThrowIfCancellationRequested()
            clock.Start()

        let period = max 1 (job.Epochs / mostEvaluations)

        if now.Epoch = floor now.Epoch && now.Seconds < budget then
            circuit
            |> fitInPeriods
                standard
                images.TrainLabels
                (DgcSpnProtocol.classifyOptions job)
                (int now.Epoch, period)
                progress
                evaluated
                limit.Token

        now

    let private perform
        (options: ClassifyRunOptions)
        (source: ImageSource)
        (files: ClassifyResults)
        cancellation
        report
        (job: ClassifyJob)
        =
        report 0.0 "reading images"
        let images = source.Images(job.DataSet, None, job.Images, Int32.MaxValue)

        use circuit =
            Circuit.Compile(
                DgcSpnProtocol.classifySpec job.Preset images.Height (1 + Seq.max images.TrainLabels),
                SimdEngine options.Common.Threads,
                job.Seed
            )

        let reached = train options files report cancellation images circuit job

        {
            Job = job
            Accuracy = reached.Accuracy
            Parameters = circuit.ParameterCount
            Epochs = reached.Epoch
            Seconds = reached.Seconds
        },
        DgcSpnCells.text "test accuracy {0:F2}% after {1:0.##} passes, {2}" [|
            reached.Accuracy
            reached.Epoch
            Progress.duration (TimeSpan.FromSeconds reached.Seconds)
        |]

    let private publish output (options: ClassifyRunOptions) files (results: ClassifyResult list) =
        let command = DgcSpnOptions.classifyCommand options

        DgcSpnReport.publish
            output
            options.Common
            "classification"
            (ClassifyTables.table results)
            (ClassifyTables.legend :: Option.toList (ClassifyTables.verdict results))
            (ClassifyReport.html command files results)
            (ClassifyReport.markdown command results)

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: ClassifyRunOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : ClassifyResult list =
        let files, source =
            ClassifyResults options.Common.Out, ImageSource options.Common.Data

        let jobs = jobs options

        if not options.Common.Resume then
            for job in jobs do
                Checkpoint.delete (files.ModelPath job)

        Experiment.run output line cancellation {
            Title =
                "DGC-SPN classification on "
                + String.concat ", " [ for set in options.Sets -> set.Name ]
            Notes = [
                if options.Sets |> List.exists (fun set -> set.Group = DataGroup.BuiltIn) then
                    "The grey digits are built in and not in the paper; with a data folder, --sets all runs the paper's two sets. Their network is a smaller one."
            ]
            Common = options.Common
            Jobs = jobs
            Files = files.Files
            Read = files.Read
            JobOf = _.Job
            Work = work
            Name = name
            Perform = perform options source files cancellation
            Append = files.Append
            Publish = publish output options files
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main DgcSpnOptions.parseClassify run arguments
