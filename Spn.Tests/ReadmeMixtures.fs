/// The F# deep Gaussian mixture of README.md, word for word from the first "open" on.
module Spn.Tests.ReadmeMixtures

open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Layerwise

let patches = // 3 x 3 patches of 4 x 4 pixels, and above them a mixture of what they say together
    Gmm.stack (Variables.Image(height = 8, width = 8)) [
        Gmm.Folding(4, stride = 2)
        Gmm.Mixture 25
        Gmm.Folding 3
        Gmm.Mixture 49
    ]

let draw epochs =
    let digits = Digits.LoadGrey()

    let pick wanted (images: Evidence) labels =
        let rows = labels |> Seq.indexed |> Seq.filter (snd >> wanted) |> Seq.map fst
        images |> Evidence.rows rows |> Evidence.inUnitsOf 16.0 // images in [0, 1]

    let model = patches |> Gmm.compile 1L
    // Larger steps than the paper's, whose sets have fifty times as many images.
    let options =
        LayerwiseOptions(Epochs = epochs, BatchSize = 20, StartRate = 0.05, EndRate = 0.05)

    model
    |> Gmm.train (pick ((<>) 0) digits.Train digits.TrainLabels) options
    |> ignore

    let known = model |> Gmm.scores (pick ((<>) 0) digits.Test digits.TestLabels)
    let unknown = model |> Gmm.scores (pick ((=) 0) digits.Test digits.TestLabels)
    let area = Metrics.AreaUnderCurve(known, unknown)
    printfn "a zero scores lower than another digit in %.1f %% of all pairs" (100.0 * area)
    let drawn = model |> Gmm.sample 24 (LayerwiseSampleOptions(Top = 2, Divisor = 10.0))
    Chart.SampleGrid(drawn, height = 8, width = 8, low = 0.0, high = 1.0, title = "Drawn")
