using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Weights from parameters and back.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private ReadOnlySpan<WeightGroup> Groups(WeightChunk chunk) => layout.Groups.AsSpan(chunk.First, chunk.Count);

    /// <summary>Adds all copies into the first, in a fixed order.</summary>
    private void FoldStatistics()
    {
        long floats = layout.Floats;
        if (copies > 1)
            pool.Run(weightItems.Length, (item, _) =>
            {
                ReadOnlySpan<WeightGroup> first = Groups(layout.Chunks[weightItems[item].First]), last = Groups(layout.Chunks[weightItems[item].End - 1]);
                int from = first[0].Offset, to = last[^1].End;
                for (int copy = 1; copy < copies; copy++)
                {
                    RegionKernel<L, F, I>.Add(statistics.Floats + copy * floats + from, statistics.Floats + from, to - from);
                    new Span<float>(statistics.Floats + copy * floats + from, to - from).Clear();
                }
            });
    }

    private void AddNetworkGradients(Span<float> gradient)
    {
        for (int p = 0; p < plan.Programs.Count; p++)
        {
            if (plan.Programs[p] is not HyperProgram hyper) continue;
            int start = WeightMakers<L, F, I>.NetworkStart(hyper), length = WeightMakers<L, F, I>.NetworkEnd(hyper) - start;
            for (int item = 0; item < weightItems.Length; item++)
            {
                if (layout.Groups[layout.Chunks[weightItems[item].First].First].Program != p) continue;
                float* own = networkGradients.Floats + (long)item * makers.NetworkParameters;
                for (int i = 0; i < length; i++) gradient[start + i] += own[i];
            }
        }
    }

    private IEnumerable<int> OtherPrograms => Enumerable.Range(0, plan.Programs.Count).Where(p => !makers.Serves(p));

    private void MakeOtherWeights()
    {
        foreach (int p in OtherPrograms)
        {
            var plain = new double[plan.Blocks.Total];
            plan.Programs[p].Forward(plan.Blocks, ParametersInDouble(), plain);
            foreach (int block in plan.Programs[p].Blocks)
            {
                (int blockRows, int columns, int offset) = plan.Blocks[block];
                for (int i = 0; i < blockRows * columns; i++) weights.Floats[layout.BlockOffset[block] + i * layout.Stride(block)] = (float)plain[offset + i];
            }
        }
    }

    private void AddOtherGradients(Span<float> gradient)
    {
        foreach (int p in OtherPrograms)
        {
            if (plan.Programs[p] is FixedProgram) continue;
            double[] plain = new double[plan.Blocks.Total], own = new double[plan.Blocks.Total], result = new double[plan.ParameterCount];
            foreach (int block in plan.Programs[p].Blocks)
            {
                (int blockRows, int columns, int offset) = plan.Blocks[block];
                for (int i = 0; i < blockRows * columns; i++)
                {
                    plain[offset + i] = statistics.Floats[layout.BlockOffset[block] + i * layout.Stride(block)];
                    own[offset + i] = weights.Floats[layout.BlockOffset[block] + i * layout.Stride(block)];
                }
            }
            plan.Programs[p].Backward(plan.Blocks, ParametersInDouble(), own, plain, result);
            for (int i = 0; i < result.Length; i++) gradient[i] += (float)result[i];
        }
    }

    private double[] ParametersInDouble()
    {
        var values = new double[plan.ParameterCount];
        for (int i = 0; i < values.Length; i++) values[i] = parameters.Floats[i];
        return values;
    }

    private int[][] PlaceValueTables(out int floats)
    {
        int next = 0;
        int[][] places = [.. components.Select(c => c.Inputs.Select(r =>
        {
            int own = next, count = InputRunner<L, F, I>.PreparedFloats(plan.Regions.Input(r).Family);
            next += count;
            return count == 0 ? -1 : own;
        }).ToArray())];
        floats = next;
        return places;
    }

    /// <summary>The input regions of whose parameters something is made.</summary>
    private int[] PreparedInputs => field ??= [.. components.SelectMany((c, i) => c.Inputs.Where((_, k) => valueTableOf[i][k] >= 0))];

    private void MakeValueTables()
    {
        const int together = 64;
        int[] prepared = PreparedInputs;
        pool.Run((prepared.Length + together - 1) / together, (item, _) =>
        {
            for (int i = item * together; i < Math.Min((item + 1) * together, prepared.Length); i++)
            {
                InputPlace input = plan.Regions.Input(prepared[i]);
                InputRunner<L, F, I>.Prepare(input.Family, inputValues.AsSpan(input.Offset, input.Family.ParameterCount),
                    InputRunner<L, F, I>.MostLog(plan.Variables), valueTables.Floats + ValueTableOfRegion[prepared[i]]);
            }
        });
    }
}
