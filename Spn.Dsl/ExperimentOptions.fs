namespace Spn

open System
open Spn.Core.Data

/// <summary>What all experiments are told.</summary>
type ExperimentOptions = {
    /// <summary>Seeds, in order.</summary>
    Seeds: int64 list
    /// <summary>Passes over the samples; none takes the usual number.</summary>
    Epochs: int option
    /// <summary>Most images to train on.</summary>
    Images: int option
    /// <summary>Most time of one training.</summary>
    Budget: TimeSpan option
    /// <summary>Number of threads.</summary>
    Threads: int
    /// <summary>Where data are looked up.</summary>
    Data: DataFolder
    /// <summary>The folder of the results.</summary>
    Out: string
    /// <summary>Keeps what an earlier run made.</summary>
    Resume: bool
    /// <summary>A Markdown page to write to.</summary>
    Markdown: string option
} with

    /// <summary>Most seconds of one training; infinite where none were given.</summary>
    member options.BudgetSeconds =
        options.Budget |> Option.map _.TotalSeconds |> Option.defaultValue infinity

/// <summary>From command lines to what all experiments are told, and back.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module ExperimentOptions =

    let internal create data seeds threads (out, markdown) resume : ExperimentOptions = {
        Seeds =
            match Script.seeds seeds with
            | [] -> invalidArg "seeds" "Name at least one seed."
            | list -> list
        Epochs = None
        Images = None
        Budget = None
        Threads =
            threads
            |> Option.defaultValue Environment.ProcessorCount
            |> Script.atLeastOne "--threads"
        Data = data
        Out = Script.out out "out"
        Resume = resume
        Markdown = markdown
    }

    let private minutesOf (budget: float) =
        if not (budget > 0.0) || Double.IsInfinity budget then
            invalidArg "budget" $"--budget is {budget}; it is a number of minutes above 0."

        TimeSpan.FromMinutes budget

    // What makes a training shorter: quick is the number of passes of a quick run.
    let internal shortened quick epochs images budget (options: ExperimentOptions) : ExperimentOptions = {
        options with
            Epochs = epochs |> Option.map (Script.atLeastOne "--epochs") |> Option.orElse quick
            Images = images |> Option.map (Script.atLeastOne "--images")
            Budget = budget |> Option.map minutesOf
    }

    let internal words (options: ExperimentOptions) = [
        match options.Epochs with
        | Some epochs -> $"--epochs {epochs}"
        | None -> ()
        yield! Script.seedsOption options.Seeds |> Option.toList
        match options.Images with
        | Some images -> $"--images {images}"
        | None -> ()
        match options.Budget with
        | Some budget -> $"""--budget {ResultFile.Cell(budget.TotalMinutes, "0.###")}"""
        | None -> ()
    ]
