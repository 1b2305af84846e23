namespace Spn

open Argu

/// <summary>Options of <c>scripts/hyperspn-twenty.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type TwentyArguments =
    /// <summary>Which data sets.</summary>
    | Datasets of names: string
    /// <summary>Which models.</summary>
    | Models of names: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Another number of steps.</summary>
    | Steps of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Looks at samples.</summary>
    | Parzen
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>The folder of the results.</summary>
    | Out of folder: string
    /// <summary>Goes on where an earlier run ended.</summary>
    | Resume
    /// <summary>Writes a page for the documentation.</summary>
    | Markdown of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Datasets _ ->
                "names separated by commas; all: the twenty sets; amazon: the baby registries; digits: built in; toy: the made-up set of the paper's appendix (default: nltcs where its files are, else digits)"
            | Models _ ->
                "names separated by commas: hyper, decay; large and small: plain SPNs of the paper's Fig. 5 (default: hyper,decay)"
            | Quick -> "300 steps and one setting a model: a look in a minute, marked as shortened"
            | Steps _ -> "gradient steps of each training (default: the paper's; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1)"
            | Parzen -> "judge samples of every trained model by Parzen windows around the test samples"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well"

/// <summary>Models that <c>spn fit</c> knows.</summary>
[<RequireQualifiedAccess>]
type FitModel =
    /// <summary>A HyperSPN.</summary>
    | Hyper
    /// <summary>The same structure with free weights and weight decay.</summary>
    | Decay
    /// <summary>The same structure with free weights.</summary>
    | Spn

/// <summary>How <c>spn fit</c> trains.</summary>
[<RequireQualifiedAccess>]
type FitLearner =
    /// <summary>Gradient steps by Adam.</summary>
    | Adam
    /// <summary>Expectation maximisation, a step a batch.</summary>
    | Em
    /// <summary>Expectation maximisation, a step an epoch.</summary>
    | FullEm

/// <summary>Options of <c>spn fit</c>.</summary>
[<RequireQualifiedAccess>]
type FitArguments =
    /// <summary>A data set of the catalogue.</summary>
    | [<CustomCommandLine "--data-set">] DataSet of name: string
    /// <summary>A table of numbers.</summary>
    | Csv of file: string
    /// <summary>A table without names of columns.</summary>
    | [<CustomCommandLine "--no-header">] NoHeader
    /// <summary>A missing marker of the table.</summary>
    | Missing of mark: string
    /// <summary>Columns of the table that are real.</summary>
    | Real of columns: string
    /// <summary>Columns of the table that are discrete.</summary>
    | Discrete of columns: string
    | Counts of columns: string
    /// <summary>Columns of the table that are no variables.</summary>
    | Drop of columns: string
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>Which model.</summary>
    | Model of FitModel
    /// <summary>How it is trained.</summary>
    | Learner of FitLearner
    /// <summary>Width of the last hidden layer.</summary>
    | H of width: int
    /// <summary>Channels of a region.</summary>
    | Channels of count: int
    /// <summary>Number of trees.</summary>
    | Replicas of count: int
    /// <summary>Gradient steps.</summary>
    | Steps of count: int
    /// <summary>Passes over the samples.</summary>
    | Epochs of count: int
    /// <summary>Samples a batch.</summary>
    | Batch of samples: int
    /// <summary>Step size.</summary>
    | [<CustomCommandLine "--lr">] LearningRate of rate: float
    /// <summary>L2 weight decay.</summary>
    | Decay of factor: float
    /// <summary>Pseudo-count of expectation maximisation.</summary>
    | Smoothing of count: float
    /// <summary>Evaluations without progress before it stops.</summary>
    | Patience of evaluations: int
    /// <summary>Seed.</summary>
    | Seed of number: int64
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>The model file.</summary>
    | Out of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | DataSet _ -> "data set by name; 'spn data list' shows them"
            | Csv _ ->
                "table of numbers and text, one sample a line; a tenth of it, chosen by the seed, becomes validation samples"
            | NoHeader -> "the first line of the table holds values, not names; columns are called column1, column2 ..."
            | Missing _ -> "cell that means missing, besides an empty one, ?, NA and NaN; may be repeated"
            | Real _ -> "columns that are real though they hold few integers, separated by commas"
            | Discrete _ -> "columns that are discrete though they hold many numbers, separated by commas"
            | Counts _ -> "columns of counts, integers from 0 without an end, separated by commas"
            | Drop _ -> "columns that are no variables, separated by commas"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Model _ ->
                "HyperSPN, SPN with weight decay, or plain SPN (default: hyper; spn for expectation maximisation)"
            | Learner _ ->
                "gradient steps by Adam, or expectation maximisation of weights and inputs with a step a batch (em) or an epoch (fullem) (default: adam)"
            | H _ -> "width of the hyper-network's last hidden layer (default: 20)"
            | Channels _ -> "channels of a region (default: 5)"
            | Replicas _ -> "random trees (default: 50; 5 for a table that is not binary)"
            | Steps _ -> "gradient steps (default: 4000)"
            | Epochs _ -> "passes over the samples, instead of steps (default of em: 50)"
            | Batch _ -> "samples a batch (default: 500; 200 for a table that is not binary)"
            | LearningRate _ ->
                "step size of Adam (default: 0.005 for hyper, else 0.02; 0.01 for a table that is not binary), or of em (default: 0.05)"
            | Decay _ -> "L2 weight decay (default: 0.0001 for decay, else 0)"
            | Smoothing _ ->
                "samples that every sum and every discrete input shares out equally in a step of em (default: 0.1)"
            | Patience _ ->
                "stop after this many evaluations without a better validation log-likelihood (default: never; 15 for a table that is not binary)"
            | Seed _ -> "seed of structure, parameters and batches (default: 1)"
            | Threads _ -> "threads (default: one a processor)"
            | Out _ -> "file of the model (default: model.safetensors)"

/// <summary>Splits of a data set.</summary>
[<RequireQualifiedAccess>]
type DataSplit =
    /// <summary>Training samples.</summary>
    | Train
    /// <summary>Validation samples.</summary>
    | Valid
    /// <summary>Test samples.</summary>
    | Test

/// <summary>Options of <c>spn score</c>.</summary>
[<RequireQualifiedAccess>]
type ScoreArguments =
    /// <summary>The model file.</summary>
    | [<MainCommand; ExactlyOnce>] File of model: string
    /// <summary>A data set of the catalogue.</summary>
    | [<CustomCommandLine "--data-set">] DataSet of name: string
    /// <summary>A table of numbers.</summary>
    | Csv of file: string
    /// <summary>A table without names of columns.</summary>
    | [<CustomCommandLine "--no-header">] NoHeader
    /// <summary>A table that lacks columns.</summary>
    | [<CustomCommandLine "--hide-absent">] HideAbsent
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>Which part of the data set.</summary>
    | Split of DataSplit
    /// <summary>One number a sample.</summary>
    | [<CustomCommandLine "--per-row">] PerRow
    /// <summary>Number of threads.</summary>
    | Threads of count: int

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | File _ -> "model file that 'spn fit' wrote"
            | DataSet _ -> "data set by name; 'spn data list' shows them"
            | Csv _ -> "table with the model's columns in any order, one sample a line; missing cells are summed out"
            | NoHeader -> "the first line of the table holds values, not names"
            | HideAbsent -> "sum out columns of the model that the table lacks, instead of refusing it"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Split _ -> "part of the data set (default: test)"
            | PerRow -> "print the log-likelihood of every sample, one a line, instead of the average"
            | Threads _ -> "threads (default: one a processor)"

/// <summary>How <c>spn query --complete</c> fills missing cells in.</summary>
[<RequireQualifiedAccess>]
type CompleteBy =
    /// <summary>The most probable explanation of all of them together.</summary>
    | Mpe
    /// <summary>Each alone: the most probable label, or the mean.</summary>
    | Mean
    /// <summary>A random draw.</summary>
    | Sample

/// <summary>Options of <c>spn query</c>.</summary>
[<RequireQualifiedAccess>]
type QueryArguments =
    /// <summary>The model file.</summary>
    | [<MainCommand; ExactlyOnce>] File of model: string
    /// <summary>What is known.</summary>
    | [<Unique>] Given of conditions: string
    /// <summary>Distributions of columns.</summary>
    | [<Unique>] Ask of columns: string option
    /// <summary>The most probable explanation.</summary>
    | Mpe
    /// <summary>The probability of an event.</summary>
    | [<Unique>] Probability of conditions: string
    /// <summary>A table with missing cells.</summary>
    | [<Unique>] Complete of file: string
    /// <summary>How they are filled in.</summary>
    | [<Unique>] By of CompleteBy
    /// <summary>The completed table.</summary>
    | [<Unique>] Out of file: string
    /// <summary>Random samples.</summary>
    | [<Unique>] Sample of count: int
    /// <summary>Seed.</summary>
    | [<Unique>] Seed of number: int64
    /// <summary>A table for programs.</summary>
    | Csv
    /// <summary>A table without names of columns.</summary>
    | [<CustomCommandLine "--no-header">] NoHeader
    /// <summary>Number of threads.</summary>
    | [<Unique>] Threads of count: int

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | File _ -> "model file that 'spn fit' wrote"
            | Given _ ->
                "what is known, for example \"age >= 42, smoker = 1, vote in {0,1}\" (default: nothing); text values as in the table, x0, x1, ... for a model without column names"
            | Ask _ ->
                "distribution of these columns given what is known, for example \"vote, age\"; class for the class of a model with several; without names, or without any question, all columns that are not known"
            | Mpe -> "most probable values of all columns together, given what is known"
            | Probability _ -> "probability of these conditions given what is known; written as those of --given"
            | Complete _ ->
                "CSV file, plain or gzip: written with its missing cells filled in and all else as it was; columns that the model does not know are kept"
            | By _ ->
                "how --complete fills in: the most probable values together, each cell alone by its most probable label or its mean, or a random draw (default: mean)"
            | Out _ ->
                "file of --complete or --sample, packed where it ends with .gz; it appears when all of it is written (default: the console)"
            | Sample _ -> "as many random samples as CSV, given what is known"
            | Seed _ -> "seed of --sample and --by sample (default: 1)"
            | Csv -> "CSV instead of a table to read, for --ask, --mpe and --probability"
            | NoHeader -> "no line of names in the tables of --complete and --sample"
            | Threads _ -> "threads (default: one a processor)"

/// <summary>Options of <c>spn info</c>.</summary>
[<RequireQualifiedAccess>]
type InfoArguments =
    /// <summary>The model file.</summary>
    | [<MainCommand; ExactlyOnce>] File of model: string
    /// <summary>What the model can answer.</summary>
    | Queries
    /// <summary>Where to draw the circuit.</summary>
    | Svg of file: string
    /// <summary>Where to write the circuit as a graph.</summary>
    | Dot of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | File _ -> "model file that 'spn fit' wrote"
            | Queries -> "which questions the model answers exactly, which approximately, and why"
            | Svg _ -> "draw the circuit to this file: every unit of a small one, else the regions"
            | Dot _ -> "write the same graph to this file for Graphviz"

/// <summary>Options of <c>spn data list</c>.</summary>
[<RequireQualifiedAccess>]
type DataListArguments =
    /// <summary>The data folder.</summary>
    | Data of folder: string

    interface IArgParserTemplate with
        member _.Usage =
            "data folder (default: the variable SPN_DATA, else data/ of the repository)"

/// <summary>Commands of <c>spn data</c>.</summary>
[<RequireQualifiedAccess>]
type DataArguments =
    /// <summary>Lists the catalogue.</summary>
    | [<CliPrefix(CliPrefix.None)>] List of ParseResults<DataListArguments>

    interface IArgParserTemplate with
        member _.Usage = "known data sets, and which of them are there"

/// <summary>Options of <c>spn bench</c>.</summary>
[<RequireQualifiedAccess>]
type BenchArguments =
    /// <summary>Part of the name and metric of the figures wanted.</summary>
    | [<MainCommand>] Filter of text: string
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>A page with all figures.</summary>
    | Markdown of file: string
    /// <summary>Only trains, and prints the peak memory: what the command starts in a process of its own.</summary>
    | [<CustomCommandLine "--peak-only"; Hidden>] PeakOnly of what: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Filter _ ->
                "part of 'name metric' of the figures wanted, for example nltcs or \"ad step50\" (default: all)"
            | Data _ ->
                "data folder (default: the variable SPN_DATA, else data/ of the repository); rows are made up for absent sets"
            | Threads _ -> "threads (default: one a processor)"
            | Markdown _ -> "also write the figures to this file as a page"
            | PeakOnly _ -> "print the peak memory of a training, by the name of a data set or stack"

/// <summary>Commands of <c>spn</c>.</summary>
[<RequireQualifiedAccess>]
type SpnArguments =
    /// <summary>Trains a model.</summary>
    | [<CliPrefix(CliPrefix.None)>] Fit of ParseResults<FitArguments>
    /// <summary>Evaluates a model.</summary>
    | [<CliPrefix(CliPrefix.None)>] Score of ParseResults<ScoreArguments>
    /// <summary>Questions to a model.</summary>
    | [<CliPrefix(CliPrefix.None)>] Query of ParseResults<QueryArguments>
    /// <summary>Describes a model.</summary>
    | [<CliPrefix(CliPrefix.None)>] Info of ParseResults<InfoArguments>
    /// <summary>Looks at data.</summary>
    | [<CliPrefix(CliPrefix.None)>] Data of ParseResults<DataArguments>
    /// <summary>Measures the engine.</summary>
    | [<CliPrefix(CliPrefix.None)>] Bench of ParseResults<BenchArguments>
    /// <summary>Prints the version.</summary>
    | Version

    interface IArgParserTemplate with
        member command.Usage =
            match command with
            | Fit _ -> "train a model and save it"
            | Score _ -> "log-likelihood of samples under a model"
            | Query _ -> "ask a model: distributions, best guesses, missing cells, samples"
            | Info _ -> "what a model file holds"
            | Data _ -> "data sets"
            | Bench _ -> "measure this machine and the engine"
            | Version -> "print the version"
