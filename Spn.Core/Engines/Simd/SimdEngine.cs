using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The default engine: scaled linear values, vector kernels, several threads, no native parts.</summary>
/// <remarks>
/// A region holds non-negative floats and one power-of-two exponent a sample, so that no logarithm or exponential stands between
/// inputs and root; samples that leave the range are redone in log space. Results do not depend on the number of threads.
/// </remarks>
/// <param name="threads">Number of threads, or 0 for one a processor.</param>
public sealed class SimdEngine(int threads = 0) : IEngine
{
    /// <inheritdoc/>
    public int Threads { get; } = threads > 0 ? threads : Environment.ProcessorCount;

    /// <summary>Lanes of the vectors used on this machine: 16 with AVX-512, else 8.</summary>
    public static int VectorLanes => Wide ? 16 : 8;

    /// <inheritdoc/>
    public string Name => $"simd, {Threads} thread{(Threads == 1 ? "" : "s")}, {VectorLanes} lanes";

    private static bool Wide => Vector512.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Avx512F.IsSupported;

    /// <inheritdoc/>
    public ISession Bind(Plan plan) => Wide
        ? new SimdSession<Lanes16, Vector512<float>, Vector512<int>>(plan, Threads)
        : new SimdSession<Lanes8, Vector256<float>, Vector256<int>>(plan, Threads);

    /// <summary>A session that runs one component level by level, however small, so that tests cover it.</summary>
    internal ISession BindWide(Plan plan) => Wide
        ? new SimdSession<Lanes16, Vector512<float>, Vector512<int>>(plan, Threads, wide: true)
        : new SimdSession<Lanes8, Vector256<float>, Vector256<int>>(plan, Threads, wide: true);

    /// <summary>A session with narrow vectors on any machine, so that tests cover both widths.</summary>
    internal ISession BindNarrow(Plan plan) => new SimdSession<Lanes8, Vector256<float>, Vector256<int>>(plan, Threads);
}
