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
    /// <param name="lanes">Number of lanes, whole vectors.</param>
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
        for (int at = 0; at < lanes; at += n)
        {
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
            float* from = x + at, weight = w;
            for (int c = 0; c < columns; c++, from += lanes, weight += columnStride)
            {
                F unit = L.Load(from);
                a0 = L.Max(a0, L.Multiply(L.Broadcast(weight[0]), unit));
                a1 = L.Max(a1, L.Multiply(L.Broadcast(weight[rowStride]), unit));
                a2 = L.Max(a2, L.Multiply(L.Broadcast(weight[2 * rowStride]), unit));
                a3 = L.Max(a3, L.Multiply(L.Broadcast(weight[3 * rowStride]), unit));
                a4 = L.Max(a4, L.Multiply(L.Broadcast(weight[4 * rowStride]), unit));
            }
            float* to = y + at;
            L.Store(to, a0);
            L.Store(to += lanes, a1);
            L.Store(to += lanes, a2);
            L.Store(to += lanes, a3);
            L.Store(to + lanes, a4);
        }
    }

    [MethodImpl(Hot)]
    private static void One(float* w, int columnStride, int columns, float* x, float* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            F largest = default;
            float* from = x + at;
            for (int c = 0; c < columns; c++, from += lanes) largest = L.Max(largest, L.Multiply(L.Broadcast(w[c * columnStride]), L.Load(from)));
            L.Store(y + at, largest);
        }
    }
}
