using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Moments of the patches that components of a mixture won, and steps of the components along the gradient that follows from them.</summary>
internal static unsafe class MomentKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Most inputs of a patch that <see cref="AddFew"/> takes.</summary>
    public const int MostFew = 64;

    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Adds a patch of each image to the sums and sums of squares of the component that won it.</summary>
    /// <param name="runs">Where the runs of the first image's patch start, [run].</param>
    /// <param name="length">Numbers of a run.</param>
    /// <param name="stride">Numbers from an image to the next.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="from">First input that is added.</param>
    /// <param name="to">End of the inputs that are added.</param>
    /// <param name="winner">Winning component, [image].</param>
    /// <param name="sum">[component, input]</param>
    /// <param name="squares">[component, input]</param>
    /// <param name="spacing">Numbers from a component to the next.</param>
    [MethodImpl(Hot)]
    public static void AddPatches(float** runs, int length, int stride, int images, int from, int to, float* winner, float* sum, float* squares, int spacing)
    {
        for (int image = 0; image < images; image++)
        {
            int at = (int)winner[image] * spacing, next = from;
            for (int run = from / length; next < to; run++)
            {
                int first = next;
                next = Math.Min(to, (run + 1) * length);
                Add(runs[run] + (long)image * stride + first - run * length, sum + at + first, squares + at + first, next - first);
            }
        }
    }

    /// <summary>The same for whole patches of at most <see cref="MostFew"/> inputs, which are copied together first; what lies up to a multiple of 16 beyond each component's sums is left as it is.</summary>
    /// <param name="runs">See <see cref="AddPatches"/>.</param>
    /// <param name="count">Number of runs.</param>
    /// <param name="length">See <see cref="AddPatches"/>.</param>
    /// <param name="stride">See <see cref="AddPatches"/>.</param>
    /// <param name="images">See <see cref="AddPatches"/>.</param>
    /// <param name="winner">See <see cref="AddPatches"/>.</param>
    /// <param name="sum">See <see cref="AddPatches"/>.</param>
    /// <param name="squares">See <see cref="AddPatches"/>.</param>
    /// <param name="spacing">See <see cref="AddPatches"/>.</param>
    [MethodImpl(Hot)]
    public static void AddFew(float** runs, int count, int length, int stride, int images, float* winner, float* sum, float* squares, int spacing)
    {
        float* patch = stackalloc float[MostFew];
        new Span<float>(patch, MostFew).Clear();
        int padded = (count * length + 15) / 16 * 16;
        for (int image = 0; image < images; image++)
        {
            int at = (int)winner[image] * spacing, i = 0;
            for (int run = 0; run < count; run++)
            {
                float* x = runs[run] + (long)image * stride;
                for (int j = 0; j < length; j++) patch[i++] = x[j];
            }
            Add(patch, sum + at, squares + at, padded);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* x, float* sum, float* squares, int count)
    {
        int i = 0;
        for (; i + L.Count <= count; i += L.Count)
        {
            F own = L.Load(x + i);
            L.Store(sum + i, L.Add(L.Load(sum + i), own));
            L.Store(squares + i, L.Fma(own, own, L.Load(squares + i)));
        }
        for (; i + 4 <= count; i += 4)
        {
            Vector128<float> own = Vector128.Load(x + i);
            Vector128.Store(Vector128.Load(sum + i) + own, sum + i);
            Vector128.Store(Vector128.FusedMultiplyAdd(own, own, Vector128.Load(squares + i)), squares + i);
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
