namespace Spn

open System
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Training

/// <summary>How the experiment's weights start and are trained.</summary>
[<RequireQualifiedAccess>]
type OverparamMode =
    /// <summary>As the paper's figure: all components start alike but for jitter of 1e-14, in double precision.</summary>
    | Paper
    /// <summary>The same with random indicator weights, which need no rounding errors to tell components apart.</summary>
    | Robust
    /// <summary>Weights by their logarithms, as the authors' later code, with log Z in the objective.</summary>
    | Log
    /// <summary>The same with Z in place of log Z, as that code has it.</summary>
    | LogZ
    /// <summary>Normalised weights: the softmax of added logits.</summary>
    | Softmax
    /// <summary>Random indicator weights, trained by Adam.</summary>
    | Adam

    /// <summary>How command lines and files call it.</summary>
    member mode.Name =
        match mode with
        | Paper -> "paper"
        | Robust -> "robust"
        | Log -> "log"
        | LogZ -> "log-z"
        | Softmax -> "softmax"
        | Adam -> "adam"

    /// <summary>What it does, in a few words.</summary>
    member mode.Title =
        match mode with
        | Paper -> "equal starts, jitter 1e-14"
        | Robust -> "random indicator weights"
        | Log -> "logarithms of weights, log Z"
        | LogZ -> "logarithms of weights, Z"
        | Softmax -> "softmax weights"
        | Adam -> "random indicator weights, Adam"

    /// <summary>All of them, in order.</summary>
    static member All = [ Paper; Robust; Log; LogZ; Softmax; Adam ]

/// <summary>One training of the experiment.</summary>
type OverparamJob = {
    /// <summary>Name of the data set.</summary>
    DataSet: string
    /// <summary>How weights start and are trained.</summary>
    Mode: OverparamMode
    /// <summary>Number of consecutive sum layers, 1 to 3.</summary>
    Depth: int
    /// <summary>Seed of the start.</summary>
    Seed: int64
    /// <summary>Number of steps.</summary>
    Iterations: int
}

/// <summary>One point of a training; NaN where nothing was measured.</summary>
[<Struct>]
type OverparamPoint = {
    /// <summary>The iteration, from 1, before its step.</summary>
    Iteration: int
    /// <summary>Average training log-likelihood, in nats.</summary>
    Train: float
    /// <summary>Average test log-likelihood, in nats.</summary>
    Test: float
    /// <summary>Adaptive step size of the heaviest component, as a multiple of the step size.</summary>
    Rho: float
    /// <summary>Its growth by itself in this step.</summary>
    Lambda: float
    /// <summary>By what share of its weight the predicted step misses the actual one.</summary>
    Error: float
}

/// <summary>Models and settings of Trapp, Peharz and Pernkopf 2019, section 4, and of variants.</summary>
[<RequireQualifiedAccess>]
module OverparamProtocol =

    /// <summary>Number of components of the mixture.</summary>
    [<Literal>]
    let Components = 8

    /// <summary>Number of seeds unless told.</summary>
    [<Literal>]
    let UsualSeeds = 10

    /// <summary>What the released code starts mixture weights with, and keeps all raw weights at or above.</summary>
    [<Literal>]
    let Floor = 1e-4

    /// <summary>Standard deviation of the jitter in the mode of the paper.</summary>
    [<Literal>]
    let Jitter = 1e-14

    /// <summary>Step size of gradient ascent, or of Adam.</summary>
    let stepSize mode =
        match mode with
        | OverparamMode.Paper
        | OverparamMode.Robust
        | OverparamMode.Adam -> 0.01
        | OverparamMode.Log
        | OverparamMode.LogZ
        | OverparamMode.Softmax -> 0.1

    /// <summary>Number of steps.</summary>
    let iterations mode =
        match mode with
        | OverparamMode.Log
        | OverparamMode.LogZ -> 1000
        | _ -> 500

    /// <summary>How many neighbouring components share a factor, in each layer but the last: a root over 2 sums of 4, or three layers of 2.</summary>
    let groupSizes depth =
        match depth with
        | 1 -> []
        | 2 -> [ 4 ]
        | 3 -> [ 4; 2 ]
        | _ -> invalidArg (nameof depth) $"The experiment has depths 1 to 3, not {depth}."

    /// <summary>The mixture of products of Bernoulli sums over two indicators.</summary>
    /// <param name="variables">Number of binary variables.</param>
    /// <param name="mode">What the weights are.</param>
    /// <param name="depth">Number of consecutive sum layers above the components.</param>
    let spec (variables: int) (mode: OverparamMode) (depth: int) : CircuitSpec =
        let source =
            match mode with
            | OverparamMode.Paper
            | OverparamMode.Robust
            | OverparamMode.Adam -> Weights.Raw()
            | OverparamMode.Log
            | OverparamMode.LogZ -> Weights.Exponential()
            | OverparamMode.Softmax -> Weights.Free()

        let mixture =
            if depth = 1 then
                source
            else
                Weights.Factored(source, groupSizes depth)

        Regions.HandBuilt(
            variables,
            [
                for v in 0 .. variables - 1 do
                    Regions.Leaf [ v ]
                Regions.Join [ [ 0 .. variables - 1 ] ]
            ]
        )
        |> Circuit.overRegions [
            Input.Indicator 2
            Sum.PerRegion Components
            Product.Hadamard
            Sum.Root(mixtureWeights = mixture)
        ]
        |> Circuit.withWeights source

    /// <summary>The starting parameters, in double precision.</summary>
    /// <param name="plan">The compiled model.</param>
    /// <param name="mode">How weights start.</param>
    /// <param name="seed">The same seed gives the same start; the indicator weights are then the same at every depth.</param>
    let start (plan: Plans.Plan) (mode: OverparamMode) (seed: int64) : float[] =
        let parameters = Array.zeroCreate plan.ParameterCount

        for tensor in plan.Tensors do
            let name = tensor.Name
            let random = RandomStream(seed, name)
            let indicators = name.StartsWith "sectors"
            let factors = name.Contains "factors"

            let draw () =
                match mode with
                | OverparamMode.Paper when indicators -> 0.5 + Jitter * random.NextNormal()
                | OverparamMode.Robust
                | OverparamMode.Adam when indicators -> max Floor (random.NextDouble())
                | OverparamMode.Paper
                | OverparamMode.Robust
                | OverparamMode.Adam -> Floor
                | OverparamMode.Log
                | OverparamMode.LogZ when factors -> 0.1 * random.NextNormal()
                | OverparamMode.Log
                | OverparamMode.LogZ -> log (abs (0.1 * random.NextNormal()))
                | OverparamMode.Softmax when indicators -> log (max Floor (random.NextDouble()))
                | OverparamMode.Softmax -> 0.0

            for i in tensor.Offset .. tensor.Offset + tensor.Count - 1 do
                parameters[i] <- draw ()

        parameters

    /// What the step says of the heaviest component.
    let private heaviest (root: int) eta (step: AscentStep) =
        let own = step.Weights |> Seq.filter (fun w -> w.Block = root) |> Seq.maxBy _.Before
        own.Rho / eta, own.Lambda, abs (own.Predicted - own.After) / own.After

    // In double precision, step by step; the test samples are looked at every fiftieth time, since that takes time.
    let private precise report (cancellation: CancellationToken) (data: DataSet) job =
        use circuit =
            spec data.Variables job.Mode job.Depth
            |> Circuit.compileWith (ReferenceEngine())

        use ascent = new GradientAscent(circuit, data.Train, Floor = Floor)
        (start circuit.Plan job.Mode job.Seed).AsSpan().CopyTo ascent.Parameters
        let root = circuit.Plan.Regions.Block circuit.Plan.Regions.Root
        let eta = stepSize job.Mode

        [
            for iteration in 1 .. job.Iterations do
                cancellation.ThrowIfCancellationRequested()

                let test =
                    if data.Test.Count > 0 && (iteration % 50 = 0 || iteration = job.Iterations) then
                        ascent.AverageLogLikelihood data.Test
                    else
                        nan

                let step = ascent.Step eta
                let rho, lambda, error = heaviest root eta step
                report iteration step.LogLikelihood

                {
                    Iteration = iteration
                    Train = step.LogLikelihood
                    Test = test
                    Rho = rho
                    Lambda = lambda
                    Error = error
                }
        ]

    let private options job =
        GradientOptions(
            Optimiser =
                (if job.Mode = OverparamMode.Adam then
                     Optimiser.Adam
                 else
                     Optimiser.Sgd),
            Objective = Objective.Mean,
            LearningRate = stepSize job.Mode,
            Floor = Floor,
            LinearPartition = (job.Mode = OverparamMode.LogZ),
            BatchSize = Int32.MaxValue,
            Epochs = Nullable job.Iterations,
            EvaluationPeriod = Nullable 1,
            KeepLast = true
        )

    // The library's own training, whose points tell the test log-likelihood after the step: that is the next iteration's.
    let private trained report cancellation threads (data: DataSet) job =
        use circuit =
            Circuit.Compile(spec data.Variables job.Mode job.Depth, SimdEngine threads)

        let parameters = start circuit.Plan job.Mode job.Seed |> Array.map float32
        circuit.SetParameters(ReadOnlySpan parameters)
        let first = circuit |> Query.averageLogLikelihood data.Test
        let tell (now: TrainingProgress) = report now.Step now.Train

        let result =
            circuit
            |> Train.gradientWith tell cancellation data.Train data.Test (options job)

        cancellation.ThrowIfCancellationRequested()

        let tests =
            first :: [ for point in result.Curve -> point.Valid.GetValueOrDefault nan ]

        [
            for point, test in Seq.zip result.Curve tests ->
                {
                    Iteration = point.Step
                    Train = point.Train
                    Test = test
                    Rho = nan
                    Lambda = nan
                    Error = nan
                }
        ]

    /// <summary>Does one training and gives its points, one an iteration.</summary>
    /// <param name="report">Told iteration and average training log-likelihood, often.</param>
    /// <param name="cancellation">Ends it by an exception.</param>
    /// <param name="threads">Number of threads; the mode of the paper takes one.</param>
    /// <param name="data">The data set.</param>
    /// <param name="job">The training.</param>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    let run
        (report: int -> float -> unit)
        (cancellation: CancellationToken)
        (threads: int)
        (data: DataSet)
        (job: OverparamJob)
        : OverparamPoint list =
        if job.Mode = OverparamMode.Paper then
            precise report cancellation data job
        else
            trained report cancellation threads data job

    /// <summary>How far the predicted first step misses the actual one, for a step size and its halves.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="depth">Number of consecutive sum layers.</param>
    /// <param name="stepSizes">Step sizes.</param>
    /// <returns>For each the largest distance over the components, after weights started between 0.5 and 1.5.</returns>
    let predictionErrors (data: DataSet) (depth: int) (stepSizes: float list) : float list = [
        use circuit =
            spec data.Variables OverparamMode.Robust depth
            |> Circuit.compileWith (ReferenceEngine())

        let root = circuit.Plan.Regions.Block circuit.Plan.Regions.Root

        for eta in stepSizes do
            use ascent = new GradientAscent(circuit, data.Train, Floor = 0.0)

            ascent.Step(eta).Weights
            |> Seq.filter (fun w -> w.Block = root)
            |> Seq.map (fun w -> abs (w.Predicted - w.After))
            |> Seq.max
    ]

    /// <summary>The published curves, read from the vector figure: iteration and training log-likelihood of one, two and three layers.</summary>
    let published: (int * float[]) list = [
        1, [| -11.09; -11.09; -11.09 |]
        10, [| -11.016; -11.016; -11.016 |]
        20, [| -10.748; -10.721; -10.798 |]
        50, [| -9.676; -9.621; -9.707 |]
        100, [| -8.436; -8.129; -7.987 |]
        150, [| -7.873; -7.563; -7.313 |]
        200, [| -7.729; -7.232; -7.101 |]
        250, [| -7.646; -7.112; -7.059 |]
        300, [| -7.561; -7.063; -7.051 |]
        400, [| -7.152; -7.039; -7.048 |]
        500, [| -7.059; -7.040; -7.046 |]
    ]

    /// <summary>Whether a training is the paper's: its data, its start and its number of steps.</summary>
    let isPublished (job: OverparamJob) =
        job.DataSet = "nltcs"
        && job.Mode = OverparamMode.Paper
        && job.Iterations = iterations job.Mode
