namespace Spn

open System
open System.Diagnostics
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Plans
open Spn.Core.Training

/// <summary>The images that are clustered.</summary>
[<RequireQualifiedAccess>]
type ClusterSet =
    /// <summary>Cropped street view house numbers: the paper's.</summary>
    | Svhn
    /// <summary>Fashion-MNIST in their place.</summary>
    | Fashion
    /// <summary>The built-in grey digits in their place.</summary>
    | Digits

    /// <summary>As options and the CSV file call it.</summary>
    member set.Name =
        match set with
        | Svhn -> "svhn"
        | Fashion -> "fashion-mnist"
        | Digits -> "digits-grey"

    /// <summary>As pages call it.</summary>
    member set.Title =
        match set with
        | Svhn -> "SVHN"
        | Fashion -> "Fashion-MNIST (in place of SVHN)"
        | Digits -> "built-in digits (in place of SVHN)"

/// <summary>Where the weights of sums come from.</summary>
[<RequireQualifiedAccess>]
type ClusterModel =
    /// <summary>A parameter a weight.</summary>
    | Free
    /// <summary>A hyper-network.</summary>
    | Hyper

    /// <summary>As the CSV file calls it.</summary>
    member model.Name =
        match model with
        | Free -> "free"
        | Hyper -> "hyper"

/// <summary>One training: a model of one group of images.</summary>
type ClusterJob = {
    /// <summary>The images.</summary>
    Set: ClusterSet
    /// <summary>Number of groups.</summary>
    Clusters: int
    /// <summary>The group, from 0.</summary>
    Cluster: int
    /// <summary>Where the weights come from.</summary>
    Model: ClusterModel
    /// <summary>Channels of a region.</summary>
    Channels: int
    /// <summary>Seed of the groups, the parameters and the batches.</summary>
    Seed: int64
    /// <summary>Passes over the images of the group.</summary>
    Epochs: int
    /// <summary>Most images of all groups to train on; 0 takes all.</summary>
    Images: int
    /// <summary>Additional images of SVHN.</summary>
    Extra: int
}

/// <summary>What a finished training gave.</summary>
type ClusterRow = {
    /// <summary>The training.</summary>
    Job: ClusterJob
    /// <summary>Images of the group to train on.</summary>
    Train: int
    /// <summary>Images of the group to choose the parameters by.</summary>
    Valid: int
    /// <summary>Images of the group to report on.</summary>
    Test: int
    /// <summary>Parameters that make the weights of sums.</summary>
    Weights: int
    /// <summary>Parameters of the input densities.</summary>
    Inputs: int
    /// <summary>Validation log-likelihood of the parameters kept, in nats; not a number without validation images.</summary>
    ValidLl: float
    /// <summary>Their test log-likelihood, in nats; not a number without test images.</summary>
    TestLl: float
    /// <summary>Passes done; fewer than asked for where the budget ended the training.</summary>
    Passes: float
    /// <summary>Wall-clock seconds of the training, evaluations included.</summary>
    Seconds: float
}

/// <summary>What the experiment is to do.</summary>
type ClusterOptions = {
    /// <summary>The images.</summary>
    Set: ClusterSet
    /// <summary>Additional images of SVHN.</summary>
    Extra: int
    /// <summary>Number of groups.</summary>
    Clusters: int
    /// <summary>How many of them get models.</summary>
    First: int
    /// <summary>Channels of a region.</summary>
    Channels: int
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>HyperSPN on Einsum networks, one a cluster of images (Shih, Sadigh and Ermon 2021, section 5, Fig. 6): images, models, trainings and rows.</summary>
[<RequireQualifiedAccess>]
module HyperSpnClusters =

    /// <summary>Passes of the paper.</summary>
    [<Literal>]
    let PaperEpochs = 100

    /// <summary>The folder of SVHN in a data folder.</summary>
    let svhnFolder (data: DataFolder) : string =
        Path.Combine(data.Path |> Option.ofObj |> Option.defaultValue "data", "svhn")

    /// <summary>Whether the files of a set are there.</summary>
    let isPresent (data: DataFolder) (set: ClusterSet) : bool =
        match set with
        | ClusterSet.Svhn -> Svhn.IsPresent(svhnFolder data)
        | other -> DataCatalogue.IsPresent(DataCatalogue.Find other.Name, data.Path)

    /// <summary>The images: the first 50,000 to train on are the paper's split of SVHN, and are that of Fashion-MNIST here.</summary>
    /// <exception cref="T:System.IO.IOException">Files are missing or malformed.</exception>
    let load (options: ClusterOptions) : DataSet =
        let data = options.Common.Data

        let whole =
            match options.Set with
            | ClusterSet.Svhn -> Svhn.Load(svhnFolder data, options.Extra)
            | other -> DataCatalogue.Load(other.Name, data.Path)

        let first = if whole.Valid.Count > 0 then whole.Train.Count else 50_000
        let chosen = Experiment.spaced options.Common.Images (min first whole.Train.Count)

        let valid =
            if whole.Valid.Count > 0 then
                whole.Valid
            else
                whole.Train |> Evidence.rows [ first .. whole.Train.Count - 1 ]

        DataSet(
            whole.Name,
            Evidence.rows chosen whole.Train,
            valid,
            whole.Test,
            Height = whole.Height,
            Width = whole.Width,
            Highest = whole.Highest
        )

    /// <summary>The model of a group: Poon-Domingos regions over four strips of columns, all pairs of channels at products, sums at each partition.</summary>
    /// <remarks>
    /// The input of a pixel counts from the mean of the group in units of the largest grey value, so that centring is a part of the model; deviations
    /// lie between 0.001 and 0.1 of that unit, and start at the latter: many pixels are alike in all of a small group, and differ in other images. A hyper-network 8-10-10-K has an embedding for every K weights of a sum.
    /// </remarks>
    /// <param name="data">Says the size of an image.</param>
    /// <param name="channels">Channels K of a region.</param>
    /// <param name="mean">Mean of the group, [variable].</param>
    /// <param name="model">Where the weights come from.</param>
    let spec (data: DataSet) (channels: int) (mean: float32[]) (model: ClusterModel) : CircuitSpec =
        let height, width = data.Height.Value, data.Width.Value

        let inputs =
            Input.PerVariable [
                for value in mean ->
                    Input.Normal(
                        channels,
                        location = float value,
                        scale = float data.Highest.Value,
                        leastDeviation = 1e-3,
                        mostDeviation = 0.1,
                        init = Init.Random.WithDeviations InitDeviations.One
                    )
            ]

        let weights =
            match model with
            | ClusterModel.Free -> Weights.Free()
            | ClusterModel.Hyper -> Weights.Hyper(embedding = 8, hidden = [ 10; 10 ], groupSize = channels)

        Regions.PoonDomingos(
            Variables.Image(height, width, colours = data.Variables / (height * width)),
            pieces = [ 4 ],
            axes = [ 1 ]
        )
        |> Circuit.overRegions [ inputs; Product.Kronecker; Sum.PerPartition channels; Sum.Root() ]
        |> Circuit.withWeights weights

    /// <summary>Adam on the sum of the log-likelihoods of ten images; the parameters kept are those of the best validation log-likelihood after a pass.</summary>
    let gradientOptions (job: ClusterJob) : GradientOptions =
        GradientOptions(
            LearningRate = 1e-2,
            WeightDecay = 1e-4,
            Rates =
                ValueList [
                    ParameterRate(ParameterKind.Network, LearningRate = Nullable 3e-4, WeightDecay = Nullable 0.0)
                ],
            BatchSize = 10,
            Epochs = Nullable job.Epochs,
            Seed = job.Seed
        )

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: ClusterOptions) : ClusterJob list = [
        for seed in options.Common.Seeds do
            for cluster in 0 .. options.First - 1 do
                for model in [ ClusterModel.Free; ClusterModel.Hyper ] do
                    {
                        Set = options.Set
                        Clusters = options.Clusters
                        Cluster = cluster
                        Model = model
                        Channels = options.Channels
                        Seed = seed
                        Epochs = options.Common.Epochs |> Option.defaultValue PaperEpochs
                        Images = defaultArg options.Common.Images 0
                        Extra = options.Extra
                    }
    ]

    /// <summary>The groups of a seed, each with its mean and its images.</summary>
    let groups (output: TextWriter) (cancellation: CancellationToken) (data: DataSet) (count: int) (seed: int64) =
        let clock = Stopwatch.StartNew()

        output.WriteLine
            $"Seed {seed}: {data.Train.Count} images go into {count} groups by k-means, the best of 3 starts ..."

        let clusters = Clusters.KMeans(data.Train, count, 3, 100, seed, cancellation)

        let parts = [|
            for batch in [ data.Train; data.Valid; data.Test ] -> Clusters.split batch clusters
        |]

        output.WriteLine $"... done in {Progress.duration clock.Elapsed}."

        [|
            for c in 0 .. count - 1 -> clusters.Centre(c).ToArray(), parts[0][c], parts[1][c], parts[2][c]
        |]

    /// <summary>Trains the model of a job.</summary>
    /// <param name="report">Told how it stands.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="options">Budget and threads.</param>
    /// <param name="data">Says the size of an image.</param>
    /// <param name="group">Mean of the group, and its images to train, validate and test.</param>
    /// <param name="job">The job.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    let train report cancellation (options: ExperimentOptions) (data: DataSet) group (job: ClusterJob) : ClusterRow =
        let mean, (train: Evidence), (valid: Evidence), (test: Evidence) = group

        use circuit =
            Circuit.Compile(spec data job.Channels mean job.Model, SimdEngine options.Threads, job.Seed)
            |> Circuit.initialise train

        let result =
            Experiment.within options cancellation (fun token ->
                circuit |> Train.gradientWith report token train valid (gradientOptions job))

        let inputs =
            circuit.Plan.Tensors
            |> Seq.filter (fun t -> t.Kind = ParameterKind.Inputs)
            |> Seq.sumBy _.Count

        {
            Job = job
            Train = train.Count
            Valid = valid.Count
            Test = test.Count
            Weights = circuit.ParameterCount - inputs
            Inputs = inputs
            ValidLl = result.BestValid |> Option.ofNullable |> Option.defaultValue nan
            TestLl =
                if test.Count = 0 then
                    nan
                else
                    circuit |> Query.averageLogLikelihood test
            Passes = float result.Steps * 10.0 / float train.Count |> min (float job.Epochs)
            Seconds = result.Elapsed.TotalSeconds
        }

    let private header =
        "dataset,clusters,cluster,model,channels,seed,epochs,images,extra,train_images,valid_images,test_images,"
        + "weight_parameters,input_parameters,valid_ll,test_ll,passes,seconds"

    /// <summary>The file of the rows.</summary>
    let file (folder: string) : ResultFile =
        ResultFile(Path.Combine(folder, "hyperspn-svhn.csv"), header)

    /// <summary>The row in the cells of a line.</summary>
    /// <exception cref="T:System.FormatException">It is none.</exception>
    let ofCells (cells: string[]) : ClusterRow =
        let number i = Int32.Parse cells[i]

        {
            Job = {
                Set = ResultFile.Named([ ClusterSet.Svhn; ClusterSet.Fashion; ClusterSet.Digits ], _.Name, cells[0])
                Clusters = number 1
                Cluster = number 2
                Model = ResultFile.Named([ ClusterModel.Free; ClusterModel.Hyper ], _.Name, cells[3])
                Channels = number 4
                Seed = Int64.Parse cells[5]
                Epochs = number 6
                Images = number 7
                Extra = number 8
            }
            Train = number 9
            Valid = number 10
            Test = number 11
            Weights = number 12
            Inputs = number 13
            ValidLl = ResultFile.Number cells[14]
            TestLl = ResultFile.Number cells[15]
            Passes = ResultFile.Number cells[16]
            Seconds = ResultFile.Number cells[17]
        }

    /// <summary>A row as a line.</summary>
    let toLine (row: ClusterRow) : string =
        let job = row.Job

        String.concat "," [
            job.Set.Name
            yield! [ job.Clusters; job.Cluster ] |> List.map string
            job.Model.Name
            string job.Channels
            string job.Seed
            yield!
                [
                    job.Epochs
                    job.Images
                    job.Extra
                    row.Train
                    row.Valid
                    row.Test
                    row.Weights
                    row.Inputs
                ]
                |> List.map string
            ResultFile.Cell(row.ValidLl, "0.0000")
            ResultFile.Cell(row.TestLl, "0.0000")
            ResultFile.Cell(row.Passes, "0.##")
            ResultFile.Cell(row.Seconds, "0.0")
        ]
