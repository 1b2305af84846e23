using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Third pass: gives every source of weights its program and its piece of the flat parameter vector.</summary>
internal sealed class PlaceParameters
{
    private static readonly ParameterStart ZeroToOne = new ParameterStart.Uniform(0, 1);

    private readonly RegionBuilder built;
    private int next;

    public PlaceParameters(RegionBuilder built)
    {
        this.built = built;
        if (ParameterTensor.OfInputs(built.Regions) is { } inputs) Tensors.Add(inputs);
        next = built.InputParameters;
        var bySource = built.Sites.GroupBy(s => (s.Part, Source: Untied(s.Source), Role: RoleOf(s), Owner: Untied(s.Source) is FixedWeights ? s.Owner : -1)).ToList();
        foreach (var group in bySource)
        {
            (string part, Role role) = (group.Key.Part, group.Key.Role);
            string suffix = role is Role.Root ? $"{part}mixture"
                : $"{part}{(role is Role.Mixing ? "mixing" : "sectors")}{(bySource.Count(g => g.Key.Part == part && g.Key.Role == role) == 1 ? "" : Programs.Count)}";
            BlockSite[] sites = [.. group];
            Programs.Add(group.Key.Source switch
            {
                FreeWeights free => Free(free, sites, suffix),
                AccumulatorWeights accumulators => Accumulators(accumulators, sites, suffix),
                RawWeights raw => Factored(new FactoredWeights(raw, []), sites, suffix),
                FactoredWeights factored => Factored(factored, sites, suffix),
                HyperWeights hyper => Hyper(hyper, sites, suffix),
                FixedWeights given => Fixed(given, sites),
                WeightSpec other => throw new CircuitException(other.Name, "unknown weights", $"{other.GetType().Name} has no program.", "Use one of WeightSpec's."),
            });
        }
        if (built.LearnsClassPrior) Place(Plan.ClassLogitsName, new ParameterStart.Uniform(0, 0), ParameterKind.Classes, built.Regions.Channels(built.Regions.Root));
    }

    public List<WeightProgram> Programs { get; } = [];

    public List<ParameterTensor> Tensors { get; } = [];

    private enum Role { Sectors, Mixing, Root }

    /// <summary>Blocks of one program have weights at equal distances; given weights are one list for all blocks.</summary>
    private static Role RoleOf(BlockSite site) => site.Source is FixedWeights ? Role.Sectors : site.Sector < 0 ? Role.Root : site.Mixing ? Role.Mixing : Role.Sectors;

    private static WeightSpec Untied(WeightSpec source) => source is TiedWeights tied ? Untied(tied.Source) : source;

    private int Place(string name, ParameterStart start, ParameterKind kind, params int[] shape) => Place(new ParameterTensor(name, shape, next, start) { Kind = kind });

    private int Place(ParameterTensor tensor)
    {
        Tensors.Add(tensor);
        next = checked(next + tensor.Count);
        return tensor.Offset;
    }

    private (int Rows, int Columns) Largest(BlockSite[] sites) =>
        (sites.Max(s => built.Blocks[s.Block].Rows), sites.Max(s => built.Blocks[s.Block].Columns));

    private static ParameterStart StartOf(FreeWeights source) =>
        source.Start == FreeStart.UniformLogits ? ZeroToOne : new ParameterStart.LogTruncatedNormal(1, 0.5, 1e-3);

    private SoftmaxProgram Free(FreeWeights source, BlockSite[] sites, string suffix)
    {
        ParameterStart start = StartOf(source);
        int[] blocks = [.. sites.Select(s => s.Block)];
        if (source.DeadEntries && sites[0].Sector >= 0)
        {
            SectorLayout layout = RequirePlaces(source, sites);
            (int rows, int columns) = Largest(sites);
            int first = Place($"{suffix}.logits", start, ParameterKind.Weights, layout.Replicas, layout.Places, rows, columns);
            return new SoftmaxProgram(blocks, [.. sites.Select(s => first + (s.Replica * layout.Places + s.Sector) * rows * columns)], columns);
        }
        return new SoftmaxProgram(blocks, PlaceBlocks($"{suffix}.logits", start, sites), 0);
    }

    private AccumulatorProgram Accumulators(AccumulatorWeights source, BlockSite[] sites, string suffix)
    {
        if (!(source.Smoothing >= 0) || double.IsInfinity(source.Smoothing))
            throw new CircuitException(source.Name, "smoothing unfit", $"The smoothing is {source.Smoothing}.", "Give a finite number of at least 0.");
        if (!(source.StartCount >= 0) || double.IsInfinity(source.StartCount) || source.StartCount + source.Smoothing == 0)
            throw new CircuitException(source.Name, "start unfit", $"The accumulators of a sum start at {source.StartCount} together.", "Give a finite number above 0, or 0 with smoothing.");
        if (!(source.Concentration > 0) || double.IsInfinity(source.Concentration))
            throw new CircuitException(source.Name, "concentration unfit", $"The concentration is {source.Concentration}.", "Give a finite number above 0, or EqualStart.");
        return new AccumulatorProgram([.. sites.Select(s => s.Block)], PlaceBlocks($"{suffix}.accumulators", new ParameterStart.ByWeights(), sites),
            source.Smoothing, source.StartCount, source.EqualStart ? null : source.Concentration);
    }

    private FactoredProgram Factored(FactoredWeights source, BlockSite[] sites, string suffix)
    {
        int[] sizes = [.. source.GroupSizes, 1];
        for (int layer = 0; layer < sizes.Length; layer++)
            if (sizes[layer] < 1 || (layer > 0 && sizes[layer - 1] % sizes[layer] != 0))
                throw new CircuitException(source.Name, "groups unfit", $"The group sizes are {source.GroupSizes}.", "Give sizes of at least 1, each a multiple of the next.");
        if (!(source.FactorStart > 0) || double.IsInfinity(source.FactorStart))
            throw new CircuitException(source.Name, "start unfit", $"Factors start at {source.FactorStart}.", "Give a finite number above 0.");
        (WeightLink link, string name, ParameterStart start) = source.Source switch
        {
            RawWeights raw when !(raw.Low >= 0 && raw.Low <= raw.High && double.IsFinite(raw.High)) || (raw.Logarithmic && raw.Low == 0) =>
                throw new CircuitException(source.Name, "start unfit", $"Weights start between {raw.Low} and {raw.High}.", "Give finite numbers of at least 0, or above 0 for weights given by their logarithms, the lower one first."),
            RawWeights { Logarithmic: true } raw => (WeightLink.Exponential, "logs", new ParameterStart.LogUniform(raw.Low, raw.High)),
            RawWeights raw => (WeightLink.Identity, "weights", (ParameterStart)new ParameterStart.Uniform(raw.Low, raw.High)),
            FreeWeights { DeadEntries: false } free => (WeightLink.Softmax, "logits", StartOf(free)),
            WeightSpec other => throw new CircuitException(source.Name, "nothing to factor", $"The weights are {other.Name}.", "Only raw weights, and free weights without dead entries, can be products of factors."),
        };
        bool nonNegative = link == WeightLink.Identity;
        double factor = nonNegative ? source.FactorStart : Math.Log(source.FactorStart);
        var places = new int[sizes.Length][];
        for (int layer = 0; layer < places.Length; layer++)
            places[layer] = layer == places.Length - 1
                ? PlaceBlocks($"{suffix}.{name}", start, sites, nonNegative: nonNegative)
                : PlaceBlocks($"{suffix}.factors.{layer}", new ParameterStart.Uniform(factor, factor), sites, sizes[layer], nonNegative);
        return new FactoredProgram([.. sites.Select(s => s.Block)], places, sizes, link);
    }

    /// <summary>One parameter for each group of inputs of each sum, block after block; returns the first of each block.</summary>
    private int[] PlaceBlocks(string name, ParameterStart start, BlockSite[] sites, int groupSize = 1, bool nonNegative = false)
    {
        int[] sizes = [.. sites.Select(s => built.Blocks[s.Block].Rows * FactoredProgram.Groups(built.Blocks.Row(s.Block, 0).Count, groupSize))];
        int at = Place(new ParameterTensor(name, [sizes.Sum()], next, start) { NonNegative = nonNegative });
        var places = new int[sites.Length];
        for (int i = 0; i < sites.Length; at += sizes[i++]) places[i] = at;
        return places;
    }

    private HyperProgram Hyper(HyperWeights source, BlockSite[] sites, string suffix)
    {
        if (source.Embedding < 1 || source.Hidden.Any(w => w < 1))
            throw new CircuitException(source.Name, "empty layer", $"Embedding {source.Embedding}, hidden widths {source.Hidden}.", "Give widths of at least 1.");
        if (source.GroupSize < 1 || (source.GroupSize is not null && source.DeadEntries))
            throw new CircuitException(source.Name, "groups unfit", source.DeadEntries ? "Groups have no places for entries that no sum uses." : $"The group size is {source.GroupSize}.",
                "Give a size of at least 1 without dead entries, or none.");
        SectorLayout layout = source.DeadEntries ? RequirePlaces(source, sites) : default;
        (int rows, int columns) = source.GroupSize is int size ? (1, size) : Largest(sites);
        int[] widths = [source.Embedding, .. source.Hidden, rows * columns];
        int[] embeddings = new int[sites.Length];
        int GroupsOf(BlockSite site) => source.GroupSize is int size ? built.Blocks[site.Block].Rows * FactoredProgram.Groups(built.Blocks.Row(site.Block, 0).Count, size) : 1;
        int first = source.DeadEntries
            ? Place($"{suffix}.embeddings", ZeroToOne, ParameterKind.Embeddings, layout.Replicas, layout.Places, source.Embedding)
            : Place($"{suffix}.embeddings", ZeroToOne, ParameterKind.Embeddings, sites.Sum(GroupsOf), source.Embedding);
        for (int i = 0, next = first; i < sites.Length; i++)
        {
            embeddings[i] = source.DeadEntries ? first + (sites[i].Replica * layout.Places + sites[i].Sector) * source.Embedding : next;
            next += GroupsOf(sites[i]) * source.Embedding;
        }
        var layers = new (int, int)[widths.Length - 1];
        for (int l = 0; l < layers.Length; l++)
        {
            double bound = 1 / Math.Sqrt(widths[l]);
            var start = new ParameterStart.Uniform(-bound, bound);
            layers[l] = (Place($"{suffix}.network.{l}.weight", start, ParameterKind.Network, widths[l + 1], widths[l]), Place($"{suffix}.network.{l}.bias", start, ParameterKind.Network, widths[l + 1]));
        }
        return new HyperProgram([.. sites.Select(s => s.Block)], embeddings, widths, layers, columns, source.GroupSize ?? 0);
    }

    private FixedProgram Fixed(FixedWeights source, BlockSite[] sites)
    {
        int needed = sites.Sum(s => built.Blocks.Weights(s.Block));
        if (source.Values.Count != 0 && source.Values.Count != needed)
            throw new CircuitException(source.Name, "weights missing", $"{source.Values.Count} weights were given, the sums have {needed}.", "Give one for every edge.");
        if (source.Values.Any(w => !(w >= 0) || double.IsInfinity(w)))
            throw new CircuitException(source.Name, "weights unfit", $"A weight is {source.Values.First(w => !(w >= 0) || double.IsInfinity(w))}.", "Give finite weights of at least 0.");
        int at = 0;
        foreach (BlockSite site in source.Values.Count == 0 ? [] : sites)
        {
            int rows = built.Blocks[site.Block].Rows, columns = built.Blocks.Weights(site.Block) / rows;
            for (int i = 0; i < rows; i++, at += columns)
            {
                double sum = Enumerable.Range(at, columns).Sum(e => source.Values[e]);
                if (Math.Abs(sum - 1) > 1e-6)
                    throw new CircuitException(source.Name, "weights do not add to 1", $"Row {i} of the block with weights {at - i * columns} onwards adds to {sum}.", "Normalise each row.");
            }
        }
        return new FixedProgram([.. sites.Select(s => s.Block)], source.Values);
    }

    private static SectorLayout RequirePlaces(WeightSpec source, BlockSite[] sites) => sites[0].Layout is { Places: > 0 } layout ? layout
        : throw new CircuitException(source.Name, "no sector places", "The layout with dead entries is defined for binary trees only.", "Use deadEntries = false.");
}
