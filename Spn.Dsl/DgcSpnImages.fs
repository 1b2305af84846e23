namespace Spn

open System
open System.IO
open Spn.Core
open Spn.Core.Data
open Spn.Core.Files

/// <summary>Images of a training, as they are: grey values row by row.</summary>
type ImageJob = {
    /// <summary>The whole set.</summary>
    Set: DataSet
    /// <summary>Images to train on.</summary>
    Train: Evidence
    /// <summary>Their classes.</summary>
    TrainLabels: int[]
    /// <summary>Images to test with.</summary>
    Test: Evidence
    /// <summary>Their classes.</summary>
    TestLabels: int[]
    /// <summary>Height in pixels.</summary>
    Height: int
    /// <summary>Width in pixels.</summary>
    Width: int
    /// <summary>Grey value of white.</summary>
    White: float
}

/// <summary>Hands out the images that trainings ask for; keeps the last set at hand.</summary>
/// <param name="data">Where data are looked up.</param>
[<Sealed>]
type ImageSource(data: DataFolder) =
    let load = Experiment.reader data

    /// <summary>A set.</summary>
    /// <exception cref="T:System.IO.IOException">It cannot be read.</exception>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">A file is malformed.</exception>
    member _.Load(name: string) : DataSet = load name

    /// <summary>Number of training and of test images of each category, in the order of the labels.</summary>
    member source.Categories(name: string) : (int * int) list =
        let set = source.Load name

        let counts labels =
            Array.countBy id (Option.ofObj labels |> Option.get) |> Map.ofArray

        let train, test = counts set.TrainLabels, counts set.TestLabels
        [ for label in 0 .. Seq.max train.Keys -> train[label], test[label] ]

    /// <summary>Some images of a set.</summary>
    /// <param name="name">The set.</param>
    /// <param name="category">The only class to take; none takes all.</param>
    /// <param name="train">Training images, evenly spaced.</param>
    /// <param name="test">Test images, evenly spaced.</param>
    member source.Images(name: string, category: int option, train: int, test: int) : ImageJob =
        let set = source.Load name

        let part (images: Evidence) (labels: int[] | null) (count: int) =
            let labels = labels |> Option.ofObj |> Option.get

            let own = [|
                for i in 0 .. images.Count - 1 do
                    if category |> Option.forall (fun c -> c = labels[i]) then
                        i
            |]

            let spaced =
                if count >= own.Length then
                    own
                else
                    Array.init count (fun i -> own[int (int64 i * int64 own.Length / int64 count)])

            // The whole set is not copied.
            if spaced.Length = images.Count then
                images, labels
            else
                images |> Evidence.rows spaced, spaced |> Array.map (fun i -> labels[i])

        let trainImages, trainLabels = part set.Train set.TrainLabels train
        let testImages, testLabels = part set.Test set.TestLabels test

        {
            Set = set
            Train = trainImages
            TrainLabels = trainLabels
            Test = testImages
            TestLabels = testLabels
            Height = set.Height.Value
            Width = set.Width.Value
            White = float set.Highest.Value
        }

/// <summary>A circuit on the disk that a training goes on from.</summary>
[<RequireQualifiedAccess>]
module Checkpoint =

    /// <summary>Writes a circuit with what is to be known of it, in one step.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be written.</exception>
    let save (path: string) (facts: (string * string) list) (circuit: Circuit) : unit =
        Path.GetDirectoryName(Path.GetFullPath path)
        |> Option.ofObj
        |> Option.iter (Directory.CreateDirectory >> ignore)

        circuit.Save(path, readOnlyDict facts)

    /// <summary>Gives a circuit the parameters that were written, and tells what is known of them; nothing when there is no file, or one of another circuit.</summary>
    /// <exception cref="T:Spn.Core.Files.ModelFileException">The file cannot be read, was cut or was changed.</exception>
    let load (path: string) (circuit: Circuit) : Map<string, string> option =
        if File.Exists path then
            let file = ModelFile.Read path

            if file.Spec = circuit.Spec then
                circuit.SetParameters file.Parameters
                circuit.ClassPrior <- file.ClassPrior
                Some(file.Metadata |> Seq.map (fun pair -> pair.Key, pair.Value) |> Map.ofSeq)
            else
                None
        else
            None

    /// <summary>Removes a file where there is one.</summary>
    let delete (path: string) : unit =
        // File.Delete takes a missing file, but no missing folder.
        if File.Exists path then
            File.Delete path
