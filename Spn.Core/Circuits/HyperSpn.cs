namespace Spn.Core;

/// <summary>The models of Shih, Sadigh and Ermon 2021, "HyperSPNs: Compact and Expressive Probabilistic Circuits".</summary>
public static class HyperSpn
{
    /// <summary>The HyperSPN of the released code: embeddings of length k, a network k - 20 - h - k*k, 2n sector places a replica.</summary>
    /// <remarks>It has 2 n r k + (20k + 20) + (20h + h) + (h k^2 + k^2) + r parameters, as in the paper's tables.</remarks>
    /// <param name="variables">Number n of binary variables.</param>
    /// <param name="h">Width of the last hidden layer; the paper tries 5, 10 and 20.</param>
    /// <param name="channels">Channels k of a region.</param>
    /// <param name="replicas">Number r of replicas.</param>
    /// <param name="seed">Seed of the variable orders.</param>
    public static CircuitSpec Released(int variables, int h = 20, int channels = 5, int replicas = 50, long seed = 1) =>
        Tree(variables, channels, replicas, seed).WithWeights(WeightSpec.Hyper(channels, [20, h], deadEntries: true));

    /// <summary>The HyperSPN as the paper's text describes it: embeddings of length h, two hidden layers of width 20.</summary>
    /// <param name="variables">Number n of binary variables.</param>
    /// <param name="h">Length of an embedding; the paper tries 5, 10 and 20.</param>
    /// <param name="channels">Channels k of a region.</param>
    /// <param name="replicas">Number r of replicas.</param>
    /// <param name="seed">Seed of the variable orders.</param>
    public static CircuitSpec PaperText(int variables, int h = 20, int channels = 5, int replicas = 50, long seed = 1) =>
        Tree(variables, channels, replicas, seed).WithWeights(WeightSpec.Hyper(h, [20, 20]));

    /// <summary>The plain SPN of the same structure that the paper trains with weight decay, in the released layout of 2 n r k^2 + r parameters.</summary>
    /// <param name="variables">Number n of binary variables.</param>
    /// <param name="channels">Channels k of a region.</param>
    /// <param name="replicas">Number r of replicas.</param>
    /// <param name="seed">Seed of the variable orders.</param>
    public static CircuitSpec Baseline(int variables, int channels = 5, int replicas = 50, long seed = 1) =>
        Tree(variables, channels, replicas, seed).WithWeights(WeightSpec.Free(deadEntries: true));

    private static CircuitSpec Tree(int variables, int channels, int replicas, long seed) =>
        CircuitSpec.Over(new BinaryTrees(variables, replicas, seed))
            .IndicatorInput().SumPerRegion(channels).HadamardProduct().RootSum(mixture: true);
}
