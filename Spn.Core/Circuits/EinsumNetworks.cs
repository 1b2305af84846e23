namespace Spn.Core;

/// <summary>The random tensorised sum-product networks of Peharz et al. 2019, "Random sum-product networks: a simple and effective approach to probabilistic deep learning".</summary>
public static class RatSpn
{
    /// <summary>Random regions with all pairs of channels at products: I inputs at leaves, S sums at inner regions, C class roots over all pairs at the tops of all replicas.</summary>
    /// <remarks>With n = 2^D variables a replica has (2^D - 2) S^3 + C S^2 sum weights, but I^2 in place of S^2 where both children are leaves.</remarks>
    /// <param name="variables">Number of variables.</param>
    /// <param name="input">Densities of one variable; their components I are the channels of leaf regions.</param>
    /// <param name="depth">Depth D.</param>
    /// <param name="replicas">Repetitions R.</param>
    /// <param name="sums">Sums S of an inner region.</param>
    /// <param name="classes">Class roots C.</param>
    /// <param name="seed">Seed of the regions.</param>
    public static CircuitSpec Published(int variables, InputSpec input, int depth, int replicas, int sums, int classes = 1, long seed = 1) =>
        CircuitSpec.Over(new RatRegions(variables, depth, replicas, seed)).With(input).KroneckerProduct().SumPerRegion(sums).RootSum(classes);
}

/// <summary>The Einsum networks of Peharz et al. 2020, "Einsum networks: fast and scalable learning of tractable probabilistic circuits".</summary>
public static class EinsumNetwork
{
    /// <summary>Any structure with all pairs of channels at products, sums of their own at each partition, and mixtures over the partitions of a region.</summary>
    /// <param name="structure">The regions, for example <see cref="RatRegions"/> or <see cref="PoonDomingos"/>.</param>
    /// <param name="input">Densities of one variable; as many components as sums in the source.</param>
    /// <param name="sums">Sums K of a partition.</param>
    /// <param name="classes">Class roots.</param>
    public static CircuitSpec Over(StructureSpec structure, InputSpec input, int sums, int classes = 1) =>
        CircuitSpec.Over(structure).With(input).KroneckerProduct().SumPerPartition(sums).RootSum(classes);
}
