using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>A tree of hidden variables, one for each variable, which alone depends on it: the regions of a hidden Chow-Liu tree.</summary>
/// <remarks>
/// With inputs of K components, Product.Hadamard, Sum.PerRegion(K) and Sum.Root the circuit is the Bayesian network
/// P(Z_root) prod P(Z_child | Z_parent) prod P(X_v | Z_v) with K states of every Z: the region of v multiplies the input of v with
/// the sums of its children, and its sum, K x K, is P(Z_v | Z_parent). Training.ChowLiu finds the tree in data.
/// Source: Liu and Van den Broeck 2021, Tractable regularization of probabilistic circuits.
/// </remarks>
/// <param name="Parents">The parent of each variable; -1 for the root.</param>
public sealed record HiddenTree(ValueList<int> Parents) : StructureSpec
{
    /// <inheritdoc/>
    public override string Name => $"tree of hidden variables over {Parents.Count} variables";

    /// <inheritdoc/>
    public override int VariableCount => Parents.Count;

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        int[] downwards = Downwards();
        var graph = new RegionGraph(Parents.Count);
        var below = new List<int>[Parents.Count];
        for (int v = 0; v < below.Length; v++) below[v] = [];
        foreach (int v in downwards.Reverse())
        {
            int input = graph.Add(new(Scope.Single(v), [], 0, 0, 2 * v));
            int region = graph.Join([[input, .. below[v]]], 0, 2 * v + 1);
            if (Parents[v] >= 0) below[Parents[v]].Add(region);
            else graph.Tops.Add(region);
        }
        return graph;
    }

    /// <summary>The variables, parents before children.</summary>
    private int[] Downwards()
    {
        int count = Parents.Count;
        if (count == 0) throw new CircuitException(Name, "no variables", "The tree is empty.", "Give the parent of at least one variable.");
        if (Parents.Any(p => p < -1 || p >= count))
            throw new CircuitException(Name, "no such variable", $"A parent is {Parents.First(p => p < -1 || p >= count)}, there are {count} variables.", $"Name variables 0 to {count - 1}, and -1 for the root.");
        if (Parents.Count(p => p < 0) != 1)
            throw new CircuitException(Name, "not one root", $"{Parents.Count(p => p < 0)} variables have no parent.", "Give all but one a parent.");
        ILookup<int, int> children = Enumerable.Range(0, count).ToLookup(v => Parents[v]);
        List<int> order = [.. children[-1]];
        for (int i = 0; i < order.Count; i++) order.AddRange(children[order[i]]);
        return order.Count == count ? [.. order]
            : throw new CircuitException(Name, "a circle", $"Variable {Enumerable.Range(0, count).Except(order).First()} is not below the root.", "Let the parents lead to the root.");
    }
}
