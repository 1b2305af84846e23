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

    /// <summary>sum[i] += x[i] and squares[i] += x[i]^2.</summary>
    [MethodImpl(Hot)]
    public static void AddMoments(float* x, float* sum, float* squares, int count)
    {
        int i = 0;
        for (; i + L.Count <= count; i += L.Count)
        {
            F own = L.Load(x + i);
            L.Store(sum + i, L.Add(L.Load(sum + i), own));
            L.Store(squares + i, L.Fma(own, own, L.Load(squares + i)));
        }
        for (; i < count; i++)
        {
            sum[i] += x[i];
            squares[i] += x[i] * x[i];
        }
    }

    /// <summary>sum[i] += w x[i] and squares[i] += w x[i]^2.</summary>
    [MethodImpl(Hot)]
    public static void AddMoments(float w, float* x, float* sum, float* squares, int count)
    {
        int i = 0;
        F weight = L.Broadcast(w);
        for (; i + L.Count <= count; i += L.Count)
        {
            F own = L.Load(x + i), weighted = L.Multiply(weight, own);
            L.Store(sum + i, L.Add(L.Load(sum + i), weighted));
            L.Store(squares + i, L.Fma(own, weighted, L.Load(squares + i)));
        }
        for (; i < count; i++)
        {
            sum[i] += w * x[i];
            squares[i] += w * x[i] * x[i];
        }
    }

    /// <summary>Steps a component's centre and inverse deviations along the gradient of its score summed over some samples.</summary>
    /// <param name="mu">Centre, [input].</param>
    /// <param name="s">Inverse deviations, [input].</param>
    /// <param name="m">Receives minus the scaled centre, [input].</param>
    /// <param name="sum">Sum of the samples, [input].</param>
    /// <param name="squares">Sum of their squares, [input].</param>
    /// <param name="count">Their number, or sum of weights.</param>
    /// <param name="centreStep">Step size of the centre.</param>
    /// <param name="deviationStep">Step size of the inverse deviations.</param>
    /// <param name="least">Inverse deviations are at least this.</param>
    /// <param name="most">And at most this.</param>
    /// <param name="inputs">Number of inputs.</param>
    [MethodImpl(Hot)]
    public static void Step(float* mu, float* s, float* m, float* sum, float* squares, float count, float centreStep, float deviationStep, float least, float most, int inputs)
    {
        int i = 0;
        F number = L.Broadcast(count), minusTwo = L.Broadcast(-2f), up = L.Broadcast(centreStep), widen = L.Broadcast(deviationStep), low = L.Broadcast(least), high = L.Broadcast(most);
        for (; i + L.Count <= inputs; i += L.Count)
        {
            F centre = L.Load(mu + i), inverse = L.Load(s + i), total = L.Load(sum + i);
            F offset = L.Subtract(total, L.Multiply(number, centre));
            F spread = L.Fma(centre, L.Fma(minusTwo, total, L.Multiply(centre, number)), L.Load(squares + i));
            F slope = L.Subtract(L.Divide(number, inverse), L.Multiply(inverse, spread));
            centre = L.Fma(L.Multiply(up, L.Multiply(inverse, inverse)), offset, centre);
            inverse = L.Max(low, L.Min(high, L.Fma(widen, slope, inverse)));
            L.Store(mu + i, centre);
            L.Store(s + i, inverse);
            L.Store(m + i, L.Subtract(default, L.Multiply(centre, inverse)));
        }
        for (; i < inputs; i++)
        {
            float centre = mu[i], inverse = s[i], total = sum[i];
            float spread = squares[i] + centre * (centre * count - 2 * total);
            mu[i] = centre + centreStep * inverse * inverse * (total - count * centre);
            s[i] = Math.Max(least, Math.Min(most, inverse + deviationStep * (count / inverse - inverse * spread)));
            m[i] = -mu[i] * s[i];
        }
    }

    /// <summary>The same for several components that lie side by side: each input has a number of samples of its own, and stays as it is where that is 0.</summary>
    [MethodImpl(Hot)]
    public static void Step(float* mu, float* s, float* m, float* sum, float* squares, float* counts, float centreStep, float deviationStep, float least, float most, int inputs)
    {
        int i = 0;
        F minusTwo = L.Broadcast(-2f), up = L.Broadcast(centreStep), widen = L.Broadcast(deviationStep), low = L.Broadcast(least), high = L.Broadcast(most);
        for (; i + L.Count <= inputs; i += L.Count)
        {
            F centre = L.Load(mu + i), inverse = L.Load(s + i), total = L.Load(sum + i), number = L.Load(counts + i);
            F offset = L.Subtract(total, L.Multiply(number, centre));
            F spread = L.Fma(centre, L.Fma(minusTwo, total, L.Multiply(centre, number)), L.Load(squares + i));
            F slope = L.Subtract(L.Divide(number, inverse), L.Multiply(inverse, spread));
            centre = L.Fma(L.Multiply(up, L.Multiply(inverse, inverse)), offset, centre);
            inverse = L.Max(low, L.Min(high, L.Fma(widen, slope, inverse)));
            L.Store(mu + i, centre);
            L.Store(s + i, inverse);
            L.Store(m + i, L.Subtract(default, L.Multiply(centre, inverse)));
        }
        for (; i < inputs; i++)
        {
            float centre = mu[i], inverse = s[i], total = sum[i], count = counts[i];
            float spread = squares[i] + centre * (centre * count - 2 * total);
            mu[i] = centre + centreStep * inverse * inverse * (total - count * centre);
            s[i] = Math.Max(least, Math.Min(most, inverse + deviationStep * (count / inverse - inverse * spread)));
            m[i] = -mu[i] * s[i];
        }
    }
}
