namespace Spn

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Training

/// <summary>Circuits that outlier detection is compared with.</summary>
[<RequireQualifiedAccess>]
type OutlierBaseline =
    /// <summary>Random halves.</summary>
    | Rat
    /// <summary>Poon-Domingos regions over vertical strips.</summary>
    | PoonDomingos
    /// <summary>Spatial layers of sums and products.</summary>
    | DgcSpn

    /// <summary>All of them.</summary>
    static member All = [ Rat; PoonDomingos; DgcSpn ]

    /// <summary>As options and the CSV file call it.</summary>
    member baseline.Name =
        match baseline with
        | Rat -> "rat"
        | PoonDomingos -> "pd"
        | DgcSpn -> "dgcspn"

    /// <summary>As tables call it.</summary>
    member baseline.Title =
        match baseline with
        | Rat -> ImageModel.Rat.Title
        | PoonDomingos -> ImageModel.PoonDomingos.Title
        | DgcSpn -> "DGC-SPN"

    /// <summary>The one of that name; none for an instance of a deep Gaussian mixture.</summary>
    static member Named(name: string) =
        OutlierBaseline.All |> List.tryFind (fun baseline -> baseline.Name = name)

/// <summary>How well a model tells class 0 from the classes that it was trained on.</summary>
type OutlierRow = {
    /// <summary>The training; its instance is a letter, or the name of a baseline.</summary>
    Job: DcgmmTraining
    /// <summary>How it went.</summary>
    Run: DcgmmRun
    /// <summary>Exact area under the curve by the scores of each mixture layer, lowest first; one number for a baseline.</summary>
    Areas: float list
    /// <summary>Area by the topmost layer, from 100 thresholds.</summary>
    Stepped: float
    /// <summary>Shares of inliers kept and of outliers rejected at these thresholds.</summary>
    Curve: (float * float) list
} with

    /// <summary>Area by the topmost layer.</summary>
    member row.Area = List.last row.Areas

/// <summary>Rows of the outlier experiment: trainings, scores, files.</summary>
[<RequireQualifiedAccess>]
module OutlierRows =

    /// <summary>The class that no model is trained on.</summary>
    [<Literal>]
    let Outlier = 0

    /// <summary>Published area in percent by the topmost layer, and its deviation over 5 runs (Gepperth 2022, Tables I and II).</summary>
    /// <param name="model">Letter of an instance, or name of a baseline.</param>
    /// <param name="dataSet">Short name of the data set.</param>
    let published (model: string) (dataSet: string) : (float * float) option =
        let values =
            match model with
            | "A" -> Some((95.4, 0.2), (62.2, 0.3))
            | "B" -> Some((93.3, 0.5), (72.2, 0.2))
            | "C" -> Some((94.2, 0.2), (74.3, 0.1))
            | "D" -> Some((92.5, 0.3), (68.1, 0.1))
            | "E" -> Some((92.8, 0.4), (74.9, 0.2))
            | "F" -> Some((84.1, 0.4), (68.1, 0.1))
            | "G" -> Some((77.4, 0.3), (62.7, 0.1))
            | "dgcspn" -> Some((90.6, 0.7), (57.1, 0.9))
            | _ -> None

        match OutlierBaseline.Named model, values, dataSet with
        | Some OutlierBaseline.Rat, _, _ -> ImageProtocol.paperAuc ImageModel.Rat dataSet
        | Some OutlierBaseline.PoonDomingos, _, _ -> ImageProtocol.paperAuc ImageModel.PoonDomingos dataSet
        | _, Some(value, _), "mnist" -> Some value
        | _, Some(_, value), "fashion-mnist" -> Some value
        | _ -> None

    /// <summary>Passes of the paper over MNIST and Fashion-MNIST.</summary>
    /// <param name="model">Letter of an instance, or name of a baseline.</param>
    let paperEpochs (model: string) : int =
        match OutlierBaseline.Named model with
        | None -> DcgmmProtocol.paperEpochs model
        | Some OutlierBaseline.DgcSpn -> DgcSpnProtocol.InpaintEpochs
        | Some _ -> ImageProtocol.PaperEpochs

    /// <summary>The row of a training, from the scores of the test images.</summary>
    /// <param name="job">The training.</param>
    /// <param name="run">How it went.</param>
    /// <param name="classes">Classes of the test images.</param>
    /// <param name="scores">Their scores by each layer, lowest first: [layer][image], higher is more normal.</param>
    let row (job: DcgmmTraining) (run: DcgmmRun) (classes: int[]) (scores: float[][]) : OutlierRow =
        let those isOutlier (own: float[]) =
            Array.zip own classes
            |> Array.filter (fun (_, c) -> (c = Outlier) = isOutlier)
            |> Array.map fst

        let top = Array.last scores
        let normal, outliers = those false top, those true top

        {
            Job = job
            Run = run
            Areas = [
                for own in scores -> Metrics.AreaUnderCurve(ReadOnlySpan(those false own), ReadOnlySpan(those true own))
            ]
            Stepped = Metrics.AreaUnderSteps(ReadOnlySpan normal, ReadOnlySpan outliers)
            Curve = [
                for point in Metrics.OutlierCurve(ReadOnlySpan normal, ReadOnlySpan outliers) ->
                    point.Kept, point.Rejected
            ]
        }

    // An Einsum network with binomial leaves of integer grey values.
    let private einsum report cancellation (options: ExperimentOptions) (data: DataSet) model (job: DcgmmTraining) =
        let training: ImageTraining = {
            DataSet = job.DataSet
            Model = model
            Leaves = ImageLeaves.Binomial
            Channels = 10
            Task = ImageTask.Outliers
            Seed = job.Seed
            Epochs = job.Epochs
            Images = job.Images
        }

        let train, (test, classes) = ImageProtocol.images data training

        ImageProtocol.withTrained report cancellation options data training train (fun circuit result passes ->
            let run = {
                Images = train.Count
                Parameters = circuit.ParameterCount
                Passes = passes
                Seconds = result.Elapsed.TotalSeconds
                ImagesPerSecond = result.SamplesPerSecond
            }

            row job run classes [| circuit |> Query.logLikelihood test |])

    // The generative network by hard EM, over images standardised one by one as in the scripts of the paper: contrast and brightness of
    // an image count for nothing. Leaf means are those of quantiles of images that are standardised together.
    let private spatial report cancellation (options: ExperimentOptions) (images: DcgmmImages) (job: DcgmmTraining) =
        let train, _ =
            DcgmmProtocol.ofClasses job.Classes job.Images images.Train images.TrainClasses

        let standard (images: Evidence) =
            StandardScore.FullImage(0.1).Apply(images).Images

        let spec =
            DgcSpn.Generative(images.Height, images.Width).WithWeights(DgcSpnProtocol.equalWeights)

        use circuit =
            Circuit.Compile(spec, SimdEngine options.Threads, job.Seed)
            |> Circuit.initialise (StandardScore.Global(train, 1e-3).Apply(train).Images)

        let settings =
            HardEmOptions(Epochs = job.Epochs, BatchSize = DgcSpnProtocol.InpaintBatch, Seed = job.Seed)

        let result =
            Experiment.within options cancellation (fun token ->
                circuit |> Train.hardEmWith report token settings (standard train))

        let steps = (train.Count + settings.BatchSize - 1) / settings.BatchSize

        let run = {
            Images = train.Count
            Parameters = circuit.ParameterCount
            Passes = float result.Steps / float steps
            Seconds = result.Elapsed.TotalSeconds
            ImagesPerSecond = result.SamplesPerSecond
        }

        row job run images.TestClasses [| circuit |> Query.logLikelihood (standard images.Test) |]

    /// <summary>Trains the model of a job and scores the test images by it.</summary>
    /// <param name="models">Images and trained models.</param>
    /// <param name="integers">The images of a data set by its name, in integer grey values.</param>
    /// <param name="options">Budget and threads.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="report">Told what share is done and how things stand.</param>
    /// <param name="job">The training.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    let perform
        (models: DcgmmModels)
        (integers: string -> DataSet)
        (options: ExperimentOptions)
        (cancellation: CancellationToken)
        (report: float -> string -> unit)
        (job: DcgmmTraining)
        : OutlierRow =
        let reportStep (now: TrainingProgress) =
            report (Experiment.share options now.Elapsed (float now.Step / float now.Steps)) (Progress.text now)

        match OutlierBaseline.Named job.Instance with
        | None ->
            let model, run = models.Train(report, cancellation, job)
            let images = models.Images job.DataSet
            row job run images.TestClasses (model.AllScores(images.Test, cancellation))
        | Some OutlierBaseline.Rat -> einsum reportStep cancellation options (integers job.DataSet) ImageModel.Rat job
        | Some OutlierBaseline.PoonDomingos ->
            einsum reportStep cancellation options (integers job.DataSet) ImageModel.PoonDomingos job
        | Some OutlierBaseline.DgcSpn -> spatial reportStep cancellation options (models.Images job.DataSet) job

/// <summary>The rows of the outlier experiment in two CSV files: one row a training, and beside it the curves.</summary>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type OutlierResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "dcgmm-outliers.csv"),
            $"{DcgmmProtocol.TrainingHeader},{DcgmmProtocol.RunHeader},auc,auc_100_steps,auc_by_layer"
        )

    let curves =
        ResultFile(
            Path.Combine(folder, "dcgmm-outliers-curves.csv"),
            $"{DcgmmProtocol.TrainingHeader},inliers_kept,outliers_rejected"
        )

    let area value = ResultFile.Cell(value, "0.00000")

    /// <summary>The files, that of the rows last.</summary>
    member _.Files = [ curves; rows ]

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : OutlierRow list =
        let curveOf =
            curves.Read(fun cells ->
                DcgmmProtocol.ofTrainingCells cells, (ResultFile.Number cells[7], ResultFile.Number cells[8]))
            |> List.groupBy fst
            // A run that was ended between curve and row left a curve of its own.
            |> List.map (fun (job, points) ->
                KeyValuePair(job, points |> List.skip (max 0 (points.Length - 100)) |> List.map snd))
            |> Dictionary

        rows.Read(fun cells ->
            let job = DcgmmProtocol.ofTrainingCells cells

            {
                Job = job
                Run = DcgmmProtocol.ofRunCells cells 7
                Areas = cells[14].Split ' ' |> List.ofArray |> List.map ResultFile.Number
                Stepped = ResultFile.Number cells[13]
                Curve =
                    match curveOf.TryGetValue job with
                    | true, points -> points
                    | _ -> []
            })

    /// <summary>Writes a row and its curve to the disk.</summary>
    member _.Append(row: OutlierRow) : unit =
        let job = DcgmmProtocol.trainingCells row.Job

        curves.Append [
            for kept, rejected in row.Curve -> String.concat "," (job @ [ area kept; area rejected ])
        ]

        rows.Append [
            String.concat "," [
                yield! job
                yield! DcgmmProtocol.runCells row.Run
                area row.Area
                area row.Stepped
                row.Areas |> List.map area |> String.concat " "
            ]
        ]
