/// Pictures, the notebook that scripts write, and filling gaps in.
module Spn.Tests.NotebookTests

open System
open System.IO
open System.Text.RegularExpressions
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training
open Spn.Host.Examples
open Spn.Tests.QueryPageTests

let private pictures =
    testList "pictures" [
        testCase "rows of batches become one grid, and a file of it is as large as shown" (fun () ->
            let batch = Evidence.From([| 1.0f; 0.0f; 0.0f; 1.0f |], 2)

            let grid =
                Chart.SampleRows([ batch; batch |> Evidence.hide [ 0 ] ], height = 1, width = 2, side = 3)

            let folder = Directory.CreateTempSubdirectory "spn-test-"

            try
                let path =
                    grid |> Chart.savePicture (Path.Combine(folder.FullName, "a", "grid.png"))

                let bytes = File.ReadAllBytes path

                let size at =
                    int bytes[at + 2] * 256 + int bytes[at + 3]

                Expect.equal (size 16, size 20) (15, 9) "5 x 3 pixels, each 3 x 3"

                match grid.Traces with
                | [ Trace.Picture(small, 5, 3) ] ->
                    let native =
                        File.ReadAllBytes(
                            Chart.SampleGrid(batch, height = 1, width = 2, side = 1)
                            |> Chart.savePicture path
                        )

                    Expect.isGreaterThan bytes.Length native.Length "the small one is smaller"
                    Expect.isGreaterThan bytes.Length small.Length "so is the one inside the page"
                | traces -> failtestf "Expected one picture, got %A" traces
            finally
                folder.Delete true)

        testCase "batches of different sizes are refused with their sizes" (fun () ->
            let error =
                Expect.raises<ArgumentException>
                    (fun () -> Chart.SampleRows([ samples; given ], height = 2, width = 2) |> ignore)
                    "8 samples and 1"

            Expect.stringContains error.Message "8, 1 samples" "both numbers")

        testCase "only a grid of images is saved as a picture" (fun () ->
            Expect.throwsT<ArgumentException>
                (fun () -> Chart.Line [ "a", [ 1.0, 2.0 ] ] |> Chart.savePicture "x.png" |> ignore)
                "a line is no picture")
    ]

let private notebooks =
    testList "notebook" [
        testCase "a notebook prints text and keeps it for its page" (fun () ->
            let folder = Directory.CreateTempSubdirectory "spn-test-"

            try
                use output = new StringWriter()
                let notebook = Notebook("Title", folder.FullName, output)
                notebook.Section "One"
                notebook.Say "some text"
                notebook.Table([ "a" ], [ [ "1" ] ])
                notebook.Picture("grid", Chart.SampleGrid(samples, height = 2, width = 2))
                let page = File.ReadAllText(notebook.Save "page")

                for part in [ "<h1>Title</h1>"; "<h2>One</h2>"; "some text"; "data:image/png" ] do
                    Expect.stringContains page part "on the page"

                Expect.stringContains (string output) "some text" "printed"
                Expect.isTrue (File.Exists(Path.Combine(folder.FullName, "grid.png"))) "the picture is a file too"
            finally
                folder.Delete true)

        testCase "options of a script name quick runs and folders" (fun () ->
            let options = Script.parse "script" "here" [| "--quick"; "--out"; "there" |]
            Expect.equal (options.Quick, options.Out) (true, "there") "as given"

            Expect.throwsT<Argu.ArguParseException>
                (fun () -> Script.parse "script" "here" [| "--fast" |] |> ignore)
                "unknown")
    ]

let private completions =
    testList "completing" [
        testCase "entries hidden at random are hidden again by the same seed, and about as many as told" (fun () ->
            let many = Evidence.From(Array.zeroCreate<float32> 40000, 4)

            let hidden (evidence: Evidence) =
                Array.init 40000 (fun i -> evidence.IsHidden(i / 4, i % 4))

            let once = hidden (Evidence.hideAtRandom 0.3 many)
            let share = once |> Array.averageBy (fun h -> if h then 1.0 else 0.0)
            Expect.isTrue (abs (share - 0.3) < 0.01) $"{share} of the entries"
            Expect.equal (hidden (many.HideAtRandom 0.3)) once "the same again"
            Expect.notEqual (hidden (many.HideAtRandom(0.3, 2L))) once "another seed hides others"

            Expect.throwsT<ArgumentOutOfRangeException> (fun () -> many |> Evidence.hideAtRandom 1.5 |> ignore) "150 %")

        testCase "class roots learn from the labels of a data set, one root from its samples alone" (fun () ->
            let digits = Digits.LoadBinary()
            let options = GradientOptions(Steps = 80, LearningRate = 0.05)

            let trained classes =
                let circuit =
                    Regions.RandomBinaryTrees(64, replicas = 5)
                    |> Circuit.overRegions [
                        Input.Bernoulli 6
                        Product.Hadamard
                        Sum.PerRegion 6
                        Sum.Root(classes = classes)
                    ]
                    |> Circuit.compile

                let report = circuit |> Train.dataSet digits options
                Expect.isTrue report.BestValid.HasValue "the validation samples chose"
                circuit

            use one = trained 1
            use ten = trained 10
            use same = Circuit.Compile(one.Spec)
            same.Fit(digits, options) |> ignore
            Expect.sequenceEqual (same.Parameters.ToArray()) (one.Parameters.ToArray()) "the same in C#"

            match digits.TestLabels with
            | null -> failtest "the digits have labels"
            | labels ->
                let right =
                    Array.map2
                        (fun guess label -> if guess = label then 1.0 else 0.0)
                        (ten |> Query.mostProbableClass digits.Test)
                        labels
                    |> Array.average

                Expect.isTrue (right > 0.3) $"{right} of the digits recognised, 0.1 by chance"

            let unlabelled = DataSet("unlabelled", digits.Train, digits.Valid, digits.Test)

            Expect.throwsT<ArgumentException>
                (fun () -> ten |> Train.dataSet unlabelled options |> ignore)
                "class roots need labels")

        testCase "the share that is right counts hidden entries only" (fun () ->
            let truth = Evidence.ofRows [ [ 1; 0 ]; [ 1; 1 ] ]
            let hidden = truth |> Evidence.hideWhere (fun _ v -> v = 0)
            let filled = Evidence.ofRows [ [ 1; 1 ]; [ 0; 1 ] ]
            Expect.equal (filled |> Evidence.shareRight truth hidden) 0.5 "one of two"
            Expect.equal (hidden |> Evidence.shareRight truth hidden) 0.0 "what is still hidden is not right"
            Expect.isTrue (Double.IsNaN(filled |> Evidence.shareRight truth truth)) "nothing was hidden"
            Expect.throwsT<EvidenceException> (fun () -> given |> Evidence.shareRight truth hidden |> ignore) "sizes")

        testCase "on nltcs the posterior fills hidden cells in better than the columns' modes do" (fun () ->
            let folder = DataFolder.Find()

            if not (DataCatalogue.IsPresent(DataCatalogue.Find "nltcs", folder.Path)) then
                skiptest $"no files of nltcs: {folder}"

            let data = DataCatalogue.Load("nltcs", folder.Path)

            use circuit =
                Regions.RandomBinaryTrees(16, replicas = 10)
                |> Circuit.overRegions [
                    Input.Indicator 2
                    Sum.PerRegion 5
                    Product.Hadamard
                    Sum.Root(mixture = true)
                ]
                |> Circuit.compile

            circuit
            |> Train.dataSet data (GradientOptions(Steps = 300, LearningRate = 0.05, EvaluationPeriod = 100))
            |> ignore

            let ones = [|
                for v in 0..15 ->
                    Array.averageBy (fun s -> float (data.Train.Row(s)[v])) [| 0 .. data.Train.Count - 1 |]
            |]

            let holes = data.Test |> Evidence.hideAtRandom 0.3

            let byMode =
                data.Test.Observe(fun _ v -> Nullable(if ones[v] > 0.5 then 1.0f else 0.0f))

            let share completed =
                completed |> Evidence.shareRight data.Test holes

            let mode, posterior =
                share byMode, share (circuit |> Query.complete Completion.Mean holes)

            Expect.isTrue (posterior > mode + 0.1) $"posterior {posterior}, mode {mode}"

            let logScore (p: int -> int -> float) =
                List.average [
                    for s in 0 .. holes.Count - 1 do
                        for v in 0..15 do
                            if holes.IsHidden(s, v) then
                                log (if data.Test.Row(s)[v] = 1.0f then p s v else 1.0 - p s v)
                ]

            let answers = circuit |> Query.mean holes

            let ours, columns =
                logScore (fun s v -> answers[s, v]), logScore (fun _ v -> ones[v])

            Expect.isTrue (ours > columns + 0.1) $"log score {ours}, columns {columns}"

            Expect.isTrue
                (share (circuit |> Query.complete Completion.Sample holes) < posterior)
                "draws have more errors")
    ]

let tests = testList "pictures and gaps" [ pictures; notebooks; completions ]
