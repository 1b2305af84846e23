namespace Spn

open System
open System.IO
open System.Threading
open Argu
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise

/// <summary>Options of <c>scripts/dcgmm-svhn.fsx</c>.</summary>
[<RequireQualifiedAccess>]
type SvhnArguments =
    /// <summary>Which images.</summary>
    | Set of name: string
    /// <summary>Which stacks of layers.</summary>
    | Instances of names: string
    /// <summary>How narrow draws are.</summary>
    | Top of count: int
    /// <summary>How much noise there is.</summary>
    | Divisor of number: float
    /// <summary>Steps of gradient ascent.</summary>
    | Iterations of count: int
    /// <summary>A short run.</summary>
    | Quick
    /// <summary>Passes over the images.</summary>
    | Epochs of count: int
    /// <summary>How many seeds, or which.</summary>
    | Seeds of seeds: string
    /// <summary>Most images of a class to train on.</summary>
    | Images of count: int
    /// <summary>Most time of one training.</summary>
    | Budget of minutes: float
    /// <summary>Number of threads.</summary>
    | Threads of count: int
    /// <summary>The data folder.</summary>
    | Data of folder: string
    /// <summary>The folder of the results.</summary>
    | Out of folder: string
    /// <summary>Goes on where an earlier run ended.</summary>
    | Resume
    /// <summary>Writes a page for the documentation.</summary>
    | Markdown of file: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Set _ ->
                "svhn, fashion-mnist (with a black border) or digits-grey (built in) (default: the first whose files are there; only svhn is the paper's)"
            | Instances _ ->
                "A, one mixture layer, and B, two, of which the lower has parameters for each cell (default: A,B)"
            | Top _ -> "S, the largest entries of a signal that take part in a draw (default: 2)"
            | Divisor _ -> "what noise is divided by (default: 10)"
            | Iterations _ -> "steps of sharpening (default: 300)"
            | Quick -> "a look in some seconds: the built-in digits unless --set is given, 20 passes; marked"
            | Epochs _ -> "passes over the images (default: 120; marked where they are fewer)"
            | Seeds _ -> "a number of seeds, or a list such as 1,5,9 (default: 1)"
            | Images _ -> "at most so many images of a class to train on, evenly spaced (default: all; marked)"
            | Budget _ -> "minutes after which a training stops, finished or not (default: none; marked)"
            | Threads _ -> "threads (default: one a processor)"
            | Data _ ->
                "data folder, in which SVHN has a folder svhn (default: the variable SPN_DATA, else data/ of the repository)"
            | Out _ -> "folder of results (default: the variable SPN_OUT, else out)"
            | Resume -> "keep the rows of an earlier run and do only what is missing"
            | Markdown _ -> "write the results as a Markdown page as well, with its pictures beside it"

/// <summary>What the experiment on house numbers is to do.</summary>
type SvhnOptions = {
    /// <summary>The images.</summary>
    Set: ClusterSet
    /// <summary>Names of the stacks of layers, in order.</summary>
    Instances: string list
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Steps of sharpening.</summary>
    Iterations: int
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>Samples of house numbers, one model a class, as drawn and sharpened (Gepperth 2022, Figure 7).</summary>
[<RequireQualifiedAccess>]
module DcgmmSvhn =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-svhn.fsx"

    [<Literal>]
    let private Title = "Samples of house numbers by DCGMMs"

    let private paperEpochs, classes, shown, samples = 120, 10, 7, 100

    /// <summary>Reads options and looks whether the images are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Images are missing.</exception>
    let parse (arguments: string[]) : SvhnOptions =
        let given = CommandLine.Parse<SvhnArguments>(Program, arguments)
        let data = DataFolder.Find(given.TryGetResult SvhnArguments.Data |> Option.toObj)
        let quick = given.Contains SvhnArguments.Quick

        let set = HyperSpnSvhn.choose data quick (given.TryGetResult SvhnArguments.Set)

        {
            Set = set
            Instances =
                given.GetResult(SvhnArguments.Instances, "A,B")
                |> Script.choices "instances" [ "A", "A"; "B", "B" ]
            Draw = DcgmmDraws.draw (given.TryGetResult SvhnArguments.Top) (given.TryGetResult SvhnArguments.Divisor)
            Iterations =
                given.GetResult(SvhnArguments.Iterations, 300)
                |> Script.atLeastOne "--iterations"
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(SvhnArguments.Seeds, "1"))
                    (given.TryGetResult SvhnArguments.Threads)
                    (given.TryGetResult SvhnArguments.Out, given.TryGetResult SvhnArguments.Markdown)
                    (given.Contains SvhnArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some DcgmmOptions.QuickEpochs else None)
                    (given.TryGetResult SvhnArguments.Epochs)
                    (given.TryGetResult SvhnArguments.Images)
                    (given.TryGetResult SvhnArguments.Budget)
        }

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: SvhnOptions) : string =
        String.concat " " [
            $"{Program} --set {options.Set.Name}"
            "--instances " + String.Join(",", options.Instances)
            yield! DcgmmDraws.drawWords options.Draw
            $"--iterations {options.Iterations}"
            yield! ExperimentOptions.words options.Common
        ]

    /// <summary>The stack of an instance for images of SVHN's size; a smaller one for the built-in digits.</summary>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="instance">A or B.</param>
    let spec (images: DcgmmImages) (instance: string) : LayerwiseSpec =
        let stack =
            Gmm.stack (Variables.Image(height = images.Height, width = images.Width, colours = images.Colours))

        match instance, images.Height with
        | "A", height -> stack [ Gmm.Folding height; Gmm.Mixture(if height < 16 then 25 else 49) ]
        | _, height when height < 16 ->
            stack [
                Gmm.Folding(4, 2)
                Gmm.Mixture(25, independent = true)
                Gmm.Folding 3
                Gmm.Mixture 25
            ]
        | _ -> LayerwiseSpec(images.Height, images.Width, images.Colours, Dcgmm.SvhnB().Layers)

    // Fashion-MNIST gets a black border, so that images are as large as SVHN's.
    let private bordered border (images: DcgmmImages) : DcgmmImages =
        let height, width = images.Height + 2 * border, images.Width + 2 * border

        let larger (batch: Evidence) =
            let values = Array.zeroCreate<float32>(batch.Count * height * width)

            for sample in 0 .. batch.Count - 1 do
                for row in 0 .. images.Height - 1 do
                    batch
                        .Row(sample)
                        .Slice(row * images.Width, images.Width)
                        .CopyTo(Span(values, (sample * height + row + border) * width + border, images.Width))

            Evidence.From(values, height * width)

        {
            images with
                Height = height
                Width = width
                Train = larger images.Train
                Test = larger images.Test
        }

    let private load (options: SvhnOptions) : DcgmmImages =
        match options.Set with
        | ClusterSet.Svhn ->
            let data =
                Svhn.Load(HyperSpnClusters.svhnFolder options.Common.Data, train = Int32.MaxValue)

            let inUnits = Evidence.inUnitsOf (float data.Highest.Value)

            {
                Name = options.Set.Name
                Height = 32
                Width = 32
                Colours = 3
                Train = inUnits data.Train
                TrainClasses = Unchecked.nonNull data.TrainLabels
                Test = inUnits data.Test
                TestClasses = Unchecked.nonNull data.TestLabels
            }
        | other ->
            let images = DcgmmProtocol.load options.Common.Data other.Name
            if images.Height = 28 then bordered 2 images else images

    /// <summary>What is to be done, in order.</summary>
    let jobs (options: SvhnOptions) : SharpeningJob list = [
        for instance in options.Instances do
            for seed in options.Common.Seeds do
                for number in 0 .. classes - 1 do
                    {
                        Training = {
                            DataSet = options.Set.Name
                            Classes = DcgmmClasses.Only number
                            Instance = instance
                            Independent = true
                            Seed = seed
                            Epochs = DcgmmProtocol.epochs options.Common options.Set.Name paperEpochs
                            Images = defaultArg options.Common.Images 0
                        }
                        Draw = options.Draw
                        Iterations = options.Iterations
                        Strength = 1.0
                    }
    ]

    let private picture (options: SvhnOptions) (job: SharpeningJob) kind =
        Path.Combine(options.Common.Out, $"dcgmm-svhn-{SharpeningRows.nameOf job}-{kind}.png")

    let private kinds = [ "drawn", "as drawn"; "sharpened", "sharpened" ]

    let private perform (options: SvhnOptions) (models: DcgmmModels) cancellation report (job: SharpeningJob) =
        report 0.0 "reading images"
        let images = models.Images job.Training.DataSet
        let model, run = models.Train(report, cancellation, job.Training)

        let draw sharpenings =
            SharpeningRows.draw cancellation samples sharpenings job model

        report 1.0 "sharpening"
        // The released code's step of 2, for the loss of one image in place of the mean over 100.
        let plain, sharp =
            draw [], draw [ Sharpening(0, Iterations = job.Iterations, Rate = 0.02) ]

        for (kind, _), batch in List.zip kinds [ plain; sharp ] do
            batch
            |> Evidence.rows [ 0 .. shown - 1 ]
            |> DcgmmDraws.save (picture options job kind) images shown

        let look = SharpeningRows.look images model

        let test, _ =
            DcgmmProtocol.ofClasses job.Training.Classes 0 images.Test images.TestClasses

        let row = {
            Job = job
            Test = look test
            Plain = look plain
            Sharp = look sharp
            Run = run
        }

        row, SharpeningRows.words row

    /// <summary>Contrast and losses, a line an instance: means over classes, spread over seeds.</summary>
    let table (rows: SharpeningRow list) : Table =
        Table.create [
            "data"
            "model"
            "contrast as drawn"
            "sharpened"
            "test images"
            "lowest layer as drawn (nats)"
            "sharpened (nats)"
            "test images (nats)"
            "passes"
            "classes"
            "seeds"
        ] [
            for (set, instance), own in
                rows
                |> List.groupBy (fun row -> row.Job.Training.DataSet, row.Job.Training.Instance) do
                let seeds = own |> List.groupBy _.Job.Training.Seed |> List.map snd

                let over format (value: SharpeningRow -> float) =
                    DcgmmDraws.spread format [ for seed in seeds -> seed |> List.averageBy value ]

                [
                    set
                    instance
                    over "0.0000" _.Plain.Contrast
                    over "0.0000" _.Sharp.Contrast
                    over "0.0000" _.Test.Contrast
                    over "0.0" _.Plain.Losses.Head
                    over "0.0" _.Sharp.Losses.Head
                    over "0.0" _.Test.Losses.Head
                    ResultFile.Cell(own |> List.map _.Run.Passes |> List.min, "0.#")
                    own |> List.distinctBy _.Job.Training.Classes |> List.length |> string
                    string seeds.Length
                ]
        ]

    let private protocol (options: SvhnOptions) =
        String.concat " " [
            match options.Set with
            | ClusterSet.Svhn -> "The images are SVHN's."
            | other ->
                $"SVHN's images were not at hand: these are samples of {other.Title}, by the same protocol, and no reproduction of the paper's figure."
            "Every class has a model of its own: A with one mixture of the whole image, or B with patches of 12 x 12 at distance 5, 64 components with parameters for each cell, and 100 components above them"
            $"(on the built-in digits, smaller ones of the same kind), trained for {paperEpochs} passes unless told. Samples ({options.Draw.Title}, the topmost layer's components one after another) are shown as drawn and with the image sharpened"
            $"towards the lowest mixture layer: {options.Iterations} steps of 0.02, which are the 2 of the released scripts for the loss of one image in place of a mean over 100. Contrast is the mean absolute difference of neighbouring pixels."
        ]

    let private publish output (options: SvhnOptions) (rows: SharpeningRow list) =
        ResultPage.publish output options.Common "dcgmm-svhn" Title (command options) [
            PagePart.Text(protocol options)
            yield!
                DcgmmProtocol.shortened options.Common [
                    for row in rows -> row.Job.Training.Instance, paperEpochs, row.Run
                ]
                |> Option.map PagePart.Text
                |> Option.toList
            PagePart.Table(table rows)
            PagePart.Heading "Samples"
            for instance, own in
                rows
                |> List.filter (fun row -> row.Job.Training.Seed = options.Common.Seeds.Head)
                |> List.groupBy _.Job.Training.Instance do
                for kind, title in kinds do
                    yield!
                        own
                        |> List.map (fun row -> picture options row.Job kind)
                        |> DcgmmDraws.stack
                            $"{options.Set.Title}, {instance}, {title}: a class in each row"
                            (picture
                                options
                                {
                                    own.Head.Job with
                                        Training.Classes = DcgmmClasses.All
                                }
                                kind)
                            (if options.Set = ClusterSet.Digits then 8 else 32)
                        |> Option.toList
        ]

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: SvhnOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let models =
            DcgmmModels(
                options.Common,
                "dcgmm-svhn-models",
                (fun _ -> load options),
                fun images training -> spec images training.Instance
            )

        let file = SharpeningRows.file "dcgmm-svhn" options.Common.Out

        Experiment.run output line cancellation {
            Title = Title
            Notes = HyperSpnSvhn.instead options.Set options.Common.Data "figure"
            Common = options.Common
            Jobs = jobs options
            Files = [ file ]
            Read =
                fun () ->
                    file.Read SharpeningRows.ofCells
                    |> List.filter (fun row -> DcgmmProtocol.isWhole options.Common row.Job.Training row.Run)
            JobOf = _.Job
            // Images of SVHN's size by B take about four times as long as by A.
            Work = fun job -> if job.Training.Instance = "A" then 1.0 else 4.0
            Name =
                fun job ->
                    $"{options.Set.Title}, {job.Training.Instance}, {job.Training.Classes.Name}, seed {job.Training.Seed}"
            Perform = perform options models cancellation
            Append = fun row -> file.Append [ SharpeningRows.toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
