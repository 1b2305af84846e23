namespace Spn.Core.Plans;

/// <summary>A small network that maps embeddings to logits; the weights are their row-wise softmax.</summary>
/// <remarks>
/// Linear layers with ReLU between them. Without a group size a block has one embedding, and the last layer puts out logits in rows of
/// <see cref="Columns"/>, of which the block uses its first rows and columns. With one, every group of neighbouring weights of a row has an
/// embedding, row by row from the block's first on, and the last layer puts out a group's logits.
/// Source: Shih, Sadigh and Ermon 2021, section 4.
/// </remarks>
public sealed class HyperProgram : WeightProgram
{
    private readonly int[] blocks;
    private readonly int[] embeddings;

    /// <summary>Describes the network and the blocks it serves.</summary>
    /// <param name="blocks">The blocks it makes.</param>
    /// <param name="embeddings">For each block the place of its first embedding in the parameter vector.</param>
    /// <param name="widths">Widths from the embedding to the output, at least two.</param>
    /// <param name="layers">Places of each linear layer's matrix [out, in] and bias [out] in the parameter vector.</param>
    /// <param name="columns">Columns of the output.</param>
    /// <param name="groupSize">See <see cref="GroupSize"/>.</param>
    public HyperProgram(int[] blocks, int[] embeddings, int[] widths, (int Matrix, int Bias)[] layers, int columns, int groupSize = 0)
    {
        this.blocks = blocks;
        this.embeddings = embeddings;
        Widths = widths;
        Layers = layers;
        Columns = columns;
        GroupSize = groupSize;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <summary>For each block the place of its first embedding in the parameter vector.</summary>
    public ReadOnlySpan<int> Embeddings => embeddings;

    /// <summary>Widths from the embedding to the output.</summary>
    public IReadOnlyList<int> Widths { get; }

    /// <summary>Places of each linear layer's matrix [out, in] and bias [out] in the parameter vector.</summary>
    public IReadOnlyList<(int Matrix, int Bias)> Layers { get; }

    /// <summary>Columns of the output; its rows follow from the last width.</summary>
    public int Columns { get; }

    /// <summary>Weights of a row that one embedding stands for, or 0 where one stands for a whole block.</summary>
    public int GroupSize { get; }

    /// <summary>Embeddings of a row of so many weights; of a whole block without a group size.</summary>
    internal int GroupsOf(int weights) => GroupSize == 0 ? 1 : FactoredProgram.Groups(weights, GroupSize);

    /// <summary>Embeddings of a block.</summary>
    internal int EmbeddingsOf(WeightBlocks layout, int block) => GroupSize == 0 ? 1 : layout[block].Rows * GroupsOf(layout.Row(block, 0).Count);

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        double[][] units = Units();
        for (int b = 0; b < blocks.Length; b++)
        {
            if (GroupSize == 0) Run(parameters, embeddings[b], units);
            double[] logits = new double[layout.Row(blocks[b], 0).Count];
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                if (GroupSize == 0) units[^1].AsSpan(i * Columns, logits.Length).CopyTo(logits);
                for (int first = 0, group = i * GroupsOf(logits.Length); GroupSize > 0 && first < logits.Length; first += GroupSize, group++)
                {
                    Run(parameters, embeddings[b] + group * Widths[0], units);
                    units[^1].AsSpan(0, Math.Min(GroupSize, logits.Length - first)).CopyTo(logits.AsSpan(first));
                }
                WeightRow row = layout.Row(blocks[b], i);
                Softmax(logits, weights[row.First..], row.Step);
            }
        }
    }

    /// <inheritdoc/>
    public override void Backward(
        WeightBlocks layout, ReadOnlySpan<double> parameters, ReadOnlySpan<double> weights, ReadOnlySpan<double> byWeights, Span<double> byParameters)
    {
        double[][] units = Units(), slopes = Units();
        for (int b = 0; b < blocks.Length; b++)
        {
            double[] byLogits = new double[layout.Row(blocks[b], 0).Count];
            slopes[^1].AsSpan().Clear();
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                byLogits.AsSpan().Clear();
                AddSoftmaxGradient(weights[row.First..], byWeights[row.First..], byLogits, row.Step);
                if (GroupSize == 0) byLogits.CopyTo(slopes[^1], i * Columns);
                for (int first = 0, group = i * GroupsOf(byLogits.Length); GroupSize > 0 && first < byLogits.Length; first += GroupSize, group++)
                {
                    slopes[^1].AsSpan().Clear();
                    byLogits.AsSpan(first, Math.Min(GroupSize, byLogits.Length - first)).CopyTo(slopes[^1]);
                    PullBack(parameters, embeddings[b] + group * Widths[0], units, slopes, byParameters);
                }
            }
            if (GroupSize == 0) PullBack(parameters, embeddings[b], units, slopes, byParameters);
        }
    }

    /// <summary>Adds the derivatives by an embedding and by the network, from those by the outputs.</summary>
    private void PullBack(ReadOnlySpan<double> parameters, int embedding, double[][] units, double[][] slopes, Span<double> byParameters)
    {
        Run(parameters, embedding, units);
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
        for (int i = 0; i < Widths[0]; i++) byParameters[embedding + i] += slopes[0][i];
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
