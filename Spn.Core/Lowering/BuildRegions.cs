using Spn.Core.Circuits.Structures;
using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Where a weight block stands and what makes it.</summary>
/// <param name="Block">The block.</param>
/// <param name="Source">What makes its weights.</param>
/// <param name="Replica">Replica of the first region that uses it.</param>
/// <param name="Sector">Sector place in that replica, or -1 for the top mixture.</param>
/// <param name="Owner">The layer that names the source for itself, or -1 when the source is the circuit's.</param>
internal sealed record BlockSite(int Block, WeightSpec Source, int Replica, int Sector, int Owner);

/// <summary>First pass: puts the layers on the structure's regions.</summary>
internal sealed class BuildRegions
{
    private const int MostFactors = 8;

    private readonly CircuitSpec spec;
    private readonly LoweringRules rules;
    private readonly Recipe recipe;
    private readonly RegionGraph graph;
    private readonly InputFamily[] families; // [variable]
    private readonly List<(ProductSpec Product, int[] Channels, ChannelTable Table)> tables = [];
    private readonly Dictionary<(int Layer, int Replica, int Place, int Columns), int> blockOf = [];

    public BuildRegions(CircuitSpec spec, LoweringRules rules)
    {
        this.spec = spec;
        this.rules = rules;
        recipe = Recipe.Read(spec);
        graph = spec.Structure.Build();
        families = Families();
        // A leaf becomes an input and a sum, any other region a product and a sum.
        Regions = new RegionTable(2 * graph.Regions.Count + 1);
        SectorPlaces = graph.SectorPlaces;
        Replicas = graph.Tops.Count;
        Build();
    }

    public RegionTable Regions { get; private set; } = new();

    public WeightBlocks Blocks { get; } = new();

    public List<BlockSite> Sites { get; } = [];

    public int InputParameters { get; private set; }

    public int SectorPlaces { get; }

    public int Replicas { get; }

    /// <summary>The densities of every variable; equal descriptions share one family.</summary>
    private InputFamily[] Families()
    {
        var made = new Dictionary<InputSpec, InputFamily>();
        if (recipe.Input is not PerVariableInput mixed) return [.. Enumerable.Repeat(Lower(recipe.Input), graph.Variables)];
        if (mixed.Inputs.Count != graph.Variables)
            throw new CircuitException(Describe(mixed), "inputs missing", $"{mixed.Inputs.Count} inputs for {graph.Variables} variables.", "Give one a variable.");
        return [.. mixed.Inputs.Select(Lower)];

        InputFamily Lower(InputSpec input)
        {
            if (!made.TryGetValue(input, out InputFamily? family)) made[input] = family = rules.Lower(input);
            return family;
        }
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

        int columns = joined.Sum(Regions.Channels);
        int block = Blocks.Add(recipe.Root.Classes, columns);
        Sites.Add(new BlockSite(block, TopWeights(), 0, -1, recipe.Root.MixtureWeights is null ? -1 : recipe.Layers.Count));
        Regions.AddSum(recipe.Root.Classes, block, joined.ToArray(), Regions.Scope(joined[0]), recipe.Place(recipe.Root));
    }

    private WeightSpec TopWeights() =>
        recipe.Root.MixtureWeights ?? spec.Weights switch
        {
            FixedWeights whole => whole,
            _ => WeightSpec.Free(),
        };

    private int Leaf(RegionGraph.Region region)
    {
        int layer = recipe.Place(recipe.Input);
        if (region.Scope.Count == 0)
            throw new CircuitException(Describe(recipe.Input), "empty scope", "A leaf region has no variable.", "Give every leaf at least one variable.");
        var factors = new int[region.Scope.Count];
        for (int i = 0; i < factors.Length; i++)
        {
            int variable = region.Scope[i];
            if (variable >= graph.Variables)
                throw new CircuitException(spec.Structure.Name, "no such variable",
                    $"A region names variable {variable}, there are {graph.Variables}.", $"Name variables 0 to {graph.Variables - 1}.");
            InputFamily family = families[variable];
            factors[i] = Regions.AddInput(new InputPlace(family, variable, InputParameters), factors.Length == 1 ? region.Scope : Scope.Of(variable), layer);
            InputParameters += family.ParameterCount;
        }
        return factors.Length == 1
            ? factors[0]
            : Multiply(new HadamardProduct(), factors, region.Scope, layer);
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

    /// <summary>A product; a wide Hadamard product becomes a product of products, so that its units are scaled on the way.</summary>
    private int Multiply(ProductSpec product, int[] children, Scope scope, int layer)
    {
        ChannelTable table = Table(product, children);
        if (table.IsHadamard && children.Length > MostFactors)
            return Multiply(new HadamardProduct(),
                [.. children.Chunk(MostFactors).Select(part => part.Length == 1 ? part[0] : Multiply(new HadamardProduct(), part, Scope.Union([.. part.Select(Regions.Scope)]), layer))],
                scope, layer);
        return Regions.AddProduct(table, children, scope, layer);
    }

    private ChannelTable Table(ProductSpec product, int[] children)
    {
        var channels = new int[children.Length];
        for (int i = 0; i < channels.Length; i++) channels[i] = Regions.Channels(children[i]);
        foreach ((ProductSpec known, int[] of, ChannelTable table) in tables)
            if (known.Equals(product) && of.AsSpan().SequenceEqual(channels)) return table;
        ChannelTable made = rules.Lower(product, channels);
        tables.Add((product, channels, made));
        return made;
    }

    private int Mix(LayerSpec layer, int outputs, bool shared, RegionGraph.Region region, int[] bodies)
    {
        WeightSpec source = layer.Weights ?? spec.Weights;
        int columns = 0;
        foreach (int body in bodies) columns += Regions.Channels(body);
        int place = recipe.Place(layer);
        bool tied = source is TiedWeights;
        int replica = tied ? -1 : region.Replica;
        (int, int, int, int) key = shared ? (place, replica, -1 - region.Level, columns) : (place, replica, region.Sector, columns);
        if (!(shared || tied) || !blockOf.TryGetValue(key, out int block))
        {
            block = Blocks.Add(outputs, columns);
            if (shared || tied) blockOf[key] = block;
            Sites.Add(new BlockSite(block, source, region.Replica, region.Sector, layer.Weights is null ? -1 : place));
        }
        return Regions.AddSum(outputs, block, bodies, region.Scope, place);
    }

    private string Describe(LayerSpec layer) => Recipe.Describe(recipe.Layers, recipe.Place(layer));
}
