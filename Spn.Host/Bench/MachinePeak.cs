using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Host.Bench;

/// <summary>What this machine can do at most: fused multiply-adds and memory reads.</summary>
internal static unsafe class MachinePeak
{
    private const int Repeats = 7;

    /// <summary>Fused multiply-adds of floats per second, in units of 1e9, best of several short runs.</summary>
    public static double FmaGiga(int threads)
    {
        const int rounds = 4_000_000;
        bool wide = SimdEngine.VectorLanes == 16;
        double seconds = Best(threads, () => _ = wide
            ? Chains<Lanes16, Vector512<float>, Vector512<int>>(rounds)
            : Chains<Lanes8, Vector256<float>, Vector256<int>>(rounds));
        return threads * 12.0 * rounds * SimdEngine.VectorLanes / seconds / 1e9;
    }

    /// <summary>Bytes read from memory per second, in units of 1e9.</summary>
    public static double ReadGiga(int threads)
    {
        const int floats = 64 << 20;
        float[][] data = [.. Enumerable.Range(0, threads).Select(_ => new float[floats])];
        foreach (float[] own in data) Array.Fill(own, 1);
        int next = -1;
        double seconds = Best(threads, () => Read(data[Interlocked.Increment(ref next) % threads]), rounds: 3);
        return threads * (double)floats * sizeof(float) / seconds / 1e9;
    }

    private static double Best(int threads, Action work, int rounds = Repeats)
    {
        double best = double.MaxValue;
        for (int repeat = 0; repeat < rounds; repeat++)
        {
            using var start = new Barrier(threads + 1);
            Thread[] workers = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
            {
                start.SignalAndWait();
                work();
                start.SignalAndWait();
            }))];
            foreach (Thread worker in workers) worker.Start();
            start.SignalAndWait();
            var clock = Stopwatch.StartNew();
            start.SignalAndWait();
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
            foreach (Thread worker in workers) worker.Join();
        }
        return best;
    }

    /// <summary>Twelve chains that do not wait for each other: enough to fill two units of four cycles.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains<L, F, I>(int rounds)
        where L : ILanes<F, I>
        where F : struct
        where I : struct
    {
        F m = L.Broadcast(0.999f), c = L.Broadcast(1e-3f);
        F a0 = c, a1 = c, a2 = c, a3 = c, a4 = c, a5 = c, a6 = c, a7 = c, a8 = c, a9 = c, a10 = c, a11 = c;
        for (int i = 0; i < rounds; i++)
        {
            a0 = L.Fma(a0, m, c);
            a1 = L.Fma(a1, m, c);
            a2 = L.Fma(a2, m, c);
            a3 = L.Fma(a3, m, c);
            a4 = L.Fma(a4, m, c);
            a5 = L.Fma(a5, m, c);
            a6 = L.Fma(a6, m, c);
            a7 = L.Fma(a7, m, c);
            a8 = L.Fma(a8, m, c);
            a9 = L.Fma(a9, m, c);
            a10 = L.Fma(a10, m, c);
            a11 = L.Fma(a11, m, c);
        }
        F sum = L.Add(L.Add(L.Add(a0, a1), L.Add(a2, a3)), L.Add(L.Add(a4, a5), L.Add(a6, a7)));
        return L.Sum(L.Add(sum, L.Add(L.Add(a8, a9), L.Add(a10, a11))));
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Read(float[] data)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        fixed (float* first = data)
            for (float* p = first, end = first + data.Length; p < end; p += 32)
            {
                a += Vector256.Load(p);
                b += Vector256.Load(p + 8);
                c += Vector256.Load(p + 16);
                d += Vector256.Load(p + 24);
            }
        Sink = Vector256.Sum(a + b + c + d);
    }

    /// <summary>Keeps the reads from being optimised away.</summary>
    private static float Sink { get; set; }
}
