/// The F# image completion of README.md, word for word from the first "open" on.
module Spn.Tests.ReadmeImages

open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

let complete epochs =
    let digits = Digits.LoadGrey() // 8 x 8 pixels, grey values from 0 to 16
    let train = StandardScore.VisibleOnly().Apply(digits.Train).Images // each image at mean 0 and deviation 1

    use circuit =
        DgcSpn.Generative(height = 8, width = 8)
        |> Circuit.compile
        |> Circuit.initialise train

    circuit
    |> Train.hardEm (HardEmOptions(Epochs = epochs, UnweightedSumInputs = true)) train
    |> ignore

    let occluded = digits.Test |> Evidence.occlude 8 8 Occlusion.Bottom
    let completed = circuit |> Query.inpaint occluded // in grey values again; what can be seen stays as it is
    let error = completed |> Evidence.meanSquaredError 16.0 digits.Test occluded
    printfn "mean squared error of the lower halves: %.0f, on grey values from 0 to 255" error

    let rows =
        [ digits.Test; occluded; completed ] |> List.map (Evidence.rows [ 0..11 ])

    Chart.SampleRows(rows, height = 8, width = 8, low = 0.0, high = 16.0, title = "As it is, hidden, completed")
