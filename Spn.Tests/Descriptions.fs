/// The same models described in F# and in C#, side by side.
module Spn.Tests.Descriptions

open System
open System.IO
open System.Reflection
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Reference
open Spn.Core.Training
open Spn.Host.Examples

let trees = BinaryTrees(4, 2)

let small () =
    let spec =
        Regions.RandomBinaryTrees(4, replicas = 2)
        |> Circuit.overRegions [ Input.Indicator 2; Sum.PerRegion 3; Product.Hadamard; Sum.Root() ]

    spec, Evidence.From(Array.init 32 (fun i -> float32 (i * i / 3 % 2)), 4)

let samples = Evidence.From(Array.init 60 (fun i -> float32 (i * i / 7 % 2)), 5)

let descriptions: (string * CircuitSpec * CircuitSpec) list = [
    "the first model", ReadmeExamples.describe 64, FirstModel.Describe 64
    "HyperSPN in the released layout",
    Regions.RandomBinaryTrees(16, replicas = 50, seed = 3)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]
    |> Circuit.withWeights (Weights.Hyper(embedding = 5, hidden = [ 20; 20 ], deadEntries = true)),
    HyperSpn.Released(16, seed = 3)
    "a hyper-network by groups of weights on an Einsum network",
    Regions.PoonDomingos(Variables.Image(height = 2, width = 4), pieces = [ 4 ], axes = [ 1 ])
    |> Circuit.overRegions [ Input.Normal 3; Product.Kronecker; Sum.PerPartition 3; Sum.Root() ]
    |> Circuit.withWeights (Weights.Hyper(embedding = 8, hidden = [ 10; 10 ], groupSize = 3)),
    EinsumNetwork
        .Over(
            PoonDomingos(
                GridVariables.Image(2, 4),
                PoonDomingos.Pieces(GridVariables.Image(2, 4), 4).Distances,
                Axes = ValueList [ 1 ]
            ),
            NormalInput 3,
            3
        )
        .WithWeights(WeightSpec.Hyper(8, [ 10; 10 ], groupSize = 3))
    "the baseline",
    Regions.RandomBinaryTrees(16, replicas = 50)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]
    |> Circuit.withWeights (Weights.Free(deadEntries = true)),
    HyperSpn.Baseline 16
    "normal inputs",
    trees
    |> Circuit.overRegions [
        Input.Normal(2, means = [ 0.0; 1.0 ], variances = [ 1.0; 2.0 ])
        Product.Kronecker
        Sum.Shared(3, weights = Weights.Uniform)
        Sum.Root(classes = 4)
    ],
    CircuitSpec
        .Over(trees)
        .NormalInput(2, [ 0.0; 1.0 ], [ 1.0; 2.0 ])
        .KroneckerProduct()
        .SumShared(3, WeightSpec.Uniform())
        .RootSum(4)
    "learned normal inputs",
    trees |> Circuit.overRegions [ Input.Normal 2; Product.Hadamard; Sum.Root() ],
    CircuitSpec.Over(trees).NormalInput(2).HadamardProduct().RootSum()
    "frozen normal inputs",
    trees
    |> Circuit.overRegions [
        Input.Normal(components = 4, init = Init.Quantiles, trainable = false)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec.Over(trees).NormalInput(4, init = Init.Quantiles, trainable = false).HadamardProduct().RootSum()
    "Laplace inputs",
    trees
    |> Circuit.overRegions [
        Input.Laplace(3, scales = [ 1.0; 2.0; 3.0 ], init = Init.KMeans)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec
        .Over(trees)
        .LaplaceInput(3, fixedScales = [ 1.0; 2.0; 3.0 ], init = Init.KMeans)
        .HadamardProduct()
        .RootSum()
    "Cauchy inputs",
    trees
    |> Circuit.overRegions [
        Input.Cauchy(2, init = Init.Equidistant(low = -1.0), trainableScales = false)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec
        .Over(trees)
        .CauchyInput(2, init = Init.Equidistant(-1.0), trainableScales = false)
        .HadamardProduct()
        .RootSum()
    "a RAT-SPN",
    Regions.Rat(16, depth = 2, replicas = 3, seed = 5)
    |> Circuit.overRegions [ Input.Bernoulli 4; Product.Kronecker; Sum.PerRegion 6; Sum.Root(classes = 3) ],
    RatSpn.Published(16, BernoulliInput 4, depth = 2, replicas = 3, sums = 6, classes = 3, seed = 5L)
    "an Einsum network on strips",
    Regions.PoonDomingos(Variables.Image(height = 8, width = 8), pieces = [ 4 ], axes = [ 1 ])
    |> Circuit.overRegions [ Input.Normal 3; Product.Kronecker; Sum.PerPartition 3; Sum.Root() ],
    EinsumNetwork.Over(
        PoonDomingos(GridVariables.Image(8, 8), ValueList [ ValueList [ 2.0; 2.0 ] ], Axes = ValueList [ 1 ]),
        NormalInput 3,
        3
    )
    "a Poon-Domingos circuit coarse to fine",
    Regions.PoonDomingos(Variables.Line 8, distances = [ 4.0; 2.0 ], mostCuts = 3)
    |> Circuit.overRegions [
        Input.Bernoulli 2
        Product.Kronecker
        Sum.PerPartition(2, mixing = Weights.Uniform)
        Sum.Root()
    ],
    CircuitSpec
        .Over(
            PoonDomingos(
                GridVariables.Line 8,
                ValueList [ ValueList [ 4.0 ]; ValueList [ 2.0 ] ],
                MostCuts = Nullable 3
            )
        )
        .BernoulliInput(2)
        .KroneckerProduct()
        .SumPerPartition(2, mixing = WeightSpec.Uniform())
        .RootSum()
    "a quad tree",
    Regions.QuadTree(Variables.Image(height = 4, width = 4), binary = true, patch = 2)
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Hadamard; Sum.Root() ],
    CircuitSpec
        .Over(QuadRegions(GridVariables.Image(4, 4), QuadSplit.Halves, 2))
        .BernoulliInput(2)
        .HadamardProduct()
        .RootSum()
    "a quad graph",
    Regions.QuadGraph(Variables.Image(height = 4, width = 4))
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Hadamard; Sum.PerRegion 2; Sum.Root() ],
    CircuitSpec
        .Over(QuadRegions(GridVariables.Image(4, 4), QuadSplit.AllHalves))
        .BernoulliInput(2)
        .HadamardProduct()
        .SumPerRegion(2)
        .RootSum()
    "a tensor train",
    Regions.Linear(5, replicas = 2, seed = 3)
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Kronecker; Sum.PerRegion 2; Sum.Root() ],
    CircuitSpec
        .Over(LinearTrees(5, 2, Seed = Nullable 3L))
        .BernoulliInput(2)
        .KroneckerProduct()
        .SumPerRegion(2)
        .RootSum()
    "a hidden Chow-Liu tree",
    Regions.ChowLiu(samples)
    |> Circuit.overRegions [ Input.Bernoulli 4; Product.Hadamard; Sum.PerRegion 4; Sum.Root() ],
    HiddenChowLiuTree.Over(ChowLiu.Tree samples, BernoulliInput 4)
    "a mixture of circuits",
    Circuit.mixtureOf [ HyperSpn.Baseline 3; HyperSpn.Released 3 ],
    CircuitSpec.Over(MixtureOf(ValueList [ HyperSpn.Baseline 3; HyperSpn.Released 3 ])).RootSum()
    "a channel table and tied weights",
    trees
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Channels [ [ 0; 1 ]; [ 1; 0 ] ]; Sum.Root() ]
    |> Circuit.withWeights (Weights.Tied(Weights.Free())),
    CircuitSpec
        .Over(trees)
        .BernoulliInput(2)
        .ChannelTableProduct([| 0; 1 |], [| 1; 0 |])
        .RootSum()
        .WithWeights(WeightSpec.Tied(WeightSpec.Free()))
    "raw weights in three layers below exponential ones",
    trees
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion(4, weights = Weights.Raw(low = 0.1, high = 0.2))
        Product.Hadamard
        Sum.Root(mixtureWeights = Weights.Factored(Weights.Exponential(), groupSizes = [ 4; 2 ], factorStart = 0.5))
    ]
    |> Circuit.overparametrize 3,
    CircuitSpec
        .Over(trees)
        .IndicatorInput()
        .SumPerRegion(4, WeightSpec.Raw(0.1, 0.2))
        .HadamardProduct()
        .RootSum(mixtureWeights = WeightSpec.Factored(WeightSpec.Exponential(), [ 4; 2 ], factorStart = 0.5))
        .Overparametrize(3)
    "hand-built regions",
    Regions.HandBuilt(
        3,
        [
            for variable in 0..2 do
                Regions.Leaf [ variable ]
            Regions.Join [ [ 0; 1 ] ]
            Regions.Join [ [ 3; 2 ] ]
        ]
    )
    |> Circuit.overRegions [
        Input.Categorical(2, states = 3)
        Product.Hadamard
        Sum.Root(weights = Weights.Fixed [ 0.5; 0.5 ])
    ],
    CircuitSpec
        .Over(HandBuiltRegions(3).Leaf(0).Leaf(1).Leaf(2).Join([| 0; 1 |]).Join([| 3; 2 |]))
        .CategoricalInput(2, 3)
        .HadamardProduct()
        .With(RootSpec(Weights = WeightSpec.Fixed [ 0.5; 0.5 ]))
]
