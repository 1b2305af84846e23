namespace Spn

open System
open System.Globalization
open Spn.Core
open Spn.Core.Data

/// What the tables of both experiments have in common.
module internal DgcSpnCells =

    let text (format: string) (values: obj[]) =
        String.Format(CultureInfo.InvariantCulture, format, values)

    let number (format: string) (value: float) = ResultFile.Cell(value, format)

    let count (value: int) =
        value.ToString("N0", CultureInfo.InvariantCulture)

    let deviation (values: float list) =
        let mean = List.average values

        match values with
        | [ _ ] -> 0.0
        | _ -> sqrt (List.sumBy (fun v -> (v - mean) * (v - mean)) values / float (values.Length - 1))

    let spread format (values: float list) =
        match values with
        | [] -> "-"
        | [ value ] -> number format value
        | _ -> $"{number format (List.average values)} ± {number format (deviation values)}"

    let display (dataSet: string) =
        (DataCatalogue.Find dataSet).DisplayName

    // "300/60,000 images" where less was used than there is.
    let part (used: int) (all: int) what =
        if used < all then
            [ $"{count used}/{count all} {what}" ]
        else
            []

    let passes (fewest: float) (all: int) =
        if fewest < float all then
            [ $"""{number "0.#" fewest}/{all} passes""" ]
        else
            []

    let builtIn (dataSet: string) =
        (DataCatalogue.Find dataSet).Group = DataGroup.BuiltIn

    // What sets a row apart from the published experiment, the number of seeds aside.
    let differs notes seeds =
        let seeds = part seeds DgcSpnProtocol.PaperSeeds "seeds"

        match notes @ seeds with
        | [] -> "nothing"
        | all -> String.concat ", " all

/// <summary>Tables of the inpainting experiment.</summary>
[<RequireQualifiedAccess>]
module InpaintTables =

    open DgcSpnCells

    /// The rows of one line of the table: all seeds and categories of one network and learner on one set.
    let internal groups (results: InpaintResult list) =
        results
        |> List.groupBy (fun r ->
            r.Job.DataSet,
            r.Job.Category.IsSome,
            r.Job.Preset,
            r.Job.Learner,
            r.Job.Statistics,
            // Categories have different numbers of images.
            (if r.Job.Category.IsSome then 0 else r.Job.Images),
            r.Job.Epochs)
        |> List.map snd

    // One number a seed: where categories have networks of their own, the mean of their errors.
    let internal errors (occlusion: Occlusion) (results: InpaintResult list) : float list =
        results
        |> List.filter (fun r -> r.Occlusion = occlusion)
        |> List.groupBy _.Job.Seed
        |> List.map (fun (_, categories) -> categories |> List.averageBy _.Error)

    let internal occlusions (results: InpaintResult list) =
        DgcSpnOptions.occlusions
        |> List.filter (fun (_, part) -> results |> List.exists (fun r -> r.Occlusion = part))

    let internal name (results: InpaintResult list) =
        let job = results.Head.Job

        if job.Category.IsSome then
            $"{display job.DataSet}, one network a category"
        else
            display job.DataSet

    let private trainings (results: InpaintResult list) = results |> List.distinctBy _.Job

    // Other than the published experiment, but for the seeds.
    let private notes (results: InpaintResult list) = [
        let job = results.Head.Job
        let entry = DataCatalogue.Find job.DataSet
        let seeds = results |> List.countBy _.Job.Seed |> List.length

        if builtIn job.DataSet then
            "not in the paper"

        yield! passes (results |> List.map _.Epochs |> List.min) DgcSpnProtocol.InpaintEpochs

        if job.Epochs > DgcSpnProtocol.InpaintEpochs then
            $"{job.Epochs} passes"

        if job.Category.IsSome then
            let categories = results |> List.map _.Job.Category |> List.distinct |> List.length
            let images = trainings results |> List.sumBy _.Job.Images
            let tests = trainings results |> List.sumBy _.Job.TestImages
            yield! part categories 101 "categories"

            if categories = 101 then
                yield! part (images / seeds) entry.Train "images"
                yield! part (tests / seeds) entry.Test "test images"
        else
            yield! part job.Images entry.Train "images"
            yield! part job.TestImages entry.Test "test images"

        match job.Statistics with
        | ImageStatistics.VisibleOnly -> "statistics of visible pixels"
        | ImageStatistics.Global -> "global statistics"
        | _ -> ()
    ]

    /// <summary>One row a network and learner, errors beside the paper's, and the published methods.</summary>
    let table (results: InpaintResult list) : Table =
        let parts = occlusions results

        let ours (group: InpaintResult list) =
            let job = group.Head.Job

            [
                name group
                job.Learner.Title
                job.Preset.Name
                for _, part in parts do
                    spread "0" (errors part group)

                    DgcSpnProtocol.paperError job.DataSet job.Learner part
                    |> Option.map (number "0")
                    |> Option.defaultValue "-"
                number "0" (trainings group |> List.sumBy _.TrainSeconds)
                differs (notes group) (group |> List.countBy _.Job.Seed |> List.length)
            ]

        let published dataSet =
            DgcSpnProtocol.publishedErrors
            |> List.filter (fun (set, title, _, _) -> set = dataSet && not (title.StartsWith "DGC-SPN"))
            |> List.map (fun (_, title, bottom, left) -> [
                display dataSet
                title
                "published"
                for _, part in parts do
                    "-"

                    if part = Occlusion.Bottom then number "0" bottom
                    elif part = Occlusion.Left then number "0" left
                    else "-"
                "-"
                ""
            ])

        Table.create [
            "data set"
            "method"
            "network"
            for part, _ in parts do
                part
                "paper"
            "seconds"
            "differs from the paper"
        ] [
            for dataSet in results |> List.map _.Job.DataSet |> List.distinct do
                yield! published dataSet

                for group in results |> List.filter (fun r -> r.Job.DataSet = dataSet) |> groups do
                    ours group
        ]

    /// <summary>What the columns of the table mean.</summary>
    let legend =
        String.concat "\n" [
            "Mean squared error of the hidden pixels on grey values from 0 to 255, mean ± standard deviation over seeds where there"
            "are several; of networks by category, the mean over categories. Paper: van de Wolfshaar and Pronobis 2020, Table 1, the"
            "mean of five runs. Network: paper has all combinations first and 16 sums a cell, twoSums is the early released code."
            "Seconds: all trainings of the row, with whatever else the machine did meanwhile."
        ]

    /// <summary>How many errors of full runs are as low as the paper says: lower, within 1%, or within two standard deviations; none when nothing can be compared.</summary>
    let verdict (results: InpaintResult list) : string option =
        let compared = [
            for group in groups results do
                if (notes group).IsEmpty then
                    for _, part in occlusions group do
                        match DgcSpnProtocol.paperError group.Head.Job.DataSet group.Head.Job.Learner part with
                        | Some paper ->
                            let own = errors part group
                            List.average own <= paper + max (0.01 * paper) (2.0 * deviation own)
                        | None -> ()
        ]

        if compared.IsEmpty then
            None
        else
            let good = compared |> List.filter id |> List.length

            Some
                $"{good} of {compared.Length} errors are as low as the paper's (lower, or within 1%% or two standard deviations of it)."

    /// <summary>One row a completion.</summary>
    let every (results: InpaintResult list) : Table =
        Table.create [
            "data set"
            "category"
            "method"
            "network"
            "statistics"
            "seed"
            "hidden"
            "error"
            "passes"
            "images"
            "log-likelihood"
            "parameters"
            "training s"
            "completing s"
        ] [
            for r in results ->
                [
                    display r.Job.DataSet
                    r.Job.Category |> Option.map string |> Option.defaultValue "all"
                    r.Job.Learner.Title
                    r.Job.Preset.Name
                    DgcSpnOptions.statistics
                    |> List.find (fun (_, s) -> s = r.Job.Statistics)
                    |> fst
                    string r.Job.Seed
                    DgcSpnOptions.occlusions |> List.find (fun (_, o) -> o = r.Occlusion) |> fst
                    number "0.0" r.Error
                    number "0.##" r.Epochs
                    string r.Job.Images
                    number "0.0" r.LogLikelihood
                    count r.Parameters
                    number "0.0" r.TrainSeconds
                    number "0.0" r.InpaintSeconds
                ]
        ]

/// <summary>Tables of the classification experiment.</summary>
[<RequireQualifiedAccess>]
module ClassifyTables =

    open DgcSpnCells

    /// The results of all seeds of one network on one set.
    let internal groups (results: ClassifyResult list) =
        results |> List.groupBy (fun r -> { r.Job with Seed = 0L }) |> List.map snd

    /// A step size, or from where to where it goes.
    let internal rate (job: ClassifyJob) =
        if job.FinalRate = job.Rate then
            number "0.######" job.Rate
        else
            $"""{number "0.######" job.Rate} to {number "0.######" job.FinalRate}"""

    let private notes (results: ClassifyResult list) = [
        let job = results.Head.Job

        if builtIn job.DataSet then
            "not in the paper"

        yield! passes (results |> List.map _.Epochs |> List.min) (DgcSpnProtocol.classifyEpochs job.Preset)
        yield! part job.Images (DataCatalogue.Find job.DataSet).Train "images"

        if job.Rate <> DgcSpnProtocol.classifyRate job.Preset then
            "another rate"

        if job.FinalRate <> job.Rate then
            "falling rate"

        if job.Preset = ClassifyPreset.Notebook then
            "the library's notebook"
    ]

    /// <summary>One row a network, accuracies beside the paper's, and the published methods.</summary>
    let table (results: ClassifyResult list) : Table =
        Table.create [
            "data set"
            "method"
            "network"
            "rate"
            "accuracy %"
            "paper %"
            "parameters"
            "seconds"
            "differs from the paper"
        ] [
            for dataSet in results |> List.map _.Job.DataSet |> List.distinct do
                for set, title, accuracy in DgcSpnProtocol.publishedAccuracies do
                    if set = dataSet && title <> "DGC-SPN" then
                        [
                            display set
                            title
                            "published"
                            "-"
                            "-"
                            number "0.00" accuracy
                            "-"
                            "-"
                            ""
                        ]

                for group in results |> List.filter (fun r -> r.Job.DataSet = dataSet) |> groups do
                    let job = group.Head.Job

                    [
                        display dataSet
                        "DGC-SPN"
                        job.Preset.Name
                        rate job
                        spread "0.00" (group |> List.map _.Accuracy)
                        DgcSpnProtocol.paperAccuracy dataSet
                        |> Option.map (number "0.00")
                        |> Option.defaultValue "-"
                        count group.Head.Parameters
                        number "0" (group |> List.sumBy _.Seconds)
                        differs (notes group) group.Length
                    ]
        ]

    /// <summary>What the columns of the table mean.</summary>
    let legend =
        String.concat "\n" [
            "Test accuracy after the last pass, mean ± standard deviation over seeds where there are several. Paper: van de Wolfshaar and"
            "Pronobis 2020, Table 2, the mean of five runs of 400 passes. Network: paper is trained by Adam at rate 0.001, paperRate at the"
            "0.0001 of the text, notebook is the small network of the released library. Seconds: all trainings of the row, evaluations"
            "left out, with whatever else the machine did meanwhile."
        ]

    /// <summary>How many accuracies of full runs reach the paper's within 0.3 points or two standard deviations; none when nothing can be compared.</summary>
    let verdict (results: ClassifyResult list) : string option =
        let compared = [
            for group in groups results do
                match DgcSpnProtocol.paperAccuracy group.Head.Job.DataSet with
                | Some paper when (notes group).IsEmpty ->
                    let own = group |> List.map _.Accuracy
                    List.average own >= paper - max 0.3 (2.0 * deviation own)
                | _ -> ()
        ]

        if compared.IsEmpty then
            None
        else
            let good = compared |> List.filter id |> List.length

            Some
                $"{good} of {compared.Length} accuracies reach the paper's (higher, or within 0.3 points or two standard deviations of it)."
