namespace Spn

open System
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Judging
open Spn.Core.Training

/// <summary>A small convolutional classifier that judges images, such as samples of a model whose class is known.</summary>
[<RequireQualifiedAccess>]
module Judge =

    let private progressOf report = {
        new IProgress<TrainingProgress> with
            member _.Report value = report value
    }

    /// <summary>Trains a judge, tells how it stands and can be cancelled.</summary>
    /// <param name="report">Called about five times a second, such as <c>Progress.show</c>.</param>
    /// <param name="cancellation">Ends the training; the judge has what it learned so far.</param>
    /// <param name="options">Settings; the size of the images is that of the data set.</param>
    /// <param name="data">The data set; its validation images, if any, tell how the training goes and change nothing.</param>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, or the data set has no labels or does not say the size of its images.</exception>
    let trainWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (options: JudgeOptions)
        (data: DataSet)
        : CnnJudge =
        CnnJudge.Train(data, options, progressOf report, cancellation)

    /// <summary>Trains a judge.</summary>
    /// <inheritdoc cref="M:Spn.JudgeModule.trainWith"/>
    let train (options: JudgeOptions) (data: DataSet) : CnnJudge =
        trainWith ignore CancellationToken.None options data

    /// <summary>The likeliest class of each image.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The images have another size, or a value is hidden or not finite.</exception>
    let classify (images: Evidence) (judge: CnnJudge) : int[] = judge.Classify images

    /// <summary>Share of the images whose likeliest class is their label.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The images have another size, or a value is hidden or not finite.</exception>
    /// <exception cref="T:System.ArgumentException">There are no images, or labels are missing or out of range.</exception>
    let accuracy (images: Evidence) (labels: int[]) (judge: CnnJudge) : float = judge.Accuracy(images, labels)
