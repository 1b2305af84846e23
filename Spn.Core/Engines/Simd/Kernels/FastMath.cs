using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Elementary functions on lanes.</summary>
internal static class FastMath<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>exp(x) for x at most 88, to 2e-7 relative; 0 below -87.</summary>
    /// <remarks>2^n times the polynomial of degree 6 for the rest of the range; coefficients are those of exp's series in minimax form.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F Exp(F x)
    {
        x = L.Max(x, L.Broadcast(-88f));
        F t = L.Multiply(x, L.Broadcast(1.44269504f));
        I n = L.Round(t);
        F whole = L.ToFloat(n);
        F r = L.Fma(whole, L.Broadcast(-0.693359375f), x);
        r = L.Fma(whole, L.Broadcast(2.12194440e-4f), r);
        F p = L.Broadcast(1.9875691500e-4f);
        p = L.Fma(p, r, L.Broadcast(1.3981999507e-3f));
        p = L.Fma(p, r, L.Broadcast(8.3334519073e-3f));
        p = L.Fma(p, r, L.Broadcast(4.1665795894e-2f));
        p = L.Fma(p, r, L.Broadcast(1.6666665459e-1f));
        p = L.Fma(p, r, L.Broadcast(5.0000001201e-1f));
        p = L.Add(L.Fma(L.Multiply(p, r), r, r), L.Broadcast(1f));
        return L.Multiply(p, L.AsFloat(L.ShiftLeft23(L.AddInt(n, L.BroadcastInt(127)))));
    }
}
