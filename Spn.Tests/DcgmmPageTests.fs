/// More experiments with deep Gaussian mixtures: quick runs, tables, pages.
module Spn.Tests.DcgmmPageTests

open System
open System.IO
open System.Threading
open Argu
open Spn
open Spn.Core
open Spn.Core.Layerwise
open Spn.Tests.DcgmmScriptTests

let tests =
    testList "Deep Gaussian mixture pages" [
        testCase "dynamics: a quick run measures every layer fifty times and leaves a chart" (fun () ->
            inFolder (fun folder ->
                let options = DcgmmDynamics.parse (words folder [])
                let rows, _ = quietly DcgmmDynamics.run options
                Expect.hasLength rows 1 "instance F"
                let curve = rows.Head.Curve
                Expect.equal curve.Length (min DcgmmDynamics.Points (4 * 300 / 25)) "points, at most one a step"
                Expect.floatClose Accuracy.high (List.last curve).Pass 4.0 "to the end"

                for point in curve do
                    Expect.hasLength point.Test 4 "layers"

                Expect.isGreaterThan (List.last curve).Test[0] curve.Head.Test[0] "the lowest layer learns"
                Expect.equal (DcgmmDynamics.table rows).Rows.Length 4 "a line a layer"
                Expect.stringContains (page folder) "dcgmm-dynamics-digits-grey-F-seed1.svg" "chart"

                let again, _ =
                    quietly DcgmmDynamics.run {
                        options with
                            Common = { options.Common with Resume = true }
                    }

                Expect.equal (DcgmmDynamics.table again) (DcgmmDynamics.table rows) "the same from the files"))
        testCase "what a loss did is told from its curve" (fun () ->
            let point pass train test : DynamicsPoint = {
                Pass = pass
                Train = train
                Test = test
                Radii = [ 1.0; 1.0 ]
            }

            let curve = [
                point 1.0 [ 0.0; nan ] [ 0.0; 5.0 ]
                point 2.0 [ 0.0; nan ] [ 9.5; 0.0 ]
                point 3.0 [ 0.0; 1.0 ] [ 10.0; 4.0 ]
                point 4.0 [ 0.0; 1.0 ] [ 10.0; 20.0 ]
            ]

            Expect.equal
                (DcgmmDynamics.layers curve)
                [
                    {
                        Starts = 0.0
                        Lowest = 1.0
                        Dip = 0.0
                        Converged = 2.0
                    }
                    {
                        Starts = 2.0
                        Lowest = 2.0
                        Dip = 0.25
                        Converged = 4.0
                    }
                ]
                "by hand"

            let sentence =
                DcgmmDynamics.finding {
                    Job = {
                        DataSet = "digits-grey"
                        Classes = DcgmmClasses.All
                        Instance = "B"
                        Independent = false
                        Seed = 1L
                        Epochs = 4
                        Images = 0
                    }
                    Run = {
                        Images = 1
                        Parameters = 1
                        Passes = 4.0
                        Seconds = 1.0
                        ImagesPerSecond = 1.0
                    }
                    Curve = curve
                }

            Expect.stringContains sentence "2.00, 4.00 on, one after another from below" "order"
            Expect.stringContains sentence "layer 2." "dip")
        testCase "classification: all instances learn digits, and a run leaves rows, page and chart" (fun () ->
            inFolder (fun folder ->
                let options =
                    DcgmmClassification.parse [|
                        "--sets"
                        "digits-grey"
                        "--epochs"
                        "12"
                        "--out"
                        folder
                        "--markdown"
                        Path.Combine(folder, "docs", "page.md")
                    |]

                let rows, _ = quietly DcgmmClassification.run options
                Expect.hasLength rows 6 "two stacks, three kinds of steps"

                for row in rows do
                    Expect.isGreaterThan row.Accuracy 0.6 $"{row.Job.Instance} is far better than chance"
                    Expect.equal row.Curve.Length 12 "a point a pass"
                    // The digits have fewer test images than are measured during training.
                    Expect.floatClose Accuracy.high (snd (List.last row.Curve)) row.Accuracy "the end of the curve"

                let text = page folder

                for part in
                    [
                        "DCGMM-B"
                        "DCGMM-B, step 1"
                        "released instance, step 1"
                        "released instance, falling step"
                        "Table IV"
                        "dcgmm-classification-digits-grey.svg"
                    ] do
                    Expect.stringContains text part "page"

                let again, _ =
                    quietly DcgmmClassification.run {
                        options with
                            Common = { options.Common with Resume = true }
                    }

                Expect.equal
                    (DcgmmClassification.table again)
                    (DcgmmClassification.table rows)
                    "the same from the files"))
        testCase "published accuracies stand below ours" (fun () ->
            let row: DcgmmClassifyRow = {
                Job = {
                    DataSet = "mnist"
                    Classes = DcgmmClasses.All
                    Instance = "B"
                    Independent = false
                    Seed = 1L
                    Epochs = 15
                    Images = 0
                }
                Run = {
                    Images = 60000
                    Parameters = 1
                    Passes = 15.0
                    Seconds = 1.0
                    ImagesPerSecond = 1.0
                }
                Accuracy = 0.97
                Curve = []
            }

            let rows = (DcgmmClassification.table [ row; { row with Accuracy = 0.98 } ]).Rows
            Expect.equal rows.Length 3 "ours, RAT-SPN, DGC-SPN"
            Expect.contains rows.Head "97.50 ± 0.71" "mean and deviation"
            Expect.contains rows.Head "98.0 ± 0.1" "the paper's")
        testCase "alphabet: a run leaves a picture of the centroids" (fun () ->
            inFolder (fun folder ->
                let rows, _ =
                    words folder [ "--instances"; "B,C" ]
                    |> DcgmmAlphabet.parse
                    |> quietly DcgmmAlphabet.run

                Expect.hasLength rows 2 "two instances"
                Expect.equal (rows |> List.map _.Components) [ 25; 25 ] "components"
                let picture = DcgmmAlphabet.picture rows.Head.Job
                Expect.stringContains (page folder) picture "page"
                Expect.isTrue (File.Exists(Path.Combine(folder, "docs", picture))) "picture beside the page"))
        testCase "neighbours on the periodic grid are compared with all pairs" (fun () ->
            // On a grid of three by three every row is one value: neighbours in a row are alike, those across rows 1 or 2 apart.
            let centroids = [|
                for row in 0..2 do
                    for _ in 0..2 -> [| float row |]
            |]

            // 9 neighbours in rows at 0; 9 across at 1, 1 and 2. Of 36 pairs 9 are at 0, 18 at 1, 9 at 2.
            Expect.floatClose
                Accuracy.high
                (DcgmmAlphabet.neighbours centroids)
                (12.0 / 18.0 / (36.0 / 36.0))
                "by hand"

            let spec = DcgmmProtocol.specOf 8 8 "B" true

            Expect.raises<ArgumentException>
                (fun () -> DcgmmAlphabet.centroids (spec.Compile 1L) |> ignore)
                "cells with centroids of their own"
            |> ignore)
        testCase
            "the scripts tell what is wrong, list both kinds of options, and print a command that is the options"
            (fun () ->
                inFolder (fun folder ->
                    let refused (parse: string[] -> unit) arguments part =
                        let e =
                            Expect.raises<ArgumentException>
                                (fun () -> parse (Array.append arguments [| "--data"; folder |]))
                                part

                        Expect.stringContains e.Message part "why"

                    refused (DcgmmOutliers.parse >> ignore) [| "--instances"; "H" |] "A, B, C"
                    refused (DcgmmOutliers.parse >> ignore) [| "--baselines"; "gan" |] "rat, pd, dgcspn"

                    refused
                        (DcgmmClassification.parse >> ignore)
                        [| "--instances"; "A" |]
                        "B, B-step-1, B-falling, released, released-step-1, released-falling"

                    refused (DcgmmDynamics.parse >> ignore) [| "--epochs"; "0" |] "at least 1"
                    refused (DcgmmAlphabet.parse >> ignore) [| "--sets"; "nltcs" |] "mnist, fashion-mnist"

                    let missing =
                        Expect.raises<FileNotFoundException>
                            (fun () -> DcgmmAlphabet.parse [| "--sets"; "mnist"; "--data"; folder |] |> ignore)
                            "no files"

                    Expect.stringContains missing.Message "mnist" "which"

                    let wrong =
                        Expect.raises<ArguParseException>
                            (fun () -> DcgmmOutliers.parse [| "--epocs"; "3" |] |> ignore)
                            "no such option"

                    Expect.stringContains wrong.Message "epocs" "which"

                    let help =
                        Expect.raises<ArguParseException>
                            (fun () -> DcgmmOutliers.parse [| "help" |] |> ignore)
                            "help"

                    Expect.equal help.ErrorCode ErrorCode.HelpText "help is no error"

                    for option in [ "--seeds"; "--baselines"; "--shared"; "--markdown" ] do
                        Expect.hasLength (help.Message.Split $"    {option}") 2 $"help lists {option} once"

                    for once in [ "USAGE:"; "OPTIONS:"; "    --help" ] do
                        Expect.hasLength (help.Message.Split once) 2 $"{once} once"

                    let unfit program words =
                        (Expect.raises<ArgumentException> (fun () -> program words) "unfit").Message

                    Expect.stringContains
                        (unfit (DcgmmSvhn.parse >> ignore) [| "--set"; "digits-grey,digits-grey,svhn" |])
                        "takes one set"
                        "two sets"

                    Expect.stringContains
                        (unfit (SamplingOptions.parse >> ignore) [| "--quick"; "--top"; "2.5,2" |])
                        "whole numbers"
                        "half an entry"

                    let options =
                        DcgmmOutliers.parse [|
                            "--data"
                            folder
                            "--quick"
                            "--instances"
                            "F,A"
                            "--baselines"
                            "none"
                            "--shared"
                            "--seeds"
                            "2,5"
                            "--budget"
                            "1.5"
                        |]

                    Expect.equal options.Main.Instances [ "F"; "A" ] "in order"
                    Expect.isEmpty options.Baselines "none"

                    let words =
                        (DcgmmOutliers.command options).Substring(DcgmmOutliers.Program.Length + 1).Split ' '

                    Expect.equal
                        (DcgmmOutliers.parse (Array.append words [| "--data"; folder |]))
                        options
                        "the command is the options"))
    ]
