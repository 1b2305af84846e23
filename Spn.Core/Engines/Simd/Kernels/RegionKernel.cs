using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Element-wise work on the units of a region: products, renormalisation by powers of two, state tables.</summary>
/// <remarks>Units are [channel, lane]; exponents, scales and guards are [lane].</remarks>
internal static unsafe class RegionKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;
    private const int ExponentBits = 0x7f800000;

    /// <summary>y = a * b, element by element.</summary>
    [MethodImpl(Hot)]
    public static void Multiply(float* a, float* b, float* y, int count)
    {
        int n = L.Count;
        for (int at = 0; at < count; at += n) L.Store(y + at, L.Multiply(L.Load(a + at), L.Load(b + at)));
    }

    /// <summary>The most factors that <see cref="Product"/> takes.</summary>
    public const int MostFactors = 4;

    /// <summary>y = (or +=) the product of one to four factors, element by element, in one pass over memory; y may be one of them.</summary>
    [MethodImpl(Hot)]
    public static void Product(float** factors, int number, float* y, int count, bool add)
    {
        int n = L.Count;
        float* a = factors[0], b = number > 1 ? factors[1] : null, c = number > 2 ? factors[2] : null, d = number > 3 ? factors[3] : null;
        for (int at = 0; at < count; at += n)
        {
            F product = L.Load(a + at);
            if (b != null) product = L.Multiply(product, L.Load(b + at));
            if (c != null) product = L.Multiply(product, L.Load(c + at));
            if (d != null) product = L.Multiply(product, L.Load(d + at));
            if (add) product = L.Add(product, L.Load(y + at));
            L.Store(y + at, product);
        }
    }

    /// <summary>y += a * b, element by element.</summary>
    [MethodImpl(Hot)]
    public static void MultiplyAdd(float* a, float* b, float* y, int count)
    {
        int n = L.Count;
        for (int at = 0; at < count; at += n) L.Store(y + at, L.Fma(L.Load(a + at), L.Load(b + at), L.Load(y + at)));
    }

    /// <summary>y += a, element by element.</summary>
    [MethodImpl(Hot)]
    public static void Add(float* a, float* y, int count)
    {
        int n = L.Count;
        for (int at = 0; at < count; at += n) L.Store(y + at, L.Add(L.Load(a + at), L.Load(y + at)));
    }

    /// <summary>y = a + b for exponents.</summary>
    [MethodImpl(Hot)]
    public static void AddExponents(int* a, int* b, int* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n) L.StoreInt(y + at, L.AddInt(L.LoadInt(a + at), L.LoadInt(b + at)));
    }

    /// <summary>y = max(a, b) for exponents.</summary>
    [MethodImpl(Hot)]
    public static void MaxExponents(int* a, int* b, int* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n) L.StoreInt(y + at, L.MaxInt(L.LoadInt(a + at), L.LoadInt(b + at)));
    }

    /// <summary>factor = 2^(e - reference), 0 where that is below the float range.</summary>
    [MethodImpl(Hot)]
    public static void PowerOfDifference(int* e, int* reference, float* factor, int lanes)
    {
        int n = L.Count;
        I bias = L.BroadcastInt(127), zero = L.BroadcastInt(0);
        for (int at = 0; at < lanes; at += n)
        {
            // A negative difference is clamped before the shift: exponent 0 is the number 0.
            I biased = L.MaxInt(L.AddInt(L.MaxInt(L.SubtractInt(L.LoadInt(e + at), L.LoadInt(reference + at)), L.BroadcastInt(-1000)), bias), zero);
            L.Store(factor + at, L.AsFloat(L.ShiftLeft23(biased)));
        }
    }

    /// <summary>y[channel][lane] = x[channel][lane] * factor[lane].</summary>
    [MethodImpl(Hot)]
    public static void Scale(float* x, float* factor, float* y, int channels, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            F f = L.Load(factor + at);
            for (int o = at; o < channels * lanes; o += lanes) L.Store(y + o, L.Multiply(L.Load(x + o), f));
        }
    }

    /// <summary>y += by, for exponents.</summary>
    [MethodImpl(Hot)]
    public static void Raise(int* y, int by, int lanes)
    {
        int n = L.Count;
        I more = L.BroadcastInt(by);
        for (int at = 0; at < lanes; at += n) L.StoreInt(y + at, L.AddInt(L.LoadInt(y + at), more));
    }

    /// <summary>y = max over sources of (error + exponent - highest exponent), for regions that are brought to one exponent.</summary>
    [MethodImpl(Hot)]
    public static void AlignErrors(int* error, int* e, int* highest, int* y, bool first, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            I own = L.AddInt(L.LoadInt(error + at), L.MaxInt(L.SubtractInt(L.LoadInt(e + at), L.LoadInt(highest + at)), L.BroadcastInt(-1000)));
            L.StoreInt(y + at, first ? own : L.MaxInt(L.LoadInt(y + at), own));
        }
    }

    /// <summary>
    /// Scales a region so that its largest channel lies in [1, 2), adds the power of two to the exponents and takes it from the
    /// errors: what was lost below the float range weighs more beside a smaller largest channel.
    /// </summary>
    /// <remarks>Where every channel stands far above the error, the error is a small relative one of each and stops growing.</remarks>
    /// <param name="y">Units, [channel, lane], in place.</param>
    /// <param name="channels">Number of channels.</param>
    /// <param name="e">Exponents, in place.</param>
    /// <param name="error">Error exponents, in place, or null.</param>
    /// <param name="scale">Receives the factor, or null.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Renormalise(float* y, int channels, int* e, int* error, float* scale, int lanes)
    {
        int n = L.Count, end = channels * lanes;
        I mask = L.BroadcastInt(ExponentBits), twice = L.BroadcastInt(254 << 23), bias = L.BroadcastInt(127);
        F small = L.Broadcast(SimdLimits.Visible);
        for (int at = 0; at < lanes; at += n)
        {
            F max = L.Load(y + at), min = max;
            for (int o = at + lanes; o < end; o += lanes)
            {
                F unit = L.Load(y + o);
                max = L.Max(max, unit);
                min = L.Min(min, unit);
            }
            I bits = L.And(L.AsInt(max), mask);
            F factor = L.AsFloat(L.SubtractInt(twice, bits));
            for (int o = at; o < end; o += lanes) L.Store(y + o, L.Multiply(L.Load(y + o), factor));
            I shift = L.SubtractInt(L.ShiftRight23(bits), bias);
            L.StoreInt(e + at, L.AddInt(L.LoadInt(e + at), shift));
            if (scale != null) L.Store(scale + at, factor);
            if (error == null) continue;
            I own = L.SubtractInt(L.LoadInt(error + at), shift);
            // (error <= Settled) and (min >= Visible): both tests as positive numbers, so that one product of masks decides.
            F settled = L.WherePositive(L.Subtract(L.Multiply(min, factor), small), L.WherePositive(L.ToFloat(L.SubtractInt(L.BroadcastInt(SimdLimits.Settled), own)), L.Broadcast(1f)));
            I reset = L.Round(settled);
            L.StoreInt(error + at, L.AddInt(own, L.MultiplyInt(reset, L.SubtractInt(L.BroadcastInt(SimdLimits.Lost), own))));
        }
    }

    /// <summary>r = q * scale, and the largest |r| of a lane is kept: slopes that leave the float range are found there.</summary>
    /// <returns>Whether the largest of a lane leaves the range.</returns>
    [MethodImpl(Hot)]
    public static bool ScaleSlopes(float* q, float* scale, float* r, int channels, float* largest, int lanes)
    {
        int n = L.Count, end = channels * lanes;
        I magnitude = L.BroadcastInt(0x7fffffff);
        F worst = default;
        for (int at = 0; at < lanes; at += n)
        {
            F factor = L.Load(scale + at), max = L.Load(largest + at);
            for (int o = at; o < end; o += lanes)
            {
                F scaled = L.Multiply(L.Load(q + o), factor);
                // The order matters: a NaN gives way to what was seen before, an infinity.
                max = L.Max(L.AsFloat(L.And(L.AsInt(scaled), magnitude)), max);
                L.Store(r + o, scaled);
            }
            L.Store(largest + at, max);
            worst = L.Max(worst, max);
        }
        return LeavesRange(worst);
    }

    /// <summary>Whether a lane is not below <see cref="SimdLimits.LargestSlope"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LeavesRange(F largest) =>
        L.Sum(L.WherePositive(L.Subtract(L.Broadcast(SimdLimits.LargestSlope), largest), L.Broadcast(1f))) < L.Count;

    /// <summary>Channel s is 1 where the variable equals s.</summary>
    [MethodImpl(Hot)]
    public static void Indicators(byte* x, float* y, int states, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            I value = L.Widen(x + at);
            for (int s = 0; s < states; s++) L.Store(y + s * lanes + at, L.OneWhereEqual(value, L.BroadcastInt(s)));
        }
    }

    /// <summary>Puts given units and exponent where a lane is hidden.</summary>
    /// <param name="hidden">0 where a lane keeps its units.</param>
    /// <param name="values">The units, [channel].</param>
    /// <param name="exponent">Their exponent.</param>
    /// <param name="y">Units, [channel, lane], in place.</param>
    /// <param name="channels">Number of channels.</param>
    /// <param name="e">Exponents, in place.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Replace(byte* hidden, float* values, int exponent, float* y, int channels, int* e, int lanes)
    {
        int n = L.Count;
        I zero = L.BroadcastInt(0), other = L.BroadcastInt(exponent);
        for (int at = 0; at < lanes; at += n)
        {
            F keeps = L.OneWhereEqual(L.Widen(hidden + at), zero), gives = L.Subtract(L.Broadcast(1f), keeps);
            for (int k = 0; k < channels; k++)
            {
                float* to = y + (long)k * lanes + at;
                L.Store(to, L.Add(L.WherePositive(keeps, L.Load(to)), L.Multiply(gives, L.Broadcast(values[k]))));
            }
            L.StoreInt(e + at, L.AddInt(L.MultiplyInt(L.LoadInt(e + at), L.Round(keeps)), L.MultiplyInt(other, L.Round(gives))));
        }
    }

    /// <summary>The state of a subtree: bit i is the value of variable i.</summary>
    /// <param name="codes">Values, 0 or 1, [variable, lane].</param>
    /// <param name="stride">Distance between variables.</param>
    /// <param name="variables">The subtree's variables.</param>
    /// <param name="states">Receives the states, up to a multiple of 32.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void States(byte* codes, int stride, ReadOnlySpan<int> variables, byte* states, int lanes)
    {
        for (int at = 0; at < lanes; at += 32)
        {
            Vector256<byte> state = default;
            for (int i = variables.Length - 1; i >= 0; i--) state = state + state + Vector256.Load(codes + (long)variables[i] * stride + at);
            Vector256.Store(state, states + at);
        }
    }

    /// <summary>Units, exponents and errors by state, from a table of 16 states.</summary>
    /// <param name="table">[channel, state], then 16 exponents, then 16 errors.</param>
    /// <param name="channels">Number of channels.</param>
    /// <param name="states">State of each lane.</param>
    /// <param name="y">Receives the units.</param>
    /// <param name="e">Receives the exponents.</param>
    /// <param name="error">Receives the errors, or null.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Lookup(float* table, int channels, byte* states, float* y, int* e, int* error, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            I state = L.Widen(states + at);
            for (int k = 0; k < channels; k++) L.Store(y + k * lanes + at, L.Lookup(table + 16 * k, state));
            L.StoreInt(e + at, L.AsInt(L.Lookup(table + 16 * channels, state)));
            if (error != null) L.StoreInt(error + at, L.AsInt(L.Lookup(table + 16 * (channels + 1), state)));
        }
    }

    /// <summary>Adds each lane's slopes to the slopes of its state.</summary>
    /// <remarks>Most lanes of sparse data are in state 0: their sum is taken by vectors, only the others go one by one.</remarks>
    /// <param name="q">[channel, lane]</param>
    /// <param name="channels">Number of channels.</param>
    /// <param name="states">State of each lane.</param>
    /// <param name="slopes">[channel, state], added to.</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Scatter(float* q, int channels, byte* states, float* slopes, int lanes)
    {
        int k = 0;
        for (; k + 5 <= channels; k += 5) ScatterFive(q + k * lanes, states, slopes + 16 * k, lanes);
        for (; k < channels; k++)
            for (int at = 0; at < lanes; at++)
                slopes[16 * k + states[at]] += q[k * lanes + at];
    }

    [MethodImpl(Hot)]
    private static void ScatterFive(float* q0, byte* states, float* slopes, int lanes)
    {
        float* q1 = q0 + lanes, q2 = q1 + lanes, q3 = q2 + lanes, q4 = q3 + lanes;
        int n = L.Count;
        F s0 = default, s1 = default, s2 = default, s3 = default, s4 = default;
        I zero = L.BroadcastInt(0);
        for (int at = 0; at < lanes; at += n)
        {
            F isZero = L.OneWhereEqual(L.Widen(states + at), zero);
            s0 = L.Fma(isZero, L.Load(q0 + at), s0);
            s1 = L.Fma(isZero, L.Load(q1 + at), s1);
            s2 = L.Fma(isZero, L.Load(q2 + at), s2);
            s3 = L.Fma(isZero, L.Load(q3 + at), s3);
            s4 = L.Fma(isZero, L.Load(q4 + at), s4);
        }
        slopes[0] += L.Sum(s0);
        slopes[16] += L.Sum(s1);
        slopes[32] += L.Sum(s2);
        slopes[48] += L.Sum(s3);
        slopes[64] += L.Sum(s4);
        for (int first = 0; first < lanes; first += 32)
        {
            uint others = ~Vector256.Equals(Vector256.Load(states + first), Vector256<byte>.Zero).ExtractMostSignificantBits();
            if (lanes - first < 32) others &= (1u << (lanes - first)) - 1;
            for (; others != 0; others &= others - 1)
            {
                int at = first + BitOperations.TrailingZeroCount(others);
                float* own = slopes + states[at];
                own[0] += q0[at];
                own[16] += q1[at];
                own[32] += q2[at];
                own[48] += q3[at];
                own[64] += q4[at];
            }
        }
    }
}

/// <summary>Where the scaled linear form hands over to log space.</summary>
/// <remarks>
/// Numbers below 2^-126 count as 0. Every region carries an exponent that bounds what may have been lost that way, relative to its
/// largest channel: a product of T factors, each below 2, takes the largest of their bounds and 2 (T - 1) bits more, and scaling up
/// by 2^k raises it by k. A sample whose bound
/// at the root is not far below its likelihood is redone in log space.
/// </remarks>
internal static class SimdLimits
{
    /// <summary>Error exponent of numbers that were just read: what lies below the float range is lost.</summary>
    public const int Lost = -125;

    /// <summary>Bits that a product adds to the larger error of two factors: each factor is below 2, and there are two.</summary>
    public const int FactorBits = 2;

    /// <summary>A root whose lost part may exceed 2^-22 of it is redone.</summary>
    public const double Tolerated = 2.4e-7;

    /// <summary>Channels of at least 2^-30 stand far above an error of at most 2^<see cref="Settled"/>.</summary>
    public const float Visible = 9.3e-10f;

    /// <summary>See <see cref="Visible"/>.</summary>
    public const int Settled = -60;

    /// <summary>A slope above 2^100 may overflow further down.</summary>
    public const float LargestSlope = 1.2676506e30f;
}
