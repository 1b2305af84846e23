using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Squared distances of lanes from the centres of diagonal Gaussians: y[k][lane] = sum_d (s(k, d) x[d][lane] + m(k, d))^2.</summary>
/// <remarks>
/// Two multiply-adds a number, as many as the expanded form x^2, x needs as a matrix product, and no cancellation. The inputs are read in
/// runs of neighbouring rows, so a patch of an image need not be copied together. Every method is a leaf.
/// </remarks>
internal static unsafe class QuadraticKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Inputs that stay in the nearest cache, of all lanes, while all components take them.</summary>
    private const int Block = 40;

    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Computes the squares of all components.</summary>
    /// <param name="s">Inverse deviations, [component, input].</param>
    /// <param name="m">Minus the scaled centres, [component, input].</param>
    /// <param name="components">Number of components.</param>
    /// <param name="x">Where the runs count from, [input, lane].</param>
    /// <param name="starts">First row of each run.</param>
    /// <param name="runs">Number of runs.</param>
    /// <param name="length">Rows of a run.</param>
    /// <param name="y">[component, lane]</param>
    /// <param name="lanes">Lanes, a multiple of the vector length; also the distance between rows of x and y.</param>
    public static void Squares(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* y, int lanes)
    {
        int inputs = runs * length, pieces = (inputs + Block - 1) / Block;
        float** rows = stackalloc float*[Block];
        for (int piece = 0, run = 0, j = 0; piece < pieces; piece++)
        {
            int first = Place(piece), count = Place(piece + 1) - first, k = 0;
            for (int o = 0; o < count; o++)
            {
                rows[o] = x + (long)(starts[run] + j) * lanes;
                if (++j == length) (run, j) = (run + 1, 0);
            }
            // What comes next is asked for while this is worked on.
            for (int o = 0, nextRun = run, nextRow = j; o < Block && nextRun < runs; o++)
            {
                Fetch(x + (long)(starts[nextRun] + nextRow) * lanes, lanes);
                if (++nextRow == length) (nextRun, nextRow) = (nextRun + 1, 0);
            }
            float* scale = s + first, shift = m + first;
            for (; k + 5 <= components; k += 5) Five(scale + k * inputs, shift + k * inputs, inputs, rows, count, first > 0, y + k * lanes, lanes);
            for (; k + 2 <= components; k += 2) Two(scale + k * inputs, shift + k * inputs, inputs, rows, count, first > 0, y + k * lanes, lanes);
            if (k < components) One(scale + k * inputs, shift + k * inputs, rows, count, first > 0, y + k * lanes, lanes);
        }

        int Place(int piece) => (int)((long)inputs * piece / pieces);
    }

    /// <summary>Asks for numbers to come to the nearest cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(float* x, int count)
    {
        if (!Sse.IsSupported) return;
        for (int at = 0; at < count; at += 16) Sse.Prefetch0(x + at);
    }

    [MethodImpl(Hot)]
    private static void Five(float* s0, float* m0, int inputs, float** rows, int count, bool more, float* y, int lanes)
    {
        int n = L.Count, at = 0;
        float* s1 = s0 + inputs, s2 = s1 + inputs, s3 = s2 + inputs, s4 = s3 + inputs;
        float* m1 = m0 + inputs, m2 = m1 + inputs, m3 = m2 + inputs, m4 = m3 + inputs;
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* q = y + at;
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
            F b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
            if (more)
            {
                a0 = L.Load(q);
                b0 = L.Load(q + n);
                a1 = L.Load(q + lanes);
                b1 = L.Load(q + lanes + n);
                a2 = L.Load(q + 2 * lanes);
                b2 = L.Load(q + 2 * lanes + n);
                a3 = L.Load(q + 3 * lanes);
                b3 = L.Load(q + 3 * lanes + n);
                a4 = L.Load(q + 4 * lanes);
                b4 = L.Load(q + 4 * lanes + n);
            }
            for (int o = 0; o < count; o++)
            {
                float* p = rows[o] + at;
                F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(s0[o]), h = L.Broadcast(m0[o]);
                F t = L.Fma(c, a, h), u = L.Fma(c, b, h);
                a0 = L.Fma(t, t, a0);
                b0 = L.Fma(u, u, b0);
                c = L.Broadcast(s1[o]);
                h = L.Broadcast(m1[o]);
                t = L.Fma(c, a, h);
                u = L.Fma(c, b, h);
                a1 = L.Fma(t, t, a1);
                b1 = L.Fma(u, u, b1);
                c = L.Broadcast(s2[o]);
                h = L.Broadcast(m2[o]);
                t = L.Fma(c, a, h);
                u = L.Fma(c, b, h);
                a2 = L.Fma(t, t, a2);
                b2 = L.Fma(u, u, b2);
                c = L.Broadcast(s3[o]);
                h = L.Broadcast(m3[o]);
                t = L.Fma(c, a, h);
                u = L.Fma(c, b, h);
                a3 = L.Fma(t, t, a3);
                b3 = L.Fma(u, u, b3);
                c = L.Broadcast(s4[o]);
                h = L.Broadcast(m4[o]);
                t = L.Fma(c, a, h);
                u = L.Fma(c, b, h);
                a4 = L.Fma(t, t, a4);
                b4 = L.Fma(u, u, b4);
            }
            L.Store(q, a0);
            L.Store(q + n, b0);
            L.Store(q + lanes, a1);
            L.Store(q + lanes + n, b1);
            L.Store(q + 2 * lanes, a2);
            L.Store(q + 2 * lanes + n, b2);
            L.Store(q + 3 * lanes, a3);
            L.Store(q + 3 * lanes + n, b3);
            L.Store(q + 4 * lanes, a4);
            L.Store(q + 4 * lanes + n, b4);
        }
        for (; at < lanes; at += n)
        {
            float* q = y + at;
            F a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
            if (more)
            {
                a0 = L.Load(q);
                a1 = L.Load(q + lanes);
                a2 = L.Load(q + 2 * lanes);
                a3 = L.Load(q + 3 * lanes);
                a4 = L.Load(q + 4 * lanes);
            }
            for (int o = 0; o < count; o++)
            {
                float* p = rows[o] + at;
                F a = L.Load(p);
                F t = L.Fma(L.Broadcast(s0[o]), a, L.Broadcast(m0[o]));
                a0 = L.Fma(t, t, a0);
                t = L.Fma(L.Broadcast(s1[o]), a, L.Broadcast(m1[o]));
                a1 = L.Fma(t, t, a1);
                t = L.Fma(L.Broadcast(s2[o]), a, L.Broadcast(m2[o]));
                a2 = L.Fma(t, t, a2);
                t = L.Fma(L.Broadcast(s3[o]), a, L.Broadcast(m3[o]));
                a3 = L.Fma(t, t, a3);
                t = L.Fma(L.Broadcast(s4[o]), a, L.Broadcast(m4[o]));
                a4 = L.Fma(t, t, a4);
            }
            L.Store(q, a0);
            L.Store(q + lanes, a1);
            L.Store(q + 2 * lanes, a2);
            L.Store(q + 3 * lanes, a3);
            L.Store(q + 4 * lanes, a4);
        }
    }

    [MethodImpl(Hot)]
    private static void Two(float* s0, float* m0, int inputs, float** rows, int count, bool more, float* y, int lanes)
    {
        int n = L.Count, at = 0;
        float* s1 = s0 + inputs, m1 = m0 + inputs;
        for (; at + 2 * n <= lanes; at += 2 * n)
        {
            float* q = y + at;
            F a0 = default, a1 = default, b0 = default, b1 = default;
            if (more)
            {
                a0 = L.Load(q);
                b0 = L.Load(q + n);
                a1 = L.Load(q + lanes);
                b1 = L.Load(q + lanes + n);
            }
            for (int o = 0; o < count; o++)
            {
                float* p = rows[o] + at;
                F a = L.Load(p), b = L.Load(p + n), c = L.Broadcast(s0[o]), h = L.Broadcast(m0[o]);
                F t = L.Fma(c, a, h), u = L.Fma(c, b, h);
                a0 = L.Fma(t, t, a0);
                b0 = L.Fma(u, u, b0);
                c = L.Broadcast(s1[o]);
                h = L.Broadcast(m1[o]);
                t = L.Fma(c, a, h);
                u = L.Fma(c, b, h);
                a1 = L.Fma(t, t, a1);
                b1 = L.Fma(u, u, b1);
            }
            L.Store(q, a0);
            L.Store(q + n, b0);
            L.Store(q + lanes, a1);
            L.Store(q + lanes + n, b1);
        }
        for (; at < lanes; at += n)
        {
            float* q = y + at;
            F a0 = default, a1 = default;
            if (more)
            {
                a0 = L.Load(q);
                a1 = L.Load(q + lanes);
            }
            for (int o = 0; o < count; o++)
            {
                float* p = rows[o] + at;
                F a = L.Load(p), t = L.Fma(L.Broadcast(s0[o]), a, L.Broadcast(m0[o]));
                a0 = L.Fma(t, t, a0);
                t = L.Fma(L.Broadcast(s1[o]), a, L.Broadcast(m1[o]));
                a1 = L.Fma(t, t, a1);
            }
            L.Store(q, a0);
            L.Store(q + lanes, a1);
        }
    }

    [MethodImpl(Hot)]
    private static void One(float* s, float* m, float** rows, int count, bool more, float* y, int lanes)
    {
        int n = L.Count;
        for (int at = 0; at < lanes; at += n)
        {
            F sum = more ? L.Load(y + at) : default;
            for (int o = 0; o < count; o++)
            {
                float* p = rows[o] + at;
                F t = L.Fma(L.Broadcast(s[o]), L.Load(p), L.Broadcast(m[o]));
                sum = L.Fma(t, t, sum);
            }
            L.Store(y + at, sum);
        }
    }

    /// <summary>Takes derivatives by scores to those by inputs: dx[d] -= sum_k d[k] s(k, d) (s(k, d) x[d] + m(k, d)).</summary>
    /// <remarks>A score is minus half of a square.</remarks>
    [MethodImpl(Hot)]
    public static void PullBack(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* d, float* dx, int lanes)
    {
        int n = L.Count, inputs = runs * length;
        for (int run = 0, o = 0; run < runs; run++)
            for (int j = 0; j < length; j++, o++)
            {
                long row = (long)(starts[run] + j) * lanes;
                for (int at = 0; at < lanes; at += n)
                {
                    F a = L.Load(x + row + at), sum = default;
                    float* own = d + at;
                    for (int k = 0, w = o; k < components; k++, w += inputs, own += lanes)
                    {
                        F c = L.Broadcast(s[w]);
                        sum = L.Fma(L.Multiply(L.Load(own), c), L.Fma(c, a, L.Broadcast(m[w])), sum);
                    }
                    L.Store(dx + row + at, L.Subtract(L.Load(dx + row + at), sum));
                }
            }
    }
}
