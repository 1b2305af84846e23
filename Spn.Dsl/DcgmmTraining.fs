namespace Spn

open System
open System.Globalization
open Spn.Core

/// <summary>Images in [0, 1] with their classes.</summary>
type DcgmmImages = {
    /// <summary>Short name of the data set.</summary>
    Name: string
    /// <summary>Rows of an image.</summary>
    Height: int
    /// <summary>Columns of an image.</summary>
    Width: int
    /// <summary>Numbers of a pixel.</summary>
    Colours: int
    /// <summary>Images to train on.</summary>
    Train: Evidence
    /// <summary>Their classes, from 0.</summary>
    TrainClasses: int[]
    /// <summary>Images to judge by.</summary>
    Test: Evidence
    /// <summary>Their classes.</summary>
    TestClasses: int[]
}

/// <summary>Images of which classes a model is trained on.</summary>
[<RequireQualifiedAccess>]
type DcgmmClasses =
    /// <summary>All.</summary>
    | All
    /// <summary>All but one.</summary>
    | Without of int
    /// <summary>One.</summary>
    | Only of int

    /// <summary>As files call it.</summary>
    member classes.Name =
        match classes with
        | All -> "all"
        | Without number -> $"without{number}"
        | Only number -> $"only{number}"

    /// <summary>Whether images of a class are among them.</summary>
    member classes.Holds(number: int) =
        match classes with
        | All -> true
        | Without other -> number <> other
        | Only one -> number = one

    /// <summary>The one of that name.</summary>
    /// <exception cref="T:System.FormatException">There is none.</exception>
    static member Named(name: string) =
        let numbered (word: string) make =
            if name.StartsWith(word, StringComparison.Ordinal) then
                Some(make (Int32.Parse(name.Substring word.Length, CultureInfo.InvariantCulture)))
            else
                None

        if name = All.Name then
            All
        else
            numbered "without" Without
            |> Option.orElseWith (fun () -> numbered "only" Only)
            |> Option.defaultWith (fun () -> raise (FormatException()))

/// <summary>One training: which model of which images.</summary>
type DcgmmTraining = {
    /// <summary>Short name of the data set.</summary>
    DataSet: string
    /// <summary>Images of which classes.</summary>
    Classes: DcgmmClasses
    /// <summary>Name of the stack of layers, A to G.</summary>
    Instance: string
    /// <summary>Whether the mixture layers below the top have parameters for each cell.</summary>
    Independent: bool
    /// <summary>Seed of the starting parameters and of the order of the images.</summary>
    Seed: int64
    /// <summary>Passes over the images.</summary>
    Epochs: int
    /// <summary>Most images to train on; 0 takes all.</summary>
    Images: int
}

/// <summary>How a training went.</summary>
type DcgmmRun = {
    /// <summary>Images trained on.</summary>
    Images: int
    /// <summary>Parameters of the model.</summary>
    Parameters: int
    /// <summary>Passes done; fewer than asked for where the budget ended the training, or losses left the range of numbers.</summary>
    Passes: float
    /// <summary>Wall-clock seconds.</summary>
    Seconds: float
    /// <summary>Training images a second.</summary>
    ImagesPerSecond: float
}
