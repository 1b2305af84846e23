namespace Spn

open System
open System.IO
open System.Threading
open Argu
open Spn.Core

/// <summary>Options of <c>scripts/hyperspn-twenty.fsx</c>.</summary>
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
            | Models _ -> "hyper, decay or both separated by a comma (default: both)"
            | Quick -> "300 steps and one setting a model: a look in a minute, marked as shortened"
            | Steps _ -> "gradient steps of each training (default: the paper's; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ -> "data folder (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well"

/// <summary>What command lines have in common.</summary>
[<AbstractClass; Sealed>]
type CommandLine =

    static member private FirstLine(text: string) =
        text.Split('\n') |> Array.head |> _.TrimEnd('\r')

    /// <summary>Parses options; the plain word help counts as --help, which fsi would take for itself.</summary>
    /// <exception cref="T:Argu.ArguParseException">The options are wrong, or help was asked for.</exception>
    static member Parse<'arguments when 'arguments :> IArgParserTemplate>
        (program: string, arguments: string[])
        : ParseResults<'arguments> =
        let parser = ArgumentParser.Create<'arguments>(programName = program)

        let arguments =
            arguments |> Array.map (fun word -> if word = "help" then "--help" else word)

        parser.ParseCommandLine(arguments, raiseOnUsage = true)

    /// <summary>Runs a program and turns what goes wrong into a message of a line or two and an exit code.</summary>
    /// <returns>What the work returns; 0 after help, 1 after a failure, 2 after wrong use, 130 after a cancellation.</returns>
    /// <param name="output">Where help is written.</param>
    /// <param name="error">Where errors are written.</param>
    /// <param name="work">The program.</param>
    static member Guard(output: TextWriter, error: TextWriter, work: Func<int>) : int =
        let tell (message: string) code =
            error.WriteLine message
            code

        try
            work.Invoke()
        with
        | :? ArguParseException as e when e.ErrorCode = ErrorCode.HelpText ->
            output.WriteLine(e.Message.TrimEnd())
            0
        | :? ArguParseException as e -> tell $"{CommandLine.FirstLine e.Message} (--help lists the options)" 2
        | :? ArgumentException as e ->
            // The base class appends the name of a parameter, which the user never saw.
            let message =
                CommandLine.FirstLine(e.Message).Replace($" (Parameter '{e.ParamName}')", "")

            tell $"ERROR: {message}" 2
        | :? OperationCanceledException -> tell "Stopped." 130
        | :? CircuitException
        | :? EvidenceException
        | :? Data.DataFormatException
        | :? UnauthorizedAccessException
        | :? IOException as e -> tell $"ERROR: {e.Message}" 1
