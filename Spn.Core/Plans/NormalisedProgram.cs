namespace Spn.Core.Plans;

/// <summary>Makes weights that add to 1 from weights that need not, such that all sums and products keep their values divided by their own partition functions.</summary>
/// <remarks>
/// Input c of a sum s gets the weight w_c Z_c / Z_s, where Z is the value of a unit when every variable is hidden. The root's value is
/// then f / Z: the engines and all queries see a distribution, and the derivative of log f - log Z comes back through the weights.
/// Source: Peharz et al. 2015, On theoretical properties of sum-product networks, section 4.
/// </remarks>
public sealed class NormalisedProgram : WeightProgram
{
    private readonly RegionTable regions;
    private readonly IReadOnlyList<WeightProgram> programs;
    private readonly bool[] concerned;  // regions whose Z may differ from 1
    private readonly int[] first;       // of each concerned region the place of its first unit among all of theirs
    private readonly int units;

    /// <summary>Wraps programs.</summary>
    /// <param name="regions">All regions.</param>
    /// <param name="concerned">For each region whether its Z may differ from 1; the programs make the weights of all sums among these.</param>
    /// <param name="programs">What makes the weights to normalise.</param>
    public NormalisedProgram(RegionTable regions, bool[] concerned, IReadOnlyList<WeightProgram> programs)
    {
        this.regions = regions;
        this.concerned = concerned;
        this.programs = programs;
        Blocks = [.. programs.SelectMany(p => p.Blocks)];
        first = new int[regions.Count];
        for (int r = 0; r < regions.Count; r++)
        {
            first[r] = units;
            if (concerned[r]) units += regions.Channels(r);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks { get; }

    /// <summary>What makes the weights to normalise.</summary>
    public IReadOnlyList<WeightProgram> Programs => programs;

    /// <inheritdoc/>
    public override void Forward(WeightBlocks blocks, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        double[] raw = Raw(blocks, parameters), logZ = LogValues(blocks, raw);
        foreach (int block in Blocks)
        {
            (int rows, int columns, int offset) = blocks[block];
            raw.AsSpan(offset, rows * columns).CopyTo(weights[offset..]);
        }
        for (int r = 0; r < regions.Count; r++)
        {
            if (!concerned[r] || regions.Kind(r) != RegionKind.Sum) continue;
            (int rows, int columns, int offset) = blocks[regions.Block(r)];
            for (int i = 0; i < rows; i++)
            {
                Span<double> own = weights.Slice(offset + i * columns, columns);
                double all = logZ[first[r] + i];
                int c = 0;
                foreach (int child in regions.Children(r))
                    for (int k = 0; k < regions.Channels(child); k++, c++)
                        if (own[c] != 0) own[c] *= Share(LogZ(logZ, child, k), all);
            }
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks blocks, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        double[] raw = Raw(blocks, parameters);
        PullBack(blocks, parameters, raw, ByRaw(blocks, raw, byWeights, 0), byParameters);
    }

    /// <summary>Derivatives by the weights before they are normalised, from those by the normalised ones.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="byWeights">Derivatives by the normalised weights, each taken as free.</param>
    /// <returns>Laid out as the blocks.</returns>
    public double[] ByRaw(WeightBlocks blocks, ReadOnlySpan<double> parameters, ReadOnlySpan<double> byWeights) =>
        ByRaw(blocks, Raw(blocks, parameters), byWeights, 0);

    /// <summary>The weights before they are normalised, laid out as the blocks.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    public double[] Raw(WeightBlocks blocks, ReadOnlySpan<double> parameters)
    {
        var raw = new double[blocks.Total];
        foreach (WeightProgram program in programs) program.Forward(blocks, parameters, raw);
        return raw;
    }

    /// <summary>Logarithms of the partition functions of the roots, [class], in nats.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    public double[] LogPartition(WeightBlocks blocks, ReadOnlySpan<double> parameters) =>
        LogValues(blocks, Raw(blocks, parameters))[first[regions.Root]..];

    /// <summary>Adds a multiple of the derivative of log Z, added over the roots.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="factor">The multiple.</param>
    /// <param name="byParameters">Receives it.</param>
    public void AddLogPartitionGradient(WeightBlocks blocks, ReadOnlySpan<double> parameters, double factor, Span<double> byParameters)
    {
        double[] raw = Raw(blocks, parameters);
        PullBack(blocks, parameters, raw, ByRaw(blocks, raw, new double[blocks.Total], factor), byParameters);
    }

    private void PullBack(WeightBlocks blocks, ReadOnlySpan<double> parameters, double[] raw, double[] byRaw, Span<double> byParameters)
    {
        foreach (WeightProgram program in programs) program.Backward(blocks, parameters, raw, byRaw, byParameters);
    }

    /// <summary>Logarithms of the values of concerned units when every variable is hidden.</summary>
    private double[] LogValues(WeightBlocks blocks, double[] raw)
    {
        var logZ = new double[units];
        for (int r = 0; r < regions.Count; r++)
        {
            if (!concerned[r]) continue;
            ReadOnlySpan<int> children = regions.Children(r);
            if (regions.Kind(r) == RegionKind.Product)
            {
                ChannelTable table = regions.Table(r);
                for (int o = 0; o < table.Channels; o++)
                    for (int t = 0; t < children.Length; t++) logZ[first[r] + o] += LogZ(logZ, children[t], table[t, o]);
                continue;
            }
            (int rows, int columns, int offset) = blocks[regions.Block(r)];
            var terms = new double[columns];
            for (int i = 0; i < rows; i++)
            {
                int c = 0;
                foreach (int child in children)
                    for (int k = 0; k < regions.Channels(child); k++, c++) terms[c] = Math.Log(raw[offset + i * columns + c]) + LogZ(logZ, child, k);
                logZ[first[r] + i] = LogSum.Of(terms);
            }
        }
        return logZ;
    }

    private double[] ByRaw(WeightBlocks blocks, double[] raw, ReadOnlySpan<double> byWeights, double byRoot)
    {
        double[] logZ = LogValues(blocks, raw), byLogZ = new double[units], byRaw = new double[blocks.Total];
        foreach (int block in Blocks)
            for (int i = 0; i < blocks[block].Rows; i++)
            {
                // Entries that are no weights have derivatives as well, which nothing may use.
                WeightRow row = blocks.Row(block, i);
                for (int n = 0; n < row.Count; n++) byRaw[row[n]] = byWeights[row[n]];
            }
        byLogZ.AsSpan(first[regions.Root]).Fill(byRoot);
        for (int r = regions.Root; r >= 0; r--)
        {
            if (!concerned[r]) continue;
            ReadOnlySpan<int> children = regions.Children(r);
            if (regions.Kind(r) == RegionKind.Product)
            {
                ChannelTable table = regions.Table(r);
                for (int o = 0; o < table.Channels; o++)
                    for (int t = 0; t < children.Length; t++)
                        if (concerned[children[t]]) byLogZ[first[children[t]] + table[t, o]] += byLogZ[first[r] + o];
                continue;
            }
            (int rows, int columns, int offset) = blocks[regions.Block(r)];
            for (int i = 0; i < rows; i++)
                SumBack(r, i, blocks.Spacing(regions.Block(r)), raw.AsSpan(offset + i * columns, columns), byRaw.AsSpan(offset + i * columns, columns), logZ, byLogZ);
        }
        return byRaw;
    }

    /// <summary>One sum: the normalised weight of input c is w_c Z_c / Z with Z = sum of w_c Z_c.</summary>
    private void SumBack(int region, int row, int spacing, ReadOnlySpan<double> w, Span<double> d, double[] logZ, double[] byLogZ)
    {
        double all = logZ[first[region] + row], used = 0;
        int c = 0;
        foreach (int child in regions.Children(region))
            for (int k = 0; k < regions.Channels(child); k++, c++)
                if (w[c] != 0) used += d[c] * w[c] * Share(LogZ(logZ, child, k), all);
        double own = byLogZ[first[region] + row] - used;
        c = 0;
        foreach (int child in regions.Children(region))
            for (int k = 0; k < regions.Channels(child); k++, c++)
            {
                if (spacing > 1 && c % spacing != row) continue; // no weight
                d[c] = (d[c] + own) * Share(LogZ(logZ, child, k), all);
                if (concerned[child]) byLogZ[first[child] + k] += d[c] * w[c];
            }
    }

    private double LogZ(double[] logZ, int region, int channel) => concerned[region] ? logZ[first[region] + channel] : 0;

    /// <summary>Z_c / Z of a sum; 0 where the sum is 0 whatever the evidence, which nothing then uses.</summary>
    private static double Share(double logChild, double logSum) => double.IsNegativeInfinity(logSum) ? 0 : Math.Exp(logChild - logSum);
}
