namespace Spn

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>Losses of all mixture layers at one time of a training, lowest layer first.</summary>
type DynamicsPoint = {
    /// <summary>Passes done.</summary>
    Pass: float
    /// <summary>Mean loss that training has raised since the point before, in nats; NaN for layers that have not started.</summary>
    Train: float list
    /// <summary>Mean loss of test images, in nats, without annealing.</summary>
    Test: float list
    /// <summary>Radius of the annealing filter, in components.</summary>
    Radii: float list
}

/// <summary>One training and its losses over time.</summary>
type DynamicsRow = {
    /// <summary>The training.</summary>
    Job: DcgmmTraining
    /// <summary>How it went.</summary>
    Run: DcgmmRun
    /// <summary>Losses, in order.</summary>
    Curve: DynamicsPoint list
}

/// <summary>What the loss of one layer did.</summary>
type LayerDynamics = {
    /// <summary>Pass from which the layer was trained.</summary>
    Starts: float
    /// <summary>Pass at which the loss was least.</summary>
    Lowest: float
    /// <summary>How far it had fallen by then from the first point, as a share of its whole range.</summary>
    Dip: float
    /// <summary>First pass from which the loss stayed within a tenth of its range of the last value.</summary>
    Converged: float
}

/// <summary>Losses of the layers of a deep Gaussian mixture during training: figure 4 of Gepperth 2022.</summary>
[<RequireQualifiedAccess>]
module DcgmmDynamics =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-dynamics.fsx"

    [<Literal>]
    let private Title = "How the layers of deep Gaussian mixtures learn"

    /// <summary>Passes of the paper.</summary>
    [<Literal>]
    let PaperEpochs = 3

    /// <summary>Times that losses are measured, and test images that they are measured on.</summary>
    let Points, Measured = 50, 500

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : DcgmmOptions =
        DcgmmOptions.parse Program (List.ofSeq Spn.Core.Layerwise.Dcgmm.Names) [ "F" ] arguments

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: DcgmmOptions) : DcgmmTraining list = [
        for entry in options.Sets do
            for instance in options.Instances do
                for seed in options.Common.Seeds do
                    {
                        DataSet = entry.Name
                        Classes = DcgmmClasses.All
                        Instance = instance
                        Independent = false
                        Seed = seed
                        Epochs = DcgmmProtocol.epochs options.Common entry.Name PaperEpochs
                        Images = defaultArg options.Common.Images 0
                    }
    ]

    /// <summary>What the test loss of each layer did, lowest layer first.</summary>
    /// <param name="curve">Losses over time, at least one point.</param>
    let layers (curve: DynamicsPoint list) : LayerDynamics list = [
        for layer in 0 .. curve.Head.Test.Length - 1 do
            let losses = curve |> List.map (fun point -> point.Pass, point.Test[layer])
            let values = losses |> List.map snd
            let range = List.max values - List.min values
            let last = List.last values

            let share value =
                if range > 0.0 then value / range else 0.0

            let near (_, value) = share (abs (value - last)) <= 0.1

            {
                Starts =
                    curve
                    |> List.tryFindIndex (fun point -> not (Double.IsNaN point.Train[layer]))
                    |> Option.map (fun index -> if index = 0 then 0.0 else curve[index - 1].Pass)
                    |> Option.defaultValue nan
                Lowest = losses |> List.minBy snd |> fst
                Dip = share (values.Head - List.min values)
                Converged = losses |> List.rev |> List.takeWhile near |> List.last |> fst
            }
    ]

    let private cell (format: string) value = ResultFile.Cell(value, format)

    /// <summary>A line for each layer of each training.</summary>
    let table (rows: DynamicsRow list) : Table =
        Table.create [
            "data"
            "instance"
            "seed"
            "mixture layer"
            "learns from pass"
            "least loss at pass"
            "dip (% of range)"
            "near its end from pass"
            "last loss (nats)"
        ] [
            for row in rows do
                for index, layer in List.indexed (layers row.Curve) do
                    [
                        row.Job.DataSet
                        row.Job.Instance
                        string row.Job.Seed
                        string (index + 1)
                        cell "0.00" layer.Starts
                        cell "0.00" layer.Lowest
                        cell "0" (100.0 * layer.Dip)
                        cell "0.00" layer.Converged
                        cell "0.0" (List.last row.Curve).Test[index]
                    ]
        ]

    /// <summary>What a training shows of the paper's two findings, in a sentence.</summary>
    let finding (row: DynamicsRow) : string =
        let found = layers row.Curve
        let ends = found |> List.map _.Converged
        let ordered = List.pairwise ends |> List.forall (fun (low, high) -> low <= high)

        let dips =
            found
            |> List.indexed
            |> List.filter (fun (index, layer) -> index > 0 && layer.Dip > 0.01)
            |> List.map (fun (index, _) -> string (index + 1))

        let near = ends |> List.map (cell "0.00") |> String.concat ", "

        let dipped =
            match dips with
            | [] -> "no higher loss dips first"
            | layers -> $"""losses that dip before they rise: layer {String.concat ", " layers}"""

        $"""{row.Job.DataSet}, seed {row.Job.Seed}: layers are near their end from pass {near} on, {(if ordered then
                                                                                                         "one after another from below"
                                                                                                     else
                                                                                                         "not one after another from below")}; {dipped}."""

    // Losses of different layers are not in one unit: each is drawn between its own least and greatest value.
    let private chart (row: DynamicsRow) =
        let job = row.Job

        let scaled layer =
            let values = row.Curve |> List.map (fun point -> point.Test[layer])
            let low, high = List.min values, List.max values
            let range = if high > low then high - low else 1.0

            row.Curve
            |> List.map (fun point -> point.Pass, (point.Test[layer] - low) / range)

        PagePart.Lines(
            $"dcgmm-dynamics-{job.DataSet}-{job.Instance}-seed{job.Seed}",
            Chart.Line(
                [
                    for layer in 0 .. row.Curve.Head.Test.Length - 1 -> $"mixture layer {layer + 1}", scaled layer
                ],
                title = $"{job.DataSet}: instance {job.Instance}, seed {job.Seed}",
                x = "pass over the images",
                y = "test loss between its least and its greatest value"
            )
        )

    let private protocol =
        $"All images are learned; all cells of a mixture layer share their parameters. Layers start one after another, at shares 0, 0.1, 0.2, ... of all steps. Losses are measured {Points} times on at most {Measured} test images. Losses of different layers cannot be compared, so each is drawn between its least and its greatest value. "
        + "Dip: how far a loss falls below its first value, in percent of its range. Near its end: within a tenth of the range of its last value, from then on."

    let private publish (output: TextWriter) (options: DcgmmOptions) (rows: DynamicsRow list) =
        let measured = rows |> List.filter (fun row -> not row.Curve.IsEmpty)

        let runs = [ for row in rows -> $"instance {row.Job.Instance}", PaperEpochs, row.Run ]

        ResultPage.publish output options.Common "dcgmm-dynamics" Title (options |> DcgmmOptions.command Program []) [
            PagePart.Text protocol
            yield!
                DcgmmProtocol.shortened options.Common runs
                |> Option.map PagePart.Text
                |> Option.toList
            PagePart.Heading "Losses over time (figure 4)"
            PagePart.Table(table measured)
            for row in measured do
                PagePart.Text(finding row)
                chart row
        ]

    let private files folder =
        ResultFile(
            Path.Combine(folder, "dcgmm-dynamics-curves.csv"),
            $"{DcgmmProtocol.TrainingHeader},pass,layer,train_loss,test_loss,radius"
        ),
        ResultFile(
            Path.Combine(folder, "dcgmm-dynamics.csv"),
            $"{DcgmmProtocol.TrainingHeader},{DcgmmProtocol.RunHeader}"
        )

    let private read (curves: ResultFile, rows: ResultFile) () =
        let points =
            curves.Read(fun cells ->
                DcgmmProtocol.ofTrainingCells cells,
                (ResultFile.Number cells[7], Int32.Parse cells[8], cells[9..11] |> Array.map ResultFile.Number))
            |> List.groupBy fst
            |> List.map (fun (job, points) ->
                KeyValuePair(
                    job,
                    points
                    |> List.map snd
                    |> List.groupBy (fun (pass, _, _) -> pass)
                    |> List.map (fun (pass, own) ->
                        // A run that was ended between curve and row left a curve of its own.
                        let own =
                            own
                            |> List.rev
                            |> List.distinctBy (fun (_, layer, _) -> layer)
                            |> List.sortBy (fun (_, layer, _) -> layer)

                        let column index =
                            own |> List.map (fun (_, _, values) -> values[index])

                        {
                            Pass = pass
                            Train = column 0
                            Test = column 1
                            Radii = column 2
                        })
                ))
            |> Dictionary

        rows.Read(fun cells ->
            let job = DcgmmProtocol.ofTrainingCells cells

            {
                Job = job
                Run = DcgmmProtocol.ofRunCells cells 7
                Curve =
                    match points.TryGetValue job with
                    | true, curve -> curve
                    | _ -> []
            })

    let private append (curves: ResultFile, rows: ResultFile) (row: DynamicsRow) =
        let job = DcgmmProtocol.trainingCells row.Job

        curves.Append [
            for point in row.Curve do
                for layer in 0 .. point.Test.Length - 1 do
                    String.concat "," [
                        yield! job
                        cell "0.#####" point.Pass
                        string (layer + 1)
                        cell "0.00000" point.Train[layer]
                        cell "0.00000" point.Test[layer]
                        cell "0.00000" point.Radii[layer]
                    ]
        ]

        rows.Append [ String.concat "," (job @ DcgmmProtocol.runCells row.Run) ]

    let private perform (models: DcgmmModels) (options: DcgmmOptions) cancellation report (job: DcgmmTraining) =
        let images = models.Images job.DataSet

        let train, _ =
            DcgmmProtocol.ofClasses job.Classes job.Images images.Train images.TrainClasses

        let measured =
            images.Test
            |> Evidence.rows (Experiment.spaced (Some Measured) images.Test.Count)

        let model =
            (DcgmmProtocol.spec images job.Instance job.Independent).Compile(job.Seed, options.Common.Threads)

        let result, run =
            model
            |> DcgmmProtocol.fit
                report
                cancellation
                options.Common
                (DcgmmProtocol.settings job Points)
                train
                None
                (Some(measured, None))

        let row = {
            Job = job
            Run = run
            Curve = [
                for point in result.Curve ->
                    {
                        Pass = float point.Step / float result.Steps * run.Passes
                        Train = List.ofSeq point.Train
                        Test = List.ofSeq point.Valid
                        Radii = List.ofSeq point.Radii
                    }
            ]
        }

        row, DcgmmProtocol.words run

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
        : DynamicsRow list =
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
            Work = DcgmmProtocol.workOf
            Name = fun job -> $"{job.DataSet}, instance {job.Instance}, seed {job.Seed}"
            Perform = perform models options cancellation
            Append = append (curves, rows)
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
