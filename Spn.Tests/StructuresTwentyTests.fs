/// RAT-SPNs and hidden Chow-Liu trees by EM: protocol, options, results file, resuming, pages.
module Spn.Tests.StructuresTwentyTests

open System
open System.IO
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Lowering

let private inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work folder.FullName
    finally
        folder.Delete true

let private options folder (more: string list) =
    [ "--datasets"; "digits"; "--quick"; "--out"; folder ] @ more
    |> Array.ofList
    |> StructuresOptions.parse

let private run options =
    use output = new StringWriter()

    let results =
        StructuresTwenty.run options output (ProgressLine(output, 0)) CancellationToken.None

    results, string output

let private job dataSet model setting : StructuresJob = {
    DataSet = dataSet
    Model = model
    Setting = setting
    Seed = 1L
    Epochs = StructuresProtocol.epochs (DataCatalogue.Find dataSet)
}

let private result job valid test : StructuresResult = {
    Job = job
    Parameters = 1
    Valid = valid
    Test = test
    Seconds = 1.0
    OutOfTime = false
    Curve = []
}

let private protocol =
    testList "protocol" [
        testCase "a hidden Chow-Liu tree has (n - 1) K^2 + K weights and n K logits" (fun () ->
            let train = Digits.LoadBinary().Train

            for k in [ 8; 16 ] do
                Expect.equal
                    (Lowerer.Lower(StructuresProtocol.spec train (job "digits" StructuresModel.Hclt k)).ParameterCount)
                    (63 * k * k + k + 64 * k)
                    $"K = {k}")

        testCase "every data set of the papers has its published numbers" (fun () ->
            for entry in DataCatalogue.Entries do
                let known source =
                    (StructuresProtocol.published source entry.Name).IsSome

                let quoted = entry.Group = DataGroup.Twenty || entry.Group = DataGroup.Amazon
                Expect.equal (known StructuresSource.HyperSpn) quoted entry.Name
                Expect.equal (known StructuresSource.EinsumNetwork) quoted entry.Name
                Expect.equal (known StructuresSource.RatSpn) (entry.Group = DataGroup.Twenty) entry.Name

            Expect.equal (StructuresProtocol.published StructuresSource.RatSpn "ad") (Some -48.47) "Ad, RAT-SPN"
            Expect.equal (StructuresProtocol.published StructuresSource.EinsumNetwork "ad") (Some -63.82) "Ad, EiNet")

        testCase "training keeps the best validation log-likelihood of all stages" (fun () ->
            let data = Digits.LoadBinary()

            for model in StructuresModel.All do
                let job = {
                    job "digits" model (StructuresProtocol.quickSetting model) with
                        Epochs = 3
                }

                let result =
                    StructuresProtocol.run (fun _ _ -> ()) CancellationToken.None 1 None data job

                let valid = [ for _, _, valid in result.Curve -> valid ]
                Expect.floatClose Accuracy.medium result.Valid (List.max valid) model.Name
                Expect.equal [ for pass, _, _ in result.Curve -> pass ] [ 1 .. result.Curve.Length ] "passes"
                Expect.isGreaterThan result.Valid (List.head valid) "it has learned"
                Expect.isFalse result.OutOfTime "no limit")

        testCase "the time allowed ends a training with what it has" (fun () ->
            let data = Digits.LoadBinary()
            let job = job "digits" StructuresModel.Hclt 8

            let result =
                StructuresProtocol.run (fun _ _ -> ()) CancellationToken.None 1 (Some TimeSpan.Zero) data job

            Expect.isTrue result.OutOfTime "it says so"
            Expect.isTrue (Double.IsFinite result.Test) "the start is scored")
    ]

let private arguments =
    testList "options" [
        testCase "the digits stand in where there are no data" (fun () ->
            inFolder (fun folder ->
                let parsed = StructuresOptions.parse [| "--data"; folder |]
                Expect.equal [ for entry in parsed.DataSets -> entry.Name ] [ "digits" ] "built in"
                Expect.hasLength (StructuresOptions.jobs parsed) 3 "one depth and two numbers of states"))

        testCase "the command says the same as the options" (fun () ->
            let parsed =
                options "out" [ "--models"; "hclt"; "--seeds"; "7,"; "--epochs"; "3"; "--budget"; "60" ]

            let again =
                (StructuresOptions.command parsed).Substring(StructuresOptions.Program.Length + 1).Split ' '
                |> StructuresOptions.parse

            Expect.equal (StructuresOptions.jobs again) (StructuresOptions.jobs parsed) "the same trainings"
            Expect.equal again.Common.Budget parsed.Common.Budget "the same time"

            let twenty = [
                for entry in DataCatalogue.Entries do
                    if entry.Group = DataGroup.Twenty then
                        entry
            ]

            Expect.equal (BinarySets.names twenty) "all" "a group goes by its name"
            Expect.equal (BinarySets.parse "all,nltcs") twenty "each set once")

        testCase "wrong names are refused with those that are known" (fun () ->
            let wrong arguments (part: string) =
                let error =
                    Expect.raises<ArgumentException>
                        (fun () -> arguments |> Array.ofList |> StructuresOptions.parse |> ignore)
                        "it is refused"

                Expect.stringContains error.Message part "the message helps"

            wrong [ "--datasets"; "nltc" ] "nltcs"
            wrong [ "--datasets"; "digits-grey" ] "binary"
            wrong [ "--datasets"; "digits"; "--models"; "hlct" ] "rat and hclt"
            wrong [ "--datasets"; "digits"; "--budget"; "0" ] "at least 1")
    ]

let private running =
    testList "run" [
        testCase "a run writes rows, curves, report and page, and a resumed one only reads them" (fun () ->
            inFolder (fun folder ->
                let page = Path.Combine(folder, "page.md")
                let results, text = run (options folder [])
                Expect.hasLength results 2 "one setting of two structures"
                Expect.stringContains text "Built-in sets have no published numbers" "it says what it trains on"
                Expect.stringContains text "shortened: 2/15 passes a step size" "the table marks a short run"
                let rows = File.ReadAllLines(Path.Combine(folder, "structures-twenty.csv"))
                Expect.hasLength rows 3 "a header and two rows"
                Expect.stringStarts rows[1] "digits,rat,3,1,2," "a row names its training"
                let html = File.ReadAllText(Path.Combine(folder, "structures-twenty.html"))
                Expect.stringContains html "HCLT valid" "the report has learning curves"
                let again, text = run (options folder [ "--resume"; "--markdown"; page ])
                Expect.stringContains text "done already: 2" "nothing is left"
                Expect.equal (again |> List.map _.Job) (results |> List.map _.Job) "the same trainings"
                Expect.hasLength again[0].Curve results[0].Curve.Length "the curves are read too"
                Expect.floatClose Accuracy.low again[0].Test results[0].Test "the numbers are read"
                let page = File.ReadAllText page
                Expect.stringContains page "--datasets digits --quick" "the page says how it was made"
                Expect.isFalse (page.Contains folder) "and names no folder of this machine"
                Expect.stringContains page "| Digits | HCLT | K = 16 |" "every setting is listed"))

        testCase "the setting is chosen by validation and the verdict counts sets won" (fun () ->
            let results = [
                for dataSet, test in [ "nltcs", -6.00; "plants", -13.30 ] do
                    result (job dataSet StructuresModel.Hclt 16) -20.0 -1.0
                    result (job dataSet StructuresModel.Hclt 32) -19.0 test
                    result (job dataSet StructuresModel.Rat 3) -19.0 -13.4
            ]

            let row = (StructuresTables.table results).Rows |> List.head
            Expect.contains row "-6.00" "the better by validation"
            Expect.contains row "K = 32" "its setting"
            Expect.contains row "+0.01" "less the published -6.01"

            let verdict =
                Expect.wantSome (StructuresTables.verdict results) "both are published"

            Expect.stringContains verdict "HyperSPN on 1 of 2 sets" "-6.00 wins, -13.30 does not"
            Expect.stringContains verdict "RAT-SPN on 1 of 2 sets" "-13.40 against -13.44")

        testCase "an interrupted run keeps its rows and a resumed one does the rest" (fun () ->
            inFolder (fun folder ->
                use source = new CancellationTokenSource()

                use output = {
                    new StringWriter() with
                        override writer.WriteLine(text: string) =
                            base.WriteLine text

                            if text.Contains " passes, " then
                                source.Cancel()
                }

                let results =
                    StructuresTwenty.run (options folder []) output (ProgressLine(output, 0)) source.Token

                Expect.hasLength results 1 "one training was finished"
                Expect.stringContains (string output) "Stopped after 1 of 2" "it says so"
                let results, _ = run (options folder [ "--resume" ])
                Expect.hasLength results 2 "both are done"))
    ]

let tests = testList "structures-twenty" [ protocol; arguments; running ]
