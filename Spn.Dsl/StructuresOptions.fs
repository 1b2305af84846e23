namespace Spn

open System
open Argu
open Spn.Core.Data

/// <summary>Options of <c>scripts/structures-twenty.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type StructuresArguments =
    /// <summary>Which data sets.</summary>
    | Datasets of names: string
    /// <summary>Which structures.</summary>
    | Models of names: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Another number of passes.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Time allowed for a training.</summary>
    | Budget of seconds: int
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
                "names separated by commas; all: the twenty sets; amazon: the baby registries; digits: built in (default: nltcs where its files are, else digits)"
            | Models _ -> "names separated by commas: rat, hclt (default: both)"
            | Quick -> "2 passes a step size and one setting a structure: a look in a minute, marked as shortened"
            | Epochs _ ->
                "most passes over the training samples at each step size (default: 15, fewer on large sets; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1)"
            | Budget _ ->
                "seconds for each training, shared out over its stages; marked where that shortens it (default: no limit)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well"

/// <summary>What the experiment is to do.</summary>
type StructuresOptions = {
    /// <summary>The data sets, in order.</summary>
    DataSets: DataEntry list
    /// <summary>The structures, in order.</summary>
    Models: StructuresModel list
    /// <summary>Two passes and one setting a structure.</summary>
    Quick: bool
    /// <summary>The rest; passes are those at each step size.</summary>
    Common: ExperimentOptions
}

/// <summary>From a command line to the trainings of the experiment.</summary>
[<RequireQualifiedAccess>]
module StructuresOptions =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/structures-twenty.fsx"

    let private model (name: string) =
        match StructuresModel.All |> List.tryFind (fun m -> m.Name = name.ToLowerInvariant()) with
        | Some model -> model
        | None -> invalidArg "models" $"There is no structure \"{name}\"; the structures are rat and hclt."

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : StructuresOptions =
        let given = CommandLine.Parse<StructuresArguments>(Program, arguments)

        let data =
            DataFolder.Find(given.TryGetResult StructuresArguments.Data |> Option.toObj)

        let options = {
            DataSets =
                given.GetResult(StructuresArguments.Datasets, BinarySets.usual data)
                |> BinarySets.parse
            Models =
                given.GetResult(StructuresArguments.Models, "rat,hclt")
                |> Script.words
                |> List.map model
                |> List.distinct
            Quick = given.Contains StructuresArguments.Quick
            Common = {
                ExperimentOptions.create
                    data
                    (given.GetResult(StructuresArguments.Seeds, "1"))
                    (given.TryGetResult StructuresArguments.Threads)
                    (given.TryGetResult StructuresArguments.Out, given.TryGetResult StructuresArguments.Markdown)
                    (given.Contains StructuresArguments.Resume) with
                    Epochs =
                        given.TryGetResult StructuresArguments.Epochs
                        |> Option.map (Script.atLeastOne "--epochs")
                    Budget =
                        given.TryGetResult StructuresArguments.Budget
                        |> Option.map (Script.atLeastOne "--budget" >> float >> TimeSpan.FromSeconds)
            }
        }

        if options.DataSets.IsEmpty || options.Models.IsEmpty then
            invalidArg "options" "Name at least one data set and one structure."

        Script.requirePresent data options.DataSets
        options

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: StructuresOptions) : StructuresJob list = [
        for entry in options.DataSets do
            let protocol = StructuresProtocol.epochs entry

            for seed in options.Common.Seeds do
                for model in options.Models do
                    for setting in
                        (if options.Quick then
                             [ StructuresProtocol.quickSetting model ]
                         else
                             StructuresProtocol.settings entry model) do
                        {
                            DataSet = entry.Name
                            Model = model
                            Setting = setting
                            Seed = seed
                            Epochs =
                                options.Common.Epochs
                                |> Option.defaultValue (if options.Quick then 2 else protocol)
                        }
    ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: StructuresOptions) : string =
        String.concat " " [
            $"{Program} --datasets {BinarySets.names options.DataSets}"
            if options.Models <> StructuresModel.All then
                "--models " + String.concat "," [ for model in options.Models -> model.Name ]
            if options.Quick then
                "--quick"
            match options.Common.Epochs with
            | Some epochs -> $"--epochs {epochs}"
            | None -> ()
            yield! Script.seedsOption options.Common.Seeds |> Option.toList
            match options.Common.Budget with
            | Some budget -> $"--budget {budget.TotalSeconds:``0``}"
            | None -> ()
        ]
