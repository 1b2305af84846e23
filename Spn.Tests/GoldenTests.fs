/// Numbers computed by other systems, reproduced.
module Spn.Tests.GoldenTests

open System
open System.IO
open System.Text.Json
open Spn.Core
open Spn.Core.Lowering
open Spn.Core.Plans

/// The folder of golden files: beside the data folder, or ../shared/golden beside the checkout.
let folder =
    [
        match Environment.GetEnvironmentVariable "SPN_DATA" with
        | null -> ()
        | data -> Path.Combine(data, "..", "golden")
        Path.Combine(Generators.repository, "..", "shared", "golden")
    ]
    |> List.tryFind Directory.Exists

let read name =
    match folder with
    | Some folder when File.Exists(Path.Combine(folder, name)) ->
        JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, name))).RootElement
    | _ -> skiptest $"no golden file {name}"

let rec numbers (e: JsonElement) : float list =
    if e.ValueKind = JsonValueKind.Array then
        [
            for item in e.EnumerateArray() do
                yield! numbers item
        ]
    else
        [ e.GetDouble() ]

let integer (name: string) (e: JsonElement) = e.GetProperty(name).GetInt32()

/// The description of a golden HyperSPN or SPN.
let describe (golden: JsonElement) =
    let n, k, replicas =
        integer "variables" golden, integer "k" golden, integer "replicas" golden

    let orders = [
        for order in golden.GetProperty("leaf_perms").EnumerateArray() -> ValueList<int>(numbers order |> List.map int)
    ]

    let weights: WeightSpec =
        if golden.GetProperty("kind").GetString() = "hyperspn" then
            WeightSpec.Hyper(k, [ 20; integer "h" golden ], deadEntries = true)
        else
            WeightSpec.Free(deadEntries = true)

    CircuitSpec
        .Over(BinaryTrees(n, replicas, Orders = ValueList<ValueList<int>>(orders)))
        .IndicatorInput()
        .SumPerRegion(k)
        .HadamardProduct()
        .RootSum(1, true)
        .WithWeights(weights)

/// Values for every tensor of the plan from the file's names.
let fill (plan: Plan) (find: string -> float list) =
    let parameters = Array.zeroCreate<float> plan.ParameterCount

    for tensor in plan.Tensors do
        let values = find tensor.Name |> Array.ofList
        Expect.equal values.Length tensor.Count $"entries of {tensor.Name}"
        Array.blit values 0 parameters tensor.Offset tensor.Count

    parameters

let private layer (name: string) = int (name.Split('.')[2])

let private source mix edges embedding (network: int -> string -> float list) (name: string) =
    match name with
    | "mixture.logits" -> mix
    | "sectors.logits" -> edges ()
    | "sectors.embeddings" -> embedding ()
    | _ -> network (layer name) (name.Split('.')[3])

let parameters (golden: JsonElement) (plan: Plan) (suffix: string) =
    let get (name: string) =
        numbers (golden.GetProperty(name + suffix))

    source (get "mix_logits") (fun () -> get "edge_logits") (fun () -> get "embedding") (fun l part ->
        numbers ((golden.GetProperty("mlp" + suffix).Item l).GetProperty part))
    |> fill plan

let gradients (golden: JsonElement) (plan: Plan) =
    let g = golden.GetProperty "gradients_of_sum_log_likelihood"
    let get (name: string) = numbers (g.GetProperty name)

    source (get "mix") (fun () -> get "edges") (fun () -> get "layer_embedding") (fun l part ->
        get $"net.{2 * l}.{part}")
    |> fill plan

let evidence (golden: JsonElement) n =
    Evidence.From(numbers (golden.GetProperty "x") |> Seq.map float32 |> Array.ofSeq, n)

let near tolerance (actual: float seq) (expected: float seq) message =
    Seq.iteri2
        (fun i (a: float) (e: float) ->
            if not (abs (a - e) <= tolerance * max 1.0 (abs e)) then
                failtest $"{message}: entry {i} is {a}, expected {e}")
        actual
        expected

let hyperSpn file =
    testCase $"{file} is reproduced" (fun () ->
        let golden = read file
        let plan = Lowerer.Lower(describe golden)
        let theta = parameters golden plan "" |> Array.map float32
        let x = evidence golden plan.Variables

        for name, bind in
            [
                "reference", EngineTests.reference
                "simd", EngineTests.simd 2
                "narrow", EngineTests.narrow 1
            ] do
            let logLikelihoods, gradient, _ = EngineTests.run bind plan theta x [||]
            near 1e-5 logLikelihoods (numbers (golden.GetProperty "log_likelihood")) $"{name}, log-likelihood"
            let expected = gradients golden plan
            let largest = expected |> Array.map abs |> Array.max

            near
                1e-5
                (gradient |> Array.map (fun g -> g / largest))
                (expected |> Array.map (fun g -> g / largest))
                $"{name}, gradient"

            for marginal in golden.GetProperty("marginals").EnumerateArray() do
                let missing = numbers (marginal.GetProperty "missing") |> Seq.map int |> Array.ofSeq
                use session = bind plan
                session.SetParameters(ReadOnlySpan theta)
                let result: float[] = Array.zeroCreate x.Count
                session.Forward(x.Hide missing, ReadOnlySpan(Array.init x.Count id), Span result)
                near 1e-5 result (numbers (marginal.GetProperty "log_marginal")) $"{name}, marginal over %A{missing}")

let tests =
    testList "golden" [
        hyperSpn "hyperspn_spn_d7_k2_r3.json"
        hyperSpn "hyperspn_spn_d11_k3_r4.json"
        hyperSpn "hyperspn_hyperspn_d7_k2_r3.json"
        hyperSpn "hyperspn_hyperspn_d16_k5_r2.json"
    ]
