namespace Spn

open System
open System.Globalization
open System.IO
open Spn.Core.Layerwise

/// <summary>One training and what is sharpened: what identifies a row of the results.</summary>
type SharpeningJob = {
    /// <summary>The training.</summary>
    Training: DcgmmTraining
    /// <summary>How it is drawn.</summary>
    Draw: DcgmmDraw
    /// <summary>Steps of gradient ascent at every folding layer.</summary>
    Iterations: int
    /// <summary>A factor for all step sizes.</summary>
    Strength: float
}

/// <summary>Mean losses of images at all mixture layers, lowest first, in nats, and the contrast of neighbouring pixels.</summary>
type SharpeningLook = {
    /// <summary>Mean losses in nats.</summary>
    Losses: float list
    /// <summary>Mean absolute difference of pixels that are neighbours.</summary>
    Contrast: float
}

/// <summary>What sharpening did to samples.</summary>
type SharpeningRow = {
    /// <summary>The job.</summary>
    Job: SharpeningJob
    /// <summary>Test images.</summary>
    Test: SharpeningLook
    /// <summary>Samples as they are drawn.</summary>
    Plain: SharpeningLook
    /// <summary>The same draws sharpened on the way down.</summary>
    Sharp: SharpeningLook
    /// <summary>How the training went.</summary>
    Run: DcgmmRun
}

/// <summary>Samples as they are drawn and sharpened: draws, rows and their file, of all experiments that compare them.</summary>
[<RequireQualifiedAccess>]
module internal SharpeningRows =

    /// As names of files have it.
    let nameOf (job: SharpeningJob) =
        $"{DcgmmProtocol.nameOf job.Training}-{job.Draw.Name}-{job.Iterations}x{DcgmmDraws.words [ job.Strength ]}"

    let look images (model: LayerwiseModel) batch = {
        Losses = [ for losses in model.AllScores batch -> Array.average losses ]
        Contrast = DcgmmDraws.contrast images batch
    }

    // The same draws with and without sharpening.
    let draw cancellation count sharpenings (job: SharpeningJob) (model: LayerwiseModel) =
        model.Sample(
            count,
            DcgmmDraws.sharpened sharpenings job.Draw ComponentChoice.Cycle job.Training.Seed,
            cancellation = cancellation
        )

    let words (row: SharpeningRow) =
        String.Format(
            CultureInfo.InvariantCulture,
            "loss of the lowest layer {0:F1} to {1:F1} nats, contrast {2:F3} to {3:F3} (test images {4:F3})",
            row.Plain.Losses.Head,
            row.Sharp.Losses.Head,
            row.Plain.Contrast,
            row.Sharp.Contrast,
            row.Test.Contrast
        )

    let file name folder =
        ResultFile(
            Path.Combine((folder: string), $"{name}.csv"),
            $"{DcgmmProtocol.TrainingHeader},top,divisor,iterations,strength,test_losses,test_contrast,plain_losses,plain_contrast,sharp_losses,sharp_contrast,{DcgmmProtocol.RunHeader}"
        )

    let private lookCells look = [
        String.Join(" ", [ for loss in look.Losses -> ResultFile.Cell(loss, "0.000") ])
        ResultFile.Cell(look.Contrast, "0.00000")
    ]

    let private ofLookCells (cells: string[]) from = {
        Losses = [ for loss in cells[from].Split ' ' -> ResultFile.Number loss ]
        Contrast = ResultFile.Number cells[from + 1]
    }

    let toLine (row: SharpeningRow) =
        String.concat "," [
            yield! DcgmmProtocol.trainingCells row.Job.Training
            string row.Job.Draw.Top
            ResultFile.Cell(row.Job.Draw.Divisor, "R")
            string row.Job.Iterations
            ResultFile.Cell(row.Job.Strength, "R")
            for look in [ row.Test; row.Plain; row.Sharp ] do
                yield! lookCells look
            yield! DcgmmProtocol.runCells row.Run
        ]

    let ofCells (cells: string[]) : SharpeningRow = {
        Job = {
            Training = DcgmmProtocol.ofTrainingCells cells
            Draw = {
                Top = Int32.Parse cells[7]
                Divisor = ResultFile.Number cells[8]
            }
            Iterations = Int32.Parse cells[9]
            Strength = ResultFile.Number cells[10]
        }
        Test = ofLookCells cells 11
        Plain = ofLookCells cells 13
        Sharp = ofLookCells cells 15
        Run = DcgmmProtocol.ofRunCells cells 17
    }
