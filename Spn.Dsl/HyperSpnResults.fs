namespace Spn

open System
open System.Globalization
open System.IO
open Spn.Core.Data

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
    let path = Path.Combine(folder, "hyperspn-twenty.csv")
    let curves = Path.Combine(folder, "hyperspn-twenty-curves.csv")

    let header =
        "dataset,model,setting,seed,parameters,steps,valid_ll,test_ll,paper_ll,seconds,samples_per_second,protocol"

    let curveHeader = "dataset,model,setting,seed,steps,step,train_ll,valid_ll"

    let number (format: string) (value: float) =
        value.ToString(format, CultureInfo.InvariantCulture)

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
        ]

    let append (file: string) (header: string) (lines: string list) =
        Directory.CreateDirectory folder |> ignore

        let lines = if File.Exists file then lines else header :: lines
        File.AppendAllText(file, String.concat "" [ for line in lines -> line + "\n" ])

    // A line without an end is what a crash left of a row: it is dropped, so that the next row starts a line.
    let lines (file: string) (header: string) =
        if File.Exists file then
            let text = File.ReadAllText(file).ReplaceLineEndings "\n"
            let whole = text.Substring(0, text.LastIndexOf '\n' + 1)

            if whole.Length < text.Length then
                File.WriteAllText(file, whole)

            match whole.Split '\n' |> List.ofArray with
            | first :: rows when first = header -> List.indexed rows |> List.filter (fun (_, row) -> row <> "")
            | first :: _ -> raise (DataFormatException(file, 1, Nullable(), $"the header {header}", $"\"{first}\""))
            | [] -> []
        else
            []

    let parse (file: string) (header: string) (read: string[] -> 'row) =
        let width = header.Split(',').Length

        [
            for index, line in lines file header do
                let cells = line.Split ','

                try
                    if cells.Length <> width then
                        raise (FormatException())

                    read cells
                with :? FormatException ->
                    raise (
                        DataFormatException(
                            file,
                            index + 2,
                            Nullable(),
                            $"{width} values as in the header",
                            $"\"{line}\""
                        )
                    )
        ]

    let real (cell: string) =
        Double.Parse(cell, CultureInfo.InvariantCulture)

    let job (cells: string[]) steps = {
        DataSet = cells[0]
        Model =
            match cells[1] with
            | "hyper" -> TwentyModel.Hyper
            | "decay" -> TwentyModel.Decay
            | _ -> raise (FormatException())
        Setting = real cells[2]
        Seed = Int64.Parse cells[3]
        Steps = Int32.Parse(steps: string)
    }

    /// <summary>The file of rows.</summary>
    member _.Path = path

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : TwentyResult list =
        let curveOf =
            parse curves curveHeader (fun cells -> job cells cells[4], (int cells[5], real cells[6], real cells[7]))
            |> List.groupBy fst
            |> Map.ofList

        parse path header (fun cells ->
            let job = job cells cells[5]

            {
                Job = job
                Parameters = int cells[4]
                Valid = real cells[6]
                Test = real cells[7]
                Seconds = real cells[9]
                SamplesPerSecond = real cells[10]
                Curve = curveOf |> Map.tryFind job |> Option.defaultValue [] |> List.map snd
            })

    /// <summary>Writes a row and its learning curve to the disk.</summary>
    member _.Append(result: TwentyResult) : unit =
        append curves curveHeader [
            for step, train, valid in result.Curve do
                $"{key result.Job},{result.Job.Steps},{step},{logLikelihood train},{logLikelihood valid}"
        ]

        append path header [ row result ]

    /// <summary>Renames the files when there are any, so that a new experiment overwrites nothing; gives the new name of the rows.</summary>
    member _.MoveAside() : string option =
        let backup (file: string) n =
            file.Substring(0, file.Length - ".csv".Length) + $".{n}.csv"

        let free =
            Seq.initInfinite ((+) 1)
            |> Seq.find (fun n -> not (File.Exists(backup path n) || File.Exists(backup curves n)))

        for file in [ curves; path ] do
            if File.Exists file then
                File.Move(file, backup file free)

        if File.Exists(backup path free) then
            Some(backup path free)
        else
            None
