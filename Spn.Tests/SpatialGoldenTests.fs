/// Spatial stacks against numbers of another library.
module Spn.Tests.SpatialGoldenTests

open System
open System.IO
open System.Text.Json
open Spn
open Spn.Core
open Spn.Core.Engines.Reference
open Spn.Core.Lowering
open Spn.Core.Plans

/// Rows and columns turned round: the other library pads the last product right and below, ours left and above.
let private golden name =
    let file = Path.Combine(Generators.repository, "..", "shared", "golden", name)

    if not (File.Exists file) then
        skiptest $"the golden file {name} is not beside the repository"

    JsonDocument.Parse(File.ReadAllText file).RootElement

let rec private flat (element: JsonElement) : float list =
    if element.ValueKind = JsonValueKind.Array then
        [
            for item in element.EnumerateArray() do
                yield! flat item
        ]
    else
        [ element.GetDouble() ]

let private reproduce name (stack: GridVariables -> CircuitSpec) =
    let data = golden name
    let size = (data.GetProperty "size").GetInt32()
    let k = (data.GetProperty "leaf_components").GetInt32()
    let classes = (data.GetProperty "classes").GetInt32()

    let parameter (key: string) =
        (data.GetProperty "params").GetProperty key

    let spec = stack (GridVariables.Image(size, size))
    use circuit = Circuit.Compile(spec, ReferenceEngine())
    let plan = circuit.Plan
    let values: float32[] = Array.zeroCreate plan.ParameterCount

    let turned extent index =
        (extent - 1 - index / extent) * extent + (extent - 1 - index % extent)

    // Leaves: means, then log deviations.
    let means, scales =
        flat (parameter "base_layer.loc") |> Array.ofList, flat (parameter "base_layer.scale") |> Array.ofList

    for r in 0 .. plan.Regions.Count - 1 do
        if plan.Regions.Kind r = RegionKind.Input then
            let input = plan.Regions.Input r

            for c in 0 .. k - 1 do
                let from = c * size * size + turned size input.Variable
                values[input.Offset + c] <- float32 means[from]
                values[input.Offset + k + c] <- float32 (log scales[from])

    let regions, cells, firstLogit =
        plan.Regions, Lowerer.Cells spec, SpatialStacks.firstLogit plan

    // Sums: [out, in, height, width] of logits for each cell's [out, in].
    let keys = [
        for property in (data.GetProperty "params").EnumerateObject() do
            if property.Name.StartsWith "layers." then
                property.Name
    ]

    let sums = [
        for i in 1 .. spec.Layers.Count - 2 do
            if spec.Layers[i] :? SumSpec then
                i
    ]

    for key, layer in List.zip keys sums do
        let weights = parameter key
        let extent = weights[0].[0].GetArrayLength()
        let outputs, inputs = weights.GetArrayLength(), weights[0].GetArrayLength()
        let all = flat weights |> Array.ofList

        for cell in 0 .. extent * extent - 1 do
            for e in 0 .. outputs * inputs - 1 do
                values[firstLogit (cells[layer].[cell]) + e] <- float32 all[e * extent * extent + turned extent cell]

    // The root: [class, channel of the last product, height, width].
    let root = parameter "root_layer.weight"
    let all = flat root |> Array.ofList
    let width = root[0].GetArrayLength()
    let tops = Seq.toList cells[spec.Layers.Count - 2]
    let extent = int (sqrt (float tops.Length))
    let channels = width / tops.Length

    for c in 0 .. classes - 1 do
        for column, child in Seq.indexed (regions.Children(regions.Root).ToArray()) do
            let cell = List.findIndex ((=) child) tops

            for i in 0 .. channels - 1 do
                values[firstLogit regions.Root + c * width + column * channels + i] <-
                    float32 all[c * width + i * tops.Length + turned extent cell]

    circuit.SetParameters values

    let rows =
        flat (data.GetProperty "x") |> Array.ofList |> Array.chunkBySize (size * size)

    let turnedRows =
        rows
        |> Array.map (fun row -> Array.init row.Length (fun v -> float32 row[turned size v]))

    let evidence = Evidence.From turnedRows
    let expected = flat (data.GetProperty "log_likelihood") |> Array.ofList
    let actual = circuit.LogLikelihood evidence

    Array.iter2
        (fun (a: float) e -> Expect.isTrue (abs (a - e) <= 1e-5 * max 1.0 (abs e)) $"{name}: {a}, expected {e}")
        actual
        expected

    for marginal in (data.GetProperty "marginals").EnumerateArray() do
        let missing = [|
            for v in (marginal.GetProperty "missing_flat_index").EnumerateArray() -> turned size (v.GetInt32())
        |]

        let expected = flat (marginal.GetProperty "log_marginal") |> Array.ofList
        let actual = circuit.LogLikelihood(evidence.Hide missing)

        Array.iter2
            (fun (a: float) e ->
                Expect.isTrue
                    (abs (a - e) <= 1e-5 * max 1.0 (abs e))
                    $"{name}, missing {missing.Length}: {a}, expected {e}")
            actual
            expected

let tests =
    testList "spatial golden" [
        testCase "depthwise products with full padding" (fun () ->
            reproduce "dgcspn_4x4_comp3_ch2_dw.json" (fun grid ->
                Circuit.stack grid [
                    Input.Normal 3
                    Product.Spatial()
                    Sum.Spatial 2
                    Product.Spatial(dilation = 2)
                    Sum.Spatial 2
                    Product.Spatial(dilation = 4, padding = Padding.Final)
                    Sum.Root()
                ]))
        testCase "products without overlap below, three classes" (fun () ->
            reproduce "dgcspn_12x12_pool2_comp3_ch4_cls3.json" (fun grid ->
                Circuit.stack grid [
                    Input.Normal 3
                    for _ in 1..2 do
                        Product.Spatial(stride = 2, padding = Padding.Valid)
                        Sum.Spatial 4
                    for dilation in [ 1; 2 ] do
                        Product.Spatial(dilation = dilation)
                        Sum.Spatial 4
                    Product.Spatial(dilation = 4, padding = Padding.Final)
                    Sum.Root(classes = 3)
                ]))
    ]
