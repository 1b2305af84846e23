namespace Spn

open System
open System.Globalization
open System.IO
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise

/// <summary>How deep Gaussian mixtures draw.</summary>
type DcgmmDraw = {
    /// <summary>Largest entries of a signal that take part in a draw; 0 keeps all.</summary>
    Top: int
    /// <summary>What noise is divided by.</summary>
    Divisor: float
} with

    /// <summary>As tables call it.</summary>
    member draw.Title =
        String.Format(CultureInfo.InvariantCulture, "S = {0}, noise / {1}", draw.Top, draw.Divisor)

    /// <summary>As names of files call it.</summary>
    member draw.Name =
        String.Format(CultureInfo.InvariantCulture, "top{0}-noise{1}", draw.Top, draw.Divisor)

/// <summary>What the experiments that draw images have in common.</summary>
[<RequireQualifiedAccess>]
module DcgmmDraws =

    /// <summary>Two entries of a signal, noise divided by 10: what most of the paper's scripts take.</summary>
    let usual: DcgmmDraw = { Top = 2; Divisor = 10.0 }

    /// <summary>Settings of the way down with sharpening.</summary>
    /// <param name="sharpenings">What is sharpened.</param>
    /// <param name="draw">How it draws.</param>
    /// <param name="choice">How the topmost mixture layer chooses.</param>
    /// <param name="seed">Seed of the draws.</param>
    let sharpened (sharpenings: Sharpening list) (draw: DcgmmDraw) (choice: ComponentChoice) (seed: int64) =
        LayerwiseSampleOptions(
            Top = draw.Top,
            Divisor = draw.Divisor,
            Choice = choice,
            Seed = seed,
            Sharpenings = ValueList<Sharpening> sharpenings
        )

    /// <summary>Settings of the way down.</summary>
    /// <param name="draw">How it draws.</param>
    /// <param name="choice">How the topmost mixture layer chooses.</param>
    /// <param name="seed">Seed of the draws.</param>
    let options (draw: DcgmmDraw) (choice: ComponentChoice) (seed: int64) : LayerwiseSampleOptions =
        sharpened [] draw choice seed

    /// <summary>How it is drawn, as options say.</summary>
    /// <param name="top">Entries of a signal; none takes the usual number.</param>
    /// <param name="divisor">What noise is divided by; none takes the usual number.</param>
    /// <exception cref="T:System.ArgumentException">A number is out of range.</exception>
    let draw (top: int option) (divisor: float option) : DcgmmDraw =
        let draw = {
            Top = defaultArg top usual.Top
            Divisor = defaultArg divisor usual.Divisor
        }

        if draw.Top < 0 then
            invalidArg (nameof top) $"--top is {draw.Top}; it must be at least 0."

        if not (draw.Divisor > 0.0) then
            invalidArg (nameof divisor) $"--divisor is {draw.Divisor}; it must be above 0."

        draw

    /// <summary>The options that say how it is drawn.</summary>
    let drawWords (draw: DcgmmDraw) : string list = [
        $"--top {draw.Top}"
        "--divisor " + draw.Divisor.ToString("R", CultureInfo.InvariantCulture)
    ]

    /// <summary>A training as long as the paper's, unless the options say otherwise.</summary>
    /// <param name="options">The options.</param>
    /// <param name="independent">Whether the mixture layers below the top have parameters for each cell.</param>
    /// <param name="dataSet">Short name of the data set.</param>
    /// <param name="classes">Images of which classes.</param>
    /// <param name="instance">Name of the stack of layers.</param>
    /// <param name="seed">Seed.</param>
    let training
        (options: ExperimentOptions)
        (independent: bool)
        (dataSet: string)
        (classes: DcgmmClasses)
        (instance: string)
        (seed: int64)
        : DcgmmTraining = {
        DataSet = dataSet
        Classes = classes
        Instance = instance
        Independent = independent
        Seed = seed
        Epochs = DcgmmProtocol.epochs options dataSet (DcgmmProtocol.paperEpochs instance)
        Images = defaultArg options.Images 0
    }

    /// <summary>What was shortened against the paper, as a part of a page; nothing where nothing was.</summary>
    /// <param name="options">The options.</param>
    /// <param name="trainings">Trainings and how they went.</param>
    let shortened (options: ExperimentOptions) (trainings: (DcgmmTraining * DcgmmRun) list) : PagePart list =
        DcgmmProtocol.shortened options [
            for training, run in trainings -> training.Instance, DcgmmProtocol.paperEpochs training.Instance, run
        ]
        |> Option.map PagePart.Text
        |> Option.toList

    /// <summary>Numbers separated by commas.</summary>
    /// <param name="name">What a refusal calls them.</param>
    /// <param name="least">No number is below.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="T:System.ArgumentException">A word is no such number, or there is none.</exception>
    let numbers (name: string) (least: float) (text: string) : float list =
        match
            Script.words text
            |> List.map (fun word ->
                match Double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture) with
                | true, value when value >= least && Double.IsFinite value -> value
                | _ ->
                    let bound = least.ToString CultureInfo.InvariantCulture
                    invalidArg name $"\"{word}\" is no number for {name}; give numbers of at least {bound}.")
            |> List.distinct
        with
        | [] -> invalidArg name $"Name at least one number for {name}."
        | values -> values

    /// <summary>Numbers as an option takes them, each once.</summary>
    let words (values: float list) : string =
        values
        |> List.distinct
        |> List.map (fun value -> value.ToString("0.######", CultureInfo.InvariantCulture))
        |> String.concat ","

    // Pictures of a documentation page stay below some 100 KB.
    let private side height =
        if height < 16 then 4
        elif height < 32 then 2
        else 1

    /// <summary>Writes a grid of images to a PNG file, black and white being 0 and 1.</summary>
    /// <param name="path">The file.</param>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="samples">The images.</param>
    let save (path: string) (images: DcgmmImages) (columns: int) (samples: Evidence) : unit =
        Chart.SampleGrid(
            samples,
            images.Height,
            images.Width,
            columns = columns,
            low = 0.0,
            high = 1.0,
            side = side images.Height,
            colours = images.Colours
        )
        |> Chart.savePicture path
        |> ignore

    /// <summary>Writes a grid with one batch of images in each row to a PNG file, black and white being 0 and 1; hidden pixels are light blue.</summary>
    /// <param name="path">The file.</param>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="rows">Batches of one size.</param>
    let saveRows (path: string) (images: DcgmmImages) (rows: Evidence list) : unit =
        Chart.SampleRows(
            rows,
            images.Height,
            images.Width,
            low = 0.0,
            high = 1.0,
            side = side images.Height,
            colours = images.Colours
        )
        |> Chart.savePicture path
        |> ignore

    /// <summary>Pictures of one width below each other, for a page; none where a file is not there.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="strips">The files that <see cref="M:Spn.DcgmmDrawsModule.save"/> has written.</param>
    let stack (title: string) (path: string) (height: int) (strips: string list) : PagePart option =
        if strips.IsEmpty || not (List.forall File.Exists strips) then
            None
        else
            let strips = strips |> List.map File.ReadAllBytes
            File.WriteAllBytes(path, Png.Stack(strips, Pictures.line, side height))
            Some(PagePart.Picture(title, path))

    /// <summary>Mean absolute difference of pixels that are neighbours in a row or a column: low where images are blurred.</summary>
    /// <param name="images">Says the size of an image.</param>
    /// <param name="samples">The images, at least one.</param>
    let contrast (images: DcgmmImages) (samples: Evidence) : float =
        let row = images.Width * images.Colours
        let mutable sum, count = 0.0, 0

        for sample in 0 .. samples.Count - 1 do
            let pixels = samples.Row sample

            for i in 0 .. pixels.Length - 1 do
                if i % row + images.Colours < row then
                    sum <- sum + float (abs (pixels[i + images.Colours] - pixels[i]))
                    count <- count + 1

                if i + row < pixels.Length then
                    sum <- sum + float (abs (pixels[i + row] - pixels[i]))
                    count <- count + 1

        sum / float count

    /// <summary>The stack of a training; its images are not read.</summary>
    let spec (training: DcgmmTraining) : LayerwiseSpec =
        let side = int (sqrt (float (DataCatalogue.Find training.DataSet).Variables))
        DcgmmProtocol.specOf side side training.Instance training.Independent

    /// <summary>What a training costs, in a unit that is the same for all.</summary>
    let work (training: DcgmmTraining) : float =
        let all = DcgmmProtocol.workOf training

        match training.Classes with
        | DcgmmClasses.Only _ when training.Images = 0 -> all / 10.0
        | _ -> all

    /// <summary>A stack as the paper writes it, such as F(8,2)-G(49)-F(11,1)-G(49).</summary>
    let notation (spec: LayerwiseSpec) : string =
        spec.Layers |> Seq.map _.Name |> String.concat "-"

    /// <summary>Mean and standard deviation over seeds as a cell.</summary>
    /// <param name="format">Format of a number.</param>
    /// <param name="values">One a seed.</param>
    let spread (format: string) (values: float list) : string = DgcSpnCells.spread format values
