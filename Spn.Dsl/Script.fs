namespace Spn

open System
open System.IO
open System.Threading
open Argu
open Spn.Core.Data

/// <summary>Options that every script takes.</summary>
[<RequireQualifiedAccess>]
type ScriptArguments =
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>The folder of the results.</summary>
    | Out of folder: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Quick -> "a short run: less training, the same steps"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else the script's own)"

/// <summary>How a script was started.</summary>
type ScriptOptions = {
    /// <summary>A short run.</summary>
    Quick: bool
    /// <summary>Where data are looked up.</summary>
    Data: DataFolder
    /// <summary>The folder of the results.</summary>
    Out: string
}

/// <summary>Reads the command lines of scripts.</summary>
[<RequireQualifiedAccess>]
module Script =

    /// <summary>The words of a list such as "a,b".</summary>
    let words (text: string) : string list =
        text.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
        |> List.ofArray

    // One of some named values.
    let private choice (kind: string) (known: (string * 'value) list) (word: string) : 'value =
        match
            known
            |> List.tryFind (fun (name, _) -> String.Equals(name, word, StringComparison.OrdinalIgnoreCase))
        with
        | Some(_, value) -> value
        | None ->
            let names = known |> List.map fst |> String.concat ", "
            invalidArg kind $"\"{word}\" is none of the {kind}; these are {names}."

    let internal choices kind known (text: string) : 'value list =
        match text |> words |> List.map (choice kind known) |> List.distinct with
        | [] -> invalidArg kind $"Name at least one of the {kind}."
        | values -> values

    let internal nameOf known value =
        known |> List.find (fun (_, other) -> other = value) |> fst

    /// <summary>A number that must be at least 1.</summary>
    /// <param name="name">What a refusal calls it.</param>
    /// <param name="value">The number.</param>
    /// <exception cref="T:System.ArgumentException">It is less.</exception>
    let atLeastOne (name: string) (value: int) : int =
        if value < 1 then
            invalidArg name $"{name} is {value}; it must be at least 1."

        value

    /// <summary>Seeds: 3 stands for 1, 2 and 3; "5,9" for these two; "5," for that one.</summary>
    /// <exception cref="T:System.ArgumentException">A word is no number.</exception>
    let seeds (text: string) : int64 list =
        let number (word: string) =
            match Int64.TryParse word with
            | true, value -> value
            | _ -> invalidArg "seeds" $"\"{word}\" is no seed; give a number of seeds, or a list such as 1,5,9."

        match words text with
        | [ count ] when not (text.Contains ',') -> [ 1L .. number count ]
        | list -> List.map number list |> List.distinct

    /// <summary>The folder of results: the given one, else that of the variable SPN_OUT, else another.</summary>
    let out (given: string option) (otherwise: string) : string =
        given
        |> Option.orElse (
            match Environment.GetEnvironmentVariable "SPN_OUT" with
            | null
            | "" -> None
            | folder -> Some folder
        )
        |> Option.defaultValue otherwise

    /// <summary>Refuses data sets whose files are not there.</summary>
    /// <exception cref="T:System.IO.FileNotFoundException">Some are not; the message names them.</exception>
    let requirePresent (data: DataFolder) (entries: DataEntry list) : unit =
        let missing =
            entries |> List.filter (fun e -> not (DataCatalogue.IsPresent(e, data.Path)))

        if not missing.IsEmpty then
            let names = missing |> List.map _.Name |> String.concat ", "

            raise (
                FileNotFoundException
                    $"No files for {names} in the {data}. Name another folder with --data, or leave these data sets out."
            )

    /// <summary>Seeds as the option <c>--seeds</c> that gives them; nothing for seed 1 alone.</summary>
    let seedsOption (seeds: int64 list) : string option =
        match seeds with
        | [ 1L ] -> None
        | [ seed ] -> Some $"--seeds {seed},"
        | _ ->
            seeds
            |> List.map string
            |> String.concat ","
            |> (fun list -> Some $"--seeds {list}")

    /// <summary>The options that are given.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="otherwise">The folder of results unless told.</param>
    /// <param name="arguments">What follows the script's name.</param>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.IO.DirectoryNotFoundException">The data folder does not exist.</exception>
    let parse (program: string) (otherwise: string) (arguments: string[]) : ScriptOptions =
        let given = CommandLine.Parse<ScriptArguments>(program, arguments)

        {
            Quick = given.Contains ScriptArguments.Quick
            Data = DataFolder.Find(given.TryGetResult ScriptArguments.Data |> Option.toObj)
            Out = out (given.TryGetResult ScriptArguments.Out) otherwise
        }

    /// <summary>The same for a script: prints help or what is wrong, and then ends the process.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="otherwise">The folder of results unless told.</param>
    /// <param name="commandLine">The script's name and what follows it: <c>fsi.CommandLineArgs</c>.</param>
    let options (program: string) (otherwise: string) (commandLine: string[]) : ScriptOptions =
        let mutable options = None

        let code =
            CommandLine.Guard(
                Console.Out,
                Console.Error,
                fun () ->
                    options <- Some(parse program otherwise (Array.skip 1 commandLine))
                    0
            )

        match options with
        | Some options -> options
        | None -> exit code

    /// <summary>A script's whole life: reads its options, runs until it ends or is interrupted, and says so by its exit code.</summary>
    /// <param name="parse">Reads options.</param>
    /// <param name="run">Does the work, told where to write, where to show how it stands, and what ends it.</param>
    /// <param name="arguments">The command line.</param>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main
        (parse: string[] -> 'options)
        (run: 'options -> TextWriter -> ProgressLine -> CancellationToken -> 'result)
        (arguments: string[])
        : int =
        CommandLine.Guard(
            Console.Out,
            Console.Error,
            fun () ->
                let options = parse arguments
                use interrupt = new Interrupt()
                run options Console.Out (ProgressLine.Output()) interrupt.Token |> ignore
                if interrupt.Token.IsCancellationRequested then 130 else 0
        )
