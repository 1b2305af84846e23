using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sets channels of products to 0; see <see cref="Dropout"/>.</summary>
internal static unsafe class DropoutKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Sets dropped channels to 0.</summary>
    /// <param name="dropout">Which are dropped.</param>
    /// <param name="region">The product region.</param>
    /// <param name="row">Row of the first lane in the call.</param>
    /// <param name="x">[channel, lane]; may be another array than y.</param>
    /// <param name="y">Receives what stays.</param>
    /// <param name="channels">Number of channels.</param>
    /// <param name="least">A row of scratch.</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Apply(Dropout dropout, int region, int row, float* x, float* y, int channels, float* least, int lanes)
    {
        new Span<float>(least, lanes).Fill(dropout.Threshold);
        if (dropout.NeedsGuard(channels))
        {
            float* most = stackalloc float[lanes];
            new Span<float>(most, lanes).Clear();
            for (int c = 0; c < channels; c++) Largest(dropout.Key(region, c), row, most, lanes);
            for (int lane = 0; lane < lanes; lane++) least[lane] = MathF.Min(least[lane], most[lane]);
        }
        for (int c = 0; c < channels; c++) Keep(dropout.Key(region, c), row, x + (long)c * lanes, y + (long)c * lanes, least, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F Noise(I h)
    {
        h = L.MultiplyInt(L.XorShift(h, 16), L.BroadcastInt(Dropout.FirstFactor));
        h = L.MultiplyInt(L.XorShift(h, 13), L.BroadcastInt(Dropout.SecondFactor));
        return L.ToFloat(L.HalfOf(L.XorShift(h, 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static I First(int key, int row)
    {
        int* hashes = stackalloc int[16];
        for (int lane = 0; lane < L.Count; lane++) hashes[lane] = key + (row + lane) * Dropout.RowFactor;
        return L.LoadInt(hashes);
    }

    [MethodImpl(Hot)]
    private static void Largest(int key, int row, float* most, int lanes)
    {
        I h = First(key, row), step = L.BroadcastInt(L.Count * Dropout.RowFactor);
        for (int at = 0; at < lanes; at += L.Count, h = L.AddInt(h, step)) L.Store(most + at, L.Max(L.Load(most + at), Noise(h)));
    }

    [MethodImpl(Hot)]
    private static void Keep(int key, int row, float* x, float* y, float* least, int lanes)
    {
        I h = First(key, row), step = L.BroadcastInt(L.Count * Dropout.RowFactor);
        for (int at = 0; at < lanes; at += L.Count, h = L.AddInt(h, step))
        {
            F noise = Noise(h), bound = L.Load(least + at), own = L.Load(x + at);
            L.Store(y + at, L.Add(L.WherePositive(L.Subtract(noise, bound), own), L.Multiply(L.OneWhereEqual(L.AsInt(noise), L.AsInt(bound)), own)));
        }
    }
}
