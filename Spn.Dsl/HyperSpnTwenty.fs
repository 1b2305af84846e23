namespace Spn

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Simd

/// <summary>What the experiment is to do.</summary>
type TwentyOptions = {
    /// <summary>The data sets, in order.</summary>
    DataSets: DataEntry list
    /// <summary>The models, in order.</summary>
    Models: TwentyModel list
    /// <summary>300 steps and one setting a model.</summary>
    Quick: bool
    /// <summary>Gradient steps; none takes the protocol's.</summary>
    Steps: int option
    /// <summary>Seeds, in order.</summary>
    Seeds: int64 list
    /// <summary>Number of threads.</summary>
    Threads: int
    /// <summary>Where data are looked up.</summary>
    Data: DataFolder
    /// <summary>The folder of the results.</summary>
    Out: string
    /// <summary>Keeps the rows of an earlier run.</summary>
    Resume: bool
    /// <summary>A Markdown page to write.</summary>
    Markdown: string option
}

/// <summary>The experiment of the HyperSPN paper on the twenty binary data sets and the baby registries.</summary>
[<RequireQualifiedAccess>]
module HyperSpnTwenty =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/hyperspn-twenty.fsx"

    let private words (text: string) =
        text.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
        |> List.ofArray

    let private group group =
        DataCatalogue.Entries |> Seq.filter (fun e -> e.Group = group) |> List.ofSeq

    let private dataSets (names: string) =
        [
            for name in words names do
                match name.ToLowerInvariant() with
                | "all" -> yield! group DataGroup.Twenty
                | "amazon" -> yield! group DataGroup.Amazon
                | _ -> DataCatalogue.Find name
        ]
        |> List.distinct

    let private model (name: string) =
        match name.ToLowerInvariant() with
        | "hyper" -> TwentyModel.Hyper
        | "decay" -> TwentyModel.Decay
        | _ -> invalidArg "models" $"There is no model \"{name}\"; the models are hyper and decay."

    let private seeds (text: string) =
        let number (word: string) =
            match Int64.TryParse word with
            | true, value -> value
            | _ -> invalidArg "seeds" $"\"{word}\" is no seed; give a number of seeds, or a list such as 1,5,9."

        match words text with
        | [ count ] when not (text.Contains ',') -> [ 1L .. number count ]
        | list -> List.map number list |> List.distinct

    let private atLeastOne name value =
        if value < 1 then
            invalidArg name $"{name} is {value}; it must be at least 1."

        value

    /// <summary>Reads options and looks whether all data are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Data are missing.</exception>
    let parse (arguments: string[]) : TwentyOptions =
        let given = CommandLine.Parse<TwentyArguments>(Program, arguments)
        let data = DataFolder.Find(given.TryGetResult TwentyArguments.Data |> Option.toObj)

        let present entry =
            DataCatalogue.IsPresent(entry, data.Path)

        let nltcs = DataCatalogue.Find "nltcs"
        let usual = if present nltcs then "nltcs" else "digits"

        let options = {
            DataSets = given.GetResult(TwentyArguments.Datasets, usual) |> dataSets
            Models =
                given.GetResult(TwentyArguments.Models, "hyper,decay")
                |> words
                |> List.map model
                |> List.distinct
            Quick = given.Contains TwentyArguments.Quick
            Steps = given.TryGetResult TwentyArguments.Steps |> Option.map (atLeastOne "--steps")
            Seeds = given.GetResult(TwentyArguments.Seeds, "1") |> seeds
            Threads =
                given.GetResult(TwentyArguments.Threads, Environment.ProcessorCount)
                |> atLeastOne "--threads"
            Data = data
            Out =
                given.TryGetResult TwentyArguments.Out
                |> Option.orElse (Option.ofObj (Environment.GetEnvironmentVariable "SPN_OUT"))
                |> Option.defaultValue "out"
            Resume = given.Contains TwentyArguments.Resume
            Markdown = given.TryGetResult TwentyArguments.Markdown
        }

        if options.DataSets.IsEmpty || options.Models.IsEmpty || options.Seeds.IsEmpty then
            invalidArg "options" "Name at least one data set, one model and one seed."

        match options.DataSets |> List.filter (present >> not) |> List.map _.Name with
        | [] -> options
        | missing ->
            let names = String.concat ", " missing

            raise (
                FileNotFoundException
                    $"No files for {names} in the {data}. Name another folder with --data, or leave these data sets out."
            )

    /// <summary>The trainings of an experiment, in order.</summary>
    let jobs (options: TwentyOptions) : TwentyJob list = [
        for entry in options.DataSets do
            let protocol = fst (HyperSpnProtocol.steps entry.Name)

            for seed in options.Seeds do
                for model in options.Models do
                    for setting in
                        (if options.Quick then
                             [ HyperSpnProtocol.quickSetting model ]
                         else
                             HyperSpnProtocol.settings model) do
                        {
                            DataSet = entry.Name
                            Model = model
                            Setting = setting
                            Seed = seed
                            Steps =
                                options.Steps
                                |> Option.defaultValue (if options.Quick then min 300 protocol else protocol)
                        }
    ]

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: TwentyOptions) : string =
        let list items = String.concat "," items

        let names = options.DataSets |> List.map _.Name

        // A whole group goes by its own name.
        let shorten names (word, members: DataEntry list) =
            let members = members |> List.map _.Name

            if members |> List.forall (fun name -> List.contains name names) then
                List.except members names @ [ word ]
            else
                names

        let names =
            [ "all", group DataGroup.Twenty; "amazon", group DataGroup.Amazon ]
            |> List.fold shorten names
            |> list

        String.concat " " [
            $"{Program} --datasets {names}"
            if options.Models.Length < 2 then
                $"--models {options.Models.Head.Name}"
            if options.Quick then
                "--quick"
            match options.Steps with
            | Some steps -> $"--steps {steps}"
            | None -> ()
            if options.Seeds <> [ 1L ] then
                let seeds = list [ for seed in options.Seeds -> string seed ]

                if options.Seeds.Length > 1 then
                    $"--seeds {seeds}"
                else
                    $"--seeds {seeds},"
        ]

    let private train report cancellation (options: TwentyOptions) (data: DataSet) job =
        use circuit =
            Circuit.Compile(HyperSpnProtocol.spec data.Variables job, SimdEngine options.Threads, job.Seed)

        let report =
            circuit
            |> Train.gradientWith report cancellation data.Train data.Valid (HyperSpnProtocol.options job)

        cancellation.ThrowIfCancellationRequested()

        {
            Job = job
            Parameters = circuit.ParameterCount
            Valid = report.BestValid.Value
            Test = circuit |> Query.averageLogLikelihood data.Test
            Seconds = report.Elapsed.TotalSeconds
            SamplesPerSecond = report.SamplesPerSecond
            Curve = [
                for point in report.Curve -> point.Step, point.Train, point.Valid.GetValueOrDefault nan
            ]
        }

    // Runs what is left to do, job by job; gives the rows of finished jobs.
    let private runAll (options: TwentyOptions) (output: TextWriter) (line: ProgressLine) cancellation left save =
        let total = left |> List.sumBy HyperSpnProtocol.work
        let clock = Stopwatch.StartNew()
        let mutable loaded: DataSet | null = null
        let mutable finished = 0.0

        left
        |> List.iteri (fun index job ->
            let data =
                match loaded with
                | null -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data when data.Name <> job.DataSet -> DataCatalogue.Load(job.DataSet, options.Data.Path)
                | data -> data

            loaded <- data

            let name =
                $"{job.DataSet}, {job.Model.Title}, {job.Model.Describe job.Setting}, seed {job.Seed}"

            let report (now: Training.TrainingProgress) =
                let worked = finished + HyperSpnProtocol.work job * float now.Step / float now.Steps
                let remaining = clock.Elapsed * ((total - worked) / worked)

                line.Show
                    $"[{index + 1}/{left.Length}, {Progress.duration remaining} left] {name}: {Progress.text now}"

            let result = train report cancellation options data job
            finished <- finished + HyperSpnProtocol.work job
            line.Clear()
            save result

            String.Format(
                CultureInfo.InvariantCulture,
                "{0}: valid {1:F3}, test {2:F3} nats, {3}, {4:N0} samples/s",
                name,
                result.Valid,
                result.Test,
                Progress.duration (TimeSpan.FromSeconds result.Seconds),
                result.SamplesPerSecond
            )
            |> output.WriteLine)

    let private say (output: TextWriter) (options: TwentyOptions) (all: TwentyJob list) (left: TwentyJob list) file =
        let names = options.DataSets |> List.map _.Name |> String.concat ", "
        output.WriteLine $"Data: {options.Data}"

        output.WriteLine
            $"HyperSPN experiment on {names}: trainings: {all.Length}, done already: {all.Length - left.Length}, threads: {options.Threads}"

        if options.DataSets |> List.exists (fun e -> e.Group = DataGroup.BuiltIn) then
            output.WriteLine
                "The digits are built in and not in the paper; with a data folder, --datasets all runs the paper's twenty sets."

        if all |> List.exists (fun job -> HyperSpnProtocol.label job = "shortened") then
            output.WriteLine "Shortened: fewer steps than the paper's, so the numbers are not comparable with it."

        output.WriteLine $"Rows: {file}"
        output.WriteLine()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All results that belong to the options, those of an earlier run included.</returns>
    let run
        (options: TwentyOptions)
        (output: TextWriter)
        (line: ProgressLine)
        (cancellation: CancellationToken)
        : TwentyResult list =
        let file = TwentyResults options.Out
        let all = jobs options

        if not options.Resume then
            file.MoveAside()
            |> Option.iter (fun backup -> output.WriteLine $"The rows of an earlier run are now in {backup}.")

        let wanted = Set.ofList all
        let known = file.Read() |> List.filter (fun r -> wanted.Contains r.Job)
        let results = ResizeArray(known |> List.distinctBy _.Job)
        let left = all |> List.except [ for result in results -> result.Job ]
        say output options all left file.Path

        try
            runAll options output line cancellation left (fun result ->
                file.Append result
                results.Add result)
        with :? OperationCanceledException ->
            line.Clear()

        let place = all |> List.mapi (fun i job -> job, i) |> Map.ofList
        let results = results |> List.ofSeq |> List.sortBy (fun r -> place[r.Job])
        let command = command options

        if results.IsEmpty then
            output.WriteLine "No training was finished."
        else
            output.WriteLine()
            output.WriteLine(Table.toText (HyperSpnReport.table results))
            output.WriteLine()
            output.WriteLine HyperSpnReport.legend
            HyperSpnReport.verdict results |> Option.iter output.WriteLine
            output.WriteLine()

            HyperSpnReport.html command results
            |> Report.save (Path.Combine(options.Out, "hyperspn-twenty.html"))
            |> fun path -> output.WriteLine $"Report: {path}"

            options.Markdown
            |> Option.iter (fun path ->
                let path = HyperSpnReport.markdown command results |> Report.save path
                output.WriteLine $"Page: {path}")

        if cancellation.IsCancellationRequested then
            output.WriteLine
                $"Stopped after {results.Length} of {all.Length} trainings; the same command with --resume does the rest."

        results

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int =
        CommandLine.Guard(
            Console.Out,
            Console.Error,
            fun () ->
                let options = parse arguments
                use interrupt = new Interrupt()
                run options Console.Out (ProgressLine.Output()) interrupt.Token |> ignore
                if interrupt.Token.IsCancellationRequested then 130 else 0
        )
