using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>From squared distances to scores, winners and responsibilities of the components of a mixture, lane by lane.</summary>
internal static unsafe class ResponsibilityKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Replaces squares by scores: y[k] = c[k] - y[k] / 2.</summary>
    [MethodImpl(Hot)]
    public static void Scores(float* y, float* c, int components, int lanes)
    {
        F half = L.Broadcast(-0.5f);
        for (int k = 0; k < components; k++, y += lanes)
        {
            F own = L.Broadcast(c[k]);
            for (int at = 0; at < lanes; at += L.Count) L.Store(y + at, L.Fma(half, L.Load(y + at), own));
        }
    }

    /// <summary>The largest score of each lane and the first component that has it, as a float.</summary>
    [MethodImpl(Hot)]
    public static void Winners(float* y, int components, float* best, float* winner, int lanes)
    {
        for (int at = 0; at < lanes; at += L.Count)
        {
            float* p = y + at;
            F most = L.Load(p), first = default;
            for (int k = 1; k < components; k++)
            {
                p += lanes;
                F own = L.Load(p);
                first = L.Add(first, L.WherePositive(L.Subtract(own, most), L.Subtract(L.Broadcast(k), first)));
                most = L.Max(own, most);
            }
            L.Store(best + at, most);
            L.Store(winner + at, first);
        }
    }

    /// <summary>Replaces scores by their softmax over components.</summary>
    /// <param name="y">[component, lane]</param>
    /// <param name="components">Number of components.</param>
    /// <param name="logSum">Receives the logarithm of the sum of exponentials of each lane; may be null.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Softmax(float* y, int components, float* logSum, int lanes)
    {
        for (int at = 0; at < lanes; at += L.Count)
        {
            float* p = y + at;
            F most = L.Load(p);
            for (int k = 1; k < components; k++)
            {
                p += lanes;
                most = L.Max(L.Load(p), most);
            }
            F sum = default;
            p = y + at;
            for (int k = 0; k < components; k++, p += lanes)
            {
                F own = FastMath<L, F, I>.Exp(L.Subtract(L.Load(p), most));
                sum = L.Add(sum, own);
                L.Store(p, own);
            }
            F scale = L.Divide(L.Broadcast(1f), sum);
            p = y + at;
            for (int k = 0; k < components; k++, p += lanes) L.Store(p, L.Multiply(L.Load(p), scale));
            if (logSum != null) L.Store(logSum + at, L.Fma(FastMath<L, F, I>.LogTwo(sum), L.Broadcast(0.69314718f), most));
        }
    }

    /// <summary>Replaces derivatives by responsibilities by those by scores: d[k] = a[k] (d[k] - sum_j a[j] d[j]).</summary>
    [MethodImpl(Hot)]
    public static void PullBack(float* a, float* d, int components, int lanes)
    {
        for (int at = 0; at < lanes; at += L.Count)
        {
            F mean = default;
            for (int k = 0; k < components; k++) mean = L.Fma(L.Load(a + k * lanes + at), L.Load(d + k * lanes + at), mean);
            for (int k = 0; k < components; k++)
                L.Store(d + k * lanes + at, L.Multiply(L.Load(a + k * lanes + at), L.Subtract(L.Load(d + k * lanes + at), mean)));
        }
    }
}
