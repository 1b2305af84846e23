using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Rows of weights that lie side by side: softmax and proportions, and their derivatives.</summary>
internal static unsafe class RowKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>w = softmax of x.</summary>
    [MethodImpl(Hot)]
    public static void Softmax(float* x, float* w, int count)
    {
        int n = L.Count, j = n;
        float most = x[0], sum = 0;
        if (count >= n)
        {
            F largest = L.Load(x);
            for (; j + n <= count; j += n) largest = L.Max(largest, L.Load(x + j));
            most = Largest(largest);
        }
        else j = 0;
        for (; j < count; j++) most = MathF.Max(most, x[j]);
        F top = L.Broadcast(most), total = default;
        for (j = 0; j + n <= count; j += n)
        {
            F e = FastMath<L, F, I>.Exp(L.Subtract(L.Load(x + j), top));
            total = L.Add(total, e);
            L.Store(w + j, e);
        }
        for (; j < count; j++) sum += w[j] = MathF.Exp(x[j] - most);
        Scale(w, 1 / (sum + L.Sum(total)), count);
    }

    /// <summary>g = w (d - sum of w d): derivatives by the logits from derivatives by the weights.</summary>
    [MethodImpl(Hot)]
    public static void SoftmaxBackward(float* w, float* d, float* g, int count)
    {
        int n = L.Count, j = 0;
        F total = default;
        float mean = 0;
        for (; j + n <= count; j += n) total = L.Fma(L.Load(w + j), L.Load(d + j), total);
        for (; j < count; j++) mean += w[j] * d[j];
        mean += L.Sum(total);
        F middle = L.Broadcast(mean);
        for (j = 0; j + n <= count; j += n) L.Store(g + j, L.Multiply(L.Load(w + j), L.Subtract(L.Load(d + j), middle)));
        for (; j < count; j++) g[j] = w[j] * (d[j] - mean);
    }

    /// <summary>w = (a + smoothing / count) / (sum of a + smoothing).</summary>
    /// <param name="a">Accumulators, side by side.</param>
    /// <param name="smoothing">See <see cref="AccumulatorWeights.Smoothing"/>.</param>
    /// <param name="w">Receives the weights.</param>
    /// <param name="stride">Distance between neighbouring weights.</param>
    /// <param name="count">Number of weights.</param>
    [MethodImpl(Hot)]
    public static void Normalise(float* a, float smoothing, float* w, int stride, int count)
    {
        float least = smoothing / count, scale = 1 / (Sum(a, count) + smoothing);
        if (stride != 1)
        {
            for (int i = 0; i < count; i++) w[(long)i * stride] = (a[i] + least) * scale;
            return;
        }
        int n = L.Count, j = 0;
        F more = L.Broadcast(least), factor = L.Broadcast(scale);
        for (; j + n <= count; j += n) L.Store(w + j, L.Multiply(L.Add(L.Load(a + j), more), factor));
        for (; j < count; j++) w[j] = (a[j] + least) * scale;
    }

    /// <summary>g = (d - sum of w d) / (sum of a + smoothing): derivatives by the accumulators.</summary>
    public static void NormaliseBackward(float* a, float smoothing, float* w, float* d, int stride, float* g, int count)
    {
        float mean = 0, scale = 1 / (Sum(a, count) + smoothing);
        for (int j = 0; j < count; j++) mean += w[(long)j * stride] * d[(long)j * stride];
        for (int j = 0; j < count; j++) g[j] = (d[(long)j * stride] - mean) * scale;
    }

    /// <summary>y = a b, element by element.</summary>
    [MethodImpl(Hot)]
    public static void Multiply(float* a, float* b, float* y, int count)
    {
        int n = L.Count, j = 0;
        for (; j + n <= count; j += n) L.Store(y + j, L.Multiply(L.Load(a + j), L.Load(b + j)));
        for (; j < count; j++) y[j] = a[j] * b[j];
    }

    /// <summary>Sum of the numbers.</summary>
    [MethodImpl(Hot)]
    public static float Sum(float* a, int count)
    {
        int n = L.Count, j = 0;
        F total = default;
        float sum = 0;
        for (; j + n <= count; j += n) total = L.Add(total, L.Load(a + j));
        for (; j < count; j++) sum += a[j];
        return sum + L.Sum(total);
    }

    [MethodImpl(Hot)]
    private static void Scale(float* w, float scale, int count)
    {
        int n = L.Count, j = 0;
        F factor = L.Broadcast(scale);
        for (; j + n <= count; j += n) L.Store(w + j, L.Multiply(L.Load(w + j), factor));
        for (; j < count; j++) w[j] *= scale;
    }

    private static float Largest(F value)
    {
        float* lanes = stackalloc float[L.Count];
        L.Store(lanes, value);
        float most = lanes[0];
        for (int i = 1; i < L.Count; i++) most = MathF.Max(most, lanes[i]);
        return most;
    }
}
