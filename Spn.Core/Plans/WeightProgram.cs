namespace Spn.Core.Plans;

/// <summary>Makes the weights of some blocks from the flat parameter vector, and pulls derivatives back.</summary>
/// <remarks>
/// The methods here are the definition, in double precision; an engine may run a program its own way. Programs are an open set.
/// </remarks>
public abstract class WeightProgram
{
    /// <summary>The blocks it makes.</summary>
    public abstract IReadOnlyList<int> Blocks { get; }

    /// <summary>Whether every row of its weights adds to 1.</summary>
    public virtual bool IsNormalised => true;

    /// <summary>Writes the weights of its blocks.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="weights">The flat weight vector; entries that are no weights stay as they are, 0.</param>
    public abstract void Forward(WeightBlocks blocks, ReadOnlySpan<double> parameters, Span<double> weights);

    /// <summary>Adds the derivatives by the parameters.</summary>
    /// <param name="blocks">Shapes and places of all blocks.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="weights">The flat weight vector, as made by <see cref="Forward"/>.</param>
    /// <param name="byWeights">Derivatives by the weights, each weight taken as free.</param>
    /// <param name="byParameters">Receives the derivatives by the parameters.</param>
    public abstract void Backward(
        WeightBlocks blocks, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters);

    /// <summary>Softmax of a row of logits.</summary>
    /// <param name="logits">The logits.</param>
    /// <param name="weights">Receives the weights, from the first one on.</param>
    /// <param name="step">Distance between neighbouring weights.</param>
    protected internal static void Softmax(ReadOnlySpan<double> logits, Span<double> weights, int step = 1)
    {
        // The largest is taken off first: beside logits far from 0 the logarithm of the sum would vanish.
        double most = double.NegativeInfinity, sum = 0;
        foreach (double logit in logits) most = Math.Max(most, logit);
        for (int j = 0; j < logits.Length; j++) sum += weights[j * step] = Math.Exp(logits[j] - most);
        for (int j = 0; j < logits.Length; j++) weights[j * step] /= sum;
    }

    /// <summary>Derivative by a row of logits: w_j (d_j - sum_c w_c d_c), added.</summary>
    protected static void AddSoftmaxGradient(ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byLogits, int step = 1)
    {
        double mean = 0;
        for (int j = 0; j < byLogits.Length; j++) mean += weights[j * step] * byWeights[j * step];
        for (int j = 0; j < byLogits.Length; j++) byLogits[j] += weights[j * step] * (byWeights[j * step] - mean);
    }
}

/// <summary>Weights that never change.</summary>
/// <param name="blocks">The blocks it makes.</param>
/// <param name="values">All weights of the blocks in order, or empty for equal weights.</param>
public sealed class FixedProgram(IReadOnlyList<int> blocks, IReadOnlyList<double> values) : WeightProgram
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        int next = 0;
        foreach (int block in blocks)
        {
            for (int i = 0; i < layout[block].Rows; i++)
            {
                WeightRow row = layout.Row(block, i);
                for (int j = 0; j < row.Count; j++) weights[row.First + j * row.Step] = values.Count == 0 ? 1.0 / row.Count : values[next++];
            }
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
    }
}

/// <summary>The softmax of free logits, row by row.</summary>
/// <param name="blocks">The blocks it makes.</param>
/// <param name="logits">For each block the place of its first logit in the parameter vector.</param>
/// <param name="rowStride">Distance between rows of logits, or 0 when they are as wide as the block.</param>
public sealed class SoftmaxProgram(IReadOnlyList<int> blocks, IReadOnlyList<int> logits, int rowStride) : WeightProgram
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <summary>For each block the place of its first logit in the parameter vector.</summary>
    public IReadOnlyList<int> Logits => logits;

    /// <summary>Distance between rows of logits of a block with that many weights a row.</summary>
    public int RowStride(int weights) => rowStride == 0 ? weights : rowStride;

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        for (int b = 0; b < blocks.Count; b++)
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                Softmax(parameters.Slice(logits[b] + i * RowStride(row.Count), row.Count), weights[row.First..], row.Step);
            }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        for (int b = 0; b < blocks.Count; b++)
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                AddSoftmaxGradient(weights[row.First..], byWeights[row.First..], byParameters.Slice(logits[b] + i * RowStride(row.Count), row.Count), row.Step);
            }
    }
}

/// <summary>Weights in proportion to accumulators, row by row: (a_c + s / n) / (sum a + s) for the n weights of a row.</summary>
/// <remarks>Source: van de Wolfshaar and Pronobis 2020, algorithm 1, with the denominator that makes weights add to 1.</remarks>
/// <param name="blocks">The blocks it makes.</param>
/// <param name="places">For each block the place of its first accumulator in the parameter vector.</param>
/// <param name="smoothing">The count s.</param>
/// <param name="startCount">Sum of a row's accumulators at the start.</param>
/// <param name="concentration">Dirichlet concentration of the start; null starts a row equal.</param>
public sealed class AccumulatorProgram(
    IReadOnlyList<int> blocks, IReadOnlyList<int> places, double smoothing, double startCount, double? concentration) : WeightProgram
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <summary>For each block the place of its first accumulator in the parameter vector, [out, in] of the weights alone.</summary>
    public IReadOnlyList<int> Places => places;

    /// <summary>Count that every sum shares out equally among its inputs.</summary>
    public double Smoothing => smoothing;

    /// <summary>Writes the accumulators that training starts from.</summary>
    /// <param name="layout">Shapes and places of all blocks.</param>
    /// <param name="seed">The same seed gives the same accumulators.</param>
    /// <param name="parameters">Receives them.</param>
    public void Initialise(WeightBlocks layout, long seed, float[] parameters) => Parallel.For(0, blocks.Count, b =>
    {
        var random = new RandomStream(seed, "accumulators", blocks[b]);
        for (int i = 0; i < layout[blocks[b]].Rows; i++)
        {
            int count = layout.Row(blocks[b], i).Count;
            Span<float> own = parameters.AsSpan(places[b] + i * count, count);
            if (concentration is double unequal) random.NextDirichlet(unequal, startCount, own);
            else own.Fill((float)(startCount / count));
        }
    });

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        for (int b = 0; b < blocks.Count; b++)
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                ReadOnlySpan<double> own = parameters.Slice(places[b] + i * row.Count, row.Count);
                double total = Total(own);
                for (int j = 0; j < row.Count; j++) weights[row.First + j * row.Step] = (own[j] + smoothing / row.Count) / total;
            }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        for (int b = 0; b < blocks.Count; b++)
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                int place = places[b] + i * row.Count;
                double total = Total(parameters.Slice(place, row.Count)), mean = 0;
                for (int j = 0, e = row.First; j < row.Count; j++, e += row.Step) mean += weights[e] * byWeights[e];
                for (int j = 0, e = row.First; j < row.Count; j++, e += row.Step) byParameters[place + j] += (byWeights[e] - mean) / total;
            }
    }

    private double Total(ReadOnlySpan<double> accumulators)
    {
        double sum = smoothing;
        foreach (double a in accumulators) sum += a;
        return sum;
    }
}
