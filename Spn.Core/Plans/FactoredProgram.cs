namespace Spn.Core.Plans;

/// <summary>How a weight follows from its parameter, or from its factors.</summary>
public enum WeightLink
{
    /// <summary>The weight is the parameter, the product of its factors.</summary>
    Identity,

    /// <summary>The weight is the exponential of the parameter, the sum of its factors' logarithms.</summary>
    Exponential,

    /// <summary>A row of weights is the softmax of the parameters, each the sum of its factors' logits.</summary>
    Softmax,
}

/// <summary>Weights that are products of one or more factors; neighbouring inputs of a sum share those of the layers above.</summary>
/// <remarks>Source: Trapp, Peharz and Pernkopf 2019, section 3. One factor makes raw weights.</remarks>
/// <param name="blocks">The blocks it makes.</param>
/// <param name="places">For each layer from the root down, and each block, the place of its first factor in the parameter vector, [out, group].</param>
/// <param name="groupSizes">For each layer how many neighbouring inputs share a factor; the last is 1.</param>
/// <param name="link">How weights follow from factors.</param>
public sealed class FactoredProgram(IReadOnlyList<int> blocks, IReadOnlyList<IReadOnlyList<int>> places, IReadOnlyList<int> groupSizes, WeightLink link) : WeightProgram
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Blocks => blocks;

    /// <inheritdoc/>
    public override bool IsNormalised => link == WeightLink.Softmax;

    /// <summary>Number of factors of a weight.</summary>
    public int Depth => groupSizes.Count;

    /// <summary>How weights follow from factors.</summary>
    public WeightLink Link => link;

    /// <summary>Factors of one layer that a row of so many weights has.</summary>
    public static int Groups(int weights, int groupSize) => (weights + groupSize - 1) / groupSize;

    /// <summary>Place of a weight's factor in the parameter vector.</summary>
    /// <param name="layer">The layer, from 0 at the root.</param>
    /// <param name="block">The block, by index among this program's.</param>
    /// <param name="row">Output of the sum.</param>
    /// <param name="number">Which of the row's weights.</param>
    /// <param name="count">Number of the row's weights.</param>
    public int Place(int layer, int block, int row, int number, int count) =>
        places[layer][block] + row * Groups(count, groupSizes[layer]) + number / groupSizes[layer];

    /// <summary>The parameters that one layer would need to make a row of a block: products of factors, or sums of logarithms.</summary>
    /// <param name="block">The block, by index among this program's.</param>
    /// <param name="row">Output of the sum.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="collapsed">Receives them, as many as the row has weights.</param>
    public void Collapse(int block, int row, ReadOnlySpan<double> parameters, Span<double> collapsed)
    {
        for (int n = 0; n < collapsed.Length; n++)
        {
            double whole = parameters[Place(Depth - 1, block, row, n, collapsed.Length)];
            for (int layer = 0; layer < Depth - 1; layer++)
            {
                double factor = parameters[Place(layer, block, row, n, collapsed.Length)];
                whole = link == WeightLink.Identity ? whole * factor : whole + factor;
            }
            collapsed[n] = whole;
        }
    }

    /// <inheritdoc/>
    public override void Forward(WeightBlocks layout, ReadOnlySpan<double> parameters, Span<double> weights)
    {
        for (int b = 0; b < blocks.Count; b++)
            for (int i = 0; i < layout[blocks[b]].Rows; i++)
            {
                WeightRow row = layout.Row(blocks[b], i);
                var own = new double[row.Count];
                Collapse(b, i, parameters, own);
                if (link == WeightLink.Softmax) Softmax(own, weights[row.First..], row.Step);
                else
                    for (int n = 0; n < own.Length; n++) weights[row[n]] = link == WeightLink.Identity ? own[n] : Math.Exp(own[n]);
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
                var whole = new double[row.Count]; // derivatives by what one layer would need
                if (link == WeightLink.Softmax) AddSoftmaxGradient(weights[row.First..], byWeights[row.First..], whole, row.Step);
                else
                    for (int n = 0; n < whole.Length; n++) whole[n] = link == WeightLink.Identity ? byWeights[row[n]] : byWeights[row[n]] * weights[row[n]];
                for (int n = 0; n < whole.Length; n++)
                    for (int layer = 0; layer < Depth; layer++)
                        byParameters[Place(layer, b, i, n, whole.Length)] += whole[n] * Others(parameters, layer, b, i, n, whole.Length);
            }
    }

    /// <summary>Derivative of a product of factors by one of them; of a sum it is 1.</summary>
    private double Others(ReadOnlySpan<double> parameters, int but, int block, int row, int number, int count)
    {
        double product = 1;
        for (int layer = 0; layer < Depth && link == WeightLink.Identity; layer++)
            if (layer != but) product *= parameters[Place(layer, block, row, number, count)];
        return product;
    }
}
