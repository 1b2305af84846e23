/// The Einsum networks' authors' files as circuits with their parameters.
module Spn.Tests.EinsumGolden

open System
open System.IO
open System.Text.Json
open Spn.Core
open Spn.Core.Plans

/// The file's content; the test is skipped where there is none.
let load name = GoldenTests.read $"{name}.json"

let items (element: JsonElement) = List.ofSeq (element.EnumerateArray())

let integers (element: JsonElement) = [| for item in items element -> item.GetInt32() |]

/// The samples.
let evidence (data: JsonElement) =
    Evidence.From [|
        for row in items (data.GetProperty "x") -> [| for v in GoldenTests.numbers row -> float32 v |]
    |]

/// A weight block of the circuit: of one product of an einsum layer, or of one node of a mixing layer over some columns.
type private Block =
    | Einsum of layer: int * column: int
    | Mixing of layer: int * node: int * count: int

/// The graph, a region for every node that sums, and the blocks in the order of the plan.
let private graph (data: JsonElement) =
    let layers = items (data.GetProperty "structure")

    let kind (layer: JsonElement) =
        string ((layer.GetProperty "type").GetString())

    let mutable regions = HandBuiltRegions(GoldenTests.integer "variables" data)
    let place = Collections.Generic.Dictionary<int * int, int>()
    let blocks = ResizeArray<Block>()

    for column, leaf in items (layers[0].GetProperty "regions") |> List.indexed do
        place[(0, column)] <- regions.Regions.Count
        regions <- regions.Leaf(integers (leaf.GetProperty "scope"))

    for i, layer in List.indexed layers do
        if kind layer = "EinsumLayer" then
            let products = items (layer.GetProperty "products")

            let partition column = [|
                for side in [ "left"; "right" ] do
                    let at = integers (products[column].GetProperty side)
                    place[(at[0], at[1])]
            |]

            let mixed =
                match List.tryItem (i + 1) layers with
                | Some next when kind next = "EinsumMixingLayer" ->
                    items (next.GetProperty "mixtures_of_previous_layer_columns")
                    |> List.map integers
                | _ -> []

            for column in 0 .. products.Length - 1 do
                if not (mixed |> List.exists (Array.contains column)) then
                    place[(i, column)] <- regions.Regions.Count
                    regions <- regions.Join(partition column)
                    blocks.Add(Einsum(i, column))

            for node, columns in List.indexed mixed do
                place[(i + 1, node)] <- regions.Regions.Count
                regions <- regions.Join(Array.map partition columns)
                blocks.AddRange(columns |> Array.map (fun column -> Einsum(i, column)))
                blocks.Add(Mixing(i + 1, node, columns.Length))

    regions, List.ofSeq blocks

/// The circuit that a file describes.
let describe (weights: WeightSpec) (data: JsonElement) =
    let k = GoldenTests.integer "k" data

    let input: InputSpec =
        match string ((data.GetProperty "leaf").GetString()) with
        | "BinomialArray" -> BernoulliInput k
        | "CategoricalArray" ->
            let leaves = List.head (items (data.GetProperty "params"))
            CategoricalInput(k, leaves[0].[0].[0].GetArrayLength())
        | _ -> NormalInput k

    CircuitSpec
        .Over(fst (graph data))
        .With(input)
        .KroneckerProduct()
        .SumPerPartition(k)
        .RootSum(GoldenTests.integer "classes" data)
        .WithWeights(weights)

/// Numbers of all sum layers, [layer, ...] as the files list them without the leaves, in the order of the circuit's weights: block after
/// block, [out, in].
let byWeight (data: JsonElement) (sums: JsonElement list) = [
    for block in snd (graph data) do
        match block with
        | Einsum(layer, column) ->
            let values = sums[layer - 1]

            for o in 0 .. values[0].[0].GetArrayLength() - 1 do
                for right in 0 .. values[0].GetArrayLength() - 1 do
                    for left in 0 .. values.GetArrayLength() - 1 -> values[left].[right].[o].[column].GetDouble()
        | Mixing(layer, node, count) ->
            let values = sums[layer - 1]

            for o in 0 .. values.GetArrayLength() - 1 do
                for p in 0 .. count - 1 -> values[o].[node].[p].GetDouble()
]

/// For every input region of the plan, in order: its variable and the replica that it stands for in the file.
let inputs (data: JsonElement) =
    let leaves = List.head (items (data.GetProperty "structure"))

    [
        for leaf in items (leaves.GetProperty "regions") do
            for variable in Array.sort (integers (leaf.GetProperty "scope")) ->
                variable, GoldenTests.integer "replica" leaf
    ]

let private inputParameters kind (statistics: float list[]) =
    match kind with
    | "BinomialArray" -> [ for s in statistics -> log (s[0] / (1.0 - s[0])) ]
    | "CategoricalArray" -> [
        for s in statistics do
            for p in s -> log p
      ]
    | _ -> [
        for s in statistics -> s[0]
        for s in statistics -> 0.5 * log (s[1] - s[0] * s[0])
      ]

/// The flat parameter vector of a plan of describe for "params" of a file or of a step: logits of free weights, or accumulators that
/// add to 1.
let parameters (plan: Plan) (data: JsonElement) (given: JsonElement) =
    let leaves = given[0]
    let kind = string ((data.GetProperty "leaf").GetString())
    let result: float32[] = Array.zeroCreate plan.ParameterCount

    let ofInputs = [
        for variable, replica in inputs data do
            yield!
                inputParameters kind [|
                    for channel in items leaves[variable] -> GoldenTests.numbers channel[replica]
                |]
    ]

    let weights = byWeight data (List.tail (items given)) |> Array.ofList
    ofInputs |> List.iteri (fun i value -> result[i] <- float32 value)

    let firstOf =
        Array.scan (+) 0 [| for b in 0 .. plan.Blocks.Count - 1 -> plan.Blocks.Weights b |]

    let fill (blocks: int seq) (places: int seq) (parameter: float -> float) =
        for block, place in Seq.zip blocks places do
            for i in 0 .. plan.Blocks.Weights block - 1 do
                result[place + i] <- float32 (parameter weights[firstOf[block] + i])

    for program in plan.Programs do
        match program with
        | :? SoftmaxProgram as free -> fill free.Blocks free.Logits log
        | :? AccumulatorProgram as counts -> fill counts.Blocks counts.Places id
        | _ -> ()

    result
