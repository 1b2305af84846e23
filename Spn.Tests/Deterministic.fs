/// Circuits in which at most one term of every sum is positive.
module Spn.Tests.Deterministic

open Spn.Core

/// p(x0) p(x1|x0) p(x2|x0) p(x3|x0): every sum over (x0, ...) tells its terms apart by x0.
let private decision (weights: float seq) =
    CircuitSpec
        .Over(BinaryTrees(4, 1, 3L))
        .IndicatorInput()
        .SumPerRegion(2)
        .HadamardProduct()
        .RootSum()
        .WithWeights(WeightSpec.Fixed weights)

/// Leaf sums either keep an indicator apart (identity) or, where a channel may have both values, mix them deterministically.
/// Two variables are told apart at each inner region by the one whose leaf is the identity.
let private weights (p: float) (q: float) = [
    // Leaves in the order of the tree: the first of each pair is kept apart, the second is a distribution a channel.
    yield! [ 1.0; 0.0; 0.0; 1.0 ]
    yield! [ p; 1.0 - p; q; 1.0 - q ]
    yield! [ 1.0; 0.0; 0.0; 1.0 ]
    yield! [ q; 1.0 - q; 1.0 - p; p ]
    // The first pair stays apart by its first variable, the second is mixed: a deterministic sum over its first variable.
    yield! [ 1.0; 0.0; 0.0; 1.0 ]
    yield! [ 0.3; 0.7; 0.9; 0.1 ]
    // The root is told apart by the first pair's first variable.
    yield! [ 0.35; 0.65 ]
]

let spec = decision (weights 0.2 0.6)

/// Where one variable has its second value, another is sure.
let sure = decision (weights 1.0 0.6)

let other = decision (weights 0.5 0.3)

/// 0.4 of (1, 1), 0.3 of (0, 0) and 0.3 of (0, 1): the marginals favour x0 = 0 and x1 = 1, the mode is (1, 1).
let misleading =
    CircuitSpec
        .Over(BinaryTrees(2, 1, 1L))
        .IndicatorInput()
        .With(KroneckerProduct())
        .RootSum()
        .WithWeights(WeightSpec.Fixed [ 0.3; 0.0; 0.3; 0.4 ])
