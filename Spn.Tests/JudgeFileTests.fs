/// Files of judges, and what judges refuse.
module Spn.Tests.JudgeFileTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Judging

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-judge"

    try
        work folder.FullName
    finally
        folder.Delete true

let private small =
    lazy
        (let data = Digits.LoadGrey()
         data, data |> Judge.train (JudgeOptions(Epochs = 1)))

let private refusal (work: unit -> 'a) =
    try
        work () |> ignore
        ""
    with e ->
        $"{e.GetType().Name}: {e.Message}"

let private files =
    testList "files" [
        testCase "a judge that was saved and loaded is the same" (fun () ->
            inFolder (fun folder ->
                let data, judge = small.Value
                let path = Path.Combine(folder, "judge.safetensors")
                judge.Save path
                let loaded = CnnJudge.Load path
                Expect.equal (loaded.Parameters.ToArray()) (judge.Parameters.ToArray()) "parameters"

                Expect.equal
                    (loaded.Height, loaded.Width, loaded.Colours, loaded.Classes, loaded.Highest)
                    (8, 8, 1, 10, 16.0)
                    "sizes"

                Expect.equal (loaded.Probabilities data.Test) (judge.Probabilities data.Test) "answers"))
        testCase "a file that is cut, changed or no judge is refused" (fun () ->
            inFolder (fun folder ->
                let _, judge = small.Value
                let path = Path.Combine(folder, "judge.safetensors")
                judge.Save path
                let whole = File.ReadAllBytes path

                let read (bytes: byte[]) =
                    File.WriteAllBytes(path, bytes)
                    refusal (fun () -> CnnJudge.Load path)

                let changed at =
                    let bytes = Array.copy whole
                    bytes[at] <- bytes[at] ^^^ 4uy
                    bytes

                for content, reason in
                    [
                        [||], "only 0 bytes"
                        whole[..4], "only 5 bytes"
                        whole[..100], "not the file of a judge"
                        whole[.. whole.Length - 2], "bytes of tensors; expected"
                        changed (whole.Length - 9), "damaged or changed"
                        changed 9, "cannot be read"
                        [| 0x89uy; yield! "PNG and more"B |], "not the file of a judge"
                    ] do
                    let message = read content
                    Expect.isTrue (message.StartsWith "ModelFileException: judge.safetensors: ") message
                    Expect.stringContains message reason "reason"

                Expect.stringContains (read ModelFileTests.smallFile.Value) "the format \"spn\"" "a circuit"
                Expect.stringContains (refusal (fun () -> CnnJudge.Load(path + "x"))) "cannot be read" "absent"

                Expect.stringContains
                    (refusal (fun () -> judge.Save(Path.Combine(folder, "no", "x"))))
                    "cannot be written"
                    "folder"))
    ]

let private refusals =
    testList "bad input" [
        testCase "is refused in words that name it" (fun () ->
            let data, judge = small.Value
            let labels = Unchecked.nonNull data.TestLabels
            let whole = JudgeOptions(Height = 8, Width = 8)

            let train (options: JudgeOptions) =
                CnnJudge.Train(data.Test, labels, options)

            for work, reason in
                [
                    (fun () -> judge.Classify(Evidence.Unknown(2, 9))),
                    "9 variables; the judge looks at images of 8 x 8 pixels, 64"
                    (fun () -> judge.Classify(data.Test.Hide 3)), "Row 0, variable 3 is hidden"
                    (fun () -> judge.Classify(data.Test.Observe(5, infinityf))), "variable 5 is"
                ] do
                Expect.stringContains (refusal work) reason "images"

            for work, reason in
                [
                    (fun () -> judge.Accuracy(data.Test, labels[1..])), "358 labels for 359 images"
                    (fun () -> judge.Accuracy(data.Test, labels |> Array.map (fun l -> l + 1))),
                    "is 10, classes are 0 to 9"
                    (fun () -> judge.Accuracy(data.Test.Rows(ReadOnlySpan [||]), [||])), "no images"
                ] do
                Expect.stringContains (refusal work) reason "labels"

            for options, reason in
                [
                    JudgeOptions(), "images of 28 x 28 pixels, 784"
                    JudgeOptions(Height = 0), "Height must be at least 1"
                    JudgeOptions(Height = 1000, Width = 1000), "too large"
                    JudgeOptions(Height = 8, Width = 8, Classes = 1), "Classes must be at least 2"
                    JudgeOptions(Height = 8, Width = 8, Classes = 5), "classes are 0 to 4"
                    JudgeOptions(Height = 8, Width = 8, Highest = 0.0), "Highest must be above 0"
                    JudgeOptions(Height = 8, Width = 8, Dropout = 1.0), "Dropout must be at least 0 and below 1"
                    JudgeOptions(Height = 8, Width = 8, LearningRate = nan), "LearningRate must be above 0"
                    JudgeOptions(Height = 8, Width = 8, FinalLearningRate = -1.0),
                    "FinalLearningRate must be at least 0"
                ] do
                Expect.stringContains (refusal (fun () -> train options)) reason "options"

            Expect.stringContains
                (refusal (fun () -> CnnJudge.Train(data.Test, labels, whole, data.Valid)))
                "0 labels for 180 images"
                "validation"

            let plain = DataSet("plain", data.Train, data.Valid, data.Test)
            Expect.stringContains (refusal (fun () -> Judge.train whole plain)) "plain has no labels" "data set")
    ]

let tests = testList "files and refusals of judges" [ files; refusals ]
