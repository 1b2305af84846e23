using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Layerwise;

/// <summary>The kernels of layerwise models in the widest vectors of this machine; see the kernels for their parameters.</summary>
internal abstract unsafe class MixtureKernels
{
    /// <summary>Lanes are a multiple of this on every machine.</summary>
    public const int LaneMultiple = 16;

    public static MixtureKernels Best { get; } = SimdEngine.VectorLanes == 16
        ? new MixtureKernels<Lanes16, Vector512<float>, Vector512<int>>()
        : new MixtureKernels<Lanes8, Vector256<float>, Vector256<int>>();

    /// <summary>The narrow ones on any machine, so that tests cover both widths.</summary>
    public static MixtureKernels Narrow { get; } = new MixtureKernels<Lanes8, Vector256<float>, Vector256<int>>();

    /// <summary>Most inputs of a patch that <see cref="AddFew"/> takes.</summary>
    public const int MostFew = MomentKernel<Lanes8, Vector256<float>, Vector256<int>>.MostFew;

    public static int Padded(int count) => (count + LaneMultiple - 1) / LaneMultiple * LaneMultiple;

    public abstract void Squares(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* y, int lanes);

    public abstract void PullSquares(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* d, float* dx, int lanes);

    public abstract void Scores(float* y, float* c, int components, int lanes);

    public abstract void Winners(float* y, int components, float* best, float* winner, int lanes);

    public abstract void Softmax(float* y, int components, float* logSum, int lanes);

    public abstract void PullSoftmax(float* a, float* d, int components, int lanes);

    public abstract void Multiply(float* w, int rowStride, int columnStride, int rows, int columns, float* x, float* y, int lanes, float* bias = null);

    public abstract void AddPatches(float** runs, int length, int stride, int images, int from, int to, float* winner, float* sum, float* squares, int spacing);

    public abstract void AddFew(float** runs, int count, int length, int stride, int images, float* winner, float* sum, float* squares, int spacing);

    public abstract void AddMoments(float w, float* x, float* sum, float* squares, int count);

    public abstract void Add(float w, float* x, float* sum, int count);

    public abstract void Step(float* mu, float* s, float* m, float* sum, float* squares, float count, float centreStep, float deviationStep, float least, float most, int inputs);

    public abstract void Step(float* mu, float* s, float* m, float* sum, float* squares, float* counts, float centreStep, float deviationStep, float least, float most, int inputs);

    public abstract void Largest(float* x, ReadOnlySpan<int> rows, int channels, float* y, int lanes);

    /// <summary>Natural logarithms of positive numbers, added up.</summary>
    public abstract double SumOfLogs(float* x, int count);

    /// <summary>to[lane * stride + row] = from[row * lanes + lane] for some rows.</summary>
    public static void Turn(float* from, int rows, int lanes, float* to, int stride)
    {
        const int size = 16;
        float** x = stackalloc float*[size], y = stackalloc float*[size];
        int row = 0;
        // The last block overlaps the one before it rather than reach beyond the rows.
        for (; rows >= size && row < rows; row += size)
        {
            int first = Math.Min(row, rows - size);
            for (int i = 0; i < size; i++) x[i] = from + (long)(first + i) * lanes;
            for (int lane = 0; lane < lanes; lane += size)
            {
                for (int i = 0; i < size; i++) y[i] = to + (long)(lane + i) * stride;
                TransposeKernel.Turn(x, lane, y, first);
            }
        }
        for (; row < rows; row++)
            for (int lane = 0; lane < lanes; lane++) to[(long)lane * stride + row] = from[(long)row * lanes + lane];
    }

    /// <summary>to[row * lanes + lane] = from[lane * stride + row] for all rows.</summary>
    public static void TurnBack(float* from, int stride, int rows, float* to, int lanes)
    {
        const int size = 16;
        float** x = stackalloc float*[size], y = stackalloc float*[size];
        int row = 0;
        for (; rows >= size && row < rows; row += size)
        {
            int first = Math.Min(row, rows - size);
            for (int i = 0; i < size; i++) y[i] = to + (long)(first + i) * lanes;
            for (int lane = 0; lane < lanes; lane += size)
            {
                for (int i = 0; i < size; i++) x[i] = from + (long)(lane + i) * stride;
                TransposeKernel.Turn(x, first, y, lane);
            }
        }
        for (; row < rows; row++)
            for (int lane = 0; lane < lanes; lane++) to[(long)row * lanes + lane] = from[(long)lane * stride + row];
    }
}

internal sealed unsafe class MixtureKernels<L, F, I> : MixtureKernels
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    public override void Squares(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* y, int lanes) =>
        QuadraticKernel<L, F, I>.Squares(s, m, components, x, starts, runs, length, y, lanes);

    public override void PullSquares(float* s, float* m, int components, float* x, int* starts, int runs, int length, float* d, float* dx, int lanes) =>
        QuadraticKernel<L, F, I>.PullBack(s, m, components, x, starts, runs, length, d, dx, lanes);

    public override void Scores(float* y, float* c, int components, int lanes) => ResponsibilityKernel<L, F, I>.Scores(y, c, components, lanes);

    public override void Winners(float* y, int components, float* best, float* winner, int lanes) =>
        ResponsibilityKernel<L, F, I>.Winners(y, components, best, winner, lanes);

    public override void Softmax(float* y, int components, float* logSum, int lanes) => ResponsibilityKernel<L, F, I>.Softmax(y, components, logSum, lanes);

    public override void PullSoftmax(float* a, float* d, int components, int lanes) => ResponsibilityKernel<L, F, I>.PullBack(a, d, components, lanes);

    public override void Multiply(float* w, int rowStride, int columnStride, int rows, int columns, float* x, float* y, int lanes, float* bias = null) =>
        MatrixKernel<L, F, I>.Multiply(w, rowStride, columnStride, rows, columns, x, y, lanes, bias);

    public override void AddPatches(float** runs, int length, int stride, int images, int from, int to, float* winner, float* sum, float* squares, int spacing) =>
        MomentKernel<L, F, I>.AddPatches(runs, length, stride, images, from, to, winner, sum, squares, spacing);

    public override void AddFew(float** runs, int count, int length, int stride, int images, float* winner, float* sum, float* squares, int spacing) =>
        MomentKernel<L, F, I>.AddFew(runs, count, length, stride, images, winner, sum, squares, spacing);

    public override void AddMoments(float w, float* x, float* sum, float* squares, int count) =>
        MomentKernel<L, F, I>.AddMoments(w, x, sum, squares, count);

    public override void Step(
        float* mu, float* s, float* m, float* sum, float* squares, float count, float centreStep, float deviationStep, float least, float most, int inputs) =>
        MomentKernel<L, F, I>.Step(mu, s, m, sum, squares, count, centreStep, deviationStep, least, most, inputs);

    public override void Step(
        float* mu, float* s, float* m, float* sum, float* squares, float* counts, float centreStep, float deviationStep, float least, float most, int inputs) =>
        MomentKernel<L, F, I>.Step(mu, s, m, sum, squares, counts, centreStep, deviationStep, least, most, inputs);

    [MethodImpl(Hot)]
    public override void Add(float w, float* x, float* sum, int count)
    {
        int i = 0;
        F weight = L.Broadcast(w);
        for (; i + L.Count <= count; i += L.Count) L.Store(sum + i, L.Fma(weight, L.Load(x + i), L.Load(sum + i)));
        for (; i < count; i++) sum[i] += w * x[i];
    }

    [MethodImpl(Hot)]
    public override void Largest(float* x, ReadOnlySpan<int> rows, int channels, float* y, int lanes)
    {
        for (int c = 0; c < channels; c++, y += lanes)
            for (int at = 0; at < lanes; at += L.Count)
            {
                F most = L.Load(x + (long)(rows[0] + c) * lanes + at);
                for (int i = 1; i < rows.Length; i++) most = L.Max(most, L.Load(x + (long)(rows[i] + c) * lanes + at));
                L.Store(y + at, most);
            }
    }

    [MethodImpl(Hot)]
    public override double SumOfLogs(float* x, int count)
    {
        // Some factors together stay far within the range: one logarithm serves them all.
        const int together = 8;
        int i = 0;
        F sum = default;
        while (i + L.Count <= count)
        {
            F product = L.Load(x + i);
            i += L.Count;
            for (int factor = 1; factor < together && i + L.Count <= count; factor++, i += L.Count) product = L.Multiply(product, L.Load(x + i));
            sum = L.Add(sum, FastMath<L, F, I>.LogTwo(product));
        }
        double rest = 1;
        for (; i < count; i++) rest *= x[i];
        return L.Sum(sum) * Math.Log(2) + Math.Log(rest);
    }
}
