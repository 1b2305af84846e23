/// The DGC-SPN experiments: published numbers, options, pages.
module Spn.Tests.DgcSpnOptionTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Data

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

let private protocol =
    testList "protocol" [
        testCase "published numbers are those of the tables" (fun () ->
            let error set learner part =
                DgcSpnProtocol.paperError set learner part

            Expect.equal (error "olivetti" InpaintLearner.Unweighted Occlusion.Bottom) (Some 735.0) "Olivetti, bottom"
            Expect.equal (error "olivetti" InpaintLearner.Plain Occlusion.Left) (Some 847.0) "Olivetti, left"
            Expect.equal (error "fashion-mnist" InpaintLearner.Unweighted Occlusion.Left) (Some 1637.0) "Fashion, left"
            Expect.equal (error "olivetti" InpaintLearner.Plain Occlusion.Top) None "no other halves"
            Expect.equal (error "digits-grey" InpaintLearner.Plain Occlusion.Left) None "not in the paper"
            Expect.equal (DgcSpnProtocol.paperAccuracy "mnist") (Some 98.66) "MNIST"
            Expect.equal (DgcSpnProtocol.paperAccuracy "fashion-mnist") (Some 90.74) "Fashion-MNIST"

            for set in [ "olivetti"; "caltech101"; "mnist"; "fashion-mnist" ] do
                for learner in [ InpaintLearner.Plain; InpaintLearner.Unweighted ] do
                    for part in [ Occlusion.Bottom; Occlusion.Left ] do
                        Expect.isTrue (error set learner part).IsSome $"{set}, {learner.Name}, {part}")

        testCase "training settings are the paper's" (fun () ->
            inFolder (fun folder ->
                let options =
                    DgcSpnOptions.parseInpaint [| "--sets"; "digits-grey"; "--out"; folder |]

                let jobs = DgcSpnInpainting.jobs options (ImageSource options.Common.Data)

                Expect.equal
                    [
                        for job in jobs -> job.Learner, job.Epochs, job.Images, job.TestImages, job.Statistics
                    ]
                    [
                        InpaintLearner.Plain, 15, 1258, 359, ImageStatistics.FullImage
                        InpaintLearner.Unweighted, 15, 1258, 359, ImageStatistics.FullImage
                    ]
                    "both learners, 15 passes, whole images"

                let em = DgcSpnProtocol.emOptions jobs[1] 3
                Expect.equal (em.BatchSize, em.Epochs, em.UnweightedSumInputs) (128, 1, true) "a pass at a time"
                Expect.notEqual (DgcSpnProtocol.emOptions jobs[1] 4).Seed em.Seed "in another order"

                Expect.isTrue
                    (DgcSpnProtocol.inpaintSpec jobs[1] 64 64 = DgcSpn.Generative(64, 64))
                    "the generative stack"

                let equal =
                    DgcSpn.Generative(64, 64).WithWeights(AccumulatorWeights(EqualStart = true, StartCount = 1e-4))

                Expect.isTrue
                    (DgcSpnProtocol.inpaintSpec jobs[0] 64 64 = equal)
                    "weighted winners start from equal counts"))

        testCase "every category of Caltech gets a network of its own when asked" (fun () ->
            let data = DataFolder.Find()

            if not (DataCatalogue.IsPresent(DataCatalogue.Find "caltech101", data.Path)) then
                skiptest $"no files of caltech101 in the {data}"

            let options =
                DgcSpnOptions.parseInpaint [| "--sets"; "caltech101-categories"; "--learners"; "usi" |]

            let source = ImageSource data
            let jobs = DgcSpnInpainting.jobs options source
            Expect.hasLength jobs 101 "categories"
            Expect.equal (jobs |> List.sumBy _.Images, jobs |> List.sumBy _.TestImages) (6485, 2192) "all images"
            let job = jobs[100]
            let images = source.Images(job.DataSet, job.Category, job.Images, job.TestImages)
            Expect.equal (images.Train.Count, images.Test.Count) (job.Images, job.TestImages) "its own"
            Expect.isTrue (images.TrainLabels |> Array.forall ((=) 100)) "of one category")

        testCase "fewer images are evenly spaced" (fun () ->
            let source = ImageSource(DataFolder.Find())

            let all, some =
                source.Images("digits-grey", None, 2000, 2000), source.Images("digits-grey", None, 3, 2)

            Expect.equal (all.Train.Count, all.Test.Count, all.White) (1258, 359, 16.0) "all there are"

            Expect.equal
                [ for row in 0..2 -> some.Train.Row(row).ToArray() ]
                [ for row in [ 0; 419; 838 ] -> all.Train.Row(row).ToArray() ]
                "first, a third, two thirds"

            Expect.equal some.TestLabels [| all.TestLabels[0]; all.TestLabels[179] |] "labels go with them")
    ]

let private arguments =
    testList "options" [
        testCase "a command line is written back as it was, the folder aside" (fun () ->
            inFolder (fun folder ->
                let text =
                    "--sets digits-grey --presets paper,twoSums --learners usi --occlusions right,top --stats visible,global --epochs 3 --seeds 1,2 --images 50 --budget 1.5 --test-images 9"

                let options =
                    text.Split ' '
                    |> Array.append [| "--out"; folder |]
                    |> DgcSpnOptions.parseInpaint

                Expect.equal
                    (DgcSpnOptions.inpaintCommand options)
                    $"{DgcSpnOptions.InpaintProgram} {text}"
                    "inpainting"

                let text =
                    "--sets digits-grey --presets notebook --rate 0.02 --epochs 3 --seeds 7, --images 50"

                let options =
                    text.Split ' '
                    |> Array.append [| "--out"; folder |]
                    |> DgcSpnOptions.parseClassify

                Expect.equal
                    (DgcSpnOptions.classifyCommand options)
                    $"{DgcSpnOptions.ClassifyProgram} {text}"
                    "classification"))

        testCase "a quick run takes the built-in digits" (fun () ->
            let inpaint = DgcSpnOptions.parseInpaint [| "--quick" |]
            let classify = DgcSpnOptions.parseClassify [| "--quick" |]
            Expect.equal [ for set in inpaint.Sets -> set.Name ] [ "digits-grey" ] "completing"
            Expect.equal [ for set in classify.Sets -> set.Name ] [ "digits-grey" ] "classifying"
            Expect.equal (inpaint.Common.Epochs, classify.Common.Epochs) (Some 3, Some 12) "few passes")

        testCase "wrong names and numbers are refused with the right ones" (fun () ->
            for arguments, hint in
                [
                    [ "--sets"; "olivety" ], "olivetti"
                    [ "--sets"; "digits-grey"; "--presets"; "twoSum" ], "twoSums"
                    [ "--sets"; "digits-grey"; "--learners"; "" ], "at least one"
                    [ "--sets"; "digits-grey"; "--occlusions"; "middle" ], "bottom, left, right, top"
                    [ "--sets"; "digits-grey"; "--stats"; "none" ], "full, visible, global"
                    [ "--sets"; "digits-grey"; "--budget"; "0" ], "minutes above 0"
                    [ "--sets"; "digits-grey"; "--images"; "0" ], "at least 1"
                ] do
                let error =
                    Expect.raises<ArgumentException>
                        (fun () -> DgcSpnOptions.parseInpaint (Array.ofList arguments) |> ignore)
                        (String.concat " " arguments)

                Expect.stringContains error.Message hint "the way out"

            let error =
                Expect.raises<ArgumentException>
                    (fun () -> DgcSpnOptions.parseClassify [| "--sets"; "olivetti" |] |> ignore)
                    "no classes to learn"

            Expect.stringContains error.Message "mnist" "the sets with classes")

        testCase "missing data are named" (fun () ->
            inFolder (fun folder ->
                let error =
                    Expect.raises<FileNotFoundException>
                        (fun () -> DgcSpnOptions.parseInpaint [| "--sets"; "all"; "--data"; folder |] |> ignore)
                        "there are no files"

                Expect.stringContains error.Message "olivetti, caltech101, mnist, fashion-mnist" "all four"))
    ]

let private pages =
    testList "pages" [
        testCase "each experiment writes its own section of one page" (fun () ->
            inFolder (fun folder ->
                let path = Path.Combine(folder, "page.md")
                Report.saveSection path "Title" "first" "one" |> ignore
                Report.saveSection path "Title" "second" "two" |> ignore
                Report.saveSection path "Title" "first" "three\n" |> ignore

                Expect.equal
                    (File.ReadAllText path)
                    ("# Title\n\n<!-- begin first -->\nthree\n<!-- end first -->\n\n"
                     + "<!-- begin second -->\ntwo\n<!-- end second -->\n")
                    "replaced in its place"))

        testCase "a picture is saved and shown again, in colours too" (fun () ->
            inFolder (fun folder ->
                let colours =
                    Evidence.ofRows [ [ 1.0; 0.0; 0.0; 0.0; 0.5; 1.0 ]; [ 0.0; nan; 0.0; 1.0; 1.0; 1.0 ] ]

                let chart =
                    Chart.SampleRows([ colours ], height = 1, width = 2, side = 3, colours = 3)

                let path = chart |> Chart.savePicture (Path.Combine(folder, "a", "b.png"))
                let read = Chart.loadPicture "again" path

                match read.Traces with
                | [ Trace.Picture(png, width, 1) ] ->
                    Expect.equal width ((2 + 1 + 2) * 3) "two images of two pixels and a line between them"
                    Expect.equal png (File.ReadAllBytes path) "the file itself"
                | traces -> failtestf "Expected a picture, got %A" traces

                Expect.throwsT<ArgumentException>
                    (fun () -> Chart.SampleRows([ colours ], height = 1, width = 3, colours = 2) |> ignore)
                    "two colours"

                File.WriteAllText(path, "text")
                Expect.throwsT<ArgumentException> (fun () -> Chart.loadPicture "no" path |> ignore) "no picture"))
    ]

let tests = testList "dgcspn options" [ protocol; arguments; pages ]
