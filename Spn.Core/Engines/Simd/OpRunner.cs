using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Runs the steps of a program on a tile of lanes: upward, downward, statistics.</summary>
internal static unsafe partial class OpRunner<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Up to this depth the bound on errors may grow all the way; deeper programs look where it can be reset.</summary>
    private const int MostDepthUnsettled = 16;

    // Work starts at full speed: these loops would otherwise run a good part of a short training unoptimised.
    private const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    [MethodImpl(Hot)]
    public static void Forward(OpProgram program, in RunSource source, Workspace ws, int lanes)
    {
        foreach (Op op in program.Ops) Forward(program, op, source, ws, lanes);
    }

    [MethodImpl(Hot)]
    public static void Forward(OpProgram program, Op op, in RunSource source, Workspace ws, int lanes)
    {
        float* y = ws.Units + (long)program.SlotUnits[op.Slot] * lanes;
        int* e = ws.Exponents + (long)op.Slot * lanes;
        float* scale = ws.Scales == null ? null : ws.Scales + (long)op.Slot * lanes;
        int* error = ErrorsOf(ws, op.Slot, lanes);
        switch (op.Kind)
        {
            case OpKind.Input:
                bool mayBeZero = InputRunner<L, F, I>.Forward(op, source, y, e, lanes);
                if (error == null) break;
                new Span<int>(error, lanes).Fill(SimdLimits.Lost);
                // Units of inputs are already normalised; a density of 0 everywhere raises the error.
                if (mayBeZero) RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, null, lanes);
                break;
            case OpKind.LeafSum:
                LeafSums<L, F, I>.Forward(op, source, y, e, error, scale, lanes);
                break;
            case OpKind.Lookup:
                LookupPlace table = source.Component.Lookups[op.Place];
                byte* states = ws.States(op.Place);
                RegionKernel<L, F, I>.States(source.Codes, source.Stride, source.Component.TableVariables.AsSpan(table.First, table.Count), states, lanes);
                RegionKernel<L, F, I>.Lookup(source.Tables + table.Offset, op.Channels, states, y, e, error, lanes);
                break;
            case OpKind.Product:
                SumExponents(op, ws, e, lanes);
                MaxErrors(op, ws, error, lanes);
                for (int o = 0; o < op.Channels; o++) ProductOf(program, op, o, except: -1, ws, ws.Scratch + (long)o * lanes, lanes);
                new Span<float>(ws.Scratch, op.Channels * lanes).CopyTo(new Span<float>(y, op.Channels * lanes));
                if (source.Dropout is { } drops) DropoutKernel<L, F, I>.Apply(drops, source.Component.Products[op.Place], source.Start, y, y, op.Channels, ws.Scratch, lanes);
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
            case OpKind.SumOfProduct when IsPairOfFives(op) && !source.Max && source.Dropout is null && (error == null || program.Depth <= MostDepthUnsettled):
                PairKernel<L, F, I>.Forward(source.Weights + source.Component.Weights[op.Place],
                    UnitsOf(program, ws, op.Sources[0], lanes), UnitsOf(program, ws, op.Sources[1], lanes),
                    ws.Exponents + (long)op.Sources[0] * lanes, ws.Exponents + (long)op.Sources[1] * lanes, y, e, scale,
                    ErrorsOf(ws, op.Sources[0], lanes), ErrorsOf(ws, op.Sources[1], lanes), error, lanes);
                break;
            case OpKind.SumOfProduct when op.Table is { Split: > 0 and var inner } && !source.Max && source.Dropout is null:
                Factors(program, op, ws, lanes, out float* u, out float* v);
                if (source.Winners != null) FindWinners(op, source, ws, u, inner, v, lanes);
                MaxErrors(op, ws, error, lanes);
                SumExponents(op, ws, e, lanes);
                KroneckerKernel<L, F, I>.Multiply(source.Weights + source.Component.Weights[op.Place], op.Columns * op.Stride, op.Stride, op.Channels, inner, op.Columns / inner, u, v, y, lanes);
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
            default:
                float* x = SumInputs(program, op, source, ws, lanes);
                if (source.Winners != null) FindWinners(op, source, ws, x, op.Columns, null, lanes);
                if (op.Kind == OpKind.SumOfMany)
                {
                    AlignErrors(op, ws, error, lanes);
                    new Span<int>(ws.OtherScratch, lanes).CopyTo(new Span<int>(e, lanes));
                }
                else
                {
                    MaxErrors(op, ws, error, lanes);
                    SumExponents(op, ws, e, lanes);
                }
                float* w = source.Weights + source.Component.Weights[op.Place];
                bool overwrites = x == y;
                float* target = overwrites ? ws.OtherScratch : y;
                if (source.Max) MaxKernel<L, F, I>.Multiply(w, op.Columns * op.Stride, op.Stride, op.Channels, op.Columns, x, target, lanes);
                else MatrixKernel<L, F, I>.Multiply(w, op.Columns * op.Stride, op.Stride, op.Channels, op.Columns, x, target, lanes);
                if (overwrites) new Span<float>(target, op.Channels * lanes).CopyTo(new Span<float>(y, op.Channels * lanes));
                RegionKernel<L, F, I>.Renormalise(y, op.Channels, e, error, scale, lanes);
                break;
        }
    }

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
            if (op.Kind is OpKind.Input or OpKind.Lookup)
            {
                if (source.ReadOuts is not null && op.Kind == OpKind.Input) InputRunner<L, F, I>.ReadOut(op, source, ws, UnitsOf(program, ws, op.Slot, lanes), q, lanes);
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
            if (source.Dropout is { } drops) DropoutKernel<L, F, I>.Apply(drops, source.Component.Products[op.Place], source.Start, r, r, op.Channels, ws.Scratch, lanes);
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
            case OpKind.Input:
                if (op.Family!.Learns) InputRunner<L, F, I>.Gather(op, source, ws, UnitsOf(program, ws, op.Slot, lanes), r, lanes);
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

    /// <summary>The step that HyperSPNs are made of has kernels of its own.</summary>
    private static bool IsPairOfFives(Op op) => op is { Channels: 5, Columns: 5, Sources.Length: 2, Table: null };

    private static float* UnitsOf(OpProgram program, Workspace ws, int slot, int lanes) => ws.Units + (long)program.SlotUnits[slot] * lanes;

    private static float* SlopesOf(OpProgram program, Workspace ws, int slot, int lanes) => ws.Slopes + (long)program.SlotSlopes[slot] * lanes;

    /// <summary>The columns that a sum mixes, [column, lane].</summary>
    [MethodImpl(Hot)]
    private static float* SumInputs(OpProgram program, Op op, in RunSource source, Workspace ws, int lanes)
    {
        float* x = SumInputs(program, op, ws, lanes);
        if (source.Dropout is null || op.Kind != OpKind.SumOfProduct) return x;
        DropoutKernel<L, F, I>.Apply(source.Dropout, source.Component.ProductBelow[op.Place], source.Start, x, ws.Scratch, op.Columns, ws.OtherScratch, lanes);
        return ws.Scratch;
    }

    [MethodImpl(Hot)]
    private static float* SumInputs(OpProgram program, Op op, Workspace ws, int lanes)
    {
        float* first = UnitsOf(program, ws, op.Sources[0], lanes);
        int count = op.Columns * lanes;
        switch (op.Kind)
        {
            case OpKind.SumOfOne:
                return first;
            case OpKind.SumOfProduct:
                if (op.Table is not null) return FormProduct(program, op, ws, lanes);
                if (op.Sources.Length == 1) return first;
                RegionKernel<L, F, I>.Multiply(first, UnitsOf(program, ws, op.Sources[1], lanes), ws.Scratch, count);
                for (int t = 2; t < op.Sources.Length; t++)
                    RegionKernel<L, F, I>.Multiply(ws.Scratch, UnitsOf(program, ws, op.Sources[t], lanes), ws.Scratch, count);
                return ws.Scratch;
            default:
                // Exponents of the regions differ; all are brought to the largest. That exponent stays in the spare scratch.
                int* highest = (int*)ws.OtherScratch;
                Highest(op, ws, highest, lanes);
                float* factor = ws.OtherScratch + lanes;
                float* to = ws.Scratch;
                foreach (int s in op.Sources)
                {
                    int channels = program.SlotChannels[s];
                    RegionKernel<L, F, I>.PowerOfDifference(ws.Exponents + (long)s * lanes, highest, factor, lanes);
                    RegionKernel<L, F, I>.Scale(UnitsOf(program, ws, s, lanes), factor, to, channels, lanes);
                    to += (long)channels * lanes;
                }
                return ws.Scratch;
        }
    }

    /// <summary>The two factors of a product of all pairs, in the spare scratch.</summary>
    private static void Factors(OpProgram program, Op op, Workspace ws, int lanes, out float* u, out float* v)
    {
        ChannelTable table = op.Table!;
        int inner = table.Split, outer = op.Columns / inner;
        u = ws.OtherScratch;
        v = u + (long)inner * lanes;
        for (int j = 0; j < inner; j++) Factor(first: true, j, u + (long)j * lanes);
        for (int g = 0; g < outer; g++) Factor(first: false, g * inner, v + (long)g * lanes);

        void Factor(bool first, int channel, float* to)
        {
            bool started = false;
            for (int t = 0; t < op.Sources.Length; t++)
            {
                if (table.InFirstFactor(t) != first) continue;
                float* x = UnitsOf(program, ws, op.Sources[t], lanes) + (long)table[t, channel] * lanes;
                if (started) RegionKernel<L, F, I>.Multiply(to, x, to, lanes);
                else new Span<float>(x, lanes).CopyTo(new Span<float>(to, lanes));
                started = true;
            }
            if (!started) new Span<float>(to, lanes).Fill(1);
        }
    }

    /// <summary>A product by its channel table, [column, lane], in the scratch.</summary>
    private static float* FormProduct(OpProgram program, Op op, Workspace ws, int lanes)
    {
        if (op.Table!.Split is var inner and > 0)
        {
            Factors(program, op, ws, lanes, out float* u, out float* v);
            for (int g = 0; g < op.Columns / inner; g++) RegionKernel<L, F, I>.Scale(u, v + (long)g * lanes, ws.Scratch + (long)g * inner * lanes, inner, lanes);
        }
        else
            for (int o = 0; o < op.Columns; o++) ProductOf(program, op, o, except: -1, ws, ws.Scratch + (long)o * lanes, lanes);
        return ws.Scratch;
    }

    private static void Highest(Op op, Workspace ws, int* highest, int lanes)
    {
        new Span<int>(ws.Exponents + (long)op.Sources[0] * lanes, lanes).CopyTo(new Span<int>(highest, lanes));
        for (int t = 1; t < op.Sources.Length; t++)
            RegionKernel<L, F, I>.MaxExponents(highest, ws.Exponents + (long)op.Sources[t] * lanes, highest, lanes);
    }

    private static void SumExponents(Op op, Workspace ws, int* e, int lanes)
    {
        int* first = ws.Exponents + (long)op.Sources[0] * lanes;
        if (op.Sources.Length == 1)
        {
            if (first != e) new Span<int>(first, lanes).CopyTo(new Span<int>(e, lanes));
            return;
        }
        // When e is the place of one of the sources, that one must be read first.
        int own = Array.IndexOf(op.Sources, op.Slot);
        if (own > 0) first = ws.Exponents + (long)op.Sources[own] * lanes;
        bool started = false;
        for (int t = 0; t < op.Sources.Length; t++)
        {
            if (t == Math.Max(own, 0)) continue;
            RegionKernel<L, F, I>.AddExponents(started ? e : first, ws.Exponents + (long)op.Sources[t] * lanes, e, lanes);
            started = true;
        }
    }

    private static int* ErrorsOf(Workspace ws, int slot, int lanes) => ws.Errors == null ? null : ws.Errors + (long)slot * lanes;

    /// <summary>The error of a product of the sources; error may be the place of one of them.</summary>
    private static void MaxErrors(Op op, Workspace ws, int* error, int lanes)
    {
        if (error == null) return;
        int* from = ErrorsOf(ws, op.Sources[0], lanes);
        if (Array.IndexOf(op.Sources, op.Slot) is var own && own > 0) from = error;
        if (from != error) new Span<int>(from, lanes).CopyTo(new Span<int>(error, lanes));
        foreach (int s in op.Sources)
            if (ErrorsOf(ws, s, lanes) is var other && other != error) RegionKernel<L, F, I>.MaxExponents(error, other, error, lanes);
        if (op.Sources.Length > 1) RegionKernel<L, F, I>.Raise(error, SimdLimits.FactorBits * (op.Sources.Length - 1), lanes);
    }

    /// <summary>The largest error of regions that are brought to the exponent in the spare scratch.</summary>
    private static void AlignErrors(Op op, Workspace ws, int* error, int lanes)
    {
        if (error == null) return;
        int* highest = (int*)ws.OtherScratch, sum = (int*)ws.OtherScratch + 2 * lanes;
        for (int t = 0; t < op.Sources.Length; t++)
            RegionKernel<L, F, I>.AlignErrors(ErrorsOf(ws, op.Sources[t], lanes), ws.Exponents + (long)op.Sources[t] * lanes, highest, sum, t == 0, lanes);
        new Span<int>(sum, lanes).CopyTo(new Span<int>(error, lanes));
    }

    /// <summary>One channel of a product, with one source left out when asked.</summary>
    private static void ProductOf(OpProgram program, Op op, int channel, int except, Workspace ws, float* to, int lanes)
    {
        bool started = false;
        for (int t = 0; t < op.Sources.Length; t++)
        {
            if (t == except) continue;
            float* x = UnitsOf(program, ws, op.Sources[t], lanes) + (long)op.Table![t, channel] * lanes;
            if (started) RegionKernel<L, F, I>.Multiply(to, x, to, lanes);
            else new Span<float>(x, lanes).CopyTo(new Span<float>(to, lanes));
            started = true;
        }
        if (!started) new Span<float>(to, lanes).Fill(1);
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
            float* q = SlopesOf(program, ws, op.Sources[t], lanes);
            float* others = d;
            for (int u = 0, left = op.Sources.Length - 1; u < op.Sources.Length; u++)
            {
                if (u == t) continue;
                float* x = UnitsOf(program, ws, op.Sources[u], lanes);
                bool last = --left == 0;
                if (last && !op.First[t]) RegionKernel<L, F, I>.MultiplyAdd(others, x, q, count);
                else RegionKernel<L, F, I>.Multiply(others, x, last ? q : ws.OtherScratch, count);
                others = ws.OtherScratch;
            }
        }
    }

    /// <summary>Slopes of products that a sum reads but that are 0.</summary>
    private static void DropSlopes(Op op, in RunSource source, Workspace ws, float* d, int lanes)
    {
        if (source.Dropout is { } drops && op.Kind == OpKind.SumOfProduct)
            DropoutKernel<L, F, I>.Apply(drops, source.Component.ProductBelow[op.Place], source.Start, d, d, op.Columns, ws.OtherScratch, lanes);
    }
}
