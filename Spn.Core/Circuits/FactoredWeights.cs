namespace Spn.Core;

/// <summary>Weights that are parameters themselves, at least 0, and need not add to 1.</summary>
/// <remarks>
/// The circuit's value f is then no distribution; its log-likelihoods are log f - log Z with the partition function Z = f of no evidence
/// (<see cref="Circuit.LogPartition"/>), and so is what learners raise. Sums whose weights are raw, and all sums above them, cannot share
/// weights between regions. Source: Trapp, Peharz and Pernkopf 2019, section 2.
/// </remarks>
/// <param name="Low">Least weight at the start, at least 0; above 0 where <see cref="Logarithmic"/>.</param>
/// <param name="High">Largest weight at the start, not reached; the same as <paramref name="Low"/> starts all weights equal.</param>
public sealed record RawWeights(double Low = 0.5, double High = 1.5) : WeightSpec
{
    /// <summary>True makes the weights' logarithms the parameters, so that no step makes a weight negative.</summary>
    public bool Logarithmic { get; init; }

    /// <inheritdoc/>
    public override string Name => Logarithmic ? "raw, by their logarithms" : "raw";
}

/// <summary>Overparametrized weights: every weight is a product of factors, as if so many sums stood on one another instead of one.</summary>
/// <remarks>
/// Input k of a sum has the weight w_k = u_{k / g1} u_{k / g2} ... v_k (whole-number division): neighbouring inputs share the factors of
/// the layers above, which are the weights of a tree of sums. The model is that of the source; learning differs. Of exponential and
/// free weights the logarithms or logits are added instead, which is the same. Source: Trapp, Peharz and Pernkopf 2019, section 3.
/// </remarks>
/// <param name="Source">The weights that are factored: <see cref="RawWeights"/>, or <see cref="FreeWeights"/> without dead entries.</param>
/// <param name="GroupSizes">
/// For each layer but the last, from the root down, how many neighbouring inputs share a factor; each a multiple of the next. A root over
/// 2 sums of 4 children each is [4], three layers of two children each are [4, 2].
/// </param>
public sealed record FactoredWeights(WeightSpec Source, ValueList<int> GroupSizes) : WeightSpec
{
    /// <summary>The factors of all layers but the last at the start, above 0; at 1 weights start as the source's do.</summary>
    public double FactorStart { get; init; } = 1;

    /// <inheritdoc/>
    public override string Name => $"{Source.Name}, in {GroupSizes.Count + 1} layers of groups {GroupSizes}";
}
