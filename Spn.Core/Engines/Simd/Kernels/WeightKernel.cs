using System.Runtime.CompilerServices;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Softmax of many small blocks at once, one block a lane, and the parts of a hyper-network that are no matrix product.</summary>
internal static unsafe class WeightKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>w = softmax over the columns of x, for each row and lane.</summary>
    /// <param name="x">Logits, [row, column] at distance <paramref name="stride"/>, [lane].</param>
    /// <param name="stride">Floats between neighbouring logits.</param>
    /// <param name="w">Receives the weights, [row, column, 16].</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void Softmax(float* x, int stride, float* w, int rows, int columns)
    {
        int n = L.Count;
        for (int lane = 0; lane < 16; lane += n)
            for (int i = 0; i < rows; i++)
            {
                float* from = x + i * columns * stride + lane, to = w + i * columns * 16 + lane;
                F max = L.Load(from);
                for (int j = 1; j < columns; j++) max = L.Max(max, L.Load(from + j * stride));
                F sum = default;
                for (int j = 0; j < columns; j++)
                {
                    F e = FastMath<L, F, I>.Exp(L.Subtract(L.Load(from + j * stride), max));
                    sum = L.Add(sum, e);
                    L.Store(to + j * 16, e);
                }
                F scale = L.Divide(L.Broadcast(1f), sum);
                for (int j = 0; j < columns; j++) L.Store(to + j * 16, L.Multiply(L.Load(to + j * 16), scale));
            }
    }

    /// <summary>Derivatives by logits from derivatives by weights: g_j = w_j (d_j - sum_c w_c d_c).</summary>
    /// <param name="w">Weights, [row, column, 16].</param>
    /// <param name="d">Derivatives by the weights, [row, column, 16].</param>
    /// <param name="g">Receives the derivatives by the logits, [row, column] at distance <paramref name="stride"/>, [lane].</param>
    /// <param name="stride">Floats between neighbouring results.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    [MethodImpl(Hot)]
    public static void SoftmaxBackward(float* w, float* d, float* g, int stride, int rows, int columns)
    {
        int n = L.Count;
        for (int lane = 0; lane < 16; lane += n)
            for (int i = 0; i < rows; i++)
            {
                int row = i * columns * 16 + lane;
                F mean = default;
                for (int j = 0; j < columns; j++) mean = L.Fma(L.Load(w + row + j * 16), L.Load(d + row + j * 16), mean);
                float* to = g + i * columns * stride + lane;
                for (int j = 0; j < columns; j++)
                    L.Store(to + j * stride, L.Multiply(L.Load(w + row + j * 16), L.Subtract(L.Load(d + row + j * 16), mean)));
            }
    }

    /// <summary>dx = dx where h is above 0, else 0; and s[i] += sum over lanes of dx[i][lane].</summary>
    [MethodImpl(Hot)]
    public static void MaskByRelu(float* h, float* dx, float* s, int rows, int lanes)
    {
        int n = L.Count;
        for (int i = 0; i < rows; i++)
        {
            F sum = default;
            for (int at = i * lanes; at < (i + 1) * lanes; at += n)
            {
                F masked = L.WherePositive(L.Load(h + at), L.Load(dx + at));
                L.Store(dx + at, masked);
                sum = L.Add(sum, masked);
            }
            s[i] += L.Sum(sum);
        }
    }

    /// <summary>s[i] += sum over lanes of r[i][lane].</summary>
    [MethodImpl(Hot)]
    public static void AddSums(float* s, float* r, int rows, int lanes)
    {
        int n = L.Count;
        for (int i = 0; i < rows; i++)
        {
            F sum = default;
            for (int at = 0; at < lanes; at += n) sum = L.Add(sum, L.Load(r + i * lanes + at));
            s[i] += L.Sum(sum);
        }
    }
}
