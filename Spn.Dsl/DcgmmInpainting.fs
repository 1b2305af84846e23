namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Argu
open Spn.Core
open Spn.Core.Layerwise

/// <summary>Options of <c>scripts/dcgmm-inpainting.fsx</c> beside those of all these experiments.</summary>
[<RequireQualifiedAccess>]
type FillingArguments =
    /// <summary>Which classes models are trained on.</summary>
    | Classes of names: string
    /// <summary>How narrow draws are.</summary>
    | Top of count: int
    /// <summary>How much noise there is.</summary>
    | Divisor of number: float
    /// <summary>Images to complete.</summary>
    | Test_Images of count: int
    /// <summary>Lower layers with parameters for each cell.</summary>
    | Independent

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Classes _ -> "zero (class 0 alone, as the scripts of the paper), all (default: both)"
            | Top _ -> "S, the largest entries of a signal that take part in a draw (default: 2)"
            | Divisor _ -> "what noise is divided by in the pictures (default: 10)"
            | Test_Images _ -> "images to complete (default: 100)"
            | Independent ->
                "parameters of their own for every cell of the lower mixture layers (default: shared, as the paper counts parameters)"

/// <summary>What the experiment on in-painting is to do.</summary>
type FillingOptions = {
    /// <summary>Which classes models are trained on, in order.</summary>
    Classes: DcgmmClasses list
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Images to complete.</summary>
    TestImages: int
    /// <summary>Whether the lower mixture layers have parameters for each cell.</summary>
    Independent: bool
    /// <summary>The rest.</summary>
    Run: DcgmmOptions
}

/// <summary>One training, and how it completes images: what identifies a row of the results.</summary>
type FillingJob = {
    /// <summary>The training.</summary>
    Training: DcgmmTraining
    /// <summary>How hidden pixels count on the way up.</summary>
    By: LayerwiseCompletion
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Images to complete.</summary>
    TestImages: int
}

/// <summary>What completions are like.</summary>
type FillingRow = {
    /// <summary>The job.</summary>
    Job: FillingJob
    /// <summary>Variance of a hidden pixel over completions of the same image, mean over pixels and images; noise is left out.</summary>
    Variety: float
    /// <summary>Mean squared error of hidden pixels.</summary>
    Error: float
    /// <summary>How the training went.</summary>
    Run: DcgmmRun
}

/// <summary>The erased half of images filled in (Gepperth 2022, Figure 8).</summary>
[<RequireQualifiedAccess>]
module DcgmmInpainting =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-inpainting.fsx"

    [<Literal>]
    let private Title = "In-painting by DCGMMs"

    /// <summary>The instances of the paper's experiment: without and with depth.</summary>
    let instances = [ "A"; "F" ]

    let private completions, columns, shown = 10, 10, 5

    let private held = [ "zero", DcgmmClasses.Only 0; "all", DcgmmClasses.All ]

    let private ways = [
        "zeros", LayerwiseCompletion.ZeroFill
        "marginal", LayerwiseCompletion.Marginal
    ]

    let private wayName by = Script.nameOf ways by

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : FillingOptions =
        let run, own =
            DcgmmOptions.parseWith<FillingArguments> Program (List.ofSeq Dcgmm.Names) instances arguments

        {
            Classes =
                own.GetResult(FillingArguments.Classes, "zero,all")
                |> Script.choices "classes" held
            Draw = DcgmmDraws.draw (own.TryGetResult FillingArguments.Top) (own.TryGetResult FillingArguments.Divisor)
            TestImages =
                own.GetResult(FillingArguments.Test_Images, 100)
                |> Script.atLeastOne "--test-images"
            Independent = own.Contains FillingArguments.Independent
            Run = run
        }

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: FillingOptions) : string =
        DcgmmOptions.command
            Program
            [
                "--classes "
                + String.Join(",", [ for classes in options.Classes -> Script.nameOf held classes ])
                yield! DcgmmDraws.drawWords options.Draw
                $"--test-images {options.TestImages}"
                if options.Independent then
                    "--independent"
            ]
            options.Run

    /// <summary>What is to be done, in order.</summary>
    let jobs (options: FillingOptions) : FillingJob list = [
        let common = options.Run.Common

        for entry in options.Run.Sets do
            for classes in options.Classes do
                for instance in options.Run.Instances do
                    for seed in common.Seeds do
                        for _, by in ways do
                            {
                                Training =
                                    DcgmmDraws.training common options.Independent entry.Name classes instance seed
                                By = by
                                Draw = options.Draw
                                TestImages = options.TestImages
                            }
    ]

    let private file folder =
        ResultFile(
            Path.Combine(folder, "dcgmm-inpainting.csv"),
            $"{DcgmmProtocol.TrainingHeader},hidden_as,top,divisor,test_images,variety,error,{DcgmmProtocol.RunHeader}"
        )

    let private toLine (row: FillingRow) =
        String.concat "," [
            yield! DcgmmProtocol.trainingCells row.Job.Training
            wayName row.Job.By
            string row.Job.Draw.Top
            ResultFile.Cell(row.Job.Draw.Divisor, "R")
            string row.Job.TestImages
            ResultFile.Cell(row.Variety, "0.000000")
            ResultFile.Cell(row.Error, "0.000000")
            yield! DcgmmProtocol.runCells row.Run
        ]

    let private ofCells (cells: string[]) : FillingRow = {
        Job = {
            Training = DcgmmProtocol.ofTrainingCells cells
            By = ResultFile.Named(List.map snd ways, wayName, cells[7])
            Draw = {
                Top = Int32.Parse cells[8]
                Divisor = ResultFile.Number cells[9]
            }
            TestImages = Int32.Parse cells[10]
        }
        Variety = ResultFile.Number cells[11]
        Error = ResultFile.Number cells[12]
        Run = DcgmmProtocol.ofRunCells cells 13
    }

    let private picture (options: FillingOptions) (job: FillingJob) =
        let name =
            $"{DcgmmProtocol.nameOf job.Training}-{job.Draw.Name}-{wayName job.By}-{job.TestImages}"

        Path.Combine(options.Run.Common.Out, $"dcgmm-inpainting-{name}.png")

    /// <summary>Variance of a hidden value over completions of the same sample, mean over all that are hidden.</summary>
    /// <param name="hidden">Says what is hidden.</param>
    /// <param name="filled">At least one completion of all samples.</param>
    let variety (hidden: Evidence) (filled: Evidence list) : float =
        let mutable sum, count = 0.0, 0

        for sample in 0 .. hidden.Count - 1 do
            for variable in 0 .. hidden.Variables - 1 do
                if hidden.IsHidden(sample, variable) then
                    let values = [ for batch in filled -> float (batch.Row(sample)[variable]) ]
                    let mean = List.average values
                    sum <- sum + List.averageBy (fun value -> (value - mean) * (value - mean)) values
                    count <- count + 1

        sum / float count

    // Images of the classes trained on; where these are all, neighbours are of different classes.
    let private chosen (images: DcgmmImages) (job: FillingJob) =
        let batch, classes =
            DcgmmProtocol.ofClasses job.Training.Classes job.TestImages images.Test images.TestClasses

        let order =
            classes
            |> Array.indexed
            |> Array.groupBy snd
            |> Array.sortBy fst
            |> Array.collect (fun (number, own) -> own |> Array.mapi (fun turn (i, _) -> (turn, number), i))
            |> Array.sortBy fst
            |> Array.map snd

        batch |> Evidence.rows order

    let private perform (options: FillingOptions) (models: DcgmmModels) cancellation report (job: FillingJob) =
        let images = models.Images job.Training.DataSet
        let model, run = models.Train(report, cancellation, job.Training)
        let truth = chosen images job

        let erased = truth |> Evidence.occlude images.Height images.Width Occlusion.Right

        let complete (draw: DcgmmDraw) = [
            for turn in 1..completions ->
                model.Complete(
                    erased,
                    job.By,
                    DcgmmDraws.options draw ComponentChoice.Uniform (job.Training.Seed * 1000L + int64 turn),
                    cancellation = cancellation
                )
        ]

        report 1.0 "completing"
        let filled = complete job.Draw

        truth :: erased :: List.truncate shown filled
        |> List.map (Evidence.rows [ 0 .. min columns truth.Count - 1 ])
        |> DcgmmDraws.saveRows (picture options job) images

        let error (batch: Evidence) =
            Evidence.meanSquaredError 255.0 truth erased batch

        let row = {
            Job = job
            Variety = complete { job.Draw with Divisor = infinity } |> variety erased
            Error = filled |> List.averageBy error
            Run = run
        }

        row,
        String.Format(
            CultureInfo.InvariantCulture,
            "variance over completions {0:F4}, squared error {1:F4}",
            row.Variety,
            row.Error
        )

    let private key (row: FillingRow) =
        row.Job.Training.DataSet, row.Job.Training.Classes, row.Job.By

    /// <summary>Variety and error, a line a model and way; means over seeds.</summary>
    let table (rows: FillingRow list) : Table =
        Table.create [
            "data"
            "trained on"
            "model"
            "hidden pixels"
            "variance over completions"
            "squared error"
            "passes"
            "seeds"
        ] [
            for (set, classes, by), own in rows |> List.groupBy key do
                for instance, own in own |> List.groupBy _.Job.Training.Instance do
                    [
                        set
                        Script.nameOf held classes
                        $"{instance}: {DcgmmDraws.notation (DcgmmDraws.spec own.Head.Job.Training)}"
                        wayName by
                        DcgmmDraws.spread "0.0000" (own |> List.map _.Variety)
                        DcgmmDraws.spread "0.0000" (own |> List.map _.Error)
                        ResultFile.Cell(own |> List.map _.Run.Passes |> List.min, "0.#")
                        string own.Length
                    ]
        ]

    /// <summary>How often completions by F vary more than those by A; none where one of them is missing.</summary>
    let finding (rows: FillingRow list) : string option =
        let compared = [
            for _, own in rows |> List.groupBy key do
                let mean instance =
                    match own |> List.filter (fun row -> row.Job.Training.Instance = instance) with
                    | [] -> None
                    | some -> Some(some |> List.averageBy _.Variety)

                match mean "A", mean "F" with
                | Some flat, Some deep -> deep > flat
                | _ -> ()
        ]

        if compared.IsEmpty then
            None
        else
            let more = compared |> List.filter id |> List.length
            Some $"Completions by the deep model F vary more than those by A in {more} of {compared.Length} cases."

    let private protocol (options: FillingOptions) =
        String.concat " " [
            "The right half of test images is erased. A model goes up with what is left and down again by the responsibilities of its topmost layer, and only erased pixels are"
            $"replaced. Hidden pixels count as 0 on the way up (zeros, as the paper; zeros are then taken as data, which black backgrounds forgive), or are summed out in the first mixture layer (marginal). Draws: {options.Draw.Title}."
            $"Variance: of an erased pixel over {completions} completions of the same image, mean over pixels and at most {options.TestImages} images, with noise left out so that it does not count as variety. Squared error: of the erased pixels, with noise. Pixels are in [0, 1]."
        ]

    let private publish output (options: FillingOptions) (rows: FillingRow list) =
        ResultPage.publish output options.Run.Common "dcgmm-inpainting" Title (command options) [
            PagePart.Text(protocol options)
            yield! DcgmmDraws.shortened options.Run.Common [ for row in rows -> row.Job.Training, row.Run ]
            PagePart.Table(table rows)
            yield! finding rows |> Option.map PagePart.Text |> Option.toList
            PagePart.Heading "Completions"
            for row in rows do
                let path, training = picture options row.Job, row.Job.Training

                if training.Seed = options.Run.Common.Seeds.Head && File.Exists path then
                    PagePart.Picture(
                        $"{training.DataSet}, {training.Instance} trained on {Script.nameOf held training.Classes}, {wayName row.Job.By}: images, what is left of them, {shown} completions",
                        path
                    )
        ]

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: FillingOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let common = options.Run.Common
        let models = DcgmmModels common
        let file = file common.Out

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
            // The second way finds the model trained.
            Work =
                fun job ->
                    let all = DcgmmDraws.work job.Training
                    if job.By = snd ways.Head then all else 0.001 * all
            Name =
                fun job ->
                    $"{job.Training.DataSet}, {job.Training.Instance}, {job.Training.Classes.Name}, {wayName job.By}, seed {job.Training.Seed}"
            Perform = perform options models cancellation
            Append = fun row -> file.Append [ toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
