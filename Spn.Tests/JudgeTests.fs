/// The convolutional judge: its arithmetic against the definition, its sizes, its training.
module Spn.Tests.JudgeTests

open System
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines
open Spn.Core.Judging
open Spn.Core.Plans
open Spn.Core.Training

/// Logits of an image by the definition, in doubles.
let private logits (network: JudgeNetwork) (parameters: float[]) (dropped: DropoutLayer -> int -> float) image =
    let at (grid: Grid) row column channel =
        (row * grid.Width + column) * grid.Channels + channel

    let through (x: float[]) (layer: JudgeLayer) =
        let cells make = [|
            for row in 0 .. layer.Out.Height - 1 do
                for column in 0 .. layer.Out.Width - 1 do
                    for channel in 0 .. layer.Out.Channels - 1 -> make row column channel
        |]

        match layer with
        | :? DropoutLayer as own -> x |> Array.mapi (fun i value -> value * dropped own i)
        | :? PoolLayer ->
            cells (fun row column channel ->
                List.max [
                    for i in 0..1 do
                        for j in 0..1 -> x[at layer.In (2 * row + i) (2 * column + j) channel]
                ])
        | :? ConvolutionLayer as own ->
            cells (fun row column k ->
                let mutable sum = parameters[own.Offset + own.Weights + k]

                for i in 0 .. own.KernelHeight - 1 do
                    for j in 0 .. own.KernelWidth - 1 do
                        for c in 0 .. own.In.Channels - 1 do
                            let weight = ((i * own.KernelWidth + j) * own.In.Channels + c) * own.Channels + k
                            sum <- sum + parameters[own.Offset + weight] * x[at own.In (row + i) (column + j) c]

                if own.Relu then max sum 0.0 else sum)
        | other -> failwith $"{other}"

    Seq.fold through image network.Layers

let private logSoftmax (values: float[]) =
    let all = LogSum.Of(ReadOnlySpan values)
    values |> Array.map (fun v -> v - all)

let private keepsAll (_: DropoutLayer) (_: int) = 1.0

/// A network with every kind of layer, numbers of channels that fill no vector, and an odd row that a pool leaves out.
let private network =
    JudgeNetwork.For(Grid(14, 13, 3), classes = 4, filters = 5, units = 7)

let private highest = 2.0

let private imagesOf count seed =
    let random = RandomStream(seed, "images")
    Evidence.From(Array.init (count * 14 * 13 * 3) (fun _ -> float32 (random.NextNormal())), 14 * 13 * 3)

let private images = imagesOf 13 1L
let private labels = Array.init 13 (fun i -> i * i % 4)
let private rows = [| for i in 0..12 -> (7 * i + 3) % 13 |]

let private pixels row = [| for value in images.Row(row).ToArray() -> float value / highest |]

let private parameters =
    let own = network.FirstParameters 3L
    let random = RandomStream(5L, "biases")
    // Biases too, and larger weights: nothing is left at 0.
    own |> Array.map (fun w -> 1.5f * w + 0.05f * float32 (random.NextNormal()))

let private withSession narrow threads work =
    use session = JudgeSession.Bind(network, highest, threads, narrow)
    session.SetParameters(ReadOnlySpan parameters)
    work session

let private gradient narrow threads (dropout: Dropout | null) =
    withSession narrow threads (fun session ->
        let result = Array.zeroCreate<float32> parameters.Length
        let sum = session.Gradient(images, labels, ReadOnlySpan rows, dropout, Span result)
        sum, result)

let private widths = [ "wide", false; "narrow", true ]

let private arithmetic =
    testList "arithmetic" [
        for name, narrow in widths do
            testCase $"forward equals the definition, {name} vectors" (fun () ->
                let result = Array.zeroCreate<float>(rows.Length * 4)
                withSession narrow 2 (fun session -> session.Classes(images, ReadOnlySpan rows, Span result))
                let doubles = parameters |> Array.map float

                for i in 0 .. rows.Length - 1 do
                    let expected = logSoftmax (logits network doubles keepsAll (pixels rows[i]))

                    for c in 0..3 do
                        Expect.floatClose
                            { absolute = 1e-5; relative = 1e-5 }
                            result[i * 4 + c]
                            expected[c]
                            $"row {i}, class {c}")

            testCase $"gradients of all layers match differences, {name} vectors" (fun () ->
                let dropout = Dropout(0.2, 11L)
                let sum, found = gradient narrow 2 dropout
                let doubles = parameters |> Array.map float

                let dropped image (layer: DropoutLayer) at =
                    if dropout.Noise(layer.Number, image, at) < dropout.Threshold then
                        0.0
                    else
                        1.25

                let total () =
                    Seq.sum [
                        for i in 0 .. rows.Length - 1 ->
                            (logSoftmax (logits network doubles (dropped i) (pixels rows[i])))[labels[rows[i]]]
                    ]

                Expect.floatClose { absolute = 1e-4; relative = 1e-5 } sum (total ()) "sum"

                let chosen = [
                    for layer in network.Convolutions do
                        for part in 0..3 do
                            yield layer.Offset + part * (layer.Weights - 1) / 3

                        yield layer.Offset + layer.Weights
                        yield layer.Offset + layer.Parameters - 1
                ]

                for at in chosen do
                    let step = 1e-6
                    let before = doubles[at]
                    doubles[at] <- before + step
                    let above = total ()
                    doubles[at] <- before - step
                    let below = total ()
                    doubles[at] <- before

                    Expect.floatClose
                        { absolute = 2e-4; relative = 2e-4 }
                        (float found[at])
                        ((above - below) / (2.0 * step))
                        $"parameter {at}"

                Expect.isTrue (chosen |> List.filter (fun at -> found[at] <> 0f) |> List.length > 30) "most are not 0")

        testCase "one thread and three give the same bits" (fun () ->
            let dropout = Dropout(0.1, 2L)
            let one, three = gradient false 1 dropout, gradient false 3 dropout
            Expect.isTrue (one = three) "gradients"

            let data = Digits.LoadGrey()

            let trained threads =
                Judge.train (JudgeOptions(Epochs = 1, Threads = threads)) data

            let one, three = trained 1, trained 3
            Expect.isTrue (one.Parameters.ToArray() = three.Parameters.ToArray()) "parameters"
            Expect.isTrue (one.Probabilities data.Test = three.Probabilities data.Test) "probabilities")

        testCase "a batch gives what its images give one by one" (fun () ->
            withSession false 1 (fun session ->
                let one = Array.zeroCreate<float32> parameters.Length
                let sum = Array.zeroCreate<float> parameters.Length

                for row in rows do
                    session.Gradient(images, labels, ReadOnlySpan [| row |], null, Span one)
                    |> ignore

                    one |> Array.iteri (fun i g -> sum[i] <- sum[i] + float g)

                let _, together = gradient false 1 null

                for i in 0 .. sum.Length - 1 do
                    Expect.floatClose { absolute = 1e-4; relative = 1e-4 } (float together[i]) sum[i] $"{i}"))
    ]

let private sizes =
    testList "sizes" [
        testCase "cells and parameters of the published layers" (fun () ->
            let network = JudgeOptions().Check()
            let sides = [ for layer in network.Layers -> layer.Out.Height ]
            Expect.equal sides [ 28; 26; 24; 12; 10; 5; 3; 1; 1; 1; 1; 1; 1 ] "sides"
            let convolutions = 9 * 64 + 64 + 3 * (9 * 64 * 64 + 64)
            let dense = (64 + 350 + 350) * 350 + 3 * 350 + 350 * 10 + 10
            Expect.equal network.ParameterCount (convolutions + dense) "parameters")
        testCase "on other sizes convolutions end before the first that does not fit" (fun () ->
            let sides height width colours = [
                for layer in JudgeOptions(Height = height, Width = width, Colours = colours).Check().Convolutions ->
                    layer.In.Height, layer.In.Width, layer.KernelHeight
            ]

            Expect.equal (sides 8 8 1) [ 8, 8, 3; 6, 6, 3; 2, 2, 2; 1, 1, 1; 1, 1, 1; 1, 1, 1 ] "8 x 8"

            Expect.equal
                (sides 32 32 3)
                [ 32, 32, 3; 30, 30, 3; 14, 14, 3; 6, 6, 3; 2, 2, 2; 1, 1, 1; 1, 1, 1; 1, 1, 1 ]
                "32 x 32"

            Expect.equal (sides 2 5 1) [ 2, 5, 2; 1, 1, 1; 1, 1, 1; 1, 1, 1 ] "2 x 5")
    ]

let private share (images: Evidence) (labels: int[] | null) judge =
    judge |> Judge.accuracy images (Unchecked.nonNull labels)

/// Bright in one half: the class is the half.
let private halves colours count =
    let random = RandomStream(9L, "halves", int64 colours)
    let labels = Array.init count (fun i -> i % 2)

    let values = [|
        for i in 0 .. count - 1 do
            for _ in 0..31 do
                for column in 0..31 do
                    for _ in 1..colours -> (if column / 16 = labels[i] then 0.3f else 0f) + 0.5f * random.NextSingle()
    |]

    Evidence.From(values, 32 * 32 * colours), labels

let private training =
    testList "training" [
        testCase "the built-in digits are learned" (fun () ->
            let data = Digits.LoadGrey()
            let judge = data |> Judge.train (JudgeOptions(Epochs = 6))
            Expect.isGreaterThan (judge |> share data.Test data.TestLabels) 0.95 "test"
            let report = Unchecked.nonNull judge.Training
            Expect.equal report.End TrainingEnd.Finished "end"
            Expect.equal report.Curve.Count 6 "points"
            let last = report.Curve[5]
            Expect.isGreaterThan last.Train report.Curve[0].Train "learns"
            Expect.equal last.Accuracy (Nullable(judge |> share data.Valid data.ValidLabels)) "validation")
        testCase "coloured images of 32 x 32 are told apart" (fun () ->
            let images, labels = halves 3 60

            let options =
                JudgeOptions(
                    Height = 32,
                    Width = 32,
                    Colours = 3,
                    Highest = 1.0,
                    Classes = 2,
                    Epochs = 3,
                    BatchSize = 20
                )

            let judge = CnnJudge.Train(images, labels, options)
            Expect.equal (judge.Accuracy(images, labels)) 1.0 "accuracy")
        testCase "probabilities sum to one and the likeliest class is the answer" (fun () ->
            let data = Digits.LoadGrey()
            let judge = data |> Judge.train (JudgeOptions(Epochs = 1))
            let probabilities = judge.Probabilities data.Test |> Array.chunkBySize 10

            for own in probabilities do
                Expect.floatClose { absolute = 1e-9; relative = 0.0 } (Array.sum own) 1.0 "sum"

            Expect.equal
                (judge |> Judge.classify data.Test)
                [| for own in probabilities -> Array.findIndex ((=) (Array.max own)) own |]
                "classes")
        testCase "a cancelled training returns what it has learned" (fun () ->
            let data = Digits.LoadGrey()
            use source = new CancellationTokenSource()

            let report (progress: TrainingProgress) =
                if progress.Step >= 13 then
                    source.Cancel()

            let judge = data |> Judge.trainWith report source.Token (JudgeOptions())
            let training = Unchecked.nonNull judge.Training
            Expect.equal training.End TrainingEnd.Cancelled "end"
            Expect.isLessThan training.Steps (15 * 13) "steps"
            Expect.isGreaterThan (judge |> share data.Test data.TestLabels) 0.2 "has learned")
        testCase "a cancelled question is not answered" (fun () ->
            let data = Digits.LoadGrey()
            let judge = data |> Judge.train (JudgeOptions(Epochs = 1))

            Expect.throwsT<OperationCanceledException>
                (fun () -> judge.Classify(data.Test, CancellationToken true) |> ignore)
                "cancelled")
    ]

let tests = testList "judge" [ arithmetic; sizes; training ]
