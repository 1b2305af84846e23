namespace Spn

open System
open Argu
open Spn.Core
open Spn.Core.Data

/// <summary>What both DGC-SPN experiments are told.</summary>
type ExperimentOptions = {
    /// <summary>Seeds, in order.</summary>
    Seeds: int64 list
    /// <summary>Passes over the images; none takes the usual number.</summary>
    Epochs: int option
    /// <summary>Most images to train on.</summary>
    Images: int option
    /// <summary>Most time of one training.</summary>
    Budget: TimeSpan option
    /// <summary>Number of threads.</summary>
    Threads: int
    /// <summary>Where data are looked up.</summary>
    Data: DataFolder
    /// <summary>The folder of the results.</summary>
    Out: string
    /// <summary>Keeps what an earlier run made.</summary>
    Resume: bool
    /// <summary>A Markdown page to write to.</summary>
    Markdown: string option
} with

    /// <summary>Most seconds of one training; infinite where none were given.</summary>
    member options.BudgetSeconds =
        options.Budget |> Option.map _.TotalSeconds |> Option.defaultValue infinity

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

    // One of some named values.
    let private choice (kind: string) (known: (string * 'value) list) (word: string) : 'value =
        match
            known
            |> List.tryFind (fun (name, _) -> String.Equals(name, word, StringComparison.OrdinalIgnoreCase))
        with
        | Some(_, value) -> value
        | None ->
            let names = known |> List.map fst |> String.concat ", "
            invalidArg kind $"\"{word}\" is none of the {kind}; these are {names}."

    let internal choices kind known (text: string) : 'value list =
        match text |> Script.words |> List.map (choice kind known) |> List.distinct with
        | [] -> invalidArg kind $"Name at least one of the {kind}."
        | values -> values

    let internal nameOf known value =
        known |> List.find (fun (_, other) -> other = value) |> fst

    let private presets = [ for p in [ InpaintPreset.Paper; InpaintPreset.TwoSums ] -> p.Name, p ]

    let private learners = [ for l in [ InpaintLearner.Plain; InpaintLearner.Unweighted ] -> l.Name, l ]

    let internal occlusions = [
        "bottom", Occlusion.Bottom
        "left", Occlusion.Left
        "right", Occlusion.Right
        "top", Occlusion.Top
    ]

    /// <summary>A half as options and the CSV file call it.</summary>
    let occlusionName (occlusion: Occlusion) : string = nameOf occlusions occlusion

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

    let private budgetOf (minutes: float) =
        if not (minutes > 0.0) || Double.IsInfinity minutes then
            invalidArg "budget" $"--budget is {minutes}; it is a number of minutes above 0."

        TimeSpan.FromMinutes minutes

    let internal commonOf data quick seeds (epochs, images) budget threads (out, markdown) resume : ExperimentOptions = {
        Seeds = seeds |> Option.defaultValue "1" |> Script.seeds
        Epochs = epochs |> Option.map (Script.atLeastOne "--epochs") |> Option.orElse quick
        Images = images |> Option.map (Script.atLeastOne "--images")
        Budget = budget |> Option.map budgetOf
        Threads =
            threads
            |> Option.defaultValue Environment.ProcessorCount
            |> Script.atLeastOne "--threads"
        Data = data
        Out = Script.out out "out"
        Resume = resume
        Markdown = markdown
    }

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
            |> choices "sets" inpaintSets
            |> List.concat
            |> List.distinct

        sets |> List.map _.Entry |> Script.requirePresent data

        {
            Sets = sets
            Presets = given.GetResult(InpaintArguments.Presets, "paper") |> choices "presets" presets
            Learners =
                given.GetResult(InpaintArguments.Learners, "plain,usi")
                |> choices "learners" learners
            Occlusions =
                given.GetResult(InpaintArguments.Occlusions, "bottom,left")
                |> choices "occlusions" occlusions
            Statistics = given.GetResult(InpaintArguments.Stats, "full") |> choices "stats" statistics
            TestImages =
                given.TryGetResult InpaintArguments.TestImages
                |> Option.map (Script.atLeastOne "--test-images")
                |> Option.orElse (if quick then Some 50 else None)
            Common =
                commonOf
                    data
                    (if quick then Some 3 else None)
                    (given.TryGetResult InpaintArguments.Seeds)
                    (given.TryGetResult InpaintArguments.Epochs, given.TryGetResult InpaintArguments.Images)
                    (given.TryGetResult InpaintArguments.Budget)
                    (given.TryGetResult InpaintArguments.Threads)
                    (given.TryGetResult InpaintArguments.Out, given.TryGetResult InpaintArguments.Markdown)
                    (given.Contains InpaintArguments.Resume)
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
            |> choices "sets" classifySets
            |> List.concat
            |> List.distinct

        Script.requirePresent data sets

        {
            Sets = sets
            Presets =
                given.GetResult(ClassifyArguments.Presets, "paper")
                |> choices "presets" networks
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
                commonOf
                    data
                    (if quick then Some 12 else None)
                    (given.TryGetResult ClassifyArguments.Seeds)
                    (given.TryGetResult ClassifyArguments.Epochs, given.TryGetResult ClassifyArguments.Images)
                    (given.TryGetResult ClassifyArguments.Budget)
                    (given.TryGetResult ClassifyArguments.Threads)
                    (given.TryGetResult ClassifyArguments.Out, given.TryGetResult ClassifyArguments.Markdown)
                    (given.Contains ClassifyArguments.Resume)
        }

    let internal common (options: ExperimentOptions) = [
        match options.Epochs with
        | Some epochs -> $"--epochs {epochs}"
        | None -> ()
        yield! Script.seedsOption options.Seeds |> Option.toList
        match options.Images with
        | Some images -> $"--images {images}"
        | None -> ()
        match options.Budget with
        | Some budget -> $"""--budget {ResultFile.Cell(budget.TotalMinutes, "0.###")}"""
        | None -> ()
    ]

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
                $"--stats {list [ for pixels in options.Statistics -> nameOf statistics pixels ]}"
            yield! common options.Common
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
            yield! common options.Common
        ]
