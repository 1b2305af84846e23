namespace Spn.Core;

/// <summary>Mixtures over the channels of regions with the same scope.</summary>
/// <param name="Channels">Mixtures a region, at least 1.</param>
/// <param name="Shared">
/// False: every region has weights of its own. True: all regions of a level of a replica that mix the same number of channels share one block.
/// </param>
public sealed record SumSpec(int Channels, bool Shared = false) : LayerSpec
{
    /// <summary>
    /// False: a region mixes all channels of all its partitions at once. True: every partition has mixtures of its own, and where a region
    /// has several partitions, channel k of the region mixes channel k of each (the einsum layers and mixing layers of Peharz et al. 2020,
    /// sections 3.2 and 3.3). The root does the same with its classes.
    /// </summary>
    /// <remarks>Both describe the same distributions; weights that are learned step by step move differently.</remarks>
    public bool PerPartition { get; init; }

    /// <summary>
    /// Where the weights that mix partitions come from; null takes free, fixed or accumulator weights of the circuit, and makes the others free.
    /// </summary>
    public WeightSpec? MixingWeights { get; init; }

    /// <inheritdoc/>
    public override string Name => $"Sum.{(Shared ? "Shared" : PerPartition ? "PerPartition" : "PerRegion")}({Channels})";
}

/// <summary>The root: one mixture a class over the tops of all replicas.</summary>
/// <param name="Classes">Number of class roots, at least 1; class c gives log p(x | c).</param>
/// <param name="Mixture">
/// True: every replica first has a root sum of its own, and the classes mix these (the mixture over replicas of
/// Shih, Sadigh and Ermon 2021). False: the classes mix all channels of all tops (Peharz et al. 2019).
/// </param>
public sealed record RootSpec(int Classes = 1, bool Mixture = false) : LayerSpec
{
    /// <inheritdoc/>
    public override string Name => $"Sum.Root({string.Join(", ", new[] { Classes == 1 ? null : $"classes = {Classes}", Mixture ? "mixture over replicas" : null, ClassWeights is null ? null : $"class weights {ClassWeights.Name}" }.OfType<string>())})";

    /// <summary>Where the weights of the top mixture come from; null takes fixed, free, raw and factored weights and accumulators of the circuit, and makes the others free.</summary>
    public WeightSpec? MixtureWeights { get; init; }

    /// <summary>
    /// Where p(class), with which the classes are mixed, comes from. Null: a constant, <see cref="Circuit.ClassPrior"/>. Free weights: a root sum
    /// over the classes, the softmax of one learned logit a class; equal at the start (van de Wolfshaar and Pronobis 2020).
    /// </summary>
    public WeightSpec? ClassWeights { get; init; }
}
