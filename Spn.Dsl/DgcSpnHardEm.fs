namespace Spn

open System
open System.Diagnostics
open System.Threading
open Spn.Core
open Spn.Core.Training

/// Trains the networks of the inpainting experiment.
module internal InpaintTraining =

    type Trained = {
        Epochs: float
        LogLikelihood: float
        Seconds: float
    }

    // One pass of hard EM at a time, so that the network can be written after each. Its weights are its accumulators: what
    // one pass has counted the next goes on from.
    let train
        (options: ExperimentOptions)
        (files: InpaintResults)
        report
        cancellation
        (images: Evidence)
        (circuit: Circuit)
        (job: InpaintJob)
        : Trained =
        let path, training = files.ModelPath job, files.Training job
        let keep = job.Category.IsNone
        let known = if keep then Checkpoint.load path circuit else None

        let earlier =
            files.Curves.Read() |> Map.tryFind training |> Option.bind List.tryLast

        let mutable now =
            match known, earlier with
            | Some facts, Some point when facts["epochs"] = ResultFile.Cell(point.Epoch, "0.###") -> {
                Epochs = point.Epoch
                LogLikelihood = point.Train
                Seconds = point.Seconds
              }
            | _ ->
                circuit.Initialise(images, job.Seed) |> ignore

                {
                    Epochs = 0.0
                    LogLikelihood = nan
                    Seconds = 0.0
                }

        let mutable timeIsUp = false

        // A network whose time was up within a pass is not trained further.
        let goesOn () =
            not timeIsUp
            && now.Epochs < float job.Epochs
            && now.Epochs = floor now.Epochs
            && now.Seconds < options.BudgetSeconds

        while goesOn () do
            use limit =
                CancellationTokenSource.CreateLinkedTokenSource(cancellation: CancellationToken)

            if options.Budget.IsSome then
                limit.CancelAfter(TimeSpan.FromSeconds(options.BudgetSeconds - now.Seconds))

            let done' = now.Epochs

            let progress = {
                new IProgress<TrainingProgress> with
                    member _.Report step =
                        let epochs = done' + float step.Step / float step.Steps
                        let spent = (now.Seconds + step.Elapsed.TotalSeconds) / options.BudgetSeconds

                        report
                            (max spent (epochs / float job.Epochs))
                            (DgcSpnCells.text "pass {0:F1} of {1}, log-likelihood {2:F1}" [|
                                epochs
                                job.Epochs
                                step.Train
                            |])
            }

            let clock = Stopwatch.StartNew()

            let pass =
                circuit.Fit(
                    images,
                    DgcSpnProtocol.emOptions job (int done'),
                    progress = progress,
                    cancellation = limit.Token
                )

            timeIsUp <- pass.End = TrainingEnd.Cancelled

            // What a finished pass has learned is kept, part of one only when the time is up.
            if timeIsUp then
                cancellation.ThrowIfCancellationRequested()

            let steps =
                (images.Count + DgcSpnProtocol.InpaintBatch - 1) / DgcSpnProtocol.InpaintBatch

            now <- {
                Epochs = done' + float pass.Steps / float steps
                LogLikelihood =
                    if pass.Curve.Count > 0 then
                        pass.Curve[pass.Curve.Count - 1].Train
                    else
                        now.LogLikelihood
                Seconds = now.Seconds + clock.Elapsed.TotalSeconds
            }

            if keep then
                circuit
                |> Checkpoint.save path [ "data", job.DataSet; "epochs", ResultFile.Cell(now.Epochs, "0.###") ]

            files.Curves.Append training {
                Epoch = now.Epochs
                Seconds = now.Seconds
                Train = now.LogLikelihood
                Accuracy = nan
            }

            cancellation.ThrowIfCancellationRequested()

        now
