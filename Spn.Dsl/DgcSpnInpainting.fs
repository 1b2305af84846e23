namespace Spn

open System
open System.Diagnostics
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Inference
open Spn.Core.Training

/// <summary>The image completion experiment of the DGC-SPN paper.</summary>
[<RequireQualifiedAccess>]
module DgcSpnInpainting =

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: InpaintRunOptions) (source: ImageSource) : InpaintJob list =
        let limited limit count =
            match limit with
            | Some most -> min most count
            | None -> count

        [
            for set in options.Sets do
                let parts =
                    if set.ByCategory then
                        source.Categories set.Entry.Name
                        |> List.mapi (fun category (train, test) -> Some category, train, test)
                    else
                        [ None, set.Entry.Train, set.Entry.Test ]

                for preset in options.Presets do
                    for learner in options.Learners do
                        for statistics in options.Statistics do
                            for seed in options.Common.Seeds do
                                for category, train, test in parts do
                                    {
                                        DataSet = set.Entry.Name
                                        Category = category
                                        Preset = preset
                                        Learner = learner
                                        Statistics = statistics
                                        Seed = seed
                                        Epochs =
                                            options.Common.Epochs |> Option.defaultValue DgcSpnProtocol.InpaintEpochs
                                        Images = limited options.Common.Images train
                                        TestImages = limited options.TestImages test
                                    }
        ]

    // Seconds for each pixel and image differ little between networks of one experiment.
    let private work parts (job: InpaintJob) =
        let pixels = (DataCatalogue.Find job.DataSet).Variables
        float pixels * float (job.Epochs * job.Images + parts * job.TestImages)

    let private name (job: InpaintJob) =
        let category =
            job.Category
            |> Option.map (fun number -> $", category {number}")
            |> Option.defaultValue ""

        $"{job.DataSet}{category}, {job.Learner.Title}, {job.Preset.Name}, seed {job.Seed}"

    // Some images as they are, with a part hidden, and completed.
    let private picture (images: ImageJob) (occluded: Evidence) (filled: Evidence) path =
        let columns = min 10 images.Test.Count

        let chosen = [ for i in 0 .. columns - 1 -> i * images.Test.Count / columns ]

        let rows = [ images.Test; occluded; filled ] |> List.map (Evidence.rows chosen)

        Chart.SampleRows(rows, height = images.Height, width = images.Width, low = 0.0, high = images.White)
        |> Chart.savePicture path
        |> ignore

    let private complete
        (files: InpaintResults)
        report
        cancellation
        (images: ImageJob)
        score
        (circuit: Circuit)
        (job: InpaintJob)
        (trained: InpaintTraining.Trained)
        occlusion
        =
        let occluded = images.Test |> Evidence.occlude images.Height images.Width occlusion
        let clock = Stopwatch.StartNew()

        let progress = {
            new IProgress<QueryProgress> with
                member _.Report now =
                    report (float now.Done / float now.Count)
        }

        let filled =
            circuit.Inpaint(occluded, InpaintOptions(Score = score, Full = images.Test), progress, cancellation)

        if job.Seed = 1L && Option.forall ((=) 0) job.Category then
            picture images occluded filled (files.PicturePath job occlusion)

        {
            Job = job
            Occlusion = occlusion
            Error = filled |> Evidence.meanSquaredError images.White images.Test occluded
            Parameters = circuit.ParameterCount
            Epochs = trained.Epochs
            LogLikelihood = trained.LogLikelihood
            TrainSeconds = trained.Seconds
            InpaintSeconds = clock.Elapsed.TotalSeconds
        }

    // Trains a network, or takes the one that is kept, and completes what is not done yet.
    let private perform
        (options: InpaintRunOptions)
        (source: ImageSource)
        (files: InpaintResults)
        cancellation
        left
        append
        report
        (job: InpaintJob)
        =
        report 0.0 "reading images"
        let images = source.Images(job.DataSet, job.Category, job.Images, job.TestImages)
        let score = DgcSpnProtocol.score images.Train job.Statistics

        use circuit =
            Circuit.Compile(
                DgcSpnProtocol.inpaintSpec job images.Height images.Width,
                SimdEngine options.Common.Threads,
                job.Seed
            )

        let parts = left job

        let share = work 0 job / work (List.length parts) job

        let trained =
            let standard = score.Apply(images.Train).Images

            InpaintTraining.train
                options.Common
                files
                (fun done' -> report (share * done'))
                cancellation
                standard
                circuit
                job

        let results =
            parts
            |> List.mapi (fun i occlusion ->
                let report done' =
                    report
                        (share + (1.0 - share) * (float i + done') / float parts.Length)
                        $"completing, {DgcSpnOptions.occlusionName occlusion}"

                let result =
                    complete files report cancellation images score circuit job trained occlusion

                append result
                result)

        let errors =
            results
            |> List.map (fun r -> DgcSpnCells.text "{0} {1:F0}" [| DgcSpnOptions.occlusionName r.Occlusion; r.Error |])
            |> String.concat ", "

        DgcSpnCells.text "squared error: {0}; log-likelihood {1:F1}, {2}" [|
            errors
            trained.LogLikelihood
            Progress.duration (TimeSpan.FromSeconds trained.Seconds)
        |]

    let private say
        (output: TextWriter)
        (options: InpaintRunOptions)
        (all: InpaintJob list)
        (left: InpaintJob list)
        (file: string)
        =
        let names = options.Sets |> List.map _.Name |> String.concat ", "
        output.WriteLine $"Data: {options.Common.Data}"

        output.WriteLine
            $"DGC-SPN image completion on {names}: trainings: {all.Length}, done already: {all.Length - left.Length}, threads: {options.Common.Threads}"

        if options.Sets |> List.exists (fun set -> set.Entry.Group = DataGroup.BuiltIn) then
            output.WriteLine
                "The grey digits are built in and not in the paper; with a data folder, --sets all runs the paper's four sets."

        output.WriteLine $"Rows: {file}"
        output.WriteLine()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: InpaintRunOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : InpaintResult list =
        let files, source =
            InpaintResults options.Common.Out, ImageSource options.Common.Data

        let all = jobs options source

        if not options.Common.Resume then
            files.MoveAside()
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

            for job in all do
                Checkpoint.delete (files.ModelPath job)

        let wanted = Set.ofList [ for job in all -> job ]

        let results =
            files.Read()
            |> List.filter (fun r -> wanted.Contains r.Job && List.contains r.Occlusion options.Occlusions)
            |> List.distinctBy (fun r -> r.Job, r.Occlusion)
            |> ResizeArray

        let missing job =
            options.Occlusions
            |> List.filter (fun part -> not (results.Exists(fun r -> r.Job = job && r.Occlusion = part)))

        let left = all |> List.filter (missing >> List.isEmpty >> not)
        say output options all left files.Path

        let failed =
            left
            |> Jobs.run
                output
                line
                (fun job -> work (missing job).Length job)
                name
                (perform options source files cancellation missing (fun result ->
                    files.Append result
                    results.Add result))

        let place = all |> List.mapi (fun i job -> job, i) |> Map.ofList

        let results =
            results
            |> List.ofSeq
            |> List.sortBy (fun r -> place[r.Job], List.findIndex ((=) r.Occlusion) options.Occlusions)

        if results.IsEmpty then
            output.WriteLine "No training was finished."
        else
            DgcSpnReport.publish
                output
                options.Common
                "inpainting"
                (InpaintTables.table results)
                (InpaintTables.legend :: Option.toList (InpaintTables.verdict results))
                (InpaintReport.html (DgcSpnOptions.inpaintCommand options) files results)
                (InpaintReport.markdown (DgcSpnOptions.inpaintCommand options) results)

        if cancellation.IsCancellationRequested then
            let done' = all |> List.filter (missing >> List.isEmpty) |> List.length

            output.WriteLine
                $"Stopped after {done'} of {all.Length} trainings; the same command with --resume does the rest."

        Jobs.requireNone failed
        results

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main DgcSpnOptions.parseInpaint run arguments
