namespace Spn

open System
open System.Globalization
open System.IO
open System.Threading
open Argu
open Spn.Core
open Spn.Core.Layerwise

/// <summary>Options of <c>scripts/dcgmm-sharpening.fsx</c> beside those of all these experiments.</summary>
[<RequireQualifiedAccess>]
type SharpeningArguments =
    /// <summary>How narrow draws are.</summary>
    | Top of count: int
    /// <summary>How much noise there is.</summary>
    | Divisor of number: float
    /// <summary>Steps of gradient ascent.</summary>
    | Iterations of count: int
    /// <summary>A factor for all step sizes.</summary>
    | Strength of factor: float
    /// <summary>Lower layers without parameters for each cell.</summary>
    | Shared

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Top _ -> "S, the largest entries of a signal that take part in a draw (default: 2)"
            | Divisor _ -> "what noise is divided by (default: 10)"
            | Iterations _ -> "steps of gradient ascent at every folding layer (default: 300)"
            | Strength _ ->
                "multiplies the step sizes, which are 0.002 and 0.001 for C and 0.06 for all others (default: 1)"
            | Shared ->
                "parameters shared by all cells of a layer (default: their own for every cell, as in the scripts of the paper)"

/// <summary>What the experiment on sharpening is to do.</summary>
type SharpeningOptions = {
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Steps of gradient ascent at every folding layer.</summary>
    Iterations: int
    /// <summary>A factor for all step sizes.</summary>
    Strength: float
    /// <summary>Whether all cells of a layer share parameters.</summary>
    Shared: bool
    /// <summary>The rest.</summary>
    Run: DcgmmOptions
}

/// <summary>Samples sharpened on the way down (Gepperth 2022, Figures 5 and 9).</summary>
[<RequireQualifiedAccess>]
module DcgmmSharpening =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/dcgmm-sharpening.fsx"

    [<Literal>]
    let private Title = "Sharpened samples of DCGMMs"

    /// <summary>The instances that it takes unless told: with one, two and three pooling layers.</summary>
    let instances = [ "C"; "D"; "G" ]

    let private samples, columns, tests = 196, 12, 1000

    /// <summary>What is sharpened: every folding layer, towards the mixture layer above it.</summary>
    /// <remarks>
    /// The released code takes 0.2 and 0.1 for C and 6 for D; its loss is a mean over a batch of 100 images, so that these are steps of 0.002,
    /// 0.001 and 0.06 for the loss of one image.
    /// </remarks>
    /// <param name="job">Says the instance, the steps and their strength.</param>
    let sharpenings (job: SharpeningJob) : Sharpening list =
        let rates =
            match job.Training.Instance with
            | "C" -> [ 0.002; 0.001 ]
            | _ -> []

        (DcgmmDraws.spec job.Training).Layers
        |> Seq.indexed
        |> Seq.filter (fun (_, layer) -> layer :? FoldingSpec)
        |> Seq.mapi (fun order (layer, _) ->
            let rate = rates |> List.tryItem order |> Option.defaultValue 0.06
            Sharpening(layer, Iterations = job.Iterations, Rate = job.Strength * rate))
        |> List.ofSeq

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : SharpeningOptions =
        let run, own =
            DcgmmOptions.parseWith<SharpeningArguments> Program (List.ofSeq Dcgmm.Names) instances arguments

        let strength = own.GetResult(SharpeningArguments.Strength, 1.0)

        if not (strength > 0.0) || Double.IsInfinity strength then
            invalidArg "strength" $"--strength is {strength}; it must be above 0."

        {
            Draw =
                DcgmmDraws.draw
                    (own.TryGetResult SharpeningArguments.Top)
                    (own.TryGetResult SharpeningArguments.Divisor)
            Iterations =
                own.GetResult(SharpeningArguments.Iterations, 300)
                |> Script.atLeastOne "--iterations"
            Strength = strength
            Shared = own.Contains SharpeningArguments.Shared
            Run = run
        }

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: SharpeningOptions) : string =
        DcgmmOptions.command
            Program
            [
                yield! DcgmmDraws.drawWords options.Draw
                $"--iterations {options.Iterations}"
                $"--strength {DcgmmDraws.words [ options.Strength ]}"
                if options.Shared then
                    "--shared"
            ]
            options.Run

    /// <summary>What is to be done, in order.</summary>
    let jobs (options: SharpeningOptions) : SharpeningJob list = [
        let common = options.Run.Common

        for entry in options.Run.Sets do
            for instance in options.Run.Instances do
                for seed in common.Seeds do
                    {
                        Training =
                            DcgmmDraws.training common (not options.Shared) entry.Name DcgmmClasses.All instance seed
                        Draw = options.Draw
                        Iterations = options.Iterations
                        Strength = options.Strength
                    }
    ]

    let private picture (options: SharpeningOptions) (job: SharpeningJob) =
        Path.Combine(options.Run.Common.Out, $"dcgmm-sharpening-{SharpeningRows.nameOf job}.png")

    let private perform (options: SharpeningOptions) (models: DcgmmModels) cancellation report (job: SharpeningJob) =
        let images = models.Images job.Training.DataSet
        let model, run = models.Train(report, cancellation, job.Training)

        let draw sharpenings =
            SharpeningRows.draw cancellation samples sharpenings job model

        report 1.0 "sharpening"
        let plain, sharp = draw [], draw (sharpenings job)

        [
            for first in 0..columns .. 3 * columns do
                for batch in [ plain; sharp ] do
                    batch |> Evidence.rows [ first .. first + columns - 1 ]
        ]
        |> DcgmmDraws.saveRows (picture options job) images

        let row = {
            Job = job
            Test =
                images.Test
                |> Evidence.rows (Experiment.spaced (Some tests) images.Test.Count)
                |> SharpeningRows.look images model
            Plain = SharpeningRows.look images model plain
            Sharp = SharpeningRows.look images model sharp
            Run = run
        }

        row, SharpeningRows.words row

    /// <summary>Losses and contrast of samples before and after, and of test images, a line a mixture layer.</summary>
    let table (rows: SharpeningRow list) : Table =
        let one loss = ResultFile.Cell(loss, "0.0")

        Table.create [
            "data"
            "model"
            "seed"
            "mixture layer"
            "as drawn (nats)"
            "sharpened (nats)"
            "test images (nats)"
            "contrast as drawn"
            "sharpened"
            "test images"
        ] [
            for row in rows do
                let layers = List.zip3 row.Plain.Losses row.Sharp.Losses row.Test.Losses

                for i, (plain, sharp, test) in List.indexed layers do
                    [
                        row.Job.Training.DataSet
                        row.Job.Training.Instance
                        string row.Job.Training.Seed
                        $"{i + 1} of {layers.Length}"
                        one plain
                        one sharp
                        one test
                        // Contrast is one number a model.
                        for look in [ row.Plain; row.Sharp; row.Test ] do
                            if i = 0 then
                                ResultFile.Cell(look.Contrast, "0.0000")
                            else
                                ""
                    ]
        ]

    /// <summary>What the rows say of sharpening, a sentence a model.</summary>
    let findings (rows: SharpeningRow list) : string list = [
        for row in rows do
            let pooling =
                (DcgmmDraws.spec row.Job.Training).Layers
                |> Seq.filter (fun layer -> layer :? PoolingSpec)
                |> Seq.length

            String.Format(
                CultureInfo.InvariantCulture,
                "{0}, {1} ({2} pooling layer{3}), seed {4}: sharpening takes the loss of samples at the lowest mixture layer from {5:F1} to {6:F1} nats (test images {7:F1}), at the topmost from {8:F1} to {9:F1} ({10:F1}), and their contrast from {11:P0} to {12:P0} of that of test images.",
                row.Job.Training.DataSet,
                row.Job.Training.Instance,
                pooling,
                (if pooling = 1 then "" else "s"),
                row.Job.Training.Seed,
                row.Plain.Losses.Head,
                row.Sharp.Losses.Head,
                row.Test.Losses.Head,
                List.last row.Plain.Losses,
                List.last row.Sharp.Losses,
                List.last row.Test.Losses,
                row.Plain.Contrast / row.Test.Contrast,
                row.Sharp.Contrast / row.Test.Contrast
            )
    ]

    let private protocol (options: SharpeningOptions) =
        String.concat " " [
            "Sharpening moves the signal that a folding layer is about to hand on uphill, by plain gradient ascent on the loss of the mixture layer above it:"
            $"{options.Iterations} steps at every folding layer, which are 0.002 and 0.001 long for C, from the bottom up, and 0.06 for other instances."
            "The released scripts have 0.2 and 0.1 for C and 6 for D, whose loss is a mean over a batch of 100 images where ours is that of one image: these are the same steps."
            if options.Strength <> 1.0 then
                $"All are multiplied by {DcgmmDraws.words [ options.Strength ]}."
            $"Both kinds of samples come from the same draws ({options.Draw.Title}, the topmost layer's components one after another). Losses are means of {samples} samples and of at most {tests} test images at every mixture layer."
            "Contrast is the mean absolute difference of neighbouring pixels, which blur makes small and noise large."
        ]

    let private publish output (options: SharpeningOptions) (rows: SharpeningRow list) =
        ResultPage.publish output options.Run.Common "dcgmm-sharpening" Title (command options) [
            PagePart.Text(protocol options)
            yield! DcgmmDraws.shortened options.Run.Common [ for row in rows -> row.Job.Training, row.Run ]
            PagePart.Table(table rows)
            for finding in findings rows do
                PagePart.Text finding
            PagePart.Heading "Samples"
            for row in rows do
                let path = picture options row.Job

                if row.Job.Training.Seed = options.Run.Common.Seeds.Head && File.Exists path then
                    let training = row.Job.Training

                    PagePart.Picture(
                        $"{training.DataSet}, {training.Instance}: {DcgmmDraws.notation (DcgmmDraws.spec training)}; rows in pairs, as drawn above and sharpened below",
                        path
                    )
        ]

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: SharpeningOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let common = options.Run.Common
        let models = DcgmmModels common
        let file = SharpeningRows.file "dcgmm-sharpening" common.Out

        Experiment.run output line cancellation {
            Title = Title
            Notes = DcgmmOptions.notes options.Run
            Common = common
            Jobs = jobs options
            Files = [ file ]
            Read =
                fun () ->
                    file.Read SharpeningRows.ofCells
                    |> List.filter (fun row -> DcgmmProtocol.isWhole common row.Job.Training row.Run)
            JobOf = _.Job
            Work = fun job -> DcgmmDraws.work job.Training
            Name = fun job -> $"{job.Training.DataSet}, {job.Training.Instance}, seed {job.Training.Seed}"
            Perform = perform options models cancellation
            Append = fun row -> file.Append [ SharpeningRows.toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
