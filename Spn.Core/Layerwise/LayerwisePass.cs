namespace Spn.Core.Layerwise;

/// <summary>The way up through the stages of a layerwise model, and derivatives on the way down.</summary>
internal static unsafe class LayerwisePass
{
    /// <summary>Parts of a long loop that each thread takes on average.</summary>
    private const int Parts = 8;

    private static readonly MixtureKernels Kernels = MixtureKernels.Best;

    /// <summary>Computes stages one after another.</summary>
    /// <param name="numbers">Parameters.</param>
    /// <param name="work">Memory; holds the input of the first stage.</param>
    /// <param name="first">First stage.</param>
    /// <param name="last">Last stage.</param>
    /// <param name="pool">Threads that share each stage, or null to go alone.</param>
    /// <param name="filters">Annealing filters of the mixtures, [mixture]; null where a mixture has none.</param>
    public static void Forward(LayerwiseNumbers numbers, LayerwiseWorkspace work, int first, int last, WorkerPool? pool = null, Annealing?[]? filters = null)
    {
        for (int at = first; at <= last; at++)
        {
            int index = at;
            switch (numbers.Plan.Stages[at])
            {
                case MixtureStage mixture:
                    // A stage of few cells is cut by components for the squares, which are nearly all of the work.
                    int blocks = pool is null || mixture.Output.Cells >= 2 * pool.Threads ? 1 : Math.Max(1, mixture.Components / 10);
                    Annealing? filter = filters?[mixture.Number];
                    if (blocks == 1)
                        Share(pool, mixture.Output.Cells, (cell, worker) =>
                        {
                            Squares(numbers, work, index, mixture, cell, 0, mixture.Components, worker);
                            Respond(numbers, work, index, mixture, cell, filter, worker);
                        });
                    else
                    {
                        Share(pool, mixture.Output.Cells * blocks, (item, worker) =>
                        {
                            (int cell, int block) = Math.DivRem(item, blocks);
                            Squares(numbers, work, index, mixture, cell, mixture.Components * block / blocks, mixture.Components * (block + 1) / blocks, worker);
                        });
                        Share(pool, mixture.Output.Cells, (cell, worker) => Respond(numbers, work, index, mixture, cell, filter, worker));
                    }
                    break;
                case FoldingStage folding:
                    Share(pool, folding.Output.Cells, (cell, _) => Copy(work, index, folding, cell));
                    break;
                case PoolingStage pooling:
                    Share(pool, pooling.Output.Cells, (cell, _) =>
                    {
                        int at = cell * pooling.Output.Channels;
                        Kernels.Largest(work.Input(index), pooling.Windows[cell], pooling.Output.Channels, work.Output(index) + (long)at * work.Lanes, work.Lanes);
                        KeepRows(work, index, at, pooling.Output.Channels);
                    });
                    break;
                case ClassifierStage classifier:
                    Logits(numbers, work, index, classifier);
                    Kernels.Softmax(work.Output(index), classifier.Output.Channels, null, work.Lanes);
                    break;
            }
        }
    }

    /// <summary>The loss of each image at a mixture, with its constant: the mean over cells.</summary>
    public static void Losses(LayerwiseWorkspace work, int index, MixtureStage stage, Span<double> losses)
    {
        float* sums = stackalloc float[work.Lanes];
        new Span<float>(sums, work.Lanes).Clear();
        for (int cell = 0; cell < stage.Output.Cells; cell++) Kernels.Add(1, work.Best(index) + (long)cell * work.Lanes, sums, work.Lanes);
        for (int lane = 0; lane < work.Count; lane++) losses[lane] = sums[lane] / stage.Output.Cells + stage.Constant;
    }

    /// <summary>Derivatives of each image's loss at a mixture by the input of a stage below; the way up must have been gone.</summary>
    /// <param name="numbers">Parameters.</param>
    /// <param name="work">Memory with room for derivatives.</param>
    /// <param name="first">The stage whose input is asked for; <see cref="LayerwiseWorkspace.InputSlopes"/> receives the derivatives.</param>
    /// <param name="target">The stage of the mixture.</param>
    public static void PullBack(LayerwiseNumbers numbers, LayerwiseWorkspace work, int first, int target)
    {
        for (int at = target; at >= first; at--)
        {
            Stage stage = numbers.Plan.Stages[at];
            new Span<float>(work.InputSlopes(at), stage.Input.Count * work.Lanes).Clear();
            switch (stage)
            {
                case MixtureStage mixture:
                    for (int cell = 0; cell < mixture.Output.Cells; cell++)
                    {
                        long from = (long)cell * mixture.Components * work.Lanes;
                        float* a = work.Output(at) + from, d = work.OutputSlopes(at) + from;
                        if (at == target) LossSlopes(work, at, mixture, cell, a, d);
                        else Kernels.PullSoftmax(a, d, mixture.Components, work.Lanes);
                        int set = mixture.Set(cell);
                        if (mixture.Layer.Factors > 0)
                            for (int k = 0; k < mixture.Components; k++) new FactorScores(numbers, work, at, mixture, cell, k).PullBack(d + (long)k * work.Lanes);
                        else
                            fixed (int* starts = &mixture.Table.Starts[cell * mixture.Table.Runs])
                                Kernels.PullSquares(numbers.Deviations(mixture, set), numbers.Shifts(mixture, set), mixture.Components, work.Input(at), starts,
                                    mixture.Table.Runs, mixture.Table.RunLength, d, work.InputSlopes(at), work.Lanes);
                    }
                    break;
                case FoldingStage folding:
                    for (int cell = 0; cell < folding.Output.Cells; cell++)
                        for (int run = 0; run < folding.Table.Runs; run++)
                            Kernels.Add(1, work.OutputSlopes(at) + (long)(cell * folding.Table.Length + run * folding.Table.RunLength) * work.Lanes,
                                work.InputSlopes(at) + (long)folding.Table.Starts[cell * folding.Table.Runs + run] * work.Lanes, folding.Table.RunLength * work.Lanes);
                    break;
                case PoolingStage pooling:
                    Unpool(work, at, pooling);
                    break;
            }
        }
    }

    /// <summary>Runs body(item, worker) for every item.</summary>
    /// <remarks>A thread takes neighbours together, since their results share lines of memory.</remarks>
    public static void Share(WorkerPool? pool, int items, Action<int, int> body)
    {
        int together = pool is null ? items : Math.Max(1, items / (Parts * pool.Threads));
        if (pool is null) Go(0, 0);
        else pool.Run((items + together - 1) / together, Go);

        void Go(int part, int worker)
        {
            for (int item = part * together, end = Math.Min(items, item + together); item < end; item++) body(item, worker);
        }
    }

    private static void Squares(LayerwiseNumbers numbers, LayerwiseWorkspace work, int index, MixtureStage stage, int cell, int from, int to, int worker)
    {
        int set = stage.Set(cell), inputs = stage.Inputs;
        float* y = work.Output(index) + ((long)cell * stage.Components + from) * work.Lanes;
        if (index == 0 && work.HasHidden)
        {
            MarginalSquares(numbers, work, stage, cell, from, to, y);
            return;
        }
        if (stage.Layer.Factors > 0)
        {
            for (int k = from; k < to; k++, y += work.Lanes) new FactorScores(numbers, work, index, stage, cell, k, worker).Squares(y);
            return;
        }
        fixed (int* starts = &stage.Table.Starts[cell * stage.Table.Runs])
            Kernels.Squares(numbers.Deviations(stage, set) + (long)from * inputs, numbers.Shifts(stage, set) + (long)from * inputs, to - from,
                work.Input(index), starts, stage.Table.Runs, stage.Table.RunLength, y, work.Lanes);
    }

    /// <summary>Squares of what is observed, plus twice the logarithms of the inverse deviations of what is hidden, which the constant holds too much.</summary>
    private static void MarginalSquares(LayerwiseNumbers numbers, LayerwiseWorkspace work, MixtureStage stage, int cell, int from, int to, float* y)
    {
        int set = stage.Set(cell), lanes = work.Lanes;
        for (int k = from; k < to; k++, y += lanes)
        {
            float* s = numbers.Deviations(stage, set) + (long)k * stage.Inputs, m = numbers.Shifts(stage, set) + (long)k * stage.Inputs;
            new Span<float>(y, lanes).Clear();
            for (int run = 0, o = 0; run < stage.Table.Runs; run++)
                for (int j = 0; j < stage.Table.RunLength; j++, o++)
                {
                    long row = (long)(stage.Table.Starts[cell * stage.Table.Runs + run] + j) * lanes;
                    float* x = work.Input(0) + row, gone = work.Hidden + row;
                    // A hidden input also lacks its share of the constant -D/2 log 2 pi.
                    float twice = 2 * MathF.Log(s[o]) - MathF.Log(2 * MathF.PI);
                    for (int lane = 0; lane < lanes; lane++)
                    {
                        float t = s[o] * x[lane] + m[o];
                        y[lane] += gone[lane] != 0 ? twice : t * t;
                    }
                }
        }
    }

    /// <summary>From squares to scores, winners and responsibilities.</summary>
    private static void Respond(LayerwiseNumbers numbers, LayerwiseWorkspace work, int index, MixtureStage stage, int cell, Annealing? filter, int worker)
    {
        int components = stage.Components, lanes = work.Lanes, at = cell * components;
        float* y = work.Output(index) + (long)at * lanes, best = work.Best(index) + (long)cell * lanes, winner = work.Winners(index) + (long)cell * lanes;
        Kernels.Scores(y, numbers.Constants(stage, stage.Set(cell)), components, lanes);
        float* scores = y;
        if (filter is { IsIdentity: false })
        {
            scores = work.Scratch(worker);
            Kernels.Multiply(filter.Filter, components, 1, components, components, y, scores, lanes);
        }
        Kernels.Winners(scores, components, best, winner, lanes);
        bool full = stage.Layer.Loss == MixtureLoss.Full;
        if (full && scores != y) Kernels.Softmax(scores, components, best, lanes);
        Kernels.Softmax(y, components, full && scores == y ? best : null, lanes);
        if (full && work.Weights(index) != null)
            new Span<float>(scores, components * lanes).CopyTo(new Span<float>(work.Weights(index) + (long)at * lanes, components * lanes));
        KeepRows(work, index, at, components);
    }

    private static void Copy(LayerwiseWorkspace work, int index, FoldingStage stage, int cell)
    {
        int at = cell * stage.Table.Length, length = stage.Table.RunLength;
        for (int run = 0; run < stage.Table.Runs; run++)
            new Span<float>(work.Input(index) + (long)stage.Table.Starts[cell * stage.Table.Runs + run] * work.Lanes, length * work.Lanes)
                .CopyTo(new Span<float>(work.Output(index) + (long)(at + run * length) * work.Lanes, length * work.Lanes));
        KeepRows(work, index, at, stage.Table.Length);
    }

    private static void KeepRows(LayerwiseWorkspace work, int index, int first, int count)
    {
        float* rows = work.InputRow(index + 1, first);
        if (rows != null) MixtureKernels.Turn(work.Output(index) + (long)first * work.Lanes, count, work.Lanes, rows, work.RowLength(index + 1));
    }

    /// <summary>The logits of a classifier in place of its output; the way up to what it reads must have been gone.</summary>
    public static void Logits(LayerwiseNumbers numbers, LayerwiseWorkspace work, int index, ClassifierStage stage)
    {
        int classes = stage.Output.Channels, lanes = work.Lanes;
        float* y = work.Output(index), part = work.Scratch(0);
        for (int i = 0; i < stage.Reads.Length; i++)
        {
            int inputs = numbers.Plan.Stages[stage.Reads[i]].Output.Count;
            float* own = i == 0 ? y : part;
            Kernels.Multiply(numbers.At(stage.Weights[i]), inputs, 1, classes, inputs, work.Output(stage.Reads[i]), own, lanes, i == 0 ? numbers.At(stage.Bias) : null);
            if (i > 0) Kernels.Add(1, part, y, classes * lanes);
        }
    }

    /// <summary>Derivatives of the loss by scores: 1 at the winner or the responsibilities, over the number of cells.</summary>
    private static void LossSlopes(LayerwiseWorkspace work, int index, MixtureStage stage, int cell, float* a, float* d)
    {
        float share = 1f / stage.Output.Cells;
        int lanes = work.Lanes;
        float* winner = work.Winners(index) + (long)cell * lanes;
        for (int k = 0; k < stage.Components; k++)
            for (int lane = 0; lane < lanes; lane++)
                d[k * lanes + lane] = stage.Layer.Loss == MixtureLoss.Full ? a[k * lanes + lane] * share : winner[lane] == k ? share : 0;
    }

    private static void Unpool(LayerwiseWorkspace work, int index, PoolingStage stage)
    {
        int lanes = work.Lanes;
        for (int cell = 0; cell < stage.Output.Cells; cell++)
            for (int c = 0; c < stage.Output.Channels; c++)
            {
                long at = (long)(cell * stage.Output.Channels + c) * lanes;
                float* y = work.Output(index) + at, d = work.OutputSlopes(index) + at;
                for (int lane = 0; lane < lanes; lane++)
                    foreach (int start in stage.Windows[cell])
                    {
                        long from = (long)(start + c) * lanes + lane;
                        if (work.Input(index)[from] != y[lane]) continue;
                        work.InputSlopes(index)[from] += d[lane];
                        break;
                    }
            }
    }
}
