namespace Spn

open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

/// <summary>Generative networks of the DGC-SPN experiments.</summary>
[<RequireQualifiedAccess>]
type InpaintPreset =
    /// <summary>All combinations first, then channel by channel, 16 sums a cell: the published text.</summary>
    | Paper
    /// <summary>Channel by channel first, then all combinations, two sums a cell: an early version of the released code.</summary>
    | TwoSums

    /// <summary>As options and the CSV file call it.</summary>
    member preset.Name =
        match preset with
        | Paper -> "paper"
        | TwoSums -> "twoSums"

/// <summary>How a generative network is trained: both by online hard EM.</summary>
[<RequireQualifiedAccess>]
type InpaintLearner =
    /// <summary>Winners by weighted values.</summary>
    | Plain
    /// <summary>Winners by values alone: unweighted sum inputs (USI).</summary>
    | Unweighted

    /// <summary>As options and the CSV file call it.</summary>
    member learner.Name =
        match learner with
        | Plain -> "plain"
        | Unweighted -> "usi"

    /// <summary>As tables call it.</summary>
    member learner.Title =
        match learner with
        | Plain -> "DGC-SPN"
        | Unweighted -> "DGC-SPN + USI"

/// <summary>One training on images, and the completions that its network makes.</summary>
type InpaintJob = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>The one category of the set that is learned; none takes all images.</summary>
    Category: int option
    /// <summary>Which network.</summary>
    Preset: InpaintPreset
    /// <summary>How it is trained.</summary>
    Learner: InpaintLearner
    /// <summary>Which pixels the standard scores are taken from.</summary>
    Statistics: ImageStatistics
    /// <summary>Seed of the starting parameters, the batches and the ties.</summary>
    Seed: int64
    /// <summary>Passes over the images.</summary>
    Epochs: int
    /// <summary>Images to train on.</summary>
    Images: int
    /// <summary>Images to complete.</summary>
    TestImages: int
}

/// <summary>Networks that classify images.</summary>
[<RequireQualifiedAccess>]
type ClassifyPreset =
    /// <summary>The published network with Adam at its own default rate, 0.001.</summary>
    | Paper
    /// <summary>The same at the rate that the published text names, 0.0001.</summary>
    | PaperRate
    /// <summary>The notebook of the released library: a smaller network at rate 0.01, images standardised by one mean and deviation.</summary>
    | Notebook

    /// <summary>As options and the CSV file call it.</summary>
    member preset.Name =
        match preset with
        | Paper -> "paper"
        | PaperRate -> "paperRate"
        | Notebook -> "notebook"

/// <summary>One training of a classifier.</summary>
type ClassifyJob = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>Which network, and how it is trained.</summary>
    Preset: ClassifyPreset
    /// <summary>Step size of Adam.</summary>
    Rate: float
    /// <summary>Step size at the end, reached in a straight line; the same unless told.</summary>
    FinalRate: float
    /// <summary>Seed of the starting parameters, the batches and the dropout.</summary>
    Seed: int64
    /// <summary>Passes over the images.</summary>
    Epochs: int
    /// <summary>Images to train on.</summary>
    Images: int
}

/// <summary>The experiments of van de Wolfshaar and Pronobis 2020 (DGC-SPN), section 5, with the published numbers.</summary>
[<RequireQualifiedAccess>]
module DgcSpnProtocol =

    /// <summary>Published mean squared errors of completing the bottom and the left half, by data set and method.</summary>
    let publishedErrors: (string * string * float * float) list = [
        "olivetti", "DCSPN (Butz et al. 2019, corrected)", 1006.0, 910.0
        "olivetti", "Poon and Domingos 2011", 918.0, 942.0
        "olivetti", "Dennis and Ventura 2012", 820.0, 814.0
        "olivetti", InpaintLearner.Plain.Title, 804.0, 847.0
        "olivetti", InpaintLearner.Unweighted.Title, 735.0, 811.0
        "caltech101", "Poon and Domingos 2011", 3270.0, 3551.0
        "caltech101", InpaintLearner.Plain.Title, 3216.0, 3161.0
        "caltech101", InpaintLearner.Unweighted.Title, 2801.0, 2722.0
        "mnist", InpaintLearner.Plain.Title, 3767.0, 3102.0
        "mnist", InpaintLearner.Unweighted.Title, 2996.0, 2476.0
        "fashion-mnist", InpaintLearner.Plain.Title, 2870.0, 2268.0
        "fashion-mnist", InpaintLearner.Unweighted.Title, 2223.0, 1637.0
    ]

    /// <summary>The paper's mean squared error, where it has one.</summary>
    let paperError (dataSet: string) (learner: InpaintLearner) (occlusion: Occlusion) : float option =
        publishedErrors
        |> List.tryPick (fun (set, title, bottom, left) ->
            if set <> dataSet || title <> learner.Title then None
            elif occlusion = Occlusion.Bottom then Some bottom
            elif occlusion = Occlusion.Left then Some left
            else None)

    /// <summary>Published test accuracies in percent, by data set and method.</summary>
    let publishedAccuracies: (string * string * float) list = [
        "mnist", "EBW on a Poon-Domingos structure", 95.07
        "mnist", "SVD-learned structure", 97.34
        "mnist", "Prometheus", 98.37
        "mnist", "CNN + SPN", 98.34
        "mnist", "RAT-SPN", 98.19
        "mnist", "DGC-SPN", 98.66
        "fashion-mnist", "RAT-SPN", 89.52
        "fashion-mnist", "DGC-SPN", 90.74
    ]

    /// <summary>The paper's test accuracy in percent, where it has one.</summary>
    let paperAccuracy (dataSet: string) : float option =
        publishedAccuracies
        |> List.tryPick (fun (set, title, accuracy) ->
            if set = dataSet && title = "DGC-SPN" then
                Some accuracy
            else
                None)

    /// <summary>Seeds that the published numbers are the mean of.</summary>
    [<Literal>]
    let PaperSeeds = 5

    /// <summary>Passes of hard EM.</summary>
    [<Literal>]
    let InpaintEpochs = 15

    /// <summary>Images of a batch of hard EM.</summary>
    [<Literal>]
    let InpaintBatch = 128

    /// <summary>Passes of the discriminative training.</summary>
    let classifyEpochs (preset: ClassifyPreset) : int =
        match preset with
        | ClassifyPreset.Paper
        | ClassifyPreset.PaperRate -> 400
        | ClassifyPreset.Notebook -> 15

    /// <summary>Weights that hard EM by weighted values starts from: all equal, and outweighed by the first counts.</summary>
    let equalWeights = AccumulatorWeights(EqualStart = true, StartCount = 1e-4)

    /// <summary>The generative network of a job.</summary>
    /// <remarks>
    /// The paper does not say how accumulators start. Weighted winners need an equal start: from unequal weights the rich get richer at
    /// once. Unweighted winners do better from draws, which tell the sums of a cell apart.
    /// </remarks>
    let inpaintSpec (job: InpaintJob) (height: int) (width: int) : CircuitSpec =
        let network =
            match job.Preset with
            | InpaintPreset.Paper -> DgcSpn.Generative(height, width)
            | InpaintPreset.TwoSums -> DgcSpn.TwoSums(height, width)

        match job.Learner with
        | InpaintLearner.Plain -> network.WithWeights equalWeights
        | InpaintLearner.Unweighted -> network

    /// <summary>Settings of one pass of hard EM; passes differ in the order of the images.</summary>
    /// <param name="job">The job.</param>
    /// <param name="epoch">Number of the pass, from 0.</param>
    let emOptions (job: InpaintJob) (epoch: int) : HardEmOptions =
        HardEmOptions(
            Epochs = 1,
            BatchSize = InpaintBatch,
            Seed = job.Seed * 1000L + int64 epoch,
            UnweightedSumInputs = (job.Learner = InpaintLearner.Unweighted)
        )

    /// <summary>The way images are standardised for a job.</summary>
    /// <param name="train">The images for training, as they are.</param>
    /// <param name="statistics">Which pixels count.</param>
    let score (train: Evidence) (statistics: ImageStatistics) : StandardScore =
        match statistics with
        | ImageStatistics.Global -> StandardScore.Global train
        | ImageStatistics.FullImage -> StandardScore.FullImage()
        | _ -> StandardScore.VisibleOnly()

    /// <summary>The network of a job.</summary>
    /// <param name="preset">Which network.</param>
    /// <param name="side">Height and width of the images: 28, or 8 for the built-in digits.</param>
    /// <param name="classes">Number of classes.</param>
    let classifySpec (preset: ClassifyPreset) (side: int) (classes: int) : CircuitSpec =
        match preset with
        | ClassifyPreset.Notebook -> DgcSpn.Notebook(side, side, classes)
        | ClassifyPreset.Paper
        | ClassifyPreset.PaperRate -> DgcSpn.Discriminative(side, side, classes)

    /// <summary>Which pixels the standard scores of a job are taken from.</summary>
    let classifyStatistics (preset: ClassifyPreset) : ImageStatistics =
        match preset with
        | ClassifyPreset.Notebook -> ImageStatistics.Global
        | _ -> ImageStatistics.FullImage

    /// <summary>Step size of Adam.</summary>
    let classifyRate (preset: ClassifyPreset) : float =
        match preset with
        | ClassifyPreset.Paper -> 1e-3
        | ClassifyPreset.PaperRate -> 1e-4
        | ClassifyPreset.Notebook -> 1e-2

    /// <summary>Settings of the discriminative training, all passes in one.</summary>
    let classifyOptions (job: ClassifyJob) : GradientOptions =
        let notebook = job.Preset = ClassifyPreset.Notebook
        let dropout = if notebook then 0.0 else 0.2

        GradientOptions(
            LearningRate = job.Rate,
            FinalLearningRate = job.FinalRate,
            BatchSize = (if notebook then 32 else 64),
            Epochs = job.Epochs,
            Objective = Objective.Mean,
            Discriminative = 1.0,
            ProductDropout = dropout,
            InputDropout = dropout,
            Seed = job.Seed
        )
