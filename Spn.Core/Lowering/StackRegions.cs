using System.Numerics;
using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Puts a stack of layers on a grid: every spatial product makes a new grid of cells, every sum mixes each cell's channels.</summary>
/// <remarks>A cell whose patch lies outside the grid altogether has an empty scope and no region.</remarks>
internal sealed class StackRegions : RegionBuilder
{
    private readonly GridVariables grid;
    private readonly IReadOnlyList<LayerSpec> layers;
    private readonly Dictionary<(int Layer, string Present, int Channels), ChannelTable> tables = [];
    private GridAxis[] axes;
    private int[] cells; // region of each cell, row by row; -1 where there is none

    public StackRegions(CircuitSpec spec, GridVariables grid, LoweringRules rules) : base(spec, rules)
    {
        this.grid = grid;
        // Copies, so that a layer value that stands in two places is still told apart.
        layers = [.. spec.Layers.Select(layer => layer with { })];
        var leaves = grid.Build();
        if (layers.Count == 0 || layers[0] is not InputSpec input)
            throw At(0, "no input", "The first layer must be an input.", "Start with Input.Normal or another input.");
        if (layers[^1] is not RootSpec root) throw At(layers.Count - 1, "no root", "The last layer must be the root.", "End with Sum.Root().");
        if (root.Classes < 1) throw At(layers.Count - 1, "no classes", $"{root.Classes} classes were given.", "Give at least 1.");
        if (root.Mixture) throw At(layers.Count - 1, "no replicas", "A stack on a grid has no replicas to mix.", "Leave the mixture over replicas out.");
        ChooseFamilies(input);
        axes = [.. grid.Extents.Select(GridAxis.Of)];
        cells = [.. leaves.Regions.Select(leaf => AddLeaf(leaf.Scope, 0))];
        for (int i = 1; i < layers.Count - 1; i++)
            switch (layers[i])
            {
                case SpatialProduct product: Join(product, i); break;
                case SumSpec sum: Mix(sum, i); break;
                default: throw At(i, "unexpected layer", $"{layers[i].Name} cannot stand on a grid.", "Between input and root stand spatial products and sums.");
            }
        foreach ((GridAxis axis, int a) in axes.Select((axis, a) => (axis, a)))
            for (int cell = 0; cell < axis.Cells; cell++)
                if (axis.Covers[cell] != axis.All)
                    throw At(layers.Count - 1, "not the full scope at the root",
                        $"Along axis {a}, cell {cell} of {axis.Cells} misses place {(int)BigInteger.TrailingZeroCount(axis.All & ~axis.Covers[cell])} of {axis.Places}.",
                        "End the stack with a product of Padding.Final whose patches reach across the grid, or of Padding.FinalCrop.");
        AddRoot(root, cells, layers.Count, layers.Count - 1);
    }

    protected override string Describe(LayerSpec layer)
    {
        for (int i = 0; i < layers.Count; i++)
            if (ReferenceEquals(layers[i], layer)) return Recipe.Describe(layers, i);
        return layer.Name;
    }

    private CircuitException At(int layer, string property, string witness, string advice) => new(Recipe.Describe(layers, layer), property, witness, advice);

    private void Mix(SumSpec sum, int layer)
    {
        if (sum.Channels < 1) throw At(layer, "no channels", $"{sum.Channels} channels were given.", "Give at least 1.");
        WeightSpec source = sum.Weights ?? Spec.Weights;
        int shared = -1;
        for (int cell = 0; cell < cells.Length; cell++)
        {
            int from = cells[cell];
            if (from < 0) continue;
            int block = sum.Shared && shared >= 0 ? shared : AddBlock(sum.Channels, Regions.Channels(from), source, 0, cell, sum.Weights is null ? -1 : layer);
            shared = block;
            cells[cell] = Regions.AddSum(sum.Channels, block, [from], Regions.Scope(from), layer);
        }
    }

    private void Join(SpatialProduct product, int layer)
    {
        GridAxis.Patches[] patches = [.. axes.Select((_, a) => Lay(product, layer, a))];
        int[] extents = [.. axes.Select(x => x.Cells)], outputs = [.. patches.Select(p => p.Outputs)], kernels = [.. patches.Select(p => p.Kernel)];
        int places = kernels.Aggregate((x, y) => x * y);
        var joined = new int[outputs.Aggregate((x, y) => checked(x * y))];
        int[] patch = new int[axes.Length], place = new int[axes.Length];
        for (int o = 0; o < joined.Length; o++)
        {
            Unfold(o, outputs, patch);
            List<int> children = [], present = [];
            for (int t = 0; t < places; t++)
            {
                Unfold(t, kernels, place);
                int cell = 0;
                for (int a = 0; a < axes.Length && cell >= 0; a++)
                {
                    int at = patches[a].Cell(patch[a], place[a]);
                    cell = at < 0 || at >= extents[a] ? -1 : cell * extents[a] + at;
                }
                if (cell < 0 || cells[cell] < 0) continue;
                children.Add(cells[cell]);
                present.Add(t);
            }
            joined[o] = children.Count == 0 ? -1
                : Regions.AddProduct(Table(product, layer, places, present, Regions.Channels(children[0])), children.ToArray(), Scope.Union([.. children.Select(Regions.Scope)]), layer);
        }
        axes = [.. axes.Select((axis, a) => axis.Through(patches[a]))];
        cells = joined;
    }

    /// <summary>How the patches lie along an axis; refused when there are none, or when cells of a patch share a variable.</summary>
    private GridAxis.Patches Lay(SpatialProduct product, int layer, int a)
    {
        int kernel = Setting(product.Kernel, "kernel"), stride = Setting(product.Stride, "stride"), dilation = Setting(product.Dilation, "dilation");
        GridAxis axis = axes[a];
        int span = (kernel - 1) * dilation + 1;
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
            if (values.Count != 1 && values.Count != axes.Length)
                throw At(layer, "settings missing", $"The {name} has {values.Count} numbers, the grid {axes.Length} axes.", "Give one number, or one an axis.");
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

    private static void Unfold(int index, int[] extents, int[] place)
    {
        for (int a = extents.Length - 1; a >= 0; a--)
        {
            place[a] = index % extents[a];
            index /= extents[a];
        }
    }
}
