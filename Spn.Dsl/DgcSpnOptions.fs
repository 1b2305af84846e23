namespace Spn

open System
open Argu
open Spn.Core
open Spn.Core.Data

/// <summary>A data set of the inpainting experiment.</summary>
type InpaintSet = {
    /// <summary>The set.</summary>
    Entry: DataEntry
    /// <summary>Whether each category of images gets a network of its own.</summary>
    ByCategory: bool
} with

    /// <summary>As options call it.</summary>
    member set.Name =
        if set.ByCategory then
            set.Entry.Name + "-categories"
        else
            set.Entry.Name

/// <summary>What the inpainting experiment is to do.</summary>
type InpaintRunOptions = {
    /// <summary>The data sets, in order.</summary>
    Sets: InpaintSet list
    /// <summary>The networks, in order.</summary>
    Presets: InpaintPreset list
    /// <summary>The learners, in order.</summary>
    Learners: InpaintLearner list
    /// <summary>The parts to complete, in order.</summary>
    Occlusions: Occlusion list
    /// <summary>Which pixels the standard scores are taken from, in order.</summary>
    Statistics: ImageStatistics list
    /// <summary>Most images to complete.</summary>
    TestImages: int option
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>What the classification experiment is to do.</summary>
type ClassifyRunOptions = {
    /// <summary>The data sets, in order.</summary>
    Sets: DataEntry list
    /// <summary>The networks, in order.</summary>
    Presets: ClassifyPreset list
    /// <summary>Step size; none takes the preset's.</summary>
    Rate: float option
    /// <summary>Step size at the end; none keeps that of the start.</summary>
    FinalRate: float option
    /// <summary>The rest.</summary>
    Common: ExperimentOptions
}

/// <summary>From command lines to the DGC-SPN experiments, and back.</summary>
[<RequireQualifiedAccess>]
module DgcSpnOptions =

    /// <summary>How the inpainting experiment is started.</summary>
    [<Literal>]
    let InpaintProgram = "dotnet fsi scripts/dgcspn-inpainting.fsx"

    /// <summary>How the classification experiment is started.</summary>
    [<Literal>]
    let ClassifyProgram = "dotnet fsi scripts/dgcspn-classification.fsx"

    let private presets = [ for p in [ InpaintPreset.Paper; InpaintPreset.TwoSums ] -> p.Name, p ]

    let private learners = [ for l in [ InpaintLearner.Plain; InpaintLearner.Unweighted ] -> l.Name, l ]

    let internal occlusions = [
        "bottom", Occlusion.Bottom
        "left", Occlusion.Left
        "right", Occlusion.Right
        "top", Occlusion.Top
    ]

    /// <summary>A half as options and the CSV file call it.</summary>
    let occlusionName (occlusion: Occlusion) : string = Script.nameOf occlusions occlusion

    let internal statistics = [
        "full", ImageStatistics.FullImage
        "visible", ImageStatistics.VisibleOnly
        "global", ImageStatistics.Global
    ]

    let private networks = [
        for p in [ ClassifyPreset.Paper; ClassifyPreset.PaperRate; ClassifyPreset.Notebook ] -> p.Name, p
    ]

    let internal digits = DataCatalogue.Find "digits-grey"

    let private inpaintSets = [
        for entry in DataCatalogue.Entries do
            if entry.Group = DataGroup.Images || entry = digits then
                entry.Name, [ { Entry = entry; ByCategory = false } ]

            if entry.Name = "caltech101" then
                entry.Name + "-categories", [ { Entry = entry; ByCategory = true } ]
        "all",
        [
            for name in [ "olivetti"; "caltech101"; "mnist"; "fashion-mnist" ] ->
                {
                    Entry = DataCatalogue.Find name
                    ByCategory = false
                }
        ]
    ]

    let private classifySets =
        let mnist, fashion = DataCatalogue.Find "mnist", DataCatalogue.Find "fashion-mnist"

        [
            mnist.Name, [ mnist ]
            fashion.Name, [ fashion ]
            digits.Name, [ digits ]
            "all", [ mnist; fashion ]
        ]

    // The set to begin with: built in where its files are not there, or where little time is to be spent.
    let internal usualSet (data: DataFolder) quick name =
        if not quick && DataCatalogue.IsPresent(DataCatalogue.Find name, data.Path) then
            name
        else
            digits.Name

    /// <summary>Reads the options of the inpainting experiment and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parseInpaint (arguments: string[]) : InpaintRunOptions =
        let given = CommandLine.Parse<InpaintArguments>(InpaintProgram, arguments)
        let data = DataFolder.Find(given.TryGetResult InpaintArguments.Data |> Option.toObj)
        let quick = given.Contains InpaintArguments.Quick

        let sets =
            given.GetResult(InpaintArguments.Sets, usualSet data quick "olivetti")
            |> Script.choices "sets" inpaintSets
            |> List.concat
            |> List.distinct

        sets |> List.map _.Entry |> Script.requirePresent data

        {
            Sets = sets
            Presets =
                given.GetResult(InpaintArguments.Presets, "paper")
                |> Script.choices "presets" presets
            Learners =
                given.GetResult(InpaintArguments.Learners, "plain,usi")
                |> Script.choices "learners" learners
            Occlusions =
                given.GetResult(InpaintArguments.Occlusions, "bottom,left")
                |> Script.choices "occlusions" occlusions
            Statistics =
                given.GetResult(InpaintArguments.Stats, "full")
                |> Script.choices "stats" statistics
            TestImages =
                given.TryGetResult InpaintArguments.TestImages
                |> Option.map (Script.atLeastOne "--test-images")
                |> Option.orElse (if quick then Some 50 else None)
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(InpaintArguments.Seeds, "1"))
                    (given.TryGetResult InpaintArguments.Threads)
                    (given.TryGetResult InpaintArguments.Out, given.TryGetResult InpaintArguments.Markdown)
                    (given.Contains InpaintArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some 3 else None)
                    (given.TryGetResult InpaintArguments.Epochs)
                    (given.TryGetResult InpaintArguments.Images)
                    (given.TryGetResult InpaintArguments.Budget)
        }

    /// <summary>Reads the options of the classification experiment and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parseClassify (arguments: string[]) : ClassifyRunOptions =
        let given = CommandLine.Parse<ClassifyArguments>(ClassifyProgram, arguments)

        let data =
            DataFolder.Find(given.TryGetResult ClassifyArguments.Data |> Option.toObj)

        let quick = given.Contains ClassifyArguments.Quick

        let sets =
            given.GetResult(ClassifyArguments.Sets, usualSet data quick "mnist")
            |> Script.choices "sets" classifySets
            |> List.concat
            |> List.distinct

        Script.requirePresent data sets

        {
            Sets = sets
            Presets =
                given.GetResult(ClassifyArguments.Presets, "paper")
                |> Script.choices "presets" networks
            Rate =
                given.TryGetResult ClassifyArguments.Rate
                |> Option.map (fun rate ->
                    if not (rate > 0.0) || Double.IsInfinity rate then
                        invalidArg "rate" $"--rate is {rate}; it must be above 0."

                    rate)
            FinalRate =
                given.TryGetResult ClassifyArguments.FinalRate
                |> Option.map (fun rate ->
                    if not (rate >= 0.0) || Double.IsInfinity rate then
                        invalidArg "final-rate" $"--final-rate is {rate}; it must be at least 0."

                    rate)
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(ClassifyArguments.Seeds, "1"))
                    (given.TryGetResult ClassifyArguments.Threads)
                    (given.TryGetResult ClassifyArguments.Out, given.TryGetResult ClassifyArguments.Markdown)
                    (given.Contains ClassifyArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some 12 else None)
                    (given.TryGetResult ClassifyArguments.Epochs)
                    (given.TryGetResult ClassifyArguments.Images)
                    (given.TryGetResult ClassifyArguments.Budget)
        }

    let private list names = String.concat "," names

    /// <summary>The command line that makes the same inpainting results on any machine.</summary>
    let inpaintCommand (options: InpaintRunOptions) : string =
        String.concat " " [
            $"{InpaintProgram} --sets {list [ for set in options.Sets -> set.Name ]}"
            if options.Presets <> [ InpaintPreset.Paper ] then
                $"--presets {list [ for preset in options.Presets -> preset.Name ]}"
            if options.Learners.Length < learners.Length then
                $"--learners {list [ for learner in options.Learners -> learner.Name ]}"
            if options.Occlusions <> [ Occlusion.Bottom; Occlusion.Left ] then
                $"--occlusions {list [ for occlusion in options.Occlusions -> occlusionName occlusion ]}"
            if options.Statistics <> [ ImageStatistics.FullImage ] then
                $"--stats {list [ for pixels in options.Statistics -> Script.nameOf statistics pixels ]}"
            yield! ExperimentOptions.words options.Common
            match options.TestImages with
            | Some images -> $"--test-images {images}"
            | None -> ()
        ]

    /// <summary>The command line that makes the same classification results on any machine.</summary>
    let classifyCommand (options: ClassifyRunOptions) : string =
        String.concat " " [
            $"{ClassifyProgram} --sets {list [ for set in options.Sets -> set.Name ]}"
            if options.Presets <> [ ClassifyPreset.Paper ] then
                $"--presets {list [ for preset in options.Presets -> preset.Name ]}"
            match options.Rate with
            | Some rate -> $"""--rate {ResultFile.Cell(rate, "0.#######")}"""
            | None -> ()
            match options.FinalRate with
            | Some rate -> $"""--final-rate {ResultFile.Cell(rate, "0.#######")}"""
            | None -> ()
            yield! ExperimentOptions.words options.Common
        ]
