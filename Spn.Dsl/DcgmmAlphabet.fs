namespace Spn

open System
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise

/// <summary>What the lowest mixture layer has learned.</summary>
type AlphabetRow = {
    /// <summary>The training.</summary>
    Job: DcgmmTraining
    /// <summary>How it went.</summary>
    Run: DcgmmRun
    /// <summary>Number of its components.</summary>
    Components: int
    /// <summary>Mean distance of centroids that are neighbours on the grid of annealing, as a share of the mean distance of all pairs.</summary>
    Neighbours: float
}

/// <summary>Centroids of the lowest mixture layer as small pictures, a visual alphabet: figure 14 of Gepperth 2022.</summary>
[<RequireQualifiedAccess>]
module DcgmmAlphabet =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-alphabet.fsx"

    [<Literal>]
    let private Title = "The visual alphabet of deep Gaussian mixtures"

    /// <summary>Passes of the paper.</summary>
    [<Literal>]
    let PaperEpochs = 10

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : DcgmmOptions =
        DcgmmOptions.parse Program (List.ofSeq Dcgmm.Names) [ "B" ] arguments

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

    /// <summary>The centroids of the lowest mixture layer of a model whose cells share them: patches, row by row.</summary>
    /// <exception cref="T:System.ArgumentException">Cells have centroids of their own.</exception>
    let centroids (model: LayerwiseModel) : float[][] =
        let name = $"layer{Seq.head model.MixtureLayers}.centroids"
        let tensor = model.Tensors |> Seq.find (fun tensor -> tensor.Name = name)

        if tensor.Shape[0] <> 1 then
            invalidArg (nameof model) "Each cell has centroids of its own; an alphabet is one that all cells share."

        model.Parameters.Slice(tensor.Offset, tensor.Count).ToArray()
        |> Array.map float
        |> Array.chunkBySize tensor.Shape[2]

    /// <summary>Mean distance of neighbours on the periodic square grid as a share of that of all pairs.</summary>
    /// <param name="centroids">A square number of them, at least 4, in the order of the grid's rows.</param>
    let neighbours (centroids: float[][]) : float =
        let side = int (Math.Round(sqrt (float centroids.Length)))

        let distance a b =
            Array.map2 (fun x y -> (x - y) * (x - y)) centroids[a] centroids[b]
            |> Array.sum
            |> sqrt

        let near = [
            for row in 0 .. side - 1 do
                for column in 0 .. side - 1 do
                    distance (row * side + column) (row * side + (column + 1) % side)
                    distance (row * side + column) ((row + 1) % side * side + column)
        ]

        let all = [
            for a in 0 .. centroids.Length - 1 do
                for b in 0 .. a - 1 -> distance a b
        ]

        List.average near / List.average all

    /// <summary>A line a training.</summary>
    let table (rows: AlphabetRow list) : Table =
        Table.create [
            "data"
            "instance"
            "seed"
            "components"
            "distance of neighbours (% of all pairs)"
            "passes"
        ] [
            for row in rows ->
                [
                    row.Job.DataSet
                    row.Job.Instance
                    string row.Job.Seed
                    string row.Components
                    ResultFile.Cell(100.0 * row.Neighbours, "0")
                    ResultFile.Cell(row.Run.Passes, "0.#")
                ]
        ]

    /// <summary>The name of the picture of a training.</summary>
    let picture (job: DcgmmTraining) : string =
        $"dcgmm-alphabet-{DcgmmProtocol.nameOf job}.png"

    let private protocol =
        "Centroids of the lowest mixture layer, which all cells share, in the order of the periodic grid on which annealing has laid the components out: neighbours resemble each other. Black is 0, white is the greatest value of a centroid."

    let private publish (output: TextWriter) (options: DcgmmOptions) (rows: AlphabetRow list) =
        let runs = [ for row in rows -> $"instance {row.Job.Instance}", PaperEpochs, row.Run ]

        ResultPage.publish output options.Common "dcgmm-alphabet" Title (options |> DcgmmOptions.command Program []) [
            PagePart.Text protocol
            yield!
                DcgmmProtocol.shortened options.Common runs
                |> Option.map PagePart.Text
                |> Option.toList
            PagePart.Heading "Centroids (figure 14)"
            PagePart.Table(table rows)
            for row in rows do
                let path = Path.Combine(options.Common.Out, picture row.Job)

                if File.Exists path then
                    PagePart.Picture($"{row.Job.DataSet}, instance {row.Job.Instance}, seed {row.Job.Seed}", path)
        ]

    let private toLine (row: AlphabetRow) =
        String.concat "," [
            yield! DcgmmProtocol.trainingCells row.Job
            yield! DcgmmProtocol.runCells row.Run
            string row.Components
            ResultFile.Cell(row.Neighbours, "0.00000")
        ]

    let private ofCells (cells: string[]) = {
        Job = DcgmmProtocol.ofTrainingCells cells
        Run = DcgmmProtocol.ofRunCells cells 7
        Components = Int32.Parse cells[12]
        Neighbours = ResultFile.Number cells[13]
    }

    let private perform (models: DcgmmModels) (options: DcgmmOptions) cancellation report (job: DcgmmTraining) =
        let model, run = models.Train(report, cancellation, job)
        let patches = centroids model
        let side = int (Math.Round(sqrt (float patches[0].Length)))

        Chart.SampleGrid(
            patches,
            side,
            side,
            columns = int (Math.Round(sqrt (float patches.Length))),
            low = 0.0,
            high = (patches |> Array.map Array.max |> Array.max)
        )
        |> Chart.savePicture (Path.Combine(options.Common.Out, picture job))
        |> ignore

        let row = {
            Job = job
            Run = run
            Components = patches.Length
            Neighbours = neighbours patches
        }

        row,
        $"""neighbours at {ResultFile.Cell(100.0 * row.Neighbours, "0")}%% of the distance of all, {DcgmmProtocol.words run}"""

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
        : AlphabetRow list =
        let file =
            ResultFile(
                Path.Combine(options.Common.Out, "dcgmm-alphabet.csv"),
                $"{DcgmmProtocol.TrainingHeader},{DcgmmProtocol.RunHeader},components,neighbours"
            )

        let models = DcgmmModels options.Common

        Experiment.run output line cancellation {
            Title = Title
            Notes = DcgmmOptions.notes options
            Common = options.Common
            Jobs = jobs options
            Files = [ file ]
            Read =
                fun () ->
                    file.Read ofCells
                    |> List.filter (fun row -> DcgmmProtocol.isWhole options.Common row.Job row.Run)
            JobOf = _.Job
            Work = DcgmmProtocol.workOf
            Name = fun job -> $"{job.DataSet}, instance {job.Instance}, seed {job.Seed}"
            Perform = perform models options cancellation
            Append = fun row -> file.Append [ toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
