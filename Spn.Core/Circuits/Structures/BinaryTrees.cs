using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>A balanced binary tree over the variables, repeated with another variable order in every replica.</summary>
/// <remarks>
/// Widths go n, floor(n/2), floor(n/4), ..., 1; neighbours (0,1), (2,3), ... are joined, and at an odd width the last
/// region of the next level has three children. Sectors are numbered from 1 at the root, level by level downwards.
/// Source: Shih, Sadigh and Ermon 2021, section 3 and the released code for odd widths.
/// </remarks>
/// <param name="Variables">Number of variables, at least 1.</param>
/// <param name="Replicas">Number of trees, at least 1.</param>
/// <param name="Seed">Seed of the variable orders; unused when <see cref="Orders"/> is given.</param>
public sealed record BinaryTrees(int Variables, int Replicas, long Seed = 1) : StructureSpec
{
    /// <summary>The variable at each leaf place of each replica, [replica, place], or null for orders drawn from the seed.</summary>
    public ValueList<ValueList<int>>? Orders { get; init; }

    /// <inheritdoc/>
    public override string Name => $"binary trees over {Variables} variables, {Replicas} replicas{(Orders is null ? $", seed {Seed}" : ", given orders")}";

    /// <inheritdoc/>
    public override int VariableCount => Variables;

    /// <summary>The order of the variables at the leaves of one replica.</summary>
    public int[] Order(int replica) =>
        Orders is null
            ? new RandomStream(Seed, "variable order", replica).Permutation(Variables)
            : [.. Orders[replica]];

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        VariableOrders.Check(Name, Variables, Replicas, Orders);
        List<int> widths = [Variables];
        while (widths[^1] > 1) widths.Add(widths[^1] / 2);
        int levels = widths.Count;

        // Sectors count from the root downwards; place 0 is unused in the released layout.
        var firstSector = new int[levels];
        for (int level = levels - 1, next = 1; level >= 0; level--)
        {
            firstSector[level] = next;
            next += widths[level];
        }

        var graph = new RegionGraph(Variables) { SectorPlaces = Math.Max(2 * Variables, firstSector[0] + Variables) };
        Scope[] singles = [.. Enumerable.Range(0, Variables).Select(Scope.Single)];
        int[][] none = [];
        for (int replica = 0; replica < Replicas; replica++)
        {
            int[] order = Order(replica);
            var below = new int[Variables];
            for (int place = 0; place < Variables; place++)
                below[place] = graph.Add(new(singles[order[place]], none, replica, 0, firstSector[0] + place));
            for (int level = 1; level < levels; level++)
            {
                var here = new int[widths[level]];
                for (int place = 0; place < here.Length; place++)
                {
                    int end = place == here.Length - 1 ? below.Length : 2 * place + 2;
                    int[] children = below[(2 * place)..end];
                    var parts = new Scope[children.Length];
                    for (int i = 0; i < parts.Length; i++) parts[i] = graph.Regions[children[i]].Scope;
                    int[][] partitions = [children];
                    here[place] = graph.Add(new(Scope.Union(parts), partitions, replica, level, firstSector[level] + place));
                }
                below = here;
            }
            graph.Tops.Add(below[0]);
        }
        return graph;
    }
}
