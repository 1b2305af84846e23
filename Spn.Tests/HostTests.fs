/// The program spn, run in this process.
module Spn.Tests.HostTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Host

/// Exit code, output and errors of a command line.
let private spnWith (cancellation: CancellationToken) (line: string) =
    use output = new StringWriter()
    use error = new StringWriter()

    let code =
        Program.Run(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            output,
            error,
            ProgressLine(error, 0),
            cancellation
        )

    code, string output, string error

let private spn line = spnWith CancellationToken.None line

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work (fun (name: string) -> Path.Combine(folder.FullName, name))
    finally
        folder.Delete true

let private succeeds line =
    let code, output, error = spn line
    Expect.equal (code, error) (0, "") line
    output

let tests =
    testList "spn" [
        testCase "fit, score and info work together" (fun () ->
            inFolder (fun file ->
                let model = file "digits.safetensors"
                let said = succeeds $"fit --data-set digits --replicas 3 --steps 20 --out {model}"
                Expect.stringContains said "Finished after 20 steps" "it reports"
                let average = succeeds $"score {model} --data-set digits --split valid"
                Expect.stringContains average "180 samples of 64 variables" "it scores the split"

                let rows =
                    (succeeds $"score {model} --data-set digits --split valid --per-row")
                        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    |> Array.map float

                use circuit = Circuit.Load model
                let expected = circuit.LogLikelihood(Data.Digits.LoadBinary().Valid)
                Expect.sequenceEqual rows expected "one number a row, bit for bit"
                let nats, bits = Array.average rows, -(Array.average rows) / (64.0 * log 2.0)

                Expect.stringContains
                    average
                    $"{nats:F4} nats, {bits:F4} bits per dimension"
                    "the average of the rows"

                let info = succeeds $"info {model}"
                Expect.stringContains info "Circuit over 64 variables" "the summary"
                Expect.stringContains info "training_samples                     1258" "the metadata"

                let said =
                    succeeds $"""info {model} --svg {file "digits.svg"} --dot {file "digits.dot"}"""

                Expect.stringContains said "drawn in" "it says what the drawing leaves out"
                Expect.stringContains (IO.File.ReadAllText(file "digits.svg")) "<svg" "a picture"
                Expect.stringContains (IO.File.ReadAllText(file "digits.dot")) "digraph" "a graph"))

        testCase "a table of codes gets indicators, a table of measurements gets normal densities" (fun () ->
            inFolder (fun file ->
                let table name rows =
                    File.WriteAllLines(file name, Array.append [| "a,b,c" |] rows)
                    file name

                let codes = table "codes.csv" [| for i in 0..39 -> $"{i % 2},{i % 3},{i / 2 % 3}" |]

                let measured =
                    table "measured.csv" [| for i in 0..39 -> $"{i % 2}.5,{i % 3},{i / 7}" |]

                let model = file "m.safetensors"
                let fit = $"fit --replicas 2 --epochs 3 --out {model} --csv"
                Expect.stringContains (succeeds $"{fit} {codes}") "Input.Indicator(3)" "codes 0 to 2"
                let code, _, error = spn $"score {model} --csv {measured}"
                Expect.equal code 1 "the wrong data for it"

                Expect.stringContains
                    error
                    "measured.csv line 2, column \"a\": \"0.5\" is not one of 0, 1"
                    "it says what is wrong"

                Expect.stringContains (succeeds $"{fit} {measured} --model spn") "Input.Normal(5)" "measurements"
                Expect.stringContains (succeeds $"score {model} --csv {measured}") "40 samples" "all rows"))

        testCase "expectation maximisation trains a table with missing cells" (fun () ->
            inFolder (fun file ->
                let table = file "mixed.csv"

                File.WriteAllLines(
                    table,
                    Array.append [| "a,b,c" |] [|
                        for i in 0..59 ->
                            $"""{i % 2}.5,{(if i % 5 = 0 then "?" else string (i % 3))},{(if i % 7 = 0 then "" else string (float i / 7.0))}"""
                    |]
                )

                let model = file "m.safetensors"

                for learner in [ "em"; "fullem" ] do
                    let said =
                        succeeds $"fit --replicas 2 --epochs 4 --learner {learner} --out {model} --csv {table}"

                    Expect.stringContains said "Finished after" "it reports"
                    Expect.stringContains (succeeds $"score {model} --csv {table}") "60 samples" "all rows"))

        testCase "an interrupted fit saves the model" (fun () ->
            inFolder (fun file ->
                let model = file "m.safetensors"

                let code, output, _ =
                    spnWith (CancellationToken true) $"fit --data-set digits --replicas 2 --out {model}"

                Expect.equal code 0 "it ends in order"
                Expect.stringContains output "Cancelled after 0 steps" "it says so"
                Expect.isTrue (File.Exists model) "the model is there"))

        testCase "data list shows the catalogue" (fun () ->
            inFolder (fun file ->
                let list = succeeds ("data list --data " + file ".")
                Expect.stringContains list "pumsb_star" "all sets are listed"
                Expect.stringContains list "built in" "and what is there"))

        testCase "version and help" (fun () ->
            Expect.stringStarts (succeeds "--version") "spn 0." "the version"

            for command in [ ""; "fit "; "score "; "query "; "info "; "data "; "data list " ] do
                Expect.stringContains (succeeds $"{command}--help") "USAGE: spn" $"help of {command}"

            Expect.stringContains (succeeds "help") "USAGE: spn" "the plain word")

        testList "wrong use ends with code 2, a failure with 1, both with a short message" [
            for line, expected, part in
                [
                    "", 2, "Name a command"
                    "bogus", 2, "bogus"
                    "fit", 2, "--data-set or --csv"
                    "fit --data-set nltc", 2, "nltcs"
                    "fit --data-set digits --epochs 0", 2, "--epochs is 0"
                    "fit --data-set digits --model tree", 2, "hyper|decay|spn"
                    "fit --data-set digits --learner em --model hyper", 2, "--model spn"
                    "fit --data-set digits --learner em --steps 5", 2, "--epochs"
                    "fit --data-set digits --learner fullem --decay 0.1", 2, "--smoothing"
                    "fit --data-set digits --smoothing 0.1", 2, "--learner em"
                    "data", 2, "spn data list"
                    "score missing.safetensors --data-set digits", 1, "missing.safetensors"
                    "fit --csv missing.csv", 1, "missing.csv"
                    "fit --data-set digits --drop a", 2, "--csv"
                    "fit --data-set digits --out missing-folder/m.safetensors", 1, "missing-folder"
                ] do
                testCase $"spn {line}" (fun () ->
                    let code, output, error = spn line
                    Expect.equal code expected "the exit code"
                    Expect.equal output "" "no output"
                    Expect.stringContains error part "the message says what is wrong"
                    Expect.isLessThanOrEqual (error.Trim().Split('\n').Length) 2 "a line or two")
        ]
    ]
