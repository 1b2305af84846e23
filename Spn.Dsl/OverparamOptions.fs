namespace Spn

open System
open Argu
open Spn.Core.Data

/// <summary>Options of <c>scripts/overparam-acceleration.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type OverparamArguments =
    /// <summary>Which data sets.</summary>
    | Datasets of names: string
    /// <summary>Which kinds of training.</summary>
    | Modes of names: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Another number of steps.</summary>
    | Iterations of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
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
                "binary data sets, separated by commas; digits: built in (default: nltcs where its files are, else digits)"
            | Modes _ ->
                "paper (equal starts with jitter, double precision), robust (random indicator weights), log (logarithms as parameters), log-z (the same with Z in the objective), softmax, adam, or several; all (default: paper,robust,log)"
            | Quick -> "a look in a minute: 60 iterations and seed 1 unless told; marked by the number of iterations"
            | Iterations _ -> "steps of each training (default: the protocol's, 500, or 1000 for log and log-z)"
            | Seeds _ ->
                "a number of seeds, or a list such as 1,5,9 (default: 10; the paper's figure shows the best of 2)"
            | Threads _ -> "threads (default: one a processor; the mode of the paper takes one)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well, with its figures as SVG files beside it"

/// <summary>What the experiment is to do.</summary>
type OverparamOptions = {
    /// <summary>The data sets, in order.</summary>
    DataSets: DataEntry list
    /// <summary>The kinds of training, in order.</summary>
    Modes: OverparamMode list
    /// <summary>Steps of each training; none takes the protocol's.</summary>
    Iterations: int option
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>From a command line to the trainings of the experiment.</summary>
[<RequireQualifiedAccess>]
module OverparamOptions =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/overparam-acceleration.fsx"

    let private modes (names: string) =
        [
            for name in Script.words names do
                match
                    OverparamMode.All
                    |> List.tryFind (fun mode -> mode.Name = name.ToLowerInvariant())
                with
                | Some mode -> mode
                | None when name.ToLowerInvariant() = "all" -> yield! OverparamMode.All
                | None ->
                    let known = OverparamMode.All |> List.map _.Name |> String.concat ", "
                    invalidArg "modes" $"There is no mode \"{name}\"; the modes are {known}."
        ]
        |> List.distinct

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : OverparamOptions =
        let given = CommandLine.Parse<OverparamArguments>(Program, arguments)

        let data =
            DataFolder.Find(given.TryGetResult OverparamArguments.Data |> Option.toObj)

        let quick = given.Contains OverparamArguments.Quick

        let options = {
            DataSets =
                given.GetResult(OverparamArguments.Datasets, BinarySets.usual data)
                |> BinarySets.parse
            Modes = given.GetResult(OverparamArguments.Modes, "paper,robust,log") |> modes
            Iterations =
                given.TryGetResult OverparamArguments.Iterations
                |> Option.map (Script.atLeastOne "--iterations")
                |> Option.orElse (if quick then Some 60 else None)
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(
                        OverparamArguments.Seeds,
                        (if quick then "1" else string OverparamProtocol.UsualSeeds)
                    ))
                    (given.TryGetResult OverparamArguments.Threads)
                    (given.TryGetResult OverparamArguments.Out, given.TryGetResult OverparamArguments.Markdown)
                    (given.Contains OverparamArguments.Resume)
        }

        if options.DataSets.IsEmpty || options.Modes.IsEmpty then
            invalidArg "options" "Name at least one data set and one mode."

        Script.requirePresent data options.DataSets
        options

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: OverparamOptions) : OverparamJob list = [
        for entry in options.DataSets do
            for mode in options.Modes do
                for seed in options.Common.Seeds do
                    for depth in 1..3 do
                        {
                            DataSet = entry.Name
                            Mode = mode
                            Depth = depth
                            Seed = seed
                            Iterations = options.Iterations |> Option.defaultValue (OverparamProtocol.iterations mode)
                        }
    ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: OverparamOptions) : string =
        let list items = String.concat "," items

        let seeds =
            if options.Common.Seeds = [ 1L .. int64 options.Common.Seeds.Length ] then
                $"--seeds {options.Common.Seeds.Length}"
            else
                Script.seedsOption options.Common.Seeds |> Option.defaultValue ""

        String.concat " " [
            Program
            $"--datasets {BinarySets.names options.DataSets}"
            $"--modes {list [ for mode in options.Modes -> mode.Name ]}"
            match options.Iterations with
            | Some count -> $"--iterations {count}"
            | None -> ()
            seeds
        ]
