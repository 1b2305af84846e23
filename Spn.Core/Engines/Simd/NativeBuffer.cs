using System.Runtime.InteropServices;

namespace Spn.Core.Engines.Simd;

/// <summary>Zeroed memory outside the garbage collector's heap, aligned to cache lines.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private void* memory;

    public NativeBuffer(long bytes)
    {
        Bytes = Math.Max(64, (bytes + 63) / 64 * 64);
        memory = NativeMemory.AlignedAlloc((nuint)Bytes, 64);
        NativeMemory.Clear(memory, (nuint)Bytes);
    }

    ~NativeBuffer() => Free();

    public long Bytes { get; }

    public float* Floats => (float*)memory;

    public byte* Raw => (byte*)memory;

    public void Clear() => NativeMemory.Clear(memory, (nuint)Bytes);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (memory == null) return;
        NativeMemory.AlignedFree(memory);
        memory = null;
    }
}
