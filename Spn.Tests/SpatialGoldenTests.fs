/// Spatial stacks against numbers of another library.
module Spn.Tests.SpatialGoldenTests

open System.Text.Json
open Spn
open Spn.Core
open Spn.Core.Lowering
open Spn.Core.Plans

let private numbers (element: JsonElement) =
    GoldenTests.numbers element |> Array.ofList

/// A cell of a square grid turned by half a turn: the other library pads the last product right and below, ours left and above.
let private turned extent index =
    (extent - 1 - index / extent) * extent + (extent - 1 - index % extent)

/// The other library's arrays in the order of our parameters: means and deviations of the leaves, logits of sums and root.
/// `deviation` makes of a deviation, and of the array's entry for it, what stands in its place.
let private arrange (spec: CircuitSpec) (plan: Plan) (data: JsonElement) (section: string) deviation =
    let size = (data.GetProperty "size").GetInt32()
    let k = (data.GetProperty "leaf_components").GetInt32()
    let classes = (data.GetProperty "classes").GetInt32()

    let part (key: string) =
        (data.GetProperty section).GetProperty key

    let values: float[] = Array.zeroCreate plan.ParameterCount

    // Leaves: means, then log deviations.
    let means, scales =
        numbers (part "base_layer.loc"), numbers (part "base_layer.scale")

    let deviations =
        numbers ((data.GetProperty "params").GetProperty "base_layer.scale")

    for r in 0 .. plan.Regions.Count - 1 do
        if plan.Regions.Kind r = RegionKind.Input then
            let input = plan.Regions.Input r

            for c in 0 .. k - 1 do
                let from = c * size * size + turned size input.Variable
                values[input.Offset + c] <- means[from]
                values[input.Offset + k + c] <- deviation deviations[from] scales[from]

    let regions, cells, firstLogit =
        plan.Regions, Lowerer.Cells spec, SpatialStacks.firstLogit plan

    // Sums: [out, in, height, width] of logits for each cell's [out, in].
    let keys = [
        for property in (data.GetProperty section).EnumerateObject() do
            if property.Name.StartsWith "layers." then
                property.Name
    ]

    let sums = [
        for i in 1 .. spec.Layers.Count - 2 do
            if spec.Layers[i] :? SumSpec then
                i
    ]

    for key, layer in List.zip keys sums do
        let weights = part key
        let extent = weights[0].[0].GetArrayLength()
        let outputs, inputs = weights.GetArrayLength(), weights[0].GetArrayLength()
        let all = numbers weights

        for cell in 0 .. extent * extent - 1 do
            for e in 0 .. outputs * inputs - 1 do
                values[firstLogit (cells[layer].[cell]) + e] <- all[e * extent * extent + turned extent cell]

    // The root: [class, channel of the last product, height, width].
    let root = part "root_layer.weight"
    let all = numbers root
    let width = root[0].GetArrayLength()
    let tops = Seq.toList cells[spec.Layers.Count - 2]
    let extent = int (sqrt (float tops.Length))
    let channels = width / tops.Length

    for c in 0 .. classes - 1 do
        for column, child in Seq.indexed (regions.Children(regions.Root).ToArray()) do
            let cell = List.findIndex ((=) child) tops

            for i in 0 .. channels - 1 do
                values[firstLogit regions.Root + c * width + column * channels + i] <-
                    all[c * width + i * tops.Length + turned extent cell]

    values

let private reproduce name (stack: GridVariables -> CircuitSpec) =
    let data = GoldenTests.read name
    let size = (data.GetProperty "size").GetInt32()
    let spec = stack (GridVariables.Image(size, size))
    let plan = Lowerer.Lower spec

    let parameters =
        arrange spec plan data "params" (fun _ scale -> log scale) |> Array.map float32

    // The derivative by a log deviation is the deviation times that by the deviation.
    let gradient = arrange spec plan data "gradients_of_sum_log_likelihood" (*)

    let evidence =
        numbers (data.GetProperty "x")
        |> Array.chunkBySize (size * size)
        |> Array.map (fun row -> Array.init row.Length (fun v -> float32 row[turned size v]))
        |> Evidence.From

    for engine, bind in
        [
            "reference", EngineTests.reference
            "wide", EngineTests.simd 2
            "narrow", EngineTests.narrow 1
            "level by level", EngineTests.levels 2
        ] do
        let actual, actualGradient, _ =
            EngineTests.run bind plan parameters evidence Array.empty

        let relative =
            let largest = gradient |> Array.map abs |> Array.max
            Array.map (fun g -> g / largest)

        GoldenTests.near 1e-5 actual (numbers (data.GetProperty "log_likelihood")) $"{name}, {engine}"
        GoldenTests.near 1e-5 (relative actualGradient) (relative gradient) $"{name}, {engine}, gradient"

        for marginal in (data.GetProperty "marginals").EnumerateArray() do
            let missing = [|
                for v in (marginal.GetProperty "missing_flat_index").EnumerateArray() -> turned size (v.GetInt32())
            |]

            let actual, _, _ =
                EngineTests.run bind plan parameters (evidence.Hide missing) Array.empty

            GoldenTests.near
                1e-5
                actual
                (numbers (marginal.GetProperty "log_marginal"))
                $"{name}, {engine}, missing {missing.Length}"

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
