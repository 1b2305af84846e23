namespace Spn

open System
open System.Diagnostics
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd
open Spn.Core.Training

/// <summary>The structures that expectation maximisation trains.</summary>
[<RequireQualifiedAccess>]
type StructuresModel =
    /// <summary>A RAT-SPN; the setting is its depth D.</summary>
    | Rat
    /// <summary>A hidden Chow-Liu tree; the setting is the number K of states of every hidden variable.</summary>
    | Hclt

    /// <summary>As options and the CSV file call it.</summary>
    member model.Name =
        match model with
        | Rat -> "rat"
        | Hclt -> "hclt"

    /// <summary>As tables call it.</summary>
    member model.Title =
        match model with
        | Rat -> "RAT-SPN"
        | Hclt -> "HCLT"

    /// <summary>A setting in words: "D = 2" or "K = 32".</summary>
    member model.Describe(setting: int) =
        match model with
        | Rat -> $"D = {setting}"
        | Hclt -> $"K = {setting}"

    /// <summary>All of them, in order.</summary>
    static member All = [ Rat; Hclt ]

/// <summary>Where a published log-likelihood comes from.</summary>
[<RequireQualifiedAccess>]
type StructuresSource =
    /// <summary>RAT-SPN by stochastic EM.</summary>
    | RatSpn
    /// <summary>Einsum network, by Adam on the twenty sets, by stochastic EM on the registries.</summary>
    | EinsumNetwork
    /// <summary>HyperSPN.</summary>
    | HyperSpn

/// <summary>One training: what identifies a row of the results.</summary>
type StructuresJob = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>Which structure.</summary>
    Model: StructuresModel
    /// <summary>Depth or number of states.</summary>
    Setting: int
    /// <summary>Seed of the regions, the starting parameters and the batches.</summary>
    Seed: int64
    /// <summary>The most passes over the training samples at each step size.</summary>
    Epochs: int
}

/// <summary>What a finished training gave.</summary>
type StructuresResult = {
    /// <summary>The training.</summary>
    Job: StructuresJob
    /// <summary>Parameters of the circuit.</summary>
    Parameters: int
    /// <summary>Validation log-likelihood of the parameters kept, in nats.</summary>
    Valid: float
    /// <summary>Their test log-likelihood, in nats.</summary>
    Test: float
    /// <summary>Wall-clock seconds of structure search and training, evaluations included.</summary>
    Seconds: float
    /// <summary>Whether the time allowed ended it or a part of it.</summary>
    OutOfTime: bool
    /// <summary>Passes over the training samples, training and validation log-likelihood after each.</summary>
    Curve: (int * float * float) list
}

/// <summary>RAT-SPNs and hidden Chow-Liu trees trained by EM on binary data sets, beside published numbers.</summary>
[<RequireQualifiedAccess>]
module StructuresProtocol =

    // Test log-likelihoods that Shih, Sadigh and Ermon 2021 quote: Einsum network, then RAT-SPN where there is one.
    let private quoted =
        Map [
            "nltcs", (-6.04, Some -6.01)
            "msnbc", (-6.03, Some -6.04)
            "kdd", (-2.15, Some -2.13)
            "plants", (-13.74, Some -13.44)
            "baudio", (-40.22, Some -39.96)
            "jester", (-53.10, Some -52.97)
            "bnetflix", (-57.10, Some -56.85)
            "accidents", (-37.45, Some -35.49)
            "tretail", (-10.97, Some -10.91)
            "pumsb_star", (-39.23, Some -32.53)
            "dna", (-97.68, Some -97.23)
            "kosarek", (-10.92, Some -10.89)
            "msweb", (-10.26, Some -10.12)
            "book", (-35.15, Some -34.68)
            "tmovie", (-55.49, Some -53.63)
            "cwebkb", (-160.51, Some -157.53)
            "cr52", (-92.76, Some -87.37)
            "c20ng", (-154.41, Some -152.06)
            "bbc", (-267.86, Some -252.14)
            "ad", (-63.82, Some -48.47)
            "amzn_apparel", (-9.24, None)
            "amzn_bath", (-8.49, None)
            "amzn_bedding", (-8.55, None)
            "amzn_carseats", (-4.72, None)
            "amzn_diaper", (-9.86, None)
            "amzn_feeding", (-11.27, None)
            "amzn_furniture", (-4.38, None)
            "amzn_gear", (-9.18, None)
            "amzn_gifts", (-3.42, None)
            "amzn_health", (-7.47, None)
            "amzn_media", (-7.82, None)
            "amzn_moms", (-3.48, None)
            "amzn_safety", (-4.39, None)
            "amzn_strollers", (-5.07, None)
            "amzn_toys", (-7.84, None)
        ]

    /// <summary>A published test log-likelihood in nats, where there is one.</summary>
    /// <remarks>Source: Shih, Sadigh and Ermon 2021, Tables 1 and 2.</remarks>
    let published (source: StructuresSource) (dataSet: string) : float option =
        match source with
        | StructuresSource.HyperSpn -> HyperSpnProtocol.paper TwentyModel.Hyper dataSet
        | StructuresSource.EinsumNetwork -> quoted |> Map.tryFind dataSet |> Option.map fst
        | StructuresSource.RatSpn -> quoted |> Map.tryFind dataSet |> Option.bind snd

    /// <summary>Replicas of a RAT-SPN.</summary>
    [<Literal>]
    let Replicas = 20

    /// <summary>Sums of a region of a RAT-SPN, and components of a leaf.</summary>
    [<Literal>]
    let Sums = 8

    /// <summary>Concentration of the Dirichlet distribution that starting weights are drawn from.</summary>
    /// <remarks>Unequal starts matter: EM from nearly equal weights ends in worse optima, by half a nat and more on plants.</remarks>
    [<Literal>]
    let Concentration = 0.1

    /// <summary>Sets of more variables get smaller settings.</summary>
    [<Literal>]
    let Wide = 200

    /// <summary>Pseudo-counts (Laplace) of a sum at a step by a batch, and by all samples.</summary>
    let Smoothing = 0.005, 0.1

    /// <summary>Step sizes of mini-batch EM, one after another.</summary>
    let StepSizes = [ 0.4; 0.2; 0.1; 0.05 ]

    /// <summary>The most passes of full-batch EM at the end.</summary>
    [<Literal>]
    let FullPasses = 30

    /// <summary>Passes without a better validation log-likelihood after which a step size has done.</summary>
    [<Literal>]
    let Patience = 2

    /// <summary>The settings tried; the best by validation log-likelihood is reported.</summary>
    /// <param name="entry">The data set.</param>
    /// <param name="model">Which structure.</param>
    let settings (entry: DataEntry) (model: StructuresModel) : int list =
        match model with
        | StructuresModel.Rat -> [ 3 ]
        | StructuresModel.Hclt when entry.Variables <= Wide -> [ 16; 32 ]
        | StructuresModel.Hclt -> [ 8; 16 ]

    /// <summary>The one setting of a quick run.</summary>
    let quickSetting (model: StructuresModel) : int =
        match model with
        | StructuresModel.Rat -> 3
        | StructuresModel.Hclt -> 16

    /// <summary>Samples a batch: a fortieth of the training samples, but 100 to 500.</summary>
    let batchSize (entry: DataEntry) : int = entry.Train / 40 |> max 100 |> min 500

    /// <summary>The most passes at each step size: 15, or as many as make some 2000 steps on large sets, but at least 4.</summary>
    let epochs (entry: DataEntry) : int =
        2000 * batchSize entry / entry.Train |> max 4 |> min 15

    /// <summary>What EM does, stage by stage: falling step sizes, then full batches.</summary>
    let stages (job: StructuresJob) : SoftEmOptions list =
        let byBatch, byAll = Smoothing

        [
            for index, size in List.indexed StepSizes do
                SoftEmOptions(
                    Epochs = job.Epochs,
                    BatchSize = batchSize (DataCatalogue.Find job.DataSet),
                    StepSize = size,
                    Smoothing = byBatch,
                    Patience = Patience,
                    Seed = 1000L * job.Seed + int64 index
                )
            SoftEmOptions(
                FullBatch = true,
                Epochs = min FullPasses (2 * job.Epochs),
                BatchSize = 4096,
                Smoothing = byAll,
                Patience = Patience
            )
        ]

    /// <summary>The circuit of a job.</summary>
    /// <param name="train">Training samples, in which the Chow-Liu tree is found.</param>
    /// <param name="job">The job.</param>
    let spec (train: Evidence) (job: StructuresJob) : CircuitSpec =
        let structure =
            match job.Model with
            | StructuresModel.Rat ->
                RatSpn.Published(train.Variables, BernoulliInput Sums, job.Setting, Replicas, Sums, seed = job.Seed)
            | StructuresModel.Hclt -> HiddenChowLiuTree.Over(ChowLiu.Tree train, BernoulliInput job.Setting)

        structure
        |> Circuit.withWeights (AccumulatorWeights(0.0, Concentration = Concentration))

    /// <summary>What a job costs, in units that are about the same for all jobs: samples times multiplications.</summary>
    let work (job: StructuresJob) : float =
        let entry = DataCatalogue.Find job.DataSet
        let n = float entry.Variables

        let weights =
            match job.Model with
            | StructuresModel.Rat -> float (Replicas * Sums) * (4.0 * n + float (Sums * Sums * (1 <<< job.Setting)))
            | StructuresModel.Hclt -> n * (float (job.Setting * job.Setting) + 50.0)

        float (job.Epochs * entry.Train) * weights

    /// <summary>Trains by all stages and keeps the parameters with the best validation log-likelihood.</summary>
    /// <param name="report">Told what share is done and how things stand.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="threads">Number of threads.</param>
    /// <param name="budget">The time allowed, of which each stage may use its share and what those before it left over.</param>
    /// <param name="data">The data set.</param>
    /// <param name="job">The training.</param>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    let run
        (report: float -> string -> unit)
        (cancellation: CancellationToken)
        (threads: int)
        (budget: TimeSpan option)
        (data: DataSet)
        (job: StructuresJob)
        : StructuresResult =
        let clock = Stopwatch.StartNew()
        use circuit = Circuit.Compile(spec data.Train job, SimdEngine threads, job.Seed)
        let stages = stages job
        let curve = ResizeArray()
        let mutable best = nan
        let mutable late = false

        for index, options in List.indexed stages do
            if not cancellation.IsCancellationRequested then
                use limit = CancellationTokenSource.CreateLinkedTokenSource cancellation

                budget
                |> Option.iter (fun budget ->
                    let left = budget * (float (index + 1) / float stages.Length) - clock.Elapsed

                    // A timer of no time rings a little later.
                    if left > TimeSpan.Zero then
                        limit.CancelAfter left
                    else
                        limit.Cancel())

                let before = circuit.Parameters.ToArray()

                let tell (now: TrainingProgress) =
                    report
                        ((float index + float now.Step / float now.Steps) / float stages.Length)
                        $"stage {index + 1}/{stages.Length}, {Progress.text now}"

                let stage = circuit |> Train.dataSetEmWith tell limit.Token data options
                late <- late || stage.End = TrainingEnd.Cancelled
                let passed = curve.Count

                for pass, point in Seq.indexed stage.Curve do
                    curve.Add(passed + pass + 1, point.Train, point.Valid.GetValueOrDefault nan)

                match Option.ofNullable stage.BestValid with
                | Some valid when not (valid < best) -> best <- valid
                // A stage may lead away from the best parameters, or be ended before its first evaluation.
                | _ when not (Double.IsNaN best) -> circuit.SetParameters(ReadOnlySpan before)
                | _ -> ()

        cancellation.ThrowIfCancellationRequested()

        {
            Job = job
            Parameters = circuit.ParameterCount
            Seconds = clock.Elapsed.TotalSeconds
            OutOfTime = late
            Valid = circuit |> Query.averageLogLikelihood data.Valid
            Test = circuit |> Query.averageLogLikelihood data.Test
            Curve = List.ofSeq curve
        }
