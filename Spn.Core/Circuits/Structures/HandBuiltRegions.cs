using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>A region of a hand-built graph.</summary>
/// <param name="Scope">The variables it speaks of.</param>
/// <param name="Partitions">Each a list of indices of earlier regions; empty for a leaf.</param>
public sealed record RegionSpec(ValueList<int> Scope, ValueList<ValueList<int>> Partitions);

/// <summary>A region graph given region by region, children before parents.</summary>
/// <remarks>Regions that are no child of another are the tops that the root joins.</remarks>
/// <param name="Variables">Number of variables of the model.</param>
/// <param name="Regions">The regions.</param>
public sealed record HandBuiltRegions(int Variables, ValueList<RegionSpec> Regions) : StructureSpec
{
    /// <summary>Starts an empty graph, to which <see cref="Leaf"/> and <see cref="Join"/> add.</summary>
    public HandBuiltRegions(int variables) : this(variables, []) { }

    /// <inheritdoc/>
    public override string Name => $"hand-built graph of {Regions.Count} regions";

    /// <inheritdoc/>
    public override int VariableCount => Variables;

    /// <summary>The graph with one leaf region more; its index is the number of regions before.</summary>
    /// <param name="scope">Variables of the leaf.</param>
    public HandBuiltRegions Leaf(params int[] scope) => this with { Regions = Regions.Add(new(new(scope), [])) };

    /// <summary>The graph with one region more, split by one or more partitions.</summary>
    /// <param name="partitions">Each a list of indices of earlier regions.</param>
    public HandBuiltRegions Join(params int[][] partitions)
    {
        if (partitions.Length == 0 || partitions.SelectMany(p => p).Any(c => c < 0 || c >= Regions.Count))
            throw new CircuitException(Name, "no such region", $"The partitions name regions outside 0 to {Regions.Count - 1}, or there is none.", "Join regions that were added before.");
        var scope = partitions[0].SelectMany(child => Regions[child].Scope).Distinct().Order();
        return this with { Regions = Regions.Add(new(new(scope), new(partitions.Select(p => new ValueList<int>(p))))) };
    }

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        var graph = new RegionGraph(Variables);
        var isChild = new bool[Regions.Count];
        for (int i = 0; i < Regions.Count; i++)
        {
            RegionSpec region = Regions[i];
            if (region.Scope.Any(v => v < 0 || v >= Variables))
                throw new CircuitException(Name, "no such variable", $"Region {i} names variable {region.Scope.First(v => v < 0 || v >= Variables)}, there are {Variables}.",
                    $"Name variables 0 to {Variables - 1}.");
            if (region.Partitions.Any(p => p.Count == 0))
                throw new CircuitException(Name, "empty partition", $"Region {i} has a partition without children.", "Name at least one child, or leave the partition out.");
            foreach (ValueList<int> partition in region.Partitions)
                foreach (int child in partition)
                {
                    if (child < 0 || child >= i)
                        throw new CircuitException(Name, "children come after their parent", $"Region {i} names region {child}.", "List children before their parents.");
                    isChild[child] = true;
                }
            int level = region.Partitions.Count == 0 ? 0 : 1 + region.Partitions.SelectMany(p => p).Max(c => graph.Regions[c].Level);
            graph.Add(new(Scope.Of(region.Scope), [.. region.Partitions.Select(p => p.ToArray())], 0, level, i));
        }
        for (int i = 0; i < Regions.Count; i++)
            if (!isChild[i]) graph.Tops.Add(i);
        if (graph.Tops.Count == 0)
            throw new CircuitException(Name, "no regions", "The graph has no region.", "Add at least one leaf.");
        return graph;
    }
}
