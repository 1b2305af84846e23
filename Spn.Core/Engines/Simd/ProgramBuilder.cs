using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>How the steps of a component are ordered and what memory they use.</summary>
/// <param name="PostOrder">True: a region follows its children at once; false: level by level, as the plan lists them.</param>
/// <param name="ReuseSlots">True frees a region's memory after its last reader; false keeps all for a downward pass.</param>
/// <param name="Tabulate">True replaces small subtrees of binary variables by tables of their states.</param>
/// <param name="InputSlopes">True carries slopes down to inputs without parameters too.</param>
/// <param name="FuseLeaves">True makes one step of a sum over indicators and the input below it; such a step gathers no statistics.</param>
/// <param name="KeepSlopes">True gives the slopes of every slot memory of their own.</param>
internal readonly record struct ProgramOptions(bool PostOrder, bool ReuseSlots, bool Tabulate, bool InputSlopes = false, bool FuseLeaves = false, bool KeepSlopes = false);

/// <summary>Turns the regions of a component into steps.</summary>
internal sealed class ProgramBuilder
{
    private const int TableVariables = 4;

    private readonly RegionTable regions;
    private readonly WeightBlocks blocks;
    private readonly IReadOnlyList<WeightProgram> programs;
    private readonly ProgramOptions options;
    private readonly int[] programOfBlock;
    private readonly Dictionary<int, int> parents;
    private readonly Dictionary<int, int> placeOfBlock;
    private readonly Dictionary<int, int> placeOfInput;
    private readonly Dictionary<int, int> placeOfProduct;
    private readonly HashSet<int> boundary;
    private readonly Dictionary<int, int> slotOf = [];
    private readonly List<Op> ops = [];
    private readonly List<TableShape> tables = [];
    private readonly Dictionary<int, int> binaryScope = [];
    private readonly HashSet<int> leafProducts = [];

    /// <param name="plan">The plan.</param>
    /// <param name="component">The component.</param>
    /// <param name="options">Order and memory.</param>
    /// <param name="programOfBlock">For each weight block of the plan the program that makes it.</param>
    public ProgramBuilder(Plan plan, Component component, ProgramOptions options, int[] programOfBlock)
    {
        this.programOfBlock = programOfBlock;
        regions = plan.Regions;
        blocks = plan.Blocks;
        programs = plan.Programs;
        this.options = options;
        boundary = [.. component.Boundary];
        Members = component.Regions;
        BoundaryList = component.Boundary;
        parents = Members.ToDictionary(r => r, _ => 0);
        foreach (int r in Members)
            foreach (int child in regions.Children(r)) parents[child]++;
        foreach (int r in BoundaryList) parents[r]++;
        placeOfBlock = component.Sums.Select((r, i) => (r, i)).ToDictionary(p => p.r, p => p.i);
        placeOfProduct = Component.ProductsOf(plan, component).Select((r, i) => (r, i)).ToDictionary(p => p.r, p => p.i);
        placeOfInput = component.Inputs.Select((r, i) => (r, i)).ToDictionary(p => p.r, p => p.i);
    }

    private IReadOnlyList<int> Members { get; }

    private IReadOnlyList<int> BoundaryList { get; }

    public OpProgram Build()
    {
        FindLeafProducts();
        if (options.Tabulate) FindBinarySubtrees();
        if (options.PostOrder)
            foreach (int r in BoundaryList) EmitDeep(r);
        else
            foreach (int r in Reachable()) Emit(r);
        MarkSlopes();
        return Place();
    }

    /// <summary>A product that only its sum reads is made on the fly.</summary>
    private bool Inlined(int region) =>
        regions.Kind(region) == RegionKind.Product && parents[region] == 1 && !boundary.Contains(region)
        && OnlyChildOfSum.Contains(region);

    /// <summary>Whether its sum forms a product, rather than a step of its own.</summary>
    private bool OnTheFly(int region) => Inlined(region) && !leafProducts.Contains(region);

    private HashSet<int> OnlyChildOfSum => field ??= [.. Members.Where(r => regions.Kind(r) == RegionKind.Sum && regions.Children(r).Length == 1).Select(r => regions.Children(r)[0])];

    /// <summary>The regions whose units a region reads, products on the fly looked through.</summary>
    private int[] Reads(int region)
    {
        if (IsTable(region) || IsLeafSum(region) || leafProducts.Contains(region)) return [];
        int[] children = regions.Children(region).ToArray();
        return children.Length == 1 && OnTheFly(children[0]) ? regions.Children(children[0]).ToArray() : children;
    }

    /// <summary>A sum over the indicators of a variable that nothing else reads.</summary>
    private bool IsLeafSum(int region) =>
        options.FuseLeaves && regions.Kind(region) == RegionKind.Sum && regions.Channels(region) <= LeafSums.MostChannels
        && regions.Children(region) is [var child] && regions.Kind(child) == RegionKind.Input && regions.Input(child).Family is IndicatorFamily { States: < LeafSums.Codes }
        && parents[child] == 1 && !boundary.Contains(child);

    /// <summary>The largest products of inputs, channel by channel, that nothing else reads in part.</summary>
    private void FindLeafProducts()
    {
        foreach (int r in Members)
        {
            if (regions.Kind(r) != RegionKind.Product || !regions.Table(r).IsHadamard || regions.Children(r).Length < 2) continue;
            bool fits = true;
            foreach (int child in regions.Children(r)) fits &= parents[child] == 1 && !boundary.Contains(child) && (leafProducts.Contains(child) || IsDensity(child));
            if (!fits) continue;
            leafProducts.Add(r);
            foreach (int child in regions.Children(r)) leafProducts.Remove(child);
        }

        bool IsDensity(int region) => regions.Kind(region) == RegionKind.Input && regions.Input(region).Family is not IndicatorFamily;
    }

    /// <summary>The inputs that a product of inputs multiplies.</summary>
    private IEnumerable<int> FactorsOf(int region)
    {
        if (regions.Kind(region) == RegionKind.Input) return [region];
        return regions.Children(region).ToArray().SelectMany(FactorsOf);
    }

    /// <summary>A product of inputs and the products among its factors, those first.</summary>
    private IEnumerable<int> ProductsOf(int region) => regions.Children(region).ToArray().Where(c => regions.Kind(c) == RegionKind.Product).SelectMany(ProductsOf).Append(region);

    private Op InputStep(int region, int slot) =>
        new() { Kind = OpKind.Input, Slot = slot, Channels = regions.Channels(region), Place = placeOfInput[region], Family = regions.Input(region).Family };

    private int StrideOf(int sum)
    {
        int block = regions.Block(sum);
        return WeightLayout.StrideOf(programs[programOfBlock[block]], blocks[block].Rows, blocks[block].Columns);
    }

    private List<int> Reachable()
    {
        var wanted = new HashSet<int>(BoundaryList);
        for (int i = Members.Count - 1; i >= 0; i--)
            if (wanted.Contains(Members[i]))
                foreach (int child in Reads(Members[i])) wanted.Add(child);
        return [.. Members.Where(wanted.Contains)];
    }

    private void EmitDeep(int region)
    {
        if (slotOf.ContainsKey(region)) return;
        // Explicit stack: chains of thousands of regions are legal.
        var stack = new Stack<(int Region, bool Ready)>([(region, false)]);
        while (stack.Count > 0)
        {
            (int r, bool ready) = stack.Pop();
            if (slotOf.ContainsKey(r)) continue;
            if (ready)
            {
                Emit(r);
                continue;
            }
            stack.Push((r, true));
            // The child with the larger scope first: fewest regions alive. The stack turns the order round.
            foreach (int child in Reads(r).OrderBy(c => regions.Scope(c).Count)) stack.Push((child, false));
        }
    }

    private void Emit(int region)
    {
        int slot = slotOf[region] = ops.Count;
        int channels = regions.Channels(region);
        if (IsTable(region))
        {
            ops.Add(new Op { Kind = OpKind.Lookup, Slot = slot, Channels = channels, Place = AddTable(region) });
            return;
        }
        if (IsLeafSum(region))
        {
            int input = regions.Children(region)[0];
            ops.Add(new Op { Kind = OpKind.LeafSum, Slot = slot, Channels = channels, Place = placeOfBlock[region], Input = placeOfInput[input], Columns = regions.Channels(input), Stride = StrideOf(region) });
            return;
        }
        if (leafProducts.Contains(region))
        {
            ops.Add(new Op { Kind = OpKind.LeafProduct, Slot = slot, Channels = channels, Place = placeOfProduct[region], Products = [.. ProductsOf(region).Select(r => placeOfProduct[r])], Factors = [.. FactorsOf(region).Select(r => InputStep(r, slot: -1))] });
            return;
        }
        int[] children = regions.Children(region).ToArray();
        int[] sources = [.. Reads(region).Select(c => slotOf[c])];
        switch (regions.Kind(region))
        {
            case RegionKind.Input:
                ops.Add(InputStep(region, slot));
                break;
            case RegionKind.Product:
                ops.Add(new Op { Kind = OpKind.Product, Slot = slot, Channels = channels, Sources = sources, Place = placeOfProduct[region], Products = [placeOfProduct[region]], Table = regions.Table(region) });
                break;
            default:
                OpKind kind = children.Length > 1 ? OpKind.SumOfMany : OnTheFly(children[0]) ? OpKind.SumOfProduct : OpKind.SumOfOne;
                ops.Add(new Op
                {
                    Kind = kind,
                    Slot = slot,
                    Channels = channels,
                    Sources = sources,
                    Place = placeOfBlock[region],
                    Columns = blocks[regions.Block(region)].Columns,
                    Stride = StrideOf(region),
                    Table = kind == OpKind.SumOfProduct && regions.Table(children[0]) is { IsHadamard: false } table ? table : null,
                });
                break;
        }
    }

    /// <summary>Number of binary variables below a region when the region can be a table, else absent.</summary>
    private void FindBinarySubtrees()
    {
        foreach (int r in Members)
        {
            ReadOnlySpan<int> children = regions.Children(r);
            int variables = 0;
            bool fits = regions.Kind(r) switch
            {
                RegionKind.Input => regions.Input(r).Family is { States: 2 } family && (family is IndicatorFamily || family.ParameterCount > 0),
                RegionKind.Sum => children.Length == 1 && StrideOf(r) == WeightGroup.Lanes,
                _ => Inlined(r) && regions.Table(r).IsHadamard,
            };
            foreach (int child in children)
            {
                fits &= parents[child] == 1 && binaryScope.TryGetValue(child, out int below) && (variables += below) <= TableVariables;
            }
            if (fits) binaryScope[r] = regions.Kind(r) == RegionKind.Input ? 1 : variables;
        }
    }

    /// <summary>The highest regions that fit are tables.</summary>
    private bool IsTable(int region) =>
        binaryScope.ContainsKey(region) && regions.Kind(region) == RegionKind.Sum && !CoveredFromAbove.Contains(region);

    private HashSet<int> CoveredFromAbove => field ??= Covered();

    private HashSet<int> Covered()
    {
        var covered = new HashSet<int>();
        for (int i = Members.Count - 1; i >= 0; i--)
        {
            int r = Members[i];
            bool isTop = regions.Kind(r) == RegionKind.Sum && binaryScope.ContainsKey(r);
            if (isTop || covered.Contains(r))
                foreach (int child in regions.Children(r)) covered.Add(child);
        }
        return covered;
    }

    private int AddTable(int top)
    {
        List<PackStep> steps = [];
        List<int> sums = [], inputs = [];
        var key = new StringBuilder();
        Visit(top);
        int place = tables.Count == 0 ? 0 : tables[^1].End;
        tables.Add(new TableShape(key.ToString(), [.. steps], [.. sums], [.. inputs], regions.Channels(top), place));
        return tables.Count - 1;

        // Depth first, so that the inputs below a step are neighbours and its states are a run of bits.
        int Visit(int region)
        {
            bool isInput = regions.Kind(region) == RegionKind.Input;
            int[] sources = isInput ? [] : [.. ReadsInside(region).Select(Visit)];
            int sum = -1, input = -1, columns = 0;
            if (isInput)
            {
                input = inputs.Count;
                inputs.Add(placeOfInput[region]);
            }
            else
            {
                sum = sums.Count;
                sums.Add(placeOfBlock[region]);
                columns = blocks[regions.Block(region)].Columns;
            }
            int variables = isInput ? 1 : sources.Sum(s => steps[s].Variables);
            (int offset, int states, int products) = steps.Count == 0 ? (0, 0, 0) : steps[^1].End;
            steps.Add(new PackStep(sources, sum, input, regions.Channels(region), columns, variables, offset, states, products));
            key.Append(CultureInfo.InvariantCulture, $"{string.Join(",", sources)}:{regions.Channels(region)}:{columns}:");
            if (isInput) key.Append(RuntimeHelpers.GetHashCode(regions.Input(region).Family));
            else key.Append(programOfBlock[regions.Block(region)]);
            key.Append(';');
            return steps.Count - 1;
        }
    }

    private int[] ReadsInside(int region)
    {
        int child = regions.Children(region)[0];
        return Inlined(child) ? regions.Children(child).ToArray() : [child];
    }

    /// <summary>Marks which step writes a slope first on the way down, and which slopes nothing needs.</summary>
    private void MarkSlopes()
    {
        var needed = new bool[ops.Count];
        foreach (Op op in ops)
            needed[op.Slot] = op.Kind switch
            {
                OpKind.Input or OpKind.LeafProduct => options.InputSlopes || op.Learns,
                _ => true,
            };
        var written = new bool[ops.Count];
        foreach (int r in BoundaryList) written[slotOf[r]] = true;
        for (int i = ops.Count - 1; i >= 0; i--)
        {
            Op op = ops[i];
            op.Needed = [.. op.Sources.Select(s => needed[s])];
            op.First = [.. op.Sources.Select(s => !written[s])];
            foreach (int s in op.Sources) written[s] = true;
        }
    }

    private OpProgram Place()
    {
        int[] channels = [.. ops.Select(o => o.Channels)];
        int[] boundarySlots = [.. BoundaryList.Select(r => slotOf[r])];
        var lastRead = new int[ops.Count];
        for (int i = 0; i < ops.Count; i++)
        {
            lastRead[ops[i].Slot] = i;
            foreach (int s in ops[i].Sources) lastRead[s] = i;
        }
        foreach (int s in boundarySlots) lastRead[s] = ops.Count;

        var home = new int[ops.Count];
        int used = 0, alive = 0, most = 0;
        var free = new Dictionary<int, Stack<int>>();
        List<int> homeChannels = [], homeUnits = [];
        for (int i = 0; i < ops.Count; i++)
        {
            Op op = ops[i];
            // A sum reads everything before it writes, so it may take over the place of what it frees.
            if (options.ReuseSlots)
                foreach (int s in op.Sources.Distinct())
                    if (lastRead[s] == i)
                    {
                        Free(s);
                        if (ops[s].Kind != OpKind.Input) alive--;
                    }
            bool recycled = free.TryGetValue(op.Channels, out Stack<int>? places) && places.Count > 0;
            if (recycled) home[i] = places!.Pop();
            else
            {
                home[i] = homeChannels.Count;
                homeChannels.Add(op.Channels);
                homeUnits.Add(used);
                used += op.Channels;
            }
            if (op.Kind != OpKind.Input) most = Math.Max(most, ++alive);
        }
        var depth = new int[ops.Count];
        for (int i = 0; i < ops.Count; i++) depth[i] = 1 + ops[i].Sources.Select(s => depth[s]).DefaultIfEmpty(0).Max();
        int least = leafProducts.Count > 0 ? LeafProducts.Scratch : 3;
        int scratch = Math.Max(least, ops.Max(o => Math.Max(o.Columns, o.Channels)));
        Op[] placed = [.. ops.Select((o, i) => new Op
        {
            Kind = o.Kind, Slot = home[i], Channels = o.Channels, Sources = [.. o.Sources.Select(s => home[s])], First = o.First, Needed = o.Needed,
            Place = o.Place, Input = o.Input, Columns = o.Columns, Stride = o.Stride, Table = o.Table, Family = o.Family, Factors = o.Factors, Products = o.Products,
        })];
        return new OpProgram
        {
            Ops = placed,
            SlotChannels = [.. homeChannels],
            SlotUnits = [.. homeUnits],
            Units = used,
            Scratch = scratch,
            Boundary = [.. boundarySlots.Select(s => home[s])],
            Tables = [.. tables],
            Depth = depth.DefaultIfEmpty(0).Max(),
            LiveRegions = most,
            KeepSlopes = options.KeepSlopes,
        };

        void Free(int slot)
        {
            if (!free.TryGetValue(channels[slot], out Stack<int>? places)) free[channels[slot]] = places = [];
            places.Push(home[slot]);
        }
    }
}
