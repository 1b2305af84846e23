using System.Diagnostics;
using Spn.Core.Engines;
using Spn.Core.Training;

namespace Spn.Core.Judging;

/// <summary>Steps of Adam up the mean log-probability of the labels, in shuffled passes.</summary>
internal sealed class JudgeTraining
{
    private const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;
    private static readonly TimeSpan reportEvery = TimeSpan.FromMilliseconds(200);

    private readonly JudgeNetwork network;
    private readonly JudgeOptions options;
    private readonly Evidence images;
    private readonly int[] labels;
    private readonly Evidence? valid;
    private readonly int[]? validLabels;
    private readonly float[] gradient;
    private readonly OptimiserState state = new();
    private readonly List<TrainingPoint> curve = [];
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private double sum;
    private long seen, total;

    public JudgeTraining(JudgeNetwork network, JudgeOptions options, Evidence images, int[] labels, Evidence? valid, int[]? validLabels)
    {
        this.network = network;
        this.options = options;
        this.images = images;
        this.labels = labels;
        this.valid = valid;
        this.validLabels = validLabels;
        Parameters = network.FirstParameters(options.Seed);
        gradient = new float[Parameters.Length];
        state.Fit(Parameters.Length);
    }

    /// <summary>The network's parameters as they stand.</summary>
    public float[] Parameters { get; }

    public TrainingReport Go(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        using IJudgeSession session = JudgeSession.Bind(network, options.Highest, options.Threads);
        session.SetParameters(Parameters);
        var batches = new BatchSource(new Schedule(options.BatchSize, 0, options.Epochs, null, null, options.Seed), images.Count);
        int steps = batches.Steps, step = 0;
        TimeSpan reported = TimeSpan.Zero;
        var end = TrainingEnd.Finished;
        while (step < steps && end == TrainingEnd.Finished)
        {
            if (cancellation.IsCancellationRequested) end = TrainingEnd.Cancelled;
            else if (!Step(session, step, steps, batches.Next(step))) end = TrainingEnd.Diverged;
            else if (++step % batches.StepsPerEpoch == 0)
            {
                if (!Evaluate(session, step, cancellation)) end = TrainingEnd.Cancelled;
                Report(progress, step, steps);
                reported = clock.Elapsed;
            }
            else if (progress is not null && clock.Elapsed - reported >= reportEvery)
            {
                Report(progress, step, steps);
                reported = clock.Elapsed;
            }
        }
        return new TrainingReport(curve, step, curve.Count == 0 ? null : curve[^1].Valid, step, end, clock.Elapsed, total / clock.Elapsed.TotalSeconds);
    }

    /// <summary>One step; false, with the parameters as they were, when the gradient is not finite.</summary>
    private bool Step(IJudgeSession session, int step, int steps, ReadOnlySpan<int> batch)
    {
        Dropout? dropout = options.Dropout > 0 ? new Dropout(options.Dropout, (long)new RandomStream(options.Seed, "judge dropout", step).NextUInt64()) : null;
        double own = session.Gradient(images, labels, batch, dropout, gradient);
        if (!TrainingLoop.AllFinite(gradient) || !double.IsFinite(own)) return false;
        double rate = options.LearningRate + (double)step / steps * (options.FinalLearningRate - options.LearningRate);
        Climb(state, gradient, Parameters, rate, batch.Length);
        session.SetParameters(Parameters);
        sum += own;
        seen += batch.Length;
        total += batch.Length;
        return true;
    }

    /// <summary>A step of Adam up the mean over a batch; bounded by the step size, so that it is finite where the gradient is.</summary>
    internal static void Climb(OptimiserState state, ReadOnlySpan<float> gradient, Span<float> parameters, double rate, int batch)
    {
        state.Steps++;
        new AdamRule(Beta1, Beta2, Epsilon).Step(state, 0, gradient, 1f / batch, parameters, rate, 0);
    }

    /// <summary>A point of the learning curve; false when that was cancelled.</summary>
    private bool Evaluate(IJudgeSession session, int step, CancellationToken cancellation)
    {
        double? score = null, accuracy = null;
        if (valid is not null && validLabels is not null)
        {
            var result = new double[(long)valid.Count * network.Classes];
            try
            {
                CnnJudge.LogProbabilities(session, valid, network.Classes, result, cancellation);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
            score = validLabels.Select((label, i) => result[i * network.Classes + label]).Average();
            accuracy = CnnJudge.Share(CnnJudge.Likeliest(result, network.Classes), validLabels);
        }
        curve.Add(new TrainingPoint(step, sum / seen, score) { Accuracy = accuracy, Elapsed = clock.Elapsed });
        sum = 0;
        seen = 0;
        return true;
    }

    private void Report(IProgress<TrainingProgress>? progress, int step, int steps)
    {
        TimeSpan elapsed = clock.Elapsed;
        TrainingPoint? last = curve.Count == 0 ? null : curve[^1];
        progress?.Report(new TrainingProgress(step, steps, seen > 0 ? sum / seen : last?.Train ?? 0, last?.Valid, last?.Valid, total / elapsed.TotalSeconds, elapsed, elapsed / step * (steps - step))
        { Accuracy = last?.Accuracy });
    }
}
