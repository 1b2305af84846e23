/// The experiment on overparametrized sums: models, starts, options, results file, pages.
module Spn.Tests.OverparamRunTests

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
    [ "--datasets"; "digits"; "--iterations"; "4"; "--seeds"; "1"; "--out"; folder ]
    @ more
    |> Array.ofList
    |> OverparamOptions.parse

let private run options =
    use output = new StringWriter()

    let results =
        OverparamAcceleration.run options output (ProgressLine(output, 0)) CancellationToken.None

    results, string output

let private job mode depth iterations : OverparamJob = {
    DataSet = "digits"
    Mode = mode
    Depth = depth
    Seed = 3L
    Iterations = iterations
}

let private few = // enough of the digits to learn from, soon gone through
    lazy
        (let digits = Digits.LoadBinary()

         DataSet(
             "few digits",
             digits.Train |> Evidence.rows [ 0..39 ],
             digits.Valid |> Evidence.rows [ 0..9 ],
             digits.Test |> Evidence.rows [ 0..9 ]
         ))

let private curve mode depth iterations =
    OverparamProtocol.run (fun _ _ -> ()) CancellationToken.None 1 few.Value (job mode depth iterations)

let tests =
    testList "overparam experiment" [
        testCase
            "a mixture of 8 has 16 indicator weights a variable and 8, 10 or 14 factors, at every depth the same start"
            (fun () ->
                for mode in OverparamMode.All do
                    let plans = [ for depth in 1..3 -> Lowerer.Lower(OverparamProtocol.spec 5 mode depth) ]
                    Expect.sequenceEqual (plans |> List.map _.ParameterCount) [ 88; 90; 94 ] mode.Name

                    let values = [
                        for plan in plans do
                            use circuit =
                                Circuit.Compile(OverparamProtocol.spec 5 mode (1 + List.findIndex ((=) plan) plans))

                            let start = OverparamProtocol.start plan mode 7L |> Array.map float32
                            circuit.SetParameters(ReadOnlySpan start)
                            // Factors of logarithms are drawn, so only the other modes start with one distribution.
                            circuit.LogLikelihood(Evidence.From([| 1f; 0f; 1f; 1f; 0f |], 5))[0]
                    ]

                    if mode <> OverparamMode.Log && mode <> OverparamMode.LogZ then
                        for value in values.Tail do
                            Expect.isTrue (abs (value - values.Head) < 1e-5) $"{mode.Name}: {values}")
        testCase
            "the mode of the paper starts at n log 2 and its first curve points fall together at every depth"
            (fun () ->
                let curves = [ for depth in 1..3 -> curve OverparamMode.Paper depth 3 ]

                for own in curves do
                    Expect.floatClose Accuracy.high own.Head.Train (-64.0 * log 2.0) "64 pixels, all alike"
                    Expect.isGreaterThan own[2].Train own[0].Train "learns"
                    Expect.isTrue (Double.IsNaN own[0].Test && Double.IsFinite own[2].Test) "test samples at the end"

                for own in curves.Tail do
                    Expect.floatsClose
                        Accuracy.medium
                        [ for p in own -> p.Train ]
                        [ for p in curves.Head -> p.Train ]
                        "depth does not show yet"

                let rho = [ for own in curves -> own.Head.Rho ]
                Expect.floatsClose Accuracy.high rho [ 1.0; 1e-8; 1e-16 ] "rho / eta at the start"
                Expect.equal curves.Head.Head.Lambda 0.0 "one layer has no momentum")
        testCase
            "every mode raises the training log-likelihood at every depth and tells that of the test samples"
            (fun () ->
                for mode in OverparamMode.All do
                    for depth in 1..3 do
                        let own = curve mode depth 12
                        Expect.equal (own |> List.map _.Iteration) [ 1..12 ] mode.Name
                        Expect.isGreaterThan own[11].Train own[0].Train $"{mode.Name}, {depth} layers"
                        Expect.isTrue (Double.IsFinite own[11].Test) "test")
        testCase "a test point belongs to the parameters of the training point beside it" (fun () ->
            let own = curve OverparamMode.Robust 2 3
            use circuit = Circuit.Compile(OverparamProtocol.spec 64 OverparamMode.Robust 2)

            let start =
                OverparamProtocol.start circuit.Plan OverparamMode.Robust 3L
                |> Array.map float32

            circuit.SetParameters(ReadOnlySpan start)
            Expect.floatClose Accuracy.low own.Head.Train (circuit.AverageLogLikelihood few.Value.Train) "train"
            Expect.floatClose Accuracy.low own.Head.Test (circuit.AverageLogLikelihood few.Value.Test) "test")
        testCase "the experiment writes rows, curves, report, page and figures, and goes on where it ended" (fun () ->
            inFolder (fun folder ->
                let page = Path.Combine(folder, "page.md")
                let options = options folder [ "--modes"; "robust,log"; "--markdown"; page ]
                let results, _ = run options
                Expect.hasLength results 6 "two modes, three depths"
                let text = File.ReadAllText page

                Expect.stringContains
                    text
                    "--datasets digits --modes robust,log --iterations 4 --seeds 1"
                    "how it was made"

                for name in [ "overparam-digits-robust.svg"; "overparam-digits-log.svg" ] do
                    Expect.stringContains text name "figure"
                    Expect.stringContains (File.ReadAllText(Path.Combine(folder, name))) "L = 3" name

                Expect.isTrue (File.Exists(Path.Combine(folder, "overparam-acceleration.html"))) "report"
                let again, output = run { options with Common.Resume = true }
                Expect.stringContains output "done already: 6" "nothing is left"

                for before, after in List.zip results again do
                    Expect.equal after.Job before.Job "job"
                    Expect.isTrue (abs (after.Last - before.Last) < 1e-5) "value"
                    Expect.equal after.Reached before.Reached "iteration"))
        testCase "wrong names are refused with those that are known" (fun () ->
            let refused arguments (part: string) =
                let e =
                    Expect.raises<ArgumentException> (fun () -> OverparamOptions.parse arguments |> ignore) part

                Expect.stringContains e.Message part "why"

            refused [| "--modes"; "deep"; "--datasets"; "digits" |] "the modes are paper, robust"
            refused [| "--datasets"; "digits-grey" |] "binary"
            refused [| "--datasets"; "digits"; "--iterations"; "0" |] "at least 1")
        testCase
            "the verdict compares means at iteration 200 and all values at 500 with what the paper shows"
            (fun () ->
                let result depth middle last : OverparamResult = {
                    Job = {
                        job OverparamMode.Paper depth 500 with
                            DataSet = "nltcs"
                    }
                    Seconds = 1.0
                    Curve = [
                        for iteration, value in [ 1, -11.0; 200, middle; 500, last ] ->
                            {
                                Iteration = iteration
                                Train = value
                                Test = value
                                Rho = 1.0
                                Lambda = 0.0
                                Error = 0.0
                            }
                    ]
                }

                let verdict values =
                    OverparamTables.verdict [
                        for depth, (middle, last) in List.indexed values -> result (depth + 1) middle last
                    ]

                Expect.stringContains
                    (Expect.wantSome (verdict [ -7.7, -7.1; -7.3, -7.05; -7.1, -7.04 ]) "all three")
                    "both hold"
                    "gaps 0.4 and 0.2"

                Expect.stringContains
                    (Expect.wantSome (verdict [ -7.7, -7.1; -7.3, -7.05; -7.25, -7.04 ]) "all three")
                    "does not hold"
                    "second gap 0.05"

                Expect.stringContains
                    (Expect.wantSome (verdict [ -7.9, -7.6; -7.3, -7.05; -7.1, -7.04 ]) "all three")
                    "does not hold"
                    "one below -7.5"

                let both = [ result 1 -7.7 -7.1; result 3 -7.1 -7.2 ]

                let sentence =
                    Expect.wantSome (OverparamTables.comparison both) "one and three layers"

                Expect.stringContains sentence "+0.600 at iteration 200, -0.100 at iteration 500" "three less one"
                Expect.isNone (OverparamTables.comparison both.Tail) "nothing to compare with"
                Expect.isNone (verdict [ -7.7, -7.1; -7.3, -7.05 ]) "a depth is missing"
                Expect.equal (result 1 -7.12 -7.08).Reached 200 "first within 0.05")
        testCase "an SVG of a chart has its titles, a line a series and gaps where values are missing" (fun () ->
            let chart =
                Chart.Line(
                    [
                        "a <b>", [ 0.0, 1.0; 1.0, nan; 2.0, 3.0; 3.0, 2.0 ]
                        "c published", [ 0.0, 2.0; 3.0, 1.0 ]
                    ],
                    title = "Title",
                    x = "step",
                    y = "nats"
                )

            let svg = SvgChart.lines chart

            for part in [ "Title"; "step"; "nats"; "a &lt;b&gt;"; "stroke-dasharray=\"2 4\"" ] do
                Expect.stringContains svg part "part"

            let document = Xml.Linq.XDocument.Parse svg

            let paths = [
                for path in document.Descendants() do
                    match path.Attribute "d" |> Option.ofObj with
                    | Some d when path.Attribute("fill") |> isNull |> not -> d.Value
                    | _ -> ()
            ]

            Expect.equal (paths |> List.map (Seq.filter ((=) 'M') >> Seq.length)) [ 2; 1 ] "a gap starts a new piece"

            let log =
                SvgChart.lines (Chart.Line([ "d", [ 1.0, 0.0; 2.0, 1e-3; 3.0, 10.0 ] ], logY = true))

            Expect.stringContains log "1e-2" "a mark of the logarithmic axis"

            // A line through three corners leaves the fourth to its name.
            let place points =
                let named =
                    Xml.Linq.XDocument.Parse(SvgChart.lines (Chart.Line [ "line", points ])).Descendants()
                    |> Seq.find (fun e -> e.Value = "line" && e.Name.LocalName = "text")

                let at (name: string) =
                    float (nonNull (named.Attribute name)).Value

                at "x" > 360.0, at "y" > 210.0

            Expect.equal (place [ 0.0, 0.0; 0.0, 1.0; 1.0, 1.0 ]) (true, true) "lower right"
            Expect.equal (place [ 0.0, 1.0; 1.0, 1.0; 1.0, 0.0 ]) (false, true) "lower left"
            Expect.equal (place [ 0.0, 1.0; 0.0, 0.0; 1.0, 0.0 ]) (true, false) "upper right"
            Expect.equal (place [ 0.0, 0.0; 1.0, 0.0; 1.0, 1.0 ]) (false, false) "upper left")
    ]
