namespace Spn

open System
open System.IO
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Training

/// <summary>Structures that are compared on images.</summary>
[<RequireQualifiedAccess>]
type ImageModel =
    /// <summary>RAT-SPN: random halves, depth 4, 10 repetitions.</summary>
    | Rat
    /// <summary>PD-SPN: Poon-Domingos regions over four vertical strips.</summary>
    | PoonDomingos

    /// <summary>As options and the CSV file call it.</summary>
    member model.Name =
        match model with
        | Rat -> "rat"
        | PoonDomingos -> "pd"

    /// <summary>As tables call it.</summary>
    member model.Title =
        match model with
        | Rat -> "RAT-SPN"
        | PoonDomingos -> "PD-SPN"

/// <summary>Densities of a pixel.</summary>
[<RequireQualifiedAccess>]
type ImageLeaves =
    /// <summary>Binomial probabilities of the integer grey values.</summary>
    | Binomial
    /// <summary>A probability of its own for every grey value.</summary>
    | Categorical
    /// <summary>Normal densities of de-quantised grey values.</summary>
    | Normal

    /// <summary>All of them.</summary>
    static member All = [ Binomial; Categorical; Normal ]

    /// <summary>As options, tables and the CSV file call it.</summary>
    member leaves.Name =
        match leaves with
        | Binomial -> "binomial"
        | Categorical -> "categorical"
        | Normal -> "normal"

/// <summary>What is asked of a model.</summary>
[<RequireQualifiedAccess>]
type ImageTask =
    /// <summary>Trained on all classes: how likely test images are, and samples.</summary>
    | Density
    /// <summary>Trained on classes 1 to 9: whether class 0 is less likely.</summary>
    | Outliers

    /// <summary>As options and the CSV file call it.</summary>
    member task.Name =
        match task with
        | Density -> "density"
        | Outliers -> "outliers"

/// <summary>One training: what identifies a row of the results.</summary>
type ImageTraining = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>The structure.</summary>
    Model: ImageModel
    /// <summary>The inputs.</summary>
    Leaves: ImageLeaves
    /// <summary>Inputs and sums K of a region.</summary>
    Channels: int
    /// <summary>What is asked.</summary>
    Task: ImageTask
    /// <summary>Seed of regions, parameters, batches, noise and samples.</summary>
    Seed: int64
    /// <summary>Passes over the images.</summary>
    Epochs: int
    /// <summary>Most images to train on; 0 takes all.</summary>
    Images: int
}

/// <summary>What a finished training gave.</summary>
type ImageResult = {
    /// <summary>The training.</summary>
    Job: ImageTraining
    /// <summary>Images trained on.</summary>
    Train: int
    /// <summary>Parameters of the circuit.</summary>
    Parameters: int
    /// <summary>Mean test log-likelihood, in nats; of classes 1 to 9 alone where the task is to tell outliers.</summary>
    TestLl: float
    /// <summary>The same as bits per dimension.</summary>
    Bits: float
    /// <summary>Area under the ROC curve of class 0 as outlier; not a number for the other task.</summary>
    Auc: float
    /// <summary>Passes done; fewer than asked for where the budget ended the training.</summary>
    Passes: float
    /// <summary>Wall-clock seconds of the training.</summary>
    Seconds: float
    /// <summary>Training images a second.</summary>
    ImagesPerSecond: float
}

/// <summary>RAT-SPN and PD-SPN on images as the baselines of Gepperth 2022, Tables II and III: models, trainings, rows.</summary>
[<RequireQualifiedAccess>]
module ImageProtocol =

    /// <summary>Passes of the paper's scripts.</summary>
    [<Literal>]
    let PaperEpochs = 20

    /// <summary>The paper's outlier AUC in percent with its deviation over 5 runs (Table II).</summary>
    let paperAuc (model: ImageModel) (dataSet: string) : (float * float) option =
        match model, dataSet with
        | ImageModel.Rat, "mnist" -> Some(91.8, 0.7)
        | ImageModel.Rat, "fashion-mnist" -> Some(39.2, 0.4)
        | ImageModel.PoonDomingos, "mnist" -> Some(91.2, 0.6)
        | ImageModel.PoonDomingos, "fashion-mnist" -> Some(48.5, 1.7)
        | _ -> None

    /// <summary>The circuit of a job: an Einsum network.</summary>
    /// <remarks>Normal inputs count in units of the number of grey values; their deviations stay above 0.001 of it, about that of the noise of de-quantised constants.</remarks>
    /// <param name="data">Says the size of an image and its largest value.</param>
    /// <param name="job">The job.</param>
    let spec (data: DataSet) (job: ImageTraining) : CircuitSpec =
        let input =
            match job.Leaves with
            | ImageLeaves.Binomial -> Input.Binomial(job.Channels, trials = data.Highest.Value)
            | ImageLeaves.Categorical -> Input.Categorical(job.Channels, states = data.Highest.Value + 1)
            | ImageLeaves.Normal -> Input.Normal(job.Channels, scale = float (data.Highest.Value + 1))

        let regions =
            match job.Model with
            | ImageModel.Rat -> Regions.Rat(data.Variables, depth = 4, replicas = 10, seed = job.Seed)
            | ImageModel.PoonDomingos ->
                Regions.PoonDomingos(Variables.Image(data.Height.Value, data.Width.Value), pieces = [ 4 ], axes = [ 1 ])

        regions
        |> Circuit.overRegions [ input; Product.Kronecker; Sum.PerPartition job.Channels; Sum.Root() ]

    /// <summary>Expectation maximisation by batches of 500 that forget as much as five steps of 0.1 by batches of 100, which are those of the paper's scripts; a tenth of a sample smooths categorical leaves, to which test images may bring new values.</summary>
    let emOptions (job: ImageTraining) : SoftEmOptions =
        SoftEmOptions(
            Epochs = job.Epochs,
            BatchSize = 500,
            StepSize = 1.0 - 0.9 ** 5.0,
            Smoothing = (if job.Leaves = ImageLeaves.Categorical then 0.1 else 0.0),
            Seed = job.Seed
        )

    /// <summary>The images that a job trains on, and those that it is judged by with their classes.</summary>
    let images (data: DataSet) (job: ImageTraining) : Evidence * (Evidence * int[]) =
        let labels (known: int[] | null) =
            match known with
            | null -> invalidArg (nameof data) $"{data.Name} has no classes."
            | known -> known

        let classes = labels data.TrainLabels

        let fit =
            [| 0 .. data.Train.Count - 1 |]
            |> Array.filter (fun i -> job.Task = ImageTask.Density || classes[i] <> 0)

        let chosen =
            Experiment.spaced (if job.Images = 0 then None else Some job.Images) fit.Length
            |> Array.map (fun i -> fit[i])

        let values (batch: Evidence) (purpose: int64) =
            match job.Leaves with
            | ImageLeaves.Binomial
            | ImageLeaves.Categorical -> batch
            | ImageLeaves.Normal -> batch.Dequantise(2L * job.Seed + purpose)

        values (data.Train |> Evidence.rows chosen) 0L, (values data.Test 1L, labels data.TestLabels)

    /// <summary>Trains the model of a job, which lives until it has been asked.</summary>
    /// <param name="report">Told how it stands.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="options">Budget and threads.</param>
    /// <param name="data">The images.</param>
    /// <param name="job">The job.</param>
    /// <param name="train">The images that it trains on.</param>
    /// <param name="ask">Asks the trained model, told how the training went and the passes done.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    let withTrained
        report
        cancellation
        (options: ExperimentOptions)
        (data: DataSet)
        (job: ImageTraining)
        (train: Evidence)
        (ask: Circuit -> TrainingReport -> float -> 'answer)
        : 'answer =
        use circuit =
            Circuit.Compile(spec data job, SimdEngine options.Threads, job.Seed)
            |> Circuit.initialise train

        let result =
            Experiment.within options cancellation (fun token ->
                circuit |> Train.emWith report token (emOptions job) train)

        float result.Steps
        / ceil (float train.Count / float (min (emOptions job).BatchSize train.Count))
        |> min (float job.Epochs)
        |> ask circuit result

    /// <summary>Trains the model of a job and asks it.</summary>
    /// <param name="report">Told how it stands.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="options">Budget and threads.</param>
    /// <param name="data">The images.</param>
    /// <param name="job">The job.</param>
    /// <returns>The row, and a grid of samples where the task is density.</returns>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    let train report cancellation (options: ExperimentOptions) (data: DataSet) (job: ImageTraining) =
        let train, (test, classes) = images data job

        withTrained report cancellation options data job train
        <| fun circuit result passes ->

            let scores = circuit |> Query.logLikelihood test

            let those isNormal =
                Array.zip scores classes
                |> Array.filter (fun (_, c) -> isNormal (c <> 0))
                |> Array.map fst

            let testLl, auc =
                match job.Task with
                | ImageTask.Density -> Array.average scores, nan
                | ImageTask.Outliers ->
                    let normal = those id
                    Array.average normal, Metrics.AreaUnderCurve(ReadOnlySpan normal, ReadOnlySpan(those not))

            let samples =
                if job.Task = ImageTask.Density then
                    Some(
                        Chart.SampleGrid(
                            circuit |> Query.sampleWith job.Seed 60,
                            data.Height.Value,
                            data.Width.Value,
                            columns = 15,
                            low = 0.0,
                            high = float data.Highest.Value
                        )
                    )
                else
                    None

            {
                Job = job
                Train = train.Count
                Parameters = circuit.ParameterCount
                TestLl = testLl
                Bits = Metrics.BitsPerDimension(testLl, data.Variables)
                Auc = auc
                Passes = passes
                Seconds = result.Elapsed.TotalSeconds
                ImagesPerSecond = result.SamplesPerSecond
            },
            samples

    /// <summary>The file of the rows.</summary>
    let file (folder: string) : ResultFile =
        ResultFile(
            Path.Combine(folder, "structures-images.csv"),
            "dataset,model,leaves,channels,task,seed,epochs,images,train_images,parameters,test_ll,bits_per_dimension,auc,passes,seconds,images_per_second"
        )

    /// <summary>The name of the picture of a job's samples.</summary>
    let picture (job: ImageTraining) : string =
        $"structures-{job.DataSet}-{job.Model.Name}-{job.Leaves.Name}-{job.Channels}-seed{job.Seed}.png"

    /// <summary>The row in the cells of a line.</summary>
    /// <exception cref="T:System.FormatException">It is none.</exception>
    let ofCells (cells: string[]) : ImageResult = {
        Job = {
            DataSet = cells[0]
            Model = ResultFile.Named([ ImageModel.Rat; ImageModel.PoonDomingos ], _.Name, cells[1])
            Leaves = ResultFile.Named(ImageLeaves.All, _.Name, cells[2])
            Channels = Int32.Parse cells[3]
            Task = ResultFile.Named([ ImageTask.Density; ImageTask.Outliers ], _.Name, cells[4])
            Seed = Int64.Parse cells[5]
            Epochs = Int32.Parse cells[6]
            Images = Int32.Parse cells[7]
        }
        Train = Int32.Parse cells[8]
        Parameters = Int32.Parse cells[9]
        TestLl = ResultFile.Number cells[10]
        Bits = ResultFile.Number cells[11]
        Auc = ResultFile.Number cells[12]
        Passes = ResultFile.Number cells[13]
        Seconds = ResultFile.Number cells[14]
        ImagesPerSecond = ResultFile.Number cells[15]
    }

    /// <summary>A row as a line.</summary>
    let toLine (row: ImageResult) : string =
        let job = row.Job

        String.concat "," [
            job.DataSet
            job.Model.Name
            job.Leaves.Name
            string job.Channels
            job.Task.Name
            string job.Seed
            yield! [ job.Epochs; job.Images; row.Train; row.Parameters ] |> List.map string
            ResultFile.Cell(row.TestLl, "0.0000")
            ResultFile.Cell(row.Bits, "0.00000")
            ResultFile.Cell(row.Auc, "0.00000")
            ResultFile.Cell(row.Passes, "0.##")
            ResultFile.Cell(row.Seconds, "0.0")
            ResultFile.Cell(row.ImagesPerSecond, "0")
        ]
