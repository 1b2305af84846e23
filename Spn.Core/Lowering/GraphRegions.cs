using Spn.Core.Circuits.Structures;
using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Puts the recipe on the regions of a region graph.</summary>
internal sealed class GraphRegions : RegionBuilder
{
    private readonly Recipe recipe;
    private readonly RegionGraph graph;
    private readonly Dictionary<(int Layer, int Replica, int Place, int Partition, int Columns), int> blockOf = [];

    public GraphRegions(CircuitSpec spec, LoweringContext context) : base(spec, context)
    {
        recipe = Recipe.Read(spec);
        graph = spec.Structure.Build();
        ChooseFamilies(recipe.Input);
        // A leaf becomes an input and a sum, any other region a product and a sum.
        Regions = new RegionTable(2 * graph.Regions.Count + 1);
        Layout = new(graph.Tops.Count, graph.SectorPlaces);
        Build();
    }

    private void Build()
    {
        var output = new int[graph.Regions.Count];
        var tops = graph.Tops.ToHashSet();
        List<int> joined = [];
        bool perPartition = recipe.InnerSum is { PerPartition: true };
        // The root of a single body is a plain sum over it.
        bool rootMixes = perPartition && !recipe.Root.Mixture && (graph.Tops.Count > 1 || graph.Regions[graph.Tops[0]].Partitions.Count > 1);
        for (int r = 0; r < graph.Regions.Count; r++)
        {
            RegionGraph.Region region = graph.Regions[r];
            int[] bodies = region.Partitions.Count == 0 ? [Leaf(region)] : [.. region.Partitions.Select(p => Join(region, p, output))];
            if (tops.Contains(r))
            {
                if (recipe.Root.Mixture) joined.Add(Mix(recipe.Root, 1, shared: false, perPartition, region, bodies));
                else if (rootMixes) joined.AddRange(SumEach(recipe.Root, recipe.Root.Classes, shared: false, region, bodies));
                else joined.AddRange(bodies);
                continue;
            }
            SumSpec? sum = region.Partitions.Count == 0 ? recipe.LeafSum : recipe.InnerSum;
            if (sum is not null) output[r] = Mix(sum, sum.Channels, sum.Shared, sum.PerPartition, region, bodies);
            else if (bodies.Length == 1) output[r] = bodies[0];
            else
                throw new CircuitException(Describe(recipe.Product!), "several partitions without a sum",
                    $"Region {region.Scope} has {bodies.Length} partitions.", "Add a sum after the product.");
        }

        AddRoot(recipe.Root, [.. joined], recipe.Layers.Count, recipe.Place(recipe.Root), rootMixes);
    }

    private int Leaf(RegionGraph.Region region)
    {
        int layer = recipe.Place(recipe.Input);
        if (region.Scope.Count == 0)
            throw new CircuitException(Describe(recipe.Input), "empty scope", "A leaf region has no variable.", "Give every leaf at least one variable.");
        if (region.Scope[^1] >= graph.Variables)
            throw new CircuitException(Spec.Structure.Name, "no such variable",
                $"A region names variable {region.Scope[^1]}, there are {graph.Variables}.", $"Name variables 0 to {graph.Variables - 1}.");
        return AddLeaf(region.Scope, layer);
    }

    private int Join(RegionGraph.Region region, int[] partition, int[] output)
    {
        if (recipe.Product is null)
            throw new CircuitException(Describe(recipe.Input), "no product", "The structure joins regions, the layers hold no product.",
                "Add Product.Hadamard or Product.Kronecker after the input.");
        var children = new int[partition.Length];
        for (int i = 0; i < children.Length; i++) children[i] = output[partition[i]];
        try
        {
            return Multiply(recipe.Product, children, region.Scope, recipe.Place(recipe.Product));
        }
        catch (CircuitException e)
        {
            throw new CircuitException([.. e.Findings.Select(f => f with { Layer = Describe(recipe.Product), Witness = $"Region {region.Scope}: {f.Witness}" })]);
        }
    }

    /// <summary>Mixtures over all bodies of a region at once, or over each and then over those channel by channel.</summary>
    private int Mix(LayerSpec layer, int outputs, bool shared, bool perPartition, RegionGraph.Region region, int[] bodies)
    {
        if (!perPartition || bodies.Length == 1) return Mix(layer, layer.Weights, layer.Weights ?? Spec.Weights, outputs, shared, region, bodies, partition: 0);
        WeightSpec? own = (layer as SumSpec)?.MixingWeights ?? recipe.InnerSum!.MixingWeights;
        return Mix(layer, own, own ?? (MayMix(Spec.Weights) ? Spec.Weights : WeightSpec.Free()), outputs, shared, region, SumEach(layer, outputs, shared, region, bodies), partition: -1);
    }

    private int[] SumEach(LayerSpec layer, int outputs, bool shared, RegionGraph.Region region, int[] bodies) =>
        [.. bodies.Select((body, p) => Mix(layer, layer.Weights, layer.Weights ?? Spec.Weights, outputs, shared, region, [body], p))];

    /// <summary>Whether weights can be those of a few edges at any place.</summary>
    private static bool MayMix(WeightSpec weights) => weights switch
    {
        FreeWeights { DeadEntries: false } or AccumulatorWeights or FixedWeights or RawWeights or FactoredWeights => true,
        TiedWeights tied => MayMix(tied.Source),
        _ => false,
    };

    /// <param name="layer">The layer.</param>
    /// <param name="own">The weights that the layer names for this sum, or null.</param>
    /// <param name="source">What makes the weights.</param>
    /// <param name="outputs">Mixtures.</param>
    /// <param name="shared">Whether the regions of a level share the weights.</param>
    /// <param name="region">The region.</param>
    /// <param name="bodies">What is mixed.</param>
    /// <param name="partition">The partition, or -1 for mixtures of all of them channel by channel.</param>
    private int Mix(LayerSpec layer, WeightSpec? own, WeightSpec source, int outputs, bool shared, RegionGraph.Region region, int[] bodies, int partition)
    {
        int columns = 0;
        foreach (int body in bodies) columns += Regions.Channels(body);
        int place = recipe.Place(layer);
        bool tied = source is TiedWeights;
        int replica = tied ? -1 : region.Replica;
        (int, int, int, int, int) key = (place, replica, shared ? -1 - region.Level : region.Sector, shared ? Math.Min(partition, 0) : partition, columns);
        if (!(shared || tied) || !blockOf.TryGetValue(key, out int block))
        {
            block = AddBlock(outputs, columns, source, region.Replica, region.Sector, own is null ? -1 : place, channelwise: partition < 0);
            if (shared || tied) blockOf[key] = block;
        }
        return Regions.AddSum(outputs, block, bodies, region.Scope, place);
    }

    protected override string Describe(LayerSpec layer) => Recipe.Describe(recipe.Layers, recipe.Place(layer));
}
