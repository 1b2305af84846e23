using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>Random halvings of the variables down to a given depth, repeated with other halves in every replica: the regions of RAT-SPNs.</summary>
/// <remarks>
/// Every replica halves a random order of all variables, each half again, D times in all; a half of an odd number is one variable
/// larger than the other, and single variables are not split. The leaves are regions of n / 2^D variables. Replicas are the
/// repetitions R of the source: Peharz et al. 2019, algorithm 1.
/// </remarks>
/// <param name="Variables">Number n of variables, at least 1.</param>
/// <param name="Depth">Number D of halvings, at least 0.</param>
/// <param name="Replicas">Number R of replicas, at least 1.</param>
/// <param name="Seed">Seed of the halves.</param>
public sealed record RatRegions(int Variables, int Depth, int Replicas, long Seed = 1) : StructureSpec
{
    /// <inheritdoc/>
    public override string Name => $"random regions over {Variables} variables, depth {Depth}, {Replicas} replicas, seed {Seed}";

    /// <inheritdoc/>
    public override int VariableCount => Variables;

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        if (Variables < 1) throw new CircuitException(Name, "no variables", $"{Variables} variables were given.", "Give at least 1.");
        if (Depth < 0) throw new CircuitException(Name, "no depth", $"The depth is {Depth}.", "Give 0 for leaves only, or more.");
        if (Replicas < 1) throw new CircuitException(Name, "no replicas", $"{Replicas} replicas were given.", "Give at least 1.");
        var graph = new RegionGraph(Variables);
        for (int replica = 0; replica < Replicas; replica++)
        {
            int[] order = new RandomStream(Seed, "random regions", replica).Permutation(Variables);
            int first = graph.Regions.Count;
            graph.Tops.Add(Add(graph, replica, first, order, Depth));
        }
        return graph;
    }

    private static int Add(RegionGraph graph, int replica, int first, ReadOnlySpan<int> variables, int depth)
    {
        if (depth == 0 || variables.Length == 1)
            return graph.Add(new(Scope.Of(variables.ToArray()), [], replica, 0, graph.Regions.Count - first));
        int half = (variables.Length + 1) / 2;
        int[] children = [Add(graph, replica, first, variables[..half], depth - 1), Add(graph, replica, first, variables[half..], depth - 1)];
        return graph.Join([children], replica, graph.Regions.Count - first);
    }
}
