/// Deep Gaussian mixtures in plain loops over doubles, straight from their definitions; slow, and shares no code with the library.
module Spn.Tests.LayerwiseNaive

open System
open Spn.Core
open Spn.Core.Layerwise

/// Rows, columns, channels.
type Size = int * int * int

/// What a layer makes of one image, numbered by row, column and channel.
type Grid = { Size: Size; Values: float[] }

let cells (grid: Grid) =
    let rows, columns, _ = grid.Size
    rows * columns

let channels (grid: Grid) =
    let _, _, channels = grid.Size
    channels

/// The channels of a cell.
let cell (grid: Grid) i =
    grid.Values[i * channels grid .. (i + 1) * channels grid - 1]

let build (rows, columns, channels) value = {
    Size = rows, columns, channels
    Values = [|
        for r in 0 .. rows - 1 do
            for c in 0 .. columns - 1 do
                for k in 0 .. channels - 1 -> value r c k
    |]
}

let at (grid: Grid) r c k =
    let _, columns, channels = grid.Size
    grid.Values[(r * columns + c) * channels + k]

let fold kernel stride (grid: Grid) =
    let rows, columns, channels = grid.Size
    let size cells = 1 + (cells - kernel) / stride

    build (size rows, size columns, kernel * kernel * channels) (fun r c k ->
        at grid (r * stride + k / (kernel * channels)) (c * stride + k / channels % kernel) (k % channels))

/// Where the windows of an axis begin. With ceiling rounding a window follows as long as the one before leaves cells over.
let windows (pooling: PoolingSpec) cells = [
    for start in 0 .. pooling.Stride .. cells - 1 do
        if
            start + pooling.Kernel <= cells
            || pooling.Rounding = PoolingRounding.Ceiling
               && (start = 0 || start - pooling.Stride + pooling.Kernel < cells)
        then
            start
]

/// The cells of a window along an axis.
let within (pooling: PoolingSpec) cells start = [ start .. min (start + pooling.Kernel) cells - 1 ]

let pool (pooling: PoolingSpec) (grid: Grid) =
    let rows, columns, channels = grid.Size
    let down, across = windows pooling rows, windows pooling columns

    build (down.Length, across.Length, channels) (fun r c k ->
        [
            for i in within pooling rows down[r] do
                for j in within pooling columns across[c] -> at grid i j k
        ]
        |> List.max)

/// The part of the parameters with that name, from an entry on.
let private part (model: LayerwiseModel) (values: float[]) name first count =
    let tensor = model.Tensors |> Seq.find (fun t -> t.Name = name)
    Array.sub values (tensor.Offset + first) count

/// log N(x; centre, S^-1 (I + W W^T) S^-1) by elimination of the whole covariance.
let private logNormal (centre: float[]) (inverse: float[]) (loadings: float[][]) (x: float[]) =
    let n = x.Length

    let matrix =
        Array.init n (fun i ->
            Array.init n (fun j ->
                let shared = loadings |> Array.sumBy (fun w -> w[i] * w[j])
                ((if i = j then 1.0 else 0.0) + shared) / (inverse[i] * inverse[j])))

    let offset = Array.map2 (-) x centre
    let solved = Array.copy offset
    let mutable logDeterminant = 0.0

    for i in 0 .. n - 1 do
        logDeterminant <- logDeterminant + log (matrix[i][i])

        for row in i + 1 .. n - 1 do
            let times = matrix[row][i] / matrix[i][i]
            solved[row] <- solved[row] - times * solved[i]

            for j in i .. n - 1 do
                matrix[row][j] <- matrix[row][j] - times * matrix[i][j]

    for i in n - 1 .. -1 .. 0 do
        let above = Seq.sum (seq { for j in i + 1 .. n - 1 -> matrix[i][j] * solved[j] })
        solved[i] <- (solved[i] - above) / matrix[i][i]

    let square = Array.fold2 (fun sum a b -> sum + a * b) 0.0 offset solved
    -0.5 * (float n * log (2.0 * Math.PI) + logDeterminant + square)

let logSumExp (values: float[]) =
    let most = Array.max values
    most + log (values |> Array.sumBy (fun v -> exp (v - most)))

let softmax (values: float[]) =
    let all = logSumExp values
    values |> Array.map (fun v -> exp (v - all))

/// log pi_k + log N_k(x) of every component of a mixture layer at one cell; NaN entries of x are hidden, and their dimensions dropped.
let scores (model: LayerwiseModel) (values: float[]) layer place (x: float[]) =
    let mixture = model.Spec.Layers[layer] :?> MixtureSpec
    let set = if mixture.Independent then place else 0
    let k, d, f = mixture.Components, x.Length, mixture.Factors

    let part name =
        part model values $"layer{layer}.{name}"

    let logits = part "logits" (set * k) k

    let seen (numbers: float[]) = [|
        for i in 0 .. d - 1 do
            if not (Double.IsNaN x[i]) then
                numbers[i]
    |]

    [|
        for i in 0 .. k - 1 ->
            let unit = set * k + i

            let centre, inverse =
                part "centroids" (unit * d) d, part "inverse_deviations" (unit * d) d

            let loadings = [|
                for factor in 0 .. f - 1 -> seen (part "loadings" ((unit * f + factor) * d) d)
            |]

            logits[i] - logSumExp logits
            + logNormal (seen centre) (seen inverse) loadings (seen x)
    |]

/// The logits of a classifier, from what the layers below it have made.
let logits (model: LayerwiseModel) (values: float[]) layer (made: Grid[]) =
    let classifier = model.Spec.Layers[layer] :?> ClassifierSpec

    let reads =
        if classifier.Reads.Count = 0 then
            [ layer - 1 ]
        else
            List.ofSeq classifier.Reads

    Array.init classifier.Classes (fun c ->
        let own =
            reads
            |> List.sumBy (fun read ->
                let x = made[read + 1].Values

                let name =
                    if reads.Length = 1 then
                        $"layer{layer}.weights"
                    else
                        $"layer{layer}.weights.{read}"

                Array.fold2 (fun sum a b -> sum + a * b) 0.0 x (part model values name (c * x.Length) x.Length))

        own + (part model values $"layer{layer}.bias" c 1)[0])

/// What the layers read, from one on; the last is what the last layer makes.
let run (model: LayerwiseModel) (values: float[]) first (input: Grid) =
    let made = Array.zeroCreate<Grid>(model.Spec.Layers.Count + 1)
    made[first] <- input

    for layer in first .. model.Spec.Layers.Count - 1 do
        let below = made[layer]

        made[layer + 1] <-
            match model.Spec.Layers[layer] with
            | :? FoldingSpec as folding -> fold folding.Kernel folding.Stride below
            | :? PoolingSpec as pooling -> pool pooling below
            | :? MixtureSpec as mixture ->
                let rows, columns, _ = below.Size

                {
                    Size = rows, columns, mixture.Components
                    Values =
                        Array.collect (fun i -> softmax (scores model values layer i (cell below i))) [|
                            0 .. cells below - 1
                        |]
                }
            | :? ClassifierSpec as classifier -> {
                Size = 1, 1, classifier.Classes
                Values = softmax (logits model values layer made)
              }
            | other -> failwith $"unknown layer {other.Name}"

    made

/// g_k(i): the smoothing of annealing; a radius of 0 smooths nothing.
let filter components radius =
    let side = int (round (sqrt (float components)))
    let apart a b = min (abs (a - b)) (side - abs (a - b))

    Array.init components (fun k ->
        let weights =
            Array.init components (fun i ->
                let rows, columns = apart (k / side) (i / side), apart (k % side) (i % side)

                if radius = 0.0 then
                    (if i = k then 1.0 else 0.0)
                else
                    exp (-float(rows * rows + columns * columns) / (2.0 * radius * radius)))

        weights |> Array.map (fun w -> w / Array.sum weights))

/// The loss of one image at a mixture layer, by what that layer reads.
let loss (model: LayerwiseModel) values layer radius (input: Grid) =
    let mixture = model.Spec.Layers[layer] :?> MixtureSpec
    let smooth = filter mixture.Components radius

    [| 0 .. cells input - 1 |]
    |> Array.averageBy (fun i ->
        let own = scores model values layer i (cell input i)

        let smoothed =
            smooth
            |> Array.map (fun row -> Array.fold2 (fun s g v -> s + g * v) 0.0 row own)

        if mixture.Loss = MixtureLoss.Full then
            logSumExp smoothed
        else
            Array.max smoothed)

/// The derivative of a function by one of its arguments, by differences to the fourth order.
let slope (f: float[] -> float) (x: float[]) i =
    let moved by =
        let copy = Array.copy x
        copy[i] <- copy[i] + by
        f copy

    let h = 1e-5
    (8.0 * (moved h - moved -h) - (moved (2.0 * h) - moved (-2.0 * h))) / (12.0 * h)

/// The image of a row.
let image (model: LayerwiseModel) (images: Evidence) row = {
    Size = model.Spec.Height, model.Spec.Width, model.Spec.Colours
    Values = images.Row(row).ToArray() |> Array.map float
}

let parameters (model: LayerwiseModel) =
    model.Parameters.ToArray() |> Array.map float

/// The numbers of a tensor of that name.
let tensor (model: LayerwiseModel) name =
    let found = model.Tensors |> Seq.find (fun t -> t.Name = name)
    model.Parameters.Slice(found.Offset, found.Count).ToArray()

/// The model with some tensors replaced.
let replaced (model: LayerwiseModel) (tensors: (string * float32[]) list) =
    let values = model.Parameters.ToArray()

    for name, numbers in tensors do
        let found = model.Tensors |> Seq.find (fun t -> t.Name = name)
        Array.blit numbers 0 values found.Offset found.Count

    model.SetParameters values
    model

/// Images of independent uniform numbers.
let images (spec: LayerwiseSpec) count seed =
    let random = Random(seed: int)
    let variables = spec.Height * spec.Width * spec.Colours
    Evidence.From(Array.init (count * variables) (fun _ -> random.NextSingle()), variables)

/// A model whose components overlap, so that responsibilities lie well within (0, 1).
let settled (spec: LayerwiseSpec) threads seed =
    let model = spec.Compile(int64 seed, threads)
    let random = RandomStream(int64 seed, "settled")
    let values = model.Parameters.ToArray()

    for tensor in model.Tensors do
        let draw: unit -> float =
            if tensor.Name.Contains "deviations" then
                fun () -> 0.6 + 1.2 * random.NextDouble()
            elif tensor.Name.Contains "centroids" then
                fun () -> 1.4 * random.NextDouble() - 0.2
            else
                fun () -> 0.6 * random.NextNormal()

        for i in tensor.Offset .. tensor.Offset + tensor.Count - 1 do
            values[i] <- float32 (draw ())

    model.SetParameters values
    model

/// Stacks of every kind of layer and setting.
let stacks: (string * LayerwiseSpec) list = [
    "one mixture of pixels", LayerwiseSpec.For(3, 4, 3).Mixture(9)
    "one mixture of whole images", LayerwiseSpec.For(4, 4).Folding(4).Mixture(9)
    "shared", LayerwiseSpec.For(5, 6, 2).Folding(2).Mixture(16)
    "independent", LayerwiseSpec.For(5, 5).Folding(3, 2).Mixture(4, independent = true)
    "full loss", LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(9, loss = MixtureLoss.Full)
    "full loss, independent",
    LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4, independent = true, loss = MixtureLoss.Full)
    "factors", LayerwiseSpec.For(4, 5).Folding(2).Mixture(4, factors = 2)
    "factors, independent, full loss",
    LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4, independent = true, loss = MixtureLoss.Full, factors = 3)
    "deep",
    LayerwiseSpec
        .For(7, 6)
        .Folding(2)
        .Mixture(4)
        .Pooling(2, 2, PoolingRounding.Ceiling)
        .Folding(2)
        .Mixture(9, independent = true)
    "deep with factors",
    LayerwiseSpec
        .For(6, 6, 2)
        .Folding(3)
        .Mixture(4, factors = 1)
        .Pooling(3, 1)
        .Mixture(4, loss = MixtureLoss.Full)
        .Folding(2)
        .Mixture(9)
    "folding after folding", LayerwiseSpec.For(5, 5).Folding(2).Folding(3).Mixture(4)
    "classifier", LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Classifier(3)
    "classifier of several layers",
    LayerwiseSpec.For(5, 5).Folding(2).Mixture(4).Folding(2, 2).Mixture(4).Classifier(4, 1, 3)
    "more classes than components",
    LayerwiseSpec.For(5, 5).Folding(2).Mixture(4).Folding(2, 2).Mixture(4).Classifier(40, 1, 3)
    "classifier of a folding layer",
    LayerwiseSpec.For(4, 4).Folding(2).Mixture(4).Folding(3).Mixture(4).Classifier(2, 2)
]
