using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Where a weight block stands and what makes it.</summary>
/// <param name="Block">The block.</param>
/// <param name="Source">What makes its weights.</param>
/// <param name="Replica">Replica of the first region that uses it.</param>
/// <param name="Sector">Sector place in that replica, or -1 for the top mixture.</param>
/// <param name="Owner">The layer that names the source for itself, or -1 when the source is the circuit's.</param>
internal sealed record BlockSite(int Block, WeightSpec Source, int Replica, int Sector, int Owner);

/// <summary>First pass: from the layers of a description to a table of regions.</summary>
/// <param name="spec">The description.</param>
/// <param name="rules">Rules for layer kinds.</param>
internal abstract class RegionBuilder(CircuitSpec spec, LoweringRules rules)
{
    /// <summary>Products of more factors are nested, so that units are scaled on the way.</summary>
    private const int MostFactors = 8;

    private readonly List<(ProductSpec Product, int[] Channels, ChannelTable Table)> tables = [];
    private InputFamily[] families = []; // [variable]

    /// <summary>Builds the regions of a description.</summary>
    public static RegionBuilder For(CircuitSpec spec, LoweringRules rules) =>
        spec.Structure is GridVariables grid ? new StackRegions(spec, grid, rules) : new GraphRegions(spec, rules);

    public RegionTable Regions { get; protected init; } = new();

    public WeightBlocks Blocks { get; } = new();

    public List<BlockSite> Sites { get; } = [];

    public int InputParameters { get; private set; }

    public int SectorPlaces { get; protected init; }

    public int Replicas { get; protected init; } = 1;

    /// <summary>Whether p(class) is learned.</summary>
    public bool LearnsClassPrior { get; private set; }

    protected CircuitSpec Spec => spec;

    /// <summary>How a layer is named in findings.</summary>
    protected abstract string Describe(LayerSpec layer);

    /// <summary>Chooses the densities of every variable; equal descriptions share one family.</summary>
    protected void ChooseFamilies(InputSpec input)
    {
        var made = new Dictionary<InputSpec, InputFamily>();
        int variables = spec.Structure.VariableCount;
        if (input is PerVariableInput mixed && mixed.Inputs.Count != variables)
            throw new CircuitException(Describe(mixed), "inputs missing", $"{mixed.Inputs.Count} inputs for {variables} variables.", "Give one a variable.");
        families = [.. Enumerable.Range(0, variables).Select(v => Lower(input is PerVariableInput each ? each.Inputs[v] : input))];

        InputFamily Lower(InputSpec own)
        {
            if (!made.TryGetValue(own, out InputFamily? family)) made[own] = family = rules.Lower(own);
            return family;
        }
    }

    /// <summary>A region of one or more variables, joined channel by channel.</summary>
    protected int AddLeaf(Scope scope, int layer)
    {
        List<int> factors = [];
        foreach (int variable in scope)
        {
            InputFamily family = families[variable];
            factors.Add(Regions.AddInput(new InputPlace(family, variable, InputParameters), scope.Count == 1 ? scope : Scope.Single(variable), layer));
            InputParameters += family.ParameterCount;
        }
        return factors.Count == 1 ? factors[0] : Multiply(new HadamardProduct(), [.. factors], scope, layer);
    }

    /// <summary>A product; a wide Hadamard product becomes a product of products, so that its units are scaled on the way.</summary>
    protected int Multiply(ProductSpec product, int[] children, Scope scope, int layer)
    {
        ChannelTable table = Table(product, children);
        if (table.IsHadamard && children.Length > MostFactors)
            return Multiply(new HadamardProduct(),
                [.. children.Chunk(MostFactors).Select(part => part.Length == 1 ? part[0] : Multiply(new HadamardProduct(), part, Scope.Union([.. part.Select(Regions.Scope)]), layer))],
                scope, layer);
        return Regions.AddProduct(table, children, scope, layer);
    }

    /// <summary>A weight block with what makes it.</summary>
    protected int AddBlock(int rows, int columns, WeightSpec source, int replica, int sector, int owner)
    {
        int block = Blocks.Add(rows, columns);
        Sites.Add(new BlockSite(block, source, replica, sector, owner));
        return block;
    }

    /// <summary>The root over all tops.</summary>
    protected void AddRoot(RootSpec root, int[] tops, int layers, int layer)
    {
        if (root.ClassWeights is not (null or FreeWeights { DeadEntries: false }))
            throw new CircuitException(Describe(root), "class weights unfit", $"The class weights are {root.ClassWeights.Name}{(root.ClassWeights is FreeWeights ? " with dead entries" : "")}.",
                "Give free weights to learn them, or none and set Circuit.ClassPrior to a constant.");
        LearnsClassPrior = root.ClassWeights is not null;
        WeightSpec source = root.MixtureWeights ?? Overparametrisation.Automatic(spec.Weights);
        int block = AddBlock(root.Classes, tops.Sum(Regions.Channels), source, 0, -1, root.MixtureWeights is null ? -1 : layers);
        Regions.AddSum(root.Classes, block, tops, Regions.Scope(tops[0]), layer);
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
}
