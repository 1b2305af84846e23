namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Layerwise

/// <summary>One training and what is drawn from it: what identifies a row of the results.</summary>
type SamplingJob = {
    /// <summary>The training: of all classes for pictures, of one for samples that are judged.</summary>
    Training: DcgmmTraining
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Samples that are judged; 0 for pictures of all classes.</summary>
    Samples: int
    /// <summary>Passes that the judge was trained for; 0 for pictures of all classes.</summary>
    JudgeEpochs: int
}

/// <summary>What came of it.</summary>
type SamplingRow = {
    /// <summary>The job.</summary>
    Job: SamplingJob
    /// <summary>Share of the samples that the judge takes for the class they were drawn for; not a number for pictures.</summary>
    Accuracy: float
    /// <summary>Share of all test images whose class the judge tells right; not a number for pictures.</summary>
    Judge: float
    /// <summary>How the training went.</summary>
    Run: DcgmmRun
}

/// <summary>Samples of deep convolutional Gaussian mixtures (Gepperth 2022, Figures 6, 12 and 13, Table III).</summary>
[<RequireQualifiedAccess>]
module DcgmmSampling =

    [<Literal>]
    let private Title = "Samples of DCGMMs"

    let private classes = 10

    /// <summary>The paper's accuracy of a judge on samples, in percent, with its deviation over 5 runs (Table III).</summary>
    let published: (string * string * float * float) list = [
        "mnist", "A", 98.2, 0.1
        "mnist", "B", 98.7, 0.05
        "mnist", "E", 99.1, 0.2
        "mnist", "F", 99.9, 0.07
        "mnist", "RAT-SPN", 99.2, 0.1
        "mnist", "DGCSPN", 98.0, 0.1
        "mnist", "PD-SPN", 97.2, 0.2
        "fashion-mnist", "A", 80.3, 2.6
        "fashion-mnist", "B", 83.6, 1.7
        "fashion-mnist", "E", 94.5, 1.7
        "fashion-mnist", "F", 89.0, 2.5
        "fashion-mnist", "RAT-SPN", 85.4, 1.9
        "fashion-mnist", "DGCSPN", 80.4, 6.0
        "fashion-mnist", "PD-SPN", 81.2, 2.4
    ]

    let private file folder =
        ResultFile(
            Path.Combine(folder, "dcgmm-sampling.csv"),
            $"{DcgmmProtocol.TrainingHeader},top,divisor,samples,judge_epochs,accuracy,judge_accuracy,{DcgmmProtocol.RunHeader}"
        )

    let private toLine (row: SamplingRow) =
        String.concat "," [
            yield! DcgmmProtocol.trainingCells row.Job.Training
            string row.Job.Draw.Top
            ResultFile.Cell(row.Job.Draw.Divisor, "R")
            string row.Job.Samples
            string row.Job.JudgeEpochs
            ResultFile.Cell(row.Accuracy, "0.00000")
            ResultFile.Cell(row.Judge, "0.00000")
            yield! DcgmmProtocol.runCells row.Run
        ]

    let private ofCells (cells: string[]) : SamplingRow = {
        Job = {
            Training = DcgmmProtocol.ofTrainingCells cells
            Draw = {
                Top = Int32.Parse cells[7]
                Divisor = ResultFile.Number cells[8]
            }
            Samples = Int32.Parse cells[9]
            JudgeEpochs = Int32.Parse cells[10]
        }
        Accuracy = ResultFile.Number cells[11]
        Judge = ResultFile.Number cells[12]
        Run = DcgmmProtocol.ofRunCells cells 13
    }

    /// <summary>What is to be done, in order.</summary>
    let jobs (options: SamplingOptions) : SamplingJob list = [
        let common = options.Run.Common

        for entry in options.Run.Sets do
            for task in options.Tasks do
                let held, seeds, samples, judgeEpochs =
                    match task with
                    // One picture tells as much as several.
                    | SamplingTask.Pictures -> [ DcgmmClasses.All ], [ common.Seeds.Head ], 0, 0
                    | SamplingTask.Quality ->
                        List.init classes DcgmmClasses.Only, common.Seeds, options.Samples, options.JudgeEpochs

                for instance in options.Run.Instances do
                    for seed in seeds do
                        for classes in held do
                            for draw in options.Draws do
                                {
                                    Training =
                                        DcgmmDraws.training common options.Independent entry.Name classes instance seed
                                    Draw = draw
                                    Samples = samples
                                    JudgeEpochs = judgeEpochs
                                }
    ]

    // The picture of a job's samples.
    let private picture (options: SamplingOptions) (job: SamplingJob) =
        let kind = if job.Samples = 0 then "pictures" else "samples"

        Path.Combine(options.Run.Common.Out, $"dcgmm-{kind}-{DcgmmProtocol.nameOf job.Training}-{job.Draw.Name}.png")

    let private shown (options: SamplingOptions) (job: SamplingJob) =
        job.Training.Seed = options.Run.Common.Seeds.Head

    let private perform
        (options: SamplingOptions)
        (models: DcgmmModels)
        (judges: DcgmmJudges)
        cancellation
        report
        (job: SamplingJob)
        : SamplingRow * string =
        let images = models.Images job.Training.DataSet
        let save = DcgmmDraws.save (picture options job) images

        match job.Training.Classes with
        | DcgmmClasses.Only number ->
            let judge = judges.Of(report, cancellation, images)
            let model, run = models.Train(report, cancellation, job.Training)

            let samples =
                model
                |> Gmm.sample
                    job.Samples
                    (DcgmmDraws.options job.Draw ComponentChoice.Uniform (job.Training.Seed * 100L + int64 number))

            if shown options job then
                samples |> Evidence.rows [ 0 .. min 10 job.Samples - 1 ] |> save 10

            let accuracy = judges.Agrees(judge, number, samples)

            {
                Job = job
                Accuracy = accuracy
                Judge = judge.Accuracy
                Run = run
            },
            String.Format(
                CultureInfo.InvariantCulture,
                "{0:F1}% of the samples pass for class {1}; the judge is right on {2:F2}% of the test images",
                100.0 * accuracy,
                number,
                100.0 * judge.Accuracy
            )
        | _ ->
            let model, run = models.Train(report, cancellation, job.Training)
            let components = (Seq.last model.Shapes).Channels

            model
            |> Gmm.sample components (DcgmmDraws.options job.Draw ComponentChoice.Cycle job.Training.Seed)
            |> save (int (ceil (sqrt (float components))))

            {
                Job = job
                Accuracy = nan
                Judge = nan
                Run = run
            },
            $"a sample of each of the {components} components"

    // Stacks are named by their layers too, since the paper's tables give one letter different sizes.
    let private configuration (training: DcgmmTraining) =
        $"{training.Instance}: {DcgmmDraws.notation (DcgmmDraws.spec training)}"

    /// <summary>Accuracy of the judge on samples beside the paper's: means over the ten classes, then over seeds.</summary>
    /// <param name="rows">The rows; those of pictures, and seeds without all classes, do not count.</param>
    let quality (rows: SamplingRow list) : Table =
        let judged =
            rows
            |> List.filter (fun row -> row.Job.Samples > 0)
            |> List.groupBy (fun row ->
                row.Job.Training.DataSet, row.Job.Training.Instance, row.Job.Training.Independent, row.Job.Draw)
            |> List.choose (fun (key, own) ->
                own
                |> List.groupBy _.Job.Training.Seed
                |> List.filter (fun (_, seed) -> seed.Length = classes)
                |> function
                    | [] -> None
                    | seeds -> Some(key, seeds))

        let percent = List.averageBy (fun (row: SamplingRow) -> 100.0 * row.Accuracy)

        let paper set name =
            published
            |> List.tryPick (fun (paperSet, paperName, mean, deviation) ->
                if paperSet = set && paperName = name then
                    Some $"""{ResultFile.Cell(mean, "0.0#")} ± {ResultFile.Cell(deviation, "0.0#")}"""
                else
                    None)
            |> Option.defaultValue "-"

        Table.create [
            "data"
            "model"
            "centroid values"
            "draws"
            "accuracy (%)"
            "paper (%)"
            "weakest class (%)"
            "judge (%)"
            "passes"
            "seeds"
        ] [
            for (set, instance, _, draw), seeds in judged do
                let rows = List.collect snd seeds
                let training = rows.Head.Job.Training
                let values = (DcgmmDraws.spec training).CentroidValues

                let weakest =
                    rows
                    |> List.groupBy _.Job.Training.Classes
                    |> List.map (snd >> percent)
                    |> List.min

                [
                    set
                    configuration training
                    values.ToString("N0", CultureInfo.InvariantCulture)
                    draw.Title
                    DcgmmDraws.spread "0.0" [ for _, own in seeds -> percent own ]
                    paper set instance
                    ResultFile.Cell(weakest, "0.0")
                    ResultFile.Cell(100.0 * rows.Head.Judge, "0.00")
                    ResultFile.Cell(rows |> List.map _.Run.Passes |> List.min, "0.#")
                    string seeds.Length
                ]

            for set in judged |> List.map (fun ((set, _, _, _), _) -> set) |> List.distinct do
                for name in [ "RAT-SPN"; "DGCSPN"; "PD-SPN" ] do
                    if paper set name <> "-" then
                        [ set; name; "-"; "published"; "-"; paper set name; "-"; "-"; "-"; "5" ]
        ]

    let private protocol (options: SamplingOptions) =
        let shared =
            if options.Independent then
                "lower mixture layers have parameters for each cell"
            else
                "all cells of a layer share parameters"

        String.concat " " [
            "Deep convolutional Gaussian mixtures are trained by plain stochastic gradient ascent from random starts, all layers at once, with the settings of"
            $"the paper (Gepperth 2022, Table V and the released scripts); {shared}. Going down, the topmost layer takes its components one after another in the"
            "pictures of all classes, and any with equal probability elsewhere; a lower layer draws its component by the S"
            "largest entries of the signal from above, and normal noise is divided by the number given. For the judged samples every class has a"
            "model of its own; the judge is the convolutional network of Table VII, trained on the real images of all classes. Judged samples are as they are drawn, not clipped to [0, 1]."
        ]

    let private labels =
        "Models are labelled by their layers: the paper's Table III prints 40,850 parameters for E, which are those of D in its Table V; the layers of E have 186,625 centroid values. "
        + "Accuracy: mean ± standard deviation over seeds of the share of samples that the judge takes for the class of their model. Weakest class: the class with the lowest share."

    let private publish output (options: SamplingOptions) (rows: SamplingRow list) =
        let first = rows |> List.filter (fun row -> shown options row.Job)

        let title (job: SamplingJob) =
            $"{job.Training.DataSet}, {configuration job.Training}, {job.Draw.Title}"

        let ofAll = [
            for row in first do
                let path = picture options row.Job

                if row.Job.Samples = 0 && File.Exists path then
                    PagePart.Picture($"{title row.Job}: one sample of every component of the topmost layer", path)
        ]

        let byClass = [
            for _, own in
                first
                |> List.filter (fun row -> row.Job.Samples > 0)
                |> List.groupBy (fun row -> row.Job.Training.DataSet, row.Job.Training.Instance, row.Job.Draw) do
                let job = own.Head.Job

                yield!
                    own
                    |> List.map (fun row -> picture options row.Job)
                    |> DcgmmDraws.stack
                        $"{title job}: ten samples a class"
                        (picture options {
                            job with
                                Training.Classes = DcgmmClasses.All
                        })
                        (DcgmmDraws.spec job.Training).Height
                    |> Option.toList
        ]

        let table = quality rows

        // Shared and independent parameters have pages of their own.
        let page =
            if options.Independent then
                "dcgmm-sampling-independent"
            else
                "dcgmm-sampling"

        ResultPage.publish output options.Run.Common page Title (SamplingOptions.command options) [
            PagePart.Text(protocol options)
            yield! DcgmmDraws.shortened options.Run.Common [ for row in rows -> row.Job.Training, row.Run ]
            if not table.Rows.IsEmpty then
                PagePart.Heading "Samples judged by a convolutional network"
                PagePart.Table table
                PagePart.Text labels
            if not (List.isEmpty ofAll && List.isEmpty byClass) then
                PagePart.Heading "Samples"
                yield! ofAll
                yield! byClass
        ]

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: SamplingOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let common = options.Run.Common
        let models = DcgmmModels common
        let judges = DcgmmJudges(options.Judges, options.JudgeEpochs, common.Threads)
        let file = file common.Out

        // Further draws from a trained model cost next to nothing.
        let work (job: SamplingJob) =
            let all = DcgmmDraws.work job.Training
            if job.Draw = options.Draws.Head then all else 0.001 * all

        Experiment.run output line cancellation {
            Title = Title
            Notes = DcgmmOptions.notes options.Run
            Common = common
            Jobs = jobs options
            Files = [ file ]
            Read =
                fun () ->
                    file.Read ofCells
                    |> List.filter (fun row -> DcgmmProtocol.isWhole common row.Job.Training row.Run)
            JobOf = _.Job
            Work = work
            Name =
                fun job ->
                    $"{job.Training.DataSet}, {job.Training.Instance}, {job.Training.Classes.Name}, {job.Draw.Title}, seed {job.Training.Seed}"
            Perform = perform options models judges cancellation
            Append = fun row -> file.Append [ toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        Script.main SamplingOptions.parse run arguments
