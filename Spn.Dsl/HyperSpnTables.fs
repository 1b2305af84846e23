namespace Spn

open System
open System.Globalization
open Spn.Core.Data

/// <summary>Tables of the experiment's results.</summary>
[<RequireQualifiedAccess>]
module HyperSpnTables =

    let private number (format: string) (value: float) =
        value.ToString(format, CultureInfo.InvariantCulture)

    let internal nats = number "0.00"

    let internal signed = number "+0.00;-0.00;0.00"

    let internal spread (values: float list) =
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

    /// <summary>The plain SPNs of the paper's Fig. 5 beside the HyperSPN, one row each; empty when no plain one was trained.</summary>
    let plain (results: TwentyResult list) : Table option =
        let best = chosen results
        let sizes = [ TwentyModel.Large; TwentyModel.Small ]

        if best |> List.exists (fun r -> List.contains r.Job.Model sizes) then
            Some(
                Table.create [
                    "data set"
                    "model"
                    "parameters"
                    "train, last"
                    "valid, last"
                    "valid, best"
                    "at step"
                    "test"
                ] [
                    for entry in names results do
                        for model in sizes @ [ TwentyModel.Hyper ] do
                            for result in those entry model best |> List.filter (fun r -> not r.Curve.IsEmpty) do
                                let _, train, last = List.last result.Curve
                                let step, _, _ = result.Curve |> List.maxBy (fun (_, _, valid) -> valid)

                                [
                                    entry.DisplayName
                                    model.Title
                                    result.Parameters.ToString("N0", CultureInfo.InvariantCulture)
                                    nats train
                                    nats last
                                    nats result.Valid
                                    string step
                                    nats result.Test
                                ]
                ]
            )
        else
            None

    /// <summary>What the columns of <see cref="M:Spn.HyperSpnTables.plain"/> mean.</summary>
    let plainLegend =
        String.concat "\n" [
            "The models of the paper's Fig. 5: the SPN under the HyperSPN with free weights (Large), one of fewer replicas with about as many"
            "parameters as the HyperSPN (Small), and the HyperSPN. Log-likelihoods in nats at the last evaluation, of the parameters kept,"
            "and of these on the test samples: a model that overfits ends with a high training and a low validation log-likelihood."
        ]

    /// <summary>Parzen scores of the models chosen, one row a data set, and how often the HyperSPN's is best; none when none was asked for.</summary>
    let parzen (results: TwentyResult list) : (Table * string) option =
        let scored = chosen results |> List.filter (fun r -> Double.IsFinite r.Parzen)
        let models = scored |> List.map _.Job.Model |> List.distinct |> List.sort

        let score entry model =
            match those entry model scored with
            | [] -> None
            | own -> own |> List.averageBy _.Parzen |> Some

        if scored.IsEmpty then
            None
        else
            let compared = [
                for entry in names scored do
                    match score entry TwentyModel.Hyper, score entry TwentyModel.Decay with
                    | Some hyper, Some decay -> hyper > decay
                    | _ -> ()
            ]

            let table =
                Table.create [
                    "data set"
                    for model in models do
                        model.Title
                    "run"
                ] [
                    for entry in names scored do
                        [
                            entry.DisplayName
                            for model in models do
                                score entry model |> Option.map (number "0.000") |> Option.defaultValue "-"
                            extent entry results
                        ]
                ]

            let wins = compared |> List.filter id |> List.length

            Some(
                table,
                "Log-density in nats of samples of the models under Parzen windows of width 3 around the test samples; higher is better."
                + (if compared.IsEmpty then
                       ""
                   else
                       $" HyperSPN's samples score higher than those of the SPN with decay on {wins} of {compared.Length} sets (the paper: 29 of 35).")
            )

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
