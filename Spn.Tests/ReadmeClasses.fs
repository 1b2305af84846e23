/// The F# classifiers of README.md, word for word from the first "open" on.
module Spn.Tests.ReadmeClasses

open System
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

let describe weights = // one root a class
    Regions.RandomBinaryTrees(64, replicas = 10)
    |> Circuit.overRegions [ Input.Indicator 2; Sum.PerRegion 5; Product.Hadamard; Sum.Root(classes = 10) ]
    |> Circuit.withWeights weights

let right (data: DataSet) circuit =
    let found = circuit |> Query.mostProbableClass data.Test

    Seq.zip found data.TestLabels
    |> Seq.averageBy (fun (a, b) -> if a = b then 100.0 else 0.0)

let compare epochs =
    let digits = Digits.LoadBinary()
    use counted = describe (Weights.Accumulators()) |> Circuit.compile
    counted |> Train.dataSetEm digits (SoftEmOptions(Epochs = epochs)) |> ignore
    printfn "by expectation maximisation %.1f %% of the digits are told right" (right digits counted)

    use classifier = describe (Weights.Free()) |> Circuit.compile

    let options =
        GradientOptions(Epochs = Nullable epochs, BatchSize = 100, LearningRate = 0.02, Discriminative = 1.0)

    let report = classifier |> Train.dataSet digits options
    let best = report.Curve |> Seq.find (fun point -> point.Step = report.BestStep)

    printfn
        "as a classifier             %.1f %%, of the validation samples %.1f %%"
        (right digits classifier)
        (100.0 * best.Accuracy.Value)
