using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

internal enum OpKind : byte
{
    /// <summary>Densities from evidence.</summary>
    Input,

    /// <summary>A product of inputs of several variables, channel by channel.</summary>
    LeafProduct,

    /// <summary>A product that is kept.</summary>
    Product,

    /// <summary>A mixture over one region.</summary>
    SumOfOne,

    /// <summary>A mixture over a product of regions, which is not kept.</summary>
    SumOfProduct,

    /// <summary>A mixture over several regions with exponents of their own.</summary>
    SumOfMany,

    /// <summary>Units of a small subtree from the table of its states.</summary>
    Lookup,

    /// <summary>A mixture over the indicators of one variable, which may be hidden: one of its weights, or their sum.</summary>
    LeafSum,
}

/// <summary>One step of a program.</summary>
internal sealed class Op
{
    public required OpKind Kind { get; init; }

    /// <summary>The slot that receives the units.</summary>
    public required int Slot { get; set; }

    public required int Channels { get; init; }

    /// <summary>The slots read.</summary>
    public int[] Sources { get; init; } = [];

    /// <summary>For each source whether this step is the first to write its slopes on the way down.</summary>
    public bool[] First { get; set; } = [];

    /// <summary>For each source whether anything below needs its slopes.</summary>
    public bool[] Needed { get; set; } = [];

    /// <summary>Index among the weight blocks, products, inputs or tables of the component.</summary>
    public int Place { get; init; }

    /// <summary>Index among the inputs of the component, of the input that a leaf sum reads.</summary>
    public int Input { get; init; }

    /// <summary>The factors of a product of inputs, which have no slots of their own.</summary>
    public Op[] Factors { get; init; } = [];

    /// <summary>Indices among the products of the component of those that a step forms and keeps: factors may be products themselves.</summary>
    public int[] Products { get; init; } = [];

    /// <summary>The inputs at which a way down ends here: an input itself, or the factors of a product of inputs.</summary>
    public Op[] Inputs => field ??= Kind == OpKind.Input ? [this] : Factors;

    /// <summary>Whether any of <see cref="Inputs"/> learns.</summary>
    public bool Learns => learns ??= Inputs.Any(i => i.Family!.Learns);

    private bool? learns;

    /// <summary>Columns of the weight block.</summary>
    public int Columns { get; init; }

    /// <summary>Distance between neighbouring weights of the block.</summary>
    public int Stride { get; init; }

    /// <summary>Which channels a product takes; null takes channel o of every source for channel o.</summary>
    public ChannelTable? Table { get; init; }

    public InputFamily? Family { get; init; }
}

/// <summary>The steps of one shape of sub-circuit, in order; which weights and variables they use is bound per component.</summary>
internal sealed class OpProgram
{
    public required Op[] Ops { get; init; }

    /// <summary>Channels of each slot.</summary>
    public required int[] SlotChannels { get; init; }

    /// <summary>First unit of each slot; units are counted in channels.</summary>
    public required int[] SlotUnits { get; init; }

    /// <summary>Units of all slots together.</summary>
    public required int Units { get; init; }

    /// <summary>Largest number of units that a step needs as scratch.</summary>
    public required int Scratch { get; init; }

    /// <summary>Slots of the regions that the root reads, in the order of the component's boundary.</summary>
    public required int[] Boundary { get; init; }

    /// <summary>Subtrees kept as tables.</summary>
    public required TableShape[] Tables { get; init; }

    /// <summary>Longest way from an input to the top.</summary>
    public required int Depth { get; init; }

    /// <summary>Largest number of regions alive at a time.</summary>
    public required int LiveRegions { get; init; }

    /// <summary>Whether the slopes of every slot stay until the end of a downward pass.</summary>
    public required bool KeepSlopes { get; init; }

    public int Slots => SlotChannels.Length;

    /// <summary>Whether each step's statistics are taken as the slopes pass it, so that slopes live no longer than they are needed.</summary>
    /// <remarks>
    /// A sum whose slopes leave the range is then redone from its own slopes, which must be finite: products of many factors may exceed
    /// the range at once, and products that are kept have no check of their own.
    /// </remarks>
    public bool GathersAtOnce => SlotSlopes != SlotUnits;

    /// <summary>First slope of each slot; slopes are counted in channels.</summary>
    public int[] SlotSlopes => field ??= PlaceSlopes();

    /// <summary>Slopes that are alive at a time.</summary>
    public int Slopes => slopes > 0 ? slopes : slopes = SlotSlopes.Select((first, slot) => first + SlotChannels[slot]).Max();

    private int slopes;

    private int[] PlaceSlopes()
    {
        const int mostFactors = 8;
        if (KeepSlopes || Ops.Any(o => o.Kind == OpKind.Product || (o.Kind == OpKind.SumOfProduct && o.Sources.Length > mostFactors))) return SlotUnits;
        var first = new int[Slots];
        Array.Fill(first, -1);
        var free = new Dictionary<int, Stack<int>>();
        int count = 0;
        foreach (int slot in Boundary) Take(slot);
        for (int i = Ops.Length - 1; i >= 0; i--)
        {
            foreach (int source in Ops[i].Sources) Take(source);
            Take(Ops[i].Slot);
            Free(Ops[i].Slot);
        }
        return first;

        void Take(int slot)
        {
            if (first[slot] >= 0) return;
            if (free.TryGetValue(SlotChannels[slot], out Stack<int>? places) && places.TryPop(out first[slot])) return;
            first[slot] = count;
            count += SlotChannels[slot];
        }

        void Free(int slot)
        {
            if (!free.TryGetValue(SlotChannels[slot], out Stack<int>? places)) free[SlotChannels[slot]] = places = [];
            places.Push(first[slot]);
        }
    }
}

/// <summary>A subtree of at most four binary variables of a component, kept as a table of its 16 states.</summary>
/// <param name="Key">Equal for subtrees of one shape.</param>
/// <param name="Steps">The shape.</param>
/// <param name="Sums">Its sums, by index among the component's, in the order of the shape's steps.</param>
/// <param name="Inputs">Its inputs, by index among the component's; bit i of a state is the value of input i.</param>
/// <param name="Channels">Channels of its top.</param>
/// <param name="Offset">First float of its table among the component's: [channel, state], then 16 exponents, then 16 error exponents.</param>
internal sealed record TableShape(string Key, PackStep[] Steps, int[] Sums, int[] Inputs, int Channels, int Offset)
{
    /// <summary>First float after its table.</summary>
    public int End => Offset + 16 * (Channels + 2);
}
