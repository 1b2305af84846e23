namespace Spn

open System
open System.IO
open System.Threading
open Argu
open Spn.Core.Data

/// <summary>Options of <c>scripts/dcgmm-outliers.fsx</c> alone.</summary>
[<RequireQualifiedAccess>]
type OutlierArguments =
    /// <summary>Which circuits to compare with.</summary>
    | Baselines of names: string
    /// <summary>How lower mixture layers have their parameters.</summary>
    | Shared

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Baselines _ -> "circuits to compare with: rat, pd, dgcspn, or none (default: all three)"
            | Shared ->
                "one set of parameters for all cells of a mixture layer (default: the layers below the top have a set for each cell, as in the scripts of the paper)"

/// <summary>What the outlier experiment is to do.</summary>
type OutlierOptions = {
    /// <summary>Data sets, instances and the rest.</summary>
    Main: DcgmmOptions
    /// <summary>The circuits, in order.</summary>
    Baselines: OutlierBaseline list
    /// <summary>Whether all cells of a mixture layer share their parameters.</summary>
    Shared: bool
}

/// <summary>Class 0 as outlier of models of classes 1 to 9: Tables I and II and figure 10 of Gepperth 2022.</summary>
[<RequireQualifiedAccess>]
module DcgmmOutliers =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-outliers.fsx"

    [<Literal>]
    let private Title = "Outliers by deep Gaussian mixtures"

    let private letters = List.ofSeq Spn.Core.Layerwise.Dcgmm.Names

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : OutlierOptions =
        let main, own =
            DcgmmOptions.parseWith<OutlierArguments> Program letters letters arguments

        {
            Main = main
            Baselines =
                match own.GetResult(OutlierArguments.Baselines, "rat,pd,dgcspn") with
                | "none" -> []
                | names ->
                    names
                    |> Script.choices "baselines" [ for b in OutlierBaseline.All -> b.Name, b ]
            Shared = own.Contains OutlierArguments.Shared
        }

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: OutlierOptions) : DcgmmTraining list =
        let common = options.Main.Common

        [
            for entry in options.Main.Sets do
                for model in options.Main.Instances @ [ for b in options.Baselines -> b.Name ] do
                    for seed in common.Seeds do
                        {
                            DataSet = entry.Name
                            Classes = DcgmmClasses.Without OutlierRows.Outlier
                            Instance = model
                            Independent = not options.Shared && (OutlierBaseline.Named model).IsNone
                            Seed = seed
                            Epochs =
                                match OutlierBaseline.Named model with
                                | None -> DcgmmProtocol.epochs common entry.Name (OutlierRows.paperEpochs model)
                                | Some _ -> common.Epochs |> Option.defaultValue (OutlierRows.paperEpochs model)
                            Images = defaultArg common.Images 0
                        }
        ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: OutlierOptions) : string =
        let baselines =
            match options.Baselines with
            | [] -> "none"
            | some -> some |> List.map _.Name |> String.concat ","

        options.Main
        |> DcgmmOptions.command Program [
            $"--baselines {baselines}"
            if options.Shared then
                "--shared"
        ]

    let private percent value = ResultFile.Cell(100.0 * value, "0.0")

    /// Mean, and deviation of several.
    let private moments values =
        let mean = List.average values
        let square = values |> List.sumBy (fun v -> (v - mean) ** 2.0)
        mean, sqrt (square / float (max 1 (values.Length - 1)))

    let private spread values =
        let mean, deviation = moments values

        if values.Length = 1 then
            percent mean
        else
            $"{percent mean} ± {percent deviation}"

    let private groups (rows: OutlierRow list) =
        rows
        |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Instance, r.Job.Independent)
        |> List.map (fun ((dataSet, model, independent), own) -> dataSet, model, independent, own)

    /// <summary>Whether a mean is the published one: within two deviations of either, or within 1 % of it.</summary>
    /// <param name="areas">Our areas.</param>
    /// <param name="published">The published mean and deviation, in percent.</param>
    let reproduced (areas: float list) (published: float * float) : bool =
        let mean, deviation = moments areas
        let paper, spread = published
        let difference = abs (100.0 * mean - paper)

        difference <= 2.0 * max (100.0 * deviation) spread || difference <= 0.01 * paper

    let private against (own: OutlierRow list) (published: (float * float) option) =
        match published with
        | None -> [ "-"; "-"; "-" ]
        | Some(mean, deviation) ->
            let areas = own |> List.map _.Area

            [
                $"""{ResultFile.Cell(mean, "0.0")} ± {ResultFile.Cell(deviation, "0.0")}"""
                (100.0 * List.average areas - mean)
                    .ToString("+0.0;-0.0;0.0", Globalization.CultureInfo.InvariantCulture)
                if reproduced areas (mean, deviation) then "yes" else "no"
            ]

    let private ending (own: OutlierRow list) = [
        ResultFile.Cell(own |> List.map _.Run.Passes |> List.min, "0.#")
        string own.Length
    ]

    /// <summary>The instances beside Table I.</summary>
    let instances (rows: OutlierRow list) : Table =
        Table.create [
            "data"
            "instance"
            "lower layers"
            "parameters"
            "AUC (%)"
            "paper (%)"
            "difference"
            "reproduced"
            "by 100 steps (%)"
            "by each layer (%)"
            "passes"
            "runs"
        ] [
            for dataSet, model, independent, own in groups rows do
                if (OutlierBaseline.Named model).IsNone then
                    let layers = own.Head.Areas.Length

                    [
                        dataSet
                        model
                        (if layers = 1 then "-"
                         elif independent then "independent"
                         else "shared")
                        own.Head.Run.Parameters.ToString("N0", Globalization.CultureInfo.InvariantCulture)
                        own |> List.map _.Area |> spread
                        yield! against own (OutlierRows.published model dataSet)
                        own |> List.map _.Stepped |> spread
                        [ 0 .. layers - 1 ]
                        |> List.map (fun layer -> own |> List.averageBy (fun row -> row.Areas[layer]) |> percent)
                        |> String.concat " / "
                        yield! ending own
                    ]
        ]

    // The instance that Table II compares with circuits.
    let private compared = "E"

    let private titleOf model =
        match OutlierBaseline.Named model with
        | Some baseline -> baseline.Title
        | None -> $"DCGMM-{model}"

    /// <summary>Circuits beside instance E and Table II.</summary>
    let models (rows: OutlierRow list) : Table =
        Table.create [
            "data"
            "model"
            "parameters"
            "AUC (%)"
            "paper (%)"
            "difference"
            "reproduced"
            "by 100 steps (%)"
            "passes"
            "runs"
        ] [
            for dataSet, model, _, own in groups rows do
                if model = compared || (OutlierBaseline.Named model).IsSome then
                    [
                        dataSet
                        titleOf model
                        own.Head.Run.Parameters.ToString("N0", Globalization.CultureInfo.InvariantCulture)
                        own |> List.map _.Area |> spread
                        yield! against own (OutlierRows.published model dataSet)
                        own |> List.map _.Stepped |> spread
                        yield! ending own
                    ]
        ]

    /// <summary>In how many trainings the topmost layer is the best; nothing where no model has several.</summary>
    let finding (rows: OutlierRow list) : string option =
        match rows |> List.filter (fun row -> row.Areas.Length > 1) with
        | [] -> None
        | deep ->
            let best = deep |> List.filter (fun row -> row.Area >= List.max row.Areas)

            Some
                $"In {best.Length} of {deep.Length} trainings of several mixture layers the topmost layer has the largest area; the paper finds it the best detector."

    // The page's name: shared and independent parameters have pages of their own.
    let private page (options: OutlierOptions) =
        if options.Shared then
            "dcgmm-outliers-shared"
        else
            "dcgmm-outliers"

    let private charts page (rows: OutlierRow list) = [
        for dataSet, own in rows |> List.groupBy _.Job.DataSet do
            let first = own |> List.distinctBy (fun r -> r.Job.Instance, r.Job.Independent)

            let deep =
                first |> List.filter (fun r -> (OutlierBaseline.Named r.Job.Instance).IsNone)

            let beside =
                first
                |> List.filter (fun r -> r.Job.Instance = compared || (OutlierBaseline.Named r.Job.Instance).IsSome)

            for name, title, drawn in
                [
                    $"{page}-{dataSet}", "instances", deep
                    if beside.Length > 1 then
                        $"{page}-{dataSet}-models", "DCGMM and circuits", beside
                ] do
                if not drawn.IsEmpty then
                    PagePart.Lines(
                        name,
                        Chart.Line(
                            [ for row in drawn -> titleOf row.Job.Instance, row.Curve ],
                            title = $"{dataSet}: {title}, seed {drawn.Head.Job.Seed}",
                            x = "share of inliers kept",
                            y = "share of outliers rejected"
                        )
                    )
    ]

    let private protocol =
        "Models are trained on classes 1 to 9. Test images of all classes are scored by the loss of a mixture layer, for circuits by the log-likelihood. AUC is the area under the ROC curve of class 0 as outlier: how often an image of classes 1 to 9 scores higher than one of class 0, in percent, by the topmost layer; also by each layer, the lowest first. "
        + "By 100 steps: the area by trapezoids over 100 thresholds at even distances, which is how the paper has measured. Reproduced: the mean lies within two standard deviations of the published one, ours or theirs, or within 1 % of it. "
        + "Parameters are all that are trained; lower layers are the mixture layers below the top."

    let private circuits =
        "RAT-SPN: random halves to depth 4 in 10 repetitions; PD-SPN: Poon-Domingos regions over four vertical strips; both with 10 inputs and sums a region over binomial leaves of integer grey values, by expectation maximisation. "
        + "DGC-SPN: the generative network of its own paper by online hard EM, every image standardised by its own mean and deviation (0.1 added to it), as in the scripts of the paper: its score is the log-likelihood of the standardised image. The paper takes the best of a grid of sizes, trains DGC-SPN by soft EM with dropout, and gives pixels divided by 255 to binomial leaves of 255 trials."

    let private publish (output: TextWriter) (options: OutlierOptions) (rows: OutlierRow list) =
        let first, second = instances rows, models rows

        let runs = [
            for row in rows -> titleOf row.Job.Instance, OutlierRows.paperEpochs row.Job.Instance, row.Run
        ]

        ResultPage.publish output options.Main.Common (page options) Title (command options) [
            PagePart.Text protocol
            yield!
                DcgmmProtocol.shortened options.Main.Common runs
                |> Option.map PagePart.Text
                |> Option.toList
            if not first.Rows.IsEmpty then
                PagePart.Heading "Instances (Table I)"
                PagePart.Table first
                yield! finding rows |> Option.map PagePart.Text |> Option.toList
            if not options.Baselines.IsEmpty && not second.Rows.IsEmpty then
                PagePart.Heading "DCGMM-E and circuits (Table II)"
                PagePart.Text circuits
                PagePart.Table second
            PagePart.Heading "Inliers kept and outliers rejected (figure 10)"
            yield! charts (page options) rows
        ]

    // Multiplications; those of circuits are counted as in their own experiments.
    let private work (job: DcgmmTraining) =
        let variables = float (DataCatalogue.Find job.DataSet).Variables

        match OutlierBaseline.Named job.Instance with
        | None -> DcgmmProtocol.workOf job
        | Some OutlierBaseline.Rat -> DcgmmProtocol.imagesOf job * (150e3 + 2e3 * variables)
        | Some OutlierBaseline.PoonDomingos -> DcgmmProtocol.imagesOf job * (10e3 + 200.0 * variables)
        | Some OutlierBaseline.DgcSpn -> DcgmmProtocol.imagesOf job * 5e3 * variables

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run
        (options: OutlierOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : OutlierRow list =
        let common = options.Main.Common
        let files, models = OutlierResults common.Out, DcgmmModels common
        let data = Experiment.reader common.Data

        Experiment.run output line cancellation {
            Title = Title
            Notes = DcgmmOptions.notes options.Main
            Common = common
            Jobs = jobs options
            Files = files.Files
            Read =
                fun () ->
                    files.Read()
                    |> List.filter (fun row -> DcgmmProtocol.isWhole common row.Job row.Run)
            JobOf = _.Job
            Work = work
            Name = fun job -> $"{job.DataSet}, {titleOf job.Instance}, seed {job.Seed}"
            Perform =
                fun report job ->
                    let row = OutlierRows.perform models data common cancellation report job
                    row, $"AUC {percent row.Area}%%, {DcgmmProtocol.words row.Run}"
            Append = files.Append
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
