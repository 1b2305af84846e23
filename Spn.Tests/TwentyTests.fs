/// The HyperSPN experiment: protocol, options, results file, resuming, pages.
module Spn.Tests.TwentyTests

open System
open System.IO
open System.Linq
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Lowering

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

/// Options of a tiny experiment on the built-in digits.
let private options folder (more: string list) =
    [ "--datasets"; "digits"; "--steps"; "3"; "--out"; folder ] @ more
    |> Array.ofList
    |> HyperSpnOptions.parse

let private run options =
    use output = new StringWriter()

    let results =
        HyperSpnTwenty.run options output (ProgressLine(output, 0)) CancellationToken.None

    results, string output

let private csv folder =
    Path.Combine(folder, "hyperspn-twenty.csv")

let private lines (path: string) = File.ReadAllLines path |> List.ofArray

let private job dataSet model setting : TwentyJob = {
    DataSet = dataSet
    Model = model
    Setting = setting
    Seed = 1L
    Steps = fst (HyperSpnProtocol.steps dataSet)
}

let private protocol =
    testList "protocol" [
        testCase "parameter counts are those of the paper" (fun () ->
            for n in [ 16; 100; 135 ] do
                let count job =
                    Lowerer.Lower(HyperSpnProtocol.spec n job).ParameterCount

                Expect.equal (count (job "nltcs" TwentyModel.Decay 1e-3)) (2500 * n + 50) "SPN: 2500 n + 50"

                for h in [ 5; 10; 20 ] do
                    Expect.equal
                        (count (job "nltcs" TwentyModel.Hyper (float h)))
                        (500 * n + 195 + 46 * h)
                        "HyperSPN: 500 n + 195 + 46 h")

        testCase "every data set of the papers has two published numbers" (fun () ->
            for entry in DataCatalogue.Entries do
                for model in [ TwentyModel.Hyper; TwentyModel.Decay ] do
                    Expect.equal
                        (HyperSpnProtocol.paper model entry.Name).IsSome
                        (entry.Group = DataGroup.Twenty || entry.Group = DataGroup.Amazon)
                        entry.Name

            Expect.equal (HyperSpnProtocol.paper TwentyModel.Hyper "ad") (Some -28.58) "Ad, HyperSPN"
            Expect.equal (HyperSpnProtocol.paper TwentyModel.Decay "ad") (Some -54.82) "Ad, SPN with decay")

        testCase "training settings are those of the released code" (fun () ->
            let hyper = HyperSpnProtocol.options (job "plants" TwentyModel.Hyper 10.0)
            Expect.equal (hyper.LearningRate, hyper.WeightDecay, hyper.BatchSize) (5e-3, 0.0, 500) "HyperSPN on plants"
            Expect.equal (hyper.Steps, hyper.EvaluationPeriod) (20000, Nullable 1000) "long run"
            let decay = HyperSpnProtocol.options (job "bbc" TwentyModel.Decay 1e-4)
            Expect.equal (decay.LearningRate, decay.WeightDecay, decay.BatchSize) (2e-2, 1e-4, 50) "SPN on bbc"
            Expect.equal (decay.Steps, decay.EvaluationPeriod) (4000, Nullable 200) "usual run"
            Expect.equal hyper.Objective Training.Objective.Sum "the loss is a sum"

            Expect.equal
                (HyperSpnProtocol.steps "amzn_bath", HyperSpnProtocol.steps "amzn_moms")
                ((1000, 10), (4000, 50))
                "registries")
    ]

let private arguments =
    testList "options" [
        testCase "the digits stand in where there are no data" (fun () ->
            inFolder (fun folder ->
                let parsed = HyperSpnOptions.parse [| "--data"; folder |]
                Expect.equal [ for entry in parsed.DataSets -> entry.Name ] [ "digits" ] "built in"
                Expect.hasLength (HyperSpnOptions.jobs parsed) 6 "three settings of two models"))

        testCase "seeds are a number or a list" (fun () ->
            let seeds text =
                (options "out" [ "--seeds"; text ]).Common.Seeds

            Expect.equal (seeds "3") [ 1L; 2L; 3L ] "a number"
            Expect.equal (seeds "4,9") [ 4L; 9L ] "a list"
            Expect.equal (seeds "7,") [ 7L ] "a list of one")

        testCase "the command says the same as the options" (fun () ->
            let parsed =
                options "out" [ "--models"; "hyper"; "--quick"; "--seeds"; "7,"; "--resume" ]

            let again =
                (HyperSpnOptions.command parsed).Substring(HyperSpnOptions.Program.Length + 1).Split ' '
                |> HyperSpnOptions.parse

            Expect.equal (HyperSpnOptions.jobs again) (HyperSpnOptions.jobs parsed) "the same trainings")

        testCase "a wrong name is refused with the nearest ones before anything runs" (fun () ->
            let wrong arguments (part: string) =
                let error =
                    Expect.raises<ArgumentException>
                        (fun () -> arguments |> Array.ofList |> HyperSpnOptions.parse |> ignore)
                        "it is refused"

                Expect.stringContains error.Message part "the message helps"

            wrong [ "--datasets"; "nltc" ] "nltcs"
            wrong [ "--datasets"; "digits"; "--models"; "hypr" ] "hyper, decay, large and small"
            wrong [ "--datasets"; "mnist" ] "mnist holds other values than 0 and 1"
            wrong [ "--datasets"; "digits"; "--seeds"; "x" ] "\"x\" is no seed"
            wrong [ "--datasets"; "digits"; "--steps"; "0" ] "at least 1")

        testCase "missing data are named" (fun () ->
            inFolder (fun folder ->
                let error =
                    Expect.raises<FileNotFoundException>
                        (fun () ->
                            HyperSpnOptions.parse [| "--datasets"; "nltcs,digits,ad"; "--data"; folder |]
                            |> ignore)
                        "there are no files"

                Expect.stringContains error.Message "nltcs, ad" "both are named"))
    ]

let private running =
    testList "run" [
        testCase "a run writes rows, curves, report and page, and a resumed one only reads them" (fun () ->
            inFolder (fun folder ->
                let page = Path.Combine(folder, "page.md")
                let results, text = run (options folder [])
                Expect.hasLength results 6 "three settings of two models"
                Expect.stringContains text "shortened: 3/1000 steps" "the table marks a short run"
                let rows = lines (csv folder)
                Expect.hasLength rows 7 "a header and six rows"
                Expect.stringStarts rows[1] "digits,hyper,5,1,32425,3,-" "a row names its training"
                Expect.stringContains rows[6] ",-," "no number of the paper"

                Expect.isTrue
                    (rows[6].EndsWith ",shortened,NaN")
                    "a column marks a short run, the last one holds no score"

                let html = File.ReadAllText(Path.Combine(folder, "hyperspn-twenty.html"))
                Expect.stringContains html "HyperSPN valid" "the report has learning curves"

                let again, text = run (options folder [ "--resume"; "--markdown"; page ])
                Expect.equal (lines (csv folder)) rows "no row is added"
                Expect.stringContains text "done already: 6" "it says so"
                Expect.equal (again |> List.map _.Job) (results |> List.map _.Job) "the same trainings"
                Expect.hasLength again[0].Curve results[0].Curve.Length "the curves are read too"
                Expect.floatClose Accuracy.low again[0].Test results[0].Test "the numbers are read"

                let page = File.ReadAllText page
                Expect.stringContains page "--datasets digits --steps 3" "the page says how it was made"
                Expect.isFalse (page.Contains folder) "and names no folder of this machine"
                Expect.stringContains page "| Digits | HyperSPN | h = 20 |" "every setting is listed"))

        testCase "the best setting is chosen by validation, for each seed" (fun () ->
            let result model setting seed valid test : TwentyResult = {
                Job = {
                    job "nltcs" model setting with
                        Seed = seed
                }
                Parameters = 1
                Valid = valid
                Test = test
                Parzen = nan
                Seconds = 1.0
                SamplesPerSecond = 1.0
                Curve = []
            }

            let results = [
                for seed, shift in [ 1L, 0.0; 2L, 0.1 ] do
                    for setting, valid in [ 5.0, -6.3; 10.0, -6.0; 20.0, -6.1 ] do
                        result TwentyModel.Hyper setting seed (valid + shift) (-6.0 + shift)
            ]

            Expect.equal
                [ for best in HyperSpnTables.chosen results -> best.Job.Setting, best.Job.Seed ]
                [ 10.0, 1L; 10.0, 2L ]
                "h = 10 both times"

            let row = (HyperSpnTables.table results).Rows |> List.exactlyOne
            Expect.contains row "-5.95 ± 0.07" "mean and deviation over seeds"
            Expect.contains row "+0.06" "difference to the paper's -6.01"
            Expect.contains row "released" "a full run is no shortened one"
            Expect.stringContains (HyperSpnTables.verdict results).Value "1 of 1" "as good as the paper")

        testCase "plain models of two sizes and scores of samples stand in tables of their own" (fun () ->
            inFolder (fun folder ->
                let results, text =
                    run (options folder [ "--models"; "hyper,large,small"; "--parzen"; "--quick" ])

                Expect.hasLength results 3 "one setting each"

                let size model =
                    results |> List.find (fun r -> r.Job.Model = model) |> _.Parameters

                let hyper, small, large =
                    size TwentyModel.Hyper, size TwentyModel.Small, size TwentyModel.Large

                Expect.isTrue (abs (small - hyper) <= 1601) $"{small} parameters are within half a replica of {hyper}"

                Expect.equal
                    large
                    (Lowerer.Lower(HyperSpn.Baseline 64).ParameterCount)
                    "the structure under the HyperSPN"

                Expect.isTrue
                    (results |> List.forall (fun r -> Double.IsFinite r.Parzen && r.Parzen < 0.0))
                    "all have a score"

                Expect.stringContains text "SPN-Small" "the table is printed"
                Expect.stringContains text "Parzen windows" "and the scores"
                let scores = (fst (HyperSpnTables.parzen results).Value).Rows |> List.exactlyOne
                Expect.stringStarts (List.last scores) "shortened: 3/1000 steps" "which say how they came about"

                let again, _ =
                    run (options folder [ "--models"; "hyper,large,small"; "--parzen"; "--quick"; "--resume" ])

                Expect.equal
                    (again |> List.map _.Parzen)
                    (results |> List.map (fun r -> Math.Round(r.Parzen, 5)))
                    "scores are read again"))

        testCase "a Parzen score is the mean log of the mean window" (fun () ->
            let samples = Evidence.From([| 0f; 0f; 3f; 4f; 1f; 1f |], 2)
            let points = Evidence.From([| 0f; 0f; 0f; 2f; 1f; 2f |], 2)

            let window d2 =
                exp (-d2 / 8.0) / (2.0 * sqrt (2.0 * Math.PI))

            let expected =
                (log ((window 0.0 + window 4.0) / 2.0)
                 + log ((window 25.0 + window 13.0) / 2.0)
                 + log (window 1.0))
                / 3.0

            Expect.floatClose
                Accuracy.high
                (ParzenWindow.Score(samples, points, 2.0, batch = 2))
                expected
                "two batches"

            Expect.throwsT<ArgumentException>
                (fun () -> ParzenWindow.Score(samples, points.Rows(ReadOnlySpan [| 0 |])) |> ignore)
                "as many samples as points")

        testCase "the toy set is the same every time, balanced, and its neighbours depend on each other" (fun () ->
            let set = DataCatalogue.Load("toy", null)
            Expect.isTrue (set.Train.Values.SequenceEqual((ToyBits.Load 0L).Train.Values)) "the same bits"
            Expect.equal (set.Train.Count, set.Valid.Count, set.Test.Count) (7000, 1000, 2000) "70 : 10 : 20"

            let share f =
                Seq.init set.Train.Count (fun row -> if f row then 1.0 else 0.0) |> Seq.average

            let bit row i = set.Train.Row(row)[i]
            Expect.isTrue (abs (share (fun row -> bit row 7 = 1f) - 0.5) < 0.03) "half of the bits are 1"
            // Bits 0 and 2^j share the moves of 7 - j doublings.
            let agreement = [ for j in 0..7 -> share (fun row -> bit row 0 = bit row (1 <<< j)) ]
            Expect.isTrue (agreement[0] > 0.62) $"neighbours share seven moves: {agreement[0]}"
            Expect.isTrue (abs (agreement[7] - 0.5) < 0.03) $"the two halves share none: {agreement[7]}"

            for near, far in List.pairwise agreement do
                Expect.isTrue (near > far - 0.015) $"the nearer, the more alike: {near} and {far}")

        testCase "a run without --resume moves an earlier file aside" (fun () ->
            inFolder (fun folder ->
                let options = options folder [ "--models"; "decay"; "--quick" ]
                run options |> ignore
                let before = lines (csv folder)
                let _, text = run options
                Expect.stringContains text "hyperspn-twenty.1.csv" "it says where"
                Expect.equal (lines (Path.Combine(folder, "hyperspn-twenty.1.csv"))) before "nothing is lost"))

        testCase "an interrupted run keeps its rows and a resumed one does the rest" (fun () ->
            inFolder (fun folder ->
                use source = new CancellationTokenSource()

                use output = {
                    new StringWriter() with
                        override writer.WriteLine(text: string) =
                            base.WriteLine text

                            if text.Contains "samples/s" then
                                source.Cancel()
                }

                let results =
                    HyperSpnTwenty.run (options folder []) output (ProgressLine(output, 0)) source.Token

                Expect.hasLength results 1 "one training was finished"
                Expect.stringContains (string output) "Stopped after 1 of 6" "it says so"
                let first = lines (csv folder)
                File.AppendAllText(csv folder, "digits,hyper,10,1,32") // what a crash may leave
                let results, _ = run (options folder [ "--resume" ])
                Expect.hasLength results 6 "all are done"
                Expect.equal (lines (csv folder) |> List.truncate 2) first "the first row stays"
                Expect.hasLength (lines (csv folder)) 7 "the cut row is gone"))

        testCase "a malformed row is refused by its line" (fun () ->
            inFolder (fun folder ->
                run (options folder [ "--models"; "decay"; "--quick" ]) |> ignore
                File.AppendAllText(csv folder, "digits,decay,much\n")

                let error =
                    Expect.raises<DataFormatException>
                        (fun () -> run (options folder [ "--resume" ]) |> ignore)
                        "it is no row"

                Expect.equal error.Line (Nullable 3) "the third line"))
    ]

let tests = testList "hyperspn-twenty" [ protocol; arguments; running ]
