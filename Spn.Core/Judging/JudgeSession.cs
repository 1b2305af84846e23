using System.Runtime.Intrinsics;
using Spn.Core.Engines;
using Spn.Core.Engines.Simd;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Judging;

/// <summary>A judge's layers bound to memory and threads; results do not depend on the number of threads.</summary>
internal interface IJudgeSession : IDisposable
{
    /// <summary>Takes the network's parameters.</summary>
    void SetParameters(ReadOnlySpan<float> parameters);

    /// <summary>Log-probability of every class, in nats.</summary>
    /// <param name="images">The images.</param>
    /// <param name="rows">Which of them.</param>
    /// <param name="result">Receives [row, class].</param>
    void Classes(Evidence images, ReadOnlySpan<int> rows, Span<double> result);

    /// <summary>Sum of the log-probabilities of the labels, in nats.</summary>
    /// <param name="images">The images.</param>
    /// <param name="labels">The class of each image.</param>
    /// <param name="rows">Which images.</param>
    /// <param name="dropout">What dropout layers drop, or null for nothing.</param>
    /// <param name="gradient">Receives its derivatives by the parameters.</param>
    double Gradient(Evidence images, int[] labels, ReadOnlySpan<int> rows, Dropout? dropout, Span<float> gradient);
}

/// <summary>Makes sessions with the vectors of this machine.</summary>
internal static class JudgeSession
{
    /// <param name="network">The layers.</param>
    /// <param name="highest">Value of white; what the first layer reads is divided by it.</param>
    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    /// <param name="narrow">Whether to use narrow vectors on any machine, so that tests cover both widths.</param>
    public static IJudgeSession Bind(JudgeNetwork network, double highest, int threads, bool narrow = false) => SimdEngine.VectorLanes == 16 && !narrow
        ? new JudgeSession<Lanes16, Vector512<float>, Vector512<int>>(network, highest, threads)
        : new JudgeSession<Lanes8, Vector256<float>, Vector256<int>>(network, highest, threads);
}

/// <summary>A worker takes a tile of images through all layers and back, in a workspace of its own; tiles' gradients are added up in order.</summary>
internal sealed unsafe class JudgeSession<L, F, I> : IJudgeSession
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private readonly WorkerPool pool;
    private readonly int classes;
    private readonly float scale;
    private readonly LayerRunner[] runners;
    private readonly int[] gradientOffsets; // of each layer in a tile's gradient
    private readonly int gradientFloats;
    private readonly int firstLearned;
    private readonly int lastStride;
    private readonly Workspace[] workspaces;
    private NativeBuffer gradients = new(0); // [tile, layer, what the layer has]

    public JudgeSession(JudgeNetwork network, double highest, int threads)
    {
        pool = WorkerPool.Of(new SimdEngine(threads).Threads);
        classes = network.Classes;
        scale = (float)(1 / highest);
        runners = new LayerRunner[network.Layers.Count];
        gradientOffsets = new int[runners.Length];
        int stride = network.Image.Channels;
        bool learned = false;
        for (int i = 0; i < runners.Length; i++)
        {
            runners[i] = network.Layers[i] switch
            {
                ConvolutionLayer convolution => new ConvolutionRunner<L, F, I>(convolution, stride, passesBack: learned),
                PoolLayer square => new PoolRunner<L, F, I>(square, stride),
                DropoutLayer dropout => new DropoutRunner(dropout, dropout.In.Cells * stride),
                JudgeLayer other => throw new InvalidOperationException($"No runner for {other.GetType().Name}."),
            };
            if (network.Layers[i] is ConvolutionLayer made)
            {
                stride = ConvolutionRunner<L, F, I>.Padded(made.Channels);
                if (!learned) firstLearned = i;
                learned = true;
            }
            gradientOffsets[i] = gradientFloats;
            gradientFloats += runners[i].GradientFloats;
        }
        lastStride = stride;
        workspaces = [.. Enumerable.Range(0, pool.Threads).Select(_ => new Workspace(runners))];
    }

    /// <inheritdoc/>
    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        fixed (float* first = parameters)
        {
            float* from = first;
            int count = parameters.Length;
            pool.Run(runners.Length, (i, _) => runners[i].SetParameters(new ReadOnlySpan<float>(from, count)));
        }
    }

    /// <inheritdoc/>
    public void Classes(Evidence images, ReadOnlySpan<int> rows, Span<double> result)
    {
        fixed (int* firstRow = rows)
        fixed (double* firstResult = result)
        {
            int* from = firstRow;
            double* to = firstResult;
            int count = rows.Length;
            RunTiles(count, (tile, workspace, _) =>
            {
                Forward(images, from, tile, workspace);
                for (int i = 0; i < tile.Count; i++)
                    LogSoftmax(workspace.Values(runners.Length) + i * lastStride, new Span<double>(to + (long)(tile.First + i) * classes, classes));
            });
        }
    }

    /// <inheritdoc/>
    public double Gradient(Evidence images, int[] labels, ReadOnlySpan<int> rows, Dropout? dropout, Span<float> gradient)
    {
        int count = rows.Length, tiles = (count + Tile.Most - 1) / Tile.Most;
        long bytes = sizeof(float) * (long)tiles * gradientFloats;
        if (gradients.Bytes < bytes)
        {
            gradients.Dispose();
            gradients = new NativeBuffer(bytes);
        }
        var sums = new double[tiles];
        fixed (int* firstRow = rows)
        fixed (float* firstGradient = gradient)
        {
            int* from = firstRow;
            float* to = firstGradient;
            int floats = gradient.Length;
            RunTiles(count, (tile, workspace, number) =>
            {
                tile = tile with { Dropout = dropout };
                Forward(images, from, tile, workspace);
                sums[number] = SlopesOfLabels(labels, from, tile, workspace);
                Backward(tile, workspace, gradients.Floats + (long)number * gradientFloats);
            });
            pool.Run(runners.Length, (i, _) =>
            {
                using FlushToZero flush = FlushToZero.Here();
                runners[i].Reduce(gradients.Floats + gradientOffsets[i], gradientFloats, tiles, new Span<float>(to, floats));
            });
        }
        return sums.Sum();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LayerRunner runner in runners) runner.Dispose();
        foreach (Workspace workspace in workspaces) workspace.Dispose();
        gradients.Dispose();
    }

    private void RunTiles(int count, Action<Tile, Workspace, int> work) =>
        pool.Run((count + Tile.Most - 1) / Tile.Most, (number, worker) =>
        {
            using FlushToZero flush = FlushToZero.Here();
            int first = number * Tile.Most;
            work(new Tile(first, Math.Min(Tile.Most, count - first), null), workspaces[worker], number);
        });

    private void Forward(Evidence images, int* rows, Tile tile, Workspace workspace)
    {
        float* to = workspace.Values(0);
        for (int i = 0; i < tile.Count; i++)
            foreach (float value in images.Row(rows[tile.First + i])) *to++ = value * scale;
        for (int i = 0; i < runners.Length; i++) runners[i].Forward(tile, workspace.Values(i), workspace.Values(i + 1));
    }

    /// <summary>Derivatives of the labels' log-probabilities by what the last layer makes; returns the sum of the log-probabilities.</summary>
    private double SlopesOfLabels(int[] labels, int* rows, Tile tile, Workspace workspace)
    {
        float* y = workspace.Values(runners.Length), dy = workspace.Slopes(runners.Length);
        new Span<float>(dy, tile.Count * lastStride).Clear();
        Span<double> own = stackalloc double[classes];
        double sum = 0;
        for (int i = 0; i < tile.Count; i++, y += lastStride, dy += lastStride)
        {
            int label = labels[rows[tile.First + i]];
            LogSoftmax(y, own);
            sum += own[label];
            for (int c = 0; c < classes; c++) dy[c] = (float)((c == label ? 1 : 0) - Math.Exp(own[c]));
        }
        return sum;
    }

    private void Backward(Tile tile, Workspace workspace, float* gradient)
    {
        new Span<float>(gradient, gradientFloats).Clear();
        for (int i = runners.Length - 1; i >= firstLearned; i--)
            runners[i].Backward(tile, workspace.Values(i), workspace.Values(i + 1), workspace.Slopes(i + 1), i == firstLearned ? null : workspace.Slopes(i), gradient + gradientOffsets[i]);
    }

    private void LogSoftmax(float* logits, Span<double> result)
    {
        for (int c = 0; c < classes; c++) result[c] = logits[c];
        double all = Plans.LogSum.Of(result);
        for (int c = 0; c < classes; c++) result[c] -= all;
    }

    /// <summary>What all layers make of a tile, and derivatives by two layers' values at a time.</summary>
    private sealed class Workspace : IDisposable
    {
        private readonly long[] offsets;
        private readonly NativeBuffer values;
        private readonly NativeBuffer[] slopes;

        public Workspace(LayerRunner[] runners)
        {
            int[] sizes = [runners[0].InFloats, .. runners.Select(r => r.OutFloats)];
            offsets = new long[sizes.Length];
            for (int i = 1; i < sizes.Length; i++) offsets[i] = offsets[i - 1] + Aligned(sizes[i - 1]);
            values = new NativeBuffer(sizeof(float) * (offsets[^1] + Aligned(sizes[^1])));
            slopes = [.. Enumerable.Range(0, 2).Select(_ => new NativeBuffer(sizeof(float) * Aligned(sizes.Max())))];
        }

        /// <summary>What a layer reads, which is what the layer before it made.</summary>
        public float* Values(int layer) => values.Floats + offsets[layer];

        /// <summary>Derivatives by those.</summary>
        public float* Slopes(int layer) => slopes[layer % 2].Floats;

        public void Dispose()
        {
            values.Dispose();
            foreach (NativeBuffer buffer in slopes) buffer.Dispose();
        }

        private static long Aligned(int floats) => ((long)Tile.Most * floats + 15) / 16 * 16;
    }
}
