using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>What a mixture makes of its terms.</summary>
internal interface IJoin<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Joins weight times unit to what is there.</summary>
    static abstract F Join(F weight, F unit, F there);
}

/// <summary>Their sum.</summary>
internal readonly struct SumOfTerms<L, F, I> : IJoin<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static F Join(F weight, F unit, F there) => L.Fma(weight, unit, there);
}

/// <summary>Their largest.</summary>
internal readonly struct LargestTerm<L, F, I> : IJoin<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static F Join(F weight, F unit, F there) => L.Max(there, L.Multiply(weight, unit));
}

/// <summary>Five mixtures of the Hadamard product of two regions of five channels, everything in registers.</summary>
/// <remarks>
/// The same arithmetic as <see cref="MatrixKernel{L, F, I}"/> and <see cref="RegionKernel{L, F, I}"/> in one pass over memory.
/// Weights are interleaved: w(i, j) stands 16 (5 i + j) floats after the first. Written out, since a loop over registers does not exist.
/// </remarks>
internal static unsafe class PairKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>y = W (a * b), or the largest of the terms instead of their sum, scaled so that the largest channel lies in [1, 2).</summary>
    /// <param name="w">First weight.</param>
    /// <param name="a">Units of one region, [channel, lane].</param>
    /// <param name="b">Units of the other.</param>
    /// <param name="ea">Exponents of one region.</param>
    /// <param name="eb">Exponents of the other.</param>
    /// <param name="y">Receives the units; may be a or b.</param>
    /// <param name="e">Receives the exponents; may be ea or eb.</param>
    /// <param name="scale">Receives the factors, or null.</param>
    /// <param name="errorA">Error exponents of one region, or null.</param>
    /// <param name="errorB">Error exponents of the other, or null.</param>
    /// <param name="error">Receives the error exponents, or null; may be one of the two.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Forward<T>(
        float* w, float* a, float* b, int* ea, int* eb, float* y, int* e, float* scale, int* errorA, int* errorB, int* error, int lanes) where T : IJoin<L, F, I>
    {
        int n = L.Count, two = 2 * lanes, three = 3 * lanes, four = 4 * lanes;
        I mask = L.BroadcastInt(0x7f800000), twice = L.BroadcastInt(254 << 23), bias = L.BroadcastInt(127), more = L.BroadcastInt(SimdLimits.FactorBits);
        for (int at = 0; at < lanes; at += n)
        {
            float* x = a + at, z = b + at;
            F p0 = L.Multiply(L.Load(x), L.Load(z)), p1 = L.Multiply(L.Load(x + lanes), L.Load(z + lanes));
            F p2 = L.Multiply(L.Load(x + two), L.Load(z + two)), p3 = L.Multiply(L.Load(x + three), L.Load(z + three));
            F p4 = L.Multiply(L.Load(x + four), L.Load(z + four));
            F s0 = L.Multiply(L.Broadcast(w[0]), p0);
            F s1 = L.Multiply(L.Broadcast(w[80]), p0);
            F s2 = L.Multiply(L.Broadcast(w[160]), p0);
            F s3 = L.Multiply(L.Broadcast(w[240]), p0);
            F s4 = L.Multiply(L.Broadcast(w[320]), p0);
            s0 = T.Join(L.Broadcast(w[16]), p1, s0);
            s1 = T.Join(L.Broadcast(w[96]), p1, s1);
            s2 = T.Join(L.Broadcast(w[176]), p1, s2);
            s3 = T.Join(L.Broadcast(w[256]), p1, s3);
            s4 = T.Join(L.Broadcast(w[336]), p1, s4);
            s0 = T.Join(L.Broadcast(w[32]), p2, s0);
            s1 = T.Join(L.Broadcast(w[112]), p2, s1);
            s2 = T.Join(L.Broadcast(w[192]), p2, s2);
            s3 = T.Join(L.Broadcast(w[272]), p2, s3);
            s4 = T.Join(L.Broadcast(w[352]), p2, s4);
            s0 = T.Join(L.Broadcast(w[48]), p3, s0);
            s1 = T.Join(L.Broadcast(w[128]), p3, s1);
            s2 = T.Join(L.Broadcast(w[208]), p3, s2);
            s3 = T.Join(L.Broadcast(w[288]), p3, s3);
            s4 = T.Join(L.Broadcast(w[368]), p3, s4);
            s0 = T.Join(L.Broadcast(w[64]), p4, s0);
            s1 = T.Join(L.Broadcast(w[144]), p4, s1);
            s2 = T.Join(L.Broadcast(w[224]), p4, s2);
            s3 = T.Join(L.Broadcast(w[304]), p4, s3);
            s4 = T.Join(L.Broadcast(w[384]), p4, s4);
            F max = L.Max(L.Max(L.Max(s0, s1), L.Max(s2, s3)), s4);
            I bits = L.And(L.AsInt(max), mask);
            F factor = L.AsFloat(L.SubtractInt(twice, bits));
            float* to = y + at;
            L.Store(to, L.Multiply(s0, factor));
            L.Store(to + lanes, L.Multiply(s1, factor));
            L.Store(to + two, L.Multiply(s2, factor));
            L.Store(to + three, L.Multiply(s3, factor));
            L.Store(to + four, L.Multiply(s4, factor));
            I shift = L.SubtractInt(L.ShiftRight23(bits), bias);
            L.StoreInt(e + at, L.AddInt(L.AddInt(L.LoadInt(ea + at), L.LoadInt(eb + at)), shift));
            if (error != null) L.StoreInt(error + at, L.SubtractInt(L.AddInt(L.MaxInt(L.LoadInt(errorA + at), L.LoadInt(errorB + at)), more), shift));
            if (scale != null) L.Store(scale + at, factor);
        }
    }

    /// <summary>r = q * scale, d = transposed W r, then the slopes of a are d * b and those of b are d * a.</summary>
    /// <param name="w">First weight.</param>
    /// <param name="a">Units of one region.</param>
    /// <param name="b">Units of the other.</param>
    /// <param name="q">Slopes of the sum.</param>
    /// <param name="r">Receives them scaled; may be q.</param>
    /// <param name="scale">Factors of <see cref="Forward"/>.</param>
    /// <param name="qa">Receives the slopes of a.</param>
    /// <param name="qb">Receives the slopes of b.</param>
    /// <param name="largest">Largest |r| of a lane, in place.</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <returns>Whether the largest of a lane leaves the range.</returns>
    [MethodImpl(Hot)]
    public static bool Backward(float* w, float* a, float* b, float* q, float* r, float* scale, float* qa, float* qb, float* largest, int lanes)
    {
        int n = L.Count, two = 2 * lanes, three = 3 * lanes, four = 4 * lanes;
        I magnitude = L.BroadcastInt(0x7fffffff);
        F worst = default;
        for (int at = 0; at < lanes; at += n)
        {
            float* from = q + at, to = r + at;
            F factor = L.Load(scale + at);
            F r0 = L.Multiply(L.Load(from), factor), r1 = L.Multiply(L.Load(from + lanes), factor), r2 = L.Multiply(L.Load(from + two), factor);
            F r3 = L.Multiply(L.Load(from + three), factor), r4 = L.Multiply(L.Load(from + four), factor);
            L.Store(to, r0);
            L.Store(to + lanes, r1);
            L.Store(to + two, r2);
            L.Store(to + three, r3);
            L.Store(to + four, r4);
            F max = L.Max(L.AsFloat(L.And(L.AsInt(r0), magnitude)), L.Load(largest + at));
            max = L.Max(L.AsFloat(L.And(L.AsInt(r1), magnitude)), max);
            max = L.Max(L.AsFloat(L.And(L.AsInt(r2), magnitude)), max);
            max = L.Max(L.AsFloat(L.And(L.AsInt(r3), magnitude)), max);
            max = L.Max(L.AsFloat(L.And(L.AsInt(r4), magnitude)), max);
            L.Store(largest + at, max);
            worst = L.Max(worst, max);
            F d0 = L.Multiply(L.Broadcast(w[0]), r0);
            F d1 = L.Multiply(L.Broadcast(w[16]), r0);
            F d2 = L.Multiply(L.Broadcast(w[32]), r0);
            F d3 = L.Multiply(L.Broadcast(w[48]), r0);
            F d4 = L.Multiply(L.Broadcast(w[64]), r0);
            d0 = L.Fma(L.Broadcast(w[80]), r1, d0);
            d1 = L.Fma(L.Broadcast(w[96]), r1, d1);
            d2 = L.Fma(L.Broadcast(w[112]), r1, d2);
            d3 = L.Fma(L.Broadcast(w[128]), r1, d3);
            d4 = L.Fma(L.Broadcast(w[144]), r1, d4);
            d0 = L.Fma(L.Broadcast(w[160]), r2, d0);
            d1 = L.Fma(L.Broadcast(w[176]), r2, d1);
            d2 = L.Fma(L.Broadcast(w[192]), r2, d2);
            d3 = L.Fma(L.Broadcast(w[208]), r2, d3);
            d4 = L.Fma(L.Broadcast(w[224]), r2, d4);
            d0 = L.Fma(L.Broadcast(w[240]), r3, d0);
            d1 = L.Fma(L.Broadcast(w[256]), r3, d1);
            d2 = L.Fma(L.Broadcast(w[272]), r3, d2);
            d3 = L.Fma(L.Broadcast(w[288]), r3, d3);
            d4 = L.Fma(L.Broadcast(w[304]), r3, d4);
            d0 = L.Fma(L.Broadcast(w[320]), r4, d0);
            d1 = L.Fma(L.Broadcast(w[336]), r4, d1);
            d2 = L.Fma(L.Broadcast(w[352]), r4, d2);
            d3 = L.Fma(L.Broadcast(w[368]), r4, d3);
            d4 = L.Fma(L.Broadcast(w[384]), r4, d4);
            float* x = a + at, z = b + at, toA = qa + at, toB = qb + at;
            L.Store(toA, L.Multiply(d0, L.Load(z)));
            L.Store(toB, L.Multiply(d0, L.Load(x)));
            L.Store(toA + lanes, L.Multiply(d1, L.Load(z + lanes)));
            L.Store(toB + lanes, L.Multiply(d1, L.Load(x + lanes)));
            L.Store(toA + two, L.Multiply(d2, L.Load(z + two)));
            L.Store(toB + two, L.Multiply(d2, L.Load(x + two)));
            L.Store(toA + three, L.Multiply(d3, L.Load(z + three)));
            L.Store(toB + three, L.Multiply(d3, L.Load(x + three)));
            L.Store(toA + four, L.Multiply(d4, L.Load(z + four)));
            L.Store(toB + four, L.Multiply(d4, L.Load(x + four)));
        }
        return RegionKernel<L, F, I>.LeavesRange(worst);
    }

    /// <summary>s(i, j) += sum over lanes of r_i (a * b)_j.</summary>
    /// <param name="s">First statistic.</param>
    /// <param name="a">Units of one region.</param>
    /// <param name="b">Units of the other.</param>
    /// <param name="r">Slopes left by <see cref="Backward"/>.</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Gather(float* s, float* a, float* b, float* r, int lanes)
    {
        if (L.Count == 16) GatherAll(s, a, b, r, lanes);
        else
        {
            // Sixteen registers hold two rows of sums at a time.
            GatherTwo(s, a, b, r, r + lanes, lanes);
            GatherTwo(s + 160, a, b, r + 2 * lanes, r + 3 * lanes, lanes);
            GatherOne(s + 320, a, b, r + 4 * lanes, lanes);
        }
    }

    [MethodImpl(Hot)]
    private static void GatherAll(float* s, float* a, float* b, float* r, int lanes)
    {
        int n = L.Count, two = 2 * lanes, three = 3 * lanes, four = 4 * lanes;
        F s00 = default, s01 = default, s02 = default, s03 = default, s04 = default;
        F s10 = default, s11 = default, s12 = default, s13 = default, s14 = default;
        F s20 = default, s21 = default, s22 = default, s23 = default, s24 = default;
        F s30 = default, s31 = default, s32 = default, s33 = default, s34 = default;
        F s40 = default, s41 = default, s42 = default, s43 = default, s44 = default;
        for (int at = 0; at < lanes; at += n)
        {
            float* x = a + at, z = b + at;
            F p0 = L.Multiply(L.Load(x), L.Load(z));
            F p1 = L.Multiply(L.Load(x + lanes), L.Load(z + lanes));
            F p2 = L.Multiply(L.Load(x + two), L.Load(z + two));
            F p3 = L.Multiply(L.Load(x + three), L.Load(z + three));
            F p4 = L.Multiply(L.Load(x + four), L.Load(z + four));
            F q = L.Load(r + at);
            s00 = L.Fma(q, p0, s00);
            s01 = L.Fma(q, p1, s01);
            s02 = L.Fma(q, p2, s02);
            s03 = L.Fma(q, p3, s03);
            s04 = L.Fma(q, p4, s04);
            q = L.Load(r + lanes + at);
            s10 = L.Fma(q, p0, s10);
            s11 = L.Fma(q, p1, s11);
            s12 = L.Fma(q, p2, s12);
            s13 = L.Fma(q, p3, s13);
            s14 = L.Fma(q, p4, s14);
            q = L.Load(r + two + at);
            s20 = L.Fma(q, p0, s20);
            s21 = L.Fma(q, p1, s21);
            s22 = L.Fma(q, p2, s22);
            s23 = L.Fma(q, p3, s23);
            s24 = L.Fma(q, p4, s24);
            q = L.Load(r + three + at);
            s30 = L.Fma(q, p0, s30);
            s31 = L.Fma(q, p1, s31);
            s32 = L.Fma(q, p2, s32);
            s33 = L.Fma(q, p3, s33);
            s34 = L.Fma(q, p4, s34);
            q = L.Load(r + four + at);
            s40 = L.Fma(q, p0, s40);
            s41 = L.Fma(q, p1, s41);
            s42 = L.Fma(q, p2, s42);
            s43 = L.Fma(q, p3, s43);
            s44 = L.Fma(q, p4, s44);
        }
        s[0] += L.Sum(s00);
        s[16] += L.Sum(s01);
        s[32] += L.Sum(s02);
        s[48] += L.Sum(s03);
        s[64] += L.Sum(s04);
        s[80] += L.Sum(s10);
        s[96] += L.Sum(s11);
        s[112] += L.Sum(s12);
        s[128] += L.Sum(s13);
        s[144] += L.Sum(s14);
        s[160] += L.Sum(s20);
        s[176] += L.Sum(s21);
        s[192] += L.Sum(s22);
        s[208] += L.Sum(s23);
        s[224] += L.Sum(s24);
        s[240] += L.Sum(s30);
        s[256] += L.Sum(s31);
        s[272] += L.Sum(s32);
        s[288] += L.Sum(s33);
        s[304] += L.Sum(s34);
        s[320] += L.Sum(s40);
        s[336] += L.Sum(s41);
        s[352] += L.Sum(s42);
        s[368] += L.Sum(s43);
        s[384] += L.Sum(s44);
    }

    [MethodImpl(Hot)]
    private static void GatherTwo(float* s, float* a, float* b, float* r0, float* r1, int lanes)
    {
        int n = L.Count, two = 2 * lanes, three = 3 * lanes, four = 4 * lanes;
        F s00 = default, s01 = default, s02 = default, s03 = default, s04 = default;
        F s10 = default, s11 = default, s12 = default, s13 = default, s14 = default;
        for (int at = 0; at < lanes; at += n)
        {
            float* x = a + at, z = b + at;
            F q0 = L.Load(r0 + at), q1 = L.Load(r1 + at), p;
            p = L.Multiply(L.Load(x), L.Load(z));
            s00 = L.Fma(q0, p, s00);
            s10 = L.Fma(q1, p, s10);
            p = L.Multiply(L.Load(x + lanes), L.Load(z + lanes));
            s01 = L.Fma(q0, p, s01);
            s11 = L.Fma(q1, p, s11);
            p = L.Multiply(L.Load(x + two), L.Load(z + two));
            s02 = L.Fma(q0, p, s02);
            s12 = L.Fma(q1, p, s12);
            p = L.Multiply(L.Load(x + three), L.Load(z + three));
            s03 = L.Fma(q0, p, s03);
            s13 = L.Fma(q1, p, s13);
            p = L.Multiply(L.Load(x + four), L.Load(z + four));
            s04 = L.Fma(q0, p, s04);
            s14 = L.Fma(q1, p, s14);
        }
        s[0] += L.Sum(s00);
        s[16] += L.Sum(s01);
        s[32] += L.Sum(s02);
        s[48] += L.Sum(s03);
        s[64] += L.Sum(s04);
        s[80] += L.Sum(s10);
        s[96] += L.Sum(s11);
        s[112] += L.Sum(s12);
        s[128] += L.Sum(s13);
        s[144] += L.Sum(s14);
    }

    [MethodImpl(Hot)]
    private static void GatherOne(float* s, float* a, float* b, float* r0, int lanes)
    {
        int n = L.Count, two = 2 * lanes, three = 3 * lanes, four = 4 * lanes;
        F s00 = default, s01 = default, s02 = default, s03 = default, s04 = default;
        for (int at = 0; at < lanes; at += n)
        {
            float* x = a + at, z = b + at;
            F q0 = L.Load(r0 + at), p;
            p = L.Multiply(L.Load(x), L.Load(z));
            s00 = L.Fma(q0, p, s00);
            p = L.Multiply(L.Load(x + lanes), L.Load(z + lanes));
            s01 = L.Fma(q0, p, s01);
            p = L.Multiply(L.Load(x + two), L.Load(z + two));
            s02 = L.Fma(q0, p, s02);
            p = L.Multiply(L.Load(x + three), L.Load(z + three));
            s03 = L.Fma(q0, p, s03);
            p = L.Multiply(L.Load(x + four), L.Load(z + four));
            s04 = L.Fma(q0, p, s04);
        }
        s[0] += L.Sum(s00);
        s[16] += L.Sum(s01);
        s[32] += L.Sum(s02);
        s[48] += L.Sum(s03);
        s[64] += L.Sum(s04);
    }
}
