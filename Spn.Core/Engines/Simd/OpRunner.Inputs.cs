using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>What a step reads: the columns of sums, products, and their exponents and errors.</summary>
internal static unsafe partial class OpRunner<L, F, I>
{
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
                Multiply(program, op, except: -1, ws, d: null, ws.Scratch, count, add: false, ws.Scratch, lanes);
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

    /// <summary>y = (or +=) the channels of all sources of a product but one, multiplied one by one, times d where it is given.</summary>
    [MethodImpl(Hot)]
    private static void Multiply(OpProgram program, Op op, int except, Workspace ws, float* d, float* y, int count, bool add, float* spare, int lanes)
    {
        float** factors = stackalloc float*[RegionKernel<L, F, I>.MostFactors];
        int number = 0;
        if (d != null) factors[number++] = d;
        for (int t = 0; t < op.Sources.Length; t++)
        {
            if (t == except) continue;
            if (number == RegionKernel<L, F, I>.MostFactors)
            {
                RegionKernel<L, F, I>.Product(factors, number, spare, count, add: false);
                factors[0] = spare;
                number = 1;
            }
            factors[number++] = UnitsOf(program, ws, op.Sources[t], lanes);
        }
        RegionKernel<L, F, I>.Product(factors, number, y, count, add);
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
}
