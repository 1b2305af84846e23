/// What the tests of spn query share: running it, a table of people and a model of them.
module Spn.Tests.QueryCommand

open System
open System.Globalization
open System.IO
open System.Text
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training
open Spn.Host

/// Exit code, output and errors of a command line given word by word.
let spnWith (cancellation: CancellationToken) (words: string list) =
    use output = new StringWriter()
    use error = new StringWriter()

    let code =
        Program.Run(Array.ofList words, output, error, ProgressLine(error, 0), cancellation)

    code, string output, string error

let spn words = spnWith CancellationToken.None words

let succeeds words =
    let code, output, error = spn words
    Expect.equal (code, error) (0, "") (String.concat " " words)
    output

let fails expected part words =
    let code, output, error = spn words
    Expect.equal (code, output) (expected, "") (String.concat " " words)
    Expect.stringContains error part "the message"
    Expect.equal (error.Trim().Split('\n').Length) 1 "one line"

let inFolder work =
    let folder = Directory.CreateTempSubdirectory "spn-test-"

    try
        work (fun (name: string) -> Path.Combine(folder.FullName, name))
    finally
        folder.Delete true

/// Two groups of people, a tenth of the cells missing; identifier and note are no variables.
let people rows =
    let random = RandomStream(5L, "people")

    let row i =
        let young = random.NextDouble() < 0.5

        let gap cell =
            if random.NextDouble() < 0.1 then "" else cell

        let age =
            ((if young then 28.0 else 61.0) + 6.0 * random.NextNormal()).ToString("F1", CultureInfo.InvariantCulture)

        let smoker =
            if random.NextDouble() < (if young then 0.7 else 0.2) then
                "yes"
            else
                "no"

        let vote = random.NextInt 3
        $"P{i},{gap age},{gap smoker},{gap (string vote)},\"note, {i}\""

    String.concat "\n" [
        yield "id,age,smoker,vote,note"
        for i in 1..rows do
            yield row i
    ]
    + "\n"

let table = lazy (people 300)

let stream (text: string) =
    new MemoryStream(Encoding.UTF8.GetBytes text)

let schema =
    lazy (Schema.Infer(stream table.Value, "people.csv", SchemaOptions(Drop = [| "id"; "note" |])))

let trained =
    lazy
        (let schema = schema.Value
         let data = schema.Read(stream table.Value, "people.csv")

         let circuit =
             CircuitSpec
                 .Over(BinaryTrees(schema.Variables, 3))
                 .With(schema.Inputs 3)
                 .SumPerRegion(3)
                 .HadamardProduct()
                 .RootSum(mixture = true)
             |> Circuit.compile

         circuit.Initialise data |> ignore
         circuit.Schema <- schema

         circuit.Fit(data, null, GradientOptions(Steps = 60, EvaluationPeriod = 30))
         |> ignore

         circuit)

/// A folder with the model and its table.
let withModel work =
    inFolder (fun file ->
        let model = file "people.safetensors"
        trained.Value.Save model
        File.WriteAllText(file "people.csv", table.Value)
        work trained.Value model file)

let number (text: string) =
    Double.Parse(text, CultureInfo.InvariantCulture)

let cells (csv: string) =
    csv.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> Array.map _.Split(',')
