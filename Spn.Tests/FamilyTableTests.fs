/// Tables of counts, amounts, shares, labels and numbers, with missing cells.
module Spn.Tests.FamilyTableTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training
open Spn.Tests.QueryCommand

/// Counts, amounts, shares, labels and numbers; every seventh cell is missing.
let private table rows = [|
    "visits,amount,share,colour,height"
    let random = RandomStream(3L, "table", 0L)

    for i in 1..rows do
        let busy = random.NextDouble() < 0.5

        let visits =
            Seq.init 30 (fun _ ->
                if random.NextDouble() < (if busy then 0.4 else 0.05) then
                    1
                else
                    0)
            |> Seq.sum

        let amount = (if busy then 20.0 else 2.0) * random.NextGamma 2.0

        let share =
            random.NextGamma 2.0
            |> fun a -> a / (a + random.NextGamma(if busy then 6.0 else 2.0))

        let colour = if (random.NextDouble() < 0.8) = busy then "red" else "blue"
        let height = 170.0 + 10.0 * random.NextNormal()

        let cells = [
            string visits
            amount.ToString("F3", Globalization.CultureInfo.InvariantCulture)
            (min 0.99999 (max 0.00001 share)).ToString("F5", Globalization.CultureInfo.InvariantCulture)
            colour
            height.ToString("F1", Globalization.CultureInfo.InvariantCulture)
        ]

        String.Join(",", cells |> List.mapi (fun c cell -> if (5 * i + c) % 7 = 0 then "" else cell))
|]

/// Customers of three kinds: counts, two sorts of amounts, three labels, two labels and numbers; no cell is missing.
let private customers rows =
    let random = RandomStream(8L, "customers")

    let number (format: string) (value: float) =
        value.ToString(format, Globalization.CultureInfo.InvariantCulture)

    [|
        for _ in 1..rows do
            let kind = random.NextInt 3
            let chance = [| 0.05; 0.2; 0.5 |][kind]

            let visits =
                Seq.init 30 (fun _ -> if random.NextDouble() < chance then 1 else 0) |> Seq.sum

            let price = exp ([| 1.0; 2.5; 4.0 |][kind] + 0.4 * random.NextNormal())
            let minutes = [| 1.0; 4.0; 10.0 |][kind] * random.NextGamma 2.0

            let colour =
                [| "red"; "green"; "blue" |][if random.NextDouble() < 0.8 then kind else random.NextInt 3]

            let card =
                if random.NextDouble() < [| 0.1; 0.5; 0.9 |][kind] then
                    "yes"
                else
                    "no"

            let height = 150.0 + 15.0 * float kind + 8.0 * random.NextNormal()

            [|
                string visits
                number "F3" price
                number "F3" minutes
                colour
                card
                number "F1" height
            |]
    |]

/// Writes a table of customers with every sixth cell or so missing.
let private write (file: string) (rows: string[][]) =
    let random = RandomStream(9L, "gaps")

    let lines = [|
        for row in rows -> String.Join(",", [| for cell in row -> if random.NextDouble() < 0.16 then "" else cell |])
    |]

    File.WriteAllLines(file, Array.append [| "visits,price,minutes,colour,card,height" |] lines)

/// Checks, column by column, that missing cells of a table were filled in better than by the mean, or for labels the most frequent one, of the training table.
let private better (schema: Schema) (train: Evidence) (gaps: Evidence) (filled: Evidence) (truth: Evidence) =
    for v, column in Seq.indexed schema.Columns do
        let seen = [
            for row in 0 .. train.Count - 1 do
                if not (train.IsHidden(row, v)) then
                    float (train.Row(row)[v])
        ]

        let hidden =
            [ 0 .. gaps.Count - 1 ] |> List.filter (fun row -> gaps.IsHidden(row, v))

        Expect.isGreaterThan hidden.Length 30 $"{column.Name}: enough gaps to judge"

        let error guess = // of labels the share of wrong ones, of numbers the mean square
            hidden
            |> List.averageBy (fun row ->
                let off = guess row - float (truth.Row(row)[v])

                if column :? DiscreteColumn then
                    (if off = 0.0 then 0.0 else 1.0)
                else
                    off * off)

        let usual =
            if column :? DiscreteColumn then
                seen |> List.countBy id |> List.maxBy snd |> fst
            else
                List.average seen

        let ours, theirs =
            error (fun row -> float (filled.Row(row)[v])), error (fun _ -> usual)

        Expect.isLessThan ours (0.9 * theirs) $"{column.Name}: {ours} against {theirs}"

let tests =
    testList "tables of mixed types" [
        testCase "counts, amounts, shares, labels and numbers with missing cells train and answer together" (fun () ->
            let folder = Directory.CreateTempSubdirectory "spn-mixed-"

            try
                let file = Path.Combine(folder.FullName, "t.csv")
                File.WriteAllLines(file, table 600)
                let schema = Schema.Infer(file, SchemaOptions(Counts = [| "visits" |]))
                Expect.equal schema.Columns[0] (CountColumn "visits") "counts"
                let train = schema.Read file

                let input =
                    Input.ForSchema(3, schema, special = [ "amount", Input.Gamma 3; "share", Input.Beta 3 ])

                Expect.equal
                    input.Name
                    "Input.PerVariable(Input.NegativeBinomial(3), Input.Gamma(3), Input.Beta(3), Input.Indicator(2), Input.Normal(3))"
                    "inputs"

                let spec =
                    Regions.RandomBinaryTrees(5, replicas = 2)
                    |> Circuit.overRegions [ input; Sum.PerRegion 4; Product.Hadamard; Sum.Root() ]

                use circuit = Circuit.Compile(spec, seed = 1L)
                circuit.Initialise(train, 1L) |> ignore
                circuit.Schema <- schema
                let before = circuit.LogLikelihood train |> Array.average

                circuit.Fit(train, null, GradientOptions(Steps = 150, BatchSize = 200, LearningRate = 0.03))
                |> ignore

                let after = circuit.LogLikelihood train |> Array.average
                Expect.isGreaterThan after (before + 0.3) "nats a row"
                // Many visits and large amounts go together.
                let mean conditions variable =
                    circuit.Posterior(schema.Given conditions).Mean(0, schema.Find variable)

                Expect.isGreaterThan (mean "visits >= 9" "amount") (2.0 * mean "visits < 3" "amount") "amounts"
                Expect.isGreaterThan (mean "amount > 60" "visits") (mean "amount < 3" "visits" + 4.0) "visits"
                let completed = circuit.Complete train
                circuit.Plan.CheckEvidence completed
                let path = Path.Combine(folder.FullName, "m.safetensors")
                circuit.Save path
                use loaded = Circuit.Load path
                Expect.isTrue (loaded.Schema = schema) "the schema is kept"
                Expect.stringContains (nonNull (Show.text schema)) "counts" "shown"
            finally
                folder.Delete true)
        testCase
            "expectation maximisation learns a table of mixed densities with missing cells better than its columns one by one"
            (fun () ->
                inFolder (fun file ->
                    let rows = customers 1500
                    write (file "train.csv") rows[..999]
                    write (file "gaps.csv") rows[1000..]
                    let schema = Schema.Infer(file "train.csv", SchemaOptions(Counts = [| "visits" |]))
                    let train, gaps = schema.Read(file "train.csv"), schema.Read(file "gaps.csv")

                    let inputs components =
                        Input.ForSchema(
                            components,
                            schema,
                            special = [
                                "visits", Input.Poisson components
                                "price", Input.LogNormal components
                                "minutes", Input.Gamma components
                                "colour", Input.Categorical(components, 3)
                                "card", Input.Bernoulli components
                            ]
                        )

                    let trained spec =
                        let circuit = Circuit.Compile(spec, seed = 2L) |> Circuit.initialise train

                        circuit
                        |> Train.softEm (SoftEmOptions(FullBatch = true, Epochs = 40, Smoothing = 0.1)) train
                        |> ignore

                        circuit

                    use together =
                        Regions.RandomBinaryTrees(6, replicas = 2)
                        |> Circuit.overRegions [ inputs 3; Sum.PerRegion 4; Product.Hadamard; Sum.Root() ]
                        |> trained

                    use alone =
                        Regions.HandBuilt(
                            6,
                            [
                                for v in 0..5 do
                                    Regions.Leaf [ v ]
                                Regions.Join [ [ 0..5 ] ]
                            ]
                        )
                        |> Circuit.overRegions [ inputs 1; Product.Hadamard; Sum.Root() ]
                        |> trained

                    let held (circuit: Circuit) =
                        circuit |> Query.averageLogLikelihood gaps

                    Expect.isGreaterThan (held together) (held alone + 1.0) "nats a row of the held-out table"
                    File.WriteAllLines(file "full.csv", rows[1000..] |> Array.map (String.concat ","))
                    let truth = schema.Read(file "full.csv", TableOptions(HasHeader = false))
                    better schema train gaps (together.Complete gaps) truth))
        testCase "spn fit by expectation maximisation and spn query complete a table of mixed types" (fun () ->
            inFolder (fun file ->
                let rows = customers 1500
                write (file "train.csv") rows[..999]
                write (file "gaps.csv") rows[1000..]
                let model = file "m.safetensors"

                succeeds [
                    "fit"
                    "--csv"
                    file "train.csv"
                    "--counts"
                    "visits"
                    "--learner"
                    "em"
                    "--out"
                    model
                ]
                |> ignore

                succeeds [ "query"; model; "--complete"; file "gaps.csv"; "--out"; file "filled.csv" ]
                |> ignore

                use circuit = Circuit.Load model
                let schema = Unchecked.nonNull circuit.Schema
                File.WriteAllLines(file "full.csv", rows[1000..] |> Array.map (String.concat ","))
                let truth = schema.Read(file "full.csv", TableOptions(HasHeader = false))
                let read (name: string) = schema.Read(file name)
                better schema (read "train.csv") (read "gaps.csv") (read "filled.csv") truth))
        testCase "conditions on counts mean integers" (fun () ->
            let schema = Schema [| CountColumn "n" :> Column |]

            let setOf conditions =
                schema.Given(conditions: string).SetOf(0, 0)

            Expect.equal (setOf "n < 3") (ValueSet.AtMost 2.0) "less"
            Expect.equal (setOf "n <= 3.5") (ValueSet.AtMost 3.0) "at most"
            Expect.equal (setOf "n > 2") (ValueSet.AtLeast 3.0) "more"
            Expect.equal (setOf "1.5 <= n") (ValueSet.AtLeast 2.0) "at least"
            Expect.equal (setOf "n in {1, 4, 9}, n >= 3") (ValueSet.OneOf(4f, 9f)) "listed"
            Expect.equal ((schema.Given "n = 7").Row(0).ToArray()) [| 7f |] "equal"
            Expect.equal ((schema.Given "n > 3, n < 5").Row(0).ToArray()) [| 4f |] "between"

            for conditions, part in
                [
                    "n = 2.5", "is not an integer of at least 0"
                    "n < 0", "no value of column \"n\" fits"
                    "n != 3", "counts without an end"
                    "n > 3, n < 4", "contradict"
                    "n in {1, 2}, n > 5", "contradict"
                ] do
                let error =
                    Expect.raises<EvidenceException> (fun () -> schema.Given conditions |> ignore) conditions

                Expect.stringContains error.Message part conditions)
        testCase "a column of counts refuses what is none" (fun () ->
            let column = CountColumn "n"

            for cell in [ "-1"; "2.5"; "many"; "1e99" ] do
                let mutable value = 0f
                Expect.isFalse (column.TryRead(cell.AsSpan(), &value)) cell

            Expect.equal (column.Text 1234567f) "1234567" "in full"
            Expect.equal (column.Rounded 2.3456789) "2.34568" "a mean"

            let infer (text: string) =
                use stream = new MemoryStream(Text.Encoding.UTF8.GetBytes text)
                Schema.Infer(stream, "t.csv", SchemaOptions(Counts = [| "n" |])) |> ignore

            let error =
                Expect.raises<DataFormatException> (fun () -> infer "n,m\n1,2\n-3,4\n") "negative"

            Expect.stringContains error.Message "line 3" "where"
            Expect.stringContains error.Message "an integer of at least 0" "what"

            use circuit =
                Circuit.Compile(CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).PoissonInput(2).RootSum())

            Expect.equal circuit.SchemaOrDefault.Columns[0] (CountColumn "x0") "of a circuit of counts"

            let refused =
                Expect.raises<ArgumentException>
                    (fun () -> circuit.Schema <- Schema [| RealColumn "a" :> Column |])
                    "real"

            Expect.stringContains refused.Message "has real values, variable 0 of the circuit counts" "message")
    ]
