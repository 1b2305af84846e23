namespace Spn

open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

/// <summary>The models that the HyperSPN paper compares.</summary>
[<RequireQualifiedAccess>]
type TwentyModel =
    /// <summary>Weights made by a hyper-network; the setting is h, the width of its last hidden layer.</summary>
    | Hyper
    /// <summary>Free weights with weight decay; the setting is the L2 factor.</summary>
    | Decay
    /// <summary>Free weights alone, as many as the SPN under the HyperSPN has; the setting is an L2 factor of 0.</summary>
    | Large
    /// <summary>Free weights alone in so many replicas that there are about as many parameters as in the HyperSPN of h = 20; the setting is an L2 factor of 0.</summary>
    | Small

    /// <summary>As options and the CSV file call it.</summary>
    member model.Name =
        match model with
        | Hyper -> "hyper"
        | Decay -> "decay"
        | Large -> "large"
        | Small -> "small"

    /// <summary>As tables call it.</summary>
    member model.Title =
        match model with
        | Hyper -> "HyperSPN"
        | Decay -> "SPN + decay"
        | Large -> "SPN-Large"
        | Small -> "SPN-Small"

    /// <summary>A setting in words: "h = 5" or "L2 = 0.001".</summary>
    member model.Describe(setting: float) =
        match model with
        | Hyper -> $"h = {setting:``0``}"
        | Decay -> $"L2 = {setting:``0.######``}"
        | Large
        | Small -> "no decay"

/// <summary>One training: what identifies a row of the results.</summary>
type TwentyJob = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>Which model.</summary>
    Model: TwentyModel
    /// <summary>h or the L2 factor.</summary>
    Setting: float
    /// <summary>Seed of the variable orders, the starting parameters and the batches.</summary>
    Seed: int64
    /// <summary>Gradient steps.</summary>
    Steps: int
}

/// <summary>The experiment of Shih, Sadigh and Ermon 2021, section 5, as their released code runs it, with the published numbers.</summary>
[<RequireQualifiedAccess>]
module HyperSpnProtocol =

    // Tables 1 and 2: test log-likelihood of the SPN with weight decay, then of the HyperSPN.
    let private published =
        Map [
            "nltcs", (-6.02, -6.01)
            "msnbc", (-6.04, -6.05)
            "kdd", (-2.14, -2.13)
            "plants", (-13.41, -13.27)
            "baudio", (-40.14, -39.74)
            "jester", (-52.99, -52.74)
            "bnetflix", (-57.18, -56.62)
            "accidents", (-35.55, -35.40)
            "tretail", (-10.90, -10.89)
            "pumsb_star", (-31.08, -31.07)
            "dna", (-98.42, -98.79)
            "kosarek", (-10.88, -10.90)
            "msweb", (-10.14, -9.90)
            "book", (-34.84, -34.86)
            "tmovie", (-52.85, -51.62)
            "cwebkb", (-159.68, -157.69)
            "cr52", (-90.15, -86.12)
            "c20ng", (-154.36, -152.49)
            "bbc", (-262.77, -254.44)
            "ad", (-54.82, -28.58)
            "amzn_apparel", (-9.32, -9.28)
            "amzn_bath", (-8.54, -8.52)
            "amzn_bedding", (-8.59, -8.57)
            "amzn_carseats", (-4.72, -4.65)
            "amzn_diaper", (-9.99, -9.91)
            "amzn_feeding", (-11.35, -11.30)
            "amzn_furniture", (-4.54, -4.32)
            "amzn_gear", (-9.21, -9.21)
            "amzn_gifts", (-3.43, -3.40)
            "amzn_health", (-7.49, -7.41)
            "amzn_media", (-7.86, -7.83)
            "amzn_moms", (-3.48, -3.47)
            "amzn_safety", (-4.48, -4.34)
            "amzn_strollers", (-5.25, -5.00)
            "amzn_toys", (-7.83, -7.79)
        ]

    /// <summary>The paper's test log-likelihood in nats, where it has one; of its two plain SPNs it shows curves only (Fig. 5).</summary>
    let paper (model: TwentyModel) (dataSet: string) : float option =
        match model, published |> Map.tryFind dataSet with
        | TwentyModel.Hyper, Some(_, hyper) -> Some hyper
        | TwentyModel.Decay, Some(decay, _) -> Some decay
        | _ -> None

    /// <summary>The settings tried; the best by validation log-likelihood is reported.</summary>
    let settings (model: TwentyModel) : float list =
        match model with
        | TwentyModel.Hyper -> [ 5.0; 10.0; 20.0 ]
        | TwentyModel.Decay -> [ 1e-3; 1e-4; 1e-5 ]
        | TwentyModel.Large
        | TwentyModel.Small -> [ 0.0 ]

    /// <summary>The one setting of a quick run.</summary>
    let quickSetting (model: TwentyModel) : float =
        match model with
        | TwentyModel.Hyper -> 20.0
        | TwentyModel.Decay -> 1e-4
        | TwentyModel.Large
        | TwentyModel.Small -> 0.0

    /// <summary>Gradient steps, and steps between evaluations on the validation samples.</summary>
    /// <remarks>The built-in digits are not in the paper; they have begun to overfit well before their last step.</remarks>
    let steps (dataSet: string) : int * int =
        match dataSet with
        | "digits" -> 1000, 50
        | "toy" -> 4000, 10
        | "kdd"
        | "plants"
        | "accidents"
        | "ad" -> 20000, 1000
        | "msnbc"
        | "pumsb_star" -> 80000, 1000
        | "amzn_carseats"
        | "amzn_gifts"
        | "amzn_moms"
        | "amzn_safety" -> 4000, 50
        | name when name.StartsWith "amzn_" -> 1000, 10
        | _ -> 4000, 200

    /// <summary>Samples a batch.</summary>
    let batchSize (dataSet: string) : int =
        match dataSet with
        | "cr52"
        | "c20ng"
        | "bbc"
        | "ad" -> 50
        | _ -> 500

    /// <summary>Training settings; a job with fewer steps is evaluated at least ten times.</summary>
    let options (job: TwentyJob) : GradientOptions =
        let hyper = job.Model = TwentyModel.Hyper

        GradientOptions(
            LearningRate = (if hyper then 5e-3 else 2e-2),
            WeightDecay = (if hyper then 0.0 else job.Setting),
            BatchSize = batchSize job.DataSet,
            Steps = job.Steps,
            EvaluationPeriod = min (snd (steps job.DataSet)) (max 1 (job.Steps / 10)),
            Seed = job.Seed
        )

    /// <summary>Replicas of a plain SPN of 5 channels that has about as many parameters as the HyperSPN of h = 20 on so many variables.</summary>
    let smallReplicas (variables: int) : int =
        let sectors, channels, h = 2 * variables, 5, 20
        let network = 20 * channels + 20 + 20 * h + h + (h + 1) * channels * channels
        let hyper = 50 * sectors * channels + network + 50
        max 1 (int (round (float hyper / float (sectors * channels * channels + 1))))

    /// <summary>The circuit of a job.</summary>
    /// <param name="variables">Number of variables of the data set.</param>
    /// <param name="job">The job.</param>
    let spec (variables: int) (job: TwentyJob) : CircuitSpec =
        match job.Model with
        | TwentyModel.Hyper -> HyperSpn.Released(variables, int job.Setting, seed = job.Seed)
        | TwentyModel.Decay
        | TwentyModel.Large -> HyperSpn.Baseline(variables, seed = job.Seed)
        | TwentyModel.Small -> HyperSpn.Baseline(variables, replicas = smallReplicas variables, seed = job.Seed)

    /// <summary>Says whether a job follows the released code: "released", "shortened", "lengthened", or "built-in" for data outside the paper.</summary>
    let label (job: TwentyJob) : string =
        match compare job.Steps (fst (steps job.DataSet)) with
        | -1 -> "shortened"
        | 1 -> "lengthened"
        | _ when published.ContainsKey job.DataSet -> "released"
        | _ -> "built-in"

    /// <summary>What a job costs, in units that are the same for all jobs: samples times variables.</summary>
    let work (job: TwentyJob) : float =
        let entry, options = DataCatalogue.Find job.DataSet, options job

        let batch, period =
            min options.BatchSize entry.Train, options.EvaluationPeriod.Value

        float job.Steps
        * (float batch + float entry.Valid / (3.0 * float period))
        * float entry.Variables
