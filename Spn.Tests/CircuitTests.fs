/// Descriptions, lowering, checks, parameter counts, and the circuit that a user holds.
module Spn.Tests.CircuitTests

open System
open System.Threading.Tasks
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines
open Spn.Core.Lowering

let private finding property (spec: CircuitSpec) =
    let findings = Lowerer.Check spec

    match findings |> Seq.tryFind (fun f -> f.Property = property) with
    | Some finding -> finding
    | None -> failtest $"expected the finding '{property}', got %A{List.ofSeq findings}"

let private layered (structure: StructureSpec) =
    CircuitSpec.Over(structure).IndicatorInput().SumPerRegion(2).HadamardProduct().RootSum()

let private simple = layered (BinaryTrees(4, 2, 7L))

let tests =
    testList "circuits" [
        testCase "descriptions are equal when they say the same" (fun () ->
            Expect.equal (layered (BinaryTrees(4, 2, 7L))) simple "same"
            Expect.equal (simple.GetHashCode()) ((layered (BinaryTrees(4, 2, 7L))).GetHashCode()) "same hash"
            Expect.notEqual (layered (BinaryTrees(4, 2, 8L))) simple "another seed"
            Expect.notEqual (simple.WithWeights(WeightSpec.Hyper(5, [ 20; 20 ]))) simple "other weights"
            Expect.equal (WeightSpec.Hyper(5, [ 20; 20 ])) (WeightSpec.Hyper(5, [ 20; 20 ])) "hyper-networks")
        testCase "joined scopes that overlap are refused with the shared variable" (fun () ->
            let graph = HandBuiltRegions(3).Leaf(0, 1).Leaf(1).Leaf(2).Join([| 0; 1; 2 |])
            let spec = CircuitSpec.Over(graph).IndicatorInput().HadamardProduct().RootSum()
            let f = finding "not decomposable" spec
            Expect.stringContains f.Witness "both contain variable 1" "witness"
            Expect.stringContains f.Layer "Layer 2 of 3, Product.Hadamard" "layer"

            let error =
                Expect.raises<CircuitException> (fun () -> Lowerer.Lower spec |> ignore) "compile"

            Expect.isTrue (error.Findings.Count >= 1) "findings travel with the exception")
        testCase "mixed scopes that differ are refused with the variable" (fun () ->
            let graph =
                HandBuiltRegions(
                    3,
                    ValueList<RegionSpec>(
                        HandBuiltRegions(3).Leaf(0).Leaf(1).Leaf(2).Join([| 0; 1 |]).Join([| 0; 2 |]).Regions
                    )
                )

            let f =
                finding "not smooth" (CircuitSpec.Over(graph).IndicatorInput().HadamardProduct().RootSum())

            Expect.stringContains f.Witness "differ in variable 1" "witness")
        testCase "a root without all variables is refused" (fun () ->
            let graph = HandBuiltRegions(3).Leaf(0).Leaf(1).Join([| 0; 1 |])

            let f =
                finding
                    "not the full scope at the root"
                    (CircuitSpec.Over(graph).IndicatorInput().HadamardProduct().RootSum())

            Expect.stringContains f.Witness "Variable 2" "witness")
        testCase "a region that claims more than its children is refused" (fun () ->
            let regions =
                ValueList<RegionSpec>(
                    Seq.append (HandBuiltRegions(3).Leaf(0).Leaf(1).Regions) [
                        RegionSpec(
                            ValueList<int>([ 0; 1; 2 ]),
                            ValueList<ValueList<int>>([ ValueList<int>([ 0; 1 ]) ])
                        )
                    ]
                )

            finding
                "scope not covered"
                (CircuitSpec.Over(HandBuiltRegions(3, regions)).IndicatorInput().HadamardProduct().RootSum())
            |> ignore)
        testCase "unequal channels under a Hadamard product are refused with the way out" (fun () ->
            let spec =
                CircuitSpec.Over(Generators.chain 3).IndicatorInput().HadamardProduct().SumPerRegion(5).RootSum()

            let f = finding "channels differ" spec
            Expect.stringContains f.Advice "Product.Kronecker" "advice")
        testTheory
            "lists of layers that make no recipe are refused"
            [
                "no input", CircuitSpec.Over(BinaryTrees(2, 1, 1L)).SumPerRegion(2).HadamardProduct().RootSum()
                "no root", CircuitSpec.Over(BinaryTrees(2, 1, 1L)).IndicatorInput().SumPerRegion(2).HadamardProduct()
                "unexpected layer",
                CircuitSpec.Over(BinaryTrees(2, 1, 1L)).IndicatorInput().HadamardProduct().HadamardProduct().RootSum()
                "no product", CircuitSpec.Over(BinaryTrees(2, 1, 1L)).IndicatorInput().SumPerRegion(2).RootSum()
                "no channels",
                CircuitSpec.Over(BinaryTrees(2, 1, 1L)).IndicatorInput().SumPerRegion(0).HadamardProduct().RootSum()
                "no variables", layered (BinaryTrees(0, 1, 1L))
                "no replicas", layered (BinaryTrees(2, 0, 1L))
                "weights missing", simple.WithWeights(WeightSpec.Fixed [ 0.5; 0.5 ])
                "weights do not add to 1",
                CircuitSpec
                    .Over(BinaryTrees(1, 1, 1L))
                    .IndicatorInput()
                    .RootSum()
                    .WithWeights(WeightSpec.Fixed [ 2.0; 3.0 ])
                "no such variable",
                layered (
                    HandBuiltRegions(
                        3,
                        ValueList<RegionSpec>([ RegionSpec(ValueList<int>([ 0; 5 ]), ValueList<ValueList<int>>([])) ])
                    )
                )
                "empty partition",
                layered (
                    HandBuiltRegions(
                        2,
                        ValueList<RegionSpec>(
                            [
                                RegionSpec(ValueList<int>([ 0; 1 ]), ValueList<ValueList<int>>([ ValueList<int>([]) ]))
                            ]
                        )
                    )
                )
            ]
            (fun (property, spec) -> finding property spec |> ignore)
        testCase "an explicit channel table joins the channels that it names" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(2, 1, 1L, Orders = ValueList<ValueList<int>>([ ValueList<int>([ 0; 1 ]) ])))
                    .IndicatorInput()
                    .ChannelTableProduct([| 0; 1 |], [| 1; 0 |])
                    .RootSum()
                    .WithWeights(WeightSpec.Uniform())

            for engine in [ Reference.ReferenceEngine() :> IEngine; Simd.SimdEngine() ] do
                use circuit = Circuit.Compile(spec, engine)
                let result = circuit.LogLikelihood(Evidence.From([| 0f; 1f; 1f; 0f; 0f; 0f |], 2))
                Expect.floatsClose Accuracy.medium result [ log 0.5; log 0.5; -infinity ] "x0 differs from x1")
        testTheory "parameter counts are those of the papers' tables" DataCatalogue.Entries (fun entry ->
            if entry.Group = DataGroup.Twenty || entry.Group = DataGroup.Amazon then
                let n, h = entry.Variables, (if entry.Group = DataGroup.Twenty then 20 else 10)
                let count spec = (Lowerer.Lower spec).ParameterCount
                Expect.equal (count (HyperSpn.Baseline n)) (2500 * n + 50) "SPN"
                Expect.equal (count (HyperSpn.Released(n, h))) (500 * n + 195 + 46 * h) "HyperSPN"

                if entry.Name = "nltcs" then
                    Expect.equal
                        (count (HyperSpn.Baseline n), count (HyperSpn.Released(n, h)))
                        (40050, 9115)
                        "as printed")
        testCase "real sectors have no entries without use" (fun () ->
            let n, k, r = 16, 5, 3
            let spec = (HyperSpn.Baseline(n, k, r)).WithWeights(WeightSpec.Free())

            Expect.equal
                (Lowerer.Lower spec).ParameterCount
                (r * ((n - 2) * k * k + (2 * n + 1) * k) + r)
                "papers: (n - 2) k^2 + (2n + 1) k a replica, and the mixture")
        testCase "the text's preset has embeddings of length h" (fun () ->
            let n, h = 16, 10

            Expect.equal
                (Lowerer.Lower(HyperSpn.PaperText(n, h))).ParameterCount
                (50 * (2 * n - 1) * h + (20 * h + 20) + (20 * 20 + 20) + (20 * 25 + 25) + 50)
                "count")
        testCase "all states of random binary circuits sum to one" (fun () ->
            for seed in 1..30 do
                let n = 2 + seed % 7

                use circuit =
                    Circuit.Compile(layered (BinaryTrees(n, 2, int64 seed)), seed = int64 seed)

                let states =
                    Evidence.From(Array.init (n <<< n) (fun i -> float32 (i / n >>> (i % n) &&& 1)), n)

                Expect.floatClose Accuracy.medium (circuit.LogLikelihood states |> Array.sumBy exp) 1.0 $"seed {seed}")
        testCase "fixed weights of two layers may be equal" (fun () ->
            let half = WeightSpec.Fixed [ 0.5; 0.5 ]

            let spec =
                CircuitSpec
                    .Over(BinaryTrees(1, 2, 1L))
                    .IndicatorInput()
                    .With(RootSpec(1, true, Weights = WeightSpec.Fixed [ 0.5; 0.5; 0.5; 0.5 ], MixtureWeights = half))

            use circuit = Circuit.Compile spec

            Expect.floatsClose
                Accuracy.medium
                (circuit.LogLikelihood(Evidence.From([| 0f; 1f |], 1)))
                [ log 0.5; log 0.5 ]
                "a fair coin")
        testCase "one layer value may stand in two places" (fun () ->
            let sum = SumSpec 2

            let spec =
                CircuitSpec
                    .Over(BinaryTrees(4, 1, 1L))
                    .IndicatorInput()
                    .With(sum)
                    .HadamardProduct()
                    .With(sum)
                    .RootSum()

            let plan = Lowerer.Lower spec

            Expect.isTrue
                (Seq.init plan.Regions.Count plan.Regions.Layer |> Seq.contains 3)
                "the second sum has regions of its own")
        testCase "tied weights serve all replicas" (fun () ->
            let free = Lowerer.Lower simple
            let tied = Lowerer.Lower(simple.WithWeights(WeightSpec.Tied(WeightSpec.Free())))
            Expect.isLessThan tied.ParameterCount free.ParameterCount "fewer parameters")
        testCase "evidence that does not fit is refused with row, variable and domain" (fun () ->
            use circuit = Circuit.Compile simple

            let width =
                Expect.raises<EvidenceException>
                    (fun () -> circuit.LogLikelihood(Evidence.From([| 0f; 1f |], 2)) |> ignore)
                    "width"

            Expect.stringContains width.Message "4 variables" "width"

            let value =
                Expect.raises<EvidenceException>
                    (fun () -> circuit.LogLikelihood(Evidence.From([| 0f; 1f; 0f; 2f |], 4)) |> ignore)
                    "value"

            Expect.equal (value.Row, value.Variable) (Nullable 0, Nullable 3) "place"
            Expect.stringContains value.Message "an integer from 0 to 1" "domain"

            Expect.throwsT<EvidenceException>
                (fun () -> circuit.LogLikelihood(Evidence.From([| infinityf; 0f; 0f; 0f |], 4)) |> ignore)
                "infinity"

            circuit.LogLikelihood((Evidence.From([| infinityf; 0f; 0f; 0f |], 4)).Hide 0)
            |> ignore)
        testCase "one circuit may be asked from many threads" (fun () ->
            use circuit = Circuit.Compile(HyperSpn.Released(16, replicas = 5))
            let evidence = Generators.evidence circuit.Plan 300 0.0 1
            let expected = circuit.LogLikelihood evidence
            let answers = Array.zeroCreate<float[]> 40

            Parallel.For(
                0,
                answers.Length,
                ParallelOptions(MaxDegreeOfParallelism = 6),
                fun i -> answers[i] <- circuit.LogLikelihood evidence
            )
            |> ignore

            Expect.all answers ((=) expected) "same bits")
        testCase "memory is flat over 100 batches" (fun () ->
            use circuit = Circuit.Compile(HyperSpn.Released(69, replicas = 10))
            let evidence = Generators.evidence circuit.Plan 500 0.0 1

            let run count =
                for _ in 1..count do
                    circuit.LogLikelihood evidence |> ignore

            run 10
            let before = Environment.WorkingSet
            run 100
            Expect.isLessThan (Environment.WorkingSet - before) (24L <<< 20) "growth in bytes")
        testCase "the summary says what the circuit is" (fun () ->
            use circuit = Circuit.Compile(HyperSpn.Released 16)
            let text = circuit.Summary()

            for part in
                [
                    "16 variables"
                    "9,115 parameters"
                    "binary trees"
                    "hyper-network 5-20-20-K*K"
                    "Product.Hadamard"
                ] do
                Expect.stringContains text part "summary")
    ]
