namespace Spn

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise

/// <summary>What a deep Gaussian mixture with a classifier on top reached.</summary>
type DcgmmClassifyRow = {
    /// <summary>The training; its instance is B or released, with -step-1 or -falling behind it where the classifier takes other steps.</summary>
    Job: DcgmmTraining
    /// <summary>How it went.</summary>
    Run: DcgmmRun
    /// <summary>Share of the test images whose likeliest class is theirs.</summary>
    Accuracy: float
    /// <summary>Passes done, and that share among some of the test images, during training.</summary>
    Curve: (float * float) list
}

/// <summary>Images classified by deep Gaussian mixtures: Table IV of Gepperth 2022.</summary>
[<RequireQualifiedAccess>]
module DcgmmClassification =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-classification.fsx"

    [<Literal>]
    let private Title = "Images classified by deep Gaussian mixtures"

    /// <summary>Passes of the paper.</summary>
    [<Literal>]
    let PaperEpochs = 15

    /// <summary>Test images that the curve is measured on.</summary>
    [<Literal>]
    let Measured = 1000

    // What stands behind the name of an instance, behind its title, and the classifier's step sizes at the start and at the end. The
    // released scripts have the first.
    let private steps = [
        "", "", (0.1, 0.1)
        "-step-1", ", step 1", (1.0, 1.0)
        "-falling", ", falling step", (1.0, 0.0)
    ]

    let private instances = [
        for stack in [ "B"; "released" ] do
            for ending, _, _ in steps -> stack + ending
    ]

    let private stackOf (instance: string) = instance.Split('-')[0]

    let private stepsOf instance =
        steps |> List.find (fun (ending, _, _) -> stackOf instance + ending = instance)

    /// <summary>Published accuracies in percent, with deviations where they have one: the paper's own instance, then models of other papers.</summary>
    let published: (string * string * float * float option) list = [
        "mnist", "DCGMM-B", 98.0, Some 0.1
        "mnist", "RAT-SPN", 98.19, None
        "mnist", "DGC-SPN", 98.66, None
        "fashion-mnist", "DCGMM-B", 89.6, Some 0.2
        "fashion-mnist", "RAT-SPN", 89.52, None
        "fashion-mnist", "DGC-SPN", 90.74, None
    ]

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : DcgmmOptions =
        DcgmmOptions.parse Program instances instances arguments

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: DcgmmOptions) : DcgmmTraining list = [
        for entry in options.Sets do
            for instance in options.Instances do
                for seed in options.Common.Seeds do
                    {
                        DataSet = entry.Name
                        Classes = DcgmmClasses.All
                        Instance = instance
                        // Table IV is of instance B as the paper counts it; the released one says itself what is independent.
                        Independent = (stackOf instance = "released")
                        Seed = seed
                        Epochs = DcgmmProtocol.epochs options.Common entry.Name PaperEpochs
                        Images = defaultArg options.Common.Images 0
                    }
    ]

    /// <summary>Instance B under a classifier that reads both mixture layers, or the instance of the released scripts; of the same kind for 8 x 8 pixels.</summary>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="instance">B or released, alone or with -step-1 or -falling.</param>
    let spec (images: DcgmmImages) (instance: string) : LayerwiseSpec =
        match stackOf instance, images.Height with
        | "B", _ -> (DcgmmProtocol.spec images "B" false).Classifier(10, 1, 3)
        | _, 8 ->
            Gmm.stack (Variables.Image(height = 8, width = 8)) [
                Gmm.Folding(kernel = 2, stride = 2)
                Gmm.Mixture(25, independent = true)
                Gmm.Folding(kernel = 4)
                Gmm.Mixture 16
                Gmm.Classifier(10, reads = [ 1 ])
            ]
        | _ -> Dcgmm.Classification()

    let private titleOf instance =
        let stack =
            if stackOf instance = "B" then
                "DCGMM-B"
            else
                "released instance"

        let _, title, _ = stepsOf instance
        stack + title

    let private percent (value: float) = ResultFile.Cell(100.0 * value, "0.00")

    let private spread values =
        let mean = List.average values

        if values.Length = 1 then
            percent mean
        else
            let square = values |> List.sumBy (fun v -> (v - mean) ** 2.0)
            $"{percent mean} ± {percent (sqrt (square / float (values.Length - 1)))}"

    /// <summary>Test accuracies beside the published ones.</summary>
    let table (rows: DcgmmClassifyRow list) : Table =
        Table.create [
            "data"
            "model"
            "layers"
            "parameters"
            "test accuracy (%)"
            "paper (%)"
            "passes"
            "runs"
        ] [
            for dataSet, ofSet in rows |> List.groupBy _.Job.DataSet do
                for instance, own in ofSet |> List.groupBy _.Job.Instance do
                    [
                        dataSet
                        titleOf instance
                        (if stackOf instance = "B" then
                             "C reads both mixture layers"
                         else
                             "C reads the first mixture layer")
                        own.Head.Run.Parameters.ToString("N0", Globalization.CultureInfo.InvariantCulture)
                        own |> List.map _.Accuracy |> spread
                        published
                        |> List.tryPick (fun (set, model, mean, deviation) ->
                            match deviation with
                            | Some deviation when set = dataSet && model = titleOf "B" ->
                                Some $"""{ResultFile.Cell(mean, "0.0")} ± {ResultFile.Cell(deviation, "0.0")}"""
                            | _ -> None)
                        |> Option.defaultValue "-"
                        ResultFile.Cell(own |> List.map _.Run.Passes |> List.min, "0.#")
                        string own.Length
                    ]

                for set, model, mean, deviation in published do
                    if set = dataSet && deviation.IsNone then
                        [ set; model; "published"; "-"; "-"; ResultFile.Cell(mean, "0.00"); "-"; "-" ]
        ]

    let private protocol =
        "DCGMM-B: F(8,2)-G(49)-F(11,1)-G(49)-C(10), the classifier reading both mixture layers, as the paper says. Released instance: F(4,2)-G(121, a set of parameters for each cell)-F(13,1)-G(16)-C(10), the classifier reading the first mixture layer, as in the scripts of the paper. "
        + $"The classifier learns at step size 0.1, as in the scripts, at 1, or at one that falls evenly from 1 to 0, together with the mixture layers, which it does not touch. The paper has one accuracy a data set, which stands beside all of them. Accuracies are those of the last parameters on all test images; during training they are measured on at most {Measured} of them."

    let private publish (output: TextWriter) (options: DcgmmOptions) (rows: DcgmmClassifyRow list) =
        let runs = [ for row in rows -> titleOf row.Job.Instance, PaperEpochs, row.Run ]

        ResultPage.publish
            output
            options.Common
            "dcgmm-classification"
            Title
            (options |> DcgmmOptions.command Program [])
            [
                PagePart.Text protocol
                yield!
                    DcgmmProtocol.shortened options.Common runs
                    |> Option.map PagePart.Text
                    |> Option.toList
                PagePart.Heading "Test accuracy (Table IV)"
                PagePart.Table(table rows)
                for dataSet, own in rows |> List.groupBy _.Job.DataSet do
                    let first =
                        own
                        |> List.distinctBy _.Job.Instance
                        |> List.filter (fun row -> not row.Curve.IsEmpty)

                    if not first.IsEmpty then
                        PagePart.Lines(
                            $"dcgmm-classification-{dataSet}",
                            Chart.Line(
                                [
                                    for row in first ->
                                        titleOf row.Job.Instance,
                                        [ for pass, accuracy in row.Curve -> pass, 100.0 * accuracy ]
                                ],
                                title = $"{dataSet}: accuracy during training, seed {first.Head.Job.Seed}",
                                x = "pass over the images",
                                y = "test accuracy (%)"
                            )
                        )
            ]

    let private files folder =
        ResultFile(
            Path.Combine(folder, "dcgmm-classification-curves.csv"),
            $"{DcgmmProtocol.TrainingHeader},pass,accuracy"
        ),
        ResultFile(
            Path.Combine(folder, "dcgmm-classification.csv"),
            $"{DcgmmProtocol.TrainingHeader},{DcgmmProtocol.RunHeader},accuracy"
        )

    let private read (curves: ResultFile, rows: ResultFile) () =
        let points =
            curves.Read(fun cells ->
                DcgmmProtocol.ofTrainingCells cells, (ResultFile.Number cells[7], ResultFile.Number cells[8]))
            |> List.groupBy fst
            // A run that was ended between curve and row left a curve of its own.
            |> List.map (fun (job, points) ->
                KeyValuePair(job, points |> List.map snd |> List.rev |> List.distinctBy fst |> List.sortBy fst))
            |> Dictionary

        rows.Read(fun cells ->
            let job = DcgmmProtocol.ofTrainingCells cells

            {
                Job = job
                Run = DcgmmProtocol.ofRunCells cells 7
                Accuracy = ResultFile.Number cells[12]
                Curve =
                    match points.TryGetValue job with
                    | true, curve -> curve
                    | _ -> []
            })

    let private append (curves: ResultFile, rows: ResultFile) (row: DcgmmClassifyRow) =
        let job = DcgmmProtocol.trainingCells row.Job
        let share value = ResultFile.Cell(value, "0.00000")

        curves.Append [
            for pass, accuracy in row.Curve ->
                String.concat "," (job @ [ ResultFile.Cell(pass, "0.#####"); share accuracy ])
        ]

        rows.Append [
            String.concat "," (job @ DcgmmProtocol.runCells row.Run @ [ share row.Accuracy ])
        ]

    let private perform (models: DcgmmModels) (options: DcgmmOptions) cancellation report (job: DcgmmTraining) =
        let images = models.Images job.DataSet

        let train, classes =
            DcgmmProtocol.ofClasses job.Classes job.Images images.Train images.TrainClasses

        let chosen = Experiment.spaced (Some Measured) images.Test.Count

        let measured =
            images.Test |> Evidence.rows chosen, chosen |> Array.map (fun i -> images.TestClasses[i]) |> Some

        let model = (spec images job.Instance).Compile(job.Seed, options.Common.Threads)

        let _, _, rates = stepsOf job.Instance

        let result, run =
            model
            |> DcgmmProtocol.fit
                report
                cancellation
                options.Common
                (DcgmmProtocol.settingsAt rates { job with Instance = "B" } job.Epochs)
                train
                (Some classes)
                (Some measured)

        let right =
            Array.map2
                (fun found truth -> if found = truth then 1.0 else 0.0)
                (model.Classify(images.Test, cancellation))
                images.TestClasses

        let row = {
            Job = job
            Run = run
            Accuracy = Array.average right
            Curve = [
                for point in result.Curve ->
                    float point.Step / float result.Steps * run.Passes, point.Accuracy.GetValueOrDefault nan
            ]
        }

        row, $"test accuracy {percent row.Accuracy}%%, {DcgmmProtocol.words run}"

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run
        (options: DcgmmOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : DcgmmClassifyRow list =
        let curves, rows = files options.Common.Out
        let models = DcgmmModels options.Common

        Experiment.run output line cancellation {
            Title = Title
            Notes = DcgmmOptions.notes options
            Common = options.Common
            Jobs = jobs options
            Files = [ curves; rows ]
            Read =
                fun () ->
                    read (curves, rows) ()
                    |> List.filter (fun row -> DcgmmProtocol.isWhole options.Common row.Job row.Run)
            JobOf = _.Job
            // All instances multiply about as often.
            Work = fun job -> DcgmmProtocol.workOf { job with Instance = "B" }
            Name = fun job -> $"{job.DataSet}, {titleOf job.Instance}, seed {job.Seed}"
            Perform = perform models options cancellation
            Append = append (curves, rows)
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
