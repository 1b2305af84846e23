/// The experiment on samples of deep Gaussian mixtures: options, judges, a quick run, its table.
module Spn.Tests.DcgmmSamplingTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core

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

let private row dataSet instance number seed accuracy : SamplingRow = {
    Job = {
        Training = {
            DataSet = dataSet
            Classes = DcgmmClasses.Only number
            Instance = instance
            Independent = false
            Seed = seed
            Epochs = 80
            Images = 0
        }
        Draw = DcgmmDraws.usual
        Samples = 1000
        JudgeEpochs = 15
    }
    Accuracy = accuracy
    Judge = 0.99
    Run = {
        Images = 6000
        Parameters = 1
        Passes = 80.0
        Seconds = 1.0
        ImagesPerSecond = 1.0
    }
}

let tests =
    testList "Samples of deep Gaussian mixtures" [
        testCase
            "a quick run judges samples of every class, leaves pictures and pages, keeps its judge and goes on where it ended"
            (fun () ->
                inFolder (fun folder ->
                    let page = Path.Combine(folder, "docs", "page.md")

                    let options =
                        SamplingOptions.parse [|
                            "--quick"
                            "--instances"
                            "A"
                            "--samples"
                            "30"
                            "--divisors"
                            "5,20"
                            "--judge-epochs"
                            "2"
                            "--out"
                            folder
                            "--markdown"
                            page
                        |]

                    let rows, _ = quietly DcgmmSampling.run options
                    Expect.hasLength rows 22 "two ways to draw from a model of all classes and from ten of one"

                    for row in rows do
                        Expect.equal (Double.IsNaN row.Accuracy) (row.Job.Samples = 0) "pictures are not judged"

                        if row.Job.Samples > 0 then
                            Expect.isTrue (row.Accuracy >= 0.0 && row.Accuracy <= 1.0) "a share"
                            Expect.isGreaterThan row.Judge 0.5 "the judge knows digits"

                    // Samples of a mixture of whole images look like their class.
                    let judged = rows |> List.filter (fun row -> row.Job.Samples > 0)
                    Expect.isGreaterThan (judged |> List.averageBy _.Accuracy) 0.5 "samples pass"

                    let text = File.ReadAllText page

                    for part in
                        [
                            "--sets digits-grey"
                            "--divisors 5,20"
                            "A: F(8,1)-G(25)"
                            "S = 2, noise / 5"
                            "dcgmm-pictures-digits-grey-all-A-shared-1-20-0-top2-noise20.png"
                            "dcgmm-samples-digits-grey-all-A-shared-1-20-0-top2-noise5.png"
                        ] do
                        Expect.stringContains text part "page"

                    for kind in [ "pictures"; "samples" ] do
                        Expect.isTrue
                            (File.Exists(
                                Path.Combine(
                                    folder,
                                    "docs",
                                    $"dcgmm-{kind}-digits-grey-all-A-shared-1-20-0-top2-noise5.png"
                                )
                            ))
                            "beside the page"

                    let written =
                        File.GetLastWriteTimeUtc(Path.Combine(folder, "judge-digits-grey-2.safetensors"))

                    let again, output =
                        quietly DcgmmSampling.run {
                            options with
                                Run.Common.Resume = true
                                Samples = 20
                                Tasks = [ SamplingTask.Quality ]
                                Draws = [ options.Draws.Head ]
                                Independent = true
                        }

                    Expect.stringContains output "done already: 0" "another number of samples is another job"
                    Expect.hasLength again 10 "ten classes"

                    Expect.isTrue
                        (File.Exists(Path.Combine(folder, "dcgmm-sampling-independent.html")))
                        "a report of its own"

                    Expect.equal
                        (File.GetLastWriteTimeUtc(Path.Combine(folder, "judge-digits-grey-2.safetensors")))
                        written
                        "the judge was loaded"

                    Expect.equal again.Head.Judge judged.Head.Judge "and is the same"

                    let all, output =
                        quietly DcgmmSampling.run {
                            options with
                                Run.Common.Resume = true
                        }

                    Expect.stringContains output "done already: 22" "nothing is left"
                    Expect.equal (all |> List.map _.Job) (rows |> List.map _.Job) "the same rows"))
        testCase
            "the table takes means over classes, then over seeds, of seeds with all classes, and labels models by their layers"
            (fun () ->
                let seed number value = [ for c in 0..9 -> row "mnist" "E" c number (value + 0.01 * float c) ]

                let table =
                    DcgmmSampling.quality (seed 1L 0.80 @ seed 2L 0.90 @ [ row "mnist" "E" 0 3L 0.1 ])

                let line = table.Rows.Head

                Expect.equal line[0] "mnist" "data"
                Expect.equal line[1] "E: F(3,1)-G(25)-F(4,2)-G(25)-F(12,1)-G(49)" "layers"
                Expect.equal line[2] "186,625" "centroid values of these layers, which Table III misprints"
                Expect.stringContains line[4] "89.5 ±" "means over seeds"
                Expect.equal line[5] "99.1 ± 0.2" "published"
                Expect.equal line[6] "85.0" "class 0 is the weakest"
                Expect.equal (List.last line) "2" "seeds with all classes"

                Expect.equal
                    (table.Rows.Tail |> List.map (fun line -> line[1]))
                    [ "RAT-SPN"; "DGCSPN"; "PD-SPN" ]
                    "published circuits"

                Expect.isEmpty (DcgmmSampling.quality [ row "mnist" "E" 0 1L 0.5 ]).Rows "one class is no row")
        testCase
            "options of the sampling script are refused where they are wrong, and the command is the options"
            (fun () ->
                inFolder (fun folder ->
                    let data = [| "--data"; folder |]

                    for arguments, part in
                        [
                            [| "--tasks"; "all" |], "pictures, quality"
                            [| "--divisors"; "0" |], "at least"
                            [| "--top"; "two" |], "no number"
                            [| "--samples"; "0" |], "at least 1"
                            [| "--instances"; "Z" |], "A, B"
                        ] do
                        let e =
                            Expect.raises<ArgumentException>
                                (fun () -> SamplingOptions.parse (Array.append arguments data) |> ignore)
                                part

                        Expect.stringContains e.Message part "why"

                    let options =
                        SamplingOptions.parse (
                            Array.append
                                [|
                                    "--tasks"
                                    "quality"
                                    "--top"
                                    "2,3"
                                    "--divisors"
                                    "5,20"
                                    "--samples"
                                    "50"
                                    "--independent"
                                    "--judge-epochs"
                                    "3"
                                    "--seeds"
                                    "2"
                                |]
                                data
                        )

                    Expect.hasLength options.Draws 4 "every pair"

                    let words =
                        (SamplingOptions.command options).Substring(SamplingOptions.Program.Length + 1).Split ' '

                    Expect.equal
                        (SamplingOptions.parse (Array.append words data))
                        options
                        "the command is the options"))
        testCase "pictures below each other keep their pixels; other widths are refused" (fun () ->
            inFolder (fun folder ->
                let images: DcgmmImages = {
                    Name = "none"
                    Height = 20
                    Width = 16
                    Colours = 1
                    Train = Evidence.unknown 0 320
                    TrainClasses = [||]
                    Test = Evidence.unknown 0 320
                    TestClasses = [||]
                }

                let file name = Path.Combine(folder, name)

                let grey (level: float) =
                    Evidence.ofRows [ Array.create 320 level; Array.create 320 level ]

                DcgmmDraws.save (file "one.png") images 2 (grey 1.0)
                DcgmmDraws.save (file "two.png") images 2 (grey 0.0)
                DcgmmDraws.save (file "wide.png") images 1 (grey 0.0)

                let size (path: string) at =
                    Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(File.ReadAllBytes path, at, 4))

                match DcgmmDraws.stack "both" (file "both.png") 20 [ file "one.png"; file "two.png" ] with
                | Some(PagePart.Picture(title, path)) ->
                    Expect.equal title "both" "title"
                    Expect.equal (size path 16) (size (file "one.png") 16) "width"
                    // A line between images is as thick as a pixel of theirs, 2.
                    Expect.equal (size path 20) (2u * size (file "one.png") 20 + 2u) "height"
                | _ -> failtest "no picture"

                DcgmmDraws.stack "one" (file "same.png") 20 [ file "one.png" ] |> ignore

                Expect.equal
                    (File.ReadAllBytes(file "same.png"))
                    (File.ReadAllBytes(file "one.png"))
                    "the same pixels"

                Expect.equal
                    (DcgmmDraws.stack "gone" (file "gone.png") 20 [ file "one.png"; file "none.png" ])
                    None
                    "a file is not there"

                Expect.raises<ArgumentException>
                    (fun () ->
                        DcgmmDraws.stack "odd" (file "odd.png") 20 [ file "one.png"; file "wide.png" ]
                        |> ignore)
                    "widths differ"
                |> ignore))
    ]
