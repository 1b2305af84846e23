namespace Spn

open System
open Spn.Core.Data

/// <summary>What the experiment is to do.</summary>
type TwentyOptions = {
    /// <summary>The data sets, in order.</summary>
    DataSets: DataEntry list
    /// <summary>The models, in order.</summary>
    Models: TwentyModel list
    /// <summary>300 steps and one setting a model.</summary>
    Quick: bool
    /// <summary>Gradient steps; none takes the protocol's.</summary>
    Steps: int option
    /// <summary>Looks at samples of every trained model too.</summary>
    Parzen: bool
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>From a command line to the trainings of the experiment.</summary>
[<RequireQualifiedAccess>]
module HyperSpnOptions =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/hyperspn-twenty.fsx"

    let private model (name: string) =
        match name.ToLowerInvariant() with
        | "hyper" -> TwentyModel.Hyper
        | "decay" -> TwentyModel.Decay
        | "large" -> TwentyModel.Large
        | "small" -> TwentyModel.Small
        | _ -> invalidArg "models" $"There is no model \"{name}\"; the models are hyper, decay, large and small."

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : TwentyOptions =
        let given = CommandLine.Parse<TwentyArguments>(Program, arguments)
        let data = DataFolder.Find(given.TryGetResult TwentyArguments.Data |> Option.toObj)

        let options = {
            DataSets =
                given.GetResult(TwentyArguments.Datasets, BinarySets.usual data)
                |> BinarySets.parse
            Models =
                given.GetResult(TwentyArguments.Models, "hyper,decay")
                |> Script.words
                |> List.map model
                |> List.distinct
            Quick = given.Contains TwentyArguments.Quick
            Steps =
                given.TryGetResult TwentyArguments.Steps
                |> Option.map (Script.atLeastOne "--steps")
            Parzen = given.Contains TwentyArguments.Parzen
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(TwentyArguments.Seeds, "1"))
                    (given.TryGetResult TwentyArguments.Threads)
                    (given.TryGetResult TwentyArguments.Out, given.TryGetResult TwentyArguments.Markdown)
                    (given.Contains TwentyArguments.Resume)
        }

        if options.DataSets.IsEmpty || options.Models.IsEmpty then
            invalidArg "options" "Name at least one data set and one model."

        Script.requirePresent data options.DataSets
        options

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: TwentyOptions) : TwentyJob list = [
        for entry in options.DataSets do
            let protocol = fst (HyperSpnProtocol.steps entry.Name)

            for seed in options.Common.Seeds do
                for model in options.Models do
                    for setting in
                        (if options.Quick then
                             [ HyperSpnProtocol.quickSetting model ]
                         else
                             HyperSpnProtocol.settings model) do
                        {
                            DataSet = entry.Name
                            Model = model
                            Setting = setting
                            Seed = seed
                            Steps =
                                options.Steps
                                |> Option.defaultValue (if options.Quick then min 300 protocol else protocol)
                        }
    ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: TwentyOptions) : string =
        let list items = String.concat "," items

        String.concat " " [
            $"{Program} --datasets {BinarySets.names options.DataSets}"
            if options.Models <> [ TwentyModel.Hyper; TwentyModel.Decay ] then
                $"--models {list [ for model in options.Models -> model.Name ]}"
            if options.Quick then
                "--quick"
            match options.Steps with
            | Some steps -> $"--steps {steps}"
            | None -> ()
            yield! Script.seedsOption options.Common.Seeds |> Option.toList
            if options.Parzen then
                "--parzen"
        ]
