using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Where the accumulators of each block are, and which rows counts have touched.</summary>
internal sealed unsafe class AccumulatorPlaces<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private readonly WeightBlocks shapes;
    private readonly (int Place, int Offset, int Stride, int Rows, int Columns, int FirstRow)[] blocks;
    private readonly float[] smoothing;
    private readonly int[] touched;
    private int now;

    /// <param name="plan">The plan.</param>
    /// <param name="layout">Where the engine keeps weights.</param>
    public AccumulatorPlaces(Plan plan, WeightLayout layout)
    {
        shapes = plan.Blocks;
        blocks = new (int, int, int, int, int, int)[plan.Blocks.Count];
        smoothing = new float[plan.Blocks.Count];
        int rows = 0;
        for (int b = 0; b < blocks.Length; b++)
        {
            (int own, int columns, _) = plan.Blocks[b];
            blocks[b] = (-1, layout.BlockOffset[b], layout.Stride(b), own, columns, rows);
            rows += own;
        }
        foreach (AccumulatorProgram program in plan.Programs.OfType<AccumulatorProgram>())
            for (int i = 0; i < program.Blocks.Count; i++)
            {
                blocks[program.Blocks[i]].Place = program.Places[i];
                smoothing[program.Blocks[i]] = (float)program.Smoothing;
            }
        touched = new int[rows];
    }

    /// <summary>Starts another round of <see cref="Add"/>.</summary>
    public void Begin() => now++;

    /// <summary>Adds the counts of the blocks of one part, and makes the weights of the sums that changed.</summary>
    /// <param name="part">The part, from 0.</param>
    /// <param name="parts">Number of parts, each of which looks through all edges; they may run at the same time.</param>
    /// <param name="lists">The edges that count.</param>
    /// <param name="parameters">Accumulators, changed.</param>
    /// <param name="copy">The same, the session's own.</param>
    /// <param name="weights">Weights in the engine's layout, changed.</param>
    public void Add(int part, int parts, List<EdgeList> lists, float* parameters, float* copy, float* weights)
    {
        var changed = new List<(int Block, int Row)>();
        foreach (EdgeList list in lists)
        {
            ReadOnlySpan<long> edges = list.Edges;
            int at = 0;
            foreach ((int end, float count) in list.Ways)
                for (; at < end; at++)
                {
                    int block = (int)(edges[at] >> 32);
                    if (block % parts != part || blocks[block].Place < 0) continue;
                    int element = (int)edges[at], row = element / blocks[block].Columns;
                    parameters[blocks[block].Place + shapes.NumberOf(block, element)] += count;
                    if (touched[blocks[block].FirstRow + row] == now) continue;
                    touched[blocks[block].FirstRow + row] = now;
                    changed.Add((block, row));
                }
        }
        foreach ((int block, int row) in changed)
        {
            (int place, int offset, int stride, _, _, _) = blocks[block];
            WeightRow weightsOfRow = shapes.Row(block, row);
            int count = weightsOfRow.Count, first = weightsOfRow.First - shapes[block].Offset;
            float* own = parameters + place + row * count;
            new Span<float>(own, count).CopyTo(new Span<float>(copy + place + row * count, count));
            RowKernel<L, F, I>.Normalise(own, smoothing[block], weights + offset + first * stride, weightsOfRow.Step * stride, count);
        }
    }
}
