/// Regions of every structure: how many, which, and circuits on them.
module Spn.Tests.StructureTests

open System
open Spn
open Spn.Core
open Spn.Core.Files
open Spn.Core.Lowering
open Spn.Core.Training

let private list (items: 'a seq) = ValueList<'a>(items)

/// A tree with a chain, a fork of many and leaves at several heights.
let private tree =
    HiddenTree(list [ -1; 0; 1; 0; 3; 3; 3; 3; 3; 3; 3; 3; 3; 0; 13 ])

let private small = Variables.Image(height = 3, width = 4)

/// Larger than the generators', small enough to enumerate over binary variables.
let structures =
    Generators.structures
    @ [
        "random regions, deep", RatRegions(11, 2, 3, 5L)
        "Poon-Domingos of an image", PoonDomingos.At(small, 1.0)
        "Poon-Domingos of an image, coarse to fine", PoonDomingos.At(small, 2.0, 1.0)
        "quad tree of an image", QuadRegions(small)
        "quad graph of an image", QuadRegions(small, QuadSplit.AllHalves)
        "octree of many cells", QuadRegions(GridVariables.Volume(2, 3, 2))
        "hidden tree of many children", tree
    ]

/// Recipes that suit a structure: every leaf has as many channels as an inner region.
let private recipes (structure: StructureSpec) : CircuitSpec list = [
    RatSpn.Published(1, BernoulliInput 2, 1, 1, 3, classes = 2)
    |> fun preset -> CircuitSpec(structure, preset.Layers, WeightSpec.Free())
    EinsumNetwork.Over(structure, CategoricalInput(2, 2), 2)
    CircuitSpec.Over(structure).IndicatorInput().SumPerRegion(3).HadamardProduct().SumPerPartition(3).RootSum(1, true)
    CircuitSpec.Over(structure).BernoulliInput(3).HadamardProduct().SumPerRegion(3).RootSum()
]

/// The tree has a product of ten regions, whose pairs of channels are too many.
let private fits (spec: CircuitSpec) =
    not (
        spec.Structure = tree
        && Seq.exists (fun (layer: LayerSpec) -> layer :? KroneckerProduct) spec.Layers
    )

let circuits = [
    for name, structure in structures do
        for spec in List.filter fits (recipes structure) do
            name, spec
    "mixture",
    CircuitSpec.MixtureOf [
        EinsumNetwork.Over(QuadRegions(small, QuadSplit.AllHalves), BernoulliInput 2, 2)
        HyperSpn.Released(12, 5, 2, 2)
        CircuitSpec.MixtureOf [
            HyperSpn.Baseline(12, 2, 2)
            CircuitSpec.Over(LinearTrees 12).BernoulliInput(2).HadamardProduct().SumPerRegion(2).RootSum()
        ]
    ]
]

let private eachCircuit law (code: string -> CircuitSpec -> unit) =
    testList law [
        for i, (name, spec) in List.indexed circuits do
            testCase $"{name}, {i}" (fun () -> code $"{name}, {spec}" spec)
    ]

let private counts (structure: StructureSpec) =
    let graph = structure.Build()
    graph.Regions.Count, Seq.sumBy (fun (r: Circuits.Structures.RegionGraph.Region) -> r.Partitions.Count) graph.Regions

let private evidence random count variables =
    Evidence.From(Array.init (count * variables) (fun _ -> float32 ((random: Random).Next 2)), variables)

/// Samples of a chain of binary variables, each equal to the one before with the given probability, in a shuffled order.
let private chainOf (random: Random) order count agreement =
    let n = Array.length order
    let values = Array.zeroCreate<float32>(count * n)

    for row in 0 .. count - 1 do
        let mutable last = random.Next 2

        for v in order do
            last <- if random.NextDouble() < agreement then last else 1 - last
            values[row * n + v] <- float32 last

    Evidence.From(values, n)

let tests =
    testList "structures" [
        eachCircuit "all states of every structure sum to one in both engines" (fun name spec ->
            use circuit = Circuit.Compile(spec, seed = 3L)
            let n = circuit.Variables

            let states =
                Evidence.From(Array.init (n <<< n) (fun i -> float32 (i / n >>> (i % n) &&& 1)), n)

            let table = circuit.LogLikelihood states |> Array.map exp

            for c in 0 .. circuit.Classes - 1 do
                let total = Seq.init (1 <<< n) (fun s -> table[s * circuit.Classes + c]) |> Seq.sum
                Expect.floatClose Accuracy.medium total 1.0 $"{name}, class {c}"

            let some = evidence (Random 1) 9 n

            EngineTests.agrees
                name
                circuit.Plan
                (circuit.Parameters.ToArray())
                (some.Hide(fun row v -> (row + v) % 4 = 0))

            QueryEngineTests.agrees
                $"{name}, queries"
                circuit.Plan
                (circuit.Parameters.ToArray())
                (some.Hide(fun row v -> (row + v) % 3 = 0)))

        eachCircuit "a description of every structure is read back as it was" (fun _ spec ->
            Expect.equal (SpecKinds.Default.Read(SpecKinds.Default.Write spec)) spec "the same value")

        testCase "Poon-Domingos regions and partitions are as many as the formulas say" (fun () ->
            for h, w in [ 1, 4; 4, 4; 7, 7; 2, 5 ] do
                let pairs n = n * (n + 1) / 2
                let cuts n = (n * n * n - n) / 6

                Expect.equal
                    (counts (PoonDomingos.At(GridVariables.Image(h, w), 1.0)))
                    (pairs h * pairs w, cuts h * pairs w + cuts w * pairs h)
                    $"{h} x {w}"

            let strips = PoonDomingos.Pieces(GridVariables.Image(28, 28), 4)

            Expect.equal
                (counts (PoonDomingos(strips.Grid, strips.Distances, Axes = list [ 1 ])))
                (10, 10)
                "four strips"

            Expect.equal
                (snd (counts (PoonDomingos.At(GridVariables.Image(28, 28), 4.0))))
                3136
                "28 x 28 at distance 4")

        testCase "the Poon-Domingos network of four strips has as many weights as published" (fun () ->
            let grid = GridVariables.Image(28, 28)

            let spec =
                EinsumNetwork.Over(PoonDomingos(grid, list [ list [ 7.0 ] ], Axes = list [ 1 ]), NormalInput 40, 40)

            let plan = Lowerer.Lower spec
            // Seven partitions below the root, three at the root, two regions that mix two partitions, the root that mixes three.
            let sums = 7 * 40 * 40 * 40 + 3 * 40 * 40 + 2 * 40 * 2 + 3

            Expect.equal
                plan.ParameterCount
                (sums + 784 * 40 * 2)
                "515,683 in table III of the DCGMM paper, and the mixing weights with it"

            Expect.equal (sums + 784 * 40 * 2) 515683 "printed")

        testCase "Poon-Domingos cuts coarse before fine, and no deeper than told" (fun () ->
            let line = GridVariables.Line 8

            let scopes (spec: PoonDomingos) =
                set [ for r in spec.Build().Regions -> r.Scope[0], r.Scope.Count ]

            Expect.equal
                (scopes (PoonDomingos.At(line, 4.0, 2.0)))
                (set [ 0, 8; 0, 4; 4, 4; 0, 2; 2, 2; 4, 2; 6, 2 ])
                "only the halves are cut at two"

            let few = PoonDomingos(line, list [ list [ 2.0 ] ], MostCuts = 1)
            Expect.equal (scopes few) (set [ 0, 8; 0, 2; 2, 6; 0, 4; 4, 4; 0, 6; 6, 2 ]) "one cut"

            Expect.equal
                (scopes (PoonDomingos.Pieces(line, 3)))
                (set [ 0, 8; 0, 3; 3, 5; 0, 6; 6, 2; 3, 3 ])
                "cuts rounded up")

        testCase "quad trees halve and quad graphs share" (fun () ->
            let grid = GridVariables.Image(8, 8)
            Expect.equal (counts (QuadRegions grid)) (64 + 16 + 4 + 1, 21) "quadrants"
            Expect.equal (counts (QuadRegions(grid, QuadSplit.Halves))) (127, 63) "halves"
            // Boxes of sides 8, 4, 2, 1 in each combination; a partition an axis that can be halved.
            let sides = 1 + 2 + 4 + 8
            Expect.equal (fst (counts (QuadRegions(grid, QuadSplit.AllHalves)))) (sides * sides) "boxes"
            Expect.equal (snd (counts (QuadRegions(grid, QuadSplit.AllHalves)))) (2 * 7 * sides) "partitions")

        testCase "random regions have the sizes that the depth says" (fun () ->
            let graph = RatRegions(784, 3, 20).Build()
            Expect.equal (counts (RatRegions(784, 3, 20))) (20 * 15, 20 * 7) "2^(D+1) - 1 regions a replica"

            Expect.all
                (graph.Regions |> Seq.filter (fun r -> r.Partitions.Count = 0))
                (fun r -> r.Scope.Count = 98)
                "leaves of n / 2^D variables"

            let plan =
                Lowerer.Lower(RatSpn.Published(16, BernoulliInput 5, 4, 3, 6, classes = 2))

            let perReplica = 8 * 6 * 25 + 6 * 6 * 36 + 2 * 36
            Expect.equal plan.ParameterCount (3 * (perReplica + 16 * 5)) "sums and inputs"

            Expect.notEqual
                (RatRegions(9, 2, 1, 1L).Build().Regions[0].Scope)
                (RatRegions(9, 2, 1, 2L).Build().Regions[0].Scope)
                "seeds")

        testCase "a hidden tree is the Bayesian network that it stands for" (fun () ->
            // Z0 -> Z1, Z0 -> Z2, two states each; all probabilities by hand from the parameters.
            let spec = HiddenChowLiuTree.Over(HiddenTree(list [ -1; 0; 0 ]), BernoulliInput 2)
            use circuit = Circuit.Compile(spec, seed = 5L)
            Expect.equal circuit.ParameterCount (3 * 2 + 2 * 4 + 2) "n K inputs, (n - 1) K^2 + K sums"
            let p = circuit.Parameters.ToArray() |> Array.map float
            let softmax (a: float) b = exp a / (exp a + exp b)
            let one i = 1.0 / (1.0 + exp -p[i])
            // The inputs stand in the order of the regions: 2, 1, 0; so do their sums.
            let emission = dict [ 2, 0; 1, 2; 0, 4 ]
            let transition = dict [ 2, 6; 1, 10 ]

            let bernoulli v z x =
                if x = 1 then
                    one (emission[v] + z)
                else
                    1.0 - one (emission[v] + z)

            let given v parent z =
                softmax p[transition[v] + 2 * parent + z] p[transition[v] + 2 * parent + 1 - z]

            for state in 0..7 do
                let x = [| for v in 0..2 -> state >>> v &&& 1 |]

                let expected =
                    Seq.sum (
                        seq {
                            for z0 in 0..1 do
                                for z1 in 0..1 do
                                    for z2 in 0..1 ->
                                        softmax p[14 + z0] p[15 - z0]
                                        * bernoulli 0 z0 x[0]
                                        * given 1 z0 z1
                                        * bernoulli 1 z1 x[1]
                                        * given 2 z0 z2
                                        * bernoulli 2 z2 x[2]
                        }
                    )

                Expect.floatClose
                    Accuracy.medium
                    (circuit.LogLikelihood(Evidence.From(Array.map float32 x, 3))[0])
                    (log expected)
                    $"state {state}")

        testCase "mutual information is that of the counted tables, hidden cells left out" (fun () ->
            let random = Random 3
            let n, rows = 5, 300

            let values =
                Array.init (n * rows) (fun i ->
                    if i % n = 4 then
                        float32 (random.Next 3)
                    else
                        float32 (random.Next 2))

            for row in 0 .. rows - 1 do
                if random.Next 3 > 0 then
                    values[row * n + 1] <- values[row * n]

            let train =
                Evidence.From(values, n).Hide(fun row v -> v % 2 = 1 && (row * 7 + v) % 5 = 0)

            let found = ChowLiu.MutualInformation(train, smoothing = 0.5)

            for a in 0 .. n - 1 do
                for b in 0 .. n - 1 do
                    if a <> b then
                        let states v = if v = 4 then 3 else 2
                        let joint = Array2D.create (states a) (states b) (0.5 / float (states a * states b))

                        for row in 0 .. rows - 1 do
                            if not (train.IsHidden(row, a) || train.IsHidden(row, b)) then
                                let x = train.Row(row).ToArray()
                                joint[int x[a], int x[b]] <- joint[int x[a], int x[b]] + 1.0

                        let total = Seq.sum (Seq.cast<float> joint)
                        let byA i = Seq.sum joint[i, *] / total
                        let byB j = Seq.sum joint[*, j] / total

                        let expected =
                            Seq.sum (
                                seq {
                                    for i in 0 .. states a - 1 do
                                        for j in 0 .. states b - 1 ->
                                            joint[i, j] / total * log (joint[i, j] / total / byA i / byB j)
                                }
                            )

                        Expect.floatClose Accuracy.high found[a, b] expected $"{a} and {b}")

        testCase "the Chow-Liu tree finds the chain that made the samples, and hangs from its middle" (fun () ->
            let random = Random 8
            let order = [| 3; 0; 5; 1; 6; 2; 4 |]
            let found = ChowLiu.Tree(chainOf random order 4000 0.9).Parents |> Array.ofSeq

            let edges =
                set [
                    for v in 0..6 do
                        if found[v] >= 0 then
                            min v found[v], max v found[v]
                ]

            Expect.equal edges (set [ for a, b in Seq.pairwise order -> min a b, max a b ]) "neighbours of the chain"
            Expect.equal found[1] -1 "the middle")

        testCase "real values are cut at quantiles to find the tree" (fun () ->
            let random = Random 9

            let normal () =
                sqrt (-2.0 * log (1.0 - random.NextDouble()))
                * cos (2.0 * Math.PI * random.NextDouble())

            let rows = [|
                for _ in 1..2000 do
                    let a = normal ()
                    let b = a + 0.5 * normal ()
                    let c = b + 0.5 * normal ()
                    [| float32 c; float32 a; float32 b |]
            |]

            Expect.sequenceEqual (ChowLiu.Tree(Evidence.From rows, bins = 8).Parents) [ 2; 2; -1 ] "through b")
    ]
