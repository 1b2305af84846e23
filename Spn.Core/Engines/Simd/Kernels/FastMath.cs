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

    /// <summary>2^x for x at most 127, to 1e-7 relative; 0 below -127.</summary>
    /// <remarks>2^n for the nearest integer n times a polynomial of degree 6 for the rest, interpolated at Chebyshev points; 2^n is exact.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F PowerOfTwo(F x)
    {
        x = L.Max(x, L.Broadcast(-127f));
        I n = L.Round(x);
        F r = L.Subtract(x, L.ToFloat(n));
        F p = L.Fma(L.Broadcast(1.5453163e-4f), r, L.Broadcast(1.3390863e-3f));
        p = L.Fma(p, r, L.Broadcast(9.6180830e-3f));
        p = L.Fma(p, r, L.Broadcast(5.5503570e-2f));
        p = L.Fma(p, r, L.Broadcast(2.4022651e-1f));
        p = L.Fma(p, r, L.Broadcast(6.9314718e-1f));
        p = L.Fma(p, r, L.Broadcast(1f));
        return L.Multiply(p, L.AsFloat(L.ShiftLeft23(L.AddInt(n, L.BroadcastInt(127)))));
    }

    /// <summary>Base-2 logarithm of a normal positive number, to 1e-7 absolute beside its rounding; of infinity 128.</summary>
    /// <remarks>The exponent, and the series of the inverse hyperbolic tangent for a mantissa between the roots of 1/2 and 2, interpolated at Chebyshev points.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F LogTwo(F x)
    {
        const int rootOfHalf = 0x3f3504f3;
        I bits = L.AsInt(x);
        I n = L.ShiftRight23(L.SubtractInt(bits, L.BroadcastInt(rootOfHalf)));
        F m = L.AsFloat(L.SubtractInt(bits, L.ShiftLeft23(n))), one = L.Broadcast(1f);
        F s = L.Divide(L.Subtract(m, one), L.Add(m, one)), w = L.Multiply(s, s);
        F p = L.Fma(L.Broadcast(4.3171769e-1f), w, L.Broadcast(5.7671517e-1f));
        p = L.Fma(p, w, L.Broadcast(9.6179885e-1f));
        p = L.Fma(p, w, L.Broadcast(2.8853900f));
        return L.Fma(p, s, L.ToFloat(n));
    }
}
