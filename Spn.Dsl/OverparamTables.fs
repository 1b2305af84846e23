namespace Spn

open System
open System.Globalization

/// <summary>Tables and verdicts of the experiment on overparametrized sums.</summary>
[<RequireQualifiedAccess>]
module OverparamTables =

    let private depths = [ 1; 2; 3 ]

    let private text (format: string) (value: float) =
        if Double.IsNaN value then
            ""
        else
            value.ToString(format, CultureInfo.InvariantCulture)

    let private nats = text "0.000"

    let private mean (values: float list) =
        if values.IsEmpty then nan else List.average values

    let private deviation (values: float list) =
        let centre = mean values

        if values.Length < 2 then
            nan
        else
            sqrt (List.sumBy (fun v -> (v - centre) ** 2.0) values / float (values.Length - 1))

    let private spread (values: float list) =
        match deviation values with
        | d when Double.IsNaN d -> nats (mean values)
        | d -> $"{nats (mean values)} ± {nats d}"

    /// <summary>The results of one data set and mode.</summary>
    let those dataSet mode (results: OverparamResult list) =
        results |> List.filter (fun r -> r.Job.DataSet = dataSet && r.Job.Mode = mode)

    /// <summary>The results of one depth, one a seed.</summary>
    let ofDepth depth (results: OverparamResult list) =
        results |> List.filter (fun r -> r.Job.Depth = depth)

    /// <summary>Average over the seeds of the training log-likelihood at an iteration, in nats; NaN without results.</summary>
    let meanAt iteration (results: OverparamResult list) : float =
        results |> List.map (fun r -> r.At iteration) |> mean

    /// <summary>Iterations of a table's columns: fifties up to 500, then hundreds; the last one is always there.</summary>
    let columns (last: int) : int list =
        [ 50..50..500 ] @ [ 600..100..1000 ]
        |> List.filter (fun i -> i < last)
        |> fun before -> before @ [ last ]

    /// <summary>Training log-likelihoods at the iterations of the columns, beside the published ones where there are any.</summary>
    /// <param name="results">The results of one data set and mode.</param>
    let iterations (results: OverparamResult list) : Table =
        let last = results.Head.Job.Iterations
        let shown = columns last

        let published depth iteration =
            OverparamProtocol.published
            |> List.tryFind (fun (i, _) -> i = iteration)
            |> Option.map (fun (_, values) -> nats values[depth - 1])
            |> Option.defaultValue ""

        Table.create ("L" :: "" :: [ for i in shown -> string i ]) [
            for depth in depths do
                match ofDepth depth results with
                | [] -> ()
                | own ->
                    if OverparamProtocol.isPublished own.Head.Job then
                        string depth
                        :: "published, the best of 2 runs"
                        :: [ for i in shown -> published depth i ]

                    let values i = own |> List.map (fun r -> r.At i)
                    let label kind = $"{kind} of {own.Length}"
                    string depth :: label "mean" :: [ for i in shown -> nats (mean (values i)) ]

                    if own.Length > 1 then
                        string depth :: "deviation" :: [ for i in shown -> nats (deviation (values i)) ]
                        string depth :: label "best" :: [ for i in shown -> nats (List.max (values i)) ]
        ]

    /// <summary>Last values, and when they were reached.</summary>
    /// <param name="results">All results, of any data sets and modes.</param>
    let ends (results: OverparamResult list) : Table =
        Table.create [
            "data set"
            "weights"
            "L"
            "seeds"
            "train (nats)"
            "test (nats)"
            "first within 0.05"
            "seconds"
        ] [
            for (dataSet, mode), group in results |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Mode) do
                for depth in depths do
                    match ofDepth depth group with
                    | [] -> ()
                    | own -> [
                        dataSet
                        mode.Title
                        string depth
                        string own.Length
                        spread [ for r in own -> r.Last ]
                        spread [ for r in own -> r.Test ]
                        text "0" (mean [ for r in own -> float r.Reached ])
                        text "0.0" (mean [ for r in own -> r.Seconds ])
                      ]
        ]

    /// <summary>What steps did in the mode of the paper: means over the seeds for the component that is heaviest at the time.</summary>
    /// <param name="results">Results of the mode of the paper on one data set.</param>
    let steps (results: OverparamResult list) : Table =
        let shown =
            [ 1; 10; 20; 50; 100; 200; 300; 500 ]
            |> List.filter (fun i -> i <= results.Head.Job.Iterations)

        let at iteration pick (own: OverparamResult list) =
            own
            |> List.choose (fun r -> r.Curve |> List.tryFind (fun p -> p.Iteration = iteration))
            |> List.map pick
            |> mean
            |> text "0.0E+0"

        Table.create ("L" :: "" :: [ for i in shown -> string i ]) [
            for depth in depths do
                match ofDepth depth results with
                | [] -> ()
                | own ->
                    let row name (pick: OverparamPoint -> float) =
                        string depth :: name :: [ for i in shown -> at i pick own ]

                    row "rho / eta" _.Rho
                    row "lambda" _.Lambda
                    row "error of the prediction" _.Error
        ]

    /// <summary>Errors of predicted steps for a step size and its halves.</summary>
    /// <param name="stepSizes">The step sizes.</param>
    /// <param name="errors">For each depth its errors.</param>
    let halving (stepSizes: float list) (errors: (int * float list) list) : Table =
        Table.create [
            "L"
            for eta in stepSizes do
                "eta = " + text "0.####" eta
            "quotients"
        ] [
            for depth, own in errors ->
                [
                    string depth
                    for error in own do
                        text "0.00E+0" error
                    own
                    |> List.pairwise
                    |> List.map (fun (coarse, fine) -> text "0.00" (coarse / fine))
                    |> String.concat ", "
                ]
        ]

    /// <summary>How far three layers are ahead of one, on the way and at the end; none when one of them is missing.</summary>
    /// <param name="results">The results of one data set and mode.</param>
    let comparison (results: OverparamResult list) : string option =
        match ofDepth 1 results, ofDepth 3 results with
        | [], _
        | _, [] -> None
        | shallow, deep ->
            let last = results.Head.Job.Iterations

            let signed (value: float) =
                value.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture)

            let at =
                [ 50; 100; 200 ]
                |> List.filter (fun i -> i < last)
                |> fun before -> before @ [ last ]
                |> List.map (fun i -> i, meanAt i deep - meanAt i shallow)
                |> List.filter (snd >> Double.IsFinite)
                |> List.map (fun (i, ahead) -> $"{signed ahead} at iteration {i}")
                |> String.concat ", "

            let test = mean [ for r in deep -> r.Test ] - mean [ for r in shallow -> r.Test ]

            Some
                $"Three layers less one, means over the seeds in nats: {at}; on the test samples {signed test} at the end."

    // Lead of a depth over the one before at iteration 200, and its standard error.
    let private gap (results: OverparamResult list) deeper =
        let values depth = [ for r in ofDepth depth results -> r.At 200 ]

        let deep, shallow = values deeper, values (deeper - 1)

        let variance (values: float list) =
            deviation values ** 2.0 / float values.Length

        mean deep - mean shallow, sqrt (variance deep + variance shallow)

    let private leads results =
        let text deeper =
            match gap results deeper with
            | lead, error when Double.IsNaN error -> nats lead
            | lead, error -> $"{nats lead} (standard error {nats error})"

        $"two layers are ahead of one by {text 2} nats and three ahead of two by {text 3}"

    /// <summary>What the paper claims of its figure, and whether it holds here: at iteration 200 deeper is better by at least 0.1 nats, and at 500 all are alike.</summary>
    /// <remarks>With more seeds than the script takes unless told, it says what those alone give too.</remarks>
    /// <param name="results">All results.</param>
    let verdict (results: OverparamResult list) : string option =
        let own = results |> List.filter (fun r -> OverparamProtocol.isPublished r.Job)

        if depths |> List.exists (fun depth -> List.isEmpty (ofDepth depth own)) then
            None
        else
            let ends = own |> List.map _.Last
            let inRange = List.min ends >= -7.5 && List.max ends <= -7.0
            let holds = fst (gap own 2) >= 0.1 && fst (gap own 3) >= 0.1 && inRange

            let usual =
                own |> List.filter (fun r -> r.Job.Seed <= int64 OverparamProtocol.UsualSeeds)

            String.concat " " [
                $"At iteration 200 {leads own}, means over the seeds; at 500 all trainings lie between {nats (List.min ends)} and {nats (List.max ends)}."
                "Asked are gaps of at least 0.1 and values from -7.5 to -7.0: "
                + (if holds then "both hold." else "this does not hold.")
                if
                    usual.Length < own.Length
                    && depths |> List.forall (fun depth -> ofDepth depth usual <> [])
                then
                    $"Of the first {OverparamProtocol.UsualSeeds} seeds alone, {leads usual}."
            ]
            |> Some
