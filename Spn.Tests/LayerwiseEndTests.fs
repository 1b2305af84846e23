/// How trainings of deep Gaussian mixtures end, and what is refused: settings, images and labels that do not fit.
module Spn.Tests.LayerwiseEndTests

open System
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Layerwise
open Spn.Core.Training
open Spn.Tests.LayerwiseTrainingTests

type private Listener<'t>(f: 't -> unit) =
    interface IProgress<'t> with
        member _.Report value = f value

let private ends =
    testList "ends" [
        testCase "a training cancelled before it starts changes nothing" (fun () ->
            let model = (whole 9).Compile(threads = 1)
            let before = bits model
            let report = model.Fit(patterns 100 1, cancellation = CancellationToken true)
            Expect.equal (report.End, report.Steps) (TrainingEnd.Cancelled, 0) "it says so"
            Expect.equal (bits model) before "parameters")
        testCase "a training cancelled on the way keeps what it learned" (fun () ->
            let model, images = (whole 9).Compile(threads = 1), patterns 100 1
            let before = model.Scores images |> Array.average
            use source = new CancellationTokenSource()
            let told = ResizeArray()

            let listener =
                Listener<LayerwiseProgress>(fun progress ->
                    told.Add progress
                    source.Cancel())

            let options = LayerwiseOptions(Epochs = 1_000_000, BatchSize = 50)

            let report =
                model.Fit(images, options, progress = listener, cancellation = source.Token)

            Expect.equal report.End TrainingEnd.Cancelled "it says so"
            Expect.equal told.Count 1 "it stops at once"
            Expect.equal told[0].Step report.Steps "at the step that was told"
            Expect.equal told[0].Steps 2_000_000 "of so many"
            Expect.isTrue (report.Steps > 0 && report.Steps < 2_000_000) "part of the way"
            Expect.isGreaterThan (model.Scores images |> Array.average) before "it learned")
        testCase "a training whose losses leave the range of numbers ends, and the model stays usable" (fun () ->
            for rate in [ 1e12; 1e36 ] do
                let model, images = (whole 9).Compile(threads = 1), patterns 100 1

                let options =
                    LayerwiseOptions(Epochs = 50, BatchSize = 50, StartRate = rate, EndRate = rate)

                let report = model.Fit(images, options)
                Expect.equal report.End TrainingEnd.Diverged "it says so"
                Expect.all (model.Parameters.ToArray()) Single.IsFinite "parameters"
                Expect.all (model.Scores images) (Double.IsNaN >> not) "scores")
        testCase "a training in which the only layer waits for half of the steps learns in the other half" (fun () ->
            let model, images = (whole 9).Compile(threads = 1), patterns 100 1

            let options =
                LayerwiseOptions(Epochs = 4, BatchSize = 50, Points = 2, Delays = ValueList [ 0.5 ])

            let losses = [ for point in model.Fit(images, options).Curve -> point.Train[0] ]
            Expect.equal (losses |> List.map Double.IsNaN) [ true; false ] "no loss before it starts")
        testCase "radius and step size never rise, wherever they start" (fun () ->
            for start, least in [ 0.5, 3.0; 0.0, 1.0 ] do
                let model = (whole 9).Compile(threads = 1)

                let options =
                    LayerwiseOptions(
                        Epochs = 100,
                        BatchSize = 20,
                        StartRate = 0.001,
                        EndRate = 0.1,
                        Plateau = 100.0,
                        StartRadius = Nullable start,
                        EndRadius = least
                    )

                for point in model.Fit(patterns 100 1, options).Curve do
                    Expect.equal point.Radii[0] start "radius"
                    Expect.isTrue (Double.IsFinite point.Train[0]) "loss")
        testCase "a classifier learns from classes in F# as in C#" (fun () ->
            let images, options = patterns 100 1, LayerwiseOptions(Epochs = 3, BatchSize = 20)
            let labels = Array.init 100 (fun i -> i % 3)

            let one, other =
                (whole 9).Classifier(3).Compile(), (whole 9).Classifier(3).Compile()

            one.Fit(images, options, labels) |> ignore
            other |> Gmm.trainClasses labels images options |> ignore
            Expect.equal (bits other) (bits one) "parameters")
        testCase "a classifier's step size changes evenly to its last" (fun () ->
            // Three equal images one by one while the mixture keeps still: each step is then known by its size alone.
            let images, labels = patterns 1 1 |> Evidence.rows [| 0; 0; 0 |], [| 2; 2; 2 |]

            let still first last =
                LayerwiseOptions(
                    Epochs = 1,
                    BatchSize = 1,
                    CentreRate = 0.0,
                    DeviationRate = 0.0,
                    WeightRate = 0.0,
                    ClassifierRate = first,
                    FinalClassifierRate = last
                )

            let falling, stepwise =
                (whole 9).Classifier(3).Compile(threads = 1), (whole 9).Classifier(3).Compile(threads = 1)

            falling.Fit(images, still 0.6 (Nullable 0.0), labels) |> ignore

            for rate in [ 0.6; 0.4; 0.2 ] do
                stepwise.Fit(images |> Evidence.rows [| 0 |], still rate (Nullable()), [| 2 |])
                |> ignore

            let constant = (whole 9).Classifier(3).Compile(threads = 1)
            constant.Fit(images, still 0.6 (Nullable()), labels) |> ignore

            let far (other: LayerwiseModel) =
                Array.map2 (fun a b -> abs (a - b)) (falling.Parameters.ToArray()) (other.Parameters.ToArray())
                |> Array.max

            Expect.isTrue (far stepwise < 1e-6f) "steps of 0.6, 0.4 and 0.2"
            Expect.isTrue (far constant > 1e-3f) "not three of 0.6")
        testCase "progress ends with the last step" (fun () ->
            let told = ResizeArray()
            let model = (whole 9).Compile(threads = 1)

            model.Fit(patterns 100 1, LayerwiseOptions(Epochs = 3, BatchSize = 40), progress = Listener told.Add)
            |> ignore

            let last = Seq.last told
            Expect.equal (last.Step, last.Steps) (6, 6) "steps"
            Expect.isTrue (Double.IsFinite last.Losses[0]) "losses")
    ]

let private value (options: LayerwiseOptions) name =
    let property = nonNull (typeof<LayerwiseOptions>.GetProperty name)
    string (property.GetValue options)

let private trainings =
    let model, images = (whole 9).Compile(threads = 1), patterns 20 1

    testList "trainings that are refused" [
        for name, options in
            [
                "Epochs", LayerwiseOptions(Epochs = 0)
                "Epochs", LayerwiseOptions(Epochs = Int32.MaxValue, BatchSize = 10)
                "BatchSize", LayerwiseOptions(BatchSize = 0)
                "Points", LayerwiseOptions(Points = 0)
                "StartRate", LayerwiseOptions(StartRate = 0.0)
                "StartRate", LayerwiseOptions(StartRate = nan)
                "EndRate", LayerwiseOptions(EndRate = -1.0)
                "EndRate", LayerwiseOptions(EndRate = infinity)
                "CentreRate", LayerwiseOptions(CentreRate = -0.1)
                "DeviationRate", LayerwiseOptions(DeviationRate = nan)
                "WeightRate", LayerwiseOptions(WeightRate = infinity)
                "LoadingRate", LayerwiseOptions(LoadingRate = -1.0)
                "ClassifierRate", LayerwiseOptions(ClassifierRate = -1.0)
                "FinalClassifierRate", LayerwiseOptions(FinalClassifierRate = -1.0)
                "LargestPrecision", LayerwiseOptions(LargestPrecision = 0.0)
                "LeastDeviation", LayerwiseOptions(LeastDeviation = 0.0)
                "LeastDeviation", LayerwiseOptions(LeastDeviation = 5.0)
                "StartRadius", LayerwiseOptions(StartRadius = Nullable -1.0)
                "EndRadius", LayerwiseOptions(EndRadius = 0.0)
                "Plateau", LayerwiseOptions(Plateau = -0.1)
                "ClassifierLoss", LayerwiseOptions(ClassifierLoss = enum 2)
                "Delays", LayerwiseOptions(Delays = ValueList [ 0.0; 0.1 ])
                "Delays", LayerwiseOptions(Delays = ValueList [ 1.0 ])
                "Delays", LayerwiseOptions(Delays = ValueList [ -0.1 ])
            ] do
            testCase $"{name} out of range: {value options name}" (fun () ->
                let error =
                    Expect.raises<ArgumentException> (fun () -> ignore (model.Fit(images, options))) name

                Expect.equal error.ParamName name "which setting")
        testCase "components that form no square cannot anneal" (fun () ->
            let oblong = (whole 10).Compile(threads = 1)

            let finding =
                (Expect.raises<CircuitException> (fun () -> ignore (oblong.Fit images)) "refused").Findings
                |> Seq.exactlyOne

            Expect.stringContains finding.Layer "Layer 2 of 2, G(10)" "where"
            Expect.stringContains finding.Advice "Use 9 or 16" "the way out"

            let report =
                oblong.Fit(images, LayerwiseOptions(StartRadius = Nullable 0.0, Epochs = 1))

            Expect.equal report.End TrainingEnd.Finished "without annealing they may")
        testCase "images and labels that do not fit are refused" (fun () ->
            let classifier = (whole 9).Classifier(3).Compile(threads = 1)

            for fit, part in
                [
                    (fun () -> ignore (model.Fit(Evidence.From(Array.empty<float32>, 16)))), "no training samples"
                    (fun () -> ignore (model.Fit(images, valid = Evidence.From(Array.empty<float32>, 16)))),
                    "no validation samples"
                    (fun () -> ignore (LayerwiseSpec.For(4, 4).Folding(2).Compile(threads = 1).Fit images)),
                    "no mixture layer"
                    (fun () -> ignore (classifier.Fit(images, labels = [| 0; 1 |]))), "2 labels and 20 images"
                    (fun () -> ignore (classifier.Fit(images, labels = Array.create 20 3))), "classes are 0 to 2"
                ] do
                Expect.stringContains (Expect.raises<ArgumentException> fit part).Message part "reason"

            Expect.throwsT<EvidenceException>
                (fun () -> ignore (model.Fit(Evidence.From([| 0.5f |], 1))))
                "another size"

            let bounded = images.Where(0, ValueSet.AtLeast 0.2)

            for ask in
                [
                    (fun () -> ignore (model.Fit bounded))
                    (fun () -> ignore (model.Scores bounded))
                ] do
                let error = Expect.raises<EvidenceException> ask "an entry that lies in a set"
                Expect.stringContains error.Message "observe or hide" "the way out"

            Expect.throwsT<InvalidOperationException>
                (fun () -> ignore (model.Fit(images, labels = Array.zeroCreate 20)))
                "labels without a classifier")
    ]

let private samples =
    let model =
        LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Folding(2).Mixture(4).Compile()

    testList "samples that are refused" [
        for part, options in
            [
                "Top", LayerwiseSampleOptions(Top = -1)
                "power", LayerwiseSampleOptions(Power = 0.0)
                "power", LayerwiseSampleOptions(Power = infinity)
                "divisor", LayerwiseSampleOptions(Divisor = 0.0)
                "divisor", LayerwiseSampleOptions(Divisor = nan)
                "confidence", LayerwiseSampleOptions(Confidence = 1.0)
                "components 0 to 3", LayerwiseSampleOptions(Component = Nullable 4)
                "Iterations", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(0, Iterations = 0) ])
                "step size", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(0, Rate = nan) ])
                "penalty", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(0, Penalty = -1.0) ])
                "penalty", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(0, Penalty = infinity) ])
                "largest precision", LayerwiseSampleOptions(LargestPrecision = 0.0)
                "range of numbers", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(0, Rate = 1e30) ])
                "Layer 1 cannot be sharpened", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening 1 ])
                "Layer 9 cannot be sharpened", LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening 9 ])
                "Layer 1 is no mixture layer above layer 2",
                LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening(2, Target = Nullable 1) ])
            ] do
            testCase $"{part}, {options}" (fun () ->
                let error =
                    Expect.raises<ArgumentException> (fun () -> ignore (model.Sample(1, options))) part

                Expect.stringContains error.Message part "reason")
        testCase "sharpening where no mixture layer stands above, or above where the way down starts" (fun () ->
            let spec =
                LayerwiseSpec.For(4, 4).Folding(2, 2).Mixture(4).Folding(2).Mixture(4).Classifier(2, 1)

            let sharpened layer =
                LayerwiseSampleOptions(Sharpenings = ValueList [ Sharpening layer ])

            for part, sample in
                [
                    "starts at layer 1", (fun () -> ignore ((spec.Compile()).SampleClasses([| 0 |], sharpened 2)))
                    "No mixture layer stands above layer 2",
                    (fun () ->
                        let pooled = LayerwiseSpec.For(4, 4).Folding(2).Mixture(4).Pooling(2, 1)
                        ignore ((pooled.Compile()).Sample(1, sharpened 2)))
                ] do
                Expect.stringContains (Expect.raises<ArgumentException> sample part).Message part "reason")
    ]

let private models =
    testList "models that are refused" [
        testCase "fewer threads than none" (fun () ->
            Expect.throwsT<ArgumentOutOfRangeException> (fun () -> ignore ((whole 9).Compile(threads = -3))) "threads")
        for what, spec in
            [
                "parameters", LayerwiseSpec.For(28, 28).Folding(28).Mixture(10_000_000)
                "numbers an image", LayerwiseSpec.For(5000, 5000).Folding(2000)
                "numbers an image", LayerwiseSpec.For(512, 512).Mixture(10_000)
                "numbers an image", LayerwiseSpec.For(512, 500, 10_000).Mixture(1)
            ] do
            testCase $"too many {what}: {spec.Height} x {spec.Width} pixels, {Seq.length spec.Layers} layers" (fun () ->
                let error =
                    Expect.raises<CircuitException> (fun () -> ignore (spec.Compile())) "refused"

                Expect.stringContains error.Message $"too many {what}" "reason")
        testCase "an instance without a name" (fun () ->
            Expect.throwsT<ArgumentNullException>
                (fun () -> ignore (Dcgmm.Options(Unchecked.defaultof<string>)))
                "name")
    ]

let tests = testList "layerwise ends" [ ends; trainings; samples; models ]
