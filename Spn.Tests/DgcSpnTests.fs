/// The presets of DGC-SPN: published counts, sizes, what they refuse.
module Spn.Tests.DgcSpnTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Lowering
open Spn.Core.Plans

/// Those of the sums, the root and the classes.
let private sumWeights (plan: Plan) =
    plan.Blocks.Total
    + (plan.ClassLogits |> Option.ofObj |> Option.map _.Count |> Option.defaultValue 0)

let private weights (spec: CircuitSpec) = sumWeights (Lowerer.Lower spec)

let private productCells (spec: CircuitSpec) =
    let cells = Lowerer.Cells spec

    [
        for layer in 1 .. spec.Layers.Count - 2 do
            if spec.Layers[layer] :? SpatialProduct then
                cells[layer].Count
    ]

let private squares sizes = [ for n in sizes -> n * n ]

let tests =
    testList "presets of DGC-SPN" [
        testCase "sum weights of the published generative stacks" (fun () ->
            Expect.equal (weights (DgcSpn.Generative(28, 28))) 5_385_216 "28 x 28"
            Expect.equal (weights (DgcSpn.Generative(28, 28, products = 6))) 7_554_304 "28 x 28, one product more"
            Expect.equal (weights (DgcSpn.Generative(64, 64))) 27_847_936 "64 x 64"
            Expect.equal (DgcSpn.Generative(64, 64)) (DgcSpn.Generative(64, 64, products = 6)) "as many as needed")
        testCase "cells of the published stacks" (fun () ->
            let expect spec sizes =
                Expect.equal (productCells spec) (squares sizes) $"{spec}"

            expect (DgcSpn.Generative(28, 28)) [ 29; 31; 35; 43; 59; 32 ]
            expect (DgcSpn.Generative(28, 28, products = 6)) [ 29; 31; 35; 43; 59; 91; 64 ]
            expect (DgcSpn.Generative(64, 64)) [ 65; 67; 71; 79; 95; 127; 64 ]
            expect (DgcSpn.TwoSums(64, 64)) [ 65; 67; 71; 79; 95; 127; 64 ]
            expect (DgcSpn.Discriminative()) [ 14; 7; 8; 10; 14; 8 ]
            expect (DgcSpn.Notebook()) [ 14; 7; 8; 10; 14; 8 ]
            expect (DgcSpn.Discriminative(8, 8)) [ 4; 2; 3; 2 ])
        testCase "the stack of two sums has a sum weight for each combination above its first product" (fun () ->
            let plan = Lowerer.Lower(DgcSpn.TwoSums(64, 64))
            let sums = 2 * (65 * 65 * 4 + 16 * Seq.sum (squares [ 67; 71; 79; 95; 127 ]))
            Expect.equal (sumWeights plan) (sums + 16 * 64 * 64) "products of 4 and 16 channels"
            Expect.equal (plan.ParameterCount - sumWeights plan) (4 * 64 * 64) "means")
        testCase "counts of the published discriminative stack, its root sum over the classes included" (fun () ->
            let plan = Lowerer.Lower(DgcSpn.Discriminative())
            Expect.equal (sumWeights plan) 4_976_650 "sum weights"
            Expect.equal (plan.ParameterCount - sumWeights plan) (2 * 25_088) "means and deviations"

            let limited =
                DgcSpn.Discriminative(components = 8, first = ProductChannels.Limited 32)

            let cells = Lowerer.Cells limited
            let regions = (Lowerer.Lower limited).Regions
            Expect.all cells[1] (fun r -> regions.Channels r = 32) "32 combinations of 8 components"

            Expect.equal (weights limited) 4_976_650 "as many as of 32 components channel by channel")
        testCase "counts of the notebook: trained, and with what it keeps fixed" (fun () ->
            let spec = DgcSpn.Notebook()
            let plan = Lowerer.Lower spec
            Expect.equal plan.ParameterCount 1_201_930 "trained"
            Expect.equal (plan.ParameterCount - sumWeights plan) 12_544 "means"

            let kernelCells =
                spec.Layers
                |> Seq.choose (function
                    | :? SpatialProduct as product -> Some(product.Kernel[0] * product.Kernel[0])
                    | _ -> None)
                |> Seq.sum

            let fixedDeviations = plan.InputUnits.Count
            Expect.equal (plan.ParameterCount + fixedDeviations + kernelCells) 1_214_498 "as its summary counts")
        testCase "presets compile for every size they accept, and no product is too many" (fun () ->
            for n in [ 1..12 ] @ [ 28; 33 ] do
                let spec = DgcSpn.Generative(n, 1 + n / 2, sums = 1, components = 1)
                Expect.isEmpty (Circuit.check spec) $"{n}"

                let products = (productCells spec).Length - 1

                if products > 1 then
                    let finding =
                        Expect.raises<CircuitException>
                            (fun () -> DgcSpn.Generative(n, 1 + n / 2, products = products - 1) |> ignore)
                            $"{n}"

                    Expect.equal finding.Findings[0].Property "too few products" "property"

                    let layers = [
                        for layer in spec.Layers do
                            match layer with
                            | :? SpatialProduct as product when product.Dilation[0] = (1 <<< (products - 1)) -> ()
                            | :? SpatialProduct as product when product.Padding = Padding.Final ->
                                Product.Spatial(dilation = (1 <<< (products - 1)), padding = Padding.Final)
                            | other -> other
                    ]

                    Expect.isNonEmpty (Circuit.check (Circuit.stack (Variables.Image(n, 1 + n / 2)) layers)) $"{n}"

            for height, width in [ 4, 4; 8, 8; 12, 20; 32, 32; 64, 64 ] do
                for spec in
                    [
                        DgcSpn.Discriminative(height, width, components = 1)
                        DgcSpn.Notebook(height, width)
                    ] do
                    Expect.isEmpty (Circuit.check spec) $"{spec}")
        testCase "sizes that a preset does not serve are refused with the way out" (fun () ->
            for make, advice in
                [
                    (fun () -> DgcSpn.Generative(0, 8)), "at least 1"
                    (fun () -> DgcSpn.TwoSums(8, -1)), "at least 1"
                    (fun () -> DgcSpn.Generative(8, 8, products = -1)), "or 0"
                    (fun () -> DgcSpn.Discriminative(27, 28)), "multiples of 4"
                    (fun () -> DgcSpn.Discriminative(0, 0)), "multiples of 4"
                    (fun () -> DgcSpn.Notebook(8, 10)), "multiples of 4"
                ] do
                let error = Expect.raises<CircuitException> (fun () -> make () |> ignore) "refused"

                Expect.stringContains error.Findings[0].Advice advice "advice")
        testCase "simd equals reference on small presets" (fun () ->
            for spec in
                [
                    DgcSpn.Generative(8, 8, sums = 3, components = 2)
                    DgcSpn.TwoSums(5, 7, components = 2)
                    DgcSpn.Notebook(8, 8, classes = 3)
                    DgcSpn.Discriminative(8, 8, 2, 3, ProductChannels.Limited 5)
                ] do
                let plan = Lowerer.Lower spec
                EngineTests.agrees $"{spec}" plan (plan.Initialise 1L) (Generators.evidence plan 5 0.3 1))
        testCase "a stack in F# equals the same in C#, and survives a model file" (fun () ->
            let fsharp =
                Circuit.stack (Variables.Image(height = 8, width = 8)) [
                    Input.Normal(4, variances = Seq.replicate 4 1.0, init = Init.Quantiles, trainable = false)
                    Product.Spatial(kernel = 2, channels = ProductChannels.AllCombinations)
                    Sum.Spatial 16
                    for dilation in [ 2; 4 ] do
                        Product.Spatial(kernel = 2, dilation = dilation)
                        Sum.Spatial 16
                    Product.Spatial(kernel = 2, dilation = 8, padding = Padding.Final)
                    Sum.Root()
                ]
                |> Circuit.withWeights (Weights.Accumulators())

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
