namespace Spn.Core.Plans;

/// <summary>How the entries of a parameter tensor start.</summary>
public abstract record ParameterStart
{
    /// <summary>Independent draws from U[low, high).</summary>
    public sealed record Uniform(double Low, double High) : ParameterStart;

    /// <summary>Logarithms of independent draws from U[low, high).</summary>
    public sealed record LogUniform(double Low, double High) : ParameterStart;

    /// <summary>Logarithms of draws from a normal distribution cut at two deviations and at <paramref name="Least"/>.</summary>
    public sealed record LogTruncatedNormal(double Mean, double Deviation, double Least) : ParameterStart;

    /// <summary>Set by the weight program that owns the entries.</summary>
    public sealed record ByWeights : ParameterStart;

    /// <summary>Set by the input family that owns the entries.</summary>
    public sealed record ByInputs : ParameterStart;
}

/// <summary>What parameters are, for settings that hold for some of them only.</summary>
public enum ParameterKind
{
    /// <summary>One parameter a weight of a sum, or factors of them.</summary>
    Weights,

    /// <summary>Parameters of input densities.</summary>
    Inputs,

    /// <summary>Embeddings that a hyper-network makes weights of.</summary>
    Embeddings,

    /// <summary>A hyper-network's own parameters.</summary>
    Network,

    /// <summary>Logits of a learned p(class).</summary>
    Classes,
}

/// <summary>A named piece of the flat parameter vector.</summary>
/// <param name="Name">Unique in its circuit; the name of the tensor in model files.</param>
/// <param name="Shape">Extents, outermost first.</param>
/// <param name="Offset">First entry in the flat vector.</param>
/// <param name="Start">How its entries start.</param>
public sealed record ParameterTensor(string Name, IReadOnlyList<int> Shape, int Offset, ParameterStart Start)
{
    /// <summary>Number of entries.</summary>
    public int Count => Shape.Aggregate(1, (a, b) => checked(a * b));

    /// <summary>What the entries are.</summary>
    public ParameterKind Kind { get; init; }

    /// <summary>The entries that no learner changes, as runs in ascending order that do not touch: set at the start, kept in files, never trained.</summary>
    public IReadOnlyList<ParameterRun> Frozen { get; init; } = [];

    /// <summary>Whether the entries are weights or factors of weights themselves: at least 0, which learners see to.</summary>
    public bool NonNegative { get; init; }

    /// <summary>The tensor of the parameters of all inputs, which stands first in the flat vector; null when they have none.</summary>
    internal static ParameterTensor? OfInputs(RegionTable regions)
    {
        int count = 0;
        List<ParameterRun> frozen = [];
        for (int r = 0; r < regions.Count; r++)
        {
            if (regions.Kind(r) != RegionKind.Input) continue;
            InputPlace input = regions.Input(r);
            (int first, int own) = input.Family.Frozen;
            first += input.Offset;
            if (own > 0 && frozen.Count > 0 && frozen[^1].End == first) frozen[^1] = frozen[^1] with { Count = frozen[^1].Count + own };
            else if (own > 0) frozen.Add(new ParameterRun(first, own));
            count += input.Family.ParameterCount;
        }
        return count == 0 ? null : new ParameterTensor("inputs", [count], 0, new ParameterStart.ByInputs()) { Kind = ParameterKind.Inputs, Frozen = frozen };
    }
}

/// <summary>A run of entries of the flat parameter vector.</summary>
/// <param name="Offset">First entry.</param>
/// <param name="Count">Number of entries.</param>
public readonly record struct ParameterRun(int Offset, int Count)
{
    /// <summary>First entry after it.</summary>
    public int End => Offset + Count;
}

/// <summary>Where the weights of one row of a block stand in the flat weight vector.</summary>
/// <param name="First">The first.</param>
/// <param name="Step">Distance between neighbours.</param>
/// <param name="Count">Number of weights.</param>
public readonly record struct WeightRow(int First, int Step, int Count)
{
    /// <summary>Place of a weight in the flat weight vector.</summary>
    public int this[int number] => First + number * Step;
}

/// <summary>The weight blocks of the sums: block b is a [out, in] matrix at its offset in the flat weight vector.</summary>
/// <remarks>
/// A block of a sum that mixes regions channel by channel has weights only where input and output are the same channel; its other
/// entries are 0, and no parameter stands for them.
/// </remarks>
public sealed class WeightBlocks
{
    private readonly List<(int Rows, int Columns, int Offset)> blocks = [];
    private readonly List<int> spacings = [];

    /// <summary>Number of blocks.</summary>
    public int Count => blocks.Count;

    /// <summary>Length of the flat weight vector.</summary>
    public int Total { get; private set; }

    /// <summary>Shape and place of a block.</summary>
    public (int Rows, int Columns, int Offset) this[int block] => blocks[block];

    /// <summary>Distance between the weights of a row: 1, or the number of channels of a block that mixes channel by channel.</summary>
    public int Spacing(int block) => spacings[block];

    /// <summary>Number of entries that are weights.</summary>
    public int Weights(int block) => blocks[block].Rows * (blocks[block].Columns / spacings[block]);

    /// <summary>The weights of a row.</summary>
    public WeightRow Row(int block, int row)
    {
        (_, int columns, int offset) = blocks[block];
        int spacing = spacings[block];
        return new(offset + row * columns + (spacing == 1 ? 0 : row), spacing, columns / spacing);
    }

    /// <summary>Which of the block's weights an entry is, counted row by row from 0; the entry must be a weight.</summary>
    public int NumberOf(int block, int entry) => spacings[block] == 1 ? entry : entry / blocks[block].Columns * (blocks[block].Columns / spacings[block]) + entry % blocks[block].Columns / spacings[block];

    /// <summary>Adds a block and returns its index.</summary>
    /// <param name="rows">Outputs.</param>
    /// <param name="columns">Inputs.</param>
    /// <param name="channelwise">Whether output i mixes channel i of regions of as many channels as there are outputs.</param>
    public int Add(int rows, int columns, bool channelwise = false)
    {
        blocks.Add((rows, columns, Total));
        spacings.Add(channelwise ? rows : 1);
        Total = checked(Total + rows * columns);
        return blocks.Count - 1;
    }
}
