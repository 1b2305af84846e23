using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>What convolutional networks do beside matrix products, on cells of channels: [cell, channel].</summary>
/// <remarks>Numbers of channels are multiples of the vector length.</remarks>
internal static unsafe class ImageKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>y[cell] = from, for each cell.</summary>
    [MethodImpl(Hot)]
    public static void Fill(float* from, float* y, int cells, int channels)
    {
        for (int cell = 0; cell < cells; cell++, y += channels)
            for (int c = 0; c < channels; c += L.Count) L.Store(y + c, L.Load(from + c));
    }

    /// <summary>Numbers below 0 become 0.</summary>
    [MethodImpl(Hot)]
    public static void Relu(float* y, int count)
    {
        F least = default;
        for (int i = 0; i < count; i += L.Count) L.Store(y + i, L.Max(L.Load(y + i), least));
    }

    /// <summary>dy = dy where y is above 0, else 0.</summary>
    [MethodImpl(Hot)]
    public static void MaskByRelu(float* y, float* dy, int count)
    {
        for (int i = 0; i < count; i += L.Count) L.Store(dy + i, L.WherePositive(L.Load(y + i), L.Load(dy + i)));
    }

    /// <summary>s[channel] += sum over cells of y[cell, channel].</summary>
    [MethodImpl(Hot)]
    public static void AddCells(float* s, float* y, int cells, int channels)
    {
        for (int c = 0; c < channels; c += L.Count)
        {
            F sum = L.Load(s + c);
            float* from = y + c;
            for (int cell = 0; cell < cells; cell++, from += channels) sum = L.Add(sum, L.Load(from));
            L.Store(s + c, sum);
        }
    }

    /// <summary>s += from.</summary>
    [MethodImpl(Hot)]
    public static void AddAll(float* s, float* from, int count)
    {
        for (int i = 0; i < count; i += L.Count) L.Store(s + i, L.Add(L.Load(s + i), L.Load(from + i)));
    }

    /// <summary>The largest of four cells, channel by channel.</summary>
    [MethodImpl(Hot)]
    public static void Pool(float* x0, float* x1, float* x2, float* x3, float* y, int channels)
    {
        for (int c = 0; c < channels; c += L.Count)
            L.Store(y + c, L.Max(L.Max(L.Load(x0 + c), L.Load(x1 + c)), L.Max(L.Load(x2 + c), L.Load(x3 + c))));
    }

    /// <summary>Hands a derivative to the first of four cells that is the largest, channel by channel; the others get 0.</summary>
    /// <param name="x">The four cells.</param>
    /// <param name="y">Their largest numbers.</param>
    /// <param name="dy">Derivatives by those.</param>
    /// <param name="dx">Receives the derivatives by the four cells.</param>
    /// <param name="channels">Number of channels.</param>
    [MethodImpl(Hot)]
    public static void PoolBackward(float** x, float* y, float* dy, float** dx, int channels)
    {
        for (int c = 0; c < channels; c += L.Count)
        {
            I most = L.AsInt(L.Load(y + c));
            F rest = L.Load(dy + c);
            for (int i = 0; i < 4; i++)
            {
                F own = L.Multiply(L.OneWhereEqual(L.AsInt(L.Load(x[i] + c)), most), rest);
                L.Store(dx[i] + c, own);
                rest = L.Subtract(rest, own);
            }
        }
    }
}
