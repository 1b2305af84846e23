namespace Spn

open System
open System.IO
open Argu
open Spn.Core

/// <summary>Some trainings of an experiment failed; the others are done and reported.</summary>
/// <param name="message">Which ones.</param>
[<Sealed>]
type ExperimentException(message: string) =
    inherit Exception(message)

/// <summary>What command lines have in common.</summary>
[<AbstractClass; Sealed>]
type CommandLine =

    static member private FirstLine(text: string) =
        text.Split('\n') |> Array.head |> _.TrimEnd('\r')

    // A plain word help in front counts as --help, which fsi would take for itself.
    static member private Words(arguments: string[]) =
        arguments
        |> Array.mapi (fun i word -> if i = 0 && word = "help" then "--help" else word)

    /// <summary>Parses options; a plain word help in front counts as --help, which fsi would take for itself.</summary>
    /// <exception cref="T:Argu.ArguParseException">The options are wrong, or help was asked for.</exception>
    static member Parse<'arguments when 'arguments :> IArgParserTemplate>
        (program: string, arguments: string[])
        : ParseResults<'arguments> =
        let parser = ArgumentParser.Create<'arguments>(programName = program)
        parser.ParseCommandLine(CommandLine.Words arguments, raiseOnUsage = true)

    /// <summary>Parses options that several programs take together with those of one program alone.</summary>
    /// <returns>The options of both kinds.</returns>
    /// <exception cref="T:Argu.ArguParseException">The options are wrong, or help was asked for.</exception>
    static member ParseBoth<'common, 'own when 'common :> IArgParserTemplate and 'own :> IArgParserTemplate>
        (program: string, arguments: string[])
        : ParseResults<'common> * ParseResults<'own> =
        let parser = ArgumentParser.Create<'common>(programName = program)
        let ownParser = ArgumentParser.Create<'own>(programName = program)

        let common =
            parser.ParseCommandLine(CommandLine.Words arguments, ignoreUnrecognized = true, raiseOnUsage = false)

        if common.IsUsageRequested then
            // Each parser lists --help last, which need not stand there twice.
            let listed (text: string) = text.TrimEnd()
            let own = listed (ownParser.PrintUsage(hideSyntax = true))

            let withoutHelp =
                own.Substring(0, own.LastIndexOf("--help", StringComparison.Ordinal)).TrimEnd()

            let rest =
                (listed (parser.PrintUsage(hideSyntax = true))).Substring "OPTIONS:".Length

            let both =
                $"USAGE: {program} [options]\n\n{withoutHelp}\n{rest.TrimStart('\r', '\n')}"

            common.Raise(both, ErrorCode.HelpText, showUsage = false)

        common, ownParser.ParseCommandLine(Array.ofList common.UnrecognizedCliParams, raiseOnUsage = true)

    /// What went wrong in a line, where it is no defect of the program but of what it was given.
    static member internal Reason(error: exn) : string option =
        match error with
        | :? ArgumentException as e ->
            // The base class appends the name of a parameter, which the user never saw.
            Some(CommandLine.FirstLine(e.Message).Replace($" (Parameter '{e.ParamName}')", ""))
        | :? ArithmeticException
        | :? CircuitException
        | :? EvidenceException
        | :? Data.DataFormatException
        | :? Files.ModelFileException -> Some error.Message
        | _ -> None

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
        | :? OperationCanceledException -> tell "Stopped." 130
        | :? ExperimentException
        | :? UnauthorizedAccessException
        | :? IOException as e -> tell $"ERROR: {e.Message}" 1
        | e when (CommandLine.Reason e).IsSome ->
            tell $"ERROR: {(CommandLine.Reason e).Value}" (if e :? ArgumentException then 2 else 1)
