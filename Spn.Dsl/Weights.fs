namespace Spn

open Spn.Core

/// <summary>Where the mixture weights of sums come from.</summary>
[<AbstractClass; Sealed>]
type Weights =
    /// <summary>The softmax of free logits.</summary>
    /// <param name="deadEntries">See <see cref="P:Spn.Core.FreeWeights.DeadEntries"/>; false unless told.</param>
    /// <param name="start">See <see cref="P:Spn.Core.FreeWeights.Start"/>; uniform logits unless told.</param>
    static member Free(?deadEntries: bool, ?start: FreeStart) : WeightSpec =
        WeightSpec.Free(defaultArg deadEntries false, defaultArg start FreeStart.UniformLogits)

    /// <summary>Weights in proportion to counts, which expectation maximisation adds up; see <see cref="T:Spn.Core.AccumulatorWeights"/>.</summary>
    /// <param name="smoothing">Count that every sum shares out equally among its inputs; 0.01 unless told.</param>
    static member Accumulators(?smoothing: float) : WeightSpec =
        WeightSpec.Accumulators(defaultArg smoothing 1e-2)

    /// <summary>A hyper-network: one small network makes every sector's weights from an embedding of that sector.</summary>
    /// <remarks>Source: Shih, Sadigh and Ermon 2021, section 4.</remarks>
    /// <param name="embedding">Length of an embedding, at least 1.</param>
    /// <param name="hidden">Widths of the hidden layers, ReLU after each.</param>
    /// <param name="deadEntries">See <see cref="P:Spn.Core.HyperWeights.DeadEntries"/>; false unless told.</param>
    /// <param name="groupSize">How many neighbouring inputs of a sum an embedding stands for; a whole sector unless told.</param>
    static member Hyper(embedding: int, hidden: seq<int>, ?deadEntries: bool, ?groupSize: int) : WeightSpec =
        WeightSpec.Hyper(embedding, hidden, defaultArg deadEntries false, Option.toNullable groupSize)

    /// <summary>Given weights that never change, [block, out, in]; every row adds to 1.</summary>
    static member Fixed(values: seq<float>) : WeightSpec = WeightSpec.Fixed values

    /// <summary>Equal weights that never change.</summary>
    static member Uniform: WeightSpec = WeightSpec.Uniform()

    /// <summary>Weights that are parameters themselves and need not add to 1; see <see cref="T:Spn.Core.RawWeights"/>.</summary>
    /// <param name="low">Least weight at the start; 0.5 unless told.</param>
    /// <param name="high">Largest weight at the start, not reached; 1.5 unless told. The same as <paramref name="low"/> starts all equal.</param>
    static member Raw(?low: float, ?high: float) : WeightSpec =
        WeightSpec.Raw(defaultArg low 0.5, defaultArg high 1.5)

    /// <summary>Weights whose logarithms are the parameters and which need not add to 1; see <see cref="T:Spn.Core.RawWeights"/>.</summary>
    /// <param name="low">Least weight at the start, above 0; 0.5 unless told.</param>
    /// <param name="high">Largest weight at the start, not reached; 1.5 unless told.</param>
    static member Exponential(?low: float, ?high: float) : WeightSpec =
        WeightSpec.Exponential(defaultArg low 0.5, defaultArg high 1.5)

    /// <summary>Overparametrized weights: every weight a product of factors, as if so many sums stood on one another; see <see cref="T:Spn.Core.FactoredWeights"/>.</summary>
    /// <param name="source">The weights that are factored: raw, exponential or free.</param>
    /// <param name="groupSizes">For each layer but the last, from the root down, how many neighbouring inputs share a factor; each a multiple of the next.</param>
    /// <param name="factorStart">The factors of all layers but the last at the start; 1 unless told.</param>
    static member Factored(source: WeightSpec, groupSizes: seq<int>, ?factorStart: float) : WeightSpec =
        WeightSpec.Factored(source, groupSizes, defaultArg factorStart 1.0)

    /// <summary>The same with groups of 2, 4, 8, ... inputs.</summary>
    /// <param name="source">The weights that are factored: raw, exponential or free.</param>
    /// <param name="depth">Number of layers, and of factors of a weight.</param>
    static member Factored(source: WeightSpec, depth: int) : WeightSpec = WeightSpec.Factored(source, depth)

    /// <summary>One set of weights for all replicas.</summary>
    static member Tied(source: WeightSpec) : WeightSpec = WeightSpec.Tied source
