namespace Spn

open System
open System.IO

/// <summary>The pages of both DGC-SPN experiments.</summary>
[<RequireQualifiedAccess>]
module DgcSpnReport =

    /// <summary>Prints the results and writes the pages.</summary>
    /// <param name="output">Where it prints.</param>
    /// <param name="options">Where the pages go.</param>
    /// <param name="name">The experiment: inpainting or classification.</param>
    /// <param name="table">The results.</param>
    /// <param name="notes">Lines below them.</param>
    /// <param name="html">The report.</param>
    /// <param name="section">The experiment's section of the documentation's page.</param>
    let publish
        (output: TextWriter)
        (options: ExperimentOptions)
        (name: string)
        (table: Table)
        (notes: string list)
        (html: string)
        (section: string)
        : unit =
        output.WriteLine()
        output.WriteLine(Table.toText table)
        output.WriteLine()

        for note in notes do
            output.WriteLine note

        output.WriteLine()

        html
        |> Report.save (Path.Combine(options.Out, $"dgcspn-{name}.html"))
        |> fun path -> output.WriteLine $"Report: {path}"

        options.Markdown
        |> Option.iter (fun path ->
            let path = section |> Report.saveSection path "DGC-SPN on images" name
            output.WriteLine $"Page: {path}")

    /// <summary>A section of the documentation's page.</summary>
    let internal section
        (title: string)
        (protocol: string)
        (command: string)
        (notes: string list)
        (table: Table)
        (everyTitle: string)
        (every: Table)
        : string =
        String.concat "\n\n" [
            $"## {title}"
            protocol
            $"Made by\n\n```\n{command}\n```"
            "The same command with `--resume --markdown FILE` writes this section again from the finished rows of the CSV file."
            Table.toMarkdown table
            yield! notes
            $"### {everyTitle}"
            Table.toMarkdown every
        ]

/// <summary>Pages of the inpainting experiment.</summary>
[<RequireQualifiedAccess>]
module InpaintReport =

    let private protocol =
        "Generative DGC-SPNs with four normal components a pixel (variance 1, means at the quantiles of the training images) learn by online "
        + "hard EM: 15 passes, batches of 128, accumulators that keep counting. With unweighted sum inputs (USI) a sum's winner is the child "
        + "with the largest value, else with the largest weighted value. The paper does not say how accumulators start: with USI they start at "
        + "draws from a Dirichlet distribution of concentration 0.1 (sum 1 a sum node), else equal (sum 0.0001). Every image is standardised by its own mean and deviation. The hidden "
        + "half of a test image is filled in by the posterior mean of each pixel. As in the paper, mean and deviation of a test image are those "
        + "of the whole image, hidden half included, unless the last column says otherwise: the hidden half leaks into them."

    let private title (job: InpaintJob) =
        match job.Preset with
        | InpaintPreset.Paper -> job.Learner.Title
        | InpaintPreset.TwoSums -> $"{job.Learner.Title}, two sums"

    let private charts (files: InpaintResults) (results: InpaintResult list) = [
        let groups = InpaintTables.groups results

        let compared = [
            for group in groups do
                for name, part in InpaintTables.occlusions group do
                    match DgcSpnProtocol.paperError group.Head.Job.DataSet group.Head.Job.Learner part with
                    | Some paper ->
                        let job = group.Head.Job

                        $"{InpaintTables.name group}, {name}, {title job}",
                        List.average (InpaintTables.errors part group),
                        paper
                    | None -> ()
        ]

        if not compared.IsEmpty then
            Report.Heading "Ours and the paper's"

            Report.Chart(
                Chart.Bars(
                    [ for label, _, _ in compared -> label ],
                    [
                        "ours", [ for _, ours, _ in compared -> Math.Round(ours, 1) ]
                        "paper", [ for _, _, paper in compared -> paper ]
                    ],
                    title = "Mean squared error of hidden pixels; shorter is better",
                    x = "mean squared error (grey values squared)",
                    horizontal = true
                )
            )

        let pictures = [
            for result in results do
                let path = files.PicturePath result.Job result.Occlusion

                if result.Job.Seed = 1L && File.Exists path then
                    let job = result.Job
                    let name = InpaintTables.name [ result ]
                    let part = DgcSpnOptions.occlusionName result.Occlusion

                    Chart.loadPicture $"{name}, {title job}: as it is, {part} half hidden, completed" path
        ]

        if not pictures.IsEmpty then
            Report.Heading "Completed images"

            for picture in pictures do
                Report.Chart picture

        let curves = files.Curves.Read()

        let drawn =
            results
            |> List.filter (fun r -> r.Job.Category.IsNone)
            |> List.map _.Job
            |> List.distinctBy files.Training
            |> List.choose (fun job ->
                curves
                |> Map.tryFind (files.Training job)
                |> Option.map (fun curve -> job, curve))
            |> List.groupBy (fun (job, _) -> job.DataSet)

        if not drawn.IsEmpty then
            Report.Heading "Learning curves"

            Report.Columns [
                for dataSet, trainings in drawn ->
                    Report.Chart(
                        Chart.Line(
                            [
                                for job, curve in trainings ->
                                    $"{title job}, seed {job.Seed}", [ for point in curve -> point.Epoch, point.Train ]
                            ],
                            title = DgcSpnCells.display dataSet,
                            x = "pass",
                            y = "log-likelihood of a pass (nats)"
                        )
                    )
            ]
    ]

    /// <summary>The results as an HTML page with charts and pictures.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="files">Where curves and pictures are.</param>
    /// <param name="results">The results.</param>
    let html (command: string) (files: InpaintResults) (results: InpaintResult list) : string =
        Report.html "Image completion by DGC-SPNs" [
            Report.Text protocol
            Report.Code command
            Report.Heading "Results"
            Report.Table(InpaintTables.table results)
            Report.Text InpaintTables.legend
            yield! InpaintTables.verdict results |> Option.map Report.Text |> Option.toList
            yield! charts files results
            Report.Heading "Every completion"
            Report.Table(InpaintTables.every results)
        ]

    /// <summary>The results as a section of the documentation.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let markdown (command: string) (results: InpaintResult list) : string =
        DgcSpnReport.section
            "Image completion"
            protocol
            command
            (InpaintTables.legend :: Option.toList (InpaintTables.verdict results))
            (InpaintTables.table results)
            "Every completion"
            (InpaintTables.every results)

/// <summary>Pages of the classification experiment.</summary>
[<RequireQualifiedAccess>]
module ClassifyReport =

    let private protocol =
        "Discriminative DGC-SPNs with 32 normal components a pixel, means from -1.5 to 1.5, share all layers among ten class roots and are "
        + "trained by Adam on the cross-entropy of the classes: batches of 64, 20% of the products and of the pixels dropped, means and "
        + "variances learned. Images are standardised by their own mean and deviation. Nothing is chosen by the test images."

    let private every (results: ClassifyResult list) : Table =
        Table.create [
            "data set"
            "network"
            "rate"
            "seed"
            "passes"
            "images"
            "accuracy %"
            "parameters"
            "seconds"
        ] [
            for r in results ->
                [
                    DgcSpnCells.display r.Job.DataSet
                    r.Job.Preset.Name
                    ClassifyTables.rate r.Job
                    string r.Job.Seed
                    DgcSpnCells.number "0.##" r.Epochs
                    string r.Job.Images
                    DgcSpnCells.number "0.00" r.Accuracy
                    DgcSpnCells.count r.Parameters
                    DgcSpnCells.number "0.0" r.Seconds
                ]
        ]

    let private charts (files: ClassifyResults) (results: ClassifyResult list) = [
        let curves = files.Curves.Read()

        for dataSet, own in results |> List.groupBy _.Job.DataSet do
            let drawn = [
                for result in own do
                    match curves |> Map.tryFind (files.Training result.Job) with
                    | Some curve ->
                        let job = result.Job
                        $"""{job.Preset.Name}, rate {ClassifyTables.rate job}, seed {job.Seed}""", curve
                    | None -> ()
            ]

            let line title x (xOf: CurvePoint -> float) y (yOf: CurvePoint -> float) =
                Report.Chart(
                    Chart.Line(
                        [
                            for name, curve in drawn -> name, [ for point in curve -> xOf point, yOf point ]
                        ],
                        title = title,
                        x = x,
                        y = y
                    )
                )

            if not drawn.IsEmpty then
                Report.Heading(DgcSpnCells.display dataSet)

                Report.Columns [
                    line "Accuracy against time" "seconds" _.Seconds "test accuracy (%)" _.Accuracy
                    line "What the training raises" "pass" _.Epoch "average over a pass (nats)" _.Train
                ]
    ]

    /// <summary>The results as an HTML page with charts.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="files">Where curves are.</param>
    /// <param name="results">The results.</param>
    let html (command: string) (files: ClassifyResults) (results: ClassifyResult list) : string =
        Report.html "Image classification by DGC-SPNs" [
            Report.Text protocol
            Report.Code command
            Report.Heading "Results"
            Report.Table(ClassifyTables.table results)
            Report.Text ClassifyTables.legend
            yield! ClassifyTables.verdict results |> Option.map Report.Text |> Option.toList
            yield! charts files results
            Report.Heading "Every training"
            Report.Table(every results)
        ]

    /// <summary>The results as a section of the documentation.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let markdown (command: string) (results: ClassifyResult list) : string =
        DgcSpnReport.section
            "Classification"
            protocol
            command
            (ClassifyTables.legend :: Option.toList (ClassifyTables.verdict results))
            (ClassifyTables.table results)
            "Every training"
            (every results)
