namespace Spn

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>What the experiment is to do.</summary>
type StructureOptions = {
    /// <summary>The data sets, in order.</summary>
    Sets: DataEntry list
    /// <summary>The structures, in order.</summary>
    Models: ImageModel list
    /// <summary>The inputs, in order.</summary>
    Leaves: ImageLeaves list
    /// <summary>What is asked, in order.</summary>
    Tasks: ImageTask list
    /// <summary>Numbers of channels, in order.</summary>
    Channels: int list
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>RAT-SPN and PD-SPN on images: options, pages and the run.</summary>
[<RequireQualifiedAccess>]
module StructuresImages =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/structures-images.fsx"

    let private mnist, fashion =
        DataCatalogue.Find "mnist", DataCatalogue.Find "fashion-mnist"

    let private sets = [ for entry in [ mnist; fashion; DgcSpnOptions.digits ] -> entry.Name, entry ]

    let private named (name: 'value -> string) values = [ for value in values -> name value, value ]

    let private channels (text: string) =
        Script.words text
        |> List.map (fun word ->
            match Int32.TryParse word with
            | true, count -> Script.atLeastOne "--channels" count
            | _ -> invalidArg "channels" $"\"{word}\" is no number of channels.")
        |> List.distinct

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : StructureOptions =
        let given = CommandLine.Parse<StructureArguments>(Program, arguments)

        let data =
            DataFolder.Find(given.TryGetResult StructureArguments.Data |> Option.toObj)

        let quick = given.Contains StructureArguments.Quick

        let usual =
            match
                [ mnist; fashion ]
                |> List.filter (fun e -> DataCatalogue.IsPresent(e, data.Path))
            with
            | present when quick || present.IsEmpty -> DgcSpnOptions.digits.Name
            | present -> present |> List.map _.Name |> String.concat ","

        let options = {
            Sets = given.GetResult(StructureArguments.Sets, usual) |> Script.choices "sets" sets
            Models =
                given.GetResult(StructureArguments.Models, "rat,pd")
                |> Script.choices "models" (named _.Name [ ImageModel.Rat; ImageModel.PoonDomingos ])
            Leaves =
                given.GetResult(StructureArguments.Leaves, "binomial")
                |> Script.choices "leaves" (named _.Name ImageLeaves.All)
            Tasks =
                given.GetResult(StructureArguments.Tasks, "density,outliers")
                |> Script.choices "tasks" (named _.Name [ ImageTask.Density; ImageTask.Outliers ])
            Channels =
                given.GetResult(StructureArguments.Channels, (if quick then "4" else "10"))
                |> channels
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(StructureArguments.Seeds, "1"))
                    (given.TryGetResult StructureArguments.Threads)
                    (given.TryGetResult StructureArguments.Out, given.TryGetResult StructureArguments.Markdown)
                    (given.Contains StructureArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some 3 else None)
                    (given.TryGetResult StructureArguments.Epochs)
                    (given.TryGetResult StructureArguments.Images)
                    (given.TryGetResult StructureArguments.Budget)
        }

        if options.Channels.IsEmpty then
            invalidArg "options" "Name at least one number of channels."

        Script.requirePresent data options.Sets
        options

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: StructureOptions) : ImageTraining list = [
        for entry in options.Sets do
            for channels in options.Channels do
                for leaves in options.Leaves do
                    for model in options.Models do
                        for task in options.Tasks do
                            for seed in options.Common.Seeds do
                                {
                                    DataSet = entry.Name
                                    Model = model
                                    Leaves = leaves
                                    Channels = channels
                                    Task = task
                                    Seed = seed
                                    Epochs = options.Common.Epochs |> Option.defaultValue ImageProtocol.PaperEpochs
                                    Images = defaultArg options.Common.Images 0
                                }
    ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: StructureOptions) : string =
        let list items = String.concat "," items

        String.concat " " [
            $"{Program} --sets {list [ for entry in options.Sets -> entry.Name ]}"
            $"--models {list [ for model in options.Models -> model.Name ]}"
            $"--leaves {list [ for leaves in options.Leaves -> leaves.Name ]}"
            $"--tasks {list [ for task in options.Tasks -> task.Name ]}"
            $"--channels {options.Channels |> List.map string |> list}"
            yield! ExperimentOptions.words options.Common
        ]

    let private cell (format: string) (value: float) =
        value.ToString(format, CultureInfo.InvariantCulture)

    // Mean and, of several, deviation over seeds.
    let private over (rows: ImageResult list) format (read: ImageResult -> float) =
        let values = rows |> List.map read
        let mean = List.average values

        if values.Length = 1 then
            cell format mean
        else
            let square = values |> List.sumBy (fun v -> (v - mean) ** 2.0)
            $"{cell format mean} ± {cell format (sqrt (square / float (values.Length - 1)))}"

    let private mark (rows: ImageResult list) =
        if
            rows
            |> List.exists (fun r -> r.Passes < float ImageProtocol.PaperEpochs || r.Job.Images > 0)
        then
            "shortened"
        else
            "whole"

    let private groups task (rows: ImageResult list) =
        rows
        |> List.filter (fun r -> r.Job.Task = task)
        |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Leaves, r.Job.Channels, r.Job.Model)

    /// <summary>Test log-likelihoods and bits per dimension, a line a model.</summary>
    let density (rows: ImageResult list) : Table =
        Table.create [
            "data"
            "model"
            "leaves"
            "K"
            "parameters"
            "test (nats)"
            "bits per dimension"
            "images/s"
            "passes"
            "seeds"
            "training"
        ] [
            for (data, leaves, channels, model), own in groups ImageTask.Density rows ->
                [
                    data
                    model.Title
                    leaves.Name
                    string channels
                    cell "N0" (float own.Head.Parameters)
                    over own "0.0" _.TestLl
                    over own "0.000" _.Bits
                    cell "N0" (own |> List.averageBy _.ImagesPerSecond)
                    cell "0.#" (own |> List.map _.Passes |> List.min)
                    string own.Length
                    mark own
                ]
        ]

    /// <summary>How well class 0 is told from the classes trained on, beside the paper's numbers.</summary>
    let outliers (rows: ImageResult list) : Table =
        Table.create [
            "data"
            "model"
            "leaves"
            "K"
            "AUC (%)"
            "paper (%)"
            "passes"
            "seeds"
            "training"
        ] [
            for (data, leaves, channels, model), own in groups ImageTask.Outliers rows ->
                [
                    data
                    model.Title
                    leaves.Name
                    string channels
                    over own "0.0" (fun r -> 100.0 * r.Auc)
                    ImageProtocol.paperAuc model data
                    |> Option.map (fun (mean, deviation) -> $"""{cell "0.0" mean} ± {cell "0.0" deviation}""")
                    |> Option.defaultValue "-"
                    cell "0.#" (own |> List.map _.Passes |> List.min)
                    string own.Length
                    mark own
                ]
        ]

    let private protocol =
        "RAT-SPN: random halves to depth 4 in 10 repetitions. PD-SPN: Poon-Domingos regions over four vertical strips. Both are Einsum networks of K inputs and K sums a region, "
        + "trained by expectation maximisation, a step of 0.41 for every 500 images, which forgets as much as the paper's five of 0.1 for 100 each; the last parameters are kept. Binomial and categorical leaves take integer grey values as they are, and bits per dimension are those of their probabilities; even probabilities of 256 values take 8 bits. Categorical leaves, and the sums above them, are smoothed by a tenth of an image a step. "
        + "For normal leaves a random number from 0 to 1 is added to every grey value, and densities are by grey value: on average, their bits per dimension are at least those that the model would need for the integers."

    let private outlierText =
        "Models are trained on classes 1 to 9 and score test images of all classes by log-likelihood; the area under the ROC curve is how often an image of classes 1 to 9 scores higher than one of class 0, in percent. "
        + "The paper is Gepperth 2022, Table II: five runs, binomial leaves that were given pixels divided by 255 where ours get integers, and the best of a grid of sizes."

    let private folderOf (path: string) = string (Path.GetDirectoryName path)

    let private publish (output: TextWriter) (options: StructureOptions) (rows: ImageResult list) =
        let tables = [
            "Density", "", density rows
            "Class 0 as outlier", outlierText, outliers rows
        ]

        let tables = tables |> List.filter (fun (_, _, table) -> not table.Rows.IsEmpty)

        for title, _, table in tables do
            output.WriteLine()
            output.WriteLine title
            output.WriteLine(Table.toText table)

        output.WriteLine()

        let pictures = [
            for row in rows do
                let path = Path.Combine(options.Common.Out, ImageProtocol.picture row.Job)

                if
                    row.Job.Task = ImageTask.Density
                    && row.Job.Seed = options.Common.Seeds.Head
                    && File.Exists path
                then
                    let job = row.Job
                    $"{job.DataSet}: {job.Model.Title}, {job.Leaves.Name}, K = {job.Channels}", path
        ]

        let title, command = "RAT-SPN and PD-SPN on images", command options

        Report.html title [
            Report.Text protocol
            Report.Code command
            for heading, text, table in tables do
                Report.Heading heading
                Report.Text text
                Report.Table table
            if not pictures.IsEmpty then
                Report.Heading "Samples"

                for name, path in pictures do
                    Report.Chart(Chart.loadPicture name path)
        ]
        |> Report.save (Path.Combine(options.Common.Out, "structures-images.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        match options.Common.Markdown with
        | Some page ->
            let path =
                Report.save
                    page
                    (String.concat "\n\n" [
                        $"# {title}"
                        protocol
                        $"Made by\n\n```\n{command}\n```"
                        "The same command with `--resume --markdown FILE` writes this page again from the finished rows of the CSV file."
                        for heading, text, table in tables do
                            $"## {heading}"

                            if text <> "" then
                                text

                            Table.toMarkdown table
                        if not pictures.IsEmpty then
                            "## Samples"

                            for name, picture in pictures do
                                $"{name}\n\n![Samples]({Path.GetFileName picture})"
                     ]
                     + "\n")

            for _, picture in pictures do
                let beside = Path.Combine(folderOf path, string (Path.GetFileName picture))

                if Path.GetFullPath picture <> Path.GetFullPath beside then
                    File.Copy(picture, beside, overwrite = true)

            output.WriteLine $"Page: {path}, with {pictures.Length} pictures beside it"
        | None -> ()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: StructureOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let data = Experiment.reader options.Common.Data
        let file = ImageProtocol.file options.Common.Out

        let perform report (job: ImageTraining) =
            let report (now: Spn.Core.Training.TrainingProgress) =
                report
                    (Experiment.share options.Common now.Elapsed (float now.Step / float now.Steps))
                    (Progress.text now)

            let row, samples =
                ImageProtocol.train report cancellation options.Common (data job.DataSet) job

            samples
            |> Option.iter (
                Chart.savePicture (Path.Combine(options.Common.Out, ImageProtocol.picture job))
                >> ignore
            )

            let auc =
                if Double.IsNaN row.Auc then
                    ""
                else
                    $""", AUC {cell "0.000" row.Auc}"""

            row,
            $"""test {cell "0.0" row.TestLl} nats, {cell "0.000" row.Bits} bits per dimension{auc}, {Progress.duration (TimeSpan.FromSeconds row.Seconds)}, {cell "N0" row.ImagesPerSecond} images/s"""

        // Multiplications of an image at sums and inputs, each of which takes about as long as some twenty of them.
        let work (job: ImageTraining) =
            let entry, k = DataCatalogue.Find job.DataSet, float job.Channels

            let images =
                if job.Images = 0 then
                    entry.Train
                else
                    min job.Images entry.Train

            let partitions, replicas =
                match job.Model with
                | ImageModel.Rat -> 150.0, 10.0
                | ImageModel.PoonDomingos -> 10.0, 1.0

            float (images * job.Epochs)
            * (partitions * k ** 3.0 + 20.0 * float entry.Variables * k * replicas)

        Experiment.run output line cancellation {
            Title = "RAT-SPN and PD-SPN on images"
            Notes = [
                if options.Sets |> List.contains DgcSpnOptions.digits then
                    "The grey digits are built in and not in the paper."
            ]
            Common = options.Common
            Jobs = jobs options
            Files = [ file ]
            Read = fun () -> file.Read ImageProtocol.ofCells
            JobOf = _.Job
            Work = work
            Name =
                fun job ->
                    $"{job.DataSet}, {job.Model.Title}, {job.Leaves.Name}, K = {job.Channels}, {job.Task.Name}, seed {job.Seed}"
            Perform = perform
            Append = fun row -> file.Append [ ImageProtocol.toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
