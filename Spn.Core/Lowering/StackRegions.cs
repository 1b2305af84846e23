using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Puts a stack of layers on a grid: every spatial product makes a new grid of cells, every sum mixes each cell's channels.</summary>
/// <remarks>
/// A cell whose patch lies outside the grid altogether has an empty scope and no region. Inputs are listed row by row; the regions and
/// weight blocks of every other layer, and the children of the root, follow <see cref="CellOrder"/>.
/// </remarks>
internal sealed class StackRegions : RegionBuilder
{
    /// <summary>Bounds the memory that wrong settings can ask for.</summary>
    private const int MostCells = 1 << 24;

    private readonly IReadOnlyList<LayerSpec> layers;
    private readonly Dictionary<(int Layer, string Present, int Channels), ChannelTable> tables = [];
    private readonly int[]?[] cells; // [layer][cell, row by row] its region, or -1

    public StackRegions(CircuitSpec spec, GridVariables grid, LoweringContext context) : base(spec, context)
    {
        // Copies, so that a layer value that stands in two places is still told apart.
        layers = [.. spec.Layers.Select(layer => layer with { })];
        cells = new int[layers.Count][];
        var leaves = grid.Build();
        if (layers.Count == 0 || layers[0] is not InputSpec input)
            throw At(0, "no input", "The first layer must be an input.", "Start with Input.Normal or another input.");
        if (layers[^1] is not RootSpec root) throw At(layers.Count - 1, "no root", "The last layer must be the root.", "End with Sum.Root().");
        if (root.Classes < 1) throw At(layers.Count - 1, "no classes", $"{root.Classes} classes were given.", "Give at least 1.");
        if (root.Mixture) throw At(layers.Count - 1, "no replicas", "A stack on a grid has no replicas to mix.", "Leave the mixture over replicas out.");

        // All axes first: the order of a layer's cells depends on the products above it.
        GridAxis[] inputs = [.. grid.Extents.Select(GridAxis.Of)], axes = inputs;
        var laid = new GridAxis.Patches[layers.Count][];
        List<long[]> reaches = [];
        for (int i = 1; i < layers.Count - 1; i++)
            switch (layers[i])
            {
                case SpatialProduct product:
                    laid[i] = Lay(product, i, axes);
                    reaches.Add([.. axes.Zip(laid[i], (axis, patches) => patches.Kernel == 1 ? 0 : patches.Dilation * axis.Step)]);
                    axes = Through(axes, laid[i]);
                    break;
                case SumSpec { Channels: < 1 } sum: throw At(i, "no channels", $"{sum.Channels} channels were given.", "Give at least 1.");
                case SumSpec: break;
                default: throw At(i, "unexpected layer", $"{layers[i].Name} cannot stand on a grid.", "Between input and root stand spatial products and sums.");
            }
        for (int a = 0; a < axes.Length; a++)
            if (axes[a].Gap() is { } gap)
                throw At(layers.Count - 1, "not the full scope at the root", $"Along axis {a}, cell {gap.Cell} of {axes[a].Cells} misses place {gap.Place} of {axes[a].Places}.",
                    "End the stack with a product of Padding.Final whose patches reach across the grid, or of Padding.FinalCrop.");

        ChooseFamilies(input);
        var order = new CellOrder(reaches);
        int[] listed = order.Of(inputs), below = cells[0] = [.. leaves.Regions.Select(leaf => AddLeaf(leaf.Scope, 0))];
        axes = inputs;
        for (int i = 1; i < layers.Count - 1; i++)
        {
            if (layers[i] is SpatialProduct product)
            {
                GridAxis[] joined = Through(axes, laid[i]);
                listed = order.Of(joined);
                below = Join(product, i, below, axes, laid[i], listed);
                axes = joined;
            }
            else below = Mix((SumSpec)layers[i], i, below, listed);
            cells[i] = below;
        }
        AddRoot(root, [.. listed.Select(cell => below[cell])], layers.Count, layers.Count - 1);
        cells[^1] = [Regions.Root];
    }

    /// <summary>For each layer the region of each cell, row by row; -1 where a cell has none. The root is one cell.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Cells => cells!;

    protected override string Describe(LayerSpec layer)
    {
        for (int i = 0; i < layers.Count; i++)
            if (ReferenceEquals(layers[i], layer)) return Recipe.Describe(layers, i);
        return layer.Name;
    }

    private CircuitException At(int layer, string property, string witness, string advice) => new(Recipe.Describe(layers, layer), property, witness, advice);

    private static GridAxis[] Through(GridAxis[] axes, GridAxis.Patches[] laid) => [.. axes.Zip(laid, (axis, patches) => axis.Through(patches))];

    private int[] Mix(SumSpec sum, int layer, int[] below, int[] listed)
    {
        WeightSpec source = sum.Weights ?? Spec.Weights;
        var mixed = (int[])below.Clone();
        int shared = -1;
        foreach (int cell in listed)
        {
            int from = below[cell];
            if (from < 0) continue;
            int block = sum.Shared && shared >= 0 ? shared : AddBlock(sum.Channels, Regions.Channels(from), source, 0, cell, sum.Weights is null ? -1 : layer);
            shared = block;
            mixed[cell] = Regions.AddSum(sum.Channels, block, [from], Regions.Scope(from), layer);
        }
        return mixed;
    }

    private int[] Join(SpatialProduct product, int layer, int[] below, GridAxis[] axes, GridAxis.Patches[] laid, int[] listed)
    {
        int[] outputs = [.. laid.Select(p => p.Outputs)], kernels = [.. laid.Select(p => p.Kernel)];
        int places = kernels.Aggregate((x, y) => x * y);
        var joined = new int[listed.Length];
        int[] patch = new int[axes.Length], place = new int[axes.Length];
        foreach (int o in listed)
        {
            CellOrder.Unfold(o, outputs, patch);
            List<int> children = [], present = [];
            for (int t = 0; t < places; t++)
            {
                CellOrder.Unfold(t, kernels, place);
                int cell = 0;
                for (int a = 0; a < axes.Length && cell >= 0; a++)
                {
                    int at = laid[a].Cell(patch[a], place[a]);
                    cell = at < 0 || at >= axes[a].Cells ? -1 : cell * axes[a].Cells + at;
                }
                if (cell < 0 || below[cell] < 0) continue;
                children.Add(below[cell]);
                present.Add(t);
            }
            joined[o] = children.Count == 0 ? -1
                : Regions.AddProduct(Table(product, layer, places, present, Regions.Channels(children[0])), children.ToArray(), Scope.Union([.. children.Select(Regions.Scope)]), layer);
        }
        return joined;
    }

    /// <summary>How the patches lie along each axis; refused when there are none, or when cells of a patch share a variable.</summary>
    private GridAxis.Patches[] Lay(SpatialProduct product, int layer, GridAxis[] axes)
    {
        GridAxis.Patches[] laid = [.. axes.Select((axis, a) => Lay(product, layer, axes.Length, axis, a))];
        double cells = laid.Aggregate(1.0, (count, patches) => count * patches.Outputs);
        return cells <= MostCells ? laid : throw At(layer, "too many cells", $"The patches make {cells:N0} cells, at most {MostCells:N0} can be.", "Use a smaller dilation, or Padding.Valid.");
    }

    private GridAxis.Patches Lay(SpatialProduct product, int layer, int count, GridAxis axis, int a)
    {
        int kernel = Setting(product.Kernel, "kernel"), stride = Setting(product.Stride, "stride"), dilation = Setting(product.Dilation, "dilation");
        long span = (kernel - 1L) * dilation + 1;
        if (span > MostCells) throw At(layer, "setting unfit", $"Along axis {a}, patches span {span:N0} cells, at most {MostCells:N0} can be.", "Use a smaller kernel or dilation.");
        if (axis.Lay(kernel, stride, dilation, product.Padding) is not { } patches)
            throw At(layer, "no patch",
                $"Along axis {a}, patches of {span} cells {(product.Padding is Padding.Final or Padding.FinalCrop ? $"cannot see all {axis.Places} places" : $"do not fit {axis.Cells} cells")}.",
                product.Padding is Padding.Final or Padding.FinalCrop ? "Use a larger dilation or kernel, or one product more before." : "Use a smaller kernel or dilation, or Padding.Full.");
        if (axis.Overlap(patches) is { } overlap)
        {
            int? way = Enumerable.Range(1, axis.Cells).Where(d => axis.Lay(kernel, stride, d, product.Padding) is { } other && axis.Overlap(other) is null).Cast<int?>().FirstOrDefault();
            throw At(layer, "not decomposable",
                $"Along axis {a}, kernel {kernel} at dilation {dilation} joins cells {overlap.First} and {overlap.Second}, which both contain place {overlap.Place}.",
                way is int d ? $"Use dilation {d}." : "Use a stride or kernel of 1 along this axis.");
        }
        return patches;

        int Setting(ValueList<int> values, string name)
        {
            if (values.Count != 1 && values.Count != count)
                throw At(layer, "settings missing", $"The {name} has {values.Count} numbers, the grid {count} axes.", "Give one number, or one an axis.");
            int value = values.Count == 1 ? values[0] : values[a];
            return value >= 1 ? value : throw At(layer, "setting unfit", $"The {name} is {value}.", "Give at least 1.");
        }
    }

    /// <summary>The channel table of a patch in which only some cells are present; equal ones are shared.</summary>
    private ChannelTable Table(SpatialProduct product, int layer, int places, List<int> present, int channels)
    {
        (int, string, int) key = (layer, string.Join(',', present), channels);
        if (tables.TryGetValue(key, out ChannelTable? known)) return known;
        int[,] plan = ChannelPlan.Of(product.Channels, places, channels) ?? throw At(layer, "too many combinations",
            $"{channels} channels of {places} cells make more than {ChannelPlan.MostCombinations} combinations.", "Use ProductChannels.Limited or Depthwise, or fewer channels.");
        int[] chosen = [.. present];
        return tables[key] = new ChannelTable(chosen.Length, plan.GetLength(1), (t, o) => plan[chosen[t], o]);
    }
}
