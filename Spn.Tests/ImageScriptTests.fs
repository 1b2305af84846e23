/// The experiments on images: scores, noise, options, quick runs, pages.
module Spn.Tests.ImageScriptTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

let private quietly run options =
    use output = new StringWriter()
    let rows = run options output (ProgressLine(output, 0)) CancellationToken.None
    rows, string output

let tests =
    testList "Image scripts" [
        testCase "the area under the curve is the share of pairs that are ranked right, ties by half" (fun () ->
            let random = Random 4

            let scores count =
                Array.init count (fun _ -> float (random.Next 12))

            for _ in 1..20 do
                let normal, outliers = scores (1 + random.Next 30), scores (1 + random.Next 30)

                let pairs = [
                    for n in normal do
                        for o in outliers ->
                            if n > o then 1.0
                            elif n = o then 0.5
                            else 0.0
                ]

                Expect.floatClose
                    Accuracy.high
                    (Metrics.AreaUnderCurve(ReadOnlySpan normal, ReadOnlySpan outliers))
                    (List.average pairs)
                    "by pairs"

            for normal, outliers in
                [
                    [||], [| 1.0 |]
                    [| 1.0 |], [||]
                    [| nan |], [| 1.0 |]
                    [| 1.0 |], [| 2.0; nan |]
                ] do
                Expect.raises<ArgumentException>
                    (fun () -> Metrics.AreaUnderCurve(ReadOnlySpan normal, ReadOnlySpan outliers) |> ignore)
                    "no scores"
                |> ignore)
        testCase "even probabilities of 256 values are 8 bits a dimension, in any unit" (fun () ->
            Expect.floatClose Accuracy.high (Metrics.BitsPerDimension(-10.0 * log 256.0, 10)) 8.0 "integers"
            // Values from 0 to 1 in steps of 1/256 have density 1.
            Expect.floatClose Accuracy.high (Metrics.BitsPerDimension(0.0, 10, 1.0 / 256.0)) 8.0 "scaled to 1")
        testCase
            "de-quantised values lie between their integer and the next, evenly, by the seed; what is hidden stays hidden"
            (fun () ->
                let values =
                    Array.init 4000 (fun i -> if i % 50 = 7 then nanf else float32 (i % 256))

                let batch = Evidence.From(values, 4)
                let noisy = batch |> Evidence.dequantise
                let noise = ResizeArray()

                for row in 0..999 do
                    for v in 0..3 do
                        Expect.equal (noisy.IsHidden(row, v)) (batch.IsHidden(row, v)) "hidden"

                        if not (batch.IsHidden(row, v)) then
                            Expect.equal (floor (noisy.Row(row)[v])) (batch.Row(row)[v]) "the same integer"
                            noise.Add(float (noisy.Row(row)[v] - batch.Row(row)[v]))

                Expect.isTrue (abs (Seq.average noise - 0.5) < 0.02) "mean"
                Expect.isTrue (abs (Seq.averageBy (fun u -> u * u) noise - 1.0 / 3.0) < 0.02) "second moment"

                let same seed =
                    Seq.forall2
                        (fun (a: float32) b -> a.Equals b)
                        (batch.Dequantise(seed).Values.ToArray())
                        (noisy.Values.ToArray())

                Expect.isTrue (same 1L) "the same seed"
                Expect.isFalse (same 2L) "another seed"

                let large = Evidence.From(Array.create 1000 16777214f, 1).Dequantise()

                for row in 0..999 do
                    Expect.equal (floor (large.Row(row)[0])) 16777214f "rounding does not lead to the next integer")
        testCase
            "structures on images: a quick run leaves rows, samples, report and page, and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "docs", "page.md")

                    let options =
                        StructuresImages.parse [|
                            "--quick"
                            "--leaves"
                            "binomial,categorical,normal"
                            "--images"
                            "200"
                            "--epochs"
                            "15"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, _ = quietly StructuresImages.run options
                    Expect.hasLength rows 12 "two structures, three leaves, two tasks"

                    for row in rows do
                        Expect.equal row.Train 200 "images"

                        Expect.floatClose
                            Accuracy.medium
                            row.Bits
                            (-row.TestLl / (64.0 * log 2.0))
                            "bits per dimension"

                        // Four components of 16 binomial pixels together say less than even probabilities do.
                        if row.Job.Model = ImageModel.Rat then
                            Expect.isLessThan row.Bits (log 17.0 / log 2.0) "better than even probabilities"

                        Expect.equal
                            (Double.IsNaN row.Auc)
                            (row.Job.Task = ImageTask.Density)
                            "only the task of outliers has a curve"

                    let text = File.ReadAllText page

                    for part in
                        [
                            "--sets digits-grey"
                            "--epochs 15"
                            "--images 200"
                            "RAT-SPN"
                            "PD-SPN"
                            "## Class 0 as outlier"
                            "shortened"
                        ] do
                        Expect.stringContains text part "page"

                    let picture = ImageProtocol.picture rows.Head.Job

                    Expect.stringContains text picture "samples"
                    Expect.isTrue (File.Exists(Path.Combine(folder, "docs", picture))) "picture beside the page"

                    Expect.stringContains
                        (File.ReadAllText(Path.Combine(folder, "structures-images.html")))
                        "data:image/png;base64"
                        "report"

                    let again, output =
                        quietly StructuresImages.run {
                            options with
                                Common = { options.Common with Resume = true }
                        }

                    Expect.stringContains output "done already: 12" "nothing is left"
                    Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"))
        testCase "models of the outlier task see no image of class 0" (fun () ->
            let job: ImageTraining = {
                DataSet = "digits-grey"
                Model = ImageModel.Rat
                Leaves = ImageLeaves.Binomial
                Channels = 2
                Task = ImageTask.Outliers
                Seed = 1L
                Epochs = 1
                Images = 0
            }

            let data = Digits.LoadGrey()
            let labels = Unchecked.nonNull data.TrainLabels

            let count digit =
                labels |> Array.filter digit |> Array.length

            Expect.equal (fst (ImageProtocol.images data job)).Count (count ((<>) 0)) "classes 1 to 9"

            let all = fst (ImageProtocol.images data { job with Task = ImageTask.Density })
            Expect.equal all.Count labels.Length "all classes")
        testCase "the published PD-SPN has as many parameters as printed" (fun () ->
            let data =
                let pixels = Evidence.From(Array.zeroCreate<float32> 784, 784)
                DataSet("mnist", pixels, pixels, pixels, Height = 28, Width = 28, Highest = 255)

            let spec leaves =
                ImageProtocol.spec data {
                    DataSet = "mnist"
                    Model = ImageModel.PoonDomingos
                    Leaves = leaves
                    Channels = 40
                    Task = ImageTask.Density
                    Seed = 1L
                    Epochs = 1
                    Images = 0
                }

            let count leaves =
                (Spn.Core.Lowering.Lowerer.Lower(spec leaves)).ParameterCount

            Expect.equal
                (count ImageLeaves.Normal)
                515_683
                "two parameters a leaf; the paper counts two replicas of binomial leaves"

            Expect.equal (count ImageLeaves.Binomial) (515_683 - 784 * 40) "one parameter a leaf")
        testCase
            "HyperSPN on clusters: a quick run leaves rows, report, page and figure, and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "page.md")

                    let options =
                        HyperSpnSvhn.parse [|
                            "--quick"
                            "--channels"
                            "3"
                            "--epochs"
                            "2"
                            "--images"
                            "150"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, output = quietly HyperSpnSvhn.run options
                    Expect.hasLength rows 6 "three groups, two models"
                    Expect.equal (rows |> List.sumBy _.Train) 300 "every image is in one group"
                    Expect.equal (rows |> List.sumBy _.Test) (2 * 359) "and every test image"
                    Expect.stringContains output "train_32x32.mat" "what SVHN lacks"
                    Expect.stringContains output "no reproduction" "label"
                    let text = File.ReadAllText page

                    for part in
                        [
                            "--set digits-grey"
                            "in place of SVHN"
                            "no reproduction"
                            "hyperspn-clusters-digits-grey.svg"
                            "other images than the paper's"
                        ] do
                        Expect.stringContains text part "page"

                    Expect.isTrue (File.Exists(Path.Combine(folder, "hyperspn-clusters-digits-grey.svg"))) "figure"
                    Expect.isTrue (File.Exists(Path.Combine(folder, "hyperspn-svhn.html"))) "report"

                    let again, output =
                        quietly HyperSpnSvhn.run {
                            options with
                                Common = { options.Common with Resume = true }
                        }

                    Expect.stringContains output "done already: 6" "nothing is left"
                    Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"))
        testCase "the mean gain counts groups by their test images" (fun () ->
            let row model test value : ClusterRow = {
                Job = {
                    Set = ClusterSet.Digits
                    Clusters = 2
                    Cluster = test
                    Model = model
                    Channels = 2
                    Seed = 1L
                    Epochs = 1
                    Images = 0
                    Extra = 0
                }
                Train = 5
                Valid = 1
                Test = test
                Weights = 9
                Inputs = 4
                ValidLl = 0.0
                TestLl = value
                Passes = 1.0
                Seconds = 1.0
            }

            let rows = [
                row ClusterModel.Free 10 -5.0
                row ClusterModel.Hyper 10 -3.0
                row ClusterModel.Free 30 -5.0
                row ClusterModel.Hyper 30 -6.0
                row ClusterModel.Free 7 -5.0
                row ClusterModel.Free 0 nan
                row ClusterModel.Hyper 0 nan
            ]

            let pairs = HyperSpnSvhn.pairs rows
            Expect.hasLength pairs 2 "pairs with test images"
            let share, mean, error = HyperSpnSvhn.summary pairs
            Expect.equal share 0.5 "one of two"
            Expect.floatClose Accuracy.high mean -0.25 "(10 * 2 - 30 * 1) / 40"

            Expect.floatClose
                Accuracy.high
                error
                (sqrt ((10.0 * 2.25) ** 2.0 + (30.0 * 0.75) ** 2.0) / 40.0)
                "standard error")
        testCase "the script on clusters says what is missing and refuses what is wrong" (fun () ->
            inFolder (fun folder ->
                let missing =
                    Expect.raises<FileNotFoundException>
                        (fun () -> HyperSpnSvhn.parse [| "--set"; "svhn"; "--data"; folder |] |> ignore)
                        "no files"

                Expect.stringContains missing.Message "train_32x32.mat" "the files"
                Expect.stringContains missing.Message (Path.Combine(folder, "svhn")) "the folder"

                Expect.equal
                    (HyperSpnSvhn.parse [| "--data"; folder |]).Set
                    ClusterSet.Digits
                    "built in where nothing else is"

                for arguments, part in
                    [
                        [| "--set"; "cifar" |], "svhn, fashion-mnist"
                        [| "--clusters"; "0" |], "at least 1"
                        [| "--extra"; "5" |], "Only svhn"
                    ] do
                    let e =
                        Expect.raises<ArgumentException>
                            (fun () -> HyperSpnSvhn.parse (Array.append arguments [| "--data"; folder |]) |> ignore)
                            part

                    Expect.stringContains e.Message part "why"

                let options =
                    HyperSpnSvhn.parse [| "--data"; folder; "--first"; "4"; "--clusters"; "6" |]

                let words =
                    (HyperSpnSvhn.command options).Substring(HyperSpnSvhn.Program.Length + 1).Split ' '

                Expect.equal
                    (HyperSpnSvhn.parse (Array.append words [| "--data"; folder |]))
                    options
                    "the command is the options"

                let structures =
                    StructuresImages.parse [|
                        "--data"
                        folder
                        "--channels"
                        "3,7"
                        "--leaves"
                        "normal"
                        "--budget"
                        "1.5"
                    |]

                let words =
                    (StructuresImages.command structures).Substring(StructuresImages.Program.Length + 1).Split ' '

                Expect.equal
                    (StructuresImages.parse (Array.append words [| "--data"; folder |]))
                    structures
                    "the command is the options"))
    ]
