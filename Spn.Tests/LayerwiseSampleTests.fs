/// The way down of deep Gaussian mixtures: draws, classes, sharpening and completions.
module Spn.Tests.LayerwiseSampleTests

open System
open Spn
open Spn.Core
open Spn.Core.Layerwise
open Spn.Tests.LayerwiseNaive

let private rows (evidence: Evidence) =
    Array.init evidence.Count (fun row -> evidence.Row(row).ToArray() |> Array.map float)

let private bits (evidence: Evidence) =
    evidence.Values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

let private column j (rows: float[][]) = rows |> Array.map (Array.item j)

/// Means and covariances of a mixture layer over whole images, from its parameters.
let private moments (model: LayerwiseModel) (shares: float[]) d factors =
    let part name =
        tensor model $"layer1.{name}" |> Array.map float |> Array.chunkBySize d

    let centres, inverses = part "centroids", part "inverse_deviations"
    let loadings = if factors = 0 then [||] else part "loadings"

    let mean j =
        Seq.sum (Seq.mapi (fun k share -> share * centres[k][j]) shares)

    let covariance i j =
        let about k =
            let shared =
                Seq.sum (
                    seq { for f in 0 .. factors - 1 -> loadings[k * factors + f][i] * loadings[k * factors + f][j] }
                )

            let own =
                ((if i = j then 1.0 else 0.0) + shared) / (inverses[k][i] * inverses[k][j])

            own + centres[k][i] * centres[k][j]

        Seq.sum (Seq.mapi (fun k share -> share * about k) shares) - mean i * mean j

    Array.init d mean, Array.init d (fun i -> Array.init d (covariance i))

let private draws =
    testList "draws" [
        for factors in [ 0; 2 ] do
            testCase $"samples of a known mixture with {factors} factors have its moments" (fun () ->
                let model =
                    settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(4, factors = factors)) 2 11

                let shares = tensor model "layer1.logits" |> Array.map float |> softmax
                let mean, covariance = moments model shares 4 factors

                let options =
                    LayerwiseSampleOptions(Choice = ComponentChoice.ByWeight, Divisor = 1.0, Top = 0)

                let drawn = rows (model.Sample(40_000, options))

                for i in 0..3 do
                    let deviation = sqrt (covariance[i][i])
                    let found = Array.average (column i drawn)
                    Expect.isLessThan (abs (found - mean[i])) (5.0 * deviation / 200.0) $"mean of number {i}"

                    for j in 0..3 do
                        let found =
                            Array.map2 (fun a b -> (a - mean[i]) * (b - mean[j])) (column i drawn) (column j drawn)
                            |> Array.average

                        let scale = deviation * sqrt (covariance[j][j])
                        Expect.isLessThan (abs (found - covariance[i][j])) (0.05 * scale) $"covariance of {i} and {j}")
        testCase "the divisor divides the noise" (fun () ->
            let model = settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(1)) 2 3

            let drawn divisor =
                rows (model.Sample(200, LayerwiseSampleOptions(Divisor = divisor)))

            let centre = tensor model "layer1.centroids" |> Array.map float
            let one, ten = drawn 1.0, drawn 10.0

            for row in 0..199 do
                for i in 0..3 do
                    Expect.floatClose
                        { absolute = 1e-5; relative = 1e-5 }
                        (10.0 * (ten[row][i] - centre[i]))
                        (one[row][i] - centre[i])
                        "a tenth of it"

            Expect.all (drawn infinity) ((=) centre) "no noise")
        testCase "a dimension whose deviation has learned nothing has no noise" (fun () ->
            let model = settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(1)) 2 3
            let inverse = tensor model "layer1.inverse_deviations"
            inverse[2] <- float32 (sqrt 20.0)
            let model = replaced model [ "layer1.inverse_deviations", inverse ]
            let drawn = rows (model.Sample(50, LayerwiseSampleOptions(Divisor = 1.0)))
            let centre = tensor model "layer1.centroids" |> Array.map float
            Expect.all (column 2 drawn) ((=) centre[2]) "the centroid itself"
            Expect.isGreaterThan (column 1 drawn |> Array.distinct).Length 40 "the others have noise")
        testCase "what a deviation has learned is told by the bound of its training" (fun () ->
            let model =
                replaced (settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(1)) 2 3) [
                    "layer1.inverse_deviations", [| 1.0f; float32 (sqrt 5.0); 1.5f; float32 (sqrt 20.0) |]
                ]

            let drawn =
                rows (model.Sample(50, LayerwiseSampleOptions(Divisor = 1.0, LargestPrecision = 5.0)))

            let values = [ for i in 0..3 -> (column i drawn |> Array.distinct).Length ]
            Expect.equal values[1] 1 "the one at the bound has no noise"
            Expect.isGreaterThan values[3] 40 "one at another bound has")
        testCase "components of the topmost layer are chosen as told" (fun () ->
            let model = settled (LayerwiseSpec.For(2, 2).Folding(2).Mixture(4)) 2 3

            let centres =
                tensor model "layer1.centroids" |> Array.map float |> Array.chunkBySize 4

            let chosen options =
                rows (model.Sample(4000, options))
                |> Array.map (fun row -> Array.findIndex ((=) row) centres)

            let options choice =
                LayerwiseSampleOptions(Divisor = infinity, Choice = choice)

            let frequencies chosen =
                Array.init 4 (fun k -> float (chosen |> Array.filter ((=) k) |> Array.length) / 4000.0)

            let near = { absolute = 0.04; relative = 0.0 }
            let shares = tensor model "layer1.logits" |> Array.map float |> softmax

            Expect.floatsClose
                near
                (frequencies (chosen (options ComponentChoice.Uniform)))
                (Array.create 4 0.25)
                "uniform"

            Expect.floatsClose near (frequencies (chosen (options ComponentChoice.ByWeight))) shares "by weight"
            Expect.equal (chosen (options ComponentChoice.Cycle)) (Array.init 4000 (fun i -> i % 4)) "cycle"
            let third = LayerwiseSampleOptions(Divisor = infinity, Component = Nullable 2)
            Expect.all (chosen third) ((=) 2) "a given one")
        testCase
            "what an upper layer draws is the prior of the layer below, of its largest entries, to a power"
            (fun () ->
                let spec = LayerwiseSpec.For(2, 2).Folding(2).Mixture(4).Mixture(1)
                let signal = [| 0.1f; 0.4f; -0.2f; 0.5f |]
                let model = replaced (settled spec 2 5) [ "layer2.centroids", signal ]

                let centres =
                    tensor model "layer1.centroids" |> Array.map float |> Array.chunkBySize 4

                for top in [ 0; 1; 2; 3; 4; 9 ] do
                    for power in [ 1.0; 2.0 ] do
                        let kept =
                            signal
                            |> Array.map (fun v -> (max 1e-6 (float v)) ** power)
                            |> fun all ->
                                let least =
                                    if top = 0 then
                                        0.0
                                    else
                                        (Array.sortDescending all)[min top 4 - 1]

                                all |> Array.map (fun v -> if v >= least then v else 0.0)

                        let options = LayerwiseSampleOptions(Divisor = infinity, Top = top, Power = power)

                        let drawn = rows (model.Sample(4000, options))

                        for k in 0..3 do
                            let times = drawn |> Array.filter ((=) centres[k]) |> Array.length

                            Expect.floatClose
                                { absolute = 0.04; relative = 0.0 }
                                (float times / 4000.0)
                                (kept[k] / Array.sum kept)
                                $"component {k} of the largest {top} to the power {power}")
        testCase "a high power takes the largest entry alone" (fun () ->
            let spec = LayerwiseSpec.For(2, 2).Folding(2).Mixture(4).Mixture(1)

            let model =
                replaced (settled spec 2 5) [ "layer2.centroids", [| 0.1f; 0.004f; 0.2f; 0.05f |] ]

            let centres =
                tensor model "layer1.centroids" |> Array.map float |> Array.chunkBySize 4

            let options = LayerwiseSampleOptions(Divisor = infinity, Top = 0, Power = 100.0)
            Expect.all (rows (model.Sample(50, options))) ((=) centres[2]) "component 2")
        testCase "entries as large as the last one kept stay in the draw" (fun () ->
            let spec = LayerwiseSpec.For(2, 2).Folding(2).Mixture(4).Mixture(1)
            let signal = [| 0.3f; 0.5f; 0.3f; 0.1f |]
            let model = replaced (settled spec 2 5) [ "layer2.centroids", signal ]
            let options = LayerwiseSampleOptions(Divisor = infinity, Top = 2)
            Expect.hasLength (rows (model.Sample(500, options)) |> Array.distinct) 3 "two and a tie")
        testCase "samples do not depend on threads, nor on how many are drawn" (fun () ->
            for name, spec in stacks do
                let sharpened = spec.Layers |> Seq.tryFindIndex (fun layer -> layer :? FoldingSpec)

                let options =
                    LayerwiseSampleOptions(
                        Seed = 5L,
                        Sharpenings =
                            ValueList [ for layer in Option.toList sharpened -> Sharpening(layer, Iterations = 2) ]
                    )

                let drawn threads count =
                    bits ((settled spec threads 2).Sample(count, options))

                let all = drawn 1 70
                Expect.equal (drawn 2 70) all $"{name}: threads"
                let each = all.Length / 70
                Expect.equal (drawn 2 33) all[.. 33 * each - 1] $"{name}: fewer"

                let other =
                    (settled spec 1 2).Sample(70, LayerwiseSampleOptions(Seed = 6L, Sharpenings = options.Sharpenings))

                Expect.notEqual (bits other) all $"{name}: another seed")
    ]

let private classes =
    testList "classes" [
        testCase "a class draws components by the classifier inverted" (fun () ->
            let spec = LayerwiseSpec.For(2, 2).Folding(2).Mixture(4).Classifier(3)
            let model = settled spec 2 9
            let weights, bias = tensor model "layer2.weights", tensor model "layer2.bias"

            let centres =
                tensor model "layer1.centroids" |> Array.map float |> Array.chunkBySize 4

            for wanted in 0..2 do
                let logits =
                    Array.init 3 (fun c -> log (if c = wanted then 0.9 else 0.05) - float bias[c])

                let signal =
                    Array.init 4 (fun i -> Seq.sum (seq { for c in 0..2 -> logits[c] * float weights[c * 4 + i] }))

                let kept = signal |> Array.map (fun v -> max 1e-6 (v - Array.min signal))

                let options = LayerwiseSampleOptions(Divisor = infinity, Top = 0, Confidence = 0.9)
                let drawn = rows (model.SampleClasses(Array.create 4000 wanted, options))

                for k in 0..3 do
                    let times = drawn |> Array.filter ((=) centres[k]) |> Array.length

                    Expect.floatClose
                        { absolute = 0.04; relative = 0.0 }
                        (float times / 4000.0)
                        (kept[k] / Array.sum kept)
                        $"class {wanted}, component {k}")
        testCase "classes that are not are refused" (fun () ->
            let model = (LayerwiseSpec.For(2, 2).Mixture(4).Classifier(3)).Compile()
            Expect.throwsT<ArgumentException> (fun () -> ignore (model.SampleClasses [| 0; 3 |])) "three of them"

            Expect.throwsT<InvalidOperationException>
                (fun () -> ignore ((LayerwiseSpec.For(2, 2).Mixture(4)).Compile().SampleClasses [| 0 |]))
                "no classifier")
    ]

let private sharpening =
    testList "sharpening" [
        for name, spec in stacks |> List.filter (fun (_, spec) -> spec.Layers[0] :? FoldingSpec) do
            testCase $"small steps raise the loss of every mixture layer above: {name}" (fun () ->
                let model = settled spec 2 6

                for target in model.MixtureLayers do
                    let losses sharpenings =
                        let options =
                            LayerwiseSampleOptions(Sharpenings = ValueList(sharpenings: Sharpening list))
                        // Drawn images may lie outside [0, 1], further than images that are given.
                        let drawn = model.Sample(12, options)

                        [|
                            for row in 0..11 ->
                                let made = run model (parameters model) 0 (image model drawn row)
                                loss model (parameters model) target 0.0 made[target]
                        |]

                    let mutable before = losses []

                    for iterations in [ 1; 2; 4; 8 ] do
                        let now =
                            losses [
                                Sharpening(0, Target = Nullable target, Iterations = iterations, Rate = 0.01)
                            ]

                        for row in 0..11 do
                            Expect.isGreaterThanOrEqual
                                now[row]
                                (before[row] - 1e-5)
                                $"image {row} after {iterations} steps for layer {target}"

                        Expect.isGreaterThan (Array.average now) (Array.average before) "it rises"
                        before <- now)
        testCase "a step follows the gradient" (fun () ->
            let spec = LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Folding(2).Mixture(4)
            let model = settled spec 2 6
            let values = parameters model
            let plain = model.Sample 3

            for target in model.MixtureLayers do
                let options =
                    LayerwiseSampleOptions(
                        Sharpenings = ValueList [ Sharpening(0, Target = Nullable target, Iterations = 1, Rate = 0.1) ]
                    )

                let moved = model.Sample(3, options)

                for row in 0..2 do
                    let start = image model plain row

                    let loss numbers =
                        let made = run model values 0 { start with Values = numbers }
                        loss model values target 0.0 made[target]

                    for i in 0..15 do
                        Expect.floatClose
                            { absolute = 1e-3; relative = 1e-3 }
                            (float (moved.Row(row)[i] - plain.Row(row)[i]) / 0.1)
                            (slope loss start.Values i)
                            $"image {row}, pixel {i}, layer {target}")
        testCase "the next mixture layer above is the target unless told" (fun () ->
            let spec = LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Folding(2).Mixture(4)
            let model = settled spec 2 6

            let drawn sharpening =
                bits (model.Sample(5, LayerwiseSampleOptions(Sharpenings = ValueList [ sharpening ])))

            Expect.equal (drawn (Sharpening 0)) (drawn (Sharpening(0, Target = Nullable 1))) "layer 1"
            Expect.notEqual (drawn (Sharpening 0)) (drawn (Sharpening(0, Target = Nullable 3))) "not layer 3"
            Expect.notEqual (drawn (Sharpening 2)) (drawn (Sharpening 0)) "an upper layer is sharpened too")
        testCase "a penalty keeps signals near where they were" (fun () ->
            let model = settled (LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4)) 2 6

            let sharpened penalty =
                let options =
                    LayerwiseSampleOptions(
                        Sharpenings = ValueList [ Sharpening(0, Iterations = 200, Rate = 0.05, Penalty = penalty) ]
                    )

                rows (model.Sample(20, options))

            let plain = rows (model.Sample 20)

            let distance other =
                Array.map2 (fun a b -> Array.map2 (fun x y -> (x - y) ** 2.0) a b |> Array.average) plain other
                |> Array.average

            let distances = [ for penalty in [ 0.0; 1.0; 10.0 ] -> distance (sharpened penalty) ]
            Expect.isGreaterThan distances[0] (1.5 * distances[1]) "nearer"
            Expect.isGreaterThan distances[1] (1.5 * distances[2]) "nearer still"
            Expect.isGreaterThan distances[2] 0.0 "yet not the same")
    ]

let private completion =
    testList "completion" [
        testCase "visible pixels stay, hidden ones come from the mixture that explains what is known" (fun () ->
            let spec = LayerwiseSpec.For(3, 3).Folding(3).Mixture(9)
            let model = settled spec 2 12
            let values = parameters model
            let images = (images spec 40 1).HideAtRandom 0.5

            let centres =
                tensor model "layer1.centroids" |> Array.map float |> Array.chunkBySize 9

            let options = LayerwiseSampleOptions(Top = 1, Divisor = infinity)

            for by, unknown in [ LayerwiseCompletion.ZeroFill, 0.0; LayerwiseCompletion.Marginal, nan ] do
                let filled = model.Complete(images, by, options)
                Expect.isFalse filled.HasHidden "nothing is hidden"

                for row in 0..39 do
                    let seen =
                        Array.init 9 (fun i ->
                            if images.IsHidden(row, i) then
                                unknown
                            else
                                float (images.Row(row)[i]))

                    let scores = scores model values 1 0 seen
                    let centre = centres[Array.IndexOf(scores, Array.max scores)]

                    let expected =
                        Array.init 9 (fun i -> if images.IsHidden(row, i) then centre[i] else seen[i])

                    Expect.equal (filled.Row(row).ToArray() |> Array.map float) expected $"{by}, image {row}")
        testCase "completions of another seed differ where draws do" (fun () ->
            let spec = LayerwiseSpec.For(3, 3).Folding(3).Mixture(9)
            let model = settled spec 2 12
            let images = (images spec 40 1).HideAtRandom 0.5

            let filled seed =
                bits (model.Complete(images, options = LayerwiseSampleOptions(Seed = seed)))

            Expect.equal (filled 1L) (filled 1L) "the same seed"
            Expect.notEqual (filled 1L) (filled 2L) "another")
    ]

let tests = testList "layerwise samples" [ draws; classes; sharpening; completion ]
