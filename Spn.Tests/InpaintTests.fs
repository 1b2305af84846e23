/// Standard scores of images, and images completed.
module Spn.Tests.InpaintTests

open System
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training

let private batch (rows: float list list) = Evidence.ofRows rows

let private values (evidence: Evidence) = [
    for row in 0 .. evidence.Count - 1 ->
        [
            for v in 0 .. evidence.Variables - 1 ->
                if evidence.IsHidden(row, v) then
                    nan
                else
                    float (evidence.Row(row)[v])
        ]
]

/// Equal up to the digits of a float; nan stands for a hidden entry.
let private expectValues (actual: Evidence) (expected: float list list) message =
    for actual, expected in List.zip (values actual) expected do
        for a, e in List.zip actual expected do
            if Double.IsNaN a <> Double.IsNaN e || abs (a - e) > 1e-5 * max 1.0 (abs e) then
                failtestf "%s.\nExpected %A\n     Got %A" message expected actual

let private scores =
    testList "standard score" [
        testCase "an image gets mean 0 and deviation 1, and undoing gives it back" (fun () ->
            let images = batch [ [ 10.0; 20.0; 30.0; 60.0 ]; [ 1.0; 2.0; 1.0; 2.0 ] ]
            let standard = StandardScore.VisibleOnly().Apply images

            for row in values standard.Images do
                Expect.floatClose Accuracy.low (List.average row) 0.0 "mean"
                Expect.floatClose Accuracy.low (List.averageBy (fun v -> v * v) row) 1.0 "variance"

            Expect.floatClose Accuracy.high (standard.Mean 0) 30.0 "mean of the first"
            Expect.floatClose Accuracy.low (standard.Scale 0) (sqrt 350.0) "deviation of the first, divided by n"
            expectValues (standard.Undo standard.Images) (values images) "there and back")
        testCase "visible pixels alone count, or all of the image" (fun () ->
            let full = batch [ [ 0.0; 2.0; 100.0; 300.0 ] ]
            let occluded = full.Hide(2, 3)
            let visible = StandardScore.VisibleOnly(0.0).Apply(occluded, full)
            expectValues visible.Images [ [ -1.0; 1.0; nan; nan ] ] "mean 1, deviation 1"
            let leaked = StandardScore.FullImage(0.0).Apply(occluded, full)
            let all = StandardScore.FullImage(0.0).Apply full

            expectValues
                leaked.Images
                [ (values all.Images).Head |> List.mapi (fun i v -> if i > 1 then nan else v) ]
                "as the whole image was standardised"

            Expect.throwsT<ArgumentException>
                (fun () -> StandardScore.FullImage().Apply occluded |> ignore)
                "what is hidden is not known")
        testCase "a global score takes one mean and deviation from all visible pixels" (fun () ->
            let train = batch [ [ 0.0; 4.0 ]; [ 8.0; nan ] ]
            let score = StandardScore.Global(train, 0.0)
            Expect.floatClose Accuracy.high score.GlobalMean 4.0 "mean"
            Expect.floatClose Accuracy.high score.GlobalDeviation (sqrt (32.0 / 3.0)) "deviation"
            let unit = score.GlobalDeviation
            expectValues (score.Apply(batch [ [ 4.0 + unit; 4.0 ] ])).Images [ [ 1.0; 0.0 ] ] "other images"
            Expect.equal score (StandardScore.Global(score.GlobalMean, unit, 0.0)) "scores are values")
        testCase "an image of one grey value is 0 everywhere, and one without a visible pixel keeps its unit" (fun () ->
            for epsilon in [ 0.0; 1e-8; 0.1 ] do
                let images =
                    batch [ List.replicate 5 0.1; List.replicate 5 nan; [ 7.0; nan; nan; 7.0; 7.0 ] ]

                let standard = StandardScore.VisibleOnly(epsilon).Apply images

                expectValues
                    standard.Images
                    [ List.replicate 5 0.0; List.replicate 5 nan; [ 0.0; nan; nan; 0.0; 0.0 ] ]
                    "defined"

                let filled = batch (List.replicate 3 (List.replicate 5 1.5))
                let undone = standard.Undo filled |> values
                Expect.isTrue (undone |> Seq.concat |> Seq.forall Double.IsFinite) "no NaN"
                Expect.floatClose Accuracy.low (List.head undone[1]) 1.5 "mean 0, deviation 1")
        testCase "no score leaves images as they are" (fun () ->
            let images = batch [ [ 3.0; nan; 255.0 ] ]
            Expect.equal (values (StandardScore.None.Apply images).Images |> List.map List.head) [ 3.0 ] "exactly"
            expectValues (StandardScore.None.Apply images).Images (values images) "hidden entries too")
        testCase "bad settings and sets are refused" (fun () ->
            for wrong in [ -1.0; nan; infinity ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> StandardScore.VisibleOnly wrong |> ignore)
                    "epsilon"

            Expect.throwsT<ArgumentOutOfRangeException>
                (fun () -> StandardScore.Global(0.0, -1.0) |> ignore)
                "deviation"

            Expect.throwsT<ArgumentException>
                (fun () -> StandardScore.Global(Evidence.Unknown(2, 3)) |> ignore)
                "nothing is visible"

            Expect.throwsT<EvidenceException>
                (fun () ->
                    StandardScore.None.Apply((batch [ [ 1.0; 2.0 ] ]).Where(0, ValueSet.AtLeast 1.0))
                    |> ignore)
                "an interval")
    ]

let private errors =
    testList "error" [
        testCase "only hidden pixels count, on a scale to 255, and the truth has error 0" (fun () ->
            let truth = batch [ [ 0.0; 8.0; 16.0; 4.0 ]; [ 1.0; 1.0; 1.0; 1.0 ] ]
            let hidden = truth.Hide(fun row v -> row = 0 && v >= 2)
            Expect.equal (truth |> Evidence.meanSquaredError 16.0 truth hidden) 0.0 "the truth"
            let guess = batch [ [ 99.0; 99.0; 14.0; 4.0 ]; [ 9.0; 9.0; 9.0; 9.0 ] ]
            let expected = 0.5 * (2.0 * 255.0 / 16.0) ** 2.0
            Expect.floatClose Accuracy.high (guess |> Evidence.meanSquaredError 16.0 truth hidden) expected "one image"
            let both = truth.Hide(fun row v -> (row = 0 && v >= 2) || (row = 1 && v = 0))

            Expect.floatClose
                Accuracy.high
                (guess |> Evidence.meanSquaredError 255.0 truth both)
                ((2.0 + 64.0) / 2.0)
                "the mean over images of the mean over pixels"

            Expect.isTrue (Double.IsNaN(guess |> Evidence.meanSquaredError 255.0 truth truth)) "nothing hidden"

            Expect.throwsT<EvidenceException>
                (fun () -> hidden |> Evidence.meanSquaredError 255.0 truth hidden |> ignore)
                "not filled in")
    ]

/// Every image with its hidden pixels copied from the training image that is nearest in the visible ones.
let private nearest (train: Evidence) (occluded: Evidence) =
    let copied = [|
        for row in 0 .. occluded.Count - 1 ->
            let distance other =
                let mutable sum = 0.0

                for v in 0 .. occluded.Variables - 1 do
                    if not (occluded.IsHidden(row, v)) then
                        let difference = float (occluded.Row(row)[v] - train.Row(other)[v])
                        sum <- sum + difference * difference

                sum

            Seq.minBy distance [ 0 .. train.Count - 1 ]
    |]

    occluded.Observe(fun row v ->
        if occluded.IsHidden(row, v) then
            Nullable(train.Row(copied[row])[v])
        else
            Nullable())

let private faces =
    testCase "faces completed by their nearest neighbours have the errors that Poon and Domingos print" (fun () ->
        let data = DataFolder.Find()

        if not (DataCatalogue.IsPresent(DataCatalogue.Find "olivetti", data.Path)) then
            skiptest $"no files of olivetti in the {data}"

        let faces = DataCatalogue.Load("olivetti", data.Path)

        for part, expected in [ Occlusion.Left, 1527.0; Occlusion.Bottom, 1793.0 ] do
            let occluded = faces.Test |> Evidence.occlude 64 64 part

            let error =
                nearest faces.Train occluded
                |> Evidence.meanSquaredError 255.0 faces.Test occluded

            Expect.equal (floor error) expected $"{part}, cut to whole numbers")

/// Two pixels: one component has means -1 and 2, the other 1 and -2, all of variance 1, and both are as likely.
/// Given x of the first pixel, the second has the mean 2 (2 g - 1) with g = 1 / (1 + exp 2x), which is -2 tanh x.
let private mirror () =
    Regions.RandomBinaryTrees(2, replicas = 1)
    |> Circuit.overRegions [
        Input.PerVariable [
            Input.Normal(2, means = [ -1.0; 1.0 ], variances = [ 1.0; 1.0 ])
            Input.Normal(2, means = [ 2.0; -2.0 ], variances = [ 1.0; 1.0 ])
        ]
        Product.Hadamard
        Sum.Root()
    ]
    |> Circuit.withWeights Weights.Uniform
    |> Circuit.compile

let private firstPixels = [ -3.0; -0.4; 0.0; 0.7; 5.0 ]

let private halves = batch [ for x in firstPixels -> [ x; nan ] ]

let private asTheyAre = InpaintOptions(Score = StandardScore.None)

let private known =
    testList "known answers" [
        testCase "a hidden pixel gets the mean of its components by their posteriors" (fun () ->
            use circuit = mirror ()

            expectValues
                (circuit |> Query.inpaintWith asTheyAre halves)
                [ for x in firstPixels -> [ x; -2.0 * tanh x ] ]
                "-2 tanh x")
        testCase "or the mode of the likeliest component" (fun () ->
            use circuit = mirror ()
            let options = InpaintOptions(Score = StandardScore.None, By = Completion.Component)

            expectValues
                (circuit |> Query.inpaintWith options halves)
                [ for x in firstPixels -> [ x; (if x <= 0.0 then 2.0 else -2.0) ] ]
                "by the sign of x; the first of equal ones")
        testCase "scores are undone" (fun () ->
            use circuit = mirror ()
            let images = batch [ [ 13.0; nan ] ]
            let full = batch [ [ 13.0; 9.0 ] ]

            let fill options =
                circuit |> Query.inpaintWith options images

            expectValues
                (fill (InpaintOptions(Score = StandardScore.Global(10.0, 6.0, 0.0))))
                [ [ 13.0; 10.0 - 6.0 * 2.0 * tanh 0.5 ] ]
                "mean 10, deviation 6"

            expectValues
                (fill (InpaintOptions(Score = StandardScore.FullImage 0.0, Full = full)))
                [ [ 13.0; 11.0 - 2.0 * 2.0 * tanh 1.0 ] ]
                "mean 11, deviation 2"

            expectValues (circuit |> Query.inpaint images) [ [ 13.0; 13.0 ] ] "one visible pixel has deviation 0")
        testCase "of a discrete pixel it is the expected code, and a score is refused" (fun () ->
            use circuit =
                Regions.RandomBinaryTrees(2, replicas = 1)
                |> Circuit.overRegions [ Input.Indicator 3; Sum.PerRegion 2; Product.Hadamard; Sum.Root() ]
                |> Circuit.compile

            let images = batch [ [ 2.0; nan ] ]
            let p = (circuit |> Query.posterior images).Probabilities(0, 1).ToArray()

            expectValues (circuit |> Query.inpaintWith asTheyAre images) [ [ 2.0; p[1] + 2.0 * p[2] ] ] "between codes"

            let error =
                Expect.raises<ArgumentException> (fun () -> circuit |> Query.inpaint images |> ignore) "discrete"

            Expect.stringContains error.Message "StandardScore.None" "the way out")
    ]

/// A small stack for images of 4 x 4 with random parameters, and images with different pixels hidden in each.
let private images () =
    let circuit = DgcSpn.Generative(4, 4, sums = 3, components = 2) |> Circuit.compile
    let random = Random 5

    let full =
        batch [ for _ in 1..7 -> [ for _ in 1..16 -> 20.0 + 10.0 * random.NextDouble() ] ]

    circuit, full, full |> Evidence.hideAtRandom 0.4

let private laws =
    testList "laws" [
        testCase "visible pixels are copied exactly, and nothing stays hidden" (fun () ->
            let circuit, full, occluded = images ()
            use _ = circuit

            for by in Enum.GetValues<Completion>() do
                let filled = circuit |> Query.inpaintWith (InpaintOptions(By = by)) occluded
                Expect.isFalse filled.HasHidden $"{by}"

                for row in 0 .. full.Count - 1 do
                    for v in 0 .. full.Variables - 1 do
                        if not (occluded.IsHidden(row, v)) then
                            Expect.equal (filled.Row(row)[v]) (full.Row(row)[v]) $"{by}, row {row}, pixel {v}")
        testCase "the number of images at a time changes nothing" (fun () ->
            let circuit, _, occluded = images ()
            use _ = circuit

            for by in Enum.GetValues<Completion>() do
                let fill size =
                    circuit
                    |> Query.inpaintWith (InpaintOptions(By = by, BatchSize = size)) occluded

                expectValues (fill 3) (values (fill 256)) $"{by}")
        testCase "a draw of all hidden pixels of an image is one of the circuit's joint samples" (fun () ->
            let circuit, _, occluded = images ()
            use _ = circuit

            let options =
                InpaintOptions(Score = StandardScore.None, By = Completion.Sample, Seed = 9L)

            expectValues
                (circuit |> Query.inpaintWith options occluded)
                (values (circuit |> Query.sampleGivenWith 9L 1 occluded))
                "the same draws")
        testCase "the mode of the likeliest component is read off the mixture of each pixel" (fun () ->
            let circuit, _, occluded = images ()
            use _ = circuit
            let standard = StandardScore.VisibleOnly().Apply occluded
            let filled = circuit |> Query.complete Completion.Component standard.Images

            for row in 0 .. occluded.Count - 1 do
                for v in 0 .. occluded.Variables - 1 do
                    if occluded.IsHidden(row, v) then
                        let mixture =
                            (circuit |> Query.mixture v (standard.Images |> Evidence.rows [ row ]))[0]

                        let best = mixture.Weights |> Seq.indexed |> Seq.maxBy snd |> fst
                        let struct (mean, _) = mixture.Moments best
                        Expect.floatClose Accuracy.low (float (filled.Row(row)[v])) mean "its mean")
        testCase "it tells how it stands after each batch, and can be stopped" (fun () ->
            let circuit, _, occluded = images ()
            use _ = circuit
            let seen = ResizeArray()

            let listen (act: QueryProgress -> unit) = {
                new IProgress<QueryProgress> with
                    member _.Report value = act value
            }

            circuit.Inpaint(occluded, InpaintOptions(BatchSize = 3), listen (fun now -> seen.Add(now.Done, now.Count)))
            |> ignore

            Expect.equal (List.ofSeq seen) [ 3, 7; 6, 7; 7, 7 ] "three batches"
            use source = new CancellationTokenSource()

            Expect.throwsT<OperationCanceledException>
                (fun () ->
                    circuit.Inpaint(
                        occluded,
                        InpaintOptions(BatchSize = 3),
                        listen (fun _ -> source.Cancel()),
                        source.Token
                    )
                    |> ignore)
                "after the first batch")
        testCase "a trained circuit completes digits better than the mean of what is visible" (fun () ->
            let digits = Digits.LoadGrey()
            let standard = StandardScore.VisibleOnly().Apply(digits.Train).Images

            use circuit =
                DgcSpn.Generative(8, 8, sums = 4)
                |> Circuit.compile
                |> Circuit.initialise standard

            circuit
            |> Train.hardEm (HardEmOptions(Epochs = 3, UnweightedSumInputs = true)) standard
            |> ignore

            let test = digits.Test |> Evidence.rows [ 0..99 ]
            let occluded = test |> Evidence.occlude 8 8 Occlusion.Left
            let error = Evidence.meanSquaredError 16.0 test occluded
            let flat = StandardScore.VisibleOnly().Apply occluded

            let means =
                occluded.Observe(fun row v ->
                    if occluded.IsHidden(row, v) then
                        Nullable(float32 (flat.Mean row))
                    else
                        Nullable())

            Expect.isLessThan (circuit |> Query.inpaint occluded |> error) (0.7 * error means) "well below")
    ]

let tests = testList "inpainting" [ scores; errors; faces; known; laws ]
