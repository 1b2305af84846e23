/// Training of deep Gaussian mixtures: annealing, its controller, delays, a plain mixture step by step, ends and refusals.
module Spn.Tests.LayerwiseTrainingTests

// The filter of annealing is given by its address.
#nowarn "9"

open System
open Microsoft.FSharp.NativeInterop
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise
open Spn.Core.Training
open Spn.Tests.LayerwiseNaive

let bits (model: LayerwiseModel) =
    model.Parameters.ToArray() |> Array.map BitConverter.SingleToInt32Bits

let private digits =
    lazy
        (let grey = Digits.LoadGrey()
         let unit = Evidence.inUnitsOf 16.0
         unit grey.Train, nonNull grey.TrainLabels, unit grey.Test, nonNull grey.TestLabels)

/// Images of three blurred patterns.
let patterns count seed =
    let random = RandomStream(int64 seed, "patterns")

    let centres = Array.init 3 (fun _ -> Array.init 16 (fun _ -> random.NextDouble()))

    Evidence.From(
        [|
            for _ in 1..count do
                let centre = centres[random.NextInt 3]

                for c in centre -> float32 (c + 0.1 * random.NextNormal())
        |],
        16
    )

let whole components =
    LayerwiseSpec.For(4, 4).Folding(4).Mixture components

/// A plain Gaussian mixture fitted by gradient ascent with annealing and its controller, in doubles.
let private plain (model: LayerwiseModel) (images: Evidence) (options: LayerwiseOptions) =
    let k, d = 9, 16
    let values = parameters model

    let logits, centres, inverses =
        values[.. k - 1], values[k .. k + k * d - 1], values[k + k * d ..]

    let perEpoch = images.Count / options.BatchSize
    let window = int (1.0 / options.EndRate)
    let mutable radius, rate = 0.25 * sqrt (2.0 * float k), options.StartRate
    let radii, losses, means = ResizeArray(), ResizeArray(), ResizeArray()

    for step in 0 .. perEpoch * options.Epochs - 1 do
        let order =
            RandomStream(options.Seed, "layerwise order", int64 (step / perEpoch)).Permutation images.Count

        let batch = order[step % perEpoch * options.BatchSize ..][.. options.BatchSize - 1]
        let smooth = filter k radius

        let byLogit, byCentre, byInverse =
            Array.zeroCreate k, Array.zeroCreate (k * d), Array.zeroCreate (k * d)

        let shares = softmax logits
        let mutable total = 0.0

        for row in batch do
            let x = images.Row(row).ToArray() |> Array.map float

            let scores =
                Array.init k (fun i ->
                    let mutable score = log shares[i] - float d / 2.0 * log (2.0 * Math.PI)

                    for j in 0 .. d - 1 do
                        let s, offset = inverses[i * d + j], x[j] - centres[i * d + j]
                        score <- score + log s - 0.5 * s * s * offset * offset

                    score)

            let smoothed =
                smooth
                |> Array.map (fun row -> Array.fold2 (fun sum g v -> sum + g * v) 0.0 row scores)

            let winner = Array.IndexOf(smoothed, Array.max smoothed)
            total <- total + smoothed[winner]

            for i in 0 .. k - 1 do
                let share = smooth[winner][i] / float batch.Length
                byLogit[i] <- byLogit[i] + share - shares[i] / float batch.Length

                for j in 0 .. d - 1 do
                    let s, offset = inverses[i * d + j], x[j] - centres[i * d + j]
                    byCentre[i * d + j] <- byCentre[i * d + j] + share * s * s * offset
                    byInverse[i * d + j] <- byInverse[i * d + j] + share * (1.0 / s - s * offset * offset)

        for i in 0 .. k - 1 do
            logits[i] <- logits[i] + rate * options.WeightRate * byLogit[i]

        for i in 0 .. k * d - 1 do
            centres[i] <- centres[i] + rate * options.CentreRate * byCentre[i]

            inverses[i] <-
                inverses[i] + rate * options.DeviationRate * byInverse[i]
                |> max options.LeastDeviation
                |> min (sqrt options.LargestPrecision)

        losses.Add(total / float batch.Length)

        if losses.Count % window = 0 then
            means.Add(Seq.average (Seq.skip (losses.Count - window) losses))

            if means.Count >= 3 then
                let now, before = means[means.Count - 1], means[means.Count - 2]
                let change = (now - before) / (before - means[0])

                if -2.0 * options.Plateau < change && change < options.Plateau then
                    radius <- max (0.9 * radius) options.EndRadius
                    rate <- max (0.9 * rate) options.EndRate

        radii.Add radius

    Array.concat [ logits; centres; inverses ], List.ofSeq losses, List.ofSeq radii

let private steps =
    testList "a plain mixture" [
        testCase
            "one layer is a Gaussian mixture fitted by the same steps, annealing and controller included"
            (fun () ->
                let model, images = (whole 9).Compile(4L, 1), patterns 300 1

                let options =
                    LayerwiseOptions(
                        Epochs = 12,
                        BatchSize = 30,
                        StartRate = 0.14,
                        EndRate = 0.1,
                        CentreRate = 0.2,
                        DeviationRate = 0.1,
                        Points = 120,
                        Plateau = 0.3,
                        Seed = 3L
                    )

                let expected, losses, radii = plain model images options
                let report = model.Fit(images, options)
                Expect.equal report.Steps 120 "steps"
                let near = { absolute = 2e-4; relative = 2e-4 }
                Expect.floatsClose near (report.Curve |> Seq.map (fun p -> p.Train[0])) losses "the loss of every step"

                Expect.floatsClose
                    near
                    (report.Curve |> Seq.map (fun p -> p.Radii[0]))
                    radii
                    "the radius after every step"

                Expect.isLessThan (List.last radii) (0.75 * radii[0]) "the controller acted"
                Expect.isGreaterThan (List.last losses) (losses[0] + 10.0) "it learned"
                Expect.floatsClose near (parameters model) expected "parameters")
    ]

let private annealing =
    testList "annealing" [
        testCase "every row of the filter sums to one, and it looks the same from every component" (fun () ->
            for components in [ 4; 9; 25; 49 ] do
                for radius in [ 0.3; 1.0; 3.0 ] do
                    use annealing =
                        new Annealing(components, LayerwiseOptions(StartRadius = Nullable radius))

                    let side = int (sqrt (float components))

                    let g k i =
                        float (NativePtr.get annealing.Filter (k * components + i))

                    let expected = filter components radius

                    for k in 0 .. components - 1 do
                        let row = Array.init components (g k)
                        Expect.floatClose { absolute = 1e-6; relative = 0.0 } (Array.sum row) 1.0 "a row"
                        Expect.floatsClose { absolute = 1e-6; relative = 1e-5 } row expected[k] "its definition"

                        for i in 0 .. components - 1 do
                            Expect.equal (g k i) (g i k) "symmetric"
                            let down = (i / side - k / side + side) % side
                            let right = (i % side - k % side + side) % side
                            Expect.floatClose Accuracy.medium (g k i) (g 0 (down * side + right)) "round the torus")
        testCase "the controller lowers radius and step size where the loss stands still, and only there" (fun () ->
            let options =
                LayerwiseOptions(StartRate = 0.8, EndRate = 0.5, StartRadius = Nullable 2.0, EndRadius = 1.5)

            use annealing = new Annealing(9, options)
            // Means of windows of two steps, and how often radius and step size have fallen then.
            let series = [
                -10.0, 0 // the first, which changes are measured by
                -6.0, 0 // nothing is compared before the third
                -5.9, 1 // 0.1 / 4, below 0.05
                -5.0, 1 // 0.9 / 4.1
                -5.4, 2 // -0.4 / 5, above -0.1
                -6.5, 2 // -1.1 / 4.6
                -6.5, 3 // no change; the radius reaches its bound
                -6.5, 4
                -6.5, 5 // and so does the step size
                -6.5, 6
            ]

            for mean, falls in series do
                annealing.Add(mean - 1.0)
                annealing.Add(mean + 1.0)
                let lowered start least = max least (start * pown 0.9 falls)
                Expect.floatClose Accuracy.high annealing.Radius (lowered 2.0 1.5) $"radius after {mean}"
                Expect.floatClose Accuracy.high annealing.Rate (lowered 0.8 0.5) $"step size after {mean}")
        testCase "the radius starts at a quarter of the grid's diagonal and ends where nothing is smoothed" (fun () ->
            use annealing = new Annealing(49, LayerwiseOptions())
            Expect.floatClose Accuracy.high annealing.Radius (0.25 * sqrt 98.0) "start"
            Expect.isFalse annealing.IsIdentity "it smooths"

            for radius in [ 0.0; 0.01 ] do
                use sharp = new Annealing(49, LayerwiseOptions(StartRadius = Nullable radius))
                Expect.isTrue sharp.IsIdentity $"radius {radius}")
    ]

let private deep =
    LayerwiseSpec.For(8, 8).Folding(4, 2).Mixture(16).Folding(3).Mixture(9)

/// One epoch of which every step is told.
let private brief delays seed =
    let delays: ValueList<float> | null =
        delays
        |> Option.map (fun list -> ValueList<float>(list: float list))
        |> Option.toObj

    LayerwiseOptions(Epochs = 1, BatchSize = 50, Points = 1000, Delays = delays, Seed = seed)

/// Larger steps than the paper's, whose sets have fifty times as many images.
let private quick epochs =
    LayerwiseOptions(
        Epochs = epochs,
        BatchSize = 20,
        StartRate = 0.05,
        EndRate = 0.05,
        Points = 10,
        ClassifierRate = 0.2
    )

let private runs =
    testList "runs" [
        testCase "a layer that has not started does not change" (fun () ->
            let train, _, _, _ = digits.Value
            let model = deep.Compile(2L, 1)

            let before = model.Tensors |> Seq.map (fun t -> t.Name, tensor model t.Name) |> dict

            let options = brief (Some [ 0.0; 0.98 ]) 1L
            let report = model.Fit(train, options)
            Expect.equal report.Steps 25 "25 steps, the last at 0.96"

            for KeyValue(name, values) in before do
                if name.StartsWith "layer3" then
                    Expect.equal (tensor model name) values name
                else
                    Expect.notEqual (tensor model name) values name

            Expect.all report.Curve (fun point -> Double.IsFinite point.Train[0]) "the first layer tells its loss"
            Expect.all report.Curve (fun point -> Double.IsNaN point.Train[1]) "the second has none")
        testCase "layers start one after another" (fun () ->
            let train, _, _, _ = digits.Value
            let report = (deep.Compile(2L, 1)).Fit(train, brief (Some [ 0.0; 0.4 ]) 1L)

            let started =
                report.Curve
                |> Seq.filter (fun p -> Double.IsFinite p.Train[1])
                |> Seq.map _.Step

            Expect.equal (List.ofSeq started) [ 11..25 ] "from 0.4 of the steps on")
        testCase "the same seed gives the same bits on any number of threads, another seed others" (fun () ->
            let train, labels, _, _ = digits.Value
            let train = train |> Evidence.rows [ 0..299 ]
            let labels = labels[..299]

            for spec in
                [
                    deep
                    LayerwiseSpec.For(8, 8).Folding(8).Mixture(49)
                    LayerwiseSpec.For(8, 8).Folding(4, 2).Mixture(4, independent = true, loss = MixtureLoss.Full)
                    LayerwiseSpec.For(8, 8).Folding(4, 4).Mixture(4, factors = 2).Classifier(10)
                ] do
                let fitted threads seed =
                    let model = spec.Compile(seed, threads)

                    if Seq.last spec.Layers :? ClassifierSpec then
                        model.Fit(train, brief None seed, labels) |> ignore
                    else
                        model.Fit(train, brief None seed) |> ignore

                    bits model

                let first = fitted 1 1L
                Expect.equal (fitted 2 1L) first $"{spec}: two threads"
                Expect.equal (fitted 3 1L) first $"{spec}: three threads"
                Expect.notEqual (fitted 1 2L) first $"{spec}: another seed")
        testCase "the order of the samples is the only part of a training that its seed changes" (fun () ->
            let train, _, _, _ = digits.Value
            let train = train |> Evidence.rows [ 0..49 ]

            let fitted seed =
                let model = deep.Compile(1L, 1)
                model.Fit(train, brief None seed) |> ignore
                parameters model

            Expect.floatsClose { absolute = 1e-5; relative = 1e-5 } (fitted 1L) (fitted 2L) "one batch of all")
        testCase "digits are learned: losses rise, classes are told right, outliers score low" (fun () ->
            let train, labels, test, testLabels = digits.Value

            let spec =
                LayerwiseSpec
                    .For(8, 8)
                    .Folding(4, 2)
                    .Mixture(49, independent = true)
                    .Folding(3)
                    .Mixture(16)
                    .Classifier(10, 1)

            let model = spec.Compile(1L, 1)
            let options = quick 40
            let report = model.Fit(train, options, labels, test, testLabels)
            Expect.equal report.End TrainingEnd.Finished "it finished"
            Expect.hasLength report.Curve 10 "points"
            let first, last = report.Curve[0], Seq.last report.Curve

            // The upper layer's falls while the lower one learns to say more.
            Expect.isGreaterThan last.Valid[0] (first.Valid[0] + 3.0) "the lower loss rises throughout"

            for layer in 0..1 do
                let least = report.Curve |> Seq.map (fun point -> point.Valid[layer]) |> Seq.min
                Expect.isGreaterThan last.Valid[layer] least $"loss of mixture {layer} rises in the end"
                Expect.isLessThan last.Radii[layer] first.Radii[layer] $"mixture {layer} anneals"

            let told = model.Classify test

            let right =
                Array.map2 (fun a b -> if a = b then 1.0 else 0.0) told testLabels
                |> Array.average

            Expect.floatClose Accuracy.high last.Accuracy.Value right "the accuracy of the curve"
            Expect.isGreaterThan right 0.95 "classes"

            let average (layer: int) images =
                Array.average (model.Scores(images, layer))

            for point, layer in Seq.indexed model.MixtureLayers do
                Expect.floatClose Accuracy.medium (average layer test) last.Valid[point] "the loss of the curve"

            let random = images spec 359 1
            Expect.isGreaterThan (average 1 test) (average 1 random + 10.0) "noise is an outlier")
        testCase "a plain mixture gives the outliers away" (fun () ->
            let train, labels, test, testLabels = digits.Value

            let inliers =
                train
                |> Evidence.rows [
                    for i in 0 .. labels.Length - 1 do
                        if labels[i] <> 0 then
                            i
                ]

            let model = LayerwiseSpec.For(8, 8).Folding(8).Mixture(25).Compile(1L, 1)
            model.Fit(inliers, quick 40) |> ignore
            let scores = model.Scores test

            let zeros, others =
                Array.zip testLabels scores |> Array.partition (fun (label, _) -> label = 0)

            let below =
                Seq.allPairs zeros others
                |> Seq.averageBy (fun ((_, zero), (_, other)) -> if zero < other then 1.0 else 0.0)

            Expect.isGreaterThan below 0.95 "zeros score lower than other digits")
    ]

let tests = testList "layerwise training" [ steps; annealing; runs ]
