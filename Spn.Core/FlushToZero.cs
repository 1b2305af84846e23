using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Spn.Core;

/// <summary>While in scope, this thread takes numbers below the normal float range as 0.</summary>
/// <remarks>
/// Processors compute such numbers a hundred times slower, and trained circuits are full of them; they are far below what the
/// range guard tolerates. The mode is set through the system's C library where that is known; elsewhere nothing changes but the speed.
/// </remarks>
internal readonly unsafe struct FlushToZero : IDisposable
{
    private const uint FlushAndTreatAsZero = 0x8040;
    private const int EnvironmentBytes = 32;
    private const int ControlOffset = 28;

    private static readonly delegate* unmanaged<byte*, int> GetEnvironment;
    private static readonly delegate* unmanaged<byte*, int> SetEnvironment;

    private readonly uint before;
    private readonly bool changed;

    static FlushToZero()
    {
        // The layout used below is that of 64-bit x86 under Linux: the vector unit's control word follows the 28 bytes of the old one.
        if (!OperatingSystem.IsLinux() || !X86Base.X64.IsSupported || !NativeLibrary.TryLoad("libm.so.6", out nint library)) return;
        if (!NativeLibrary.TryGetExport(library, "fegetenv", out nint get) || !NativeLibrary.TryGetExport(library, "fesetenv", out nint set)) return;
        GetEnvironment = (delegate* unmanaged<byte*, int>)get;
        SetEnvironment = (delegate* unmanaged<byte*, int>)set;
    }

    private FlushToZero(uint before)
    {
        this.before = before;
        changed = true;
    }

    /// <summary>Starts the mode on this thread until the result is disposed.</summary>
    public static FlushToZero Here()
    {
        if (GetEnvironment == null) return default;
        byte* environment = stackalloc byte[EnvironmentBytes];
        if (GetEnvironment(environment) != 0) return default;
        uint before = *(uint*)(environment + ControlOffset);
        if ((before & FlushAndTreatAsZero) == FlushAndTreatAsZero) return default;
        *(uint*)(environment + ControlOffset) = before | FlushAndTreatAsZero;
        return SetEnvironment(environment) == 0 ? new FlushToZero(before) : default;
    }

    /// <summary>Restores what was before.</summary>
    public void Dispose()
    {
        if (!changed) return;
        byte* environment = stackalloc byte[EnvironmentBytes];
        if (GetEnvironment(environment) != 0) return;
        uint now = *(uint*)(environment + ControlOffset);
        *(uint*)(environment + ControlOffset) = (now & ~FlushAndTreatAsZero) | (before & FlushAndTreatAsZero);
        SetEnvironment(environment);
    }
}
