namespace Spn

open System
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

/// <summary>Reads the command line of a script that has only the usual options.</summary>
[<RequireQualifiedAccess>]
module Script =

    /// <summary>The options that are given.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="out">The folder of results unless told.</param>
    /// <param name="arguments">What follows the script's name.</param>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.IO.DirectoryNotFoundException">The data folder does not exist.</exception>
    let parse (program: string) (out: string) (arguments: string[]) : ScriptOptions =
        let given = CommandLine.Parse<ScriptArguments>(program, arguments)

        {
            Quick = given.Contains ScriptArguments.Quick
            Data = DataFolder.Find(given.TryGetResult ScriptArguments.Data |> Option.toObj)
            Out =
                given.TryGetResult ScriptArguments.Out
                |> Option.orElse (
                    match Environment.GetEnvironmentVariable "SPN_OUT" with
                    | null
                    | "" -> None
                    | folder -> Some folder
                )
                |> Option.defaultValue out
        }

    /// <summary>The same for a script: prints help or what is wrong, and then ends the process.</summary>
    /// <param name="program">How the script is started, for its help.</param>
    /// <param name="out">The folder of results unless told.</param>
    /// <param name="commandLine">The script's name and what follows it: <c>fsi.CommandLineArgs</c>.</param>
    let options (program: string) (out: string) (commandLine: string[]) : ScriptOptions =
        let mutable options = None

        let code =
            CommandLine.Guard(
                Console.Out,
                Console.Error,
                fun () ->
                    options <- Some(parse program out (Array.skip 1 commandLine))
                    0
            )

        match options with
        | Some options -> options
        | None -> exit code
