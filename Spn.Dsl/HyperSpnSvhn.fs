namespace Spn

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Threading
open Spn.Core.Data

/// <summary>The experiment of the HyperSPN paper on clusters of images: options, pages and the run.</summary>
[<RequireQualifiedAccess>]
module HyperSpnSvhn =

    /// <summary>How the experiment is started.</summary>
    [<Literal>]
    let Program = "dotnet fsi scripts/hyperspn-svhn.fsx"

    let private sets = [
        for set in [ ClusterSet.Svhn; ClusterSet.Fashion; ClusterSet.Digits ] -> set.Name, set
    ]

    /// <summary>What SVHN lacks in a data folder, in words.</summary>
    let missing (data: DataFolder) : string =
        $"The folder {HyperSpnClusters.svhnFolder data} holds no SVHN images; it needs {Svhn.Needed}."

    /// <summary>The images that are meant: the named ones, or else the first that are there, for a quick run those that are built in.</summary>
    /// <exception cref="T:System.ArgumentException">There are none of that name.</exception>
    /// <exception cref="T:System.IO.FileNotFoundException">They are not there; the message says what is missing.</exception>
    let internal choose (data: DataFolder) (quick: bool) (name: string option) : ClusterSet =
        let set =
            match name with
            | Some name ->
                match Script.choices "sets" sets name with
                | [ one ] -> one
                | _ -> invalidArg "set" $"--set takes one set, not \"{name}\"."
            | None when quick -> ClusterSet.Digits
            | None -> sets |> List.map snd |> List.find (HyperSpnClusters.isPresent data)

        if set = ClusterSet.Svhn && not (HyperSpnClusters.isPresent data set) then
            raise (FileNotFoundException(missing data))

        if set <> ClusterSet.Svhn then
            Script.requirePresent data [ DataCatalogue.Find set.Name ]

        set

    /// <summary>What there is to say where other images stand for SVHN's.</summary>
    /// <param name="set">The images.</param>
    /// <param name="data">Where SVHN's are looked up.</param>
    /// <param name="what">What of the paper is not reproduced.</param>
    let internal instead (set: ClusterSet) (data: DataFolder) (what: string) : string list = [
        if set <> ClusterSet.Svhn then
            if not (HyperSpnClusters.isPresent data ClusterSet.Svhn) then
                missing data

            $"The same protocol runs on {set.Title}: no reproduction of the paper's {what}."
    ]

    /// <summary>Reads options and looks whether the images are there.</summary>
    /// <exception cref="T:Argu.ArguParseException">An option is wrong, or help was asked for.</exception>
    /// <exception cref="T:System.ArgumentException">A name or number is wrong.</exception>
    /// <exception cref="T:System.IO.IOException">Images are missing.</exception>
    let parse (arguments: string[]) : ClusterOptions =
        let given = CommandLine.Parse<ClusterArguments>(Program, arguments)
        let data = DataFolder.Find(given.TryGetResult ClusterArguments.Data |> Option.toObj)
        let quick = given.Contains ClusterArguments.Quick

        let set = choose data quick (given.TryGetResult ClusterArguments.Set)

        let clusters =
            given.GetResult(
                ClusterArguments.Clusters,
                (if quick then 3
                 elif set = ClusterSet.Digits then 10
                 else 100)
            )
            |> Script.atLeastOne "--clusters"

        let extra = given.GetResult(ClusterArguments.Extra, 0)

        if extra < 0 || (extra > 0 && set <> ClusterSet.Svhn) then
            invalidArg "extra" "Only svhn has additional images; leave --extra out, or give a number of at least 0."

        {
            Set = set
            Extra = extra
            Clusters = clusters
            First =
                given.GetResult(ClusterArguments.First, clusters)
                |> Script.atLeastOne "--first"
                |> min clusters
            Channels =
                given.GetResult(ClusterArguments.Channels, (if quick then 6 else 40))
                |> Script.atLeastOne "--channels"
            Common =
                ExperimentOptions.create
                    data
                    (given.GetResult(ClusterArguments.Seeds, "1"))
                    (given.TryGetResult ClusterArguments.Threads)
                    (given.TryGetResult ClusterArguments.Out, given.TryGetResult ClusterArguments.Markdown)
                    (given.Contains ClusterArguments.Resume)
                |> ExperimentOptions.shortened
                    (if quick then Some 4 else None)
                    (given.TryGetResult ClusterArguments.Epochs)
                    (given.TryGetResult ClusterArguments.Images)
                    (given.TryGetResult ClusterArguments.Budget)
        }

    /// <summary>The command line that makes the same results on any machine.</summary>
    let command (options: ClusterOptions) : string =
        String.concat " " [
            $"{Program} --set {options.Set.Name} --clusters {options.Clusters} --channels {options.Channels}"
            if options.First < options.Clusters then
                $"--first {options.First}"
            if options.Extra > 0 then
                $"--extra {options.Extra}"
            yield! ExperimentOptions.words options.Common
        ]

    let private nats (value: float) =
        value.ToString("0.00", CultureInfo.InvariantCulture)

    /// <summary>Free and generated weights of the groups for which both are there and which have test images, in order.</summary>
    let pairs (rows: ClusterRow list) : (ClusterRow * ClusterRow) list =
        rows
        |> List.groupBy (fun r -> r.Job.Seed, r.Job.Cluster)
        |> List.choose (fun (_, own) ->
            let of' model =
                own |> List.tryFind (fun r -> r.Job.Model = model && Double.IsFinite r.TestLl)

            match of' ClusterModel.Free, of' ClusterModel.Hyper with
            | Some free, Some hyper -> Some(free, hyper)
            | _ -> None)

    let private gain (free: ClusterRow, hyper: ClusterRow) = hyper.TestLl - free.TestLl

    /// <summary>Share of the groups in which generated weights are better, the mean gain in nats by test image, and its standard error over groups.</summary>
    /// <remarks>Groups count for the mean by their test images. The standard error of a weighted mean is sqrt(sum w^2 (gain - mean)^2) / sum w.</remarks>
    let summary (pairs: (ClusterRow * ClusterRow) list) : float * float * float =
        let weights = [ for free, _ in pairs -> float free.Test ]
        let gains = pairs |> List.map gain
        let total = List.sum weights
        let mean = List.sum (List.map2 (*) weights gains) / total

        let error =
            List.sum (List.map2 (fun w g -> (w * (g - mean)) ** 2.0) weights gains)
            |> sqrt
            |> fun root -> root / total

        float (gains |> List.filter (fun g -> g > 0.0) |> List.length)
        / float gains.Length,
        mean,
        error

    let private median (sorted: float list) =
        (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0

    let private mark (rows: ClusterRow list) =
        let isShort (row: ClusterRow) =
            let job = row.Job

            row.Passes < float HyperSpnClusters.PaperEpochs
            || job.Images > 0
            || job.Channels <> 40
            || job.Clusters <> 100
            || (job.Set = ClusterSet.Svhn && job.Extra < 531_131)

        [
            if rows |> List.exists (fun r -> r.Job.Set <> ClusterSet.Svhn) then
                "other images than the paper's"
            if rows |> List.exists isShort then
                "shortened"
        ]
        |> function
            | [] -> "as the paper"
            | marks -> String.concat ", " marks

    /// <summary>The result, a line a seed, beside the paper's.</summary>
    let table (rows: ClusterRow list) : Table =
        Table.create [
            "images"
            "seed"
            "groups"
            "better"
            "mean gain (nats)"
            "median"
            "weights, free"
            "weights, hyper"
            "how"
        ] [
            for seed, own in rows |> List.groupBy _.Job.Seed do
                let pairs = pairs own

                if not pairs.IsEmpty then
                    let share, mean, error = summary pairs
                    let free, hyper = pairs.Head

                    [
                        free.Job.Set.Name
                        string seed
                        string pairs.Length
                        share.ToString("P0", CultureInfo.InvariantCulture)
                        $"{nats mean} ± {nats error}"
                        nats (pairs |> List.map gain |> List.sort |> median)
                        free.Weights.ToString("N0", CultureInfo.InvariantCulture)
                        hyper.Weights.ToString("N0", CultureInfo.InvariantCulture)
                        mark own
                    ]
            [ "svhn"; "-"; "100"; "70 %"; "9 ± 4"; "-"; "-"; "about a fifth"; "published" ]
        ]

    let private every (rows: ClusterRow list) : Table =
        Table.create [
            "seed"
            "group"
            "train"
            "valid"
            "test"
            "free (nats)"
            "hyper (nats)"
            "gain (nats)"
            "passes"
            "seconds"
        ] [
            for free, hyper in pairs rows do
                [
                    string free.Job.Seed
                    string free.Job.Cluster
                    yield! [ free.Train; free.Valid; free.Test ] |> List.map string
                    yield! [ free.TestLl; hyper.TestLl; gain (free, hyper) ] |> List.map nats
                    ResultFile.Cell(min free.Passes hyper.Passes, "0.#")
                    ResultFile.Cell(free.Seconds + hyper.Seconds, "0")
                ]
        ]

    let private chart (rows: ClusterRow list) =
        let title = rows.Head.Job.Set.Title

        Chart.Line(
            [
                for seed, own in rows |> List.groupBy _.Job.Seed do
                    let gains = own |> pairs |> List.map gain |> List.sort
                    $"seed {seed}", gains |> List.mapi (fun i g -> float (i + 1), g)
                "no gain",
                [
                    1.0, 0.0
                    rows |> List.map (fun r -> float r.Job.Cluster + 1.0) |> List.max, 0.0
                ]
            ],
            title = $"Gain of generated weights by group, sorted: {title}",
            x = "groups in the order of their gain",
            y = "test log-likelihood, hyper less free (nats)"
        )

    let private protocol (set: ClusterSet) =
        (match set with
         | ClusterSet.Svhn -> "The images are SVHN's."
         | other ->
             $"SVHN's images were not at hand: these are results on {other.Title}, by the same protocol, and no reproduction of the paper's numbers.")
        + " Images are grouped by k-means (the best of three starts, at most 100 rounds); images to validate and to test belong to the nearest mean. Every group has two models: "
        + "Einsum networks of Poon-Domingos regions over four vertical strips with K normal densities of each pixel, whose deviations lie between 0.001 and 0.1 of the largest grey value, start at 0.1, and "
        + "whose values count from the mean of the group. One has free weights; in the other a hyper-network 8-10-10-K makes them of one embedding of size 8 for every K. "
        + "Adam on the sum of the log-likelihoods of 10 images, rate 0.01 and weight decay 0.0001, for the hyper-network itself rate 0.0003 without decay; the parameters kept are "
        + "those of the best validation log-likelihood after a pass. Gains are differences of the test log-likelihood of an image in nats, of all its pixels together; the mean counts groups by their test images."

    let private publish (output: TextWriter) (options: ClusterOptions) (rows: ClusterRow list) =
        let table = table rows
        output.WriteLine()
        output.WriteLine(Table.toText table)
        output.WriteLine()

        if not (pairs rows).IsEmpty then
            let command, chart, title =
                command options, chart rows, "HyperSPN on clusters of images"

            Report.html title [
                Report.Text(protocol options.Set)
                Report.Code command
                Report.Table table
                Report.Chart chart
                Report.Heading "Every group"
                Report.Table(every rows)
            ]
            |> Report.save (Path.Combine(options.Common.Out, "hyperspn-svhn.html"))
            |> fun path -> output.WriteLine $"Report: {path}"

            match options.Common.Markdown with
            | Some path ->
                let figure = $"hyperspn-clusters-{options.Set.Name}.svg"

                let page =
                    String.concat "\n\n" [
                        $"# {title}"
                        protocol options.Set
                        $"Made by\n\n```\n{command}\n```"
                        Table.toMarkdown table
                        $"![Sorted gains]({figure})"
                        "## Every group"
                        Table.toMarkdown (every rows)
                    ]

                let path = Report.save path (page + "\n")

                SvgChart.lines chart
                |> Report.save (Path.Combine(string (Path.GetDirectoryName path), figure))
                |> ignore

                output.WriteLine $"Page: {path}"
            | None -> ()

    /// <summary>Runs the experiment.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where it tells what it does.</param>
    /// <param name="line">Where it shows how it stands.</param>
    /// <param name="cancellation">Ends it; finished rows are kept and reported.</param>
    /// <returns>All rows that belong to the options, those of an earlier run included.</returns>
    let run (options: ClusterOptions) (output: TextWriter) (line: ProgressLine) (cancellation: CancellationToken) =
        let data = lazy (HyperSpnClusters.load options)
        let known = Dictionary()

        let groups seed =
            if not (known.ContainsKey seed) then
                known[seed] <- HyperSpnClusters.groups output cancellation data.Value options.Clusters seed

            known[seed]

        let file = HyperSpnClusters.file options.Common.Out

        let perform report (job: ClusterJob) =
            let report (now: Spn.Core.Training.TrainingProgress) =
                report (float now.Step / float now.Steps) (Progress.text now)

            let row =
                HyperSpnClusters.train
                    report
                    cancellation
                    options.Common
                    data.Value
                    ((groups job.Seed: (float32[] * _ * _ * _)[])[job.Cluster])
                    job

            row,
            $"{row.Train} images, valid {nats row.ValidLl}, test {nats row.TestLl} nats, {Progress.duration (TimeSpan.FromSeconds row.Seconds)}"

        Experiment.run output line cancellation {
            Title = "HyperSPN on groups of images"
            Notes = instead options.Set options.Common.Data "numbers"
            Common = options.Common
            Jobs = HyperSpnClusters.jobs options
            Files = [ file ]
            Read = fun () -> file.Read HyperSpnClusters.ofCells
            JobOf = _.Job
            // Groups differ in size, which k-means tells only later; on average they are alike.
            Work = fun job -> if job.Model = ClusterModel.Hyper then 1.5 else 1.0
            Name =
                fun job ->
                    $"{job.Set.Title}, group {job.Cluster} of {job.Clusters}, {job.Model.Name} weights, seed {job.Seed}"
            Perform = perform
            Append = fun row -> file.Append [ HyperSpnClusters.toLine row ]
            Publish = publish output options
        }

    /// <summary>The script: parses, runs, and gives the exit code.</summary>
    /// <returns>0 when all is done, 1 after a failure, 2 after wrong use, 130 when interrupted.</returns>
    let main (arguments: string[]) : int = Script.main parse run arguments
