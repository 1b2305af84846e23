using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums over lanes of products of two rows: the statistics of weight blocks.</summary>
internal static unsafe class OuterKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Adds sum over lanes of r[i][lane] p[j][lane] to s(i, j): the statistic of a weight block.</summary>
    /// <param name="s">First statistic.</param>
    /// <param name="rowStride">Distance from s(i, j) to s(i + 1, j).</param>
    /// <param name="columnStride">Distance from s(i, j) to s(i, j + 1).</param>
    /// <param name="rows">Number of r.</param>
    /// <param name="columns">Number of p.</param>
    /// <param name="r">[row, lane]</param>
    /// <param name="p">[column, lane]</param>
    /// <param name="lanes">Lanes, a multiple of the vector length; also the distance between rows.</param>
    public static void Add(float* s, int rowStride, int columnStride, int rows, int columns, float* r, float* p, int lanes)
    {
        int i = 0;
        for (; i + 2 <= rows; i += 2)
        {
            int j = 0;
            for (; j + 5 <= columns; j += 5)
                Outer2x5(s + i * rowStride + j * columnStride, rowStride, columnStride, r + i * lanes, p + j * lanes, lanes);
            for (; j < columns; j++)
            {
                Outer1x1(s + i * rowStride + j * columnStride, r + i * lanes, p + j * lanes, lanes);
                Outer1x1(s + (i + 1) * rowStride + j * columnStride, r + (i + 1) * lanes, p + j * lanes, lanes);
            }
        }
        if (i < rows)
        {
            int j = 0;
            for (; j + 5 <= columns; j += 5)
                Outer1x5(s + i * rowStride + j * columnStride, columnStride, r + i * lanes, p + j * lanes, lanes);
            for (; j < columns; j++) Outer1x1(s + i * rowStride + j * columnStride, r + i * lanes, p + j * lanes, lanes);
        }
    }

    [MethodImpl(Hot)]
    private static void Outer2x5(float* s, int rowStride, int columnStride, float* r, float* p, int lanes)
    {
        int n = L.Count;
        float* p1 = p + lanes, p2 = p1 + lanes, p3 = p2 + lanes, p4 = p3 + lanes, r1 = r + lanes;
        F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
        F b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
        for (int at = 0; at < lanes; at += n)
        {
            F x = L.Load(r + at), y = L.Load(r1 + at), z = L.Load(p + at);
            a0 = L.Fma(x, z, a0);
            b0 = L.Fma(y, z, b0);
            z = L.Load(p1 + at);
            a1 = L.Fma(x, z, a1);
            b1 = L.Fma(y, z, b1);
            z = L.Load(p2 + at);
            a2 = L.Fma(x, z, a2);
            b2 = L.Fma(y, z, b2);
            z = L.Load(p3 + at);
            a3 = L.Fma(x, z, a3);
            b3 = L.Fma(y, z, b3);
            z = L.Load(p4 + at);
            a4 = L.Fma(x, z, a4);
            b4 = L.Fma(y, z, b4);
        }
        s[0] += L.Sum(a0);
        s[columnStride] += L.Sum(a1);
        s[2 * columnStride] += L.Sum(a2);
        s[3 * columnStride] += L.Sum(a3);
        s[4 * columnStride] += L.Sum(a4);
        s += rowStride;
        s[0] += L.Sum(b0);
        s[columnStride] += L.Sum(b1);
        s[2 * columnStride] += L.Sum(b2);
        s[3 * columnStride] += L.Sum(b3);
        s[4 * columnStride] += L.Sum(b4);
    }

    [MethodImpl(Hot)]
    private static void Outer1x5(float* s, int columnStride, float* r, float* p, int lanes)
    {
        int n = L.Count;
        float* p1 = p + lanes, p2 = p1 + lanes, p3 = p2 + lanes, p4 = p3 + lanes;
        F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
        for (int at = 0; at < lanes; at += n)
        {
            F x = L.Load(r + at);
            a0 = L.Fma(x, L.Load(p + at), a0);
            a1 = L.Fma(x, L.Load(p1 + at), a1);
            a2 = L.Fma(x, L.Load(p2 + at), a2);
            a3 = L.Fma(x, L.Load(p3 + at), a3);
            a4 = L.Fma(x, L.Load(p4 + at), a4);
        }
        s[0] += L.Sum(a0);
        s[columnStride] += L.Sum(a1);
        s[2 * columnStride] += L.Sum(a2);
        s[3 * columnStride] += L.Sum(a3);
        s[4 * columnStride] += L.Sum(a4);
    }

    [MethodImpl(Hot)]
    private static void Outer1x1(float* s, float* r, float* p, int lanes)
    {
        int n = L.Count;
        F sum = default;
        for (int at = 0; at < lanes; at += n) sum = L.Fma(L.Load(r + at), L.Load(p + at), sum);
        *s += L.Sum(sum);
    }
}
