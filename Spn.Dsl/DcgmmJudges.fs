namespace Spn

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Judging
open Spn.Core.Training

/// <summary>The judge of a data set's samples, and what it is worth.</summary>
type DcgmmJudge = {
    /// <summary>The judge.</summary>
    Judge: CnnJudge
    /// <summary>Share of the test images whose class it tells right.</summary>
    Accuracy: float
}

/// <summary>Convolutional judges of samples, one a data set, trained once and kept in files.</summary>
/// <param name="folder">Where their files are looked up and written.</param>
/// <param name="epochs">Passes over the images of a judge that is trained.</param>
/// <param name="threads">Number of threads.</param>
[<Sealed>]
type DcgmmJudges(folder: string, epochs: int, threads: int) =
    let known = Dictionary<string, DcgmmJudge>()

    // Judges learn from images in [0, 1], those of other files may want them in other units.
    let seen (judge: CnnJudge) (images: Evidence) =
        if judge.Highest = 1.0 then
            images
        else
            images |> Evidence.inUnitsOf (1.0 / judge.Highest)

    let train report cancellation (images: DcgmmImages) =
        let progress = {
            new IProgress<TrainingProgress> with
                member _.Report now =
                    report 0.0 $"training the judge of samples: {Progress.text now}"
        }

        let options =
            JudgeOptions(
                Height = images.Height,
                Width = images.Width,
                Colours = images.Colours,
                Highest = 1.0,
                Classes = 1 + Array.max images.TrainClasses,
                Epochs = epochs,
                Threads = threads
            )

        let judge =
            CnnJudge.Train(images.Train, images.TrainClasses, options, progress = progress, cancellation = cancellation)

        cancellation.ThrowIfCancellationRequested()
        judge

    /// <summary>The file of the judge of a data set, named after both and the passes that it was trained for.</summary>
    member _.Path(dataSet: string) : string =
        Path.Combine(folder, $"judge-{dataSet}-{epochs}.safetensors")

    /// <summary>The judge of a data set: from its file, or else trained and written there.</summary>
    /// <param name="report">Told how its training stands.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="images">The images.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file holds no judge.</exception>
    member this.Of(report: float -> string -> unit, cancellation: CancellationToken, images: DcgmmImages) : DcgmmJudge =
        match known.TryGetValue images.Name with
        | true, judge -> judge
        | _ ->
            let path = this.Path images.Name

            let judge =
                if File.Exists path then
                    CnnJudge.Load(path, threads)
                else
                    let trained = train report cancellation images
                    Directory.CreateDirectory folder |> ignore
                    trained.Save path
                    trained

            let worth = {
                Judge = judge
                Accuracy = judge.Accuracy(seen judge images.Test, images.TestClasses, cancellation)
            }

            known[images.Name] <- worth
            worth

    /// <summary>Share of samples that a judge takes for images of the class that they were drawn for.</summary>
    /// <param name="judge">The judge.</param>
    /// <param name="number">The class.</param>
    /// <param name="samples">Samples in [0, 1].</param>
    member _.Agrees(judge: DcgmmJudge, number: int, samples: Evidence) : float =
        judge.Judge.Accuracy(seen judge.Judge samples, Array.create samples.Count number)
