using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums over lanes of products of two rows: the statistics of weight blocks.</summary>
internal static unsafe class OuterKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Adds the statistic of a weight block; large plain blocks by tiles of 6 rows by two vectors of columns.</summary>
    /// <param name="s">First statistic.</param>
    /// <param name="stride">Distance between neighbouring statistics.</param>
    /// <param name="rows">Number of r.</param>
    /// <param name="columns">Number of p.</param>
    /// <param name="r">[row, lane]</param>
    /// <param name="p">[column, lane]</param>
    /// <param name="lanes">Lanes, a multiple of the vector length.</param>
    /// <param name="turned">Scratch as large as p.</param>
    /// <param name="first">Whether a plain block is written instead of added to.</param>
    public static void Add(float* s, int stride, int rows, int columns, float* r, float* p, int lanes, float* turned, bool first)
    {
        const int side = 16;
        if (stride != 1 || columns % side != 0 || lanes % side != 0)
        {
            if (stride == 1 && first) new Span<float>(s, rows * columns).Clear();
            Add(s, columns * stride, stride, rows, columns, r, p, lanes);
            return;
        }
        float** from = stackalloc float*[side], to = stackalloc float*[side];
        for (int j = 0; j < columns; j += side)
            for (int at = 0; at < lanes; at += side)
            {
                for (int k = 0; k < side; k++)
                {
                    from[k] = p + (long)(j + k) * lanes;
                    to[k] = turned + (long)(at + k) * columns;
                }
                TransposeKernel.Turn(from, at, to, j);
            }
        int i = 0;
        for (; i + 6 <= rows; i += 6) Columns6(s + i * columns, columns, r + (long)i * lanes, turned, lanes, first);
        for (; i < rows; i++) Columns1(s + i * columns, columns, r + (long)i * lanes, turned, lanes, first);
    }

    [MethodImpl(Hot)]
    private static void Columns6(float* s, int columns, float* r0, float* turned, int lanes, bool first)
    {
        float* r1 = r0 + lanes, r2 = r1 + lanes, r3 = r2 + lanes, r4 = r3 + lanes, r5 = r4 + lanes;
        int n = L.Count, j = 0;
        for (; j + 2 * n <= columns; j += 2 * n)
        {
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            F b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
            float* p = turned + j;
            for (int lane = 0; lane < lanes; lane++, p += columns)
            {
                F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(r0[lane]);
                a0 = L.Fma(c, a, a0);
                b0 = L.Fma(c, b, b0);
                c = L.Broadcast(r1[lane]);
                a1 = L.Fma(c, a, a1);
                b1 = L.Fma(c, b, b1);
                c = L.Broadcast(r2[lane]);
                a2 = L.Fma(c, a, a2);
                b2 = L.Fma(c, b, b2);
                c = L.Broadcast(r3[lane]);
                a3 = L.Fma(c, a, a3);
                b3 = L.Fma(c, b, b3);
                c = L.Broadcast(r4[lane]);
                a4 = L.Fma(c, a, a4);
                b4 = L.Fma(c, b, b4);
                c = L.Broadcast(r5[lane]);
                a5 = L.Fma(c, a, a5);
                b5 = L.Fma(c, b, b5);
            }
            float* q = s + j;
            Store(q, a0, b0, first);
            Store(q += columns, a1, b1, first);
            Store(q += columns, a2, b2, first);
            Store(q += columns, a3, b3, first);
            Store(q += columns, a4, b4, first);
            Store(q + columns, a5, b5, first);
        }
        for (; j < columns; j += n)
        {
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            float* p = turned + j;
            for (int lane = 0; lane < lanes; lane++, p += columns)
            {
                F a = L.Load(p);
                a0 = L.Fma(L.Broadcast(r0[lane]), a, a0);
                a1 = L.Fma(L.Broadcast(r1[lane]), a, a1);
                a2 = L.Fma(L.Broadcast(r2[lane]), a, a2);
                a3 = L.Fma(L.Broadcast(r3[lane]), a, a3);
                a4 = L.Fma(L.Broadcast(r4[lane]), a, a4);
                a5 = L.Fma(L.Broadcast(r5[lane]), a, a5);
            }
            float* q = s + j;
            L.Store(q, first ? a0 : L.Add(L.Load(q), a0));
            q += columns;
            L.Store(q, first ? a1 : L.Add(L.Load(q), a1));
            q += columns;
            L.Store(q, first ? a2 : L.Add(L.Load(q), a2));
            q += columns;
            L.Store(q, first ? a3 : L.Add(L.Load(q), a3));
            q += columns;
            L.Store(q, first ? a4 : L.Add(L.Load(q), a4));
            q += columns;
            L.Store(q, first ? a5 : L.Add(L.Load(q), a5));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* at, F a, F b, bool first)
    {
        L.Store(at, first ? a : L.Add(L.Load(at), a));
        L.Store(at + L.Count, first ? b : L.Add(L.Load(at + L.Count), b));
    }

    [MethodImpl(Hot)]
    private static void Columns1(float* s, int columns, float* r, float* turned, int lanes, bool first)
    {
        int n = L.Count, j = 0;
        for (; j + 4 * n <= columns; j += 4 * n)
        {
            F a = default, b = default, c = default, d = default;
            float* p = turned + j;
            for (int lane = 0; lane < lanes; lane++, p += columns)
            {
                F own = L.Broadcast(r[lane]);
                a = L.Fma(own, L.Load(p), a);
                b = L.Fma(own, L.Load(p + n), b);
                c = L.Fma(own, L.Load(p + 2 * n), c);
                d = L.Fma(own, L.Load(p + 3 * n), d);
            }
            Store(s + j, a, b, first);
            Store(s + j + 2 * n, c, d, first);
        }
        for (; j < columns; j += n)
        {
            F sum = first ? default : L.Load(s + j);
            float* p = turned + j;
            for (int lane = 0; lane < lanes; lane++, p += columns) sum = L.Fma(L.Broadcast(r[lane]), L.Load(p), sum);
            L.Store(s + j, sum);
        }
    }

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
