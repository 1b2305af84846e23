using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>A root whose children have many channels: matrix products child by child, of which only the sums over the children are in double precision.</summary>
internal sealed unsafe partial class RootMixture<L, F, I>
{
    /// <summary>Channels of an average child from which it is mixed by a matrix product of its own.</summary>
    private const int LeastWideChannels = 8;

    private readonly bool byChildren;
    private readonly int[] firstColumn;

    /// <summary>Each child's part of each class, [child, class, row]; on the way down what each child gets.</summary>
    private float* parts;

    private float* PartsOf(int child) => parts + (long)child * classes * Stride;

    private void PartsOfChildren(float* w, WorkerPool pool, bool max) =>
        pool.Run(channels.Length, (t, _) =>
        {
            float* own = w + (long)firstColumn[t] * weightStride, x = Units + (long)firstColumn[t] * Stride;
            if (max) MaxKernel<L, F, I>.Multiply(own, columns * weightStride, weightStride, classes, channels[t], x, PartsOf(t), Stride);
            else MatrixKernel<L, F, I>.Multiply(own, columns * weightStride, weightStride, classes, channels[t], x, PartsOf(t), Stride);
        });

    private void SumParts(int row, bool max)
    {
        var highest = Vector256.Load(Highest + row);
        for (int c = 0; c < classes; c++)
        {
            Vector256<double> low = default, high = default;
            for (int t = 0; t < channels.Length; t++)
            {
                Vector256<float> factor = PowerOfDifference(Vector256.Load(Exponents + (long)t * Stride + row), highest);
                (Vector256<double> a, Vector256<double> b) = Vector256.Widen(Vector256.Load(PartsOf(t) + (long)c * Stride + row) * factor);
                low = max ? Vector256.Max(a, low) : low + a;
                high = max ? Vector256.Max(b, high) : high + b;
            }
            Vector256.Store(low, Sums + (long)c * Stride + row);
            Vector256.Store(high, Sums + (long)c * Stride + row + 4);
        }
    }

    private void BackwardByChildren(float* w, float* statistics, WorkerPool pool) =>
        pool.Run(channels.Length, (t, _) =>
        {
            float* scaled = PartsOf(t);
            for (int row = 0; row < padded; row += 8)
            {
                Vector256<float> factor = PowerOfDifference(Vector256.Load(Exponents + (long)t * Stride + row), Vector256.Load(Highest + row));
                for (int c = 0; c < classes; c++)
                {
                    double* sum = Sums + (long)c * Stride + row;
                    Vector256.Store(Vector256.Narrow(Vector256.Load(sum), Vector256.Load(sum + 4)) * factor, scaled + (long)c * Stride + row);
                }
            }
            long first = firstColumn[t];
            MatrixKernel<L, F, I>.Multiply(w + first * weightStride, weightStride, columns * weightStride, channels[t], classes, scaled, Slopes + first * Stride, Stride);
            OuterKernel<L, F, I>.Add(statistics + first * weightStride, columns * weightStride, weightStride, classes, channels[t], scaled, Units + first * Stride, Stride);
        });
}
