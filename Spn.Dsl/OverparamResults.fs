namespace Spn

open System
open System.IO

/// <summary>What a finished training gave.</summary>
type OverparamResult = {
    /// <summary>The training.</summary>
    Job: OverparamJob
    /// <summary>Wall-clock seconds, evaluations included.</summary>
    Seconds: float
    /// <summary>One point an iteration.</summary>
    Curve: OverparamPoint list
} with

    /// <summary>Average training log-likelihood at an iteration, in nats; NaN beyond the last.</summary>
    member result.At(iteration: int) : float =
        result.Curve
        |> List.tryFind (fun point -> point.Iteration = iteration)
        |> Option.map _.Train
        |> Option.defaultValue nan

    /// <summary>Average training log-likelihood at the last iteration, in nats.</summary>
    member result.Last: float = (List.last result.Curve).Train

    /// <summary>Average test log-likelihood at the last iteration, in nats.</summary>
    member result.Test: float = (List.last result.Curve).Test

    /// <summary>The first iteration within 0.05 nats of the last one's value.</summary>
    member result.Reached: int =
        (result.Curve |> List.find (fun point -> abs (point.Train - result.Last) <= 0.05)).Iteration

/// <summary>The results of the experiment in two CSV files: one row a training, and beside it the learning curves.</summary>
/// <remarks>Rows are written as trainings end, so an interrupted experiment keeps what it has.</remarks>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type OverparamResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "overparam.csv"),
            "dataset,mode,depth,seed,iterations,train_ll,test_ll,first_within_0.05,seconds"
        )

    let curves =
        ResultFile(
            Path.Combine(folder, "overparam-curves.csv"),
            "dataset,mode,depth,seed,iterations,iteration,train_ll,test_ll,rho,lambda,error"
        )

    let number (format: string) (value: float) =
        if Double.IsNaN value then
            "-"
        else
            ResultFile.Cell(value, format)

    let value cell =
        if cell = "-" then nan else ResultFile.Number cell

    let key job =
        $"{job.DataSet},{job.Mode.Name},{job.Depth},{job.Seed},{job.Iterations}"

    let job (cells: string[]) = {
        DataSet = cells[0]
        Mode =
            OverparamMode.All
            |> List.tryFind (fun mode -> mode.Name = cells[1])
            |> Option.defaultWith (fun () -> raise (FormatException()))
        Depth = int cells[2]
        Seed = int64 cells[3]
        Iterations = int cells[4]
    }

    /// <summary>The files, that of the rows last.</summary>
    member _.Files = [ curves; rows ]

    /// <summary>The trainings there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : OverparamResult list =
        let curveOf =
            curves.Read(fun cells ->
                job cells,
                {
                    Iteration = int cells[5]
                    Train = value cells[6]
                    Test = value cells[7]
                    Rho = value cells[8]
                    Lambda = value cells[9]
                    Error = value cells[10]
                })
            |> List.groupBy fst
            |> Map.ofList

        rows.Read(fun cells -> job cells, ResultFile.Number cells[8])
        |> List.choose (fun (job, seconds) ->
            curveOf
            |> Map.tryFind job
            |> Option.map (fun points -> {
                Job = job
                Seconds = seconds
                Curve = List.map snd points
            }))

    /// <summary>Writes a row and its learning curve to the disk.</summary>
    member _.Append(result: OverparamResult) : unit =
        let nats = number "0.00000"

        curves.Append [
            for point in result.Curve do
                String.concat "," [
                    key result.Job
                    string point.Iteration
                    nats point.Train
                    nats point.Test
                    number "0.######E+0" point.Rho
                    number "0.######E+0" point.Lambda
                    number "0.######E+0" point.Error
                ]
        ]

        rows.Append [
            $"{key result.Job},{nats result.Last},{nats result.Test},{result.Reached},"
            + number "0.0" result.Seconds
        ]
