using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>
/// Mixtures over the Kronecker product of two vectors, which is never formed: y[i] = sum_g v[g] sum_j w(i, g * inner + j) u[j].
/// </summary>
/// <remarks>Register tiles of 6, 5 or 1 outputs by two vectors, as in <see cref="MatrixKernel{L, F, I}"/>.</remarks>
internal static unsafe class KroneckerKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Computes all outputs.</summary>
    /// <param name="w">First weight.</param>
    /// <param name="rowStride">Distance from w(i, c) to w(i + 1, c).</param>
    /// <param name="columnStride">Distance from w(i, c) to w(i, c + 1).</param>
    /// <param name="rows">Number of outputs.</param>
    /// <param name="inner">Length of u.</param>
    /// <param name="outer">Length of v.</param>
    /// <param name="u">[j, lane]</param>
    /// <param name="v">[g, lane]</param>
    /// <param name="y">Receives [row, lane].</param>
    /// <param name="lanes">Lanes, a multiple of the vector length.</param>
    public static void Multiply(float* w, int rowStride, int columnStride, int rows, int inner, int outer, float* u, float* v, float* y, int lanes)
    {
        new Span<float>(y, rows * lanes).Clear();
        int i = 0;
        for (int sixes = rows % 5; sixes > 0 && i + 6 <= rows; sixes--, i += 6) Rows6(w + i * rowStride, rowStride, columnStride, inner, outer, u, v, y + i * lanes, lanes);
        for (; i + 5 <= rows; i += 5) Rows5(w + i * rowStride, rowStride, columnStride, inner, outer, u, v, y + i * lanes, lanes);
        for (; i < rows; i++) Rows1(w + i * rowStride, columnStride, inner, outer, u, v, y + i * lanes, lanes);
    }

    [MethodImpl(Hot)]
    private static void Rows6(float* w0, int rowStride, int columnStride, int inner, int outer, float* u, float* v, float* y, int lanes)
    {
        float* w1 = w0 + rowStride, w2 = w1 + rowStride, w3 = w2 + rowStride, w4 = w3 + rowStride, w5 = w4 + rowStride;
        int n = L.Count, at = 0;
        for (; at + 2 * n <= lanes; at += 2 * n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default, a4 = default, b4 = default, a5 = default, b5 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(w0[o]);
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
                F s = L.Load(v + g * lanes + at), t = L.Load(v + g * lanes + at + n);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
                L.Store(q + n, L.Fma(b0, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a1, s, L.Load(q)));
                L.Store(q + n, L.Fma(b1, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a2, s, L.Load(q)));
                L.Store(q + n, L.Fma(b2, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a3, s, L.Load(q)));
                L.Store(q + n, L.Fma(b3, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a4, s, L.Load(q)));
                L.Store(q + n, L.Fma(b4, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a5, s, L.Load(q)));
                L.Store(q + n, L.Fma(b5, t, L.Load(q + n)));
            }
        for (; at < lanes; at += n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p);
                    a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                    a1 = L.Fma(L.Broadcast(w1[o]), a, a1);
                    a2 = L.Fma(L.Broadcast(w2[o]), a, a2);
                    a3 = L.Fma(L.Broadcast(w3[o]), a, a3);
                    a4 = L.Fma(L.Broadcast(w4[o]), a, a4);
                    a5 = L.Fma(L.Broadcast(w5[o]), a, a5);
                }
                F s = L.Load(v + g * lanes + at);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a1, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a2, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a3, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a4, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a5, s, L.Load(q)));
            }
    }

    [MethodImpl(Hot)]
    private static void Rows5(float* w0, int rowStride, int columnStride, int inner, int outer, float* u, float* v, float* y, int lanes)
    {
        float* w1 = w0 + rowStride, w2 = w1 + rowStride, w3 = w2 + rowStride, w4 = w3 + rowStride;
        int n = L.Count, at = 0;
        for (; at + 2 * n <= lanes; at += 2 * n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default, a4 = default, b4 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(w0[o]);
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
                F s = L.Load(v + g * lanes + at), t = L.Load(v + g * lanes + at + n);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
                L.Store(q + n, L.Fma(b0, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a1, s, L.Load(q)));
                L.Store(q + n, L.Fma(b1, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a2, s, L.Load(q)));
                L.Store(q + n, L.Fma(b2, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a3, s, L.Load(q)));
                L.Store(q + n, L.Fma(b3, t, L.Load(q + n)));
                q += lanes;
                L.Store(q, L.Fma(a4, s, L.Load(q)));
                L.Store(q + n, L.Fma(b4, t, L.Load(q + n)));
            }
        for (; at < lanes; at += n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p);
                    a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                    a1 = L.Fma(L.Broadcast(w1[o]), a, a1);
                    a2 = L.Fma(L.Broadcast(w2[o]), a, a2);
                    a3 = L.Fma(L.Broadcast(w3[o]), a, a3);
                    a4 = L.Fma(L.Broadcast(w4[o]), a, a4);
                }
                F s = L.Load(v + g * lanes + at);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a1, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a2, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a3, s, L.Load(q)));
                q += lanes;
                L.Store(q, L.Fma(a4, s, L.Load(q)));
            }
    }

    [MethodImpl(Hot)]
    private static void Rows1(float* w0, int columnStride, int inner, int outer, float* u, float* v, float* y, int lanes)
    {
        int n = L.Count, at = 0;
        for (; at + 2 * n <= lanes; at += 2 * n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default, b0 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(w0[o]);
                    a0 = L.Fma(c, a, a0);
                    b0 = L.Fma(c, b, b0);
                }
                F s = L.Load(v + g * lanes + at), t = L.Load(v + g * lanes + at + n);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
                L.Store(q + n, L.Fma(b0, t, L.Load(q + n)));
            }
        for (; at < lanes; at += n)
            for (int g = 0, o = 0; g < outer; g++)
            {
                F a0 = default;
                float* p = u + at;
                for (int j = 0; j < inner; j++, o += columnStride, p += lanes)
                {
                    F a = L.Load(p);
                    a0 = L.Fma(L.Broadcast(w0[o]), a, a0);
                }
                F s = L.Load(v + g * lanes + at);
                float* q = y + at;
                L.Store(q, L.Fma(a0, s, L.Load(q)));
            }
    }
}
