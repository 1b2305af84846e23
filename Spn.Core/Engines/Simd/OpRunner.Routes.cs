using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>Steps of ways down: each lane has one chosen channel of a step and passes on to one channel of its sources.</summary>
internal static unsafe partial class OpRunner<L, F, I>
{
    /// <summary>Passes the chosen channels of a step on.</summary>
    /// <param name="program">The program.</param>
    /// <param name="op">A product or sum.</param>
    /// <param name="source">The run.</param>
    /// <param name="ws">The workspace after an upward pass.</param>
    /// <param name="chosen">Chosen channels, [slot, lane], -1 where a way does not pass.</param>
    /// <param name="routing">How sums choose.</param>
    /// <param name="items">The way of each lane that counts.</param>
    /// <param name="draws">Random numbers of each way.</param>
    /// <param name="lost">Marks ways for which a sum has no positive term left.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Route(
        OpProgram program, Op op, in RunSource source, Workspace ws, int* chosen, Routing routing, int[] items, RandomStream[] draws, bool[] lost, int lanes)
    {
        int* own = chosen + (long)op.Slot * lanes;
        if (op.Kind == OpKind.Product)
        {
            for (int t = 0; t < op.Sources.Length; t++)
            {
                int* to = chosen + (long)op.Sources[t] * lanes;
                ReadOnlySpan<int> table = op.Table!.Row(t);
                for (int lane = 0; lane < items.Length; lane++)
                    if (own[lane] >= 0) to[lane] = table[own[lane]];
            }
            return;
        }
        float* x = SumInputs(program, op, ws, lanes), w = source.Weights + source.Component.Weights[op.Place];
        ulong region = (ulong)source.Component.Source.Sums[op.Place];
        for (int lane = 0; lane < items.Length; lane++)
        {
            if (own[lane] < 0) continue;
            float* row = w + own[lane] * op.Columns * op.Stride;
            int column = routing == Routing.Max
                ? Largest(row, op.Stride, x + lane, op.Columns, lanes)
                : Drawn(row, op.Stride, x + lane, op.Columns, lanes, draws[items[lane]].DoubleAt(region));
            if (column < 0) lost[items[lane]] = true;
            else PassOn(program, op, column, chosen + lane, lanes);
        }
    }

    /// <summary>The largest column of each lane, by lot among equal ones; of a product of all pairs by its factors.</summary>
    /// <param name="op">The sum.</param>
    /// <param name="source">The run.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="u">Columns, or the first factor, [channel, lane].</param>
    /// <param name="inner">Its length.</param>
    /// <param name="v">The second factor, or null.</param>
    /// <param name="lanes">Number of lanes.</param>
    private static void FindWinners(Op op, in RunSource source, Workspace ws, float* u, int inner, float* v, int lanes)
    {
        float* best = ws.Scaled, tie = best + lanes, other = tie + lanes;
        ushort* winners = source.Winners;
        WinnerKernel<L, F, I>.Find(u, inner, best, tie, lanes);
        if (v == null) for (int lane = 0; lane < lanes; lane++) winners[lane] = (ushort)best[lane];
        else
        {
            for (int lane = 0; lane < lanes; lane++) other[lane] = best[lane] + 65536 * tie[lane];
            WinnerKernel<L, F, I>.Find(v, op.Columns / inner, best, tie, lanes);
            for (int lane = 0; lane < lanes; lane++)
            {
                winners[lane] = (ushort)((int)other[lane] + inner * (int)best[lane]);
                if (other[lane] >= 65536) tie[lane] = 1;
            }
        }
        for (int lane = 0; lane < lanes; lane++)
            if (tie[lane] > 0 && source.Start + lane < source.Draws.Length) winners[lane] = AmongEqual(op, source, u, inner, v, lane, lanes);
    }

    private static ushort AmongEqual(Op op, in RunSource source, float* u, int inner, float* v, int lane, int lanes)
    {
        // Pairs of the largest of both factors are equal; they stand in the order of the columns.
        Span<ushort> first = stackalloc ushort[inner], second = stackalloc ushort[v == null ? 1 : op.Columns / inner];
        int firsts = Largest(u, first, lane, lanes), seconds = 1;
        if (v != null) seconds = Largest(v, second, lane, lanes);
        else second[0] = 0;
        if (firsts == 0 || seconds == 0) return RunSource.None;
        double uniform = source.Draws[source.Start + lane].DoubleAt((ulong)source.Component.Source.Sums[op.Place]);
        int chosen = Math.Min((int)(uniform * firsts * seconds), firsts * seconds - 1);
        return (ushort)(second[chosen / firsts] * inner + first[chosen % firsts]);
    }

    /// <summary>The rows that are largest in a lane; none when none is positive.</summary>
    private static int Largest(float* x, Span<ushort> rows, int lane, int lanes)
    {
        float most = 0;
        int count = 0;
        for (int row = 0; row < rows.Length; row++)
        {
            float own = x[(long)row * lanes + lane];
            if (own < most || own == 0) continue;
            if (own > most) count = 0;
            most = own;
            rows[count++] = (ushort)row;
        }
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PassOn(OpProgram program, Op op, int column, int* chosen, int lanes)
    {
        if (op.Kind != OpKind.SumOfMany)
        {
            for (int t = 0; t < op.Sources.Length; t++) chosen[(long)op.Sources[t] * lanes] = op.Table is null ? column : op.Table[t, column];
            return;
        }
        foreach (int slot in op.Sources)
        {
            if (column < program.SlotChannels[slot])
            {
                chosen[(long)slot * lanes] = column;
                return;
            }
            column -= program.SlotChannels[slot];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Largest(float* w, int stride, float* x, int columns, int lanes)
    {
        int best = -1;
        float most = 0;
        for (int c = 0; c < columns; c++)
        {
            float own = w[c * stride] * x[(long)c * lanes];
            if (own > most) (best, most) = (c, own);
        }
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Drawn(float* w, int stride, float* x, int columns, int lanes, double uniform)
    {
        float total = 0;
        for (int c = 0; c < columns; c++) total += w[c * stride] * x[(long)c * lanes];
        float left = (float)(uniform * total);
        int last = -1;
        for (int c = 0; c < columns; c++)
        {
            float own = w[c * stride] * x[(long)c * lanes];
            if (own == 0) continue;
            last = c;
            if ((left -= own) < 0) break;
        }
        return last;
    }
}
