namespace Spn.Core;

/// <summary>Where the mixture weights of sums come from.</summary>
public abstract record WeightSpec
{
    /// <summary>How the weights are called in summaries.</summary>
    public abstract string Name { get; }

    /// <summary>Free weights: the softmax of logits that are the parameters.</summary>
    /// <param name="deadEntries">See <see cref="FreeWeights.DeadEntries"/>.</param>
    /// <param name="start">See <see cref="FreeWeights.Start"/>.</param>
    public static FreeWeights Free(bool deadEntries = false, FreeStart start = FreeStart.UniformLogits) => new() { DeadEntries = deadEntries, Start = start };

    /// <summary>Weights made by a small network from one learned embedding a sector.</summary>
    /// <param name="embedding">Length of an embedding.</param>
    /// <param name="hidden">Widths of the hidden layers, ReLU after each.</param>
    /// <param name="deadEntries">See <see cref="HyperWeights.DeadEntries"/>.</param>
    /// <param name="groupSize">See <see cref="HyperWeights.GroupSize"/>.</param>
    public static HyperWeights Hyper(int embedding, IEnumerable<int> hidden, bool deadEntries = false, int? groupSize = null) =>
        new(embedding, new ValueList<int>(hidden)) { DeadEntries = deadEntries, GroupSize = groupSize };

    /// <summary>Weights in proportion to counts, which expectation maximisation adds up.</summary>
    /// <param name="smoothing">See <see cref="AccumulatorWeights.Smoothing"/>.</param>
    public static AccumulatorWeights Accumulators(double smoothing = 1e-2) => new(smoothing);

    /// <summary>Weights that are all equal and never change.</summary>
    public static FixedWeights Uniform() => new(ValueList<double>.Empty);

    /// <summary>Weights that never change.</summary>
    /// <param name="values">All weights of the layer's blocks in order, [block, out, in]; every row adds to 1.</param>
    public static FixedWeights Fixed(IEnumerable<double> values) => new(new ValueList<double>(values));

    /// <summary>Weights that are parameters themselves and need not add to 1; see <see cref="RawWeights"/>.</summary>
    /// <param name="low">Least weight at the start.</param>
    /// <param name="high">Largest weight at the start, not reached; the same as the least starts all weights equal.</param>
    public static RawWeights Raw(double low = 0.5, double high = 1.5) => new(low, high);

    /// <summary>Weights whose logarithms are the parameters and which need not add to 1; see <see cref="RawWeights"/>.</summary>
    /// <inheritdoc cref="Raw"/>
    public static RawWeights Exponential(double low = 0.5, double high = 1.5) => new(low, high) { Logarithmic = true };

    /// <summary>Every weight a product of factors, one a layer; see <see cref="FactoredWeights"/>.</summary>
    /// <param name="source">The weights that are factored: raw, exponential or free.</param>
    /// <param name="groupSizes">See <see cref="FactoredWeights.GroupSizes"/>.</param>
    /// <param name="factorStart">See <see cref="FactoredWeights.FactorStart"/>.</param>
    public static FactoredWeights Factored(WeightSpec source, IEnumerable<int> groupSizes, double factorStart = 1) =>
        new(source, new ValueList<int>(groupSizes)) { FactorStart = factorStart };

    /// <summary>The same with groups of 2, 4, 8, ... inputs: so many sum layers in place of one, each sum of which has two children.</summary>
    /// <param name="source">The weights that are factored: raw, exponential or free.</param>
    /// <param name="depth">Number of layers, and of factors of a weight; 2 to 30.</param>
    public static FactoredWeights Factored(WeightSpec source, int depth) =>
        new(source, Overparametrisation.GroupSizes(depth));

    /// <summary>The replicas share one set of weights.</summary>
    /// <param name="source">Where the shared weights come from.</param>
    public static TiedWeights Tied(WeightSpec source) => new(source);
}

/// <summary>How free weights start.</summary>
public enum FreeStart
{
    /// <summary>Logits from U[0, 1), as in HyperSPN's released code.</summary>
    UniformLogits,

    /// <summary>
    /// Weights in proportion to draws from the normal distribution of mean 1 and deviation 0.5, cut at two deviations, as in the library of
    /// van de Wolfshaar and Pronobis 2020: more unequal.
    /// </summary>
    TruncatedNormal,
}

/// <summary>The softmax of free logits over the inputs of each sum.</summary>
public sealed record FreeWeights : WeightSpec
{
    /// <summary>
    /// True lays the logits out as the HyperSPN authors' code does, [replica, 2n, k, k], with entries that no sum uses:
    /// same model, but parameter counts and weight decay agree with the paper's tables.
    /// </summary>
    public bool DeadEntries { get; init; }

    /// <summary>How the weights start.</summary>
    public FreeStart Start { get; init; }

    /// <inheritdoc/>
    public override string Name => Start == FreeStart.UniformLogits ? "free" : "free, from a truncated normal";
}

/// <summary>Weights in proportion to accumulators: counts of how often each edge was used, which expectation maximisation adds up.</summary>
/// <remarks>
/// A sum of n inputs with accumulators a has the weights (a_c + s / n) / (sum a + s). Source: van de Wolfshaar and Pronobis 2020,
/// algorithm 1, with the denominator that makes the weights add to 1.
/// </remarks>
/// <param name="Smoothing">Count s that every sum shares out equally among its inputs; at least 0.</param>
public sealed record AccumulatorWeights(double Smoothing = 1e-2) : WeightSpec
{
    /// <summary>Sum of a sum's accumulators at the start; above 0 unless there is smoothing.</summary>
    public double StartCount { get; init; } = 1;

    /// <summary>
    /// The accumulators of each sum start at <see cref="StartCount"/> times a draw from the symmetric Dirichlet distribution with this
    /// concentration: the smaller, the more unequal.
    /// </summary>
    public double Concentration { get; init; } = 0.1;

    /// <summary>True starts the accumulators of each sum equal; winners are then chosen among ties at first.</summary>
    public bool EqualStart { get; init; }

    /// <inheritdoc/>
    public override string Name => "accumulators";
}

/// <summary>A hyper-network: the logits of a sector are a small network's output for the sector's embedding.</summary>
/// <remarks>
/// One network serves all sectors; it puts out K x K logits, of which a smaller sector uses the first rows and columns. With a group
/// size it puts out the logits of a group instead, and every group has an embedding of its own.
/// Source: Shih, Sadigh and Ermon 2021, section 4, and section 5 for groups; layer widths as in the released code.
/// </remarks>
/// <param name="Embedding">Length of an embedding, at least 1.</param>
/// <param name="Hidden">Widths of the hidden layers, ReLU after each; may be empty.</param>
public sealed record HyperWeights(int Embedding, ValueList<int> Hidden) : WeightSpec
{
    /// <summary>True keeps an embedding for each of the 2n sector places of the released code, used or not.</summary>
    public bool DeadEntries { get; init; }

    /// <summary>
    /// How many neighbouring inputs of a sum an embedding stands for, at least 1, the last group of a sum being smaller where they do not fit;
    /// null: an embedding stands for a whole sector. Large sectors, as those of Kronecker products, need it: else the last layer of the network
    /// has a row for each of their weights.
    /// </summary>
    public int? GroupSize { get; init; }

    /// <inheritdoc/>
    public override string Name => $"hyper-network {string.Join("-", (int[])[Embedding, .. Hidden])}-{(GroupSize is int size ? $"{size}, by groups" : "K*K")}";
}

/// <summary>Weights that are given and never change.</summary>
/// <param name="Values">All weights in order, [block, out, in], or empty for equal weights.</param>
public sealed record FixedWeights(ValueList<double> Values) : WeightSpec
{
    /// <inheritdoc/>
    public override string Name => Values.Count == 0 ? "fixed, equal" : "fixed";
}

/// <summary>Sums at the same place of different replicas share their weights.</summary>
/// <param name="Source">Where the shared weights come from.</param>
public sealed record TiedWeights(WeightSpec Source) : WeightSpec
{
    /// <inheritdoc/>
    public override string Name => $"{Source.Name}, tied over replicas";
}
