using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>The way down: slopes of all steps, and the statistics of those that learn.</summary>
internal static unsafe partial class OpRunner<L, F, I>
{
    /// <summary>Carries the slopes of the boundary down. Statistics are taken on the way when the program says so, else left to <see cref="Gather"/>, which may follow a check.</summary>
    /// <param name="program">The program.</param>
    /// <param name="source">Evidence, weights and where statistics go.</param>
    /// <param name="ws">Units, and the slopes of the boundary.</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <param name="first">Whether the slopes of tables start from nothing.</param>
    /// <param name="lost">Told (sum, lane) of slopes that left the range while statistics are taken; those are left out from there on.</param>
    [MethodImpl(Hot)]
    public static void Backward(OpProgram program, in RunSource source, Workspace ws, int lanes, bool first, Action<Op, int> lost)
    {
        bool atOnce = program.GathersAtOnce;
        new Span<float>(ws.Largest, lanes).Clear();
        for (int i = program.Ops.Length - 1; i >= 0; i--)
        {
            Op op = program.Ops[i];
            float* q = SlopesOf(program, ws, op.Slot, lanes), r = atOnce ? ws.Scaled : q;
            if (op.Inputs.Length > 0 || op.Kind == OpKind.Lookup)
            {
                if (source.ReadOuts is not null && op.Kind != OpKind.Lookup) ReadOut(program, op, source, ws, q, lanes);
                else if (atOnce) GatherStep(program, op, source, ws, q, lanes, first);
                continue;
            }
            if (op.Kind == OpKind.LeafSum)
            {
                LeafSums<L, F, I>.ReadOut(op, source, q, ws.Scales + (long)op.Slot * lanes, ws.Largest, lanes);
                continue;
            }
            if (Descend(program, op, source, ws, q, r, lanes) && atOnce)
            {
                Drop(op, ws, q, lanes, lost);
                Descend(program, op, source, ws, q, r, lanes);
            }
            if (atOnce && source.ReadOuts is null) GatherStep(program, op, source, ws, r, lanes, first);
            if (!IsPair(op, source)) PassOn(program, op, source, ws, r, lanes);
        }
    }

    /// <summary>Scales the slopes of a sum or product; a pair of fives hands them on in the same go. Returns whether any leaves the range.</summary>
    [MethodImpl(Hot)]
    private static bool Descend(OpProgram program, Op op, in RunSource source, Workspace ws, float* q, float* r, int lanes) => IsPair(op, source)
        ? PairKernel<L, F, I>.Backward(source.Weights + source.Component.Weights[op.Place],
            UnitsOf(program, ws, op.Sources[0], lanes), UnitsOf(program, ws, op.Sources[1], lanes), q, r,
            ws.Scales + (long)op.Slot * lanes, SlopesOf(program, ws, op.Sources[0], lanes), SlopesOf(program, ws, op.Sources[1], lanes), ws.Largest, lanes)
        : RegionKernel<L, F, I>.ScaleSlopes(q, ws.Scales + (long)op.Slot * lanes, r, op.Channels, ws.Largest, lanes);

    private static bool IsPair(Op op, in RunSource source) => op.Kind == OpKind.SumOfProduct && IsPairOfFives(op) && op.First[0] && op.First[1] && source.Dropout is null;

    private static void PassOn(OpProgram program, Op op, in RunSource source, Workspace ws, float* r, int lanes)
    {
        if (op.Kind == OpKind.Product)
        {
            DropProducts(op, source, r, ws, lanes);
            ProductSlopes(program, op, ws, r, ws.Scratch, lanes);
        }
        else SumSlopes(program, op, source, ws, r, lanes);
    }

    /// <summary>Takes out lanes whose slopes left the range.</summary>
    private static void Drop(Op op, Workspace ws, float* q, int lanes, Action<Op, int> lost)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            if (ws.Largest[lane] < SimdLimits.LargestSlope) continue;
            lost(op, lane);
            ws.Largest[lane] = 0;
            for (int k = 0; k < op.Channels; k++) q[k * lanes + lane] = 0;
        }
    }

    /// <summary>Adds the statistics of all sums, input parameters and tables, from the slopes of <see cref="Backward"/>.</summary>
    [MethodImpl(Hot)]
    public static void Gather(OpProgram program, in RunSource source, Workspace ws, int lanes, bool first)
    {
        foreach (Op op in program.Ops) GatherStep(program, op, source, ws, SlopesOf(program, ws, op.Slot, lanes), lanes, first);
    }

    [MethodImpl(Hot)]
    private static void GatherStep(OpProgram program, Op op, in RunSource source, Workspace ws, float* r, int lanes, bool first)
    {
        switch (op.Kind)
        {
            case OpKind.Product:
                break;
            case OpKind.Input or OpKind.LeafProduct:
                GatherInputs(program, op, source, ws, r, lanes);
                break;
            case OpKind.Lookup:
                LookupPlace table = source.Component.Lookups[op.Place];
                if (first) new Span<float>(source.TableSlopes + table.Offset, 16 * op.Channels).Clear();
                RegionKernel<L, F, I>.Scatter(r, op.Channels, ws.States(op.Place), source.TableSlopes + table.Offset, lanes);
                break;
            case OpKind.SumOfProduct when IsPairOfFives(op) && source.Dropout is null:
                PairKernel<L, F, I>.Gather(source.Statistics + source.Component.Weights[op.Place],
                    UnitsOf(program, ws, op.Sources[0], lanes), UnitsOf(program, ws, op.Sources[1], lanes), r, lanes);
                break;
            default:
                float* x = SumInputs(program, op, source, ws, lanes);
                OuterKernel<L, F, I>.Add(source.Statistics + source.Component.Weights[op.Place], op.Columns * op.Stride, op.Stride,
                    op.Channels, op.Columns, r, x, lanes);
                break;
        }
    }

    /// <summary>Adds what is gathered at the inputs of a step.</summary>
    private static void GatherInputs(OpProgram program, Op op, in RunSource source, Workspace ws, float* slopes, int lanes)
    {
        if (!op.Learns) return;
        float* flows = Flows(program, op, ws, slopes, lanes);
        foreach (Op input in op.Inputs)
            if (input.Family!.Learns) InputRunner<L, F, I>.Gather(input, source, ws, flows, lanes);
    }

    private static void ReadOut(OpProgram program, Op op, in RunSource source, Workspace ws, float* slopes, int lanes)
    {
        float* flows = null;
        foreach (Op input in op.Inputs)
        {
            if (!InputRunner<L, F, I>.IsReadOut(input, source)) continue;
            if (flows == null) flows = Flows(program, op, ws, slopes, lanes);
            InputRunner<L, F, I>.ReadOut(input, source, ws, flows, lanes);
        }
    }

    /// <summary>Flows of a step's channels; every factor of a product has those of the product.</summary>
    private static float* Flows(OpProgram program, Op op, Workspace ws, float* slopes, int lanes)
    {
        RegionKernel<L, F, I>.Multiply(UnitsOf(program, ws, op.Slot, lanes), slopes, ws.Scaled, op.Channels * lanes);
        return ws.Scaled;
    }

    /// <summary>Slopes of the sources of a product by its channel table.</summary>
    /// <param name="program">The program.</param>
    /// <param name="op">The product, or the sum that makes it on the fly.</param>
    /// <param name="ws">The workspace.</param>
    /// <param name="r">Slopes of the product, [channel, lane].</param>
    /// <param name="scratch">A row of scratch apart from r.</param>
    /// <param name="lanes">Number of lanes.</param>
    private static void ProductSlopes(OpProgram program, Op op, Workspace ws, float* r, float* scratch, int lanes)
    {
        for (int t = 0; t < op.Sources.Length; t++)
        {
            if (!op.Needed[t]) continue;
            float* q = SlopesOf(program, ws, op.Sources[t], lanes);
            if (op.First[t]) new Span<float>(q, program.SlotChannels[op.Sources[t]] * lanes).Clear();
            for (int o = 0; o < op.Table!.Channels; o++)
            {
                ProductOf(program, op, o, t, ws, scratch, lanes);
                RegionKernel<L, F, I>.MultiplyAdd(r + (long)o * lanes, scratch, q + (long)op.Table![t, o] * lanes, lanes);
            }
        }
    }

    [MethodImpl(Hot)]
    private static void SumSlopes(OpProgram program, Op op, in RunSource source, Workspace ws, float* r, int lanes)
    {
        if (!op.Needed.Contains(true)) return;
        float* w = source.Weights + source.Component.Weights[op.Place];
        int count = op.Columns * lanes;
        if (op.Table is not null)
        {
            MatrixKernel<L, F, I>.Multiply(w, op.Stride, op.Columns * op.Stride, op.Columns, op.Channels, r, ws.Scratch, lanes);
            DropSlopes(op, source, ws, ws.Scratch, lanes);
            ProductSlopes(program, op, ws, ws.Scratch, ws.OtherScratch, lanes);
            return;
        }
        if (op.Sources.Length == 1)
        {
            float* q = SlopesOf(program, ws, op.Sources[0], lanes);
            float* target = op.First[0] ? q : ws.Scratch;
            MatrixKernel<L, F, I>.Multiply(w, op.Stride, op.Columns * op.Stride, op.Columns, op.Channels, r, target, lanes);
            DropSlopes(op, source, ws, target, lanes);
            if (!op.First[0]) RegionKernel<L, F, I>.Add(target, q, count);
            return;
        }
        float* d = ws.Scratch;
        if (op.Kind == OpKind.SumOfMany)
        {
            int* highest = (int*)ws.OtherScratch;
            float* factor = ws.OtherScratch + lanes;
            MatrixKernel<L, F, I>.Multiply(w, op.Stride, op.Columns * op.Stride, op.Columns, op.Channels, r, d, lanes);
            Highest(op, ws, highest, lanes);
            for (int t = 0; t < op.Sources.Length; t++)
            {
                int channels = program.SlotChannels[op.Sources[t]];
                float* q = SlopesOf(program, ws, op.Sources[t], lanes);
                RegionKernel<L, F, I>.PowerOfDifference(ws.Exponents + (long)op.Sources[t] * lanes, highest, factor, lanes);
                RegionKernel<L, F, I>.Scale(d, factor, d, channels, lanes);
                if (op.First[t]) new Span<float>(d, channels * lanes).CopyTo(new Span<float>(q, channels * lanes));
                else RegionKernel<L, F, I>.Add(d, q, channels * lanes);
                d += (long)channels * lanes;
            }
            return;
        }
        MatrixKernel<L, F, I>.Multiply(w, op.Stride, op.Columns * op.Stride, op.Columns, op.Channels, r, d, lanes);
        DropSlopes(op, source, ws, d, lanes);
        for (int t = 0; t < op.Sources.Length; t++)
        {
            if (!op.Needed[t]) continue;
            Multiply(program, op, t, ws, d, SlopesOf(program, ws, op.Sources[t], lanes), count, !op.First[t], ws.OtherScratch, lanes);
        }
    }

    /// <summary>Slopes of products that a sum reads but that are 0.</summary>
    private static void DropSlopes(Op op, in RunSource source, Workspace ws, float* d, int lanes)
    {
        if (source.Dropout is { } drops && op.Kind == OpKind.SumOfProduct)
            DropoutKernel<L, F, I>.Apply(drops, source.Component.ProductBelow[op.Place], source.Start, d, d, op.Columns, ws.OtherScratch, lanes);
    }
}
