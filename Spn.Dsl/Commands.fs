namespace Spn

open System
open Argu

/// <summary>Where a command takes samples from: a data set by name, or a CSV file.</summary>
type SampleSource = {
    /// <summary>Name of a data set, or null.</summary>
    DataSet: string | null
    /// <summary>Path of a CSV file, or null.</summary>
    Csv: string | null
    /// <summary>Whether the first line of the file names the columns.</summary>
    HasHeader: bool
    /// <summary>Data folder, or null to look for one.</summary>
    Folder: string | null
}

/// <summary>What is known beforehand of the columns of a table.</summary>
type TableColumns = {
    /// <summary>Missing markers besides the usual ones.</summary>
    Missing: string[]
    /// <summary>Names of columns that are real.</summary>
    Real: string[]
    /// <summary>Names of columns that are discrete.</summary>
    Discrete: string[]
    /// <summary>Names of columns of counts.</summary>
    Counts: string[]
    /// <summary>Names of columns that are no variables.</summary>
    Drop: string[]
} with

    /// <summary>Nothing is known beforehand.</summary>
    static member Unknown = {
        Missing = [||]
        Real = [||]
        Discrete = [||]
        Counts = [||]
        Drop = [||]
    }

/// <summary>What <c>spn fit</c> is to do; what is null is chosen by the samples.</summary>
type FitSettings = {
    /// <summary>The samples.</summary>
    Source: SampleSource
    /// <summary>The columns, where the samples are a table.</summary>
    Columns: TableColumns
    /// <summary>Which model.</summary>
    Model: FitModel
    /// <summary>How it is trained.</summary>
    Learner: FitLearner
    /// <summary>Width of the hyper-network's last hidden layer.</summary>
    H: int
    /// <summary>Channels of a region.</summary>
    Channels: int
    /// <summary>Number of trees, or null.</summary>
    Replicas: Nullable<int>
    /// <summary>Gradient steps, unused when there are epochs.</summary>
    Steps: int
    /// <summary>Passes over the samples, or null.</summary>
    Epochs: Nullable<int>
    /// <summary>Samples a batch, or null.</summary>
    Batch: Nullable<int>
    /// <summary>Step size, or null.</summary>
    LearningRate: Nullable<float>
    /// <summary>L2 weight decay.</summary>
    Decay: float
    /// <summary>Pseudo-count of expectation maximisation.</summary>
    Smoothing: float
    /// <summary>Evaluations without progress before it stops, or null.</summary>
    Patience: Nullable<int>
    /// <summary>Seed of structure, parameters and batches.</summary>
    Seed: int64
    /// <summary>Number of threads, 0 for one a processor.</summary>
    Threads: int
    /// <summary>File of the model.</summary>
    Out: string
}

/// <summary>What <c>spn score</c> is to do.</summary>
type ScoreSettings = {
    /// <summary>File of the model.</summary>
    File: string
    /// <summary>The samples.</summary>
    Source: SampleSource
    /// <summary>Whether columns that a table lacks are summed out.</summary>
    HideAbsent: bool
    /// <summary>Which part of a data set.</summary>
    Split: DataSplit
    /// <summary>One number a sample instead of the average.</summary>
    PerRow: bool
    /// <summary>Number of threads, 0 for one a processor.</summary>
    Threads: int
}

/// <summary>A question of <c>spn query</c>.</summary>
[<RequireQualifiedAccess>]
type Question =
    /// <summary>Distributions of columns; null asks for all that are not known.</summary>
    | Ask of columns: (string | null)
    /// <summary>The most probable explanation.</summary>
    | Mpe
    /// <summary>The probability of an event.</summary>
    | Probability of conditions: string
    /// <summary>A table with its missing cells filled in.</summary>
    | Complete of table: string * by: Spn.Core.Inference.Completion
    /// <summary>Random samples.</summary>
    | Sample of count: int

/// <summary>What <c>spn query</c> is to do.</summary>
type QuerySettings = {
    /// <summary>File of the model.</summary>
    File: string
    /// <summary>What is known; empty for nothing.</summary>
    Given: string
    /// <summary>What is asked.</summary>
    Question: Question
    /// <summary>File of the result, or null for the console.</summary>
    Out: string | null
    /// <summary>Seed of random draws.</summary>
    Seed: int64
    /// <summary>CSV instead of a table to read.</summary>
    Csv: bool
    /// <summary>Whether tables have a line of names.</summary>
    HasHeader: bool
    /// <summary>Number of threads, 0 for one a processor.</summary>
    Threads: int
}

/// <summary>What <c>spn bench</c> is to do.</summary>
type BenchSettings = {
    /// <summary>Part of "name metric" of the figures wanted; empty for all.</summary>
    Filter: string
    /// <summary>Data folder, or null to look for one.</summary>
    Folder: string | null
    /// <summary>Number of threads, 0 for one a processor.</summary>
    Threads: int
    /// <summary>File of the page with all figures, or null.</summary>
    Markdown: string | null
    /// <summary>Only train on ad and print the peak memory.</summary>
    PeakOnly: string | null
}

/// <summary>A command line of <c>spn</c>, understood.</summary>
[<RequireQualifiedAccess>]
type SpnCommand =
    /// <summary>Trains a model.</summary>
    | Fit of settings: FitSettings
    /// <summary>Evaluates a model.</summary>
    | Score of settings: ScoreSettings
    /// <summary>Questions to a model.</summary>
    | Query of settings: QuerySettings
    /// <summary>Describes a model, perhaps with what it can answer; draws it to the files that are not null.</summary>
    | Info of file: string * queries: bool * svg: (string | null) * dot: (string | null)
    /// <summary>Lists data sets; the folder may be null.</summary>
    | DataList of folder: (string | null)
    /// <summary>Measures the engine.</summary>
    | Bench of settings: BenchSettings
    /// <summary>Prints the version.</summary>
    | Version

    static member private Source(dataSet, csv, noHeader, folder) =
        match dataSet, csv with
        | Some _, Some _
        | None, None -> invalidArg "source" "Name the samples by either --data-set or --csv."
        | _ -> {
            DataSet = Option.toObj dataSet
            Csv = Option.toObj csv
            HasHeader = not noHeader
            Folder = Option.toObj folder
          }

    static member private AtLeast (least: int) name (value: int) =
        if value < least then
            invalidArg name $"{name} is {value}; it must be at least {least}."

        value

    static member private Perhaps name (value: int option) =
        value |> Option.map (SpnCommand.AtLeast 1 name) |> Option.toNullable

    static member private Names(lists: string list) = [|
        for names in lists do
            yield! names.Split(',', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)
    |]

    static member private OfColumns(given: ParseResults<FitArguments>) =
        let columns = {
            Missing = Array.ofList (given.GetResults FitArguments.Missing)
            Real = SpnCommand.Names(given.GetResults FitArguments.Real)
            Discrete = SpnCommand.Names(given.GetResults FitArguments.Discrete)
            Counts = SpnCommand.Names(given.GetResults FitArguments.Counts)
            Drop = SpnCommand.Names(given.GetResults FitArguments.Drop)
        }

        if not (given.Contains FitArguments.Csv) && columns <> TableColumns.Unknown then
            invalidArg
                "columns"
                "--missing, --real, --discrete, --counts and --drop say how a table is read; give them with --csv."

        columns

    static member private OfFit(given: ParseResults<FitArguments>) =
        let learner = given.GetResult(FitArguments.Learner, FitLearner.Adam)
        let byEm = not learner.IsAdam

        let model =
            given.GetResult(FitArguments.Model, (if byEm then FitModel.Spn else FitModel.Hyper))

        let steps, decay =
            given.TryGetResult FitArguments.Steps, given.TryGetResult FitArguments.Decay

        let smoothing = given.TryGetResult FitArguments.Smoothing

        // An option that the learner does not heed is a slip worth a message.
        if byEm && not model.IsSpn then
            invalidArg
                "option"
                "Expectation maximisation has no step for this model; use --model spn, or --learner adam."

        if byEm && steps.IsSome then
            invalidArg "option" "--steps is for --learner adam; give --epochs."

        if byEm && decay.IsSome then
            invalidArg "option" "--decay is for --learner adam; give --smoothing."

        if not byEm && smoothing.IsSome then
            invalidArg "option" "--smoothing is for --learner em and fullem; give --decay."

        {
            Source =
                SpnCommand.Source(
                    given.TryGetResult FitArguments.DataSet,
                    given.TryGetResult FitArguments.Csv,
                    given.Contains FitArguments.NoHeader,
                    given.TryGetResult FitArguments.Data
                )
            Columns = SpnCommand.OfColumns given
            Model = model
            Learner = learner
            H = given.GetResult(FitArguments.H, 20) |> SpnCommand.AtLeast 1 "--h"
            Channels = given.GetResult(FitArguments.Channels, 5) |> SpnCommand.AtLeast 1 "--channels"
            Replicas = given.TryGetResult FitArguments.Replicas |> SpnCommand.Perhaps "--replicas"
            Steps = defaultArg steps 4000 |> SpnCommand.AtLeast 1 "--steps"
            Epochs = given.TryGetResult FitArguments.Epochs |> SpnCommand.Perhaps "--epochs"
            Batch = given.TryGetResult FitArguments.Batch |> SpnCommand.Perhaps "--batch"
            LearningRate = given.TryGetResult FitArguments.LearningRate |> Option.toNullable
            Decay = defaultArg decay (if model.IsDecay then 1e-4 else 0.0)
            Smoothing = defaultArg smoothing 0.1
            Patience = given.TryGetResult FitArguments.Patience |> SpnCommand.Perhaps "--patience"
            Seed = given.GetResult(FitArguments.Seed, 1L)
            Threads = given.GetResult(FitArguments.Threads, 0) |> SpnCommand.AtLeast 0 "--threads"
            Out = given.GetResult(FitArguments.Out, "model.safetensors")
        }

    static member private OfScore(given: ParseResults<ScoreArguments>) = {
        File = given.GetResult ScoreArguments.File
        Source =
            SpnCommand.Source(
                given.TryGetResult ScoreArguments.DataSet,
                given.TryGetResult ScoreArguments.Csv,
                given.Contains ScoreArguments.NoHeader,
                given.TryGetResult ScoreArguments.Data
            )
        HideAbsent = given.Contains ScoreArguments.HideAbsent
        Split = given.GetResult(ScoreArguments.Split, DataSplit.Test)
        PerRow = given.Contains ScoreArguments.PerRow
        Threads = given.GetResult(ScoreArguments.Threads, 0) |> SpnCommand.AtLeast 0 "--threads"
    }

    static member private QuestionOf(given: ParseResults<QueryArguments>) =
        let by =
            match given.GetResult(QueryArguments.By, CompleteBy.Mean) with
            | CompleteBy.Mpe -> Spn.Core.Inference.Completion.Mpe
            | CompleteBy.Mean -> Spn.Core.Inference.Completion.Mean
            | CompleteBy.Sample -> Spn.Core.Inference.Completion.Sample

        let asked = [
            for option in given.GetAllResults() do
                match option with
                | QueryArguments.Ask columns -> "--ask", Question.Ask(Option.toObj columns)
                | QueryArguments.Mpe -> "--mpe", Question.Mpe
                | QueryArguments.Probability conditions -> "--probability", Question.Probability conditions
                | QueryArguments.Complete file -> "--complete", Question.Complete(file, by)
                | QueryArguments.Sample count -> "--sample", Question.Sample(SpnCommand.AtLeast 1 "--sample" count)
                | _ -> ()
        ]

        match List.distinct asked with
        | [] -> Question.Ask null
        | [ _, question ] -> question
        | (first, _) :: (second, _) :: _ ->
            invalidArg "question" $"{first} and {second} are two questions; ask one at a time."

    static member private OfQuery(given: ParseResults<QueryArguments>) =
        let question = SpnCommand.QuestionOf given

        // An option that the question does not heed is a slip worth a message.
        let only (given: bool) name heeded where =
            if given && not heeded then
                invalidArg "option" $"{name} is for {where}."

        only (given.Contains QueryArguments.By) "--by" question.IsComplete "--complete"

        only
            (given.Contains QueryArguments.Given)
            "--given"
            (not question.IsComplete)
            "the other questions; the rows of --complete say what is known"

        let writes = question.IsComplete || question.IsSample
        only (given.Contains QueryArguments.Out) "--out" writes "--complete and --sample"
        only (given.Contains QueryArguments.NoHeader) "--no-header" writes "--complete and --sample"
        only (given.Contains QueryArguments.Seed) "--seed" writes "--sample and --by sample"

        {
            File = given.GetResult QueryArguments.File
            Given = given.GetResult(QueryArguments.Given, "")
            Question = question
            Out = given.TryGetResult QueryArguments.Out |> Option.toObj
            Seed = given.GetResult(QueryArguments.Seed, 1L)
            Csv = given.Contains QueryArguments.Csv
            HasHeader = not (given.Contains QueryArguments.NoHeader)
            Threads = given.GetResult(QueryArguments.Threads, 0) |> SpnCommand.AtLeast 0 "--threads"
        }

    /// <summary>Understands a command line.</summary>
    /// <exception cref="T:Argu.ArguParseException">It is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A value is out of range, or there is no command.</exception>
    static member Parse(arguments: string[]) : SpnCommand =
        match CommandLine.Parse<SpnArguments>("spn", arguments).GetAllResults() with
        | SpnArguments.Fit given :: _ -> Fit(SpnCommand.OfFit given)
        | SpnArguments.Score given :: _ -> Score(SpnCommand.OfScore given)
        | SpnArguments.Query given :: _ -> Query(SpnCommand.OfQuery given)
        | SpnArguments.Info given :: _ ->
            Info(
                given.GetResult InfoArguments.File,
                given.Contains InfoArguments.Queries,
                given.TryGetResult InfoArguments.Svg |> Option.toObj,
                given.TryGetResult InfoArguments.Dot |> Option.toObj
            )
        | SpnArguments.Data given :: _ ->
            match given.TryGetResult DataArguments.List with
            | Some given -> DataList(given.TryGetResult DataListArguments.Data |> Option.toObj)
            | None -> invalidArg "command" "Say what to do with data: spn data list."
        | SpnArguments.Bench given :: _ ->
            Bench {
                Filter = given.GetResult(BenchArguments.Filter, "")
                Folder = given.TryGetResult BenchArguments.Data |> Option.toObj
                Threads = given.GetResult(BenchArguments.Threads, 0) |> SpnCommand.AtLeast 0 "--threads"
                Markdown = given.TryGetResult BenchArguments.Markdown |> Option.toObj
                PeakOnly = given.TryGetResult BenchArguments.PeakOnly |> Option.toObj
            }
        | SpnArguments.Version :: _ -> Version
        | [] -> invalidArg "command" "Name a command: fit, score, query, info, bench or data (spn --help)."
