/// Tables of counts, amounts, shares, labels and numbers, with missing cells.
module Spn.Tests.FamilyTableTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

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
