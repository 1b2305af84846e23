using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Matrix products that are added to what is there, a panel of two vectors at a time: y[i][lane] += sum_j x(i, j) w[j][lane].</summary>
/// <remarks>
/// Rows of x and y lie anywhere, so the same kernel takes patches of images, their gradients and the gradients of weights without
/// copies. A leaf: a vector local that lives across a call would be spilled.
/// </remarks>
internal static unsafe class PanelKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Rows of a call.</summary>
    public const int Rows = 6;

    /// <summary>Lanes of a panel.</summary>
    public static int Lanes => 2 * L.Count;

    /// <summary>Adds one product to six rows.</summary>
    /// <param name="x">The first number of each of the six rows of x.</param>
    /// <param name="stride">Distance from x(i, j) to x(i, j + 1).</param>
    /// <param name="columns">Number of columns of x.</param>
    /// <param name="w">[column, lane] at distance <paramref name="distance"/>.</param>
    /// <param name="distance">Distance from w[j] to w[j + 1].</param>
    /// <param name="y">The panel's lanes of each of the six rows of y; rows that are not wanted may share a place.</param>
    [MethodImpl(Hot)]
    public static void Add(float** x, nint stride, nint columns, float* w, nint distance, float** y)
    {
        int n = L.Count;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
        F a0 = L.Load(y[0]), a1 = L.Load(y[1]), a2 = L.Load(y[2]), a3 = L.Load(y[3]), a4 = L.Load(y[4]), a5 = L.Load(y[5]);
        F b0 = L.Load(y[0] + n), b1 = L.Load(y[1] + n), b2 = L.Load(y[2] + n), b3 = L.Load(y[3] + n), b4 = L.Load(y[4] + n), b5 = L.Load(y[5] + n);
        for (nint j = 0, o = 0; j < columns; j++, o += stride, w += distance)
        {
            F a = L.Load(w), b = L.Load(w + n), c = L.Broadcast(x0[o]);
            a0 = L.Fma(c, a, a0);
            b0 = L.Fma(c, b, b0);
            c = L.Broadcast(x1[o]);
            a1 = L.Fma(c, a, a1);
            b1 = L.Fma(c, b, b1);
            c = L.Broadcast(x2[o]);
            a2 = L.Fma(c, a, a2);
            b2 = L.Fma(c, b, b2);
            c = L.Broadcast(x3[o]);
            a3 = L.Fma(c, a, a3);
            b3 = L.Fma(c, b, b3);
            c = L.Broadcast(x4[o]);
            a4 = L.Fma(c, a, a4);
            b4 = L.Fma(c, b, b4);
            c = L.Broadcast(x5[o]);
            a5 = L.Fma(c, a, a5);
            b5 = L.Fma(c, b, b5);
        }
        Store(y[0], a0, b0);
        Store(y[1], a1, b1);
        Store(y[2], a2, b2);
        Store(y[3], a3, b3);
        Store(y[4], a4, b4);
        Store(y[5], a5, b5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, F a, F b)
    {
        L.Store(y, a);
        L.Store(y + L.Count, b);
    }
}
