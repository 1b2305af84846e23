namespace Spn

open System
open System.Threading
open Spn.Core
open Spn.Core.Training

/// Stands in for learners that are not there yet.
[<AutoOpen>]
module internal DgcSpnShim =

    /// Cross-entropy with dropout; here log p(x | class).
    let discriminative
        (_discriminative: float, _productDropout: float, _inputDropout: float)
        (options: GradientOptions)
        =
        options

    /// Trains for the passes that are left, some at a time, and tells after each time how many are done, and the average of what
    /// was raised.
    let fitInPeriods
        (images: Evidence)
        (labels: int[])
        (options: GradientOptions)
        (from: int, period: int)
        (progress: IProgress<TrainingProgress>)
        (evaluated: float -> float -> unit)
        (cancellation: CancellationToken)
        (circuit: Circuit)
        : unit =
        let mutable next, last = from, options.Epochs.Value
        let perEpoch = (images.Count + options.BatchSize - 1) / options.BatchSize

        while next < last do
            let epochs = min period (last - next)

            let settings =
                GradientOptions(
                    LearningRate = options.LearningRate,
                    BatchSize = options.BatchSize,
                    Objective = options.Objective,
                    Epochs = Nullable epochs,
                    Seed = options.Seed * 1000L + int64 next
                )

            let began = next

            let shifted = {
                new IProgress<TrainingProgress> with
                    member _.Report now =
                        progress.Report(
                            TrainingProgress(
                                began * perEpoch + now.Step,
                                last * perEpoch,
                                now.Train,
                                now.Valid,
                                now.BestValid,
                                now.SamplesPerSecond,
                                now.Elapsed,
                                now.Remaining
                            )
                        )
            }

            let report =
                circuit.Fit(images, null, settings, labels, null, shifted, cancellation)

            let train =
                if report.Curve.Count > 0 then
                    report.Curve[report.Curve.Count - 1].Train
                else
                    nan

            evaluated (float next + float report.Steps / float perEpoch) train

            next <-
                if report.End = TrainingEnd.Finished then
                    next + epochs
                else
                    last
