namespace Spn

open System.IO
open Argu
open Spn.Core.Data

/// <summary>Options that all experiments with deep convolutional Gaussian mixtures take.</summary>
[<RequireQualifiedAccess>]
type DcgmmArguments =
    /// <summary>Which data sets.</summary>
    | Sets of names: string
    /// <summary>Which stacks of layers.</summary>
    | Instances of names: string
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Most images to train on.</summary>
    | Images of count: int
    /// <summary>Most time of one training.</summary>
    | Budget of minutes: float
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
            | Sets _ ->
                "names separated by commas: mnist, fashion-mnist, digits-grey (built in) (default: the first two where their files are, else digits-grey)"
            | Instances _ -> "names of instances separated by commas (default: those of the paper's experiment)"
            | Quick -> "a look in some seconds: the built-in digits unless --sets is given, 20 passes; marked"
            | Epochs _ -> "passes over the images (default: as many as the paper; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1; the paper has 5)"
            | Images _ -> "at most so many images to train on, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well, with its figures beside it"

/// <summary>What an experiment with deep convolutional Gaussian mixtures is told.</summary>
type DcgmmOptions = {
    /// <summary>The data sets, in order.</summary>
    Sets: DataEntry list
    /// <summary>Names of the stacks of layers, in order.</summary>
    Instances: string list
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>From command lines to experiments with deep convolutional Gaussian mixtures, and back.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module DcgmmOptions =

    /// <summary>Passes of a short run.</summary>
    [<Literal>]
    let QuickEpochs = 20

    let private published = [ "mnist"; "fashion-mnist" ] |> List.map DataCatalogue.Find

    let private sets = [ for entry in published @ [ DgcSpnOptions.digits ] -> entry.Name, entry ]

    let private read (known: string list) (usual: string list) (given: ParseResults<DcgmmArguments>) : DcgmmOptions =
        let data = DataFolder.Find(given.TryGetResult DcgmmArguments.Data |> Option.toObj)
        let quick = given.Contains DcgmmArguments.Quick

        let usualSets =
            match published |> List.filter (fun e -> DataCatalogue.IsPresent(e, data.Path)) with
            | present when quick || present.IsEmpty -> DgcSpnOptions.digits.Name
            | present -> present |> List.map _.Name |> String.concat ","

        let options = {
            Sets = given.GetResult(DcgmmArguments.Sets, usualSets) |> Script.choices "sets" sets
            Instances =
                given.GetResult(DcgmmArguments.Instances, String.concat "," usual)
                |> Script.choices "instances" [ for name in known -> name, name ]
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(DcgmmArguments.Seeds, "1"))
                    (given.TryGetResult DcgmmArguments.Threads)
                    (given.TryGetResult DcgmmArguments.Out, given.TryGetResult DcgmmArguments.Markdown)
                    (given.Contains DcgmmArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some QuickEpochs else None)
                    (given.TryGetResult DcgmmArguments.Epochs)
                    (given.TryGetResult DcgmmArguments.Images)
                    (given.TryGetResult DcgmmArguments.Budget)
        }

        Script.requirePresent data options.Sets
        options

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="known">Names of the instances that it knows.</param>
    /// <param name="usual">Those that it takes unless told.</param>
    /// <param name="arguments">The command line.</param>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (program: string) (known: string list) (usual: string list) (arguments: string[]) : DcgmmOptions =
        CommandLine.Parse<DcgmmArguments>(program, arguments) |> read known usual

    /// <summary>The same for a script with options of its own.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="known">Names of the instances that it knows.</param>
    /// <param name="usual">Those that it takes unless told.</param>
    /// <param name="arguments">The command line.</param>
    /// <returns>The options of all these scripts, and its own as they were parsed.</returns>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parseWith<'own when 'own :> IArgParserTemplate>
        (program: string)
        (known: string list)
        (usual: string list)
        (arguments: string[])
        : DcgmmOptions * ParseResults<'own> =
        let common, own = CommandLine.ParseBoth<DcgmmArguments, 'own>(program, arguments)

        read known usual common, own

    /// <summary>The command line that makes the same results on any machine.</summary>
    /// <param name="program">How the script is started.</param>
    /// <param name="own">Options of its own.</param>
    /// <param name="options">The rest.</param>
    let command (program: string) (own: string list) (options: DcgmmOptions) : string =
        let list items = String.concat "," items

        String.concat " " [
            $"{program} --sets {list [ for entry in options.Sets -> entry.Name ]}"
            $"--instances {list options.Instances}"
            yield! own
            yield! ExperimentOptions.words options.Common
        ]

    /// <summary>Says that the built-in digits are not the paper's, where they are asked for.</summary>
    let notes (options: DcgmmOptions) : string list = [
        if options.Sets |> List.contains DgcSpnOptions.digits then
            "The grey digits are built in and not in the paper: smaller stacks of the same kinds learn them."
    ]
