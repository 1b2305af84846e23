using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sixteen runs of sixteen floats, turned round.</summary>
internal static unsafe class TransposeKernel
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;
    private const int Size = 16;

    /// <summary>to[i][toAt + j] = from[j][fromAt + i] for i and j below 16.</summary>
    [MethodImpl(Hot)]
    public static void Turn(float** from, int fromAt, float** to, int toAt)
    {
        if (!Avx.IsSupported)
        {
            for (int i = 0; i < Size; i++)
                for (int j = 0; j < Size; j++) to[i][toAt + j] = from[j][fromAt + i];
            return;
        }
        for (int j = 0; j < Size; j += 8)
            for (int i = 0; i < Size; i += 4) TurnEight(from + j, fromAt + i, to + i, toAt + j);
    }

    /// <summary>Four floats of each of eight runs become eight floats of each of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TurnEight(float** from, int fromAt, float** to, int toAt)
    {
        Vector256<float> a = Join(from[0], from[4], fromAt), b = Join(from[1], from[5], fromAt);
        Vector256<float> c = Join(from[2], from[6], fromAt), d = Join(from[3], from[7], fromAt);
        Vector256<float> ab = Avx.UnpackLow(a, b), cd = Avx.UnpackLow(c, d);
        Vector256.Store(Avx.Shuffle(ab, cd, 0x44), to[0] + toAt);
        Vector256.Store(Avx.Shuffle(ab, cd, 0xee), to[1] + toAt);
        ab = Avx.UnpackHigh(a, b);
        cd = Avx.UnpackHigh(c, d);
        Vector256.Store(Avx.Shuffle(ab, cd, 0x44), to[2] + toAt);
        Vector256.Store(Avx.Shuffle(ab, cd, 0xee), to[3] + toAt);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Join(float* low, float* high, int at) => Vector256.Create(Vector128.Load(low + at), Vector128.Load(high + at));
}
