/// The way up of deep Gaussian mixtures: scores, responsibilities, classes and hidden pixels against plain loops.
module Spn.Tests.LayerwiseScoreTests

// The kernels take pointers.
#nowarn "9"

open System
open Microsoft.FSharp.NativeInterop
open Spn
open Spn.Core
open Spn.Core.Engines.Simd
open Spn.Core.Layerwise
open Spn.Tests.LayerwiseNaive

let private near = { absolute = 2e-5; relative = 2e-5 }

/// Layers whose output is computed; a folding layer below a mixture layer is not.
let private computed (spec: LayerwiseSpec) =
    LayerwisePlan(spec).Stages |> Seq.map _.Last |> List.ofSeq

let private bits (values: float[]) =
    values |> Array.map BitConverter.DoubleToInt64Bits

let private up =
    testList "up" [
        for name, spec in stacks do
            testCase $"scores and outputs equal plain loops: {name}" (fun () ->
                for threads in 1..2 do
                    let model = settled spec threads threads
                    let values, images = parameters model, images spec 21 threads
                    let made = [ for row in 0..20 -> run model values 0 (image model images row) ]

                    for layer in computed spec do
                        let expected =
                            made |> List.map (fun grids -> grids[layer + 1].Values) |> Array.concat

                        Expect.floatsClose
                            near
                            (model.Activities(images, layer) |> Array.map float)
                            expected
                            $"output of layer {layer}"

                    let all = model.AllScores images

                    for i, layer in Seq.indexed model.MixtureLayers do
                        let expected =
                            made |> List.map (fun grids -> loss model values layer 0.0 grids[layer])

                        Expect.floatsClose near all[i] expected $"score at layer {layer}"
                        Expect.equal (model.Scores(images, layer)) all[i] "one layer alone"

                    Expect.equal (model.Scores images) (Array.last all) "the topmost unless told"

                    if spec.Layers[spec.Layers.Count - 1] :? ClassifierSpec then
                        let likeliest =
                            made
                            |> List.map (fun grids ->
                                let shares = (Array.last grids).Values
                                Array.IndexOf(shares, Array.max shares))

                        Expect.equal (List.ofArray (model.Classify images)) likeliest "classes")
        testCase "scores do not depend on threads, nor on which images are asked together" (fun () ->
            for name, spec in
                ("many components in one cell", LayerwiseSpec.For(8, 8).Folding(8).Mixture(49))
                :: stacks do
                let images = images spec 150 2
                let alone, together = settled spec 1 4, settled spec 3 4
                let scores = alone.AllScores images
                Expect.equal (Array.map bits (together.AllScores images)) (Array.map bits scores) $"{name}: threads"
                let some = [ 140; 3; 77 ]

                Expect.equal
                    (alone.AllScores(images |> Evidence.rows some) |> Array.map bits)
                    (scores |> Array.map (fun own -> bits [| for row in some -> own[row] |]))
                    $"{name}: images")
        testCase "hidden pixels count as 0" (fun () ->
            for _, spec in stacks do
                let model = settled spec 2 5
                let images = (images spec 7 3).HideAtRandom 0.4

                let zeros =
                    Evidence.From(
                        Array.init (images.Count * images.Variables) (fun i ->
                            let row, variable = i / images.Variables, i % images.Variables

                            if images.IsHidden(row, variable) then
                                0.0f
                            else
                                images.Values[i]),
                        images.Variables
                    )

                Expect.equal (model.AllScores images) (model.AllScores zeros) "scores")
    ]

let private hidden =
    testList "hidden pixels summed out" [
        testCase "it equals dropping their dimensions" (fun () ->
            for name, spec in
                stacks
                |> List.filter (fun (name, _) -> not (name.Contains "factors" || name.Contains "after")) do
                for threads in 1..2 do
                    let model = settled spec threads 6
                    let values = parameters model
                    let images = (images spec 9 4).HideAtRandom 0.4

                    let made = [
                        for row in 0..8 ->
                            let whole = image model images row

                            let seen = {
                                whole with
                                    Values =
                                        whole.Values
                                        |> Array.mapi (fun i v -> if images.IsHidden(row, i) then nan else v)
                            }

                            run model values 0 seen
                    ]

                    for layer in model.MixtureLayers do
                        let expected =
                            made |> List.map (fun grids -> grids[layer + 1].Values) |> Array.concat

                        Expect.floatsClose
                            near
                            (model.Activities(images, layer, marginal = true) |> Array.map float)
                            expected
                            $"{name}: output of layer {layer}")
        testCase "without hidden pixels it changes nothing" (fun () ->
            for _, spec in stacks do
                let model = settled spec 2 6
                let images = images spec 9 4
                let top = Seq.last model.MixtureLayers
                Expect.equal (model.Activities(images, top, marginal = true)) (model.Activities(images, top)) "output")
        testCase "a first layer that cannot do it is refused with the way out" (fun () ->
            for spec in
                [
                    LayerwiseSpec.For(4, 4).Folding(2).Mixture(4, factors = 1)
                    LayerwiseSpec.For(4, 4).Pooling(2, 2).Mixture(4)
                ] do
                let model = settled spec 2 1
                let images = (images spec 40 1).Hide(3)

                let error =
                    Expect.raises<NotSupportedException>
                        (fun () -> ignore (model.Complete(images, LayerwiseCompletion.Marginal)))
                        "refused"

                Expect.stringContains error.Message "cannot be summed out" "what"
                Expect.stringContains error.Message "count as 0" "the way out"
                Expect.equal (model.Complete(images).Count) 40 "zeros are no problem")
        testCase "a model scores its own samples, however much noise they have" (fun () ->
            let model = settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(4)) 2 3
            let drawn = model.Sample(200, LayerwiseSampleOptions(Divisor = 0.5))
            Expect.isLessThan (Seq.min (drawn.Values.ToArray())) -1.0f "far below black"
            Expect.all (model.Scores drawn) Double.IsFinite "scores")
    ]

/// A pinned copy for kernels.
let private native (values: float32[]) =
    let buffer = new NativeBuffer(int64 values.Length * 4L)

    for i in 0 .. values.Length - 1 do
        NativePtr.set buffer.Floats i values[i]

    buffer

let private kernels =
    let random = Random 3

    let uniform count =
        Array.init count (fun _ -> 0.2f + random.NextSingle())

    testList "kernels" [
        testCase "narrow vectors do the same as those of this machine" (fun () ->
            let near = { absolute = 1e-6; relative = 2e-6 }

            for components in [ 1; 2; 4; 5; 13 ] do
                for lanes in [ 16; 48; 80 ] do
                    // Longer patches than the kernel takes at once.
                    let runs, length = 3, 29
                    let inputs = runs * length
                    let rows = 2 * inputs

                    /// What a kernel leaves in copies of some buffers.
                    let after (buffers: float32[] list) work (kernel: MixtureKernels) =
                        let copies = buffers |> List.map native
                        work kernel (Array.ofList copies)

                        let left = [
                            for values, copy in List.zip buffers copies do
                                for i in 0 .. values.Length - 1 -> float (NativePtr.get copy.Floats i)
                        ]

                        for copy in copies do
                            copy.Dispose()

                        left

                    let same name buffers work =
                        Expect.floatsClose
                            near
                            (after buffers work MixtureKernels.Narrow)
                            (after buffers work MixtureKernels.Best)
                            $"{name}, {components} components, {lanes} lanes"

                    let s, m, x =
                        uniform (components * inputs), uniform (components * inputs), uniform (rows * lanes)

                    let y, d = uniform (components * lanes), uniform (components * lanes)
                    use table = new NativeBuffer(64L)

                    let starts: nativeptr<int> =
                        NativePtr.ofNativeInt (NativePtr.toNativeInt table.Floats)

                    List.iteri (NativePtr.set starts) [ 1; 40; 83 ]

                    same "squares" [ s; m; x; y ] (fun kernel b ->
                        kernel.Squares(
                            b[0].Floats,
                            b[1].Floats,
                            components,
                            b[2].Floats,
                            starts,
                            runs,
                            length,
                            b[3].Floats,
                            lanes
                        ))

                    same "pulled squares" [ s; m; x; d; uniform (rows * lanes) ] (fun kernel b ->
                        kernel.PullSquares(
                            b[0].Floats,
                            b[1].Floats,
                            components,
                            b[2].Floats,
                            starts,
                            runs,
                            length,
                            b[3].Floats,
                            b[4].Floats,
                            lanes
                        ))

                    same "scores" [ y; uniform components ] (fun kernel b ->
                        kernel.Scores(b[0].Floats, b[1].Floats, components, lanes))

                    same "winners" [ y; uniform lanes; uniform lanes ] (fun kernel b ->
                        kernel.Winners(b[0].Floats, components, b[1].Floats, b[2].Floats, lanes))

                    same "softmax" [ y; uniform lanes ] (fun kernel b ->
                        kernel.Softmax(b[0].Floats, components, b[1].Floats, lanes))

                    same "pulled softmax" [ y; d ] (fun kernel b ->
                        kernel.PullSoftmax(b[0].Floats, b[1].Floats, components, lanes))

                    same "moments" [ x; uniform inputs; uniform inputs ] (fun kernel b ->
                        kernel.AddMoments(0.3f, b[0].Floats, b[1].Floats, b[2].Floats, inputs))

                    let won = Array.init lanes (fun lane -> float32 (lane * 7 % components))
                    let sums = uniform (components * MixtureKernels.Padded inputs)

                    let patches (b: NativeBuffer[]) work =
                        use table = new NativeBuffer(64L)

                        let places: nativeptr<nativeptr<float32>> =
                            NativePtr.ofNativeInt (NativePtr.toNativeInt table.Floats)

                        for run in 0 .. runs - 1 do
                            NativePtr.set places run (NativePtr.add b[0].Floats (run * length))

                        work places

                    // Images lie one after another, each as long as a patch.
                    same "patches" [ uniform (lanes * inputs); won; sums; sums ] (fun kernel b ->
                        patches b (fun places ->
                            for from, upTo in [ 0, 35; 35, inputs ] do
                                kernel.AddPatches(
                                    places,
                                    length,
                                    inputs,
                                    lanes,
                                    from,
                                    upTo,
                                    b[1].Floats,
                                    b[2].Floats,
                                    b[3].Floats,
                                    inputs
                                )))

                    same "small patches" [ uniform (lanes * inputs); won; sums; sums ] (fun kernel b ->
                        patches b (fun places ->
                            kernel.AddFew(
                                places,
                                2,
                                length,
                                inputs,
                                lanes,
                                b[1].Floats,
                                b[2].Floats,
                                b[3].Floats,
                                inputs
                            )))

                    same
                        "step"
                        [
                            uniform inputs
                            uniform inputs
                            uniform inputs
                            uniform inputs
                            uniform inputs
                        ]
                        (fun kernel b ->
                            kernel.Step(
                                b[0].Floats,
                                b[1].Floats,
                                b[2].Floats,
                                b[3].Floats,
                                b[4].Floats,
                                3.0f,
                                0.02f,
                                0.01f,
                                0.3f,
                                1.1f,
                                inputs
                            ))

                    same "sum of rows" [ x; uniform (rows * lanes) ] (fun kernel b ->
                        kernel.Add(0.7f, b[0].Floats, b[1].Floats, inputs * lanes - 3))

                    same "largest" [ x; y ] (fun kernel b ->
                        kernel.Largest(b[0].Floats, ReadOnlySpan [| 4; 0; 11 |], components, b[1].Floats, lanes))

                    let logs (kernel: MixtureKernels) =
                        let copy = native s
                        let sum = kernel.SumOfLogs(copy.Floats, s.Length)
                        copy.Dispose()
                        sum

                    let exact = s |> Array.sumBy (fun v -> log (float v))
                    let close = { absolute = 1e-4; relative = 1e-5 }
                    Expect.floatClose close (logs MixtureKernels.Narrow) exact "logarithms, narrow"
                    Expect.floatClose close (logs MixtureKernels.Best) exact "logarithms")
    ]

let tests = testList "layerwise scores" [ up; hidden; kernels ]
