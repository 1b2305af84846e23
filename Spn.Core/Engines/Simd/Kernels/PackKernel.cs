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

    /// <summary>y_i = sum_j w_ij p_j, scaled so that the largest lies in [1, 2).</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="p">[column, 16]</param>
    /// <param name="y">Receives [row, 16].</param>
    /// <param name="scale">Receives the factors, [16].</param>
    /// <param name="e">Exponents, [16], added to.</param>
    /// <param name="error">Error exponents, [16], raised as the sum is scaled up.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Sum(float* w, float* p, float* y, float* scale, int* e, int* error, int rows, int columns)
    {
        I mask = L.BroadcastInt(0x7f800000), twice = L.BroadcastInt(254 << 23), bias = L.BroadcastInt(127);
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

    /// <summary>r = q * scale in place, then d_j = sum_i w_ij r_i.</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="q">Slopes of the sum, [row, 16], in place.</param>
    /// <param name="scale">Factors of <see cref="Sum"/>.</param>
    /// <param name="d">Receives [column, 16].</param>
    /// <param name="largest">Largest |r| of a lane, in place.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Slopes(float* w, float* q, float* scale, float* d, float* largest, int rows, int columns)
    {
        I magnitude = L.BroadcastInt(0x7fffffff);
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
            for (int j = 0; j < columns; j++)
            {
                float* weight = w + j * Lanes + lane;
                F sum = L.Multiply(L.Load(weight), L.Load(q + lane));
                for (int i = 1; i < rows; i++) sum = L.Fma(L.Load(weight + i * columns * Lanes), L.Load(q + i * Lanes + lane), sum);
                L.Store(d + j * Lanes + lane, sum);
            }
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
