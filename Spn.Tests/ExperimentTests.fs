/// The runner of experiments: jobs that fail, rows that come twice, files that a crash has cut.
module Spn.Tests.ExperimentTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core.Data
open Spn.Tests.DcgmmScriptTests

let private told folder =
    (DcgmmAlphabet.parse [| "--quick"; "--out"; folder |]).Common

let private rowsIn folder =
    ResultFile(Path.Combine(folder, "rows.csv"), "job,value")

/// Squares of 1 to 4, told by how they are made.
let private squares folder resume perform : Experiment<int, int * int> =
    let file = rowsIn folder

    {
        Title = "Squares"
        Notes = [ "These are integers." ]
        Common = { told folder with Resume = resume }
        Jobs = [ 1..4 ]
        Files = [ file ]
        Read = fun () -> file.Read(fun cells -> int cells[0], int cells[1])
        JobOf = fst
        Work = fun _ -> 1.0
        Name = fun job -> $"square {job}"
        Perform = fun _ job -> perform job
        Append = fun (job, value) -> file.Append [ $"{job},{value}" ]
        Publish = ignore
    }

let private square job = (job, job * job), $"is {job * job}"

let private run experiment =
    use output = new StringWriter()

    let rows =
        try
            Ok(Experiment.run output (ProgressLine(output, 0)) CancellationToken.None experiment)
        with :? ExperimentException as e ->
            Error e.Message

    rows, string output

let tests =
    testList "Experiments" [
        testCase "a run tells its title, notes and jobs, and gives the rows in order" (fun () ->
            inFolder (fun folder ->
                let rows, output = run (squares folder false square)
                Expect.equal rows (Ok [ 1, 1; 2, 4; 3, 9; 4, 16 ]) "rows"

                for part in
                    [
                        "Squares: trainings: 4, done already: 0"
                        "These are integers."
                        "square 3: is 9"
                    ] do
                    Expect.stringContains output part "told"))
        testCase
            "a job that fails is told, the others are done and published, and a resumed run tries it again"
            (fun () ->
                inFolder (fun folder ->
                    let mutable published = []

                    let failing = {
                        squares folder false (fun job ->
                            if job = 2 then
                                invalidArg "rate" "the rate is too large"

                            square job) with
                            Publish = fun rows -> published <- rows
                    }

                    let rows, output = run failing
                    Expect.equal published [ 1, 1; 3, 9; 4, 16 ] "the others are published"
                    Expect.stringContains output "square 2: FAILED. the rate is too large" "the reason"

                    match rows with
                    | Error message -> Expect.stringContains message "square 2" "and which"
                    | Ok _ -> failtest "it ends as a failure"

                    let rows, output = run (squares folder true square)
                    Expect.stringContains output "done already: 3" "one is left"
                    Expect.equal rows (Ok [ 1, 1; 2, 4; 3, 9; 4, 16 ]) "rows"))
        testCase "a defect ends the run at once" (fun () ->
            inFolder (fun folder ->
                Expect.throwsT<NullReferenceException>
                    (fun () -> run (squares folder false (fun _ -> raise (NullReferenceException()))) |> ignore)
                    "it is no failure of a job"))
        testCase "of two rows of a job the later counts" (fun () ->
            inFolder (fun folder ->
                (rowsIn folder).Append [ "1,0"; "2,4"; "1,1" ]
                let rows, output = run (squares folder true square)
                Expect.stringContains output "done already: 2" "two jobs"
                Expect.equal rows (Ok [ 1, 1; 2, 4; 3, 9; 4, 16 ]) "the later row"))
        testCase "a file whose first line a crash has cut is begun again" (fun () ->
            for left in [ ""; "job,va" ] do
                inFolder (fun folder ->
                    let file = rowsIn folder
                    File.WriteAllText(file.Path, left)
                    Expect.isEmpty (file.Read id) "no rows"
                    file.Append [ "7,49" ]
                    Expect.equal (File.ReadAllText file.Path) "job,value\n7,49\n" "header and row"))
        testCase "another header is refused" (fun () ->
            inFolder (fun folder ->
                let file = rowsIn folder
                File.WriteAllText(file.Path, "job,root\n")

                let error =
                    Expect.raises<DataFormatException> (fun () -> file.Read id |> ignore) "it is another file"

                Expect.stringContains error.Message "job,value" "what it should be"))
        testCase "no seed is refused" (fun () ->
            for parse in
                [
                    (fun a -> DcgmmAlphabet.parse a |> ignore)
                    (fun a -> DcgmmSvhn.parse a |> ignore)
                ] do
                let error =
                    Expect.raises<ArgumentException> (fun () -> parse [| "--quick"; "--seeds"; "0" |]) "no seed"

                Expect.stringContains error.Message "seed" "it says so")
        testCase "a training that its budget cut is whole under a budget that is no larger" (fun () ->
            inFolder (fun folder ->
                let training: DcgmmTraining = {
                    DataSet = "digits-grey"
                    Classes = DcgmmClasses.All
                    Instance = "A"
                    Independent = false
                    Seed = 1L
                    Epochs = 20
                    Images = 0
                }

                let run: DcgmmRun = {
                    Images = 500
                    Parameters = 1
                    Passes = 7.5
                    Seconds = 60.2
                    ImagesPerSecond = 1.0
                }

                let whole minutes run =
                    let options = {
                        told folder with
                            Budget = minutes |> Option.map (float >> TimeSpan.FromMinutes)
                    }

                    DcgmmProtocol.isWhole options training run

                Expect.equal
                    [ for m in [ None; Some 1; Some 2 ] -> whole m run ]
                    [ false; true; false ]
                    "cut after a minute"

                Expect.equal
                    [ for m in [ None; Some 2 ] -> whole m { run with Passes = 20.0 } ]
                    [ true; true ]
                    "all passes"))
    ]
