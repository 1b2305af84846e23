/// The experiments with deep Gaussian mixtures: scores, options, quick runs, pages.
module Spn.Tests.DcgmmScriptTests

open System
open System.IO
open System.Threading
open Argu
open Spn
open Spn.Core
open Spn.Core.Layerwise

let inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

let quietly run options =
    use output = new StringWriter()
    let rows = run options output (ProgressLine(output, 0)) CancellationToken.None
    rows, string output

let images = lazy (DcgmmProtocol.load (Data.DataFolder.Find null) "digits-grey")

/// Options after a few words of the command line, all in one folder.
let words (folder: string) (more: string list) = [|
    yield! more
    "--sets"
    "digits-grey"
    "--epochs"
    "4"
    "--images"
    "300"
    "--out"
    folder
    "--markdown"
    Path.Combine(folder, "docs", "page.md")
|]

let page (folder: string) =
    File.ReadAllText(Path.Combine(folder, "docs", "page.md"))

let tests =
    testList "Deep Gaussian mixture scripts" [
        testCase "the area by steps is that of the broken line through the shares kept and rejected" (fun () ->
            let normal, outliers = [| 1.0; 3.0 |], [| 0.0; 2.0 |]

            let curve =
                Metrics.OutlierCurve(ReadOnlySpan normal, ReadOnlySpan outliers, 4)
                |> List.ofSeq

            Expect.equal
                curve
                [
                    OutlierPoint(0.0, 1.0, 0.0)
                    OutlierPoint(1.0, 0.5, 0.5)
                    OutlierPoint(2.0, 0.5, 0.5)
                    OutlierPoint(3.0, 0.0, 1.0)
                ]
                "by hand"

            Expect.floatClose
                Accuracy.high
                (Metrics.AreaUnderSteps(ReadOnlySpan normal, ReadOnlySpan outliers, 4))
                0.5
                "two trapezoids, 0.375 and 0.125"

            for normal, outliers in [ [||], [| 1.0 |]; [| 1.0 |], [| nan |]; [| infinity |], [| 1.0 |] ] do
                Expect.raises<ArgumentException>
                    (fun () -> Metrics.AreaUnderSteps(ReadOnlySpan normal, ReadOnlySpan outliers) |> ignore)
                    "no thresholds"
                |> ignore)
        testCase "the area by many steps is the exact area" (fun () ->
            let random = Random 3

            for shift in [ 0.0; 0.3; -0.5 ] do
                let normal = Array.init 300 (fun _ -> random.NextDouble() + shift)
                let outliers = Array.init 200 (fun _ -> random.NextDouble())

                let exact = Metrics.AreaUnderCurve(ReadOnlySpan normal, ReadOnlySpan outliers)

                let stepped steps =
                    Metrics.AreaUnderSteps(ReadOnlySpan normal, ReadOnlySpan outliers, steps)

                Expect.isTrue (abs (stepped 1_000_000 - exact) < 1e-4) "a million steps"
                Expect.isTrue (abs (stepped 100 - exact) < 0.02) "a hundred steps")
        testCase
            "every instance stands on 28 x 28 and on 8 x 8 pixels, ends in one cell, and is the same kind"
            (fun () ->
                for name in Dcgmm.Names do
                    for independent in [ false; true ] do
                        let large, small =
                            DcgmmProtocol.specOf 28 28 name independent, DcgmmProtocol.specOf 8 8 name independent

                        let kinds (spec: LayerwiseSpec) = [ for layer in spec.Layers -> layer.GetType() ]
                        Expect.equal (kinds small) (kinds large) name

                        for spec in [ large; small ] do
                            let top = Seq.last (spec.Shapes())
                            Expect.equal (top.Height, top.Width) (1, 1) name

                for instance in [ "B"; "B-step-1"; "released"; "released-step-1"; "released-falling" ] do
                    let spec = DcgmmClassification.spec images.Value instance
                    Expect.isEmpty (spec.Check()) instance

                Expect.raises<ArgumentException>
                    (fun () -> DcgmmProtocol.specOf 9 9 "A" false |> ignore)
                    "another size"
                |> ignore)
        testCase "models without class 0 see none of it, and images are chosen evenly" (fun () ->
            let images = images.Value

            let train, classes =
                DcgmmProtocol.ofClasses (DcgmmClasses.Without 0) 0 images.Train images.TrainClasses

            let others = images.TrainClasses |> Array.filter ((<>) 0)
            Expect.equal classes others "all others"
            Expect.equal train.Count others.Length "their images"

            let some, _ =
                DcgmmProtocol.ofClasses (DcgmmClasses.Only 3) 10 images.Train images.TrainClasses

            Expect.equal some.Count 10 "so many"

            Expect.isTrue
                (images.Train.Values.ToArray() |> Array.forall (fun v -> v >= 0f && v <= 1f))
                "units of white"

            for classes in [ DcgmmClasses.All; DcgmmClasses.Without 0; DcgmmClasses.Only 12 ] do
                Expect.equal (DcgmmClasses.Named classes.Name) classes "names")
        testCase "a run that is gone on with takes trained models from their files" (fun () ->
            inFolder (fun folder ->
                let training = {
                    DataSet = "digits-grey"
                    Classes = DcgmmClasses.Only 3
                    Instance = "A"
                    Independent = false
                    Seed = 1L
                    Epochs = 2
                    Images = 50
                }

                let train (more: string list) =
                    let options, told =
                        DcgmmOptions.parse "test" [ "A" ] [ "A" ] (words folder more), ResizeArray()

                    let models = DcgmmModels options.Common

                    let model, run =
                        models.Train((fun _ text -> told.Add text), CancellationToken.None, training)

                    model.Parameters.ToArray(), run, told.Count

                let first, run, told = train []
                let again, kept, silence = train [ "--resume" ]
                Expect.equal again first "the same parameters"

                Expect.equal
                    (kept.Parameters, kept.Images)
                    (run.Parameters, run.Images)
                    "which say how they were trained"

                Expect.isTrue (told > 0 && silence = 0) "without another training"))
        testCase "outliers: a quick run leaves rows, curves, report and page, and goes on where it ended" (fun () ->
            inFolder (fun folder ->
                let options =
                    DcgmmOutliers.parse (words folder [ "--instances"; "A,E"; "--seeds"; "2" ])

                let rows, output = quietly DcgmmOutliers.run options
                Expect.hasLength rows 10 "two instances, three circuits, two seeds"
                Expect.stringContains output "not in the paper" "label"

                for row in rows do
                    Expect.equal row.Run.Images 300 "images"
                    Expect.hasLength row.Areas (if row.Job.Instance = "E" then 3 else 1) "layers"
                    Expect.isTrue (row.Areas |> List.forall (fun a -> a >= 0.0 && a <= 1.0)) "areas"
                    Expect.hasLength row.Curve 100 "thresholds"
                    Expect.isTrue (abs (row.Stepped - row.Area) < 0.1) "both areas"

                let close = {
                    rows.Head with
                        Job.DataSet = "mnist"
                        Areas = [ 0.95396 ]
                }

                Expect.contains (DcgmmOutliers.instances [ close ]).Rows.Head "0.0" "no sign before nothing"

                let text = page folder

                for part in
                    [
                        "--sets digits-grey --instances A,E --baselines rat,pd,dgcspn --epochs 4 --seeds 1,2 --images 300"
                        "Table I)"
                        "Table II)"
                        "DGC-SPN"
                        "DCGMM-E"
                        "Shortened against the paper"
                        "A 4 of 80 passes"
                        "dcgmm-outliers-digits-grey.svg"
                    ] do
                    Expect.stringContains text part "page"

                Expect.isTrue
                    (File.Exists(Path.Combine(folder, "docs", "dcgmm-outliers-digits-grey-models.svg")))
                    "figure beside the page"

                Expect.isTrue (File.Exists(Path.Combine(folder, "dcgmm-outliers.html"))) "report"

                let resumed = {
                    options with
                        OutlierOptions.Main.Common.Resume = true
                }

                let shared, _ =
                    quietly DcgmmOutliers.run {
                        resumed with
                            Baselines = []
                            Shared = true
                    }

                Expect.hasLength shared 4 "two instances, two seeds"

                let fewer, more =
                    [ shared; rows ]
                    |> List.map (List.find (fun r -> r.Job.Instance = "E") >> _.Run.Parameters)
                    |> List.pairwise
                    |> List.exactlyOne

                Expect.isLessThan fewer more "parameters"

                for file in [ "dcgmm-outliers-shared.html"; "docs/dcgmm-outliers-shared-digits-grey.svg" ] do
                    Expect.isTrue (File.Exists(Path.Combine(folder, file))) file

                let again, output = quietly DcgmmOutliers.run resumed
                Expect.stringContains output "done already: 10" "nothing is left"
                Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"
                Expect.equal (DcgmmOutliers.instances again) (DcgmmOutliers.instances rows) "the same table"

                Expect.equal (again |> List.map _.Curve.Length) (rows |> List.map _.Curve.Length) "the same curves"))
        testCase "a mean is reproduced within two deviations or one percent" (fun () ->
            let reproduced areas = DcgmmOutliers.reproduced areas
            Expect.isTrue (reproduced [ 0.945 ] (95.4, 0.2)) "one percent"
            Expect.isFalse (reproduced [ 0.940 ] (95.4, 0.2)) "more"
            Expect.isTrue (reproduced [ 0.940 ] (95.4, 0.8)) "their deviation"
            Expect.isTrue (reproduced [ 0.935; 0.945 ] (95.4, 0.2)) "ours: 94 with deviation 0.7")
        testCase "published areas stand beside the models that have them" (fun () ->
            Expect.equal (OutlierRows.published "E" "fashion-mnist") (Some(74.9, 0.2)) "Table I"
            Expect.equal (OutlierRows.published "dgcspn" "mnist") (Some(90.6, 0.7)) "Table II"
            Expect.equal (OutlierRows.published "rat" "fashion-mnist") (Some(39.2, 0.4)) "below chance"
            Expect.equal (OutlierRows.published "A" "digits-grey") None "not the paper's"
            Expect.isTrue (Dcgmm.Names |> Seq.forall (fun n -> (OutlierRows.published n "mnist").IsSome)) "all")
    ]
