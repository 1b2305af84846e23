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

let samples = Evidence.From(Array.init 32 (fun i -> float32 (i * i / 3 % 2)), 4)

let given = Evidence.ofRows [ [ 1.0; nan; 0.0; nan ] ]

let private page =
    testList "page" [
        testCase "docs/queries.md is what its command writes" (fun () ->
            Expect.equal (read "docs/queries.md") (QueryTable.page ()) $"run {QueryTable.Command}")

        testCase "every structure and family answers every query or says that it cannot" (fun () ->
            for name, spec in QueryRuns.structures @ QueryRuns.families do
                let runs = QueryRuns.run spec
                Expect.equal (List.map fst runs) [ for entry in QueryTable.entries -> entry.Query ] name

                for query, run in runs do
                    match run with
                    | QueryRun.Fails why -> failtest $"{name}, {query}: {why}"
                    | _ -> ())

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
                    Input.PerVariable [ Input.Normal 2; Input.Indicator 2 ]
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

let tests = testList "answers" [ page; printers ]
