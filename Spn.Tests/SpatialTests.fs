/// Spatial layers: refusals, channel plans, the order of cells, polynomials, engines.
module Spn.Tests.SpatialTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines.Reference
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Tests.SpatialStacks

/// The weights of a plan: (region, output, input) to weight.
let private weights (plan: Plan) (parameters: float32[]) =
    let all: float[] = Array.zeroCreate plan.Blocks.Total

    for program in plan.Programs do
        program.Forward(plan.Blocks, ReadOnlySpan(Array.map float parameters), Span all)

    fun region output input ->
        let struct (_, columns, offset) = plan.Blocks[plan.Regions.Block region]
        all[offset + output * columns + input]

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
        testProperty
            "the table of all combinations is the mixed radix of the output channel, a bijection"
            (fun (cells: byte) (channels: byte) ->
                let cells, channels = 1 + int cells % 5, 1 + int channels % 5

                match ChannelPlan.Of(ProductChannels.AllCombinations, cells, channels) with
                | null -> failtest "no plan"
                | all ->
                    let outputs = pown channels cells
                    Expect.equal (Array2D.length2 all) outputs "outputs"

                    for o in 0 .. outputs - 1 do
                        let back = Seq.sum (seq { for t in 0 .. cells - 1 -> all[t, o] * pown channels t })
                        Expect.equal back o $"{cells} cells of {channels} channels"

                        for t in 0 .. cells - 1 do
                            Expect.isTrue (all[t, o] >= 0 && all[t, o] < channels) "a channel")
        testProperty
            "a limited plan uses the channels of every cell evenly"
            (fun (channels: byte) (outputs: byte) (seed: int64) ->
                let channels, outputs = 1 + int channels % 6, 1 + int outputs % 20

                match ChannelPlan.Of(ProductChannels.Limited(outputs, seed), 4, channels) with
                | null -> failtest "no plan"
                | some ->
                    for t in 0..3 do
                        let used = [ for o in 0 .. outputs - 1 -> some[t, o] ] |> List.countBy id

                        let counts = [
                            for c in 0 .. channels - 1 -> used |> List.tryFind (fst >> (=) c) |> Option.map snd
                        ]

                        let counts = counts |> List.map (Option.defaultValue 0)

                        if outputs >= channels then
                            Expect.isTrue (List.max counts - List.min counts <= 1) $"{counts}")
        testCase "cells that read common cells below a product stand together, and none is lost" (fun () ->
            let spec = DgcSpn.Generative(20, 12, sums = 1, components = 1)
            let cells = Lowerer.Cells spec
            let regions = (Lowerer.Lower spec).Regions

            for layer in 1 .. cells.Count - 2 do
                Expect.isFalse (Seq.contains -1 cells[layer]) "every cell has a region"
                Expect.hasLength (Seq.distinct cells[layer]) cells[layer].Count "its own"
                Expect.all cells[layer] (fun r -> regions.Layer r = layer) "of its layer"

            let tops = cells[cells.Count - 2]
            let width = 32

            let inOrder =
                regions.Children(regions.Root).ToArray()
                |> Array.map (fun r -> Seq.findIndex ((=) r) tops)

            for dilation in [ 2; 4; 8; 16; 32 ] do
                let residues =
                    inOrder |> Array.map (fun c -> c / width % dilation, c % width % dilation)

                let runs =
                    1
                    + (residues |> Seq.pairwise |> Seq.filter (fun (a, b) -> a <> b) |> Seq.length)

                Expect.equal runs (Array.length (Array.distinct residues)) $"one run a residue modulo {dilation}")
        testCase "a cell outside the grid counts as one" (fun () ->
            // Two pixels, full padding: the border cells hold one pixel each, so that every top is p(x0) p(x1).
            let spec =
                Circuit.stack (Variables.Line 2) [
                    Input.Indicator 2
                    Sum.Spatial 1
                    Product.Spatial()
                    Product.Spatial(dilation = 2, padding = Padding.FinalCrop)
                    Sum.Root()
                ]

            use circuit = Circuit.Compile(spec, ReferenceEngine())
            let regions, cells = circuit.Plan.Regions, Lowerer.Cells spec
            Expect.equal (regions.Children(regions.Root).Length) 3 "kernel x dilation - places + 1 cells of full scope"
            let weight = weights circuit.Plan (circuit.Parameters.ToArray())

            for x in 0..1 do
                for y in 0..1 do
                    Expect.floatClose
                        Accuracy.veryHigh
                        (circuit.LogLikelihood(Evidence.From([| float32 x; float32 y |], 2))).[0]
                        (log (weight cells[1].[0] 0 x) + log (weight cells[1].[1] 0 y))
                        $"{x}, {y}")
        testCase "a stack on 2 x 2 black and white pixels is its polynomial, for all evidence" (fun () ->
            let product (factors: float seq) = Seq.fold (*) 1.0 factors

            // The polynomial knows the region of each cell, the tops under the root, the weights and the indicators.
            let agrees name layers polynomial =
                let spec = Circuit.stack (Variables.Image(2, 2)) layers
                use circuit = Circuit.Compile(spec, ReferenceEngine(), 3L)
                let regions = circuit.Plan.Regions

                let value =
                    polynomial
                        (fun layer cell -> (Lowerer.Cells spec).[layer].[cell])
                        (regions.Children(regions.Root).ToArray())
                        (weights circuit.Plan (circuit.Parameters.ToArray()))

                for code in 0..80 do
                    let states = [| for v in 0..3 -> code / pown 3 v % 3 |] // white, black or hidden

                    let indicator v state =
                        if states[v] = state || states[v] = 2 then 1.0 else 0.0

                    let evidence =
                        Evidence.From([| for s in states -> float32 (s % 2) |], 4).Hide(fun _ v -> states[v] = 2)

                    Expect.floatClose
                        Accuracy.high
                        (exp (circuit.LogLikelihood evidence).[0])
                        (value circuit.Plan.Regions.Root indicator)
                        $"{name}, {states}"

            agrees
                "one patch"
                [
                    Input.Indicator 2
                    Sum.Spatial 2
                    Product.Spatial(padding = Padding.Valid, channels = ProductChannels.AllCombinations)
                    Sum.Root()
                ]
                (fun cell _ weight root indicator ->
                    let pixel v channel =
                        Seq.sum (seq { for s in 0..1 -> weight (cell 1 v) channel s * indicator v s })

                    Seq.sum (
                        seq {
                            for o in 0..15 ->
                                weight root 0 o * product (seq { for t in 0..3 -> pixel t (o / pown 2 t % 2) })
                        }
                    ))

            agrees
                "overlapping patches"
                [
                    Input.Indicator 2
                    Product.Spatial()
                    Sum.Spatial 2
                    Product.Spatial(dilation = 2, padding = Padding.Final)
                    Sum.Root()
                ]
                (fun cell tops weight root indicator ->
                    // Along an axis: the pixels of the three cells of the first product, the cells of the two of the last.
                    let pixels, joined = [ [ 0 ]; [ 0; 1 ]; [ 1 ] ], [ [ 1 ]; [ 0; 2 ] ]

                    let patch row column state =
                        product (
                            seq {
                                for y in pixels[row] do
                                    for x in pixels[column] -> indicator (y * 2 + x) state
                            }
                        )

                    let sum row column channel =
                        Seq.sum (
                            seq { for s in 0..1 -> weight (cell 2 (row * 3 + column)) channel s * patch row column s }
                        )

                    Seq.sum (
                        seq {
                            for row in 0..1 do
                                for column in 0..1 do
                                    for channel in 0..1 ->
                                        let place = Array.IndexOf(tops, cell 3 (row * 2 + column))

                                        weight root 0 (place * 2 + channel)
                                        * product (
                                            seq {
                                                for y in joined[row] do
                                                    for x in joined[column] -> sum y x channel
                                            }
                                        )
                        }
                    )))
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

let tests = testList "spatial" [ structureTests; engineTests ]
