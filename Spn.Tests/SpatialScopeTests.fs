/// What the cells of spatial stacks cover, worked out along each axis with plain sets: scopes of accepted stacks, witnesses of refused ones.
module Spn.Tests.SpatialScopeTests

open System
open Spn
open Spn.Core
open Spn.Core.Lowering
open Spn.Tests.SpatialStacks

/// The places that each cell of an axis covers.
type private Axis = Set<int>[]

type private Patches = {
    Kernel: int
    Stride: int
    Dilation: int
    Before: int
    Outputs: int
}

let private cellsOf patches output = [
    for t in 0 .. patches.Kernel - 1 -> output * patches.Stride + t * patches.Dilation - patches.Before
]

let private join (axis: Axis) patches output =
    Set.unionMany [
        for cell in cellsOf patches output do
            if cell >= 0 && cell < axis.Length then
                axis[cell]
    ]

/// How the patches lie by the formulas of the paper, final padding as far as lets the first patch see everything.
let private lay places (axis: Axis) kernel stride dilation padding =
    let extent = (kernel - 1) * dilation + 1

    let patches before after = {
        Kernel = kernel
        Stride = stride
        Dilation = dilation
        Before = before
        Outputs = max 0 (int (ceil (float (axis.Length + before + after - extent + 1) / float stride)))
    }

    let seesAll patches output =
        Set.count (join axis patches output) = places

    match padding with
    | Padding.Valid -> Some(patches 0 0)
    | Padding.Full -> Some(patches (extent - 1) (extent - 1))
    | Padding.Final ->
        [ extent - 1 .. -1 .. 0 ]
        |> List.tryFind (fun before -> seesAll (patches before extent) 0)
        |> Option.map (fun before -> patches before 0)
    | _ ->
        let full = patches (extent - 1) (extent - 1)

        match [ 0 .. full.Outputs - 1 ] |> List.filter (seesAll full) with
        | [] -> None
        | first :: _ as seeing ->
            let count =
                seeing
                |> Seq.indexed
                |> Seq.takeWhile (fun (i, o) -> o = first + i)
                |> Seq.length

            Some {
                full with
                    Before = full.Before - first * stride
                    Outputs = count
            }

let private setting (values: ValueList<int>) axis =
    if values.Count = 1 then values[0] else values[axis]

let private grid (spec: CircuitSpec) = spec.Structure :?> GridVariables

let private layAxis (spec: CircuitSpec) (product: SpatialProduct) axis (below: Axis) =
    lay
        (grid spec).Extents[axis]
        below
        (setting product.Kernel axis)
        (setting product.Stride axis)
        (setting product.Dilation axis)
        product.Padding

/// What the cells of one axis cover below a layer.
let private below (spec: CircuitSpec) layer axis : Axis =
    (Array.init (grid spec).Extents[axis] Set.singleton, Seq.truncate layer spec.Layers)
    ||> Seq.fold (fun covers layer ->
        match layer with
        | :? SpatialProduct as product ->
            match layAxis spec product axis covers with
            | Some patches -> Array.init patches.Outputs (join covers patches)
            | None -> failtest $"{product.Name} has no patch along axis {axis}"
        | _ -> covers)

/// The scope of a cell that covers some places along each axis.
let private scope (spec: CircuitSpec) (places: Set<int> list) =
    let variables =
        (Seq.singleton 0, Seq.zip places (grid spec).Extents)
        ||> Seq.fold (fun starts (own, extent) -> [
            for start in starts do
                for place in own -> start * extent + place
        ])

    Scope.Of [
        for cell in variables do
            for colour in 0 .. (grid spec).Colours - 1 -> cell * (grid spec).Colours + colour
    ]

/// All cells of a grid, row by row: one choice an axis.
let rec private rows (axes: 'a[] list) =
    match axes with
    | [] -> [ [] ]
    | axis :: rest -> [
        for own in axis do
            for others in rows rest -> own :: others
      ]

let private checkScopes (spec: CircuitSpec) =
    let plan, cells = Lowerer.Lower spec, Lowerer.Cells spec
    let axes = (grid spec).Extents.Count

    for layer in 0 .. spec.Layers.Count - 2 do
        let expected = rows [ for axis in 0 .. axes - 1 -> below spec (layer + 1) axis ]
        Expect.hasLength cells[layer] expected.Length $"{spec}, cells of layer {layer}"

        for region, places in Seq.zip cells[layer] expected do
            if region < 0 then
                Expect.isTrue (List.exists Set.isEmpty places) "an empty cell"
            else
                Expect.equal (plan.Regions.Scope region) (scope spec places) $"{spec}, layer {layer}"

    Expect.equal (plan.Regions.Scope plan.Regions.Root) (Scope.Full plan.Variables) "the root"

/// Full padding, unit strides, dilations that are the products of random kernels below; the last product sees the grid.
let private byTheRule seed =
    let random = Random(seed: int)
    let axes = 1 + seed % 3
    let extents = [ for _ in 1..axes -> random.Next(1, [| 30; 9; 5 |][axes - 1]) ]
    let most = [| 4; 3; 2 |][axes - 1] // levels, and cells of a kernel

    let kernels = [
        for _ in 1 .. random.Next(1, most) -> [ for _ in extents -> random.Next(1, most + 1) ]
    ]

    let reach = kernels |> List.reduce (List.map2 (*))
    // Kernel x reach places must cover the grid, and (kernel - 1) x reach all but one of them with final padding.
    let last =
        List.map2 (fun extent own -> max 2 ((extent + own - 2) / own + 1)) extents reach

    let dilations = ([ for _ in extents -> 1 ], kernels) ||> List.scan (List.map2 (*))

    let layers: LayerSpec list = [
        Input.Indicator 2
        for kernel, dilation in Seq.zip kernels dilations do
            Product.SpatialBy(kernel, dilation, [ 1 ])

            if random.Next 2 = 0 then
                Sum.Spatial 1
        Product.SpatialBy(
            last,
            reach,
            [ 1 ],
            padding =
                (if random.Next 2 = 0 then
                     Padding.Final
                 else
                     Padding.FinalCrop)
        )
        Sum.Root()
    ]

    kernels, last, Circuit.stack (GridVariables(ValueList extents, random.Next(1, 3))) layers

/// The numbers of a sentence, in order.
let private numbers (text: string) = [
    for word in text.Split([| ' '; ','; '.' |], StringSplitOptions.RemoveEmptyEntries) do
        match Int32.TryParse word with
        | true, number -> number
        | _ -> ()
]

let private isTrueWitness (spec: CircuitSpec) (finding: CircuitFinding) =
    let layer = List.head (numbers finding.Layer) - 1

    match finding.Property, numbers finding.Witness with
    | "not decomposable", [ axis; kernel; dilation; first; second; place ] ->
        let product, covers = spec.Layers[layer] :?> SpatialProduct, below spec layer axis

        let patches =
            layAxis spec product axis covers
            |> Option.defaultWith (fun () -> failtest $"{finding}: there is no patch")

        kernel = patches.Kernel
        && dilation = patches.Dilation
        && first < second
        && Set.contains place covers[first]
        && Set.contains place covers[second]
        && [ 0 .. patches.Outputs - 1 ]
           |> List.exists (fun o ->
               let cells = cellsOf patches o
               List.contains first cells && List.contains second cells)
    | "not the full scope at the root", [ axis; cell; cells; place; places ] ->
        let covers = below spec layer axis

        cells = covers.Length
        && places = (grid spec).Extents[axis]
        && place < places
        && not (Set.contains place covers[cell])
    | "no patch", [ axis; span; size ] ->
        let product, covers = spec.Layers[layer] :?> SpatialProduct, below spec layer axis
        let isFinal = product.Padding = Padding.Final || product.Padding = Padding.FinalCrop

        span = (setting product.Kernel axis - 1) * setting product.Dilation axis + 1
        && size = (if isFinal then (grid spec).Extents[axis] else covers.Length)
        && (layAxis spec product axis covers
            |> Option.forall (fun patches -> patches.Outputs = 0))
    | _ -> failtest $"{finding} is no finding about a stack"

let tests =
    testList "spatial scopes" [
        testCase "with random kernels, each cell of a stack by the rule covers an interval that ends at it" (fun () ->
            for seed in 1..90 do
                let kernels, last, spec = byTheRule seed
                Expect.isEmpty (Circuit.check spec) $"{spec}"
                let plan, cells = Lowerer.Lower spec, Lowerer.Cells spec
                let extents = List.ofSeq (grid spec).Extents

                let products = [
                    for i in 1 .. spec.Layers.Count - 2 do
                        if spec.Layers[i] :? SpatialProduct then
                            i
                ]

                let widths =
                    kernels |> List.scan (List.map2 (*)) [ for _ in extents -> 1 ] |> List.tail

                for layer, width in List.zip (List.truncate kernels.Length products) widths do
                    let interval extent own =
                        Array.init (extent + own - 1) (fun j -> set [ max 0 (j - own + 1) .. min j (extent - 1) ])

                    let expected = rows (List.map2 interval extents width)
                    Expect.hasLength cells[layer] expected.Length $"{spec}: N + D - 1 cells an axis"

                    for region, places in Seq.zip cells[layer] expected do
                        Expect.equal (plan.Regions.Scope region) (scope spec places) $"{spec}, layer {layer}"

                let tops =
                    List.map3
                        (fun extent own kernel ->
                            if (spec.Layers[List.last products] :?> SpatialProduct).Padding = Padding.Final then
                                own
                            else
                                kernel * own - extent + 1)
                        extents
                        (List.last widths)
                        last

                Expect.equal (plan.Regions.Children(plan.Regions.Root).Length) (List.reduce (*) tops) $"{spec}: tops")
        testCase
            "each cell of a random stack of any stride, dilation and padding covers what its patch reads"
            (fun () ->
                let stacks = accepted (seq { 1..900 }) |> Seq.truncate 90 |> List.ofSeq

                for axes in 1..3 do
                    Expect.isGreaterThan
                        (stacks
                         |> Seq.filter (fun (_, spec) -> (grid spec).Extents.Count = axes)
                         |> Seq.length)
                        10
                        $"stacks of {axes} axes"

                for _, spec in stacks do
                    checkScopes spec)
        testCase "large strides and dilations are right on signals, images and volumes" (fun () ->
            let stack extents layers =
                Circuit.stack (GridVariables(ValueList extents, 1)) layers

            for spec in
                [
                    stack [ 27 ] [
                        Input.Indicator 2
                        Product.SpatialBy([ 3 ], [ 9 ], [ 1 ], padding = Padding.Valid)
                        Product.SpatialBy([ 9 ], [ 1 ], [ 9 ], padding = Padding.Valid)
                        Sum.Root()
                    ]
                    stack [ 12; 20 ] [
                        Input.Indicator 2
                        Product.SpatialBy([ 6; 5 ], [ 1 ], [ 6; 5 ], padding = Padding.Valid)
                        Product.SpatialBy([ 2; 4 ], [ 1 ], [ 1000 ], padding = Padding.Final)
                        Sum.Root()
                    ]
                    stack [ 4; 6; 9 ] [
                        Input.Indicator 2
                        Product.SpatialBy([ 2; 3; 3 ], [ 1 ], [ 2; 3; 3 ], padding = Padding.Valid)
                        Product.SpatialBy([ 2; 1; 3 ], [ 1 ], [ 1 ], padding = Padding.Valid)
                        Product.SpatialBy([ 1; 2; 1 ], [ 1 ], [ 1 ], padding = Padding.Final)
                        Sum.Root()
                    ]
                ] do
                Expect.isEmpty (Circuit.check spec) $"{spec}"
                checkScopes spec)
        testCase "every refused random stack names a true witness" (fun () ->
            let refused = [
                for seed in 1..3000 do
                    let spec = randomStack seed

                    for finding in Circuit.check spec do
                        Expect.isTrue (isTrueWitness spec finding) $"{spec}: {finding}"
                        (grid spec).Extents.Count, finding.Property
            ]

            for axes in 1..3 do
                for property in [ "not decomposable"; "not the full scope at the root"; "no patch" ] do
                    let count = refused |> Seq.filter ((=) (axes, property)) |> Seq.length
                    Expect.isGreaterThan count 5 $"{axes} axes, {property}")
        testCase "settings that would make more cells than memory holds are refused" (fun () ->
            let refusal layers =
                match Circuit.check (Circuit.stack (Variables.Image(8, 8)) layers) with
                | [ finding ] -> finding
                | other -> failtest $"{other}"

            let stack product : LayerSpec list = [ Input.Indicator 2; product; Sum.Root() ]
            Expect.equal (refusal (stack (Product.Spatial(dilation = 100_000)))).Property "too many cells" "image"
            Expect.equal (refusal (stack (Product.Spatial(3, Int32.MaxValue)))).Property "setting unfit" "dilation"
            Expect.equal (refusal (stack (Product.Spatial(Int32.MaxValue, 2)))).Property "setting unfit" "kernel")
    ]
