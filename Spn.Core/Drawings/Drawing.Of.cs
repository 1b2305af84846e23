using System.Globalization;
using Spn.Core.Circuits.Structures;
using Spn.Core.Inference;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core.Drawings;

public sealed partial class Drawing
{
    private const int LongestScope = 18;

    /// <summary>The regions of a structure and the partitions that split them, each region with its variables.</summary>
    /// <param name="structure">The structure.</param>
    /// <param name="schema">Names for the variables; null calls them by index.</param>
    /// <exception cref="CircuitException">The settings make no region graph.</exception>
    public static Drawing OfRegions(StructureSpec structure, Schema? schema = null)
    {
        ArgumentNullException.ThrowIfNull(structure);
        RegionGraph regions = structure.Build();
        var graph = new DrawingGraph();
        var nodeOf = new int[regions.Regions.Count];
        for (int r = 0; r < nodeOf.Length; r++)
        {
            RegionGraph.Region region = regions.Regions[r];
            int[] products = [.. region.Partitions.Select(partition =>
            {
                int product = graph.Add(new(NodeKind.Product, ["\u00d7"], $"product {partition.Length} {region.Scope.Count}", ["\u00d7"]));
                foreach (int child in partition) graph.Edges.Add(new(product, nodeOf[child]));
                return product;
            })];
            nodeOf[r] = graph.Add(new(products.Length == 0 ? NodeKind.Input : NodeKind.Region, [ScopeText(region.Scope, schema)], $"{products.Length} {region.Scope.Count}", [SizeText(region.Scope)]));
            foreach (int product in products) graph.Edges.Add(new(nodeOf[r], product));
        }
        if (regions.Tops.Count > 1)
        {
            int root = graph.Add(new(NodeKind.Sum, ["+"], "root", ["+"]));
            foreach (int top in regions.Tops) graph.Edges.Add(new(root, nodeOf[top]));
        }
        return new Drawing(graph, Capital(structure.Name));
    }

    /// <summary>The regions of a circuit: inputs, products and sums with their numbers of channels and their variables.</summary>
    /// <param name="spec">The description.</param>
    /// <param name="schema">Names for the variables; null calls them by index.</param>
    /// <exception cref="CircuitException">The description breaks a rule.</exception>
    public static Drawing OfCircuit(CircuitSpec spec, Schema? schema = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return OfPlan(Lowerer.Lower(spec), spec, schema, "");
    }

    /// <summary>Every unit of a small circuit, with the weights of the sums at their arrows; of one with more than <see cref="MostNodes"/> units the regions.</summary>
    /// <param name="circuit">The circuit; arrows of weight 0 are left out.</param>
    public static Drawing OfUnits(Circuit circuit)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        Plan plan = circuit.Plan;
        RegionTable regions = plan.Regions;
        if (Enumerable.Range(0, regions.Count).Sum(r => (long)regions.Channels(r)) is var units && units > MostNodes)
            return OfPlan(plan, circuit.Spec, circuit.Schema, FormattableString.Invariant($" ({units:N0} units, too many to draw each)"));
        double[] weights = Determinism.Weights(plan, [.. circuit.Parameters.ToArray().Select(p => (double)p)]);
        var graph = new DrawingGraph();
        var first = new int[regions.Count];
        for (int r = 0; r < regions.Count; r++)
        {
            first[r] = graph.Nodes.Count;
            for (int k = 0; k < regions.Channels(r); k++)
            {
                graph.Add(regions.Kind(r) switch
                {
                    RegionKind.Input => new(NodeKind.Input, [$"{NameOf(regions.Input(r).Variable, circuit.Schema)}: {k}"], "", []),
                    RegionKind.Product => new(NodeKind.Product, ["\u00d7"], "", []),
                    _ => new(NodeKind.Sum, ["+"], "", []),
                });
                if (regions.Kind(r) == RegionKind.Product)
                    for (int t = 0; t < regions.Children(r).Length; t++) graph.Edges.Add(new(first[r] + k, first[regions.Children(r)[t]] + regions.Table(r)[t, k]));
                if (regions.Kind(r) != RegionKind.Sum) continue;
                (_, int columns, int offset) = plan.Blocks[regions.Block(r)];
                int at = offset + k * columns;
                foreach (int child in regions.Children(r))
                    for (int c = 0; c < regions.Channels(child); c++, at++)
                        if (weights[at] > 0) graph.Edges.Add(new(first[r] + k, first[child] + c, weights[at].ToString("0.##", CultureInfo.InvariantCulture)));
            }
        }
        return new Drawing(graph, Capital(circuit.Spec.Structure.Name));
    }

    private static Drawing OfPlan(Plan plan, CircuitSpec spec, Schema? schema, string remark)
    {
        RegionTable regions = plan.Regions;
        var graph = new DrawingGraph();
        for (int r = 0; r < regions.Count; r++)
        {
            Scope scope = regions.Scope(r);
            (NodeKind kind, string what) = regions.Kind(r) switch
            {
                RegionKind.Input => (NodeKind.Input, $"{regions.Input(r).Family.GetType().Name.Replace("Family", "")}, {regions.Channels(r)}"),
                RegionKind.Product => (NodeKind.Product, $"\u00d7 {regions.Channels(r)}"),
                _ => (NodeKind.Sum, $"+ {regions.Channels(r)}"),
            };
            graph.Add(new(kind, [what, ScopeText(scope, schema)], $"{what} {scope.Count}", [what, SizeText(scope)]));
            foreach (int child in regions.Children(r)) graph.Edges.Add(new(r, child));
        }
        return new Drawing(graph, Capital(spec.Structure.Name) + remark);
    }

    private static string NameOf(int variable, Schema? schema) => schema?.Columns[variable].Name ?? FormattableString.Invariant($"x{variable}");

    /// <summary>The variables: neighbours as a run, and only their number where the text would be long.</summary>
    private static string ScopeText(Scope scope, Schema? schema)
    {
        if (scope.Count == 1) return NameOf(scope[0], schema);
        List<string> runs = [];
        int[] variables = [.. scope];
        for (int i = 0, end; i < variables.Length; i = end)
        {
            for (end = i + 1; end < variables.Length && variables[end] == variables[end - 1] + 1;) end++;
            runs.Add(end - i > 2 ? $"{NameOf(variables[i], schema)}\u2013{NameOf(variables[end - 1], schema)}" : string.Join(" ", variables[i..end].Select(v => NameOf(v, schema))));
        }
        string text = string.Join(" ", runs);
        return text.Length <= LongestScope ? text : SizeText(scope);
    }

    private static string SizeText(Scope scope) => scope.Count == 1 ? "1 variable" : FormattableString.Invariant($"{scope.Count:N0} variables");

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
