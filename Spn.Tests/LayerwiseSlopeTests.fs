/// Derivatives of deep Gaussian mixtures against differences of losses that plain loops compute.
module Spn.Tests.LayerwiseSlopeTests

// The workspace gives pointers.
#nowarn "9"

open System
open Microsoft.FSharp.NativeInterop
open Spn
open Spn.Core
open Spn.Core.Layerwise
open Spn.Tests.LayerwiseNaive

/// Some of the numbers below a bound, all of them where there are few.
let private some count bound seed =
    RandomStream(int64 seed, "some").SampleWithoutReplacement(bound, min count bound)

let private near = { absolute = 5e-4; relative = 1e-3 }

/// Derivatives of each image's loss at a mixture layer by what a stage reads, [image][number].
let private pulled (model: LayerwiseModel) first target (inputs: Grid list) =
    let plan = LayerwisePlan model.Spec
    let numbers = LayerwiseNumbers(plan, model.Parameters)
    use work = new LayerwiseWorkspace(plan, inputs.Length, withSlopes = true)
    work.Load(first, ReadOnlySpan(inputs |> Seq.collect _.Values |> Seq.map float32 |> Seq.toArray), inputs.Length)
    LayerwisePass.Forward(numbers, work, first, target)
    LayerwisePass.PullBack(numbers, work, first, target)
    let slopes = work.InputSlopes first

    inputs
    |> List.mapi (fun lane grid ->
        Array.init grid.Values.Length (fun i -> float (NativePtr.get slopes (i * work.Lanes + lane))))

let private byInputs =
    testList "derivatives by inputs" [
        for name, spec in stacks do
            testCase $"they equal differences through all layers between: {name}" (fun () ->
                let model = settled spec 1 7
                let values, images = parameters model, images spec 3 7
                let plan = LayerwisePlan spec
                let made = [ for row in 0..2 -> run model values 0 (image model images row) ]

                for target in plan.Mixtures do
                    for first in 0 .. plan.StageIndex target do
                        let layer = plan.Stages[first].First
                        let inputs = made |> List.map (fun grids -> grids[layer])
                        let slopes = pulled model first (plan.StageIndex target) inputs

                        for input, slopes in List.zip inputs slopes do
                            let loss numbers =
                                let grids = run model values layer { input with Values = numbers }
                                loss model values target.Last 0.0 grids[target.Last]

                            for i in some 12 input.Values.Length layer do
                                Expect.floatClose
                                    near
                                    slopes[i]
                                    (slope loss input.Values i)
                                    $"layer {target.Last} by number {i} of what layer {layer} reads")
    ]

let private rate = 0.02

let private options radius classifierLoss (spec: LayerwiseSpec) batch =
    LayerwiseOptions(
        Epochs = 1,
        BatchSize = batch,
        StartRate = rate,
        EndRate = rate,
        CentreRate = 1.0,
        DeviationRate = 0.7,
        WeightRate = 1.3,
        LoadingRate = 0.9,
        ClassifierRate = 0.4,
        ClassifierLoss = classifierLoss,
        StartRadius = Nullable radius,
        Delays = ValueList(Seq.replicate (Seq.length (LayerwisePlan(spec).Mixtures)) 0.0)
    )

let private multiplier (name: string) =
    if name.EndsWith "centroids" then 1.0
    elif name.EndsWith "deviations" then 0.7
    elif name.EndsWith "logits" then 1.3
    else 0.9

let private bySteps =
    testList "steps" [
        for name, spec in stacks do
            testCase $"one step follows the gradient of every layer's own loss: {name}" (fun () ->
                for radius, classifierLoss in
                    [
                        0.0, ClassifierLoss.CrossEntropy
                        0.6, ClassifierLoss.SquaredError
                        1.1, ClassifierLoss.CrossEntropy
                    ] do
                    for threads in 1..2 do
                        let model = settled spec threads 8
                        let before, images = parameters model, images spec 6 8

                        let classifier =
                            match Seq.last spec.Layers with
                            | :? ClassifierSpec as classifier -> Some classifier
                            | _ -> None

                        let labels =
                            classifier |> Option.map (fun c -> [| for row in 0..5 -> row % c.Classes |])

                        let made = [ for row in 0..5 -> run model before 0 (image model images row) ]

                        let report =
                            model.Fit(images, options radius classifierLoss spec 6, Option.toObj labels)

                        Expect.equal report.Steps 1 "one step"

                        for mixture, told in Seq.zip model.MixtureLayers report.Curve[0].Train do
                            let expected =
                                made
                                |> List.averageBy (fun (grids: Grid[]) ->
                                    loss model before mixture radius grids[mixture])

                            Expect.floatClose
                                { absolute = 1e-4; relative = 1e-5 }
                                told
                                expected
                                "the loss that it tells"

                        for tensor in model.Tensors do
                            let layer = int (tensor.Name.Substring(5, tensor.Name.IndexOf '.' - 5))

                            let objective, scale =
                                match spec.Layers[layer] with
                                | :? MixtureSpec as mixture ->
                                    let sets = if mixture.Independent then cells (made[0][layer]) else 1

                                    (fun numbers ->
                                        made
                                        |> List.averageBy (fun grids -> loss model numbers layer radius grids[layer])),
                                    rate * float sets * multiplier tensor.Name
                                | _ ->
                                    (fun numbers ->
                                        List.zip made (List.ofArray labels.Value)
                                        |> List.averageBy (fun (grids, label) ->
                                            let logits = logits model numbers layer grids

                                            if classifierLoss = ClassifierLoss.CrossEntropy then
                                                log (softmax logits).[label]
                                            else
                                                logits
                                                |> Array.mapi (fun c logit ->
                                                    let off = logit - (if c = label then 1.0 else 0.0)
                                                    -off * off)
                                                |> Array.sum)),
                                    0.4

                            for i in some 5 tensor.Count layer do
                                let at = tensor.Offset + i
                                let moved = (float model.Parameters[at] - before[at]) / scale

                                Expect.floatClose
                                    near
                                    moved
                                    (slope objective before at)
                                    $"{tensor.Name}, entry {i}, radius {radius}, {threads} threads")
    ]

let tests = testList "layerwise slopes" [ byInputs; bySteps ]
