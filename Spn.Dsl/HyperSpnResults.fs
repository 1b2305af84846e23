namespace Spn

open System
open System.IO

/// <summary>What a finished training gave.</summary>
type TwentyResult = {
    /// <summary>The training.</summary>
    Job: TwentyJob
    /// <summary>Parameters of the circuit, entries that no sum uses included.</summary>
    Parameters: int
    /// <summary>Validation log-likelihood of the parameters kept, in nats.</summary>
    Valid: float
    /// <summary>Their test log-likelihood, in nats.</summary>
    Test: float
    /// <summary>Log-density of samples under Parzen windows around the test samples, in nats; not a number when it was not asked for.</summary>
    Parzen: float
    /// <summary>Wall-clock seconds of the training, evaluations included.</summary>
    Seconds: float
    /// <summary>Training samples a second.</summary>
    SamplesPerSecond: float
    /// <summary>Step, training and validation log-likelihood at each evaluation.</summary>
    Curve: (int * float * float) list
}

/// <summary>The results of the experiment in two CSV files: one row a training, and beside it the learning curves.</summary>
/// <remarks>Rows are written as trainings end, so an interrupted experiment keeps what it has.</remarks>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type TwentyResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "hyperspn-twenty.csv"),
            "dataset,model,setting,seed,parameters,steps,valid_ll,test_ll,paper_ll,seconds,samples_per_second,protocol,parzen"
        )

    let curves =
        ResultFile(
            Path.Combine(folder, "hyperspn-twenty-curves.csv"),
            "dataset,model,setting,seed,steps,step,train_ll,valid_ll"
        )

    let number (format: string) (value: float) = ResultFile.Cell(value, format)

    let logLikelihood = number "0.00000"

    let key (job: TwentyJob) =
        String.concat "," [ job.DataSet; job.Model.Name; number "0.######" job.Setting; string job.Seed ]

    let row (result: TwentyResult) =
        let job = result.Job

        let paper =
            HyperSpnProtocol.paper job.Model job.DataSet
            |> Option.map (number "0.00")
            |> Option.defaultValue "-"

        String.concat "," [
            key job
            string result.Parameters
            string job.Steps
            logLikelihood result.Valid
            logLikelihood result.Test
            paper
            number "0.0" result.Seconds
            number "0" result.SamplesPerSecond
            HyperSpnProtocol.label job
            logLikelihood result.Parzen
        ]

    let job (cells: string[]) steps = {
        DataSet = cells[0]
        Model =
            match cells[1] with
            | "hyper" -> TwentyModel.Hyper
            | "decay" -> TwentyModel.Decay
            | "large" -> TwentyModel.Large
            | "small" -> TwentyModel.Small
            | _ -> raise (FormatException())
        Setting = ResultFile.Number cells[2]
        Seed = Int64.Parse cells[3]
        Steps = Int32.Parse(steps: string)
    }

    /// <summary>The files, that of the rows last.</summary>
    member _.Files = [ curves; rows ]

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : TwentyResult list =
        let curveOf =
            curves.Read(fun cells ->
                job cells cells[4], (int cells[5], ResultFile.Number cells[6], ResultFile.Number cells[7]))
            |> List.groupBy fst
            |> Map.ofList

        rows.Read(fun cells ->
            let job = job cells cells[5]

            {
                Job = job
                Parameters = int cells[4]
                Valid = ResultFile.Number cells[6]
                Test = ResultFile.Number cells[7]
                Seconds = ResultFile.Number cells[9]
                SamplesPerSecond = ResultFile.Number cells[10]
                Parzen = ResultFile.Number cells[12]
                Curve = curveOf |> Map.tryFind job |> Option.defaultValue [] |> List.map snd
            })

    /// <summary>Writes a row and its learning curve to the disk.</summary>
    member _.Append(result: TwentyResult) : unit =
        curves.Append [
            for step, train, valid in result.Curve do
                $"{key result.Job},{result.Job.Steps},{step},{logLikelihood train},{logLikelihood valid}"
        ]

        rows.Append [ row result ]
