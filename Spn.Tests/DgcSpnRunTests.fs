/// The DGC-SPN experiments run, broken off and resumed.
module Spn.Tests.DgcSpnRunTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

/// A tiny experiment on the built-in digits.
let private inpaint folder (more: string list) =
    [
        "--sets"
        "digits-grey"
        "--epochs"
        "2"
        "--images"
        "140"
        "--test-images"
        "12"
        "--out"
        folder
    ]
    @ more
    |> Array.ofList
    |> DgcSpnOptions.parseInpaint

let private classify folder (more: string list) =
    [ "--sets"; "digits-grey"; "--epochs"; "2"; "--images"; "140"; "--out"; folder ]
    @ more
    |> Array.ofList
    |> DgcSpnOptions.parseClassify

let private runInpaint options =
    use output = new StringWriter()

    let results =
        DgcSpnInpainting.run options output (ProgressLine(output, 0)) CancellationToken.None

    results, string output

let private runClassify options =
    use output = new StringWriter()

    let results =
        DgcSpnClassification.run options output (ProgressLine(output, 0)) CancellationToken.None

    results, string output

let private lines (path: string) = File.ReadAllLines path |> List.ofArray

/// A line that cancels when a text is shown.
let private stopAt (text: string) =
    let source = new CancellationTokenSource()

    let line =
        ProgressLine(
            {
                new StringWriter() with
                    override _.Write(shown: string | null) =
                        if (Option.ofObj shown |> Option.defaultValue "").Contains text then
                            source.Cancel()
            },
            200
        )

    line, source

let private completing =
    testList "inpainting" [
        testCase
            "a run writes rows, curves, networks, pictures, report and page, and a resumed one only reads them"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "page.md")
                    let results, text = runInpaint (inpaint folder [])
                    Expect.hasLength results 4 "two learners, two halves"

                    Expect.stringContains
                        text
                        "not in the paper, 2/15 passes, 140/1,258 images, 12/359 test images"
                        "what differs"

                    let rows = lines (Path.Combine(folder, "dgcspn-inpainting.csv"))
                    Expect.hasLength rows 5 "a header and four rows"

                    Expect.stringStarts
                        rows[1]
                        "digits-grey,-,paper,plain,full,1,2,140,12,bottom,"
                        "a row names its training"

                    Expect.hasLength
                        (lines (Path.Combine(folder, "dgcspn-inpainting-curves.csv")))
                        5
                        "two passes each"

                    let kept = Path.Combine(folder, "dgcspn-inpainting")
                    Expect.hasLength (Directory.GetFiles(kept, "*.safetensors")) 2 "networks"
                    Expect.hasLength (Directory.GetFiles(kept, "*.png")) 4 "pictures"
                    let html = File.ReadAllText(Path.Combine(folder, "dgcspn-inpainting.html"))
                    Expect.equal (html.Split("<img ").Length - 1) 4 "the report shows the pictures"

                    let again, text = runInpaint (inpaint folder [ "--resume"; "--markdown"; page ])
                    Expect.equal (lines (Path.Combine(folder, "dgcspn-inpainting.csv"))) rows "no row is added"
                    Expect.stringContains text "done already: 2" "it says so"

                    Expect.equal
                        [ for r in again -> r.Job, r.Occlusion ]
                        [ for r in results -> r.Job, r.Occlusion ]
                        "the same completions"

                    for before, after in List.zip results again do
                        Expect.floatClose Accuracy.low after.Error before.Error "the numbers are read"

                    let page = File.ReadAllText page
                    Expect.stringContains page "dgcspn-inpainting.fsx --sets digits-grey --epochs 2" "how it was made"
                    Expect.isFalse (page.Contains folder) "no folder of this machine"))

        testCase "a row is what the kept network does, and another half needs no new training" (fun () ->
            inFolder (fun folder ->
                let first, _ =
                    runInpaint (inpaint folder [ "--learners"; "usi"; "--occlusions"; "left" ])

                let curve = lines (Path.Combine(folder, "dgcspn-inpainting-curves.csv"))

                let both, _ =
                    runInpaint (inpaint folder [ "--learners"; "usi"; "--occlusions"; "left,top"; "--resume" ])

                Expect.equal (lines (Path.Combine(folder, "dgcspn-inpainting-curves.csv"))) curve "no pass was made"
                Expect.hasLength both 2 "two halves"
                Expect.floatClose Accuracy.low both[0].Error first[0].Error "the first is kept"
                let result = both[1]
                use circuit = Circuit.load ((InpaintResults folder).ModelPath result.Job)
                let images = ImageSource(DataFolder.Find()).Images("digits-grey", None, 140, 12)
                let occluded = images.Test |> Evidence.occlude 8 8 Occlusion.Top
                let options = InpaintOptions(Score = StandardScore.FullImage(), Full = images.Test)

                let error =
                    circuit
                    |> Query.inpaintWith options occluded
                    |> Evidence.meanSquaredError 16.0 images.Test occluded

                Expect.floatClose Accuracy.low error result.Error "the same error"))

        testCase "one network serves every kind of statistics of single images" (fun () ->
            inFolder (fun folder ->
                let results, _ =
                    runInpaint (
                        inpaint folder [
                            "--learners"
                            "usi"
                            "--occlusions"
                            "left"
                            "--stats"
                            "full,visible,global"
                        ]
                    )

                Expect.hasLength results 3 "three completions"
                let passes = lines (Path.Combine(folder, "dgcspn-inpainting-curves.csv"))
                Expect.hasLength passes 5 "two trainings of two passes: by image, and global"
                Expect.isLessThan results[0].Error results[1].Error "what leaks from the hidden half helps"))

        testCase "an interrupted training goes on from its last pass, as if nothing had been" (fun () ->
            inFolder (fun whole ->
                inFolder (fun cut ->
                    let more = [ "--learners"; "plain"; "--occlusions"; "left" ]
                    let uncut, _ = runInpaint (inpaint whole more)
                    let line, source = stopAt "pass 1.0 of 2"
                    use _ = source
                    use output = new StringWriter()
                    let results = DgcSpnInpainting.run (inpaint cut more) output line source.Token
                    Expect.isEmpty results "no row yet"
                    Expect.stringContains (string output) "Stopped after 0 of 1" "it says so"
                    let resumed, _ = runInpaint (inpaint cut (more @ [ "--resume" ]))
                    Expect.floatClose Accuracy.low resumed[0].Error uncut[0].Error "the same network"
                    let passes = lines (Path.Combine(cut, "dgcspn-inpainting-curves.csv"))
                    Expect.hasLength passes 3 "two passes, each done once")))

        testCase "a training whose time is up is kept and marked" (fun () ->
            inFolder (fun folder ->
                let results, text =
                    runInpaint (
                        inpaint folder [ "--learners"; "usi"; "--occlusions"; "left"; "--budget"; "0.000001" ]
                    )

                Expect.isLessThan results[0].Epochs 2.0 "not both passes"
                Expect.stringContains text "/15 passes" "marked"

                let again, _ =
                    runInpaint (inpaint folder [ "--learners"; "usi"; "--occlusions"; "left"; "--resume" ])

                Expect.equal again[0].Epochs results[0].Epochs "its row stands"))

        testCase "errors are averaged over seeds, and over categories before that" (fun () ->
            let row category seed error : InpaintResult = {
                Job = {
                    DataSet = "caltech101"
                    Category = category
                    Preset = InpaintPreset.Paper
                    Learner = InpaintLearner.Unweighted
                    Statistics = ImageStatistics.FullImage
                    Seed = seed
                    Epochs = 15
                    Images = 6485
                    TestImages = 2192
                }
                Occlusion = Occlusion.Left
                Error = error
                Parameters = 1
                Epochs = 15.0
                LogLikelihood = 0.0
                TrainSeconds = 1.0
                InpaintSeconds = 1.0
            }

            let ours table = List.last (table: Table).Rows
            let seeds = [ row None 1L 2700.0; row None 2L 2800.0 ]
            let line = ours (InpaintTables.table seeds)
            Expect.contains line "2750 ± 71" "mean and deviation over seeds"
            Expect.contains line "2722" "the paper's"
            Expect.contains line "2/5 seeds" "all that differs"
            Expect.stringContains (InpaintTables.verdict seeds).Value "1 of 1" "within two deviations"

            let categories = [
                row (Some 0) 1L 1000.0
                row (Some 1) 1L 2000.0
                row (Some 0) 2L 1400.0
                row (Some 1) 2L 2000.0
            ]

            Expect.contains (ours (InpaintTables.table categories)) "1600 ± 141" "1500 and 1700"
            Expect.isTrue (InpaintTables.verdict categories).IsNone "99 categories are missing")
    ]

let private classifying =
    testList "classification" [
        testCase "a run writes rows, curves, networks, report and page, and a resumed one only reads them" (fun () ->
            inFolder (fun folder ->
                let page = Path.Combine(folder, "page.md")
                let results, text = runClassify (classify folder [])
                Expect.hasLength results 1 "one training"

                Expect.stringContains
                    text
                    "not in the paper, 2/400 passes, 140/1,258 images, another rate, 1/5 seeds"
                    "what differs"

                let rows = lines (Path.Combine(folder, "dgcspn-classification.csv"))
                Expect.hasLength rows 2 "a header and a row"
                Expect.hasLength (lines (Path.Combine(folder, "dgcspn-classification-curves.csv"))) 3 "two passes"

                use circuit = Circuit.load ((ClassifyResults folder).ModelPath results[0].Job)
                let images = ImageSource(DataFolder.Find()).Images("digits-grey", None, 140, 2000)
                let test = StandardScore.FullImage().Apply(images.Test).Images

                let right =
                    Array.zip (circuit |> Query.mostProbableClass test) images.TestLabels
                    |> Array.filter (fun (found, label) -> found = label)

                Expect.floatClose
                    Accuracy.low
                    results[0].Accuracy
                    (100.0 * float right.Length / 359.0)
                    "the kept network has this accuracy"

                let _, text = runClassify (classify folder [ "--resume"; "--markdown"; page ])
                Expect.equal (lines (Path.Combine(folder, "dgcspn-classification.csv"))) rows "no row is added"
                Expect.stringContains text "done already: 1" "it says so"
                Expect.stringContains (File.ReadAllText page) "--sets digits-grey --epochs 2" "how it was made"

                Expect.stringContains
                    (File.ReadAllText(Path.Combine(folder, "dgcspn-classification.html")))
                    "Accuracy against time"
                    "the report has the curve"))

        testCase "an interrupted training keeps what it has evaluated" (fun () ->
            inFolder (fun folder ->
                let line, source = stopAt "pass 1.0 of 2"
                use _ = source
                use output = new StringWriter()
                DgcSpnClassification.run (classify folder []) output line source.Token |> ignore
                let file = Path.Combine(folder, "dgcspn-classification-curves.csv")
                Expect.hasLength (lines file) 2 "one pass"
                let results, _ = runClassify (classify folder [ "--resume" ])
                Expect.equal results[0].Epochs 2.0 "both passes"
                Expect.hasLength (lines file) 3 "the first was not made again"))
    ]

let tests = testList "dgcspn runs" [ completing; classifying ]
