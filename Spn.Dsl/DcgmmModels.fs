namespace Spn

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Files
open Spn.Core.Layerwise

/// <summary>Images and trained models of an experiment, each read or trained once and kept in files beside the rows.</summary>
/// <param name="options">What the experiment is told.</param>
/// <param name="folder">The folder of the models, in that of the results.</param>
/// <param name="load">Reads the images of a data set.</param>
/// <param name="spec">The stack of a training.</param>
[<Sealed>]
type DcgmmModels
    (
        options: ExperimentOptions,
        folder: string,
        load: string -> DcgmmImages,
        spec: DcgmmImages -> DcgmmTraining -> LayerwiseSpec
    ) =
    let images = Experiment.latest load
    let models = Dictionary<DcgmmTraining, LayerwiseModel * DcgmmRun>()

    // How the training went stands in the file, as in a row.
    let runKey = "dcgmm.run"

    let file (training: DcgmmTraining) =
        Path.Combine(options.Out, folder, $"{DcgmmProtocol.nameOf training}.safetensors")

    let kept training =
        let path = file training

        if options.Resume && File.Exists path then
            let run =
                DcgmmProtocol.ofRunCells (LayerwiseFile.Read(path).Metadata[runKey].Split ',') 0

            if DcgmmProtocol.isWhole options training run then
                Some(LayerwiseModel.Load(path, options.Threads), run)
            else
                None
        else
            None

    let keep training (model: LayerwiseModel) run =
        let path = file training
        Path.GetDirectoryName path |> string |> Directory.CreateDirectory |> ignore
        model.Save(path, dict [ runKey, DcgmmProtocol.runCells run |> String.concat "," ] |> Dictionary)

    /// <summary>Models of the paper's instances.</summary>
    /// <param name="options">What the experiment is told.</param>
    new(options) =
        DcgmmModels(
            options,
            "dcgmm-models",
            DcgmmProtocol.load options.Data,
            fun images training -> DcgmmProtocol.spec images training.Instance training.Independent
        )

    /// <summary>The images of a data set; those of the last one asked for are kept.</summary>
    member _.Images(name: string) : DcgmmImages = images name

    /// <summary>The trained model of a training, and how the training went; from its file where an earlier run is gone on with.</summary>
    /// <param name="report">Told what share is done and how things stand.</param>
    /// <param name="cancellation">Ends the experiment.</param>
    /// <param name="training">The training.</param>
    /// <exception cref="T:System.OperationCanceledException">The experiment was ended.</exception>
    member this.Train
        (report: float -> string -> unit, cancellation: CancellationToken, training: DcgmmTraining)
        : LayerwiseModel * DcgmmRun =
        match models.TryGetValue training with
        | true, known -> known
        | _ ->
            let made =
                match kept training with
                | Some known -> known
                | None ->
                    let images = this.Images training.DataSet

                    let train, _ =
                        DcgmmProtocol.ofClasses training.Classes training.Images images.Train images.TrainClasses

                    let model = (spec images training).Compile(training.Seed, options.Threads)

                    let _, run =
                        model
                        |> DcgmmProtocol.fit
                            report
                            cancellation
                            options
                            (DcgmmProtocol.settings training 1)
                            train
                            None
                            None

                    keep training model run
                    model, run

            models[training] <- made
            made
