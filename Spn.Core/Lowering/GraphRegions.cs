using Spn.Core.Circuits.Structures;
using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Puts the recipe on the regions of a region graph.</summary>
internal sealed class GraphRegions : RegionBuilder
{
    private readonly Recipe recipe;
    private readonly RegionGraph graph;
    private readonly Dictionary<(int Layer, int Replica, int Place, int Columns), int> blockOf = [];

    public GraphRegions(CircuitSpec spec, LoweringRules rules) : base(spec, rules)
    {
        recipe = Recipe.Read(spec);
        graph = spec.Structure.Build();
        ChooseFamilies(recipe.Input);
        // A leaf becomes an input and a sum, any other region a product and a sum.
        Regions = new RegionTable(2 * graph.Regions.Count + 1);
        SectorPlaces = graph.SectorPlaces;
        Replicas = graph.Tops.Count;
        Build();
    }

    private void Build()
    {
        var output = new int[graph.Regions.Count];
        var tops = graph.Tops.ToHashSet();
        List<int> joined = [];
        for (int r = 0; r < graph.Regions.Count; r++)
        {
            RegionGraph.Region region = graph.Regions[r];
            int[] bodies = region.Partitions.Count == 0 ? [Leaf(region)] : [.. region.Partitions.Select(p => Join(region, p, output))];
            if (tops.Contains(r))
            {
                if (recipe.Root.Mixture) joined.Add(Mix(recipe.Root, 1, shared: false, region, bodies));
                else joined.AddRange(bodies);
                continue;
            }
            SumSpec? sum = region.Partitions.Count == 0 ? recipe.LeafSum : recipe.InnerSum;
            if (sum is not null) output[r] = Mix(sum, sum.Channels, sum.Shared, region, bodies);
            else if (bodies.Length == 1) output[r] = bodies[0];
            else
                throw new CircuitException(Describe(recipe.Product!), "several partitions without a sum",
                    $"Region {region.Scope} has {bodies.Length} partitions.", "Add a sum after the product.");
        }

        AddRoot(recipe.Root, [.. joined], recipe.Layers.Count, recipe.Place(recipe.Root));
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

    private int Mix(LayerSpec layer, int outputs, bool shared, RegionGraph.Region region, int[] bodies)
    {
        WeightSpec source = layer.Weights ?? Spec.Weights;
        int columns = 0;
        foreach (int body in bodies) columns += Regions.Channels(body);
        int place = recipe.Place(layer);
        bool tied = source is TiedWeights;
        int replica = tied ? -1 : region.Replica;
        (int, int, int, int) key = shared ? (place, replica, -1 - region.Level, columns) : (place, replica, region.Sector, columns);
        if (!(shared || tied) || !blockOf.TryGetValue(key, out int block))
        {
            block = AddBlock(outputs, columns, source, region.Replica, region.Sector, layer.Weights is null ? -1 : place);
            if (shared || tied) blockOf[key] = block;
        }
        return Regions.AddSum(outputs, block, bodies, region.Scope, place);
    }

    protected override string Describe(LayerSpec layer) => Recipe.Describe(recipe.Layers, recipe.Place(layer));
}
