/// The page docs/queries.md, the tour's numbers, and how answers print.
module Spn.Tests.QueryPageTests

open System
open System.IO
open System.Text.RegularExpressions
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training
open Spn.Host.Examples

let private read (path: string) =
    File.ReadAllText(Path.Combine(__SOURCE_DIRECTORY__, "..", path)).ReplaceLineEndings "\n"

let private flat (text: string) = Regex.Replace(text, @"\s+", " ")

/// The calls that the page shows, in its order.
let private ask (circuit: Circuit) other samples query given : obj list = [
    circuit |> Query.logLikelihood samples
    circuit |> Query.marginal [ 0; 2 ] samples
    circuit |> Query.conditional query given
    circuit |> Query.posterior given
    circuit |> Query.covariance given
    circuit
    |> Query.logLikelihood (given |> Evidence.where 1 (ValueSet.AtLeast 0.5))
    circuit |> Query.logPartition
    circuit |> Query.mpe given
    circuit |> Query.sample 5
    circuit |> Query.sampleGiven given
    circuit |> Circuit.condition given
    circuit |> Query.expectation (fun x -> float x[0]) given
    circuit |> Query.classPosterior samples
    circuit |> Query.entropy
    circuit |> Query.divergence other
    circuit |> Query.mutualInformation [ 0 ] [ 1; 2 ]
]

let private small seed =
    let spec =
        Regions.RandomBinaryTrees(4, replicas = 2)
        |> Circuit.overRegions [ Input.Indicator 2; Sum.PerRegion 3; Product.Hadamard; Sum.Root() ]

    Circuit.Compile(spec, seed = seed)

let private samples =
    Evidence.From(Array.init 32 (fun i -> float32 (i * i / 3 % 2)), 4)

let private given = Evidence.ofRows [ [ 1.0; nan; 0.0; nan ] ]

let private page =
    testList "page" [
        testCase "docs/queries.md is what its command writes" (fun () ->
            Expect.equal (read "docs/queries.md") (QueryTable.page ()) $"run {QueryTable.Command}")

        testCase "every query has its paragraph" (fun () ->
            use circuit = small 1L

            Expect.equal
                [ for entry in QueryTable.entries -> entry.Query ]
                [ for answer in Query.support circuit -> answer.Query ]
                "the queries of Query.support, in its order")

        testCase "the calls that the page shows compile" (fun () ->
            let fsharp, csharp =
                flat (read "Spn.Tests/QueryPageTests.fs"), flat (read "Spn.Host/Examples/EveryQuery.cs")

            for entry in QueryTable.entries do
                Expect.stringContains fsharp $" {entry.FSharp} " "F#"
                Expect.stringContains csharp $" {entry.CSharp}, " "C#")

        testCase "the calls that the page shows give the same answers in F# and C#" (fun () ->
            use circuit = small 1L
            use other = small 2L
            let query = Evidence.unknown 1 4 |> Evidence.observe 1 1.0

            let text (answer: obj) =
                match answer with
                | :? (float[]) as numbers -> sprintf "%A" numbers
                | :? (float[][]) as rows -> sprintf "%A" (Array.concat rows)
                | :? (float[,]) as cells -> sprintf "%A" cells
                | :? Evidence as batch -> sprintf "%A" (batch.Values.ToArray())
                | answer -> Show.text answer |> Option.ofObj |> Option.defaultWith (fun () -> string answer)

            let fsharp = ask circuit other samples query given
            let csharp = EveryQuery.Ask(circuit, other, samples, query, given)

            for entry, f, c in Seq.zip3 QueryTable.entries fsharp csharp do
                Expect.equal (text f) (text c) entry.Query

            Expect.hasLength csharp QueryTable.entries.Length "one answer a query")
    ]

let private shown (value: obj) =
    match Show.text value with
    | null -> failtestf "nothing prints %s" (value.GetType().Name)
    | text -> text

let private lines (text: string) = text.Split '\n' |> List.ofArray

let private printers =
    testList "printers" [
        testCase "a posterior prints its hidden entries with value and probability" (fun () ->
            use circuit = small 1L
            let posterior = circuit |> Query.posterior given
            let text = shown posterior |> lines
            Expect.equal text[0] "Posterior of 1 sample of 4 variables; hidden entries: 2" "what it is"
            Expect.stringContains text[1] "sample  variable  most probable  probability" "columns"
            let guess = posterior.Guess(0, 3)
            let p = (posterior.Probabilities(0, 3).ToArray()[int guess]).ToString "F4"

            Expect.equal
                (text[4].Split(' ', StringSplitOptions.RemoveEmptyEntries))
                [| "0"; "3"; string guess; p |]
                "row"

            Expect.hasLength text 5 "one row a hidden entry"

            Expect.stringContains
                (shown (circuit |> Query.posterior samples))
                "nothing is hidden"
                "observed samples have nothing to tell")

        testCase "a long posterior is cut and says so" (fun () ->
            use circuit = small 1L
            let text = shown (circuit |> Query.posterior (Evidence.unknown 10 4)) |> lines
            Expect.equal (List.last text) "... and 20 more" "the rest is counted"
            Expect.hasLength text 24 "title, two lines of heading, twenty rows, the rest")

        testCase "a posterior of real columns prints mean and deviation, and the sets that are known" (fun () ->
            use circuit =
                Regions.RandomBinaryTrees(2, replicas = 1)
                |> Circuit.overRegions [
                    Input.PerVariable [ Input.Gaussian 2; Input.Indicator 2 ]
                    Sum.PerRegion 2
                    Product.Hadamard
                    Sum.Root()
                ]
                |> Circuit.compile

            let known = Evidence.unknown 1 2 |> Evidence.where 0 (ValueSet.Between(-1.0, 2.0))
            let text = shown (circuit |> Query.posterior known) |> lines

            Expect.equal
                (text[1].Split("  ", StringSplitOptions.RemoveEmptyEntries) |> Array.map _.Trim())
                [|
                    "sample"
                    "variable"
                    "known"
                    "most probable"
                    "probability"
                    "mean"
                    "deviation"
                |]
                "columns"

            Expect.stringContains text[3] "-1 to 2" "the interval"
            Expect.stringContains text[4] "nothing" "no set")

        testCase "a most probable explanation prints values, log-likelihoods and whether it is exact" (fun () ->
            use circuit = small 1L
            let text = shown (circuit |> Query.mpe given) |> lines
            Expect.equal text[0] "Most probable explanation of 1 sample" "what it is"
            Expect.stringStarts text[1] "  approximate: " "whether it is exact"
            Expect.stringContains text[4] "1 " "values"
            use exact = Circuit.Compile Deterministic.spec
            Expect.stringContains (shown (exact |> Query.mpe given)) "\n  exact: every sum is deterministic" "exact")

        testCase "information and estimates print with their standard errors" (fun () ->
            use circuit = small 1L
            let entropy = circuit |> Query.entropy
            let exact = entropy.Nats.ToString("G6", Globalization.CultureInfo.InvariantCulture)
            Expect.equal (shown entropy) $"{exact} nats\n  exact: added up over all 16 values" "exact"

            Expect.stringContains
                (shown (circuit.Entropy(InformationOptions(MostStates = 0, Samples = 100))))
                " ± "
                "an estimate has a standard error"

            Expect.equal (shown (Estimate(0.5, 0.25, 100))) "0.5 ± 0.25, estimated from 100 samples" "an estimate")

        testCase "a batch of evidence prints its size and how much of it is hidden" (fun () ->
            Expect.equal (shown given) "1 sample of 4 variables; hidden entries: 2" "one sample"

            Expect.equal
                (shown (given |> Evidence.where 1 (ValueSet.AtLeast 1.0)))
                "1 sample of 4 variables; hidden entries: 2, of which known to lie in sets: 1"
                "with a set")

        testCase "support prints as a table, from F# and from C#" (fun () ->
            use circuit = small 1L
            let text = shown (Query.support circuit)
            Expect.stringStarts text "Queries: 13 exact, 2 approximate, 1 unavailable\n" "counted"
            Expect.stringContains text "class posterior" "query"
            Expect.stringContains text "unavailable  the circuit has one root" "answer and reason"
            Expect.equal (shown (circuit.Support())) text "the list of C# too")
    ]

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

let tests = testList "answers" [ page; printers; pictures; notebooks; completions ]
