using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Spn.Host.Bench;

/// <summary>What this machine can do at most: fused multiply-adds and memory reads.</summary>
internal static unsafe class MachinePeak
{
    private const int Repeats = 7;

    /// <summary>Fused multiply-adds of floats per second, in units of 1e9, best of several short runs.</summary>
    public static double FmaGiga(int threads)
    {
        const int rounds = 4_000_000;
        bool wide = Vector512.IsHardwareAccelerated;
        double perRound = wide ? 12 * 16 : 12 * 8;
        return Best(threads, () => _ = wide ? Wide(rounds) : Narrow(rounds)) is var seconds ? threads * rounds * perRound / seconds / 1e9 : 0;
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

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Wide(int rounds)
    {
        Vector512<float> m = Vector512.Create(0.999f), c = Vector512.Create(1e-3f);
        Vector512<float> a0 = c, a1 = c, a2 = c, a3 = c, a4 = c, a5 = c, a6 = c, a7 = c, a8 = c, a9 = c, a10 = c, a11 = c;
        for (int i = 0; i < rounds; i++)
        {
            a0 = Vector512.MultiplyAddEstimate(a0, m, c);
            a1 = Vector512.MultiplyAddEstimate(a1, m, c);
            a2 = Vector512.MultiplyAddEstimate(a2, m, c);
            a3 = Vector512.MultiplyAddEstimate(a3, m, c);
            a4 = Vector512.MultiplyAddEstimate(a4, m, c);
            a5 = Vector512.MultiplyAddEstimate(a5, m, c);
            a6 = Vector512.MultiplyAddEstimate(a6, m, c);
            a7 = Vector512.MultiplyAddEstimate(a7, m, c);
            a8 = Vector512.MultiplyAddEstimate(a8, m, c);
            a9 = Vector512.MultiplyAddEstimate(a9, m, c);
            a10 = Vector512.MultiplyAddEstimate(a10, m, c);
            a11 = Vector512.MultiplyAddEstimate(a11, m, c);
        }
        return Vector512.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Narrow(int rounds)
    {
        Vector256<float> m = Vector256.Create(0.999f), c = Vector256.Create(1e-3f);
        Vector256<float> a0 = c, a1 = c, a2 = c, a3 = c, a4 = c, a5 = c, a6 = c, a7 = c, a8 = c, a9 = c, a10 = c, a11 = c;
        for (int i = 0; i < rounds; i++)
        {
            a0 = Vector256.MultiplyAddEstimate(a0, m, c);
            a1 = Vector256.MultiplyAddEstimate(a1, m, c);
            a2 = Vector256.MultiplyAddEstimate(a2, m, c);
            a3 = Vector256.MultiplyAddEstimate(a3, m, c);
            a4 = Vector256.MultiplyAddEstimate(a4, m, c);
            a5 = Vector256.MultiplyAddEstimate(a5, m, c);
            a6 = Vector256.MultiplyAddEstimate(a6, m, c);
            a7 = Vector256.MultiplyAddEstimate(a7, m, c);
            a8 = Vector256.MultiplyAddEstimate(a8, m, c);
            a9 = Vector256.MultiplyAddEstimate(a9, m, c);
            a10 = Vector256.MultiplyAddEstimate(a10, m, c);
            a11 = Vector256.MultiplyAddEstimate(a11, m, c);
        }
        return Vector256.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
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
