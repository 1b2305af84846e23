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
    static member Hyper(embedding: int, hidden: seq<int>, ?deadEntries: bool) : WeightSpec =
        WeightSpec.Hyper(embedding, hidden, defaultArg deadEntries false)

    /// <summary>Given weights that never change, [block, out, in]; every row adds to 1.</summary>
    static member Fixed(values: seq<float>) : WeightSpec = WeightSpec.Fixed values

    /// <summary>Equal weights that never change.</summary>
    static member Uniform: WeightSpec = WeightSpec.Uniform()

    /// <summary>One set of weights for all replicas.</summary>
    static member Tied(source: WeightSpec) : WeightSpec = WeightSpec.Tied source
