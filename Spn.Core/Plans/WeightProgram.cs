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
    /// <param name="weights">The flat weight vector.</param>
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
    protected internal static void Softmax(ReadOnlySpan<double> logits, Span<double> weights)
    {
        // The largest is taken off first: beside logits far from 0 the logarithm of the sum would vanish.
        double most = double.NegativeInfinity, sum = 0;
        foreach (double logit in logits) most = Math.Max(most, logit);
        for (int j = 0; j < logits.Length; j++) sum += weights[j] = Math.Exp(logits[j] - most);
        for (int j = 0; j < logits.Length; j++) weights[j] /= sum;
    }

    /// <summary>Derivative by a row of logits: w_j (d_j - sum_c w_c d_c), added.</summary>
    protected static void AddSoftmaxGradient(ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byLogits)
    {
        double mean = 0;
        for (int j = 0; j < weights.Length; j++) mean += weights[j] * byWeights[j];
        for (int j = 0; j < weights.Length; j++) byLogits[j] += weights[j] * (byWeights[j] - mean);
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
            (int rows, int columns, int offset) = layout[block];
            for (int i = 0; i < rows * columns; i++)
                weights[offset + i] = values.Count == 0 ? 1.0 / columns : values[next++];
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

    /// <summary>Distance between rows of logits of a block with that many columns.</summary>
    public int RowStride(int columns) => rowStride == 0 ? columns : rowStride;

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        for (int b = 0; b < blocks.Count; b++)
        {
            (int rows, int columns, int offset) = layout[blocks[b]];
            for (int i = 0; i < rows; i++)
                Softmax(parameters.Slice(logits[b] + i * RowStride(columns), columns), weights.Slice(offset + i * columns, columns));
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        for (int b = 0; b < blocks.Count; b++)
        {
            (int rows, int columns, int offset) = layout[blocks[b]];
            for (int i = 0; i < rows; i++)
            {
                int row = offset + i * columns;
                AddSoftmaxGradient(weights.Slice(row, columns), byWeights.Slice(row, columns),
                    byParameters.Slice(logits[b] + i * RowStride(columns), columns));
            }
        }
    }
}

/// <summary>Weights in proportion to accumulators, row by row: (a_c + s / n) / (sum a + s) for the n columns of a block.</summary>
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

    /// <summary>For each block the place of its first accumulator in the parameter vector, [out, in].</summary>
    public IReadOnlyList<int> Places => places;

    /// <summary>Count that every sum shares out equally among its inputs.</summary>
    public double Smoothing => smoothing;

    /// <summary>Writes the accumulators that training starts from.</summary>
    /// <param name="layout">Shapes and places of all blocks.</param>
    /// <param name="seed">The same seed gives the same accumulators.</param>
    /// <param name="parameters">Receives them.</param>
    public void Initialise(WeightBlocks layout, long seed, float[] parameters) => Parallel.For(0, blocks.Count, b =>
    {
        (int rows, int columns, _) = layout[blocks[b]];
        var random = new RandomStream(seed, "accumulators", blocks[b]);
        for (int i = 0; i < rows; i++)
        {
            Span<float> own = parameters.AsSpan(places[b] + i * columns, columns);
            if (concentration is double unequal) random.NextDirichlet(unequal, startCount, own);
            else own.Fill((float)(startCount / columns));
        }
    });

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        for (int b = 0; b < blocks.Count; b++)
        {
            (int rows, int columns, int offset) = layout[blocks[b]];
            for (int i = 0; i < rows; i++)
            {
                ReadOnlySpan<double> own = parameters.Slice(places[b] + i * columns, columns);
                double total = Total(own);
                for (int j = 0; j < columns; j++) weights[offset + i * columns + j] = (own[j] + smoothing / columns) / total;
            }
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        for (int b = 0; b < blocks.Count; b++)
        {
            (int rows, int columns, int offset) = layout[blocks[b]];
            for (int i = 0; i < rows; i++)
            {
                int row = offset + i * columns, place = places[b] + i * columns;
                double total = Total(parameters.Slice(place, columns)), mean = 0;
                for (int j = 0; j < columns; j++) mean += weights[row + j] * byWeights[row + j];
                for (int j = 0; j < columns; j++) byParameters[place + j] += (byWeights[row + j] - mean) / total;
            }
        }
    }

    private double Total(ReadOnlySpan<double> accumulators)
    {
        double sum = smoothing;
        foreach (double a in accumulators) sum += a;
        return sum;
    }
}
