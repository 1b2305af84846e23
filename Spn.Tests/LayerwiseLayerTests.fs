/// Layers of deep Gaussian mixtures: folding and pooling against brute force, sizes and counts of the paper, refusals, both surfaces.
module Spn.Tests.LayerwiseLayerTests

open System
open Spn
open Spn.Core
open Spn.Core.Layerwise
open Spn.Tests.LayerwiseNaive

let private roundings = [ PoolingRounding.Floor; PoolingRounding.Ceiling ]

/// Foldings of random images, with kernels and strides that fit them.
let private foldings = [
    for seed in 1..20 do
        let random = Random seed

        let kernel, stride, colours =
            random.Next(1, 5), random.Next(1, 4), random.Next(1, 4)

        let size () = kernel + stride * random.Next 4
        seed, LayerwiseSpec.For(size (), size (), colours).Folding(kernel, stride), kernel, stride
]

/// Poolings of random images; windows may overlap, leave cells out, or reach beyond the border.
let private poolings = [
    for seed in 1..30 do
        let random = Random seed
        let height, width, colours = random.Next(2, 9), random.Next(2, 9), random.Next(1, 4)
        let rounding = roundings[seed % 2]

        let most =
            if rounding = PoolingRounding.Ceiling then
                5
            else
                min height width

        let pooling =
            PoolingSpec(random.Next(1, most + 1), random.Next(1, 4), Rounding = rounding)

        seed, LayerwiseSpec.For(height, width, colours).With pooling, pooling
]

let private sparsely (pooling: PoolingSpec) =
    PoolingSpec(pooling.Kernel, pooling.Stride, Rounding = pooling.Rounding, Backward = PoolingBackward.Sparse)

/// What arrives at the images when a stage receives signals.
let private down (spec: LayerwiseSpec) (options: LayerwiseSampleOptions) stage count (signals: float32[]) =
    let plan = LayerwisePlan spec

    let numbers =
        LayerwiseNumbers(plan, ReadOnlySpan((spec.Compile()).Parameters.ToArray()))

    use descent = new LayerwiseDescent(numbers, options, count, 0)
    descent.Go(stage, ReadOnlySpan signals).ToArray()

let private signals count seed =
    let random = Random(seed: int)
    Array.init count (fun _ -> 0.1f + random.NextSingle())

let private shape (spec: LayerwiseSpec) = Seq.last (spec.Shapes())

let private sizeOf (spec: LayerwiseSpec) = spec.Height, spec.Width, spec.Colours

let private layers =
    testList "folding and pooling" [
        testCase "folding gathers patches as its formula says" (fun () ->
            for seed, spec, kernel, stride in foldings do
                let images = images spec 19 seed
                let model = spec.Compile()
                let made = model.Activities(images, 0)

                let expected = [|
                    for row in 0..18 do
                        yield! (fold kernel stride (image model images row)).Values
                |]

                Expect.equal (Array.map float made) expected $"{spec}")
        testCase "what folding hands down is the average of all copies, and 0 where there is none" (fun () ->
            for seed, spec, kernel, stride in foldings do
                // Where a number comes from: its place, folded.
                let _, columns, colours = sizeOf spec

                let places =
                    fold kernel stride (build (sizeOf spec) (fun r c k -> float ((r * columns + c) * colours + k)))

                let signals = signals (3 * places.Values.Length) seed
                let handed = down spec (LayerwiseSampleOptions()) 0 3 signals
                let numbers = spec.Height * spec.Width * spec.Colours

                let expected = [|
                    for image in 0..2 do
                        for place in 0 .. numbers - 1 do
                            let copies = [
                                for i in 0 .. places.Values.Length - 1 do
                                    if int places.Values[i] = place then
                                        float signals[image * places.Values.Length + i]
                            ]

                            if copies.IsEmpty then 0.0 else List.average copies
                |]

                Expect.floatsClose { absolute = 1e-6; relative = 1e-6 } (Seq.map float handed) expected $"{spec}")
        testCase "pooling takes the largest of each window" (fun () ->
            for seed, spec, pooling in poolings do
                let images = images spec 19 seed
                let model = spec.Compile()
                let expected = [ for row in 0..18 -> pool pooling (image model images row) ]
                let rows, columns, channels = expected[0].Size
                Expect.equal (shape spec) (LayerShape(rows, columns, channels)) $"size of {spec}"
                let made = model.Activities(images, 0) |> Array.map float
                Expect.equal made (expected |> Seq.collect _.Values |> Seq.toArray) $"{spec}")
        testCase
            "dense pooling hands a signal to the whole window and to cells that no window covers, sparse pooling to one cell of it"
            (fun () ->
                for seed, spec, pooling in poolings |> List.filter (fun (_, _, p) -> p.Stride >= p.Kernel) do
                    let height, width, colours = sizeOf spec
                    let rows, columns = windows pooling height, windows pooling width
                    let signals = signals (rows.Length * columns.Length * colours) seed

                    let dense = {
                        Size = height, width, colours
                        Values = Array.map float (down spec (LayerwiseSampleOptions()) 0 1 signals)
                    }

                    let thin = LayerwiseSpec.For(height, width, colours).With(sparsely pooling)

                    let sparse = {
                        dense with
                            Values = Array.map float (down thin (LayerwiseSampleOptions()) 0 1 signals)
                    }

                    for i in 0 .. rows.Length - 1 do
                        for j in 0 .. columns.Length - 1 do
                            let cells =
                                List.allPairs (within pooling height rows[i]) (within pooling width columns[j])

                            let signal = [
                                for k in 0 .. colours - 1 -> float signals[(i * columns.Length + j) * colours + k]
                            ]

                            let at grid (r, c) = [ for k in 0 .. colours - 1 -> at grid r c k ]
                            Expect.all (cells |> List.map (at dense)) ((=) signal) "every cell"
                            let chosen, others = cells |> List.map (at sparse) |> List.partition ((=) signal)
                            Expect.hasLength chosen 1 "one cell"
                            Expect.all others (List.forall ((=) -1.0)) "no signal elsewhere"

                    let silent = sparse.Values |> Array.filter ((=) -1.0) |> Array.length
                    // The last window that starts at or before a cell is the nearest to it, since windows do not overlap here.
                    let nearest starts i =
                        List.findIndexBack (fun start -> start <= i) starts

                    for r in 0 .. height - 1 do
                        for c in 0 .. width - 1 do
                            for k in 0 .. colours - 1 do
                                let window = nearest rows r * columns.Length + nearest columns c

                                Expect.equal
                                    (at dense r c k)
                                    (float signals[window * colours + k])
                                    "the nearest window"

                    Expect.equal silent (height * width * colours - signals.Length) "cells without a signal")
        testCase "sparse pooling chooses every cell of a window now and then" (fun () ->
            let spec = LayerwiseSpec.For(2, 2).With(sparsely (PoolingSpec(2, 2)))
            let handed = down spec (LayerwiseSampleOptions()) 0 400 (Array.create 400 1.0f)

            for cell in 0..3 do
                let times =
                    Seq.sumBy (fun image -> if handed[4 * image + cell] = 1.0f then 1 else 0) [ 0..399 ]

                Expect.isTrue (abs (times - 100) < 45) $"cell {cell}: {times} of 400")
        testCase "a mixture layer yields 0 where sparse pooling left no signal" (fun () ->
            let spec =
                LayerwiseSpec.For(4, 4, 2).Mixture(3).Pooling(2, 2, backward = PoolingBackward.Sparse)

            let handed = down spec (LayerwiseSampleOptions()) 1 5 (signals (5 * 4 * 3) 1)
            let silent = handed |> Array.chunkBySize 2 |> Array.filter ((=) [| 0.0f; 0.0f |])
            Expect.equal silent.Length (5 * 12) "three cells of each window")
    ]

let private instances =
    testList "instances of the paper" [
        for name, centroids, trained, sizes in
            [
                "A", 38_416L, 76_881L, [ 1 ]
                "B", 293_657L, 587_412L, [ 11; 1 ]
                "C", 243_236L, 486_570L, [ 21; 10; 1 ]
                "D", 40_850L, 81_799L, [ 26; 13; 10; 5; 1 ]
                "E", 186_625L, 373_349L, [ 26; 12; 1 ]
                "F", 50_850L, 101_824L, [ 26; 12; 5; 1 ]
                "G", 16_375L, 32_874L, [ 26; 13; 11; 6; 4; 2; 1 ]
            ] do
            testCase $"{name} has the sizes and numbers of parameters of the paper" (fun () ->
                let spec = Dcgmm.Of name
                Expect.equal spec.CentroidValues centroids "centroid values"
                Expect.equal spec.MixtureParameters trained "all that is trained"
                Expect.equal (int64 (spec.Compile().ParameterCount)) trained "the model has them"

                let distinct =
                    (spec.Shapes() |> Seq.map _.Height |> List.ofSeq, [])
                    ||> List.foldBack (fun height above ->
                        match above with
                        | next :: _ when next = height -> above
                        | _ -> height :: above)

                Expect.equal distinct sizes "sizes of the layers"
                Expect.all (spec.Shapes()) (fun s -> s.Height = s.Width) "all are square"

                Expect.equal
                    (Dcgmm.Of(name, independent = true).CentroidValues)
                    centroids
                    "the count of the paper is the same where cells have parameters of their own")
        testCase "the SVHN instance has 187,648 centroid values" (fun () ->
            let spec = Dcgmm.SvhnB()
            Expect.equal spec.CentroidValues 187_648L "centroid values"
            Expect.equal [ for s in spec.Shapes() -> s.Height ] [ 5; 5; 1; 1 ] "sizes"
            Expect.equal spec.MixtureParameters (25L * 64L * 865L + 100L * 3201L) "parameters of each cell")
        testCase "the classification instance reads its first mixture layer" (fun () ->
            let model = Dcgmm.Classification().Compile()
            let weights = model.Tensors |> Seq.find (fun t -> t.Name = "layer4.weights")
            Expect.equal (List.ofSeq weights.Shape) [ 10; 13 * 13 * 121 ] "weights")
        testCase "an unknown name is refused" (fun () ->
            for ask in [ (fun () -> ignore (Dcgmm.Of "H")); (fun () -> ignore (Dcgmm.Options "H")) ] do
                let error = Expect.raises<ArgumentException> ask "unknown"
                Expect.stringContains error.Message "There is no instance H; there are A, B" "the names")
        testCase "settings name the paper's exceptions" (fun () ->
            Expect.equal (Dcgmm.Options("A").WeightRate, Dcgmm.Options("A").DeviationRate) (0.5, 0.5) "A"
            Expect.equal (Dcgmm.Options("F").WeightRate, Dcgmm.Options("G").WeightRate) (0.0, 0.0) "F and G"

            Expect.equal
                [ for name in Dcgmm.Names -> Dcgmm.Options(name).Epochs ]
                [ 80; 80; 15; 20; 80; 80; 25 ]
                "epochs")
    ]

let private images8 = LayerwiseSpec.For(8, 8)

let private refusals =
    testList "refusals" [
        for name, spec, layer, property, advice in
            [
                "a patch larger than the image", images8.Folding(9), "Layer 1 of 1, F(9,1)", "patch larger", "at most 8"
                "a patch larger than what is left of it",
                images8.Folding(3).Mixture(4).Folding(7),
                "Layer 3 of 3, F(7,1)",
                "patch larger",
                "at most 6"
                "a window larger than the image", images8.Pooling(9, 1), "P(9,1)", "patch larger", "or ceiling rounding"
                "cells left over", images8.Folding(3, 2), "F(3,2)", "cells left over", "divides 5 and 5, such as 1"
                "a patch of nothing", images8.Folding(0), "F(0,1)", "below 1", "at least 1"
                "patches on one another", images8.Pooling(2, 0), "P(2,0)", "below 1", "at least 1"
                "no components", images8.Mixture(0), "G(0)", "no components", "at least 1"
                "as many factors as channels",
                images8.Folding(2).Mixture(4, factors = 4),
                "4 factors",
                "unfit number of factors",
                "0 to 3"
                "a negative number of factors",
                images8.Mixture(4, factors = -1),
                "Layer 1 of 1",
                "unfit number of factors",
                "0 to 0"
                "one class", images8.Mixture(4).Classifier(1), "C(1)", "too few classes", "at least 2"
                "a classifier at the bottom", images8.Classifier(2), "C(2)", "nothing to read", "on a mixture layer"
                "a layer above the classifier",
                images8.Mixture(4).Classifier(2).Mixture(4),
                "Layer 2 of 3, C(2)",
                "not on top",
                "last layer"
                "a classifier of what is not below",
                images8.Mixture(4).Classifier(2, 1),
                "C(2, reads 1)",
                "not below",
                "0 to 0"
                "a classifier of layers in disorder",
                images8.Mixture(4).Mixture(4).Classifier(2, 1, 0),
                "reads 1 and 0",
                "not ascending",
                "lowest first"
                "no image", LayerwiseSpec.For(8, 0).Mixture(4), "images", "empty", "at least 1"
            ] do
            testCase name (fun () ->
                let finding = Seq.exactlyOne (spec.Check())
                Expect.stringContains finding.Layer layer "where"
                Expect.stringContains finding.Property property "what"
                Expect.stringContains finding.Advice advice "the way out"

                let thrown =
                    Expect.raises<CircuitException> (fun () -> ignore (spec.Compile())) "it does not compile"

                Expect.equal (List.ofSeq thrown.Findings) [ finding ] "it says the same")
        testCase "all findings are listed at once" (fun () ->
            Expect.hasLength (images8.Mixture(0).Classifier(1).Mixture(4).Check()) 3 "three of them")
        testCase "a question that a stack cannot answer is refused with the way out" (fun () ->
            let spec = images8.Folding(8).Mixture(4)
            let model = spec.Compile()
            let few = images spec 2 1

            for ask, part in
                [
                    (fun () -> ignore (model.Scores(few, 0))), "Layer 0 is no mixture layer; those are 1"
                    (fun () -> ignore (model.Activities(few, 0))), "there are those of 1"
                    (fun () -> ignore (model.Activities(few, 2))), "there are those of 1"
                    (fun () -> ignore (images8.Folding(2).Compile().Scores few)), "no mixture layer"
                    (fun () -> model.SetParameters(ReadOnlySpan [| 1.0f |])), "1 were given"
                    (fun () -> model.SetParameters(ReadOnlySpan(Array.create model.ParameterCount nanf))), "is NaN"
                    (fun () -> model.SetParameters(ReadOnlySpan(Array.zeroCreate model.ParameterCount))), "above 0"
                ] do
                Expect.stringContains (Expect.raises<ArgumentException> ask part).Message part "reason"

            let error =
                Expect.raises<InvalidOperationException> (fun () -> ignore (model.Classify few)) "no classifier"

            Expect.stringContains error.Message "add one with Classifier" "the way out"

            for given, part in
                [
                    Evidence.From([| 0.5f; 0.5f |], 2), "have 2 values"
                    Evidence.From(Array.create 64 255.0f, 64), "such as 255"
                ] do
                let error =
                    Expect.raises<EvidenceException> (fun () -> ignore (model.Scores given)) part

                Expect.stringContains error.Message part "reason")
        testCase "no images are no error" (fun () ->
            let spec = images8.Folding(8).Mixture(4).Classifier(2)
            let none = Evidence.From(Array.empty<float32>, 64)
            let model = spec.Compile()
            Expect.isEmpty (model.Scores none) "scores"
            Expect.isEmpty (model.Classify none) "classes"
            Expect.equal (model.Complete(none).Count) 0 "completions"
            Expect.equal (model.Sample(0).Count) 0 "samples")
    ]

let private surfaces =
    let image = Variables.Image(height = 28, width = 28)

    testList "a stack in F# equals the one in C#" [
        for name, fsharp, csharp in
            [
                "instance B",
                Gmm.stack image [ Gmm.Folding(8, stride = 2); Gmm.Mixture 49; Gmm.Folding 11; Gmm.Mixture 49 ],
                Dcgmm.B()
                "instance G, lower layers independent",
                Gmm.stack image [
                    for kernel in [ 3; 3; 3 ] do
                        Gmm.Folding kernel
                        Gmm.Mixture(25, independent = true)
                        Gmm.Pooling(2, 2, rounding = PoolingRounding.Ceiling)
                    Gmm.Folding 2
                    Gmm.Mixture 49
                ],
                Dcgmm.G(independent = true)
                "colours, factors, losses and classes",
                Gmm.stack (Variables.Image(height = 8, width = 6, colours = 3)) [
                    Gmm.Folding 2
                    Gmm.Mixture(9, loss = MixtureLoss.Full, factors = 2)
                    Gmm.Pooling(2, 1, backward = PoolingBackward.Sparse)
                    Gmm.Mixture 4
                    Gmm.Classifier(10, reads = [ 1; 3 ])
                ],
                LayerwiseSpec
                    .For(8, 6, 3)
                    .Folding(2)
                    .Mixture(9, loss = MixtureLoss.Full, factors = 2)
                    .Pooling(2, 1, backward = PoolingBackward.Sparse)
                    .Mixture(4)
                    .Classifier(10, 1, 3)
            ] do
            testCase name (fun () ->
                Expect.isTrue (fsharp = csharp) $"\n{fsharp}\nequals\n{csharp}"
                Expect.equal (hash fsharp) (hash csharp) "equal values have equal hash codes")
        testCase "stacks that differ in a setting are not equal" (fun () ->
            let all = [
                for layer in
                    [
                        Gmm.Mixture 4
                        Gmm.Mixture 9
                        Gmm.Mixture(4, independent = true)
                        Gmm.Mixture(4, loss = MixtureLoss.Full)
                        Gmm.Mixture(4, factors = 1)
                        Gmm.Folding 2
                        Gmm.Folding(2, stride = 2)
                        Gmm.Pooling(2, 2)
                        Gmm.Pooling(2, 2, backward = PoolingBackward.Sparse)
                        Gmm.Pooling(2, 2, rounding = PoolingRounding.Ceiling)
                        Gmm.Classifier 4
                        Gmm.Classifier(4, reads = [ 0 ])
                    ] -> Gmm.stack image [ layer ]
            ]

            Expect.hasLength (List.distinct all) all.Length "all differ")
        testCase "a grid that is no image is refused" (fun () ->
            Expect.throwsT<ArgumentException>
                (fun () -> ignore (Gmm.stack (GridVariables(ValueList [ 7 ])) [ Gmm.Mixture 4 ]))
                "one axis")
    ]

let tests = testList "layerwise layers" [ layers; instances; refusals; surfaces ]
