using System.Runtime.CompilerServices;
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
    private const int Codes = LeafSums.Codes, WeightStride = WeightGroup.Lanes;

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
    /// <param name="slopes">Scaled slopes of the sum, [channel, lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ReadOut(Op op, in RunSource source, float* slopes, int lanes)
    {
        int offset = source.ReadOuts![op.Input].Offset, channels = op.Channels, n = L.Count;
        if (offset < 0 || !source.Hides(source.Component.Inputs[op.Input].Variable)) return;
        for (int s = 0; s < op.Columns; s++)
        {
            float* w = source.Weights + source.Component.Weights[op.Place] + s * WeightStride, to = source.Numbers + (long)(offset + s) * lanes;
            for (int at = 0; at < lanes; at += n)
            {
                F sum = L.Load(to + at);
                float* own = w, slope = slopes + at;
                for (int k = 0; k < channels; k++, own += op.Columns * WeightStride, slope += lanes) sum = L.Fma(L.Broadcast(*own), L.Load(slope), sum);
                L.Store(to + at, sum);
            }
        }
    }

    private static void Fill(Op op, float* w, bool max, float* table)
    {
        int* exponents = (int*)(table + Codes * op.Channels), errors = exponents + Codes;
        float* factors = (float*)(errors + Codes);
        for (int code = 0; code <= op.Columns; code++)
        {
            float largest = 0;
            for (int k = 0; k < op.Channels; k++)
            {
                float* row = w + k * op.Columns * WeightStride;
                float unit = code < op.Columns ? row[code * WeightStride] : 0;
                for (int s = 0; code == op.Columns && s < op.Columns; s++) unit = max ? Math.Max(unit, row[s * WeightStride]) : unit + row[s * WeightStride];
                table[k * Codes + code] = unit;
                largest = Math.Max(largest, unit);
            }
            // As RegionKernel.Renormalise does it: the exponent bits of the largest channel.
            int shift = (BitConverter.SingleToInt32Bits(largest) >> 23) - 127;
            factors[code] = BitConverter.Int32BitsToSingle((254 << 23) - (shift + 127 << 23));
            exponents[code] = shift;
            errors[code] = SimdLimits.Lost - shift;
            for (int k = 0; k < op.Channels; k++) table[k * Codes + code] *= factors[code];
        }
    }
}
