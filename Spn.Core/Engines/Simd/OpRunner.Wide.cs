using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>Downward steps of a program that is run level by level.</summary>
internal static unsafe partial class OpRunner<L, F, I>
{
    /// <summary>One step down: slopes from its readers, statistics, slopes of its columns.</summary>
    /// <param name="wide">The program.</param>
    /// <param name="step">The step, all of whose readers are done.</param>
    /// <param name="source">The run.</param>
    /// <param name="ws">Units and slopes that all threads share, and scratch of this one's own.</param>
    /// <param name="columns">Slopes of columns, [row, lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <param name="first">Whether statistics of plain blocks start here.</param>
    /// <param name="lost">Told (sum, lane) of slopes that left the range; those are left out from there on.</param>
    [MethodImpl(Hot)]
    public static void BackwardWide(WideProgram wide, int step, in RunSource source, Workspace ws, float* columns, int lanes, bool first, Action<Op, int> lost)
    {
        OpProgram program = wide.Program;
        Op op = program.Ops[step];
        float* q = SlopesOf(program, ws, op.Slot, lanes);
        bool reached = Pull(wide, step, ws, columns, q, lanes);
        if (op.Inputs.Length > 0)
        {
            if (reached) GatherInputs(program, op, source, ws, q, lanes);
            return;
        }
        float* scale = ws.Scales + (long)op.Slot * lanes;
        if (op.Kind == OpKind.Product)
        {
            if (!reached) return;
            RegionKernel<L, F, I>.ScaleSlopes(q, scale, q, op.Channels, ws.Largest, lanes);
            DropProducts(op, source, q, ws, lanes);
            return;
        }
        if (!reached) new Span<float>(q, op.Channels * lanes).Clear();
        new Span<float>(ws.Largest, lanes).Clear();
        float* r = ws.Scaled;
        if (RegionKernel<L, F, I>.ScaleSlopes(q, scale, r, op.Channels, ws.Largest, lanes))
        {
            Drop(op, ws, q, lanes, lost);
            RegionKernel<L, F, I>.ScaleSlopes(q, scale, r, op.Channels, ws.Largest, lanes);
        }
        float* x = SumInputs(program, op, source, ws, lanes);
        OuterKernel<L, F, I>.Add(source.Statistics + source.Component.Weights[op.Place], op.Stride, op.Channels, op.Columns, r, x, lanes, ws.OtherScratch, first);
        if (!op.Needed.Contains(true)) return;
        float* d = columns + (long)wide.Slopes[step] * lanes;
        MatrixKernel<L, F, I>.Multiply(source.Weights + source.Component.Weights[op.Place], op.Stride, op.Columns * op.Stride, op.Columns, op.Channels, r, d, lanes);
        DropSlopes(op, source, ws, d, lanes);
    }

    /// <summary>Adds up the slopes that the readers of a step have for it; false when there are none.</summary>
    private static bool Pull(WideProgram wide, int step, Workspace ws, float* columns, float* q, int lanes)
    {
        OpProgram program = wide.Program;
        int channels = program.SlotChannels[step];
        bool started = wide.IsTop[step];
        foreach (WideProgram.Reader reader in wide.Readers[step])
        {
            Op from = program.Ops[reader.Op];
            float* d = from.Kind == OpKind.Product ? SlopesOf(program, ws, reader.Op, lanes) : columns + (long)(wide.Slopes[reader.Op] + reader.Column) * lanes;
            if (from.Table is not null)
            {
                if (!started) new Span<float>(q, channels * lanes).Clear();
                for (int o = 0; o < from.Table.Channels; o++)
                {
                    ProductOf(program, from, o, reader.Place, ws, ws.Scratch, lanes);
                    RegionKernel<L, F, I>.MultiplyAdd(d + (long)o * lanes, ws.Scratch, q + (long)from.Table[reader.Place, o] * lanes, lanes);
                }
            }
            else if (from.Kind == OpKind.SumOfMany)
            {
                int* highest = (int*)ws.OtherScratch;
                float* factor = ws.OtherScratch + lanes;
                Highest(from, ws, highest, lanes);
                RegionKernel<L, F, I>.PowerOfDifference(ws.Exponents + (long)step * lanes, highest, factor, lanes);
                RegionKernel<L, F, I>.Scale(d, factor, started ? ws.Scratch : q, channels, lanes);
                if (started) RegionKernel<L, F, I>.Add(ws.Scratch, q, channels * lanes);
            }
            else Multiply(program, from, reader.Place, ws, d, q, channels * lanes, started, ws.Scratch, lanes);
            started = true;
        }
        return started;
    }
}
