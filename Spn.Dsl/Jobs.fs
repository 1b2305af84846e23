namespace Spn

open System
open System.Diagnostics
open System.IO

/// <summary>Does the jobs of an experiment one after another.</summary>
[<RequireQualifiedAccess>]
module Jobs =

    /// <summary>Does jobs in order, shows how they stand with the time left for all of them, and prints a line for each that is done.</summary>
    /// <param name="output">Where finished jobs are told.</param>
    /// <param name="line">Where it shows how things stand.</param>
    /// <param name="work">What a job costs, in any unit that is the same for all.</param>
    /// <param name="name">What a job is called.</param>
    /// <param name="perform">Does a job, tells meanwhile what share of it is done and how it stands, and gives the result in words. An
    /// <see cref="T:System.OperationCanceledException"/> ends the rest of the jobs too. A job that cannot be done, for a reason that its user
    /// can read, is told, and the next one begun.</param>
    /// <param name="jobs">The jobs.</param>
    /// <returns>Names of the jobs that could not be done.</returns>
    let run
        (output: TextWriter)
        (line: ProgressLine)
        (work: 'job -> float)
        (name: 'job -> string)
        (perform: (float -> string -> unit) -> 'job -> string)
        (jobs: 'job list)
        : string list =
        let costs = jobs |> List.map work
        let total = List.sum costs
        let clock = Stopwatch.StartNew()
        let mutable finished = 0.0
        let failed = ResizeArray()

        try
            List.zip jobs costs
            |> List.iteri (fun index (job, cost) ->
                let report share text =
                    let worked = finished + cost * share

                    let left =
                        if worked > 0.0 then
                            Progress.duration (clock.Elapsed * ((total - worked) / worked)) + " left"
                        else
                            "starting"

                    line.Show $"[{index + 1}/{jobs.Length}, {left}] {name job}: {text}"

                let result =
                    try
                        perform report job
                    with error when (CommandLine.Reason error).IsSome ->
                        failed.Add(name job)
                        $"FAILED. {(CommandLine.Reason error).Value}"

                finished <- finished + cost
                line.Clear()
                output.WriteLine $"{name job}: {result}")
        with :? OperationCanceledException ->
            line.Clear()

        List.ofSeq failed

    /// <summary>Ends an experiment of which some jobs could not be done.</summary>
    /// <param name="failed">Names of these jobs.</param>
    /// <exception cref="T:Spn.ExperimentException">There are some.</exception>
    let requireNone (failed: string list) : unit =
        if not failed.IsEmpty then
            let names = String.concat "; " failed
            raise (ExperimentException $"Not done: {names}. The same command with --resume tries again.")
