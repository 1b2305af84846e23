namespace Spn

open System
open System.Collections.Generic
open System.Globalization
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise
open Spn.Core.Training

/// <summary>The experiments of Gepperth 2022 (DCGMM): images, stacks of layers and trainings that they share.</summary>
[<RequireQualifiedAccess>]
module DcgmmProtocol =

    /// <summary>Seeds that the published numbers are the mean of.</summary>
    [<Literal>]
    let PaperSeeds = 5

    /// <summary>Passes over the built-in digits, which the paper has not.</summary>
    [<Literal>]
    let DigitEpochs = 40

    /// <summary>Reads images.</summary>
    /// <param name="folder">Where they are looked up.</param>
    /// <param name="name">Short name of the data set.</param>
    /// <exception cref="T:System.ArgumentException">The samples are no images, or have no classes.</exception>
    let load (folder: DataFolder) (name: string) : DcgmmImages =
        let data = DataCatalogue.Load(name, folder.Path)

        let known (what: string) (value: 'value Nullable) =
            if value.HasValue then
                value.Value
            else
                invalidArg (nameof name) $"{name} has no {what}: its samples are no images."

        let classes (labels: int[] | null) =
            match labels with
            | null -> invalidArg (nameof name) $"{name} has no classes."
            | labels -> labels

        let inUnits = Evidence.inUnitsOf (float (known "white" data.Highest))

        {
            Name = name
            Height = known "height" data.Height
            Width = known "width" data.Width
            Colours = 1
            Train = inUnits data.Train
            TrainClasses = classes data.TrainLabels
            Test = inUnits data.Test
            TestClasses = classes data.TestLabels
        }

    /// <summary>The images of some classes, with their classes.</summary>
    /// <param name="classes">Which.</param>
    /// <param name="most">Most images, evenly spaced; 0 takes all.</param>
    /// <param name="images">The images.</param>
    /// <param name="labels">Their classes.</param>
    let ofClasses (classes: DcgmmClasses) (most: int) (images: Evidence) (labels: int[]) : Evidence * int[] =
        let held =
            [| 0 .. images.Count - 1 |] |> Array.filter (fun i -> classes.Holds labels[i])

        let chosen =
            Experiment.spaced (if most = 0 then None else Some most) held.Length
            |> Array.map (fun i -> held[i])

        images |> Evidence.rows chosen, chosen |> Array.map (fun i -> labels[i])

    // Stacks of the same kinds that fit 8 x 8 pixels.
    let private small (instance: string) independent =
        let low = Gmm.Mixture(16, independent = independent)
        let top = Gmm.Mixture 25
        let fold kernel stride = Gmm.Folding(kernel, stride)

        let pool = Gmm.Pooling(2, 2)

        let poolUp = Gmm.Pooling(2, 2, PoolingRounding.Ceiling)

        match instance with
        | "A" -> [ fold 8 1; top ]
        | "B" -> [ fold 4 2; Gmm.Mixture(25, independent = independent); fold 3 1; top ]
        | "C" -> [ fold 3 1; Gmm.Mixture(25, independent = independent); pool; fold 3 1; top ]
        | "D" -> [ fold 3 1; low; pool; fold 2 1; low; pool; fold 1 1; top ]
        | "E" -> [ fold 3 1; low; fold 2 2; low; fold 3 1; top ]
        | "F" -> [ fold 3 1; low; fold 2 2; low; fold 2 1; low; fold 2 1; top ]
        | "G" -> [
            fold 2 1
            low
            poolUp
            fold 2 1
            low
            poolUp
            fold 1 1
            low
            poolUp
            fold 1 1
            top
          ]
        | _ -> []

    /// <summary>The instance of Table V of that name; one of the same kind for images of 8 x 8 pixels.</summary>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="instance">A to G.</param>
    /// <param name="independent">Whether the mixture layers below the top have parameters for each cell.</param>
    /// <exception cref="T:System.ArgumentException">There is no such instance, or none for images of that size.</exception>
    let specOf (height: int) (width: int) (instance: string) (independent: bool) : LayerwiseSpec =
        let published = Dcgmm.Of(instance, independent)

        match height, width with
        | 28, 28 -> published
        | 8, 8 ->
            small (instance.ToUpperInvariant()) independent
            |> Gmm.stack (Variables.Image(height = 8, width = 8))
        | _ ->
            invalidArg
                (nameof instance)
                $"There is no instance {instance} for images of {height} x {width} pixels; there are some for 28 x 28 and 8 x 8."

    /// <summary>The same for some images.</summary>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="instance">A to G.</param>
    /// <param name="independent">Whether the mixture layers below the top have parameters for each cell.</param>
    /// <exception cref="T:System.ArgumentException">There is no such instance, or none for images of that size.</exception>
    let spec (images: DcgmmImages) (instance: string) (independent: bool) : LayerwiseSpec =
        specOf images.Height images.Width instance independent

    /// <summary>Passes over a data set: those of the paper, unless the options say otherwise.</summary>
    /// <param name="options">The options.</param>
    /// <param name="dataSet">Short name of the data set.</param>
    /// <param name="paper">Passes of the paper.</param>
    let epochs (options: ExperimentOptions) (dataSet: string) (paper: int) : int =
        options.Epochs
        |> Option.defaultValue (
            if dataSet = DgcSpnOptions.digits.Name then
                DigitEpochs
            else
                paper
        )

    /// <summary>Passes of the paper over MNIST and Fashion-MNIST.</summary>
    /// <param name="instance">A to G.</param>
    let paperEpochs (instance: string) : int = (Dcgmm.Options instance).Epochs

    /// <summary>Settings of a training: the paper's for the instance. The built-in digits are too few for them and get larger steps by smaller batches.</summary>
    /// <param name="firstRate">Step size of a classifier at the start.</param>
    /// <param name="lastRate">Its step size at the end.</param>
    /// <param name="training">The training.</param>
    /// <param name="points">Times that losses are kept.</param>
    let settingsAt (firstRate: float, lastRate: float) (training: DcgmmTraining) (points: int) : LayerwiseOptions =
        let paper = Dcgmm.Options training.Instance
        let few = training.DataSet = DgcSpnOptions.digits.Name

        LayerwiseOptions(
            Epochs = training.Epochs,
            BatchSize = (if few then 25 else paper.BatchSize),
            StartRate = (if few then 0.05 else paper.StartRate),
            EndRate = (if few then 0.05 else paper.EndRate),
            DeviationRate = paper.DeviationRate,
            WeightRate = paper.WeightRate,
            ClassifierRate = firstRate,
            FinalClassifierRate = lastRate,
            Points = points,
            Seed = training.Seed
        )

    /// <summary>The same, with a classifier's step size of the released scripts.</summary>
    /// <param name="training">The training.</param>
    /// <param name="points">Times that losses are kept.</param>
    let settings (training: DcgmmTraining) (points: int) : LayerwiseOptions = settingsAt (0.1, 0.1) training points

    // Pass, losses of all layers that have started, and speed.
    let private text (settings: LayerwiseOptions) (now: LayerwiseProgress) =
        let losses =
            now.Losses
            |> Seq.map (fun loss ->
                if Double.IsNaN loss then
                    "-"
                else
                    loss.ToString("F1", CultureInfo.InvariantCulture))
            |> String.concat " / "

        let accuracy =
            if now.Accuracy.HasValue then
                String.Format(CultureInfo.InvariantCulture, ", accuracy {0:F2}%", 100.0 * now.Accuracy.Value)
            else
                ""

        String.Format(
            CultureInfo.InvariantCulture,
            "pass {0:F1} of {1}, losses {2}{3}, {4:N0} images/s",
            float now.Step / float now.Steps * float settings.Epochs,
            settings.Epochs,
            losses,
            accuracy,
            now.SamplesPerSecond
        )

    /// <summary>Trains a model for as long as the budget allows.</summary>
    /// <param name="report">Told what share is done and how things stand.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="options">Says the budget.</param>
    /// <param name="settings">Settings of the training.</param>
    /// <param name="train">Images to train on.</param>
    /// <param name="classes">Their classes, for a model with a classifier.</param>
    /// <param name="valid">Images to measure losses on, and their classes; none measures nothing.</param>
    /// <param name="model">The model, changed in place.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    /// <exception cref="T:System.ArithmeticException">The losses left the range of numbers.</exception>
    let fit
        (report: float -> string -> unit)
        (cancellation: CancellationToken)
        (options: ExperimentOptions)
        (settings: LayerwiseOptions)
        (train: Evidence)
        (classes: int[] option)
        (valid: (Evidence * int[] option) option)
        (model: LayerwiseModel)
        : LayerwiseReport * DcgmmRun =
        let progress = {
            new IProgress<LayerwiseProgress> with
                member _.Report now =
                    report (Experiment.share options now.Elapsed (float now.Step / float now.Steps)) (text settings now)
        }

        let validImages, validClasses =
            match valid with
            | Some(images, classes) -> Some images, classes
            | None -> None, None

        let result =
            Experiment.within options cancellation (fun token ->
                model.Fit(
                    train,
                    settings,
                    Option.toObj classes,
                    Option.toObj validImages,
                    Option.toObj validClasses,
                    progress,
                    token
                ))

        let batch = min settings.BatchSize train.Count
        let passes = float result.Steps / float (train.Count / batch)

        if result.End = TrainingEnd.Diverged then
            raise (
                ArithmeticException
                    $"""The losses left the range of numbers after {ResultFile.Cell(passes, "0.#")} of {settings.Epochs} passes."""
            )

        result,
        {
            Images = train.Count
            Parameters = model.ParameterCount
            Passes = passes
            Seconds = result.Elapsed.TotalSeconds
            ImagesPerSecond = result.SamplesPerSecond
        }

    /// <summary>Images that a training sees, all passes together.</summary>
    let imagesOf (training: DcgmmTraining) : float =
        let all = (DataCatalogue.Find training.DataSet).Train
        let images = if training.Images = 0 then all else min training.Images all
        float images * float training.Epochs

    /// <summary>Multiplications of an image on its way up.</summary>
    let work (spec: LayerwiseSpec) : float =
        let shapes = spec.Shapes()

        Seq.sum (
            seq {
                for index, layer in Seq.indexed spec.Layers do
                    match layer with
                    | :? MixtureSpec as mixture ->
                        let inputs =
                            if index = 0 then
                                spec.Colours
                            else
                                shapes[index - 1].Channels

                        float (shapes[index].Cells * mixture.Components * inputs)
                    | _ -> ()
            }
        )

    /// <summary>What a training costs, in units that are about the same for all.</summary>
    let workOf (training: DcgmmTraining) : float =
        let side =
            if training.DataSet = DgcSpnOptions.digits.Name then
                8
            else
                28

        imagesOf training
        * work (specOf side side training.Instance training.Independent)

    /// <summary>Time and speed of a training in words.</summary>
    let words (run: DcgmmRun) : string =
        let time = Progress.duration (TimeSpan.FromSeconds run.Seconds)
        $"""{time}, {run.ImagesPerSecond.ToString("N0", CultureInfo.InvariantCulture)} images/s"""

    /// <summary>A sentence that says how trainings differ from the paper's; none where they do not.</summary>
    /// <param name="options">The options.</param>
    /// <param name="trainings">Name, passes of the paper and how it went, of each training.</param>
    let shortened (options: ExperimentOptions) (trainings: (string * int * DcgmmRun) list) : string option =
        let passes =
            trainings
            |> List.filter (fun (_, paper, run) -> run.Passes < float paper)
            |> List.groupBy (fun (name, paper, _) -> name, paper)
            |> List.map (fun ((name, paper), own) ->
                let fewest = own |> List.map (fun (_, _, run) -> run.Passes) |> List.min
                $"""{name} {ResultFile.Cell(fewest, "0.#")} of {paper} passes""")

        match
            [
                yield! passes
                match options.Images with
                | Some images -> $"at most {images} images to train on"
                | None -> ()
                if options.Seeds.Length < PaperSeeds then
                    $"""{options.Seeds.Length} {if options.Seeds.Length = 1 then "run" else "runs"} of {PaperSeeds}"""
            ]
        with
        | [] -> None
        | parts ->
            let list = String.concat ", " parts
            Some $"Shortened against the paper: {list}."

    /// <summary>Titles of a training's cells in a CSV file.</summary>
    [<Literal>]
    let TrainingHeader = "dataset,classes,instance,independent,seed,epochs,images"

    /// <summary>A training as cells, in the order of <see cref="F:Spn.DcgmmProtocolModule.TrainingHeader"/>.</summary>
    let trainingCells (training: DcgmmTraining) : string list = [
        training.DataSet
        training.Classes.Name
        training.Instance
        (if training.Independent then "independent" else "shared")
        string training.Seed
        string training.Epochs
        string training.Images
    ]

    /// <summary>A training as names of files have it.</summary>
    let nameOf (training: DcgmmTraining) : string =
        trainingCells training |> String.concat "-"

    /// <summary>Whether a training went on for as long as it would now: to its last pass, or to the end of the budget.</summary>
    /// <param name="options">Says the budget.</param>
    /// <param name="training">The training.</param>
    /// <param name="run">How it went.</param>
    let isWhole (options: ExperimentOptions) (training: DcgmmTraining) (run: DcgmmRun) : bool =
        run.Passes >= float training.Epochs
        || run.Seconds >= 0.95 * options.BudgetSeconds

    /// <summary>The training in the first seven cells of a row.</summary>
    /// <exception cref="T:System.FormatException">There is none.</exception>
    let ofTrainingCells (cells: string[]) : DcgmmTraining = {
        DataSet = cells[0]
        Classes = DcgmmClasses.Named cells[1]
        Instance = cells[2]
        Independent = ResultFile.Named([ true; false ], (fun i -> if i then "independent" else "shared"), cells[3])
        Seed = Int64.Parse cells[4]
        Epochs = Int32.Parse cells[5]
        Images = Int32.Parse cells[6]
    }

    /// <summary>Titles of the cells that say how a training went.</summary>
    [<Literal>]
    let RunHeader = "train_images,parameters,passes,seconds,images_per_second"

    /// <summary>How a training went as cells, in the order of <see cref="F:Spn.DcgmmProtocolModule.RunHeader"/>.</summary>
    let runCells (run: DcgmmRun) : string list = [
        string run.Images
        string run.Parameters
        ResultFile.Cell(run.Passes, "0.##")
        ResultFile.Cell(run.Seconds, "0.0")
        ResultFile.Cell(run.ImagesPerSecond, "0")
    ]

    /// <summary>How a training went, from the five cells from a place on.</summary>
    /// <exception cref="T:System.FormatException">A cell is no number.</exception>
    let ofRunCells (cells: string[]) (from: int) : DcgmmRun = {
        Images = Int32.Parse cells[from]
        Parameters = Int32.Parse cells[from + 1]
        Passes = ResultFile.Number cells[from + 2]
        Seconds = ResultFile.Number cells[from + 3]
        ImagesPerSecond = ResultFile.Number cells[from + 4]
    }
