using System.Diagnostics;
using Spn.Core.Training;

namespace Spn.Core.Layerwise;

/// <summary>One training of a layerwise model: all layers learn at once, each by its own loss.</summary>
internal sealed unsafe class LayerwiseTraining : IDisposable
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    private readonly LayerwisePlan plan;
    private readonly LayerwiseNumbers numbers;
    private readonly LayerwiseOptions options;
    private readonly WorkerPool pool;
    private readonly LayerwiseWorkspace work;
    private readonly LayerwiseUpdate[] updates;
    private readonly Annealing?[] filters;
    private readonly double[] sums;
    private readonly long[] seen;
    private readonly double[] losses;
    private readonly Stopwatch clock = Stopwatch.StartNew();

    public LayerwiseTraining(LayerwisePlan plan, LayerwiseNumbers numbers, LayerwiseOptions options, WorkerPool pool, int samples)
    {
        (this.plan, this.numbers, this.options, this.pool) = (plan, numbers, options, pool);
        work = new LayerwiseWorkspace(plan, Math.Min(options.BatchSize, samples), pool.Threads, withRows: true);
        updates = [.. plan.Mixtures.Select(m => new LayerwiseUpdate(plan, m, options))];
        filters = [.. updates.Select(u => u.Annealing)];
        (sums, seen, losses) = (new double[updates.Length], new long[updates.Length], new double[work.Lanes]);
    }

    /// <summary>Parameters of the last point whose losses are numbers: what is left of a training that leaves their range.</summary>
    public float[] Kept { get; private set; } = [];

    /// <summary>Bytes of the workspace.</summary>
    public long Bytes => work.Bytes;

    public LayerwiseReport Go(
        Evidence train, int[]? labels, Evidence? valid, int[]? validLabels, IProgress<LayerwiseProgress>? progress, CancellationToken cancellation)
    {
        int batch = Math.Min(options.BatchSize, train.Count), perEpoch = train.Count / batch, steps = perEpoch * options.Epochs;
        int points = Math.Min(options.Points, steps), step = 0;
        int[] order = [];
        List<LayerwisePoint> curve = [];
        var end = TrainingEnd.Finished;
        Kept = numbers.Values.ToArray();
        float[]? untried = null;
        TimeSpan reported = TimeSpan.Zero;
        using FlushToZero flush = FlushToZero.Here();
        while (step < steps)
        {
            if (cancellation.IsCancellationRequested)
            {
                end = TrainingEnd.Cancelled;
                break;
            }
            int inEpoch = step % perEpoch;
            if (inEpoch == 0) order = new RandomStream(options.Seed, "layerwise order", step / perEpoch).Permutation(train.Count);
            if (!Step(train, labels, order.AsSpan(inEpoch * batch, batch), (double)step / steps))
            {
                end = TrainingEnd.Diverged;
                break;
            }
            (Kept, untried) = (untried ?? Kept, null);
            step++;
            bool point = (long)step * points / steps > (step - 1L) * points / steps;
            if (point)
            {
                (double[] validLosses, double? accuracy) = valid is null ? ([], null) : Measure(valid, validLabels);
                untried = numbers.Values.ToArray();
                if (!TrainingLoop.AllFinite(untried))
                {
                    end = TrainingEnd.Diverged;
                    break;
                }
                curve.Add(new LayerwisePoint(step, Means(), validLosses, [.. updates.Select(u => u.Annealing.Radius)], accuracy, clock.Elapsed));
            }
            if (progress is not null && (step == steps || clock.Elapsed - reported >= ReportEvery))
            {
                reported = clock.Elapsed;
                progress.Report(new LayerwiseProgress(step, steps, Means(), (double)step * batch / reported.TotalSeconds, reported, reported / step * (steps - step))
                { Accuracy = curve.Count == 0 ? null : curve[^1].Accuracy });
            }
            if (!point) continue;
            Array.Clear(sums);
            Array.Clear(seen);
        }
        if (end == TrainingEnd.Cancelled && !TrainingLoop.AllFinite(numbers.Values)) end = TrainingEnd.Diverged;
        return new LayerwiseReport(curve, step, end, clock.Elapsed, (double)step * batch / clock.Elapsed.TotalSeconds);
    }

    /// <summary>One step on a batch.</summary>
    /// <param name="train">Samples.</param>
    /// <param name="labels">Their classes, or null.</param>
    /// <param name="batch">Which samples.</param>
    /// <param name="done">Share of the steps done.</param>
    /// <returns>False when a loss is not finite.</returns>
    public bool Step(Evidence train, int[]? labels, ReadOnlySpan<int> batch, double done)
    {
        work.Load(train, batch);
        // Layers that have not started need not be computed, nor those that only they read.
        bool classifies = plan.Classifier is not null && labels is not null;
        int last = classifies ? plan.Stages.Length - 1 : plan.Mixtures.Where(Started).Select(plan.StageIndex).LastOrDefault(-1);
        LayerwisePass.Forward(numbers, work, 0, last, pool, filters);
        LayerwiseUpdate[] started = [.. plan.Mixtures.Where(Started).Select(m => updates[m.Number])];
        var means = new double[started.Length];
        foreach ((int i, LayerwiseUpdate update) in started.Index())
        {
            MixtureStage mixture = update.Stage;
            LayerwisePass.Losses(work, plan.StageIndex(mixture), mixture, losses);
            double sum = 0;
            for (int lane = 0; lane < batch.Length; lane++) sum += losses[lane];
            if (!double.IsFinite(sum)) return false;
            sums[mixture.Number] += sum;
            seen[mixture.Number] += batch.Length;
            means[i] = sum / batch.Length;
            update.Prepare(work);
        }
        Together(started, u => u.Beginnings, (u, item, worker) => u.Begin(numbers, work, item, worker));
        Together(started, u => u.Joins, (u, item, _) => u.Join(item));
        Together(started, u => u.Ends, (u, item, worker) => u.End(numbers, work, item, worker));
        foreach ((int i, LayerwiseUpdate update) in started.Index())
        {
            update.Finish(numbers, work);
            update.Annealing.Add(means[i]);
        }
        if (classifies) StepClassifier(labels!, batch, options.ClassifierRateAt(done));
        return true;

        bool Started(MixtureStage mixture) => done >= options.Delay(mixture.Number);
    }

    public void Dispose()
    {
        work.Dispose();
        foreach (LayerwiseUpdate update in updates) update.Dispose();
    }

    /// <summary>Runs the items of several layers as one loop.</summary>
    private void Together(LayerwiseUpdate[] started, Func<LayerwiseUpdate, int> count, Action<LayerwiseUpdate, int, int> body)
    {
        int[] ends = new int[started.Length];
        for (int i = 0, end = 0; i < ends.Length; i++) ends[i] = end += count(started[i]);
        if (ends.Length == 0 || ends[^1] == 0) return;
        pool.Run(ends[^1], (item, worker) =>
        {
            int layer = 0;
            while (item >= ends[layer]) layer++;
            body(started[layer], layer == 0 ? item : item - ends[layer - 1], worker);
        });
    }

    private double[] Means() => [.. sums.Zip(seen, (sum, count) => count == 0 ? double.NaN : sum / count)];

    /// <summary>A step down the gradient of the batch's mean loss.</summary>
    private void StepClassifier(int[] labels, ReadOnlySpan<int> batch, double size)
    {
        ClassifierStage stage = plan.Classifier!;
        int classes = stage.Output.Channels, lanes = work.Lanes;
        bool squares = options.ClassifierLoss == ClassifierLoss.SquaredError;
        float rate = (float)((squares ? 2 : 1) * size / batch.Length);
        // Both losses have the difference of target and output as slope: of probabilities, or twice that of logits.
        if (squares) LayerwisePass.Logits(numbers, work, plan.Stages.Length - 1, stage);
        float* slopes = work.Output(plan.Stages.Length - 1), bias = numbers.At(stage.Bias);
        for (int c = 0; c < classes; c++)
            for (int lane = 0; lane < batch.Length; lane++)
            {
                float* own = slopes + c * lanes + lane;
                *own = rate * ((labels[batch[lane]] == c ? 1 : 0) - *own);
                bias[c] += *own;
            }
        int images = batch.Length;
        foreach ((int read, int weights) in stage.Reads.Zip(stage.Weights))
        {
            LayerShape shape = plan.Stages[read].Output;
            // Rows of the grid are shared among threads, so that each number of an image is read once for all classes.
            LayerwisePass.Share(pool, shape.Height, (row, _) =>
            {
                int length = work.RowLength(read + 1);
                for (int lane = 0; lane < images; lane++)
                {
                    float* x = work.InputRow(read + 1, row * length) + lane * length, w = numbers.At(weights) + row * length;
                    for (int c = 0; c < classes; c++, w += shape.Count) MixtureKernels.Best.Add(slopes[c * lanes + lane], x, w, length);
                }
            });
        }
    }

    private (double[] Losses, double? Accuracy) Measure(Evidence valid, int[]? labels)
    {
        var totals = new double[plan.Mixtures.Length];
        int right = 0, most = Math.Min(work.Lanes, Math.Max(options.BatchSize, 1));
        for (int first = 0; first < valid.Count; first += most)
        {
            int[] rows = [.. Enumerable.Range(first, Math.Min(most, valid.Count - first))];
            work.Load(valid, rows);
            LayerwisePass.Forward(numbers, work, 0, plan.Stages.Length - 1, pool);
            foreach (MixtureStage mixture in plan.Mixtures)
            {
                LayerwisePass.Losses(work, plan.StageIndex(mixture), mixture, losses);
                for (int lane = 0; lane < rows.Length; lane++) totals[mixture.Number] += losses[lane];
            }
            if (plan.Classifier is null || labels is null) continue;
            for (int lane = 0; lane < rows.Length; lane++)
                if (Likeliest(plan.Classifier, work, plan.Stages.Length - 1, lane) == labels[rows[lane]]) right++;
        }
        return ([.. totals.Select(t => t / valid.Count)], plan.Classifier is null || labels is null ? null : (double)right / valid.Count);
    }

    /// <summary>The most probable class of an image.</summary>
    public static int Likeliest(ClassifierStage stage, LayerwiseWorkspace work, int index, int lane)
    {
        float* shares = work.Output(index) + lane;
        int best = 0;
        for (int c = 1; c < stage.Output.Channels; c++)
            if (shares[(long)c * work.Lanes] > shares[(long)best * work.Lanes]) best = c;
        return best;
    }
}
