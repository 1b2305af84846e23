/// The first F# model of README.md, word for word from the first "open" on.
module Spn.Tests.ReadmeExamples

open Spn
open Spn.Core.Data
open Spn.Core.Training

let describe variables = // ten random trees; the list is the recipe at each region, bottom up
    Regions.RandomBinaryTrees(variables, replicas = 10)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]
    |> Circuit.withWeights (Weights.Hyper(embedding = 5, hidden = [ 20; 20 ]))

let run steps =
    let digits = Digits.LoadBinary()
    use circuit = describe digits.Variables |> Circuit.compile
    let options = GradientOptions(Steps = steps, EvaluationPeriod = 50)
    let report = circuit |> Train.gradient digits.Train digits.Valid options
    let upperHalf = digits.Test.Hide(fun _ pixel -> pixel >= 32)
    printfn "log p(digit)      %.2f nats on average" (circuit |> Query.averageLogLikelihood digits.Test)
    printfn "log p(upper half) %.2f nats, the lower half summed out" (circuit |> Query.averageLogLikelihood upperHalf)
    report
