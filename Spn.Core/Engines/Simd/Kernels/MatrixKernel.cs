using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Small matrices times lanes: y[i][lane] = sum_j w(i, j) x[j][lane].</summary>
/// <remarks>
/// Register tiles of 6, 5, 3 or 1 outputs by two vectors. Strides of w are free, so the same kernel serves interleaved
/// weights, plain ones and their transposes. Every method is a leaf: a vector local that lives across a call would be spilled.
/// </remarks>
internal static unsafe class MatrixKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Computes all outputs.</summary>
    /// <param name="w">First weight.</param>
    /// <param name="rowStride">Distance from w(i, j) to w(i + 1, j).</param>
    /// <param name="columnStride">Distance from w(i, j) to w(i, j + 1).</param>
    /// <param name="rows">Number of outputs.</param>
    /// <param name="columns">Number of inputs.</param>
    /// <param name="x">[column, lane]</param>
    /// <param name="y">[row, lane]</param>
    /// <param name="lanes">Lanes, a multiple of the vector length; also the distance between rows of x and y.</param>
    /// <param name="bias">Added to each output, or null.</param>
    /// <param name="relu">Whether outputs below 0 become 0.</param>
    public static void Multiply(
        float* w, int rowStride, int columnStride, int rows, int columns, float* x, float* y, int lanes, float* bias = null, bool relu = false)
    {
        float* none = stackalloc float[6] { 0, 0, 0, 0, 0, 0 };
        int i = 0;
        // Sixes and fives together make 16 and every number from 20 on.
        for (int sixes = rows % 5; sixes > 0 && i + 6 <= rows; sixes--, i += 6)
            Rows6(w + i * rowStride, rowStride, columnStride, columns, x, y + i * lanes, lanes, bias == null ? none : bias + i, relu);
        for (; i + 5 <= rows; i += 5) Rows5(w + i * rowStride, rowStride, columnStride, columns, x, y + i * lanes, lanes, bias == null ? none : bias + i, relu);
        for (; i + 3 <= rows; i += 3) Rows3(w + i * rowStride, rowStride, columnStride, columns, x, y + i * lanes, lanes, bias == null ? none : bias + i, relu);
        for (; i < rows; i++) Row(w + i * rowStride, columnStride, columns, x, y + i * lanes, lanes, bias == null ? none : bias + i, relu);
    }

    [MethodImpl(Hot)]
    private static void Rows6(float* w0, int rowStride, int columnStride, int columns, float* x, float* y, int lanes, float* bias, bool relu)
    {
        float* w1 = w0 + rowStride, w2 = w1 + rowStride, w3 = w2 + rowStride, w4 = w3 + rowStride, w5 = w4 + rowStride;
        int n = L.Count, at = 0;
        F least = L.Broadcast(relu ? 0 : float.NegativeInfinity);
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* p = x + at;
            F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(*w0), s = L.Broadcast(bias[0]);
            F a0 = L.Fma(c, a, s), b0 = L.Fma(c, b, s);
            c = L.Broadcast(*w1);
            s = L.Broadcast(bias[1]);
            F a1 = L.Fma(c, a, s), b1 = L.Fma(c, b, s);
            c = L.Broadcast(*w2);
            s = L.Broadcast(bias[2]);
            F a2 = L.Fma(c, a, s), b2 = L.Fma(c, b, s);
            c = L.Broadcast(*w3);
            s = L.Broadcast(bias[3]);
            F a3 = L.Fma(c, a, s), b3 = L.Fma(c, b, s);
            c = L.Broadcast(*w4);
            s = L.Broadcast(bias[4]);
            F a4 = L.Fma(c, a, s), b4 = L.Fma(c, b, s);
            c = L.Broadcast(*w5);
            s = L.Broadcast(bias[5]);
            F a5 = L.Fma(c, a, s), b5 = L.Fma(c, b, s);
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                b = L.Load(p + n);
                c = L.Broadcast(w0[o]);
                a0 = L.Fma(c, a, a0);
                b0 = L.Fma(c, b, b0);
                c = L.Broadcast(w1[o]);
                a1 = L.Fma(c, a, a1);
                b1 = L.Fma(c, b, b1);
                c = L.Broadcast(w2[o]);
                a2 = L.Fma(c, a, a2);
                b2 = L.Fma(c, b, b2);
                c = L.Broadcast(w3[o]);
                a3 = L.Fma(c, a, a3);
                b3 = L.Fma(c, b, b3);
                c = L.Broadcast(w4[o]);
                a4 = L.Fma(c, a, a4);
                b4 = L.Fma(c, b, b4);
                c = L.Broadcast(w5[o]);
                a5 = L.Fma(c, a, a5);
                b5 = L.Fma(c, b, b5);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + n, L.Max(b0, least));
            q += lanes;
            L.Store(q, L.Max(a1, least));
            L.Store(q + n, L.Max(b1, least));
            q += lanes;
            L.Store(q, L.Max(a2, least));
            L.Store(q + n, L.Max(b2, least));
            q += lanes;
            L.Store(q, L.Max(a3, least));
            L.Store(q + n, L.Max(b3, least));
            q += lanes;
            L.Store(q, L.Max(a4, least));
            L.Store(q + n, L.Max(b4, least));
            q += lanes;
            L.Store(q, L.Max(a5, least));
            L.Store(q + n, L.Max(b5, least));
        }
        for (; at < lanes; at += n)
        {
            float* p = x + at;
            F a = L.Load(p);
            F a0 = L.Fma(L.Broadcast(*w0), a, L.Broadcast(bias[0])), a1 = L.Fma(L.Broadcast(*w1), a, L.Broadcast(bias[1])), a2 = L.Fma(L.Broadcast(*w2), a, L.Broadcast(bias[2]));
            F a3 = L.Fma(L.Broadcast(*w3), a, L.Broadcast(bias[3])), a4 = L.Fma(L.Broadcast(*w4), a, L.Broadcast(bias[4])), a5 = L.Fma(L.Broadcast(*w5), a, L.Broadcast(bias[5]));
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                a1 = L.Fma(L.Broadcast(w1[o]), a, a1);
                a2 = L.Fma(L.Broadcast(w2[o]), a, a2);
                a3 = L.Fma(L.Broadcast(w3[o]), a, a3);
                a4 = L.Fma(L.Broadcast(w4[o]), a, a4);
                a5 = L.Fma(L.Broadcast(w5[o]), a, a5);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + lanes, L.Max(a1, least));
            L.Store(q + 2 * lanes, L.Max(a2, least));
            L.Store(q + 3 * lanes, L.Max(a3, least));
            L.Store(q + 4 * lanes, L.Max(a4, least));
            L.Store(q + 5 * lanes, L.Max(a5, least));
        }
    }

    [MethodImpl(Hot)]
    private static void Rows5(float* w0, int rowStride, int columnStride, int columns, float* x, float* y, int lanes, float* bias, bool relu)
    {
        float* w1 = w0 + rowStride, w2 = w1 + rowStride, w3 = w2 + rowStride, w4 = w3 + rowStride;
        int n = L.Count, at = 0;
        F least = L.Broadcast(relu ? 0 : float.NegativeInfinity);
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* p = x + at;
            F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(*w0), s = L.Broadcast(bias[0]);
            F a0 = L.Fma(c, a, s), b0 = L.Fma(c, b, s);
            c = L.Broadcast(*w1);
            s = L.Broadcast(bias[1]);
            F a1 = L.Fma(c, a, s), b1 = L.Fma(c, b, s);
            c = L.Broadcast(*w2);
            s = L.Broadcast(bias[2]);
            F a2 = L.Fma(c, a, s), b2 = L.Fma(c, b, s);
            c = L.Broadcast(*w3);
            s = L.Broadcast(bias[3]);
            F a3 = L.Fma(c, a, s), b3 = L.Fma(c, b, s);
            c = L.Broadcast(*w4);
            s = L.Broadcast(bias[4]);
            F a4 = L.Fma(c, a, s), b4 = L.Fma(c, b, s);
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                b = L.Load(p + n);
                c = L.Broadcast(w0[o]);
                a0 = L.Fma(c, a, a0);
                b0 = L.Fma(c, b, b0);
                c = L.Broadcast(w1[o]);
                a1 = L.Fma(c, a, a1);
                b1 = L.Fma(c, b, b1);
                c = L.Broadcast(w2[o]);
                a2 = L.Fma(c, a, a2);
                b2 = L.Fma(c, b, b2);
                c = L.Broadcast(w3[o]);
                a3 = L.Fma(c, a, a3);
                b3 = L.Fma(c, b, b3);
                c = L.Broadcast(w4[o]);
                a4 = L.Fma(c, a, a4);
                b4 = L.Fma(c, b, b4);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + n, L.Max(b0, least));
            q += lanes;
            L.Store(q, L.Max(a1, least));
            L.Store(q + n, L.Max(b1, least));
            q += lanes;
            L.Store(q, L.Max(a2, least));
            L.Store(q + n, L.Max(b2, least));
            q += lanes;
            L.Store(q, L.Max(a3, least));
            L.Store(q + n, L.Max(b3, least));
            q += lanes;
            L.Store(q, L.Max(a4, least));
            L.Store(q + n, L.Max(b4, least));
        }
        for (; at < lanes; at += n)
        {
            float* p = x + at;
            F a = L.Load(p);
            F a0 = L.Fma(L.Broadcast(*w0), a, L.Broadcast(bias[0])), a1 = L.Fma(L.Broadcast(*w1), a, L.Broadcast(bias[1])), a2 = L.Fma(L.Broadcast(*w2), a, L.Broadcast(bias[2]));
            F a3 = L.Fma(L.Broadcast(*w3), a, L.Broadcast(bias[3])), a4 = L.Fma(L.Broadcast(*w4), a, L.Broadcast(bias[4]));
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                a1 = L.Fma(L.Broadcast(w1[o]), a, a1);
                a2 = L.Fma(L.Broadcast(w2[o]), a, a2);
                a3 = L.Fma(L.Broadcast(w3[o]), a, a3);
                a4 = L.Fma(L.Broadcast(w4[o]), a, a4);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + lanes, L.Max(a1, least));
            L.Store(q + 2 * lanes, L.Max(a2, least));
            L.Store(q + 3 * lanes, L.Max(a3, least));
            L.Store(q + 4 * lanes, L.Max(a4, least));
        }
    }

    [MethodImpl(Hot)]
    private static void Rows3(float* w0, int rowStride, int columnStride, int columns, float* x, float* y, int lanes, float* bias, bool relu)
    {
        float* w1 = w0 + rowStride, w2 = w1 + rowStride;
        int n = L.Count, at = 0;
        F least = L.Broadcast(relu ? 0 : float.NegativeInfinity);
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* p = x + at;
            F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(*w0), s = L.Broadcast(bias[0]);
            F a0 = L.Fma(c, a, s), b0 = L.Fma(c, b, s);
            c = L.Broadcast(*w1);
            s = L.Broadcast(bias[1]);
            F a1 = L.Fma(c, a, s), b1 = L.Fma(c, b, s);
            c = L.Broadcast(*w2);
            s = L.Broadcast(bias[2]);
            F a2 = L.Fma(c, a, s), b2 = L.Fma(c, b, s);
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                b = L.Load(p + n);
                c = L.Broadcast(w0[o]);
                a0 = L.Fma(c, a, a0);
                b0 = L.Fma(c, b, b0);
                c = L.Broadcast(w1[o]);
                a1 = L.Fma(c, a, a1);
                b1 = L.Fma(c, b, b1);
                c = L.Broadcast(w2[o]);
                a2 = L.Fma(c, a, a2);
                b2 = L.Fma(c, b, b2);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + n, L.Max(b0, least));
            q += lanes;
            L.Store(q, L.Max(a1, least));
            L.Store(q + n, L.Max(b1, least));
            q += lanes;
            L.Store(q, L.Max(a2, least));
            L.Store(q + n, L.Max(b2, least));
        }
        for (; at < lanes; at += n)
        {
            float* p = x + at;
            F a = L.Load(p);
            F a0 = L.Fma(L.Broadcast(*w0), a, L.Broadcast(bias[0])), a1 = L.Fma(L.Broadcast(*w1), a, L.Broadcast(bias[1])), a2 = L.Fma(L.Broadcast(*w2), a, L.Broadcast(bias[2]));
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Load(p);
                a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                a1 = L.Fma(L.Broadcast(w1[o]), a, a1);
                a2 = L.Fma(L.Broadcast(w2[o]), a, a2);
            }
            float* q = y + at;
            L.Store(q, L.Max(a0, least));
            L.Store(q + lanes, L.Max(a1, least));
            L.Store(q + 2 * lanes, L.Max(a2, least));
        }
    }

    [MethodImpl(Hot)]
    private static void Row(float* w, int columnStride, int columns, float* x, float* y, int lanes, float* bias, bool relu)
    {
        int n = L.Count, at = 0;
        F least = L.Broadcast(relu ? 0 : float.NegativeInfinity);
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* p = x + at;
            F c = L.Broadcast(*w), s = L.Broadcast(*bias), a = L.Fma(c, L.Load(p), s), b = L.Fma(c, L.Load(p + n), s);
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                c = L.Broadcast(w[o]);
                a = L.Fma(c, L.Load(p), a);
                b = L.Fma(c, L.Load(p + n), b);
            }
            L.Store(y + at, L.Max(a, least));
            L.Store(y + at + n, L.Max(b, least));
        }
        for (; at < lanes; at += n)
        {
            float* p = x + at;
            F a = L.Fma(L.Broadcast(*w), L.Load(p), L.Broadcast(*bias));
            for (int j = 1, o = columnStride; j < columns; j++, o += columnStride)
            {
                p += lanes;
                a = L.Fma(L.Broadcast(w[o]), L.Load(p), a);
            }
            L.Store(y + at, L.Max(a, least));
        }
    }
}
