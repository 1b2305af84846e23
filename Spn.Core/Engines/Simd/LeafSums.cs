using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>Sizes of leaf sums.</summary>
internal static class LeafSums
{
    /// <summary>Entries of a vector look-up: the values of the variable, and one for a hidden one.</summary>
    public const int Codes = 16;

    public const int MostChannels = 64;
}

/// <summary>Sums over the indicators of one variable: looked up by its value, with one entry more for a hidden variable.</summary>
internal static unsafe class LeafSums<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int Codes = LeafSums.Codes;

    /// <summary>Units, exponents, errors and factors of the renormalisation.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run.</param>
    /// <param name="y">Receives the units, [channel, lane].</param>
    /// <param name="e">Receives the exponents.</param>
    /// <param name="error">Receives the error exponents, or null.</param>
    /// <param name="scale">Receives the factors, or null.</param>
    /// <param name="lanes">Number of lanes.</param>
    [SkipLocalsInit]
    public static void Forward(Op op, in RunSource source, float* y, int* e, int* error, float* scale, int lanes)
    {
        float* table = stackalloc float[Codes * (op.Channels + 3)]; // [channel, code], then exponents, error exponents and factors
        Fill(op, source.Weights + source.Component.Weights[op.Place], source.Max, table);
        byte* codes = source.Codes + (long)source.Component.Inputs[op.Input].Variable * source.Stride;
        RegionKernel<L, F, I>.Lookup(table, op.Channels, codes, y, e, error, lanes);
        if (scale == null) return;
        float* factors = table + Codes * (op.Channels + 2);
        for (int at = 0; at < lanes; at += L.Count) L.Store(scale + at, L.Lookup(factors, L.Widen(codes + at)));
    }

    /// <summary>Adds what the flows into the indicators are, in lanes that hide the variable, to the numbers of the rows.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run, with what to add and where.</param>
    /// <param name="slopes">Slopes of the sum before they are scaled, [channel, lane].</param>
    /// <param name="scale">Factors of the renormalisation.</param>
    /// <param name="largest">Largest slope of each lane, kept up to date.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ReadOut(Op op, in RunSource source, float* slopes, float* scale, float* largest, int lanes)
    {
        int offset = source.ReadOuts![op.Input].Offset, n = L.Count, next = op.Columns * op.Stride;
        if (offset < 0 || !source.Hides(source.Component.Inputs[op.Input].Variable)) return;
        I magnitude = L.BroadcastInt(0x7fffffff);
        for (int s = 0; s < op.Columns; s += 2)
        {
            // Two values at a time share the loads of the slopes; an odd last one is its own neighbour.
            int other = Math.Min(s + 1, op.Columns - 1);
            float* w = source.Weights + source.Component.Weights[op.Place] + s * op.Stride, to = source.Numbers + (long)(offset + s) * lanes;
            int step = (other - s) * op.Stride, beside = (other - s) * lanes;
            for (int at = 0; at < lanes; at += n)
            {
                F a = default, b = default, factor = L.Load(scale + at);
                float* own = w, slope = slopes + at;
                for (int k = 0; k < op.Channels; k++, own += next, slope += lanes)
                {
                    F q = L.Load(slope);
                    a = L.Fma(L.Broadcast(own[0]), q, a);
                    b = L.Fma(L.Broadcast(own[step]), q, b);
                }
                a = L.Multiply(a, factor);
                b = L.Multiply(b, factor);
                L.Store(largest + at, L.Max(L.AsFloat(L.And(L.AsInt(L.Max(a, b)), magnitude)), L.Load(largest + at)));
                L.Store(to + at, L.Add(L.Load(to + at), a));
                if (beside > 0) L.Store(to + beside + at, L.Add(L.Load(to + beside + at), b));
            }
        }
    }

    private static void Fill(Op op, float* w, bool max, float* table)
    {
        if (op.Columns == 2)
        {
            FillForTwo(op, w, max, table);
            return;
        }
        int* exponents = (int*)(table + Codes * op.Channels), errors = exponents + Codes;
        float* factors = (float*)(errors + Codes), largest = factors;
        new Span<float>(largest, op.Columns + 1).Clear();
        for (int k = 0; k < op.Channels; k++)
        {
            float* row = table + k * Codes;
            float all = 0;
            for (int s = 0; s < op.Columns; s++, w += op.Stride)
            {
                row[s] = *w;
                largest[s] = Math.Max(largest[s], *w);
                all = max ? Math.Max(all, *w) : all + *w;
            }
            row[op.Columns] = all;
            largest[op.Columns] = Math.Max(largest[op.Columns], all);
        }
        for (int code = 0; code <= op.Columns; code++)
        {
            // As RegionKernel.Renormalise does it: the exponent bits of the largest channel.
            int bits = BitConverter.SingleToInt32Bits(largest[code]) & 0x7f800000, shift = (bits >> 23) - 127;
            float factor = factors[code] = BitConverter.Int32BitsToSingle((254 << 23) - bits);
            exponents[code] = shift;
            errors[code] = SimdLimits.Lost - shift;
            for (int k = 0; k < op.Channels; k++) table[k * Codes + code] *= factor;
        }
    }

    /// <summary>The same for two values, which with a hidden one fit half a vector: most leaves are of that kind.</summary>
    private static void FillForTwo(Op op, float* w, bool max, float* table)
    {
        float* first = w;
        int next = op.Stride;
        Vector128<float> largest = default;
        for (int k = 0; k < op.Channels; k++, w += 2 * next)
        {
            float a = w[0], b = w[next];
            largest = Vector128.Max(largest, Vector128.Create(a, b, max ? Math.Max(a, b) : a + b, 0));
        }
        Vector128<int> bits = largest.AsInt32() & Vector128.Create(0x7f800000), shift = (bits >> 23) - Vector128.Create(127);
        Vector128<float> factor = (Vector128.Create(254 << 23) - bits).AsSingle();
        w = first;
        for (int k = 0; k < op.Channels; k++, w += 2 * next)
        {
            float a = w[0], b = w[next];
            Vector128.Store(Vector128.Create(a, b, max ? Math.Max(a, b) : a + b, 0) * factor, table + k * Codes);
        }
        int* exponents = (int*)(table + Codes * op.Channels);
        Vector128.Store(shift, exponents);
        Vector128.Store(Vector128.Create(SimdLimits.Lost) - shift, exponents + Codes);
        Vector128.Store(factor, (float*)(exponents + 2 * Codes));
    }
}
