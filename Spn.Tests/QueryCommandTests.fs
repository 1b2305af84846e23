/// Questions on the command line.
module Spn.Tests.QueryCommandTests

open System
open System.IO
open System.IO.Compression
open Spn
open Spn.Core
open Spn.Tests.QueryCommand

let private askTests =
    testList "--ask" [
        testCase "prints the posterior of the columns, exactly with --csv" (fun () ->
            withModel (fun circuit model _ ->
                let rows =
                    succeeds [ "query"; model; "--given"; "smoker = yes"; "--ask"; "vote, age"; "--csv" ]
                    |> cells

                let given = schema.Value.Given "smoker = yes"
                let posterior = circuit.Posterior given
                let vote, age = schema.Value.Find "vote", schema.Value.Find "age"

                let expected = [|
                    for code, p in Seq.indexed (posterior.Probabilities(0, vote).ToArray()) ->
                        [| "vote"; string code |], p
                |]

                Expect.sequenceEqual [| for row in rows[1..3] -> row[..1], number row[2] |] expected "sorted by code"
                let mixture = circuit.Mixture(given, age)[0]

                let moments = [ posterior.Mean(0, age); sqrt (posterior.Variance(0, age)) ]
                let quantiles = List.map mixture.Quantile [ 0.05; 0.5; 0.95 ]

                Expect.sequenceEqual
                    (Array.map number (rows[4].[3..]))
                    (moments @ quantiles)
                    "mean, deviation and quantiles"

                Expect.equal (rows[4].[0]) "age" "after the discrete ones"))

        testCase "gives a table to read that says how probable is what is known" (fun () ->
            withModel (fun circuit model _ ->
                let said = succeeds [ "query"; model; "--given"; "age >= 40"; "--ask"; "smoker" ]
                let log = circuit.LogLikelihood(schema.Value.Given "age >= 40")[0]

                Expect.stringStarts
                    said
                    $"log p(age >= 40) = {log:F4} nats\n\ncolumn  value  probability\n"
                    "the preface"

                Expect.stringContains said "\nsmoker  no " "labels of the table"))

        testCase "speaks of all columns that are not known when none is named" (fun () ->
            withModel (fun _ model _ ->
                let asked = succeeds [ "query"; model; "--given"; "vote = 1"; "--ask" ]
                Expect.equal (succeeds [ "query"; model; "--given"; "vote = 1" ]) asked "no question is this one"
                Expect.stringContains asked "\nage " "real"
                Expect.stringContains asked "\nsmoker " "discrete"
                Expect.isFalse (asked.Contains "\nvote ") "known"))

        testCase "speaks of a known column too when it is named" (fun () ->
            withModel (fun _ model _ ->
                let rows =
                    succeeds [
                        "query"
                        model
                        "--given"
                        "vote = 1, age = 40.5"
                        "--ask"
                        "age, vote"
                        "--csv"
                    ]
                    |> cells

                Expect.sequenceEqual [ for row in rows[1..3] -> row[2] ] [ "0"; "1"; "0" ] "vote"
                Expect.sequenceEqual (rows[4].[3..]) [ "40.5"; "0"; "40.5"; "40.5"; "40.5" ] "age"))

        testCase "prints the classes of a model with several" (fun () ->
            inFolder (fun file ->
                let model = file "classes.safetensors"

                let spec =
                    CircuitSpec
                        .Over(BinaryTrees(4, 2))
                        .IndicatorInput(3)
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum(classes = 3)

                use circuit = Circuit.compile spec
                circuit.Save model

                let rows =
                    succeeds [ "query"; model; "--given"; "x1 = 2"; "--ask"; "class"; "--csv" ]
                    |> cells

                let expected = circuit.ClassPosterior(circuit.SchemaOrDefault.Given "x1 = 2")

                Expect.sequenceEqual
                    [ for row in rows[1..] -> row[1], number row[2] ]
                    (Seq.mapi (fun c p -> string c, p) expected)
                    "Bayes"

                let said = succeeds [ "query"; model ]

                Expect.stringStarts
                    said
                    "The model has 3 classes, which are taken as equally probable beforehand.\n"
                    "the priors"

                Expect.stringContains said "\nclass " "asked without a question, too"
                Expect.stringContains said "\nx3 " "columns without names"))
    ]

let private otherQuestions =
    testList "one question" [
        testCase "--mpe prints the most probable explanation and whether it is exact" (fun () ->
            withModel (fun circuit model _ ->
                let result = circuit.Mpe(schema.Value.Given "vote = 2")
                let said = succeeds [ "query"; model; "--given"; "vote = 2"; "--mpe" ]
                Expect.stringContains said $"log-likelihood {result.LogLikelihood[0]:F4} nats, " "its log-likelihood"
                Expect.stringContains said $"\n{result.Exactness}\n" "approximate, and why"
                Expect.stringContains said "2        given" "what is known is marked"

                let rows =
                    succeeds [ "query"; model; "--given"; "vote = 2"; "--mpe"; "--csv" ] |> cells

                Expect.sequenceEqual (rows[0]) [ "age"; "smoker"; "vote" ] "names"

                Expect.sequenceEqual
                    (rows[1])
                    [ for v in 0..2 -> schema.Value.Rounded(v, float (result.Completed.Row(0)[v])) ]
                    "values"))

        testCase "--mpe says so where it is exact" (fun () ->
            inFolder (fun file ->
                use circuit = Circuit.compile Deterministic.spec
                circuit.Save(file "m.safetensors")

                Expect.stringContains
                    (succeeds [ "query"; file "m.safetensors"; "--mpe" ])
                    "\nexact: "
                    "deterministic"))

        testCase "--probability prints p(event | given), and the values of a column share it out" (fun () ->
            withModel (fun _ model _ ->
                let p event =
                    number
                        (cells (
                            succeeds [
                                "query"
                                model
                                "--given"
                                "40 <= age <= 60"
                                "--probability"
                                event
                                "--csv"
                            ]
                        ))
                            .[1].[0]

                Expect.floatClose Accuracy.low (p "vote = 0" + p "vote in {1, 2}") 1.0 "they add to one"
                Expect.floatClose Accuracy.low (p "age >= 40") 1.0 "known already"
                Expect.equal (p "age > 70") 0.0 "excluded already"

                let said =
                    succeeds [ "query"; model; "--given"; "age = 50"; "--probability"; "vote=0" ]

                Expect.stringStarts said "p(vote=0 | age = 50) = 0." "to read"
                Expect.stringContains said "\nlog p = -" "in nats"

                Expect.stringContains
                    (succeeds [ "query"; model; "--probability"; "age = 50" ])
                    "a density, since age is real"
                    "one number"))

        testCase "--sample repeats by its seed, heeds what is given, and reads back" (fun () ->
            withModel (fun _ model file ->
                let draw seed =
                    succeeds [
                        "query"
                        model
                        "--sample"
                        "50"
                        "--seed"
                        seed
                        "--given"
                        "smoker = no, age >= 45"
                    ]

                Expect.equal (draw "3") (draw "3") "the same seed"
                Expect.notEqual (draw "3") (draw "4") "another seed"
                let samples = schema.Value.Read(stream (draw "3"), "samples.csv")
                Expect.equal (samples.Count, samples.HasHidden) (50, false) "rows"

                Expect.isTrue
                    (Seq.forall (fun row -> samples.Row(row)[1] = 0f && samples.Row(row)[0] >= 44.999f) [ 0..49 ])
                    "what is given"

                let out = file "samples.csv.gz"

                let said =
                    succeeds [
                        "query"
                        model
                        "--sample"
                        "50"
                        "--seed"
                        "3"
                        "--given"
                        "smoker = no, age >= 45"
                        "--out"
                        out
                    ]

                Expect.equal said $"Saved 50 samples in {out}\n" "it says so"

                use unpack =
                    new StreamReader(new GZipStream(File.OpenRead out, CompressionMode.Decompress))

                Expect.equal (unpack.ReadToEnd()) (draw "3") "the same in a file"))

        testCase "samples in blocks are those of one call" (fun () ->
            let given = schema.Value.Given "vote = 1"
            let whole = trained.Value.Sample(given, 40, 9L)

            for size in [ 1; 7; 40; 100 ] do
                let blocks =
                    trained.Value.SampleBlocks(given, 40, 9L, size)
                    |> Seq.collect (fun block -> block.Values.ToArray())

                Expect.sequenceEqual blocks (whole.Values.ToArray()) $"blocks of {size}")

        testCase "info --queries lists what the model can answer" (fun () ->
            withModel (fun circuit model _ ->
                let said = succeeds [ "info"; model; "--queries" ]

                for support in circuit.Support() do
                    Expect.stringContains said support.Query "the query"
                    Expect.stringContains said support.Reason "the reason"))

        testCase "a share of a mixture's probability lies below its quantile" (fun () ->
            for conditions in [ ""; "age >= 45"; "20 <= age <= 50, smoker = yes" ] do
                let mixture = trained.Value.Mixture(schema.Value.Given conditions, 0)[0]

                for share in [ 1e-6; 0.05; 0.5; 0.95; 0.999999 ] do
                    let below = exp (mixture.LogProbability(ValueSet.AtMost(mixture.Quantile share)))
                    Expect.floatClose Accuracy.medium below share conditions

            let votes =
                trained.Value.Posterior(schema.Value.Given "").Probabilities(0, 2).ToArray()

            let mixture = trained.Value.Mixture(schema.Value.Given "", 2)[0]

            let least share =
                votes
                |> Array.scan (+) 0.0
                |> Array.tail
                |> Array.findIndex (fun sum -> sum > share)

            Expect.sequenceEqual
                (List.map mixture.Quantile [ 0.1; 0.5; 0.9 ])
                (List.map (least >> float) [ 0.1; 0.5; 0.9 ])
                "codes")
    ]

let private wrongUse =
    testList "wrong use ends with code 2 and a short message" [
        for words, part in
            [
                [ "--ask"; "--mpe" ], "--ask and --mpe are two questions; ask one at a time."
                [ "--sample"; "3"; "--complete"; "x.csv" ], "--sample and --complete are two questions"
                [ "--ask"; "weight" ], "--ask: There is no column \"weight\"; the columns are age, smoker, vote."
                [ "--ask"; "age vote" ], "\"age vote\""
                [ "--ask"; "class" ], "\"class\""
                [ "--given"; "vote = 7" ],
                "--given: Character 8 of the conditions: column \"vote\": \"7\" is not one of 0, 1, 2."
                [ "--probability"; "" ], "--probability: there is no condition"
                [ "--probability"; "vote" ], "--probability: Character 5"
                [ "--sample"; "0" ], "--sample is 0; it must be at least 1."
                [ "--by"; "mpe" ], "--by is for --complete."
                [ "--out"; "x.csv" ], "--out is for --complete and --sample."
                [ "--complete"; "x.csv"; "--given"; "vote = 1" ], "--given is for the other questions"
            ] do
            testCase (String.concat " " words) (fun () ->
                withModel (fun _ model _ -> fails 2 part ([ "query"; model ] @ words)))
    ]

let tests = testList "spn query" [ askTests; otherQuestions; wrongUse ]
