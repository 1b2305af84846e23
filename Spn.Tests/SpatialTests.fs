/// Spatial layers: scopes, refusals, counts, normalisation, golden numbers.
module Spn.Tests.SpatialTests

open System
open System.IO
open System.Text.Json
open Spn
open Spn.Core
open Spn.Core.Engines.Reference
open Spn.Core.Lowering
open Spn.Core.Plans

/// Random stacks on small grids of one to three axes, accepted or not.
let randomStack seed =
    let random = Random(seed: int)
    let axes = random.Next(1, 4)

    let extents = [
        for _ in 1..axes ->
            random.Next(
                2,
                (if axes = 1 then 14
                 elif axes = 2 then 7
                 else 4)
            )
    ]

    let channels = random.Next(1, 4)
    let any (items: 'a list) = items[random.Next items.Length]

    let product isLast dilation : LayerSpec =
        let each low high = [ for _ in extents -> random.Next(low, high + 1) ]

        Product.SpatialBy(
            (if random.Next 3 = 0 then each 1 3 else [ 2 ]),
            (if random.Next 4 = 0 then each 1 4 else [ dilation ]),
            (if random.Next 4 = 0 then each 1 2 else [ 1 ]),
            padding =
                (if isLast then
                     any [ Padding.Final; Padding.FinalCrop ]
                 else
                     any [ Padding.Full; Padding.Full; Padding.Valid ]),
            channels =
                any [
                    ProductChannels.Depthwise
                    ProductChannels.Limited(channels + 1, int64 seed)
                    (if channels < 3 && axes < 3 then
                         ProductChannels.AllCombinations
                     else
                         ProductChannels.Depthwise)
                ]
        )

    let levels = random.Next(1, 4)

    let input: LayerSpec =
        match random.Next 3 with
        | 0 -> Input.Indicator 2
        | 1 -> Input.Categorical(channels, 3)
        | _ -> Input.Normal channels

    GridVariables(ValueList extents, random.Next(1, 3))
    |> (fun grid ->
        Circuit.stack grid [
            input
            for level in 0 .. levels - 1 do
                product false (1 <<< level)
                Sum.Spatial(channels, shared = (random.Next 3 = 0))
            product true (1 <<< levels)
            Sum.Root(classes = random.Next(1, 3))
        ])

/// Every accepted random stack among some seeds.
let accepted seeds =
    seeds
    |> Seq.choose (fun seed ->
        let spec = randomStack seed

        if (Circuit.check spec).IsEmpty then
            Some(seed, spec)
        else
            None)

let private weights (spec: CircuitSpec) = (Lowerer.Lower spec).Blocks.Total

let private layerCells (spec: CircuitSpec) layer =
    let plan = Lowerer.Lower spec

    Seq.init plan.Regions.Count id
    |> Seq.filter (fun r -> plan.Regions.Layer r = layer && r < plan.Regions.Root)
    |> Seq.length

let private structureTests =
    testList "structure" [
        testCase
            "accepted stacks are smooth, decomposable and of full scope by the region check, and normalised"
            (fun () ->
                let stacks = accepted (seq { 1..600 }) |> Seq.truncate 60 |> List.ofSeq
                Expect.isTrue (stacks.Length >= 40) $"only {stacks.Length} of the stacks are accepted"

                for seed, spec in stacks do
                    let plan = Lowerer.Lower spec
                    Expect.isEmpty (CheckStructure.Find(plan.Regions, plan.Variables, spec.Layers)) $"{spec}"
                    use circuit = Circuit.Compile(spec, ReferenceEngine(), int64 seed)

                    for z in circuit.LogPartition() do
                        Expect.isTrue (abs z < 1e-9) $"{spec}: log Z is {z}")
        testCase "refused stacks name a true witness, and the dilation that they advise is accepted" (fun () ->
            let mutable seen = 0

            for seed in 1..400 do
                let spec = randomStack seed

                for finding in Circuit.check spec do
                    Expect.stringContains finding.Layer "Layer" "layer"
                    Expect.isNonEmpty finding.Advice "advice"

                    if
                        finding.Property = "not decomposable"
                        && finding.Advice.StartsWith "Use dilation"
                    then
                        seen <- seen + 1
                        let number (text: string) = int text

                        let word index (text: string) =
                            let words = text.Split(' ')
                            words[index].TrimEnd(',', '.')

                        let axis = number (word 2 finding.Witness)
                        let advised = number (word 2 finding.Advice)
                        let place = number (word 1 finding.Layer) - 1
                        let layer = spec.Layers[place] :?> SpatialProduct
                        let axes = (spec.Structure :?> GridVariables).Extents.Count

                        let each (values: ValueList<int>) = [
                            for a in 0 .. axes - 1 -> if values.Count = 1 then values[0] else values[a]
                        ]

                        let dilation =
                            each layer.Dilation |> List.mapi (fun a d -> if a = axis then advised else d)

                        let changed =
                            Product.SpatialBy(layer.Kernel, dilation, layer.Stride, layer.Padding, layer.Channels)

                        let repaired = spec.Layers |> Seq.mapi (fun i l -> if i = place then changed else l)
                        let changedSpec = CircuitSpec(spec.Structure, ValueList repaired, spec.Weights)
                        let left = Circuit.check changedSpec

                        Expect.isFalse
                            (left
                             |> List.exists (fun f ->
                                 f.Layer = finding.Layer.Replace(layer.Name, changed.Name)
                                 && f.Witness.StartsWith $"Along axis {axis},"
                                 && f.Property = finding.Property))
                            $"{finding} still holds: {left}"

            Expect.isTrue (seen > 10) $"only {seen} refusals of this kind")
        testCase "sizes follow the general formula" (fun () ->
            let spec = DgcSpn.Generative(28, 28)

            Expect.equal
                [ for layer in 1..2..11 -> layerCells spec layer ]
                [ for n in [ 29; 31; 35; 43; 59; 32 ] -> n * n ]
                "28 x 28"

            let discriminative = DgcSpn.Discriminative()

            Expect.equal
                [ for layer in 1..2..11 -> layerCells discriminative layer ]
                [ for n in [ 14; 7; 8; 10; 14; 8 ] -> n * n ]
                "discriminative")
        testCase "sum weights of the published stacks" (fun () ->
            Expect.equal (weights (DgcSpn.Generative(28, 28))) 5_385_216 "28 x 28"
            Expect.equal (weights (DgcSpn.Generative(28, 28, products = 6))) 7_554_304 "28 x 28, one product more"

            Expect.equal
                (weights (DgcSpn.Discriminative()))
                4_976_640
                "discriminative, without the prior of the 10 classes")
        testCase "the table of all combinations is a bijection, and limited plans use channels evenly" (fun () ->
            match ChannelPlan.Of(ProductChannels.AllCombinations, 4, 3) with
            | null -> failtest "no plan"
            | all ->
                let columns = [ for o in 0..80 -> [ for t in 0..3 -> all[t, o] ] ]
                Expect.equal (columns |> List.distinct |> List.length) 81 "bijection"
                Expect.equal columns[1] [ 1; 0; 0; 0 ] "the first cell varies fastest"

            match ChannelPlan.Of(ProductChannels.Limited(10, 3L), 4, 3) with
            | null -> failtest "no plan"
            | some ->
                for t in 0..3 do
                    let counts = [ for o in 0..9 -> some[t, o] ] |> List.countBy id |> List.map snd
                    Expect.isTrue (List.max counts - List.min counts <= 1) "even use")
        testCase "a cell outside the grid counts as one" (fun () ->
            // Two pixels, full padding: the border cells hold one pixel each.
            let spec =
                Circuit.stack (Variables.Line 2) [
                    Input.Indicator 2
                    Sum.Spatial 1
                    Product.Spatial()
                    Product.Spatial(dilation = 2, padding = Padding.FinalCrop)
                    Sum.Root()
                ]

            let plan = Lowerer.Lower spec
            let root = plan.Regions.Root
            Expect.equal (plan.Regions.Children(root).Length) 3 "kernel x dilation - places + 1 cells of full scope"
            use circuit = Circuit.Compile(spec, ReferenceEngine())

            let all =
                circuit.LogLikelihood(Evidence.From([| 0f; 0f; 0f; 1f; 1f; 0f; 1f; 1f |], 2))
                |> Array.map exp

            Expect.isTrue (abs (Array.sum all - 1.0) < 1e-12) "sum over states"
            Expect.isTrue (abs (all[0] * all[3] - all[1] * all[2]) < 1e-12) "independent pixels")
        testCase "a stack in F# equals the same in C#, and survives a model file" (fun () ->
            let fsharp =
                Circuit.stack (Variables.Image(height = 8, width = 8)) [
                    Input.Normal(4, variances = Seq.replicate 4 1.0)
                    Product.Spatial(kernel = 2, channels = ProductChannels.AllCombinations)
                    Sum.Spatial 16
                    for dilation in [ 2; 4 ] do
                        Product.Spatial(kernel = 2, dilation = dilation)
                        Sum.Spatial 16
                    Product.Spatial(kernel = 2, dilation = 8, padding = Padding.Final)
                    Sum.Root()
                ]

            Expect.equal fsharp (DgcSpn.Generative(8, 8)) "preset"
            use circuit = Circuit.Compile(DgcSpn.Generative(4, 4, sums = 2, components = 2))
            let file = Path.Combine(Path.GetTempPath(), $"spn-{Guid.NewGuid()}.safetensors")

            try
                circuit.Save file
                use loaded = Circuit.Load file
                Expect.equal loaded.Spec circuit.Spec "description"
            finally
                File.Delete file)
    ]

let private engineTests =
    testList "engine" [
        testCase "simd equals reference on random stacks, queries included" (fun () ->
            for seed, spec in accepted (seq { 1..600 }) |> Seq.truncate 40 do
                let plan = Lowerer.Lower spec
                let parameters = plan.Initialise(int64 seed)
                EngineTests.agrees $"{spec}" plan parameters (Generators.evidence plan 9 0.3 seed)
                EngineTests.agrees $"{spec}, observed" plan parameters (Generators.evidence plan 9 0.0 seed)
                QueryEngineTests.agrees $"{spec}, queries" plan parameters (Generators.evidence plan 5 0.5 seed))
    ]

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

    // Sums: [out, in, height, width] of logits for each cell's [out, in].
    let sums = [
        for property in (data.GetProperty "params").EnumerateObject() do
            if property.Name.StartsWith "layers." then
                property.Name
    ]

    let tensor = plan.Tensors |> Seq.find (fun t -> t.Name = "sectors.logits")
    let mutable at = tensor.Offset

    for key in sums do
        let weights = parameter key
        let extent = weights[0].[0].GetArrayLength()
        let outputs, inputs = weights.GetArrayLength(), weights[0].GetArrayLength()
        let all = flat weights |> Array.ofList

        for cell in 0 .. extent * extent - 1 do
            for o in 0 .. outputs - 1 do
                for i in 0 .. inputs - 1 do
                    values[at] <- float32 all[(o * inputs + i) * extent * extent + turned extent cell]
                    at <- at + 1

    let root = parameter "root_layer.weight"
    let all = flat root |> Array.ofList
    let width = root[0].GetArrayLength()
    let channels = plan.Regions.Channels(plan.Regions.Children(plan.Regions.Root)[0])
    let cells = width / channels
    let extent = int (sqrt (float cells))
    let mixture = plan.Tensors |> Seq.find (fun t -> t.Name = "mixture.logits")

    for c in 0 .. classes - 1 do
        for cell in 0 .. cells - 1 do
            for i in 0 .. channels - 1 do
                values[mixture.Offset + c * width + cell * channels + i] <-
                    float32 all[c * width + i * cells + turned extent cell]

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

let private goldenTests =
    testList "golden" [
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

let tests = testList "spatial" [ structureTests; engineTests; goldenTests ]
