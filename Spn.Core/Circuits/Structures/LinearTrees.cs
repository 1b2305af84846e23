using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>Variables joined one after another, ((x0 x1) x2) x3 ..., in a given or random order in every replica.</summary>
/// <remarks>With a Kronecker product and sums a tensor train; with a Hadamard product a hidden Markov model whose transitions differ from step to step.</remarks>
/// <param name="Variables">Number of variables, at least 1.</param>
/// <param name="Replicas">Number of trees, at least 1.</param>
public sealed record LinearTrees(int Variables, int Replicas = 1) : StructureSpec
{
    /// <summary>Seed of random orders; null takes the variables in their own order, unless <see cref="Orders"/> is given.</summary>
    public long? Seed { get; init; }

    /// <summary>The variables of each replica in order, [replica, place], or null.</summary>
    public ValueList<ValueList<int>>? Orders { get; init; }

    /// <inheritdoc/>
    public override string Name =>
        $"linear trees over {Variables} variables, {Replicas} replicas, {(Orders is not null ? "given orders" : Seed is long seed ? $"seed {seed}" : "in order")}";

    /// <inheritdoc/>
    public override int VariableCount => Variables;

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        VariableOrders.Check(Name, Variables, Replicas, Orders);
        var graph = new RegionGraph(Variables);
        for (int replica = 0; replica < Replicas; replica++)
        {
            int[] order = Orders is not null ? [.. Orders[replica]] : Seed is long seed ? new RandomStream(seed, "variable order", replica).Permutation(Variables) : [.. Enumerable.Range(0, Variables)];
            int top = -1;
            for (int place = 0; place < Variables; place++)
            {
                int leaf = graph.Add(new(Scope.Single(order[place]), [], replica, 0, 2 * place));
                top = place == 0 ? leaf : graph.Join([[top, leaf]], replica, 2 * place + 1);
            }
            graph.Tops.Add(top);
        }
        return graph;
    }
}
