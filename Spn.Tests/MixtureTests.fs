/// Mixtures of circuits, and groups of samples.
module Spn.Tests.MixtureTests

open System
open Spn
open Spn.Core
open Spn.Core.Files
open Spn.Core.Lowering
open Spn.Core.Training

let private list (items: 'a seq) = ValueList<'a>(items)

let private small = Variables.Image(height = 3, width = 4)

let private evidence random count variables =
    Evidence.From(Array.init (count * variables) (fun _ -> float32 ((random: Random).Next 2)), variables)

let tests =
    testList "mixtures" [
        testCase "a mixture of trained circuits is their weighted sum" (fun () ->
            let data = evidence (Random 4) 40 6

            for weights in [ WeightSpec.Free() :> WeightSpec; WeightSpec.Accumulators() ] do
                for classes in [ 1; 2 ] do
                    use a =
                        Circuit.Compile(
                            EinsumNetwork.Over(RatRegions(6, 2, 2), BernoulliInput 2, 3, classes).WithWeights weights,
                            seed = 1L
                        )

                    use b =
                        Circuit.Compile(
                            CircuitSpec
                                .Over(LinearTrees 6)
                                .CategoricalInput(2, 2)
                                .HadamardProduct()
                                .SumPerRegion(2)
                                .RootSum(classes)
                                .WithWeights
                                weights,
                            seed = 2L
                        )

                    use nested = Circuit.mix [ 1.0, a; 3.0, b ]
                    use mixture = Circuit.mix [ 0.5, nested; 0.5, b; 0.0, a ]

                    let expected =
                        Array.map2
                            (fun x y -> log (0.125 * exp x + 0.875 * exp y))
                            (a.LogLikelihood data)
                            (b.LogLikelihood data)

                    Expect.floatsClose
                        Accuracy.medium
                        (mixture.LogLikelihood data)
                        expected
                        $"{weights.Name}, {classes} classes"

                    let folder = IO.Directory.CreateTempSubdirectory "spn-test-"

                    try
                        let path = IO.Path.Combine(folder.FullName, "mixture.safetensors")
                        mixture.Save path
                        use loaded = Circuit.Load path

                        Expect.sequenceEqual
                            (loaded.LogLikelihood data)
                            (mixture.LogLikelihood data)
                            "saved and loaded"
                    finally
                        folder.Delete true)

        testTheory
            "parts that do not fit together are refused"
            [
                "no parts", CircuitSpec.MixtureOf []
                "other variables", CircuitSpec.MixtureOf [ HyperSpn.Baseline 3; HyperSpn.Baseline 4 ]
                "other classes",
                CircuitSpec.MixtureOf [
                    HyperSpn.Baseline 3
                    CircuitSpec.Over(LinearTrees 3).IndicatorInput().HadamardProduct().RootSum 2
                ]
                "other values",
                CircuitSpec.MixtureOf [
                    CircuitSpec.Over(LinearTrees 3).IndicatorInput(3).HadamardProduct().RootSum()
                    HyperSpn.Baseline 3
                ]
                "not a root alone", (CircuitSpec.MixtureOf [ HyperSpn.Baseline 3 ]).SumPerRegion 2
                "not decomposable",
                CircuitSpec.MixtureOf [
                    CircuitSpec
                        .Over(HandBuiltRegions(2).Leaf(0, 1).Leaf(1).Join([| 0; 1 |]))
                        .IndicatorInput()
                        .HadamardProduct()
                        .RootSum()
                ]
                "no distance", EinsumNetwork.Over(PoonDomingos.At small, BernoulliInput 2, 2)
                "distance unfit", EinsumNetwork.Over(PoonDomingos.At(small, 0.5), BernoulliInput 2, 2)
                "distances missing",
                EinsumNetwork.Over(PoonDomingos(small, list [ list [ 1.0; 1.0; 1.0 ] ]), BernoulliInput 2, 2)
                "no such axes",
                EinsumNetwork.Over(PoonDomingos(small, list [ list [ 1.0 ] ], Axes = list [ 2 ]), BernoulliInput 2, 2)
                "too many partitions",
                EinsumNetwork.Over(PoonDomingos.At(GridVariables.Image(100, 100), 1.0), BernoulliInput 2, 2)
                "no patch", EinsumNetwork.Over(QuadRegions(small, Patch = 0), BernoulliInput 2, 2)
                "no depth", EinsumNetwork.Over(RatRegions(3, -1, 1), BernoulliInput 2, 2)
                "not an order", EinsumNetwork.Over(LinearTrees(2, Orders = list [ list [ 0; 0 ] ]), BernoulliInput 2, 2)
                "not one root", EinsumNetwork.Over(HiddenTree(list [ -1; -1 ]), BernoulliInput 2, 2)
                "a circle", EinsumNetwork.Over(HiddenTree(list [ -1; 2; 1 ]), BernoulliInput 2, 2)
                "no such variable", EinsumNetwork.Over(HiddenTree(list [ -1; 2 ]), BernoulliInput 2, 2)
            ]
            (fun (property, spec) ->
                let properties = Lowerer.Check spec |> Seq.map _.Property |> List.ofSeq
                Expect.contains properties property $"{properties}")

        testCase "k-means finds groups that lie apart, hidden entries or not" (fun () ->
            let random = Random 6
            let centres = [| [| 0.0; 0.0; 0.0 |]; [| 9.0; 0.0; 5.0 |]; [| 0.0; 9.0; -5.0 |] |]
            let labels = Array.init 150 (fun i -> i % 3)

            let samples =
                Evidence.From [|
                    for l in labels -> [| for m in centres[l] -> float32 (m + random.NextDouble()) |]
                |]

            for train in [ samples; samples.Hide(fun row v -> (row + v) % 4 = 0) ] do
                let clusters = Clusters.kMeans 3 train
                let found = clusters |> Clusters.assign train
                let pairs = Array.zip labels found |> Array.distinct
                Expect.equal pairs.Length 3 "each group is one label"
                Expect.floatsClose Accuracy.high clusters.Shares [ 1.0 / 3.0; 1.0 / 3.0; 1.0 / 3.0 ] "shares"
                Expect.equal (clusters |> Clusters.split train |> Array.map _.Count) [| 50; 50; 50 |] "samples of each"

            let one = Clusters.KMeans(samples, 150)
            Expect.equal (Array.distinct (one.Assign samples)).Length 150 "as many groups as samples")

        testCase "a mixture by groups is better than one factorised circuit" (fun () ->
            let random = Random 7

            let train =
                Evidence.From [|
                    for i in 0..199 ->
                        [|
                            for _ in 1..8 ->
                                (if random.NextDouble() < 0.9 then
                                     float32 (i % 2)
                                 else
                                     float32 (1 - i % 2))
                        |]
                |]

            let factorised (rows: Evidence) =
                let circuit =
                    Circuit.Compile(CircuitSpec.Over(HandBuiltRegions(8).Leaf([| 0..7 |])).BernoulliInput(1).RootSum())

                circuit.Fit(rows, options = GradientOptions(Steps = 300, LearningRate = 0.1))
                |> ignore

                circuit

            use alone = factorised train
            use mixture = Clusters.kMeans 2 train |> Clusters.mixture train factorised

            let gain =
                Query.averageLogLikelihood train mixture
                - Query.averageLogLikelihood train alone

            Expect.isGreaterThan gain 1.0 "nats a sample")

        testCase "training a mixture as a whole goes on from its parts" (fun () ->
            let train = evidence (Random 9) 100 6

            let part seed =
                Circuit.Compile(EinsumNetwork.Over(RatRegions(6, 2, 2), BernoulliInput 2, 2), seed = seed)

            use a = part 1L
            use b = part 2L
            use mixture = Circuit.mix [ 0.3, a; 0.7, b ]
            let before = Query.averageLogLikelihood train mixture
            mixture.Fit(train, options = GradientOptions(Steps = 100)) |> ignore
            Expect.isGreaterThan (Query.averageLogLikelihood train mixture) before "it learns")
    ]
