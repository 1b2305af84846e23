namespace Spn

open System
open System.Globalization
open Spn.Core.Data

/// <summary>Tables of the experiment's results.</summary>
[<RequireQualifiedAccess>]
module StructuresTables =

    /// <summary>For each seed the result with the best validation log-likelihood among the settings tried.</summary>
    let chosen (results: StructuresResult list) : StructuresResult list =
        results
        |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Model, r.Job.Seed)
        |> List.map (fun (_, tried) -> List.maxBy _.Valid tried)

    /// <summary>The data sets of the results, in the order of the catalogue.</summary>
    let dataSets (results: StructuresResult list) : DataEntry list =
        DataCatalogue.Entries
        |> Seq.filter (fun entry -> results |> List.exists (fun r -> r.Job.DataSet = entry.Name))
        |> List.ofSeq

    /// <summary>The results of one data set and structure.</summary>
    let those (entry: DataEntry) model (results: StructuresResult list) =
        results
        |> List.filter (fun r -> r.Job.DataSet = entry.Name && r.Job.Model = model)

    /// <summary>Average test log-likelihood of the results chosen, in nats; none where there are none.</summary>
    let mean entry model (results: StructuresResult list) : float option =
        match chosen results |> those entry model with
        | [] -> None
        | own -> own |> List.averageBy _.Test |> Some

    // How far a row is from the full experiment, in words.
    let private extent (entry: DataEntry) (results: StructuresResult list) =
        let own = results |> List.filter (fun r -> r.Job.DataSet = entry.Name)
        let full = StructuresProtocol.epochs entry
        let epochs = own |> List.map _.Job.Epochs |> List.distinct

        let fewest =
            own
            |> List.groupBy (fun r -> r.Job.Model, r.Job.Seed)
            |> List.map (fun ((model, _), tried) -> tried.Length, (StructuresProtocol.settings entry model).Length)

        let late = own |> List.filter _.OutOfTime |> List.length

        let notes = [
            if epochs |> List.exists (fun e -> e < full) then
                $"{List.min epochs}/{full} passes a step size"
            match fewest |> List.filter (fun (tried, all) -> tried < all) with
            | [] -> ()
            | (tried, all) :: _ -> $"{tried}/{all} settings"
            if late > 0 then
                $"{late} of {own.Length} out of time"
        ]

        if notes.IsEmpty then
            "full"
        else
            "shortened: " + String.concat ", " notes

    /// <summary>One row a data set: both structures beside published numbers, test log-likelihoods in nats.</summary>
    let table (results: StructuresResult list) : Table =
        let best = chosen results

        let ours entry model =
            match those entry model best with
            | [] -> [ "-"; "-" ]
            | own -> [
                own |> List.map _.Test |> HyperSpnTables.spread
                own
                |> List.map (fun r -> r.Job.Model.Describe r.Job.Setting)
                |> List.distinct
                |> String.concat ", "
              ]

        let published source (entry: DataEntry) =
            StructuresProtocol.published source entry.Name
            |> Option.map HyperSpnTables.nats
            |> Option.defaultValue "-"

        Table.create [
            "data set"
            "n"
            "RAT-SPN"
            "depth"
            "HCLT"
            "states"
            "RAT-SPN publ."
            "EiNet publ."
            "HyperSPN publ."
            "diff."
            "seconds"
            "run"
        ] [
            for entry in dataSets results do
                let seconds =
                    results
                    |> List.filter (fun r -> r.Job.DataSet = entry.Name)
                    |> List.sumBy _.Seconds

                [ entry.DisplayName; string entry.Variables ]
                @ ours entry StructuresModel.Rat
                @ ours entry StructuresModel.Hclt
                @ [
                    published StructuresSource.RatSpn entry
                    published StructuresSource.EinsumNetwork entry
                    published StructuresSource.HyperSpn entry
                    match
                        mean entry StructuresModel.Hclt results,
                        StructuresProtocol.published StructuresSource.HyperSpn entry.Name
                    with
                    | Some hclt, Some hyper -> HyperSpnTables.signed (hclt - hyper)
                    | _ -> "-"
                    ResultFile.Cell(seconds, "0")
                    extent entry results
                ]
        ]

    /// <summary>What the columns of the table mean, in lines.</summary>
    let legend =
        String.concat "\n" [
            "Test log-likelihood in nats of the setting with the best validation log-likelihood, mean ± standard deviation where there are"
            "several seeds. Published: as quoted by Shih, Sadigh and Ermon 2021, Tables 1 and 2: RAT-SPN by stochastic EM, Einsum network by"
            "Adam on the twenty sets and by stochastic EM on the registries, HyperSPN. Diff.: HCLT less the published HyperSPN, so above 0 is"
            "better. Seconds: all trainings of the data set, with whatever else the machine did meanwhile."
        ]

    /// <summary>On how many sets a structure beats published numbers, in a sentence each; none when nothing can be compared.</summary>
    let verdict (results: StructuresResult list) : string option =
        // Published numbers have two decimals, and so are compared.
        let compared model source = [
            for entry in dataSets results do
                match mean entry model results, StructuresProtocol.published source entry.Name with
                | Some ours, Some published -> compare (Math.Round(ours, 2)) published
                | _ -> ()
        ]

        let sentence model source words =
            match compared model source with
            | [] -> None
            | signs ->
                let count sign =
                    signs |> List.filter (fun s -> Math.Sign s = sign) |> List.length

                Some $"{words} on {count 1} of {signs.Length} sets, equal on {count 0}, worse on {count -1}."

        match
            [
                sentence
                    StructuresModel.Hclt
                    StructuresSource.HyperSpn
                    "Our hidden Chow-Liu tree is better than the published HyperSPN"
                sentence StructuresModel.Rat StructuresSource.RatSpn "Our RAT-SPN is better than the published RAT-SPN"
            ]
            |> List.choose id
        with
        | [] -> None
        | sentences -> Some(String.concat " " sentences)

    /// <summary>One row a training; a star marks the setting chosen.</summary>
    let settings (results: StructuresResult list) : Table =
        let best = chosen results |> List.map _.Job |> Set.ofList

        Table.create [
            "data set"
            "structure"
            "setting"
            "seed"
            "parameters"
            "passes"
            "valid"
            "test"
            "seconds"
            "chosen"
        ] [
            for entry in dataSets results do
                for result in results |> List.filter (fun r -> r.Job.DataSet = entry.Name) do
                    let job = result.Job

                    [
                        entry.DisplayName
                        job.Model.Title
                        job.Model.Describe job.Setting
                        string job.Seed
                        result.Parameters.ToString("N0", CultureInfo.InvariantCulture)
                        string result.Curve.Length
                        ResultFile.Cell(result.Valid, "0.000")
                        ResultFile.Cell(result.Test, "0.000")
                        ResultFile.Cell(result.Seconds, "0.0")
                        if best.Contains job then "*" else ""
                    ]
        ]
