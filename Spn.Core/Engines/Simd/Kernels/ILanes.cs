using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>The vector operations that kernels are written in, once for every vector width.</summary>
/// <remarks>Kernels are generic over a width; the compiler makes one native version of each. F holds floats, I 32-bit integers.</remarks>
internal unsafe interface ILanes<F, I>
    where F : struct
    where I : struct
{
    static abstract int Count { get; }
    static abstract F Load(float* at);
    static abstract void Store(float* at, F value);
    static abstract F Broadcast(float value);
    static abstract F Fma(F a, F b, F c);
    static abstract F Multiply(F a, F b);
    static abstract F Divide(F a, F b);
    static abstract F Add(F a, F b);
    static abstract F Subtract(F a, F b);
    static abstract F Max(F a, F b);
    static abstract F Min(F a, F b);
    static abstract float Sum(F value);

    static abstract I LoadInt(int* at);
    static abstract void StoreInt(int* at, I value);
    static abstract I BroadcastInt(int value);
    static abstract I AddInt(I a, I b);
    static abstract I SubtractInt(I a, I b);
    static abstract I MultiplyInt(I a, I b);
    static abstract I MaxInt(I a, I b);
    static abstract I And(I a, I b);
    static abstract I ShiftLeft23(I value);
    static abstract I ShiftRight23(I value);

    /// <summary>value shifted right by one bit, a zero from above.</summary>
    static abstract I HalfOf(I value);

    /// <summary>value xor (value shifted right by bits, zeros from above).</summary>
    static abstract I XorShift(I value, int bits);
    static abstract I AsInt(F value);
    static abstract F AsFloat(I value);
    static abstract I Round(F value);
    static abstract F ToFloat(I value);

    /// <summary>1 where a equals b, else 0.</summary>
    static abstract F OneWhereEqual(I a, I b);

    /// <summary>value where test is above zero, else 0.</summary>
    static abstract F WherePositive(F test, F value);

    /// <summary>Bytes as 32-bit integers.</summary>
    static abstract I Widen(byte* at);

    /// <summary>table[index] for indices 0 to 15 into 16 floats.</summary>
    static abstract F Lookup(float* table, I index);

    /// <summary>Floats at any distance from one place.</summary>
    static abstract F Gather(float* from, int* index);
}

/// <summary>8 lanes: AVX2, or the runtime's own emulation elsewhere.</summary>
internal readonly unsafe struct Lanes8 : ILanes<Vector256<float>, Vector256<int>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int Count => 8;
    [MethodImpl(Inline)] public static Vector256<float> Load(float* at) => Vector256.Load(at);
    [MethodImpl(Inline)] public static void Store(float* at, Vector256<float> value) => Vector256.Store(value, at);
    [MethodImpl(Inline)] public static Vector256<float> Broadcast(float value) => Vector256.Create(value);
    [MethodImpl(Inline)] public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);
    [MethodImpl(Inline)] public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    [MethodImpl(Inline)] public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;
    [MethodImpl(Inline)] public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;
    [MethodImpl(Inline)] public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;
    [MethodImpl(Inline)] public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);
    [MethodImpl(Inline)] public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);
    [MethodImpl(Inline)] public static float Sum(Vector256<float> value) => Vector256.Sum(value);
    [MethodImpl(Inline)] public static Vector256<int> LoadInt(int* at) => Vector256.Load(at);
    [MethodImpl(Inline)] public static void StoreInt(int* at, Vector256<int> value) => Vector256.Store(value, at);
    [MethodImpl(Inline)] public static Vector256<int> BroadcastInt(int value) => Vector256.Create(value);
    [MethodImpl(Inline)] public static Vector256<int> AddInt(Vector256<int> a, Vector256<int> b) => a + b;
    [MethodImpl(Inline)] public static Vector256<int> SubtractInt(Vector256<int> a, Vector256<int> b) => a - b;
    [MethodImpl(Inline)] public static Vector256<int> MultiplyInt(Vector256<int> a, Vector256<int> b) => a * b;
    [MethodImpl(Inline)] public static Vector256<int> MaxInt(Vector256<int> a, Vector256<int> b) => Vector256.Max(a, b);
    [MethodImpl(Inline)] public static Vector256<int> And(Vector256<int> a, Vector256<int> b) => a & b;
    [MethodImpl(Inline)] public static Vector256<int> ShiftLeft23(Vector256<int> value) => value << 23;
    [MethodImpl(Inline)] public static Vector256<int> ShiftRight23(Vector256<int> value) => value >> 23;
    [MethodImpl(Inline)] public static Vector256<int> HalfOf(Vector256<int> value) => value >>> 1;
    [MethodImpl(Inline)] public static Vector256<int> XorShift(Vector256<int> value, int bits) => value ^ (value >>> bits);
    [MethodImpl(Inline)] public static Vector256<int> AsInt(Vector256<float> value) => value.AsInt32();
    [MethodImpl(Inline)] public static Vector256<float> AsFloat(Vector256<int> value) => value.AsSingle();
    [MethodImpl(Inline)] public static Vector256<int> Round(Vector256<float> value) => Vector256.ConvertToInt32Native(Vector256.Round(value));
    [MethodImpl(Inline)] public static Vector256<float> ToFloat(Vector256<int> value) => Vector256.ConvertToSingle(value);

    [MethodImpl(Inline)]
    public static Vector256<float> OneWhereEqual(Vector256<int> a, Vector256<int> b) =>
        (Vector256.Equals(a, b) & Vector256.Create(1f).AsInt32()).AsSingle();

    [MethodImpl(Inline)]
    public static Vector256<float> WherePositive(Vector256<float> test, Vector256<float> value) =>
        Vector256.GreaterThan(test, Vector256<float>.Zero) & value;

    [MethodImpl(Inline)]
    public static Vector256<int> Widen(byte* at)
    {
        if (Avx2.IsSupported) return Avx2.ConvertToVector256Int32(at);
        Vector128<ushort> wide = Vector128.WidenLower(Vector64.Load(at).ToVector128());
        return Vector256.Create(Vector128.WidenLower(wide), Vector128.WidenUpper(wide)).AsInt32();
    }

    [MethodImpl(Inline)]
    public static Vector256<float> Lookup(float* table, Vector256<int> index)
    {
        Vector256<int> within = index & Vector256.Create(7);
        Vector256<float> low = Vector256.Shuffle(Vector256.Load(table), within), high = Vector256.Shuffle(Vector256.Load(table + 8), within);
        if (Avx2.IsSupported)
        {
            low = Avx2.PermuteVar8x32(Vector256.Load(table), index);
            high = Avx2.PermuteVar8x32(Vector256.Load(table + 8), index);
        }
        return Vector256.ConditionalSelect(Vector256.GreaterThan(index, Vector256.Create(7)).AsSingle(), high, low);
    }

    [MethodImpl(Inline)]
    public static Vector256<float> Gather(float* from, int* index) => Avx2.IsSupported
        ? Avx2.GatherVector256(from, Vector256.Load(index), sizeof(float))
        : Vector256.Create(from[index[0]], from[index[1]], from[index[2]], from[index[3]], from[index[4]], from[index[5]], from[index[6]], from[index[7]]);
}

/// <summary>16 lanes: AVX-512.</summary>
internal readonly unsafe struct Lanes16 : ILanes<Vector512<float>, Vector512<int>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int Count => 16;
    [MethodImpl(Inline)] public static Vector512<float> Load(float* at) => Vector512.Load(at);
    [MethodImpl(Inline)] public static void Store(float* at, Vector512<float> value) => Vector512.Store(value, at);
    [MethodImpl(Inline)] public static Vector512<float> Broadcast(float value) => Vector512.Create(value);
    [MethodImpl(Inline)] public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);
    [MethodImpl(Inline)] public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    [MethodImpl(Inline)] public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;
    [MethodImpl(Inline)] public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;
    [MethodImpl(Inline)] public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;
    [MethodImpl(Inline)] public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);
    [MethodImpl(Inline)] public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);
    [MethodImpl(Inline)] public static float Sum(Vector512<float> value) => Vector256.Sum(value.GetLower() + value.GetUpper());
    [MethodImpl(Inline)] public static Vector512<int> LoadInt(int* at) => Vector512.Load(at);
    [MethodImpl(Inline)] public static void StoreInt(int* at, Vector512<int> value) => Vector512.Store(value, at);
    [MethodImpl(Inline)] public static Vector512<int> BroadcastInt(int value) => Vector512.Create(value);
    [MethodImpl(Inline)] public static Vector512<int> AddInt(Vector512<int> a, Vector512<int> b) => a + b;
    [MethodImpl(Inline)] public static Vector512<int> SubtractInt(Vector512<int> a, Vector512<int> b) => a - b;
    [MethodImpl(Inline)] public static Vector512<int> MultiplyInt(Vector512<int> a, Vector512<int> b) => a * b;
    [MethodImpl(Inline)] public static Vector512<int> MaxInt(Vector512<int> a, Vector512<int> b) => Vector512.Max(a, b);
    [MethodImpl(Inline)] public static Vector512<int> And(Vector512<int> a, Vector512<int> b) => a & b;
    [MethodImpl(Inline)] public static Vector512<int> ShiftLeft23(Vector512<int> value) => value << 23;
    [MethodImpl(Inline)] public static Vector512<int> ShiftRight23(Vector512<int> value) => value >> 23;
    [MethodImpl(Inline)] public static Vector512<int> HalfOf(Vector512<int> value) => value >>> 1;
    [MethodImpl(Inline)] public static Vector512<int> XorShift(Vector512<int> value, int bits) => value ^ (value >>> bits);
    [MethodImpl(Inline)] public static Vector512<int> AsInt(Vector512<float> value) => value.AsInt32();
    [MethodImpl(Inline)] public static Vector512<float> AsFloat(Vector512<int> value) => value.AsSingle();
    [MethodImpl(Inline)] public static Vector512<int> Round(Vector512<float> value) => Vector512.ConvertToInt32Native(Vector512.Round(value));
    [MethodImpl(Inline)] public static Vector512<float> ToFloat(Vector512<int> value) => Vector512.ConvertToSingle(value);

    [MethodImpl(Inline)]
    public static Vector512<float> OneWhereEqual(Vector512<int> a, Vector512<int> b) =>
        (Vector512.Equals(a, b) & Vector512.Create(1f).AsInt32()).AsSingle();

    [MethodImpl(Inline)]
    public static Vector512<float> WherePositive(Vector512<float> test, Vector512<float> value) =>
        Vector512.GreaterThan(test, Vector512<float>.Zero) & value;

    [MethodImpl(Inline)]
    public static Vector512<int> Widen(byte* at) => Avx512F.ConvertToVector512Int32(Vector128.Load(at));

    [MethodImpl(Inline)]
    public static Vector512<float> Lookup(float* table, Vector512<int> index) => Avx512F.PermuteVar16x32(Vector512.Load(table), index);

    [MethodImpl(Inline)]
    public static Vector512<float> Gather(float* from, int* index) => Vector512.Create(Lanes8.Gather(from, index), Lanes8.Gather(from, index + 8));
}
