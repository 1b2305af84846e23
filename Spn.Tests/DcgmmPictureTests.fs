/// The experiments that draw images with deep Gaussian mixtures: options, quick runs, pages, and what they measure.
module Spn.Tests.DcgmmPictureTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Layerwise

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

let private holds (parts: string list) (path: string) =
    let text = File.ReadAllText path

    for part in parts do
        Expect.stringContains text part (Path.GetFileName path |> string)

    // A page names no picture that is not beside it.
    for piece in text.Split "](" |> Array.skip 1 do
        let name = piece.Substring(0, piece.IndexOf ')')
        Expect.isTrue (File.Exists(Path.Combine(string (Path.GetDirectoryName path), name))) name

let private without (data: string) (program: string) (command: string) =
    Array.append (command.Substring(program.Length + 1).Split ' ') [| "--data"; data |]

let private digits: DcgmmImages = {
    Name = "digits-grey"
    Height = 2
    Width = 2
    Colours = 1
    Train = Evidence.unknown 0 4
    TrainClasses = [||]
    Test = Evidence.unknown 0 4
    TestClasses = [||]
}

let tests =
    testList "Pictures of deep Gaussian mixtures" [
        testCase
            "sharpening: a quick run raises the target's loss, leaves rows, pictures and pages, and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "docs", "page.md")

                    let options =
                        DcgmmSharpening.parse [|
                            "--quick"
                            "--instances"
                            "C,D"
                            "--iterations"
                            "20"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, _ = quietly DcgmmSharpening.run options
                    Expect.hasLength rows 2 "two instances"

                    for row in rows do
                        Expect.hasLength
                            row.Plain.Losses
                            (if row.Job.Training.Instance = "C" then 2 else 3)
                            "a loss for each mixture layer"

                        Expect.isGreaterThan
                            row.Sharp.Losses.Head
                            row.Plain.Losses.Head
                            "the last step is towards the lowest"

                        Expect.notEqual row.Sharp.Contrast row.Plain.Contrast "images change"

                    page
                    |> holds [
                        "--sets digits-grey"
                        "--instances C,D"
                        "--iterations 20"
                        "1 of 2"
                        "3 of 3"
                        "Shortened against the paper"
                        "dcgmm-sharpening-digits-grey-all-C-independent-1-20-0-top2-noise10-20x1.png"
                    ]

                    let again, output =
                        quietly DcgmmSharpening.run {
                            options with
                                Run.Common.Resume = true
                        }

                    Expect.stringContains output "done already: 2" "nothing is left"
                    Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"))
        testCase
            "in-painting: a quick run completes by both ways, leaves rows, pictures and pages, and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "page.md")

                    let options =
                        DcgmmInpainting.parse [|
                            "--quick"
                            "--test-images"
                            "12"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, _ = quietly DcgmmInpainting.run options
                    Expect.hasLength rows 8 "two sets of classes, two instances, two ways"

                    for row in rows do
                        Expect.isGreaterThan row.Error 0.0 "completions are no copies"
                        Expect.isLessThan row.Error 0.5 "nor noise"

                        Expect.isTrue
                            (row.Variety >= 0.0 && row.Variety < 0.25)
                            "pixels from 0 to 1 vary by at most 1/4"

                    page
                    |> holds [
                        "--classes zero,all"
                        "--test-images 12"
                        "| zeros |"
                        "| marginal |"
                        "vary more than those by A in"
                        "dcgmm-inpainting-digits-grey-only0-F-shared-1-20-0-top2-noise10-marginal-12.png"
                    ]

                    let again, output =
                        quietly DcgmmInpainting.run {
                            options with
                                Run.Common.Resume = true
                        }

                    Expect.stringContains output "done already: 8" "nothing is left"
                    Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"))
        testCase "completions leave visible pixels as they are, whatever is drawn" (fun () ->
            let images = DcgmmProtocol.load (Spn.Core.Data.DataFolder.Find null) "digits-grey"
            let truth = images.Test |> Evidence.rows [ 0..9 ]
            let erased = truth |> Evidence.occlude 8 8 Occlusion.Right
            let model = DcgmmProtocol.spec images "F" false |> Gmm.compile 3L

            for by in [ LayerwiseCompletion.ZeroFill; LayerwiseCompletion.Marginal ] do
                let filled =
                    model
                    |> Gmm.complete by (DcgmmDraws.options DcgmmDraws.usual ComponentChoice.Uniform 5L) erased

                for sample in 0..9 do
                    for pixel in 0..63 do
                        if erased.IsHidden(sample, pixel) then
                            Expect.isFalse (filled.IsHidden(sample, pixel)) "filled"
                        else
                            Expect.equal (filled.Row(sample)[pixel]) (truth.Row(sample)[pixel]) "visible")
        testCase "variety is the variance over completions of what is hidden, and nothing else" (fun () ->
            let hidden = Evidence.ofRows [ [ 0.5; nan ]; [ nan; nan ] ]
            let first = Evidence.ofRows [ [ 0.5; 0.0 ]; [ 1.0; 0.25 ] ]
            let second = Evidence.ofRows [ [ 0.9; 1.0 ]; [ 1.0; 0.75 ] ]
            Expect.floatClose Accuracy.high (DcgmmInpainting.variety hidden [ first ]) 0.0 "one does not vary"

            Expect.floatClose
                Accuracy.high
                (DcgmmInpainting.variety hidden [ first; second ])
                ((0.25 + 0.0 + 0.0625) / 3.0)
                "by hand")
        testCase "contrast is the mean difference of neighbours in rows and columns, of each colour alone" (fun () ->
            let grey = Evidence.ofRows [ [ 0.0; 1.0; 0.5; 0.5 ] ]
            Expect.floatClose Accuracy.high (DcgmmDraws.contrast digits grey) ((1.0 + 0.0 + 0.5 + 0.5) / 4.0) "2 x 2"

            let coloured = { digits with Colours = 2; Height = 1 }
            let two = Evidence.ofRows [ [ 0.0; 1.0; 0.25; 0.5 ] ]
            Expect.floatClose Accuracy.high (DcgmmDraws.contrast coloured two) ((0.25 + 0.5) / 2.0) "two colours")
        testCase "finding: F varies more than A where its mean over seeds is larger" (fun () ->
            let row instance classes seed variety : FillingRow = {
                Job = {
                    Training = {
                        DataSet = "mnist"
                        Classes = classes
                        Instance = instance
                        Independent = false
                        Seed = seed
                        Epochs = 1
                        Images = 0
                    }
                    By = LayerwiseCompletion.ZeroFill
                    Draw = DcgmmDraws.usual
                    TestImages = 1
                }
                Variety = variety
                Error = 0.1
                Run = {
                    Images = 1
                    Parameters = 1
                    Passes = 1.0
                    Seconds = 1.0
                    ImagesPerSecond = 1.0
                }
            }

            let all = DcgmmClasses.All

            Expect.equal (DcgmmInpainting.finding [ row "A" all 1L 0.1 ]) None "nothing to compare"

            let finding =
                DcgmmInpainting.finding [
                    row "A" all 1L 0.1
                    row "F" all 1L 0.05
                    row "F" all 2L 0.25
                    row "A" (DcgmmClasses.Only 0) 1L 0.3
                    row "F" (DcgmmClasses.Only 0) 1L 0.2
                ]

            Expect.stringContains (Option.get finding) "in 1 of 2 cases" "means over seeds")
        testCase
            "house numbers: a quick run says what is missing, labels its images, leaves pages and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "page.md")

                    let options =
                        DcgmmSvhn.parse [|
                            "--quick"
                            "--epochs"
                            "3"
                            "--iterations"
                            "10"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, output = quietly DcgmmSvhn.run options
                    Expect.hasLength rows 20 "ten classes, two instances"
                    Expect.stringContains output "train_32x32.mat" "what SVHN lacks"

                    page
                    |> holds [
                        "--set digits-grey"
                        "in place of SVHN"
                        "no reproduction"
                        "dcgmm-svhn-digits-grey-all-B-independent-1-3-0-top2-noise10-10x1-sharpened.png"
                    ]

                    let again, output = quietly DcgmmSvhn.run { options with Common.Resume = true }

                    Expect.stringContains output "done already: 20" "nothing is left"
                    Expect.equal (again |> List.map _.Job) (rows |> List.map _.Job) "the same rows"

                    File.Delete(Path.Combine(folder, "dcgmm-svhn.csv"))
                    let again, output = quietly DcgmmSvhn.run { options with Common.Resume = true }
                    Expect.stringContains output "done already: 0" "the rows are lost"
                    Expect.equal (again |> List.map _.Sharp) (rows |> List.map _.Sharp) "the models are not"))
        testCase "the stacks of house numbers have the published size, and smaller ones fit the digits" (fun () ->
            let sized side colours = {
                digits with
                    Height = side
                    Width = side
                    Colours = colours
            }

            Expect.equal (DcgmmSvhn.spec (sized 32 3) "B") (Dcgmm.SvhnB()) "the preset"
            Expect.equal (DcgmmSvhn.spec (sized 32 3) "B").CentroidValues 187_648L "as printed"

            for side, colours in [ 32, 3; 32, 1; 8, 1 ] do
                for instance in [ "A"; "B" ] do
                    let spec = DcgmmSvhn.spec (sized side colours) instance
                    Expect.isEmpty (List.ofSeq (spec.Check())) "no findings"
                    Expect.equal (Seq.last (spec.Shapes())).Cells 1 "one cell on top")
        testCase "step sizes of sharpening are given to every folding layer, times the strength" (fun () ->
            let job instance strength : SharpeningJob = {
                Training = {
                    DataSet = "mnist"
                    Classes = DcgmmClasses.All
                    Instance = instance
                    Independent = true
                    Seed = 1L
                    Epochs = 1
                    Images = 0
                }
                Draw = DcgmmDraws.usual
                Iterations = 7
                Strength = strength
            }

            let layers instance =
                DcgmmSharpening.sharpenings (job instance 1.0) |> List.map _.Layer

            Expect.equal (layers "C") [ 0; 3 ] "C"
            Expect.equal (layers "D") [ 0; 3; 6 ] "D"
            Expect.equal (layers "G") [ 0; 3; 6; 9 ] "G"

            for one, two in
                List.zip (DcgmmSharpening.sharpenings (job "C" 1.0)) (DcgmmSharpening.sharpenings (job "C" 2.0)) do
                Expect.floatClose Accuracy.high two.Rate (2.0 * one.Rate) "strength"
                Expect.equal two.Iterations 7 "iterations")
        testCase "scripts that draw refuse what is wrong, and their commands are their options" (fun () ->
            inFolder (fun folder ->
                let data = [| "--data"; folder |]

                let missing =
                    Expect.raises<FileNotFoundException>
                        (fun () -> DcgmmSvhn.parse (Array.append [| "--set"; "svhn" |] data) |> ignore)
                        "no files"

                Expect.stringContains missing.Message "train_32x32.mat" "the files"

                for parse, arguments, part in
                    [
                        (fun a -> DcgmmSharpening.parse a |> ignore), [| "--strength"; "0" |], "above 0"
                        (fun a -> DcgmmSharpening.parse a |> ignore), [| "--instances"; "H" |], "A, B, C"
                        (fun a -> DcgmmInpainting.parse a |> ignore), [| "--classes"; "one" |], "zero, all"
                        (fun a -> DcgmmInpainting.parse a |> ignore), [| "--divisor"; "0" |], "above 0"
                        (fun a -> DcgmmSvhn.parse a |> ignore), [| "--set"; "cifar" |], "svhn, fashion-mnist"
                        (fun a -> DcgmmSvhn.parse a |> ignore), [| "--iterations"; "0" |], "at least 1"
                    ] do
                    let e =
                        Expect.raises<ArgumentException> (fun () -> parse (Array.append arguments data)) part

                    Expect.stringContains e.Message part "why"

                let sharpening =
                    DcgmmSharpening.parse (
                        Array.append [| "--strength"; "2.5"; "--shared"; "--top"; "3"; "--seeds"; "4,6" |] data
                    )

                Expect.equal
                    (DcgmmSharpening.command sharpening
                     |> without folder DcgmmSharpening.Program
                     |> DcgmmSharpening.parse)
                    sharpening
                    "sharpening"

                let filling =
                    DcgmmInpainting.parse (
                        Array.append
                            [| "--classes"; "all"; "--independent"; "--divisor"; "7.5"; "--epochs"; "3" |]
                            data
                    )

                Expect.equal
                    (DcgmmInpainting.command filling
                     |> without folder DcgmmInpainting.Program
                     |> DcgmmInpainting.parse)
                    filling
                    "in-painting"

                let svhn =
                    DcgmmSvhn.parse (
                        Array.append [| "--instances"; "B"; "--iterations"; "9"; "--images"; "30" |] data
                    )

                Expect.equal
                    (DcgmmSvhn.command svhn |> without folder DcgmmSvhn.Program |> DcgmmSvhn.parse)
                    svhn
                    "house numbers"))
    ]
