using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Where a weight block stands and what makes it.</summary>
/// <param name="Block">The block.</param>
/// <param name="Source">What makes its weights.</param>
/// <param name="Replica">Replica of the first region that uses it.</param>
/// <param name="Sector">Sector place in that replica, or -1 for the top mixture.</param>
/// <param name="Owner">The layer that names the source for itself, or -1 when the source is the circuit's.</param>
/// <param name="Mixing">Whether it mixes partitions channel by channel.</param>
/// <param name="Layout">How the sectors of the structure are laid out.</param>
/// <param name="Part">First part of the names of its parameters: which part of a mixture of circuits it stands in, or empty.</param>
internal sealed record BlockSite(int Block, WeightSpec Source, int Replica, int Sector, int Owner, bool Mixing, SectorLayout Layout, string Part = "");

/// <summary>Places for the sectors of a structure, used or not.</summary>
/// <param name="Replicas">Number of replicas.</param>
/// <param name="Places">Places of a replica; 0 when the structure defines none.</param>
internal readonly record struct SectorLayout(int Replicas, int Places);

/// <summary>First pass: from the layers of a description to a table of regions.</summary>
/// <param name="spec">The description.</param>
/// <param name="context">Rules for layer kinds, and what was made by them.</param>
internal abstract class RegionBuilder(CircuitSpec spec, LoweringContext context)
{
    /// <summary>Products of more factors are nested, so that units are scaled on the way.</summary>
    private const int MostFactors = 8;

    private InputFamily[] families = []; // [variable]

    /// <summary>Builds the regions of a description.</summary>
    public static RegionBuilder For(CircuitSpec spec, LoweringContext context) => spec.Structure switch
    {
        GridVariables grid => new StackRegions(spec, grid, context),
        MixtureOf mixture => new MixtureRegions(spec, mixture, context),
        _ => new GraphRegions(spec, context),
    };

    public RegionTable Regions { get; protected init; } = new();

    public WeightBlocks Blocks { get; } = new();

    public List<BlockSite> Sites { get; } = [];

    public int InputParameters { get; protected set; }

    /// <summary>Whether p(class) is learned.</summary>
    public bool LearnsClassPrior { get; private set; }

    protected CircuitSpec Spec => spec;

    protected LoweringContext Context => context;

    protected SectorLayout Layout { get; init; } = new(1, 0);

    /// <summary>How a layer is named in findings.</summary>
    protected abstract string Describe(LayerSpec layer);

    /// <summary>Chooses the densities of every variable; equal descriptions share one family.</summary>
    protected void ChooseFamilies(InputSpec input)
    {
        int variables = spec.Structure.VariableCount;
        if (input is PerVariableInput mixed && mixed.Inputs.Count != variables)
            throw new CircuitException(Describe(mixed), "inputs missing", $"{mixed.Inputs.Count} inputs for {variables} variables.", "Give one a variable.");
        families = [.. Enumerable.Range(0, variables).Select(v => context.Family(input is PerVariableInput each ? each.Inputs[v] : input))];
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
    protected int AddBlock(int rows, int columns, WeightSpec source, int replica, int sector, int owner, bool channelwise = false)
    {
        int block = Blocks.Add(rows, columns, channelwise);
        Sites.Add(new BlockSite(block, source, replica, sector, owner, Blocks.Spacing(block) > 1, Layout));
        return block;
    }

    /// <summary>The root over all tops.</summary>
    /// <param name="root">The layer.</param>
    /// <param name="tops">What it mixes.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="layer">Its place among them.</param>
    /// <param name="channelwise">Whether class c mixes channel c of every top.</param>
    protected void AddRoot(RootSpec root, int[] tops, int layers, int layer, bool channelwise = false)
    {
        if (root.ClassWeights is not (null or FreeWeights { DeadEntries: false }))
            throw new CircuitException(Describe(root), "class weights unfit", $"The class weights are {root.ClassWeights.Name}{(root.ClassWeights is FreeWeights ? " with dead entries" : "")}.",
                "Give free weights to learn them, or none and set Circuit.ClassPrior to a constant.");
        LearnsClassPrior = root.ClassWeights is not null;
        WeightSpec source = root.MixtureWeights ?? Overparametrisation.Automatic(spec.Weights);
        int block = AddBlock(root.Classes, tops.Sum(Regions.Channels), source, 0, -1, root.MixtureWeights is null ? -1 : layers, channelwise);
        Regions.AddSum(root.Classes, block, tops, Regions.Scope(tops[0]), layer);
    }

    private ChannelTable Table(ProductSpec product, int[] children)
    {
        var channels = new int[children.Length];
        for (int i = 0; i < channels.Length; i++) channels[i] = Regions.Channels(children[i]);
        return context.Table(product, channels);
    }
}
