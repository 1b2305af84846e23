/// Numbers of the Einsum networks' authors, with missing variables too: their graphs are hand-built regions with Kronecker products.
module Spn.Tests.EinsumGoldenTests

open System
open System.IO
open System.Text.Json
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Plans

let load name =
    let file = Path.Combine(Generators.repository, "..", "shared", "golden", name)

    if not (File.Exists file) then
        skiptest $"the golden file {name} is not beside the repository"

    (JsonDocument.Parse(File.ReadAllText file)).RootElement

let items (element: JsonElement) = List.ofSeq (element.EnumerateArray())
let number (element: JsonElement) = element.GetDouble()

let rec flat (element: JsonElement) =
    if element.ValueKind = JsonValueKind.Array then
        items element |> List.collect flat
    else
        [ number element ]

let private int2 (element: JsonElement) =
    let pair = items element
    pair[0].GetInt32(), pair[1].GetInt32()

/// The graph: leaves, then a region for every einsum product; those of the last einsum layer are the tops.
let private graph (data: JsonElement) =
    let layers = items (data.GetProperty "structure")
    let mutable regions = HandBuiltRegions((data.GetProperty "variables").GetInt32())
    let place = Collections.Generic.Dictionary<int * int, int>()
    let leaves = items (layers[0].GetProperty "regions")

    leaves
    |> List.iteri (fun column leaf ->
        place[(0, column)] <- regions.Regions.Count
        regions <- regions.Leaf [| for v in items (leaf.GetProperty "scope") -> v.GetInt32() |])

    layers
    |> List.iteri (fun layer description ->
        if (description.GetProperty "type").GetString() = "EinsumLayer" then
            items (description.GetProperty "products")
            |> List.iteri (fun column product ->
                let left, right =
                    place[int2 (product.GetProperty "left")], place[int2 (product.GetProperty "right")]

                place[(layer, column)] <- regions.Regions.Count
                regions <- regions.Join [| left; right |]))

    regions, layers, leaves

/// Sum weights in the order of the regions, the root's last: [out, left + K right], and the mixing weights taken into the root's.
let weights (layers: JsonElement list) (parameters: JsonElement) =
    let shape layer = items parameters |> List.item layer
    let einsums = [ for i in 1 .. layers.Length - 2 -> i ]

    let at (element: JsonElement) (indices: int list) =
        List.fold (fun (e: JsonElement) i -> e[i]) element indices |> number

    let k = (shape 1).GetArrayLength()
    let mixing = shape (layers.Length - 1)

    let block layer product outputs scale = [
        for o in outputs do
            for right in 0 .. k - 1 do
                for left in 0 .. k - 1 do
                    yield scale o * at (shape layer) [ left; right; o; product ]
    ]

    let last = List.last einsums

    let products layer =
        items (layers[layer].GetProperty "products") |> List.length

    [
        for layer in einsums do
            if layer < last then
                for product in 0 .. products layer - 1 do
                    yield! block layer product [ 0 .. k - 1 ] (fun _ -> 1.0)
        for c in 0 .. mixing.GetArrayLength() - 1 do
            for product in 0 .. products last - 1 do
                yield! block last product [ c ] (fun _ -> at mixing [ c; 0; product ])
    ]

let private inputParameters kind (statistics: float list[]) : float32 list =
    match kind with
    | "BinomialArray" -> [ for s in statistics -> float32 (log (s[0] / (1.0 - s[0]))) ]
    | "CategoricalArray" -> [
        for s in statistics do
            for p in s -> float32 (log p)
      ]
    | _ -> [
        for s in statistics -> float32 s[0]
        for s in statistics -> float32 (0.5 * log (s[1] - s[0] * s[0]))
      ]

let circuit (engine: IEngine) (data: JsonElement) (parameters: JsonElement) =
    let regions, layers, leaves = graph data
    let k = (data.GetProperty "k").GetInt32()
    let classes = (data.GetProperty "classes").GetInt32()
    let kind = string ((data.GetProperty "leaf").GetString())
    let leafParameters = (items parameters)[0]

    let input: InputSpec =
        match kind with
        | "BinomialArray" -> BernoulliInput k
        | "CategoricalArray" -> CategoricalInput(k, leafParameters[0].[0].[0].GetArrayLength())
        | _ -> NormalInput k

    let recipe: LayerSpec list = [ input; KroneckerProduct(); SumSpec k; RootSpec classes ]

    let circuit =
        Circuit.Compile(CircuitSpec(regions, ValueList recipe, WeightSpec.Fixed(weights layers parameters)), engine)

    let values = circuit.Parameters.ToArray()
    // The inputs of a plan stand leaf by leaf, variables in order.
    let mutable next = 0

    for leaf in leaves do
        let replica = (leaf.GetProperty "replica").GetInt32()

        for variable in [ for v in items (leaf.GetProperty "scope") -> v.GetInt32() ] |> List.sort do
            let statistics = [| for c in 0 .. k - 1 -> flat (leafParameters[variable].[c].[replica]) |]

            for value in inputParameters kind statistics do
                values[next] <- value
                next <- next + 1

    circuit.SetParameters values
    circuit

let private check name (circuit: Circuit) (evidence: Evidence) (expected: JsonElement) =
    List.iter2
        (fun (a: float) e -> Expect.isTrue (abs (a - e) <= 1e-5 * max 1.0 (abs e)) $"{name}: {a}, expected {e}")
        (List.ofArray (circuit.LogLikelihood evidence))
        (flat expected)

let private reproduce name =
    testCase name (fun () ->
        let data = load $"{name}.json"

        let evidence =
            Evidence.From [|
                for row in items (data.GetProperty "x") -> [| for v in flat row -> float32 v |]
            |]

        for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
            use before = circuit engine data (data.GetProperty "params")
            check name before evidence (data.GetProperty "log_likelihood")
            let step = data.GetProperty "online_em"
            use after = circuit engine data (step.GetProperty "params_after_one_batch")
            check $"{name}, after a step" after evidence (step.GetProperty "log_likelihood_after")

            for marginal in items (data.GetProperty "marginals") do
                let missing = [| for v in items (marginal.GetProperty "missing") -> v.GetInt32() |]

                check
                    $"{name}, missing {missing.Length}"
                    after
                    (evidence.Hide missing)
                    (marginal.GetProperty "log_marginal"))

let tests =
    testList "golden einsum networks" [
        reproduce "einet_rat_d8_bernoulli_k2"
        reproduce "einet_rat_d6_categorical_k3_classes2"
        reproduce "einet_pd_4x4_normal_k2"
    ]
