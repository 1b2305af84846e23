namespace Spn

open System
open System.IO

/// <summary>The results of the experiment in two CSV files: one row a training, and beside it the learning curves.</summary>
/// <remarks>Rows are written as trainings end, so an interrupted experiment keeps what it has.</remarks>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type StructuresResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "structures-twenty.csv"),
            "dataset,model,setting,seed,epochs,parameters,valid_ll,test_ll,seconds,end"
        )

    let curves =
        ResultFile(
            Path.Combine(folder, "structures-twenty-curves.csv"),
            "dataset,model,setting,seed,epochs,pass,train_ll,valid_ll"
        )

    let nats value = ResultFile.Cell(value, "0.00000")

    let key (job: StructuresJob) =
        $"{job.DataSet},{job.Model.Name},{job.Setting},{job.Seed},{job.Epochs}"

    let job (cells: string[]) : StructuresJob = {
        DataSet = cells[0]
        Model =
            StructuresModel.All
            |> List.tryFind (fun model -> model.Name = cells[1])
            |> Option.defaultWith (fun () -> raise (FormatException()))
        Setting = int cells[2]
        Seed = int64 cells[3]
        Epochs = int cells[4]
    }

    /// <summary>The files, that of the rows last.</summary>
    member _.Files = [ curves; rows ]

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : StructuresResult list =
        let curveOf =
            curves.Read(fun cells -> job cells, (int cells[5], ResultFile.Number cells[6], ResultFile.Number cells[7]))
            |> List.groupBy fst
            |> Map.ofList

        rows.Read(fun cells -> {
            Job = job cells
            Parameters = int cells[5]
            Valid = ResultFile.Number cells[6]
            Test = ResultFile.Number cells[7]
            Seconds = ResultFile.Number cells[8]
            OutOfTime = (cells[9] = "out of time")
            Curve = curveOf |> Map.tryFind (job cells) |> Option.defaultValue [] |> List.map snd
        })

    /// <summary>Writes a row and its learning curve to the disk.</summary>
    member _.Append(result: StructuresResult) : unit =
        curves.Append [
            for pass, train, valid in result.Curve -> $"{key result.Job},{pass},{nats train},{nats valid}"
        ]

        rows.Append [
            String.concat "," [
                key result.Job
                string result.Parameters
                nats result.Valid
                nats result.Test
                ResultFile.Cell(result.Seconds, "0.0")
                if result.OutOfTime then "out of time" else "finished"
            ]
        ]
