using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>The max counterpart of a small matrix product: y = max over columns of w x.</summary>
internal static unsafe class MaxKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>y[row, lane] = max over columns of w[row, column] x[column, lane].</summary>
    /// <param name="w">Weights.</param>
    /// <param name="rowStride">Distance between rows of w.</param>
    /// <param name="columnStride">Distance between columns of w.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="x">[column, lane], none negative.</param>
    /// <param name="y">Receives [row, lane]; may not overlap x.</param>
    /// <param name="lanes">Number of lanes, a multiple of 32.</param>
    public static void Multiply(float* w, int rowStride, int columnStride, int rows, int columns, float* x, float* y, int lanes)
    {
        int i = 0;
        for (; i + 5 <= rows; i += 5) Five(w + i * rowStride, rowStride, columnStride, columns, x, y + (long)i * lanes, lanes);
        for (; i < rows; i++) One(w + i * rowStride, columnStride, columns, x, y + (long)i * lanes, lanes);
    }

    [MethodImpl(Hot)]
    private static void Five(float* w, int rowStride, int columnStride, int columns, float* x, float* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += 2 * n)
        {
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
            float* from = x + at, weight = w;
            for (int c = 0; c < columns; c++, from += lanes, weight += columnStride)
            {
                F left = L.Load(from), right = L.Load(from + n), w0 = L.Broadcast(weight[0]);
                a0 = L.Max(a0, L.Multiply(w0, left));
                b0 = L.Max(b0, L.Multiply(w0, right));
                F w1 = L.Broadcast(weight[rowStride]);
                a1 = L.Max(a1, L.Multiply(w1, left));
                b1 = L.Max(b1, L.Multiply(w1, right));
                F w2 = L.Broadcast(weight[2 * rowStride]);
                a2 = L.Max(a2, L.Multiply(w2, left));
                b2 = L.Max(b2, L.Multiply(w2, right));
                F w3 = L.Broadcast(weight[3 * rowStride]);
                a3 = L.Max(a3, L.Multiply(w3, left));
                b3 = L.Max(b3, L.Multiply(w3, right));
                F w4 = L.Broadcast(weight[4 * rowStride]);
                a4 = L.Max(a4, L.Multiply(w4, left));
                b4 = L.Max(b4, L.Multiply(w4, right));
            }
            float* to = y + at;
            L.Store(to, a0);
            L.Store(to + n, b0);
            L.Store(to += lanes, a1);
            L.Store(to + n, b1);
            L.Store(to += lanes, a2);
            L.Store(to + n, b2);
            L.Store(to += lanes, a3);
            L.Store(to + n, b3);
            L.Store(to += lanes, a4);
            L.Store(to + n, b4);
        }
    }

    [MethodImpl(Hot)]
    private static void One(float* w, int columnStride, int columns, float* x, float* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += 2 * n)
        {
            F a = default, b = default;
            float* from = x + at;
            for (int c = 0; c < columns; c++, from += lanes)
            {
                F weight = L.Broadcast(w[c * columnStride]);
                a = L.Max(a, L.Multiply(weight, L.Load(from)));
                b = L.Max(b, L.Multiply(weight, L.Load(from + n)));
            }
            L.Store(y + at, a);
            L.Store(y + at + n, b);
        }
    }
}
