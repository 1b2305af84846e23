namespace Spn

open System
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>An experiment: jobs that leave rows in a file, and pages that are made of the rows.</summary>
type Experiment<'job, 'row when 'job: comparison> = {
    /// <summary>What it is called.</summary>
    Title: string
    /// <summary>What there is to say of it before it begins.</summary>
    Notes: string list
    /// <summary>What it is told.</summary>
    Common: ExperimentOptions
    /// <summary>The jobs, in order.</summary>
    Jobs: 'job list
    /// <summary>The files of the results, that of the rows last.</summary>
    Files: ResultFile list
    /// <summary>The rows of an earlier run.</summary>
    Read: unit -> 'row list
    /// <summary>The job that a row is of.</summary>
    JobOf: 'row -> 'job
    /// <summary>What a job costs, in any unit that is the same for all.</summary>
    Work: 'job -> float
    /// <summary>What a job is called.</summary>
    Name: 'job -> string
    /// <summary>Does a job, tells meanwhile what share of it is done and how it stands, and gives its row and the row in words.</summary>
    Perform: (float -> string -> unit) -> 'job -> 'row * string
    /// <summary>Writes a row to the disk.</summary>
    Append: 'row -> unit
    /// <summary>Prints the results and writes the pages.</summary>
    Publish: 'row list -> unit
}

/// <summary>Runs experiments.</summary>
[<RequireQualifiedAccess>]
module Experiment =

    /// <summary>The same function, which remembers its last result: large data are read once by trainings in a row, and none is held longer.</summary>
    let latest (read: 'key -> 'value) : 'key -> 'value =
        let last = ref None

        fun key ->
            match last.Value with
            | Some(known, value) when known = key -> value
            | _ ->
                last.Value <- None
                let value = read key
                last.Value <- Some(key, value)
                value

    /// <summary>Reads data sets by name, the last one once.</summary>
    /// <param name="data">Where they are looked up.</param>
    let reader (data: DataFolder) : string -> DataSet =
        latest (fun name -> DataCatalogue.Load(name, data.Path))

    /// <summary>Does what is left of an experiment and publishes its rows, those of an earlier run included.</summary>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and published.</param>
    /// <param name="experiment">The experiment.</param>
    /// <returns>The rows, in the order of the jobs.</returns>
    /// <exception cref="T:Spn.ExperimentException">Some jobs could not be done; the rows of the others are published.</exception>
    let run
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        (experiment: Experiment<'job, 'row>)
        : 'row list =
        if not experiment.Common.Resume then
            ResultFile.MoveAside experiment.Files
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

        let place = experiment.Jobs |> List.mapi (fun i job -> job, i) |> Map.ofList

        let rows =
            experiment.Read()
            |> List.filter (fun row -> place.ContainsKey(experiment.JobOf row))
            // A later row of a job is of a training that was done again.
            |> List.rev
            |> List.distinctBy experiment.JobOf
            |> ResizeArray

        let left =
            experiment.Jobs |> List.except [ for row in rows -> experiment.JobOf row ]

        output.WriteLine $"Data: {experiment.Common.Data}"

        output.WriteLine
            $"{experiment.Title}: trainings: {experiment.Jobs.Length}, done already: {rows.Count}, threads: {experiment.Common.Threads}"

        for note in experiment.Notes do
            output.WriteLine note

        output.WriteLine $"Rows: {(List.last experiment.Files).Path}"
        output.WriteLine()

        let failed =
            left
            |> Jobs.run output line experiment.Work experiment.Name (fun report job ->
                let row, words = experiment.Perform report job
                experiment.Append row
                rows.Add row
                words)

        let all = rows |> List.ofSeq |> List.sortBy (fun row -> place[experiment.JobOf row])

        if all.IsEmpty then
            output.WriteLine "No training was finished."
        else
            experiment.Publish all

        if cancellation.IsCancellationRequested then
            output.WriteLine
                $"Stopped after {all.Length} of {experiment.Jobs.Length} trainings; the same command with --resume does the rest."

        Jobs.requireNone failed
        all

    /// <summary>Trains for as long as a budget allows.</summary>
    /// <param name="options">Says the budget.</param>
    /// <param name="cancellation">Ends the whole experiment.</param>
    /// <param name="train">A training that ends in order when its token is cancelled.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    let within
        (options: ExperimentOptions)
        (cancellation: CancellationToken)
        (train: CancellationToken -> 'report)
        : 'report =
        use limit = CancellationTokenSource.CreateLinkedTokenSource cancellation

        options.Budget
        |> Option.iter (fun budget -> limit.CancelAfter(budget: TimeSpan))

        let report = train limit.Token
        cancellation.ThrowIfCancellationRequested()
        report

    /// <summary>How much of a training is done, by its steps or by its budget.</summary>
    /// <param name="options">Says the budget.</param>
    /// <param name="elapsed">Time that it has taken.</param>
    /// <param name="steps">Share of its steps that are done.</param>
    let share (options: ExperimentOptions) (elapsed: TimeSpan) (steps: float) : float =
        match options.Budget with
        | Some budget -> min 1.0 (max steps (elapsed / budget))
        | None -> steps

    /// <summary>At most so many indices of a list, evenly spaced.</summary>
    /// <param name="most">The number; none takes all.</param>
    /// <param name="count">Length of the list.</param>
    let spaced (most: int option) (count: int) : int[] =
        let taken = most |> Option.defaultValue count |> min count
        Array.init taken (fun i -> int (int64 i * int64 count / int64 taken))
