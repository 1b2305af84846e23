namespace Spn.Core.Plans;

/// <summary>The kinds of step of a circuit.</summary>
public enum RegionKind : byte
{
    /// <summary>Densities of one variable, from evidence.</summary>
    Input,

    /// <summary>Multiplies one channel from each child.</summary>
    Product,

    /// <summary>Mixes the channels of its children.</summary>
    Sum,
}

/// <summary>Which channel of each child makes each channel of a product.</summary>
public sealed class ChannelTable
{
    private readonly int[] entries; // [child, out]
    private readonly Lazy<(int Split, bool[] First)> split;

    /// <summary>Makes a table.</summary>
    /// <param name="children">Number of children.</param>
    /// <param name="channels">Number of output channels.</param>
    /// <param name="entry">The channel of a child that an output channel takes: (child, out) to channel.</param>
    public ChannelTable(int children, int channels, Func<int, int, int> entry)
    {
        Children = children;
        Channels = channels;
        entries = new int[children * channels];
        split = new(FindSplit);
        IsHadamard = true;
        for (int t = 0; t < children; t++)
            for (int o = 0; o < channels; o++)
            {
                entries[t * channels + o] = entry(t, o);
                IsHadamard &= entries[t * channels + o] == o;
            }
    }

    /// <summary>Number of children.</summary>
    public int Children { get; }

    /// <summary>Number of output channels.</summary>
    public int Channels { get; }

    /// <summary>True when output channel o takes channel o of every child.</summary>
    public bool IsHadamard { get; }

    /// <summary>The channel of a child that an output channel takes.</summary>
    public int this[int child, int channel] => entries[child * Channels + channel];

    /// <summary>
    /// When the output channels are all pairs of a channel u of the product of some children and a channel v of the product of the
    /// others, output v * Split + u: the number of channels u, as near to the square root of all as may be. Else 0.
    /// </summary>
    /// <remarks>A mixture over such a product need not form it: contracting one factor first takes fewer operations and less memory.</remarks>
    internal int Split => split.Value.Split;

    /// <summary>Whether a child belongs to the first factor of <see cref="Split"/>.</summary>
    internal bool InFirstFactor(int child) => split.Value.First[child];

    private (int Split, bool[] First) FindSplit()
    {
        int best = 0;
        bool[] inFirst = [];
        for (int inner = 2; inner <= Channels / 2; inner++)
        {
            if (Channels % inner != 0 || (best > 0 && Math.Abs(Math.Log((double)inner * inner / Channels)) >= Math.Abs(Math.Log((double)best * best / Channels)))) continue;
            var first = new bool[Children];
            bool separates = true;
            for (int t = 0; t < Children && separates; t++)
            {
                bool second = true;
                first[t] = true;
                for (int o = 0; o < Channels; o++)
                {
                    first[t] &= this[t, o] == this[t, o % inner];
                    second &= this[t, o] == this[t, o / inner * inner];
                }
                separates = first[t] || second;
            }
            if (separates) (best, inFirst) = (inner, first);
        }
        return (best, inFirst);
    }

    /// <summary>One child's row of the table, [out].</summary>
    public ReadOnlySpan<int> Row(int child) => entries.AsSpan(child * Channels, Channels);
}

/// <summary>Where an input region reads and what density it has.</summary>
/// <param name="Family">The densities.</param>
/// <param name="Variable">The variable it reads.</param>
/// <param name="Offset">First of its parameters in the flat parameter vector.</param>
public readonly record struct InputPlace(InputFamily Family, int Variable, int Offset);

/// <summary>All regions of a compiled circuit, children before parents; the root is the last.</summary>
/// <remarks>Kept as parallel arrays: wide circuits have hundreds of thousands of regions.</remarks>
public sealed class RegionTable
{
    private readonly List<RegionKind> kinds;
    private readonly List<int> channels;
    private readonly List<int> firstChild;
    private readonly List<int> children;
    private readonly List<Scope> scopes;
    private readonly List<int> payload;
    private readonly List<byte> layers;
    private readonly List<InputPlace> inputs = [];
    private readonly List<ChannelTable> tables = [];

    /// <summary>An empty table.</summary>
    /// <param name="expected">Number of regions to make room for; more may be added.</param>
    public RegionTable(int expected = 16)
    {
        kinds = new(expected);
        channels = new(expected);
        scopes = new(expected);
        payload = new(expected);
        layers = new(expected);
        children = new(expected);
        firstChild = new(expected + 1) { 0 };
    }

    /// <summary>Number of regions.</summary>
    public int Count => kinds.Count;

    /// <summary>The last region.</summary>
    public int Root => Count - 1;

    /// <summary>What a region does.</summary>
    public RegionKind Kind(int region) => kinds[region];

    /// <summary>Number of units of a region.</summary>
    public int Channels(int region) => channels[region];

    /// <summary>The regions it reads.</summary>
    public ReadOnlySpan<int> Children(int region) =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(children)[firstChild[region]..firstChild[region + 1]];

    /// <summary>The variables it speaks of.</summary>
    public Scope Scope(int region) => scopes[region];

    /// <summary>Position of the layer that made it, from 0.</summary>
    public int Layer(int region) => layers[region];

    /// <summary>The densities of an input region.</summary>
    public InputPlace Input(int region) => inputs[payload[region]];

    /// <summary>The channel table of a product region.</summary>
    public ChannelTable Table(int region) => tables[payload[region]];

    /// <summary>The weight block of a sum region.</summary>
    public int Block(int region) => payload[region];

    /// <summary>Adds an input region and returns its index.</summary>
    public int AddInput(InputPlace input, Scope scope, int layer)
    {
        inputs.Add(input);
        return Add(RegionKind.Input, input.Family.Components, [], scope, inputs.Count - 1, layer);
    }

    /// <summary>Adds a product region and returns its index.</summary>
    public int AddProduct(ChannelTable table, ReadOnlySpan<int> from, Scope scope, int layer)
    {
        int known = tables.LastIndexOf(table);
        if (known < 0)
        {
            tables.Add(table);
            known = tables.Count - 1;
        }
        return Add(RegionKind.Product, table.Channels, from, scope, known, layer);
    }

    /// <summary>Adds a sum region and returns its index.</summary>
    public int AddSum(int outputs, int block, ReadOnlySpan<int> from, Scope scope, int layer) =>
        Add(RegionKind.Sum, outputs, from, scope, block, layer);

    private int Add(RegionKind kind, int outputs, ReadOnlySpan<int> from, Scope scope, int load, int layer)
    {
        kinds.Add(kind);
        channels.Add(outputs);
        foreach (int child in from) children.Add(child);
        firstChild.Add(children.Count);
        scopes.Add(scope);
        payload.Add(load);
        layers.Add(checked((byte)layer));
        return kinds.Count - 1;
    }
}
