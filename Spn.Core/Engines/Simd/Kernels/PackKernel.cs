using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums and products of sixteen equal subtrees side by side: one subtree a lane, one joint state at a time.</summary>
/// <remarks>
/// Weights are a vector of sixteen blocks, so nothing is broadcast and no statistic needs a horizontal sum.
/// Sets of states are bits of an integer; what belongs to other states is neither read nor written.
/// </remarks>
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

    /// <summary>q += d over a whole region, [channel, 16].</summary>
    [MethodImpl(Hot)]
    public static void Add(float* d, float* q, int channels)
    {
        for (int at = 0; at < channels * Lanes; at += L.Count) L.Store(q + at, L.Add(L.Load(d + at), L.Load(q + at)));
    }

    /// <summary>The states with a slope other than 0.</summary>
    /// <param name="q">Slopes, [state, channel, 16].</param>
    /// <param name="count">Number of states.</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static uint StatesWithSlopes(float* q, int count, int channels)
    {
        uint states = 0;
        for (int state = 0; state < count; state++)
        {
            Vector256<int> bits = default;
            for (int at = 0; at < channels * Lanes; at += 8, q += 8) bits |= Vector256.Load((int*)q);
            if (bits != Vector256<int>.Zero) states |= 1u << state;
        }
        return states;
    }

    /// <summary>p = a * b; a state of p has that of a in its low bits and that of b above a shift. p may be a.</summary>
    /// <param name="a">[state of a, channel, 16]</param>
    /// <param name="statesA">States of a.</param>
    /// <param name="b">[state of b, channel, 16]</param>
    /// <param name="statesB">States of b.</param>
    /// <param name="shift">First bit of b's state.</param>
    /// <param name="p">Receives [state, channel, 16].</param>
    /// <param name="states">The states wanted.</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static void Products(float* a, int statesA, float* b, int statesB, int shift, float* p, uint states, int channels)
    {
        int size = channels * Lanes;
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            float* x = a + (state & (statesA - 1)) * size, z = b + (state >> shift & (statesB - 1)) * size, to = p + state * size;
            for (int at = 0; at < size; at += L.Count) L.Store(to + at, L.Multiply(L.Load(x + at), L.Load(z + at)));
        }
    }

    /// <summary>Exponents add; errors take the larger one and what a product adds. States are those of <see cref="Products"/>.</summary>
    [MethodImpl(Hot)]
    public static void Exponents(int* ea, int* errorA, int statesA, int* eb, int* errorB, int statesB, int shift, int* e, int* error, uint states)
    {
        I more = L.BroadcastInt(SimdLimits.FactorBits);
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            int a = (state & (statesA - 1)) * Lanes, b = (state >> shift & (statesB - 1)) * Lanes, to = state * Lanes;
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                L.StoreInt(e + to + lane, L.AddInt(L.LoadInt(ea + a + lane), L.LoadInt(eb + b + lane)));
                L.StoreInt(error + to + lane, L.AddInt(L.MaxInt(L.LoadInt(errorA + a + lane), L.LoadInt(errorB + b + lane)), more));
            }
        }
    }

    /// <summary>y_i = w_is for both states s of an indicator, scaled as <see cref="Sum"/> does.</summary>
    /// <param name="w">Weights, [row, 2, 16].</param>
    /// <param name="y">Receives [state, row, 16].</param>
    /// <param name="scale">Receives the factors, [state, 16].</param>
    /// <param name="e">Receives the exponents, [state, 16].</param>
    /// <param name="error">Receives the error exponents, [state, 16].</param>
    /// <param name="rows">Rows of a block.</param>
    [MethodImpl(Hot)]
    public static void Pick(float* w, float* y, float* scale, int* e, int* error, int rows)
    {
        for (int state = 0; state < 2; state++, w += Lanes, y += rows * Lanes, scale += Lanes, e += Lanes, error += Lanes)
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                F max = default;
                for (int i = 0; i < rows; i++)
                {
                    F unit = L.Load(w + 2 * i * Lanes + lane);
                    L.Store(y + i * Lanes + lane, unit);
                    max = L.Max(max, unit);
                }
                L.StoreInt(e + lane, L.BroadcastInt(0));
                L.StoreInt(error + lane, L.BroadcastInt(SimdLimits.Lost));
                F factor = Rescale(max, scale + lane, e + lane, error + lane);
                for (int o = lane; o < rows * Lanes; o += Lanes) L.Store(y + o, L.Multiply(L.Load(y + o), factor));
            }
    }

    /// <summary>s_is += r_i for the states s of an indicator.</summary>
    /// <param name="s">Statistics, [row, 2, 16].</param>
    /// <param name="r">[state, row, 16]</param>
    /// <param name="states">The states that count.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="first">Whether nothing was added before: what is there then gives way.</param>
    [MethodImpl(Hot)]
    public static void PickStatistics(float* s, float* r, uint states, int rows, bool first)
    {
        for (int i = 0; i < rows; i++)
            for (int state = 0; state < 2; state++)
                for (int lane = 0; lane < Lanes; lane += L.Count)
                {
                    float* to = s + (2 * i + state) * Lanes + lane;
                    F sum = first ? default : L.Load(to);
                    if ((states >> state & 1) != 0) sum = L.Add(sum, L.Load(r + (state * rows + i) * Lanes + lane));
                    L.Store(to, sum);
                }
    }

    /// <summary>y_i = sum_j w_ij p_j for every state, scaled so that the largest lies in [1, 2).</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="p">[state, column, 16]</param>
    /// <param name="y">Receives [state, row, 16].</param>
    /// <param name="scale">Receives the factors, [state, 16].</param>
    /// <param name="e">Exponents, [state, 16], added to.</param>
    /// <param name="error">Error exponents, [state, 16], raised as the sum is scaled up.</param>
    /// <param name="states">The states wanted.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    public static void Sum(float* w, float* p, float* y, float* scale, int* e, int* error, uint states, int rows, int columns)
    {
        if (rows == 5 && columns == 5) SumOfFive(w, p, y, scale, e, error, states);
        else SumOfAny(w, p, y, scale, e, error, states, rows, columns);
    }

    [MethodImpl(Hot)]
    private static void SumOfAny(float* w, float* p, float* y, float* scale, int* e, int* error, uint states, int rows, int columns)
    {
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                F max = default;
                float* weight = w + lane, from = p + state * columns * Lanes + lane, to = y + state * rows * Lanes + lane;
                for (int i = 0; i < rows; i++)
                {
                    F sum = L.Multiply(L.Load(weight), L.Load(from));
                    weight += Lanes;
                    for (int j = 1; j < columns; j++, weight += Lanes) sum = L.Fma(L.Load(weight), L.Load(from + j * Lanes), sum);
                    L.Store(to + i * Lanes, sum);
                    max = L.Max(max, sum);
                }
                int at = state * Lanes + lane;
                F factor = Rescale(max, scale + at, e + at, error + at);
                for (int o = 0; o < rows * Lanes; o += Lanes) L.Store(to + o, L.Multiply(L.Load(to + o), factor));
            }
        }
    }

    /// <summary>The blocks that HyperSPNs are made of, everything in registers.</summary>
    [MethodImpl(Hot)]
    private static void SumOfFive(float* w, float* p, float* y, float* scale, int* e, int* error, uint states)
    {
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                float* weight = w + lane, from = p + state * 5 * Lanes + lane, to = y + state * 5 * Lanes + lane;
                F x = L.Load(from);
                F s0 = L.Multiply(L.Load(weight), x);
                F s1 = L.Multiply(L.Load(weight + 5 * Lanes), x);
                F s2 = L.Multiply(L.Load(weight + 10 * Lanes), x);
                F s3 = L.Multiply(L.Load(weight + 15 * Lanes), x);
                F s4 = L.Multiply(L.Load(weight + 20 * Lanes), x);
                for (int j = 1; j < 5; j++)
                {
                    weight += Lanes;
                    x = L.Load(from + j * Lanes);
                    s0 = L.Fma(L.Load(weight), x, s0);
                    s1 = L.Fma(L.Load(weight + 5 * Lanes), x, s1);
                    s2 = L.Fma(L.Load(weight + 10 * Lanes), x, s2);
                    s3 = L.Fma(L.Load(weight + 15 * Lanes), x, s3);
                    s4 = L.Fma(L.Load(weight + 20 * Lanes), x, s4);
                }
                int at = state * Lanes + lane;
                F factor = Rescale(L.Max(L.Max(L.Max(s0, s1), L.Max(s2, s3)), s4), scale + at, e + at, error + at);
                L.Store(to, L.Multiply(s0, factor));
                L.Store(to + Lanes, L.Multiply(s1, factor));
                L.Store(to + 2 * Lanes, L.Multiply(s2, factor));
                L.Store(to + 3 * Lanes, L.Multiply(s3, factor));
                L.Store(to + 4 * Lanes, L.Multiply(s4, factor));
            }
        }
    }

    /// <summary>The power of two that brings the largest channel into [1, 2), kept and taken into exponent and error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F Rescale(F max, float* scale, int* e, int* error)
    {
        I bits = L.And(L.AsInt(max), L.BroadcastInt(0x7f800000));
        F factor = L.AsFloat(L.SubtractInt(L.BroadcastInt(254 << 23), bits));
        I shift = L.SubtractInt(L.ShiftRight23(bits), L.BroadcastInt(127));
        L.Store(scale, factor);
        L.StoreInt(e, L.AddInt(L.LoadInt(e), shift));
        L.StoreInt(error, L.SubtractInt(L.LoadInt(error), shift));
        return factor;
    }

    /// <summary>r = q * scale in place, then d_j = sum_i w_ij r_i, for every state.</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="q">Slopes of the sum, [state, row, 16], in place.</param>
    /// <param name="scale">Factors of <see cref="Sum"/>.</param>
    /// <param name="d">Receives [state, column, 16], or null when nothing below needs it.</param>
    /// <param name="largest">Largest |r| of a lane, in place.</param>
    /// <param name="states">The states with slopes.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Slopes(float* w, float* q, float* scale, float* d, float* largest, uint states, int rows, int columns)
    {
        I magnitude = L.BroadcastInt(0x7fffffff);
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            for (int lane = 0; lane < Lanes; lane += L.Count)
            {
                float* own = q + state * rows * Lanes + lane;
                F factor = L.Load(scale + state * Lanes + lane), max = L.Load(largest + lane);
                for (int o = 0; o < rows * Lanes; o += Lanes)
                {
                    F r = L.Multiply(L.Load(own + o), factor);
                    max = L.Max(L.AsFloat(L.And(L.AsInt(r), magnitude)), max);
                    L.Store(own + o, r);
                }
                L.Store(largest + lane, max);
                if (d == null) continue;
                float* to = d + state * columns * Lanes + lane;
                if (rows == 5)
                {
                    CarryFive(w + lane, own, to, columns);
                    continue;
                }
                for (int j = 0; j < columns; j++)
                {
                    float* weight = w + j * Lanes + lane;
                    F sum = L.Multiply(L.Load(weight), L.Load(own));
                    for (int i = 1; i < rows; i++) sum = L.Fma(L.Load(weight + i * columns * Lanes), L.Load(own + i * Lanes), sum);
                    L.Store(to + j * Lanes, sum);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CarryFive(float* w, float* r, float* d, int columns)
    {
        F r0 = L.Load(r), r1 = L.Load(r + Lanes), r2 = L.Load(r + 2 * Lanes), r3 = L.Load(r + 3 * Lanes), r4 = L.Load(r + 4 * Lanes);
        int row = columns * Lanes;
        for (int j = 0; j < columns; j++, w += Lanes, d += Lanes)
        {
            F low = L.Fma(L.Load(w + row), r1, L.Multiply(L.Load(w), r0)), high = L.Fma(L.Load(w + 3 * row), r3, L.Multiply(L.Load(w + 2 * row), r2));
            L.Store(d, L.Add(L.Fma(L.Load(w + 4 * row), r4, low), high));
        }
    }

    /// <summary>Slopes of both factors of a product: qa += d * b and qb += d * a, summed over the states of the other.</summary>
    /// <param name="d">Slopes of the product, [state, channel, 16].</param>
    /// <param name="a">[state of a, channel, 16]</param>
    /// <param name="qa">Its slopes, added to.</param>
    /// <param name="b">[state of b, channel, 16]</param>
    /// <param name="qb">Its slopes, added to.</param>
    /// <param name="shift">First bit of b's state; below is that of a.</param>
    /// <param name="states">The states of the product with slopes.</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static void PassOn(float* d, float* a, float* qa, float* b, float* qb, int shift, uint states, int channels)
    {
        int size = channels * Lanes;
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states), atB = (state >> shift) * size, atA = (state - (state >> shift << shift)) * size;
            for (int at = 0; at < size; at += L.Count)
            {
                F slope = L.Load(d + state * size + at);
                float* toA = qa + atA + at, toB = qb + atB + at;
                L.Store(toA, L.Fma(slope, L.Load(b + atB + at), L.Load(toA)));
                L.Store(toB, L.Fma(slope, L.Load(a + atA + at), L.Load(toB)));
            }
        }
    }

    /// <summary>s_ij += sum over states of r_i p_j.</summary>
    /// <param name="s">Statistics, [row, column, 16].</param>
    /// <param name="r">[state, row, 16]</param>
    /// <param name="p">[state, column, 16]</param>
    /// <param name="states">The states that count.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    /// <param name="first">Whether nothing was added before: what is there then gives way.</param>
    [MethodImpl(Hot)]
    public static void AddStatistics(float* s, float* r, float* p, uint states, int rows, int columns, bool first)
    {
        for (int lane = 0; lane < Lanes; lane += L.Count)
            for (int i = 0; i < rows; i++)
            {
                int j = 0;
                for (; j + 5 <= columns; j += 5)
                    AddFive(s + (i * columns + j) * Lanes + lane, r + i * Lanes + lane, p + j * Lanes + lane, states, rows, columns, first);
                for (; j < columns; j++)
                {
                    float* to = s + (i * columns + j) * Lanes + lane;
                    F sum = first ? default : L.Load(to);
                    for (uint left = states; left != 0; left &= left - 1)
                    {
                        int state = BitOperations.TrailingZeroCount(left);
                        sum = L.Fma(L.Load(r + (state * rows + i) * Lanes + lane), L.Load(p + (state * columns + j) * Lanes + lane), sum);
                    }
                    L.Store(to, sum);
                }
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFive(float* s, float* r, float* p, uint states, int rows, int columns, bool first)
    {
        F s0 = default, s1 = default, s2 = default, s3 = default, s4 = default;
        if (!first)
        {
            s0 = L.Load(s);
            s1 = L.Load(s + Lanes);
            s2 = L.Load(s + 2 * Lanes);
            s3 = L.Load(s + 3 * Lanes);
            s4 = L.Load(s + 4 * Lanes);
        }
        for (; states != 0; states &= states - 1)
        {
            int state = BitOperations.TrailingZeroCount(states);
            float* y = p + state * columns * Lanes;
            F x = L.Load(r + state * rows * Lanes);
            s0 = L.Fma(x, L.Load(y), s0);
            s1 = L.Fma(x, L.Load(y + Lanes), s1);
            s2 = L.Fma(x, L.Load(y + 2 * Lanes), s2);
            s3 = L.Fma(x, L.Load(y + 3 * Lanes), s3);
            s4 = L.Fma(x, L.Load(y + 4 * Lanes), s4);
        }
        L.Store(s, s0);
        L.Store(s + Lanes, s1);
        L.Store(s + 2 * Lanes, s2);
        L.Store(s + 3 * Lanes, s3);
        L.Store(s + 4 * Lanes, s4);
    }
}
