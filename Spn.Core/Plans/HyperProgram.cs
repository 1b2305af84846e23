namespace Spn.Core.Plans;

/// <summary>A small network that maps sector embeddings to logits; the weights are their row-wise softmax.</summary>
/// <remarks>
/// Linear layers with ReLU between them; the last puts out logits in rows of <see cref="Columns"/>, of which a
/// block uses its first rows and columns. Source: Shih, Sadigh and Ermon 2021, section 4.
/// </remarks>
public sealed class HyperProgram : WeightProgram
{
    private readonly int[] blocks;
    private readonly int[] embeddings;

    /// <summary>Describes the network and the blocks it serves.</summary>
    /// <param name="blocks">The blocks it makes.</param>
    /// <param name="embeddings">For each block the place of its embedding in the parameter vector.</param>
    /// <param name="widths">Widths from the embedding to the output, at least two.</param>
    /// <param name="layers">Places of each linear layer's matrix [out, in] and bias [out] in the parameter vector.</param>
    /// <param name="columns">Columns of the output.</param>
    public HyperProgram(int[] blocks, int[] embeddings, int[] widths, (int Matrix, int Bias)[] layers, int columns)
    {
        this.blocks = blocks;
        this.embeddings = embeddings;
        Widths = widths;
        Layers = layers;
        Columns = columns;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <summary>For each block the place of its embedding in the parameter vector.</summary>
    public ReadOnlySpan<int> Embeddings => embeddings;

    /// <summary>Widths from the embedding to the output.</summary>
    public IReadOnlyList<int> Widths { get; }

    /// <summary>Places of each linear layer's matrix [out, in] and bias [out] in the parameter vector.</summary>
    public IReadOnlyList<(int Matrix, int Bias)> Layers { get; }

    /// <summary>Columns of the output; its rows follow from the last width.</summary>
    public int Columns { get; }

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        double[][] units = Units();
        for (int b = 0; b < blocks.Length; b++)
        {
            Run(parameters, embeddings[b], units);
            (int rows, int columns, int offset) = layout[blocks[b]];
            for (int i = 0; i < rows; i++)
                Softmax(units[^1].AsSpan(i * Columns, columns), weights.Slice(offset + i * columns, columns));
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        double[][] units = Units(), slopes = Units();
        for (int b = 0; b < blocks.Length; b++)
        {
            Run(parameters, embeddings[b], units);
            (int rows, int columns, int offset) = layout[blocks[b]];
            slopes[^1].AsSpan().Clear();
            for (int i = 0; i < rows; i++)
            {
                int row = offset + i * columns;
                AddSoftmaxGradient(weights.Slice(row, columns), byWeights.Slice(row, columns), slopes[^1].AsSpan(i * Columns, columns));
            }
            for (int layer = Layers.Count - 1; layer >= 0; layer--)
            {
                (int matrix, int bias) = Layers[layer];
                int inputs = Widths[layer];
                slopes[layer].AsSpan().Clear();
                for (int o = 0; o < Widths[layer + 1]; o++)
                {
                    double slope = slopes[layer + 1][o];
                    byParameters[bias + o] += slope;
                    for (int i = 0; i < inputs; i++)
                    {
                        byParameters[matrix + o * inputs + i] += slope * units[layer][i];
                        slopes[layer][i] += slope * parameters[matrix + o * inputs + i];
                    }
                }
                if (layer > 0)
                    for (int i = 0; i < inputs; i++)
                        if (units[layer][i] <= 0) slopes[layer][i] = 0;
            }
            for (int i = 0; i < Widths[0]; i++) byParameters[embeddings[b] + i] += slopes[0][i];
        }
    }

    private double[][] Units() => Widths.Select(w => new double[w]).ToArray();

    private void Run(ReadOnlySpan<double> parameters, int embedding, double[][] units)
    {
        parameters.Slice(embedding, Widths[0]).CopyTo(units[0]);
        for (int layer = 0; layer < Layers.Count; layer++)
        {
            (int matrix, int bias) = Layers[layer];
            int inputs = Widths[layer];
            for (int o = 0; o < Widths[layer + 1]; o++)
            {
                double sum = parameters[bias + o];
                for (int i = 0; i < inputs; i++) sum += parameters[matrix + o * inputs + i] * units[layer][i];
                units[layer + 1][o] = layer < Layers.Count - 1 ? Math.Max(sum, 0) : sum;
            }
        }
    }
}
