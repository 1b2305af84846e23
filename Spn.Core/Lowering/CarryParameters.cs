using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Carries parameters from one plan to another of the same regions whose weights are factored otherwise, such that the weights stay.</summary>
internal static class CarryParameters
{
    /// <summary>The other plan's parameters.</summary>
    /// <param name="from">The plan that the parameters are of.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="to">The other plan.</param>
    public static float[] Over(Plan from, ReadOnlySpan<float> parameters, Plan to)
    {
        var values = new float[to.ParameterCount];
        foreach (ParameterTensor tensor in to.Tensors)
            if (from.Tensors.FirstOrDefault(t => t.Name == tensor.Name && t.Shape.SequenceEqual(tensor.Shape)) is { } same)
                parameters.Slice(same.Offset, same.Count).CopyTo(values.AsSpan(tensor.Offset));

        // Tensors of one name may serve other blocks; what makes a block tells where its parameters really are.
        var programOf = new (WeightProgram Program, int Index)[from.Blocks.Count];
        foreach (WeightProgram program in Each(from))
            for (int b = 0; b < program.Blocks.Count; b++) programOf[program.Blocks[b]] = (program, b);
        double[] known = new double[parameters.Length];
        for (int i = 0; i < known.Length; i++) known[i] = parameters[i];
        foreach (WeightProgram program in Each(to))
            for (int b = 0; b < program.Blocks.Count; b++)
            {
                (WeightProgram source, int index) = programOf[program.Blocks[b]];
                if (program is HyperProgram hyper) Network((HyperProgram)source, index, parameters, hyper, b, hyper.EmbeddingsOf(to.Blocks, program.Blocks[b]), values);
                else if (program is not FixedProgram) Put(program, b, Own(from.Blocks, source, index, known), values);
            }
        return values;
    }

    private static IEnumerable<WeightProgram> Each(Plan plan) => plan.Programs.SelectMany(p => p is NormalisedProgram joined ? joined.Programs : [p]);

    /// <summary>One parameter a weight, row by row, of a program that has such.</summary>
    private static double[][] Own(WeightBlocks layout, WeightProgram program, int block, double[] parameters)
    {
        var own = new double[layout[program.Blocks[block]].Rows][];
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = new double[layout.Row(program.Blocks[block], i).Count];
            if (program is FactoredProgram factored) factored.Collapse(block, i, parameters, own[i]);
            else parameters.AsSpan(RowOf(program, block, i, own[i].Length), own[i].Length).CopyTo(own[i]);
        }
        return own;
    }

    /// <summary>Writes one parameter a weight; factors of the layers above are then without effect.</summary>
    private static void Put(WeightProgram program, int block, double[][] own, float[] parameters)
    {
        for (int i = 0; i < own.Length; i++)
            for (int n = 0; n < own[i].Length; n++)
            {
                if (program is not FactoredProgram factored)
                {
                    parameters[RowOf(program, block, i, own[i].Length) + n] = (float)own[i][n];
                    continue;
                }
                for (int layer = 0; layer < factored.Depth - 1; layer++)
                    parameters[factored.Place(layer, block, i, n, own[i].Length)] = factored.Link == WeightLink.Identity ? 1 : 0;
                parameters[factored.Place(factored.Depth - 1, block, i, n, own[i].Length)] = (float)own[i][n];
            }
    }

    private static int RowOf(WeightProgram program, int block, int row, int count) => program switch
    {
        SoftmaxProgram softmax => softmax.Logits[block] + row * softmax.RowStride(count),
        AccumulatorProgram accumulators => accumulators.Places[block] + row * count,
        _ => throw new CircuitException("Weights", "unknown weights", $"A {program.GetType().Name} has no parameter for each weight.", "Use weights of this library."),
    };

    private static void Network(HyperProgram from, int fromBlock, ReadOnlySpan<float> parameters, HyperProgram to, int toBlock, int embeddings, float[] values)
    {
        parameters.Slice(from.Embeddings[fromBlock], embeddings * from.Widths[0]).CopyTo(values.AsSpan(to.Embeddings[toBlock]));
        for (int l = 0; l < from.Layers.Count; l++)
        {
            parameters.Slice(from.Layers[l].Matrix, from.Widths[l] * from.Widths[l + 1]).CopyTo(values.AsSpan(to.Layers[l].Matrix));
            parameters.Slice(from.Layers[l].Bias, from.Widths[l + 1]).CopyTo(values.AsSpan(to.Layers[l].Bias));
        }
    }
}
