namespace Spn

open System
open System.IO
open Spn.Core

/// <summary>How well one part of some images was completed.</summary>
type InpaintResult = {
    /// <summary>The training.</summary>
    Job: InpaintJob
    /// <summary>The part that was hidden.</summary>
    Occlusion: Occlusion
    /// <summary>Mean squared error of the hidden pixels, on grey values from 0 to 255.</summary>
    Error: float
    /// <summary>Parameters of the circuit.</summary>
    Parameters: int
    /// <summary>Passes done: fewer than asked for where the time was up.</summary>
    Epochs: float
    /// <summary>Average log-likelihood of the training images in the last pass, in nats of standardised pixels.</summary>
    LogLikelihood: float
    /// <summary>Wall-clock seconds of the training.</summary>
    TrainSeconds: float
    /// <summary>Wall-clock seconds of completing the images.</summary>
    InpaintSeconds: float
}

/// <summary>What a classifier reached.</summary>
type ClassifyResult = {
    /// <summary>The training.</summary>
    Job: ClassifyJob
    /// <summary>Test accuracy at the end, in percent.</summary>
    Accuracy: float
    /// <summary>Parameters of the circuit.</summary>
    Parameters: int
    /// <summary>Passes done: fewer than asked for where the time was up.</summary>
    Epochs: float
    /// <summary>Wall-clock seconds of the training, evaluations left out.</summary>
    Seconds: float
}

/// <summary>A point of a learning curve.</summary>
type CurvePoint = {
    /// <summary>Passes done.</summary>
    Epoch: float
    /// <summary>Wall-clock seconds of training so far, evaluations left out.</summary>
    Seconds: float
    /// <summary>Average of what the training raises, over the images since the point before, in nats.</summary>
    Train: float
    /// <summary>Test accuracy in percent; NaN where it is not measured.</summary>
    Accuracy: float
}

/// <summary>Learning curves in a CSV file: points are written as they come.</summary>
/// <param name="file">The file.</param>
[<Sealed>]
type CurveFile(file: string) =
    let rows = ResultFile(file, "training,epoch,seconds,train,accuracy")

    // A training that began again, or again from an earlier pass, replaces what it had.
    let continued (curve: CurvePoint list) (point: CurvePoint) =
        List.append (curve |> List.filter (fun other -> other.Epoch < point.Epoch)) [ point ]

    /// <summary>The file.</summary>
    member _.Rows = rows

    /// <summary>The points of all trainings, by the training's name.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : Map<string, CurvePoint list> =
        rows.Read(fun cells ->
            cells[0],
            {
                Epoch = ResultFile.Number cells[1]
                Seconds = ResultFile.Number cells[2]
                Train = ResultFile.Number cells[3]
                Accuracy = ResultFile.Number cells[4]
            })
        |> List.groupBy fst
        |> List.map (fun (name, points) -> name, points |> List.fold (fun curve (_, point) -> continued curve point) [])
        |> Map.ofList

    /// <summary>Writes a point to the disk.</summary>
    member _.Append (training: string) (point: CurvePoint) : unit =
        rows.Append [
            String.concat "," [
                training
                ResultFile.Cell(point.Epoch, "0.###")
                ResultFile.Cell(point.Seconds, "0.0")
                ResultFile.Cell(point.Train, "0.00000")
                ResultFile.Cell(point.Accuracy, "0.000")
            ]
        ]

/// <summary>The files of the inpainting experiment.</summary>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type InpaintResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "dgcspn-inpainting.csv"),
            "dataset,category,preset,learner,stats,seed,epochs,images,test_images,occlusion,mse,paper_mse,parameters,epochs_done,log_likelihood,train_seconds,inpaint_seconds"
        )

    let curves = CurveFile(Path.Combine(folder, "dgcspn-inpainting-curves.csv"))

    let find known name =
        match known |> List.tryFind (fun (other, _) -> other = name) with
        | Some(_, value) -> value
        | None -> raise (FormatException())

    let nameOf known value =
        known |> List.find (fun (_, other) -> other = value) |> fst

    let row (result: InpaintResult) =
        let job = result.Job

        String.concat "," [
            job.DataSet
            job.Category |> Option.map string |> Option.defaultValue "-"
            job.Preset.Name
            job.Learner.Name
            nameOf DgcSpnOptions.statistics job.Statistics
            string job.Seed
            string job.Epochs
            string job.Images
            string job.TestImages
            nameOf DgcSpnOptions.occlusions result.Occlusion
            ResultFile.Cell(result.Error, "0.000")
            DgcSpnProtocol.paperError job.DataSet job.Learner result.Occlusion
            |> Option.map string
            |> Option.defaultValue "-"
            string result.Parameters
            ResultFile.Cell(result.Epochs, "0.###")
            ResultFile.Cell(result.LogLikelihood, "0.00000")
            ResultFile.Cell(result.TrainSeconds, "0.0")
            ResultFile.Cell(result.InpaintSeconds, "0.0")
        ]

    /// <summary>The file of rows.</summary>
    member _.Path = rows.Path

    /// <summary>The learning curves.</summary>
    member _.Curves = curves

    /// <summary>The name of a training: of its curve, and of the file its network is kept in.</summary>
    member _.Training(job: InpaintJob) : string =
        let category =
            job.Category
            |> Option.map (fun number -> $"-category{number}")
            |> Option.defaultValue ""

        // Networks of images that are standardised one by one are the same whatever pixels count in a test.
        let scale =
            if job.Statistics = Data.ImageStatistics.Global then
                "-global"
            else
                ""

        $"{job.DataSet}{category}-{job.Preset.Name}-{job.Learner.Name}{scale}-seed{job.Seed}-{job.Epochs}x{job.Images}"

    /// <summary>Where the network of a training is kept.</summary>
    member results.ModelPath(job: InpaintJob) : string =
        Path.Combine(folder, "dgcspn-inpainting", results.Training job + ".safetensors")

    /// <summary>Where a picture of some completed images is kept.</summary>
    member results.PicturePath (job: InpaintJob) (occlusion: Occlusion) : string =
        let stats = nameOf DgcSpnOptions.statistics job.Statistics
        let part = nameOf DgcSpnOptions.occlusions occlusion
        Path.Combine(folder, "dgcspn-inpainting", $"{results.Training job}-{stats}-{part}.png")

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : InpaintResult list =
        rows.Read(fun cells -> {
            Job = {
                DataSet = cells[0]
                Category = if cells[1] = "-" then None else Some(int cells[1])
                Preset = find [ for p in [ InpaintPreset.Paper; InpaintPreset.TwoSums ] -> p.Name, p ] cells[2]
                Learner = find [ for l in [ InpaintLearner.Plain; InpaintLearner.Unweighted ] -> l.Name, l ] cells[3]
                Statistics = find DgcSpnOptions.statistics cells[4]
                Seed = int64 cells[5]
                Epochs = int cells[6]
                Images = int cells[7]
                TestImages = int cells[8]
            }
            Occlusion = find DgcSpnOptions.occlusions cells[9]
            Error = ResultFile.Number cells[10]
            Parameters = int cells[12]
            Epochs = ResultFile.Number cells[13]
            LogLikelihood = ResultFile.Number cells[14]
            TrainSeconds = ResultFile.Number cells[15]
            InpaintSeconds = ResultFile.Number cells[16]
        })

    /// <summary>Writes a row to the disk.</summary>
    member _.Append(result: InpaintResult) : unit = rows.Append [ row result ]

    /// <summary>Renames the files when there are any; gives the new name of the rows.</summary>
    member _.MoveAside() : string option =
        ResultFile.MoveAside [ curves.Rows; rows ]

/// <summary>The files of the classification experiment.</summary>
/// <param name="folder">The folder of the files; made when it is missing.</param>
[<Sealed>]
type ClassifyResults(folder: string) =
    let rows =
        ResultFile(
            Path.Combine(folder, "dgcspn-classification.csv"),
            "dataset,preset,rate,final_rate,seed,epochs,images,accuracy,paper_accuracy,parameters,epochs_done,seconds"
        )

    let curves = CurveFile(Path.Combine(folder, "dgcspn-classification-curves.csv"))

    let presets = [ ClassifyPreset.Paper; ClassifyPreset.PaperRate; ClassifyPreset.Notebook ]

    let row (result: ClassifyResult) =
        let job = result.Job

        String.concat "," [
            job.DataSet
            job.Preset.Name
            ResultFile.Cell(job.Rate, "0.########")
            ResultFile.Cell(job.FinalRate, "0.########")
            string job.Seed
            string job.Epochs
            string job.Images
            ResultFile.Cell(result.Accuracy, "0.000")
            DgcSpnProtocol.paperAccuracy job.DataSet
            |> Option.map (fun value -> ResultFile.Cell(value, "0.00"))
            |> Option.defaultValue "-"
            string result.Parameters
            ResultFile.Cell(result.Epochs, "0.###")
            ResultFile.Cell(result.Seconds, "0.0")
        ]

    /// <summary>The files, that of the rows last.</summary>
    member _.Files = [ curves.Rows; rows ]

    /// <summary>The learning curves.</summary>
    member _.Curves = curves

    /// <summary>The name of a training: of its curve, and of the file its network is kept in.</summary>
    member _.Training(job: ClassifyJob) : string =
        let cell (rate: float) = ResultFile.Cell(rate, "0.########")

        let rate =
            if job.FinalRate = job.Rate then
                cell job.Rate
            else
                $"{cell job.Rate}to{cell job.FinalRate}"

        $"{job.DataSet}-{job.Preset.Name}-rate{rate}-seed{job.Seed}-{job.Epochs}x{job.Images}"

    /// <summary>Where the network of a training is kept.</summary>
    member results.ModelPath(job: ClassifyJob) : string =
        Path.Combine(folder, "dgcspn-classification", results.Training job + ".safetensors")

    /// <summary>The rows there are, none when there is no file.</summary>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A line is malformed.</exception>
    member _.Read() : ClassifyResult list =
        rows.Read(fun cells -> {
            Job = {
                DataSet = cells[0]
                Preset =
                    match presets |> List.tryFind (fun preset -> preset.Name = cells[1]) with
                    | Some preset -> preset
                    | None -> raise (FormatException())
                Rate = ResultFile.Number cells[2]
                FinalRate = ResultFile.Number cells[3]
                Seed = int64 cells[4]
                Epochs = int cells[5]
                Images = int cells[6]
            }
            Accuracy = ResultFile.Number cells[7]
            Parameters = int cells[9]
            Epochs = ResultFile.Number cells[10]
            Seconds = ResultFile.Number cells[11]
        })

    /// <summary>Writes a row to the disk.</summary>
    member _.Append(result: ClassifyResult) : unit = rows.Append [ row result ]
