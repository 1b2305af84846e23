using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>The largest row of each lane.</summary>
internal static unsafe class WinnerKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Finds the largest of several rows in each lane.</summary>
    /// <param name="x">[row, lane], at least 0.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="winner">Receives the first row that is largest, as a float, [lane].</param>
    /// <param name="tie">Receives 1 where another row equals it or none is positive, else 0.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Find(float* x, int rows, float* winner, float* tie, int lanes)
    {
        int n = L.Count;
        F one = L.Broadcast(1f);
        for (int at = 0; at < lanes; at += n)
        {
            F most = default, best = default, equal = one;
            float* p = x + at;
            for (int row = 0; row < rows; row++, p += lanes)
            {
                F own = L.Load(p);
                F more = L.WherePositive(L.Subtract(own, most), one), less = L.Subtract(one, more);
                F same = L.OneWhereEqual(L.AsInt(own), L.AsInt(most));
                best = L.Fma(more, L.Subtract(L.Broadcast(row), best), best);
                equal = L.Multiply(less, L.Max(equal, same));
                most = L.Max(own, most);
            }
            L.Store(winner + at, best);
            L.Store(tie + at, equal);
        }
    }
}
