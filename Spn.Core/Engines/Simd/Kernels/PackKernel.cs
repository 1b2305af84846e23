using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums and products of sixteen equal subtrees side by side: one subtree a lane, one joint state at a time.</summary>
/// <remarks>Weights are a vector of sixteen blocks, so nothing is broadcast and no statistic needs a horizontal sum.</remarks>
internal static unsafe class PackKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;
    private const int Lanes = 16;

    /// <summary>p = a * b over a whole region, [channel, 16].</summary>
    [MethodImpl(Hot)]
    public static void Multiply(float* a, float* b, float* p, int channels)
    {
        for (int at = 0; at < channels * Lanes; at += L.Count) L.Store(p + at, L.Multiply(L.Load(a + at), L.Load(b + at)));
    }

    /// <summary>q += d * x over a whole region, [channel, 16].</summary>
    [MethodImpl(Hot)]
    public static void MultiplyAdd(float* d, float* x, float* q, int channels)
    {
        for (int at = 0; at < channels * Lanes; at += L.Count) L.Store(q + at, L.Fma(L.Load(d + at), L.Load(x + at), L.Load(q + at)));
    }

    /// <summary>p = a * b for every pair of states; b's state is the higher part of the pair's.</summary>
    /// <param name="a">[state of a, channel, 16]</param>
    /// <param name="statesA">States of a.</param>
    /// <param name="b">[state of b, channel, 16]</param>
    /// <param name="statesB">States of b.</param>
    /// <param name="p">Receives [state, channel, 16].</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static void Products(float* a, int statesA, float* b, int statesB, float* p, int channels)
    {
        int size = channels * Lanes;
        for (int sb = 0; sb < statesB; sb++, b += size)
            for (int sa = 0; sa < statesA; sa++, p += size)
                for (int at = 0; at < size; at += L.Count)
                    L.Store(p + at, L.Multiply(L.Load(a + sa * size + at), L.Load(b + at)));
    }

    /// <summary>Exponents add; errors take the larger one and what a product adds; for every pair of states.</summary>
    [MethodImpl(Hot)]
    public static void Exponents(int* ea, int* errorA, int statesA, int* eb, int* errorB, int statesB, int* e, int* error)
    {
        for (int sb = 0; sb < statesB; sb++)
            for (int sa = 0; sa < statesA; sa++, e += Lanes, error += Lanes)
                for (int lane = 0; lane < Lanes; lane += L.Count)
                {
                    L.StoreInt(e + lane, L.AddInt(L.LoadInt(ea + sa * Lanes + lane), L.LoadInt(eb + sb * Lanes + lane)));
                    L.StoreInt(error + lane,
                        L.AddInt(L.MaxInt(L.LoadInt(errorA + sa * Lanes + lane), L.LoadInt(errorB + sb * Lanes + lane)), L.BroadcastInt(SimdLimits.FactorBits)));
                }
    }

    /// <summary>y_i = sum_j w_ij p_j for every state, scaled so that the largest lies in [1, 2).</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="p">[state, column, 16]</param>
    /// <param name="y">Receives [state, row, 16].</param>
    /// <param name="scale">Receives the factors, [state, 16].</param>
    /// <param name="e">Exponents, [state, 16], added to.</param>
    /// <param name="error">Error exponents, [state, 16], raised as the sum is scaled up.</param>
    /// <param name="states">Number of states.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Sum(float* w, float* p, float* y, float* scale, int* e, int* error, int states, int rows, int columns)
    {
        I mask = L.BroadcastInt(0x7f800000), twice = L.BroadcastInt(254 << 23), bias = L.BroadcastInt(127);
        for (int state = 0; state < states; state++, p += columns * Lanes, y += rows * Lanes, scale += Lanes, e += Lanes, error += Lanes)
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                F max = default;
                float* weight = w + lane;
                for (int i = 0; i < rows; i++)
                {
                    F sum = L.Multiply(L.Load(weight), L.Load(p + lane));
                    weight += Lanes;
                    for (int j = 1; j < columns; j++, weight += Lanes) sum = L.Fma(L.Load(weight), L.Load(p + j * Lanes + lane), sum);
                    L.Store(y + i * Lanes + lane, sum);
                    max = L.Max(max, sum);
                }
                I bits = L.And(L.AsInt(max), mask);
                F factor = L.AsFloat(L.SubtractInt(twice, bits));
                for (int o = lane; o < rows * Lanes; o += Lanes) L.Store(y + o, L.Multiply(L.Load(y + o), factor));
                L.Store(scale + lane, factor);
                I shift = L.SubtractInt(L.ShiftRight23(bits), bias);
                L.StoreInt(e + lane, L.AddInt(L.LoadInt(e + lane), shift));
                L.StoreInt(error + lane, L.SubtractInt(L.LoadInt(error + lane), shift));
            }
    }

    /// <summary>r = q * scale in place, then d_j = sum_i w_ij r_i, for every state.</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="q">Slopes of the sum, [state, row, 16], in place.</param>
    /// <param name="scale">Factors of <see cref="Sum"/>.</param>
    /// <param name="d">Receives [state, column, 16], or null when nothing below needs it.</param>
    /// <param name="largest">Largest |r| of a lane, in place.</param>
    /// <param name="states">Number of states.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Slopes(float* w, float* q, float* scale, float* d, float* largest, int states, int rows, int columns)
    {
        I magnitude = L.BroadcastInt(0x7fffffff);
        for (int state = 0; state < states; state++, q += rows * Lanes, scale += Lanes)
        {
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                F factor = L.Load(scale + lane), max = L.Load(largest + lane);
                for (int o = lane; o < rows * Lanes; o += Lanes)
                {
                    F r = L.Multiply(L.Load(q + o), factor);
                    max = L.Max(L.AsFloat(L.And(L.AsInt(r), magnitude)), max);
                    L.Store(q + o, r);
                }
                L.Store(largest + lane, max);
                if (d == null) continue;
                for (int j = 0; j < columns; j++)
                {
                    float* weight = w + j * Lanes + lane;
                    F sum = L.Multiply(L.Load(weight), L.Load(q + lane));
                    for (int i = 1; i < rows; i++) sum = L.Fma(L.Load(weight + i * columns * Lanes), L.Load(q + i * Lanes + lane), sum);
                    L.Store(d + j * Lanes + lane, sum);
                }
            }
            if (d != null) d += columns * Lanes;
        }
    }

    /// <summary>Slopes of both factors of a product: qa += d * b and qb += d * a, summed over the states of the other.</summary>
    /// <param name="d">Slopes of the product, [state, channel, 16].</param>
    /// <param name="a">[state of a, channel, 16]</param>
    /// <param name="qa">Its slopes, added to.</param>
    /// <param name="statesA">States of a.</param>
    /// <param name="b">[state of b, channel, 16]</param>
    /// <param name="qb">Its slopes, added to.</param>
    /// <param name="statesB">States of b.</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static void PassOn(float* d, float* a, float* qa, int statesA, float* b, float* qb, int statesB, int channels)
    {
        int size = channels * Lanes;
        for (int sb = 0; sb < statesB; sb++, b += size, qb += size)
            for (int sa = 0; sa < statesA; sa++, d += size)
                for (int at = 0; at < size; at += L.Count)
                {
                    F slope = L.Load(d + at);
                    float* toA = qa + sa * size + at;
                    L.Store(toA, L.Fma(slope, L.Load(b + at), L.Load(toA)));
                    L.Store(qb + at, L.Fma(slope, L.Load(a + sa * size + at), L.Load(qb + at)));
                }
    }

    /// <summary>s_ij += sum over states of r_i p_j.</summary>
    /// <param name="s">Statistics, [row, column, 16].</param>
    /// <param name="r">[state, row, 16]</param>
    /// <param name="p">[state, column, 16]</param>
    /// <param name="states">Number of states.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void AddStatistics(float* s, float* r, float* p, int states, int rows, int columns)
    {
        for (int lane = 0; lane < Lanes; lane += L.Count)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                {
                    float* x = r + i * Lanes + lane, y = p + j * Lanes + lane, to = s + (i * columns + j) * Lanes + lane;
                    F sum = L.Load(to);
                    for (int state = 0; state < states; state++, x += rows * Lanes, y += columns * Lanes) sum = L.Fma(L.Load(x), L.Load(y), sum);
                    L.Store(to, sum);
                }
    }
}
