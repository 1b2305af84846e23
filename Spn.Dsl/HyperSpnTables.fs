namespace Spn

open System
open System.Globalization
open Spn.Core.Data

/// <summary>Tables of the experiment's results.</summary>
[<RequireQualifiedAccess>]
module HyperSpnTables =

    let private number (format: string) (value: float) =
        value.ToString(format, CultureInfo.InvariantCulture)

    let private nats = number "0.00"

    let private signed = number "+0.00;-0.00;0.00"

    let private spread (values: float list) =
        let mean = List.average values

        match values with
        | []
        | [ _ ] -> nats mean
        | _ ->
            let squares = values |> List.sumBy (fun v -> (v - mean) * (v - mean))
            $"{nats mean} ± {nats (sqrt (squares / float (values.Length - 1)))}"

    /// <summary>For each seed the result with the best validation log-likelihood among the settings tried.</summary>
    let chosen (results: TwentyResult list) : TwentyResult list =
        results
        |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Model, r.Job.Seed)
        |> List.map (fun (_, tried) -> List.maxBy _.Valid tried)

    let internal names (results: TwentyResult list) =
        DataCatalogue.Entries
        |> Seq.filter (fun entry -> results |> List.exists (fun r -> r.Job.DataSet = entry.Name))
        |> List.ofSeq

    let internal those (entry: DataEntry) model (results: TwentyResult list) =
        results
        |> List.filter (fun r -> r.Job.DataSet = entry.Name && r.Job.Model = model)

    // How far a row is from the full experiment, in words.
    let private extent (entry: DataEntry) (results: TwentyResult list) =
        let own = results |> List.filter (fun r -> r.Job.DataSet = entry.Name)
        let full = fst (HyperSpnProtocol.steps entry.Name)
        let steps = own |> List.map _.Job.Steps |> List.distinct

        let fewest =
            own
            |> List.countBy (fun r -> r.Job.Model, r.Job.Seed)
            |> List.map snd
            |> List.min

        let notes = [
            if steps <> [ full ] then
                let done' = steps |> List.map string |> String.concat "/"
                $"{done'}/{full} steps"
            if fewest < 3 then
                $"{fewest}/3 settings"
        ]

        match notes with
        | [] -> HyperSpnProtocol.label own.Head.Job
        | _ -> "shortened: " + String.concat ", " notes

    /// <summary>One row a data set: both models beside the paper's numbers, test log-likelihoods in nats.</summary>
    let table (results: TwentyResult list) : Table =
        let best = chosen results

        let size entry model =
            match
                those entry model best
                |> List.map _.Parameters
                |> List.distinct
                |> List.map (fun size -> size.ToString("N0", CultureInfo.InvariantCulture))
            with
            | [] -> "-"
            | sizes -> String.concat "/" sizes

        let compared entry model =
            let ours = those entry model best |> List.map _.Test
            let paper = HyperSpnProtocol.paper model entry.Name

            [
                if ours.IsEmpty then "-" else spread ours
                paper |> Option.map nats |> Option.defaultValue "-"
                match paper with
                | Some paper when not ours.IsEmpty -> signed (List.average ours - paper)
                | _ -> "-"
            ]

        Table.create [
            "data set"
            "n"
            "size H"
            "size D"
            "HyperSPN"
            "paper"
            "diff."
            "SPN + decay"
            "paper"
            "diff."
            "seconds"
            "run"
        ] [
            for entry in names results do
                let own = results |> List.filter (fun r -> r.Job.DataSet = entry.Name)

                [
                    entry.DisplayName
                    string entry.Variables
                    size entry TwentyModel.Hyper
                    size entry TwentyModel.Decay
                ]
                @ compared entry TwentyModel.Hyper
                @ compared entry TwentyModel.Decay
                @ [ number "0" (List.sumBy _.Seconds own); extent entry results ]
        ]

    /// <summary>What the columns of the table mean, in lines.</summary>
    let legend =
        String.concat "\n" [
            "Test log-likelihood in nats of the setting with the best validation log-likelihood, mean ± standard deviation"
            "where there are several seeds. Paper: Shih, Sadigh and Ermon 2021, Tables 1 and 2; diff.: ours less the paper's,"
            "so above 0 is better. Size H, size D: parameters of the HyperSPN and of the SPN with weight decay. Seconds: all"
            "trainings of the data set, with whatever else the machine did meanwhile."
        ]

    /// <summary>One row a training; a star marks the setting chosen.</summary>
    let settings (results: TwentyResult list) : Table =
        let best = chosen results |> List.map _.Job |> Set.ofList

        Table.create [
            "data set"
            "model"
            "setting"
            "seed"
            "parameters"
            "steps"
            "valid"
            "test"
            "seconds"
            "samples/s"
            "chosen"
        ] [
            for entry in names results do
                for result in results |> List.filter (fun r -> r.Job.DataSet = entry.Name) do
                    let job = result.Job

                    [
                        entry.DisplayName
                        job.Model.Title
                        job.Model.Describe job.Setting
                        string job.Seed
                        result.Parameters.ToString("N0", CultureInfo.InvariantCulture)
                        string job.Steps
                        number "0.000" result.Valid
                        number "0.000" result.Test
                        number "0.0" result.Seconds
                        result.SamplesPerSecond.ToString("N0", CultureInfo.InvariantCulture)
                        if best.Contains job then "*" else ""
                    ]
        ]

    /// <summary>How many of the full runs are as good as the paper says, within 0.05 nats or 0.5%; none when nothing can be compared.</summary>
    let verdict (results: TwentyResult list) : string option =
        let best = chosen results

        let compared = [
            for entry in names results do
                if not ((extent entry results).StartsWith "shortened") then
                    for model in [ TwentyModel.Hyper; TwentyModel.Decay ] do
                        match HyperSpnProtocol.paper model entry.Name, those entry model best with
                        | Some paper, (_ :: _ as ours) ->
                            List.averageBy _.Test ours >= paper - max 0.05 (0.005 * abs paper)
                        | _ -> ()
        ]

        if compared.IsEmpty then
            None
        else
            let good = compared |> List.filter id |> List.length

            Some
                $"{good} of {compared.Length} log-likelihoods reach the paper's (better, or within 0.05 nats or 0.5%% of it)."
