using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>Whole circuits side by side, which the root of the description mixes: each with structure, layers and weights of its own.</summary>
/// <remarks>
/// The parts speak of the same variables and have as many class roots as the mixture, whose only layer is the root; class c of the
/// mixture mixes class c of the parts. See <see cref="Circuit.Mix"/> for parts that are trained one by one.
/// </remarks>
/// <param name="Parts">The circuits, at least one.</param>
public sealed record MixtureOf(ValueList<CircuitSpec> Parts) : StructureSpec
{
    /// <inheritdoc/>
    public override string Name => $"mixture of {Parts.Count} circuits";

    /// <inheritdoc/>
    public override int VariableCount => Parts.Count == 0 ? 0 : Parts[0].Structure.VariableCount;

    /// <summary>The regions of all parts; the replicas of one follow those of another.</summary>
    public override RegionGraph Build()
    {
        var graph = new RegionGraph(VariableCount);
        int replicas = 0;
        foreach (CircuitSpec part in Parts)
        {
            RegionGraph own = part.Structure.Build();
            int first = graph.Regions.Count;
            foreach (RegionGraph.Region region in own.Regions)
                graph.Add(region with { Partitions = [.. region.Partitions.Select(p => p.Select(child => first + child).ToArray())], Replica = replicas + region.Replica });
            graph.Tops.AddRange(own.Tops.Select(top => first + top));
            replicas += own.Regions.Select(r => r.Replica + 1).DefaultIfEmpty(0).Max();
        }
        return graph;
    }
}
