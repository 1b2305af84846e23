using System.Diagnostics;
using System.Numerics;
using Spn.Core.Engines;

namespace Spn.Core.Training;

/// <summary>What changes parameters, one batch at a time.</summary>
internal interface ILearner
{
    /// <summary>The flat parameter vector as it stands; the array may change in later steps.</summary>
    float[] Parameters { get; }

    /// <summary>One step.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <param name="batch">Samples to take.</param>
    /// <param name="sum">Sum of what is to be raised over the batch, before the step.</param>
    /// <returns>False, with the parameters as they were, when the step is not finite.</returns>
    bool Step(int step, ReadOnlySpan<int> batch, out double sum);

    /// <summary>What is raised, of one sample.</summary>
    /// <param name="logLikelihoods">log p(x | class), [class].</param>
    /// <param name="label">The sample's class.</param>
    double Score(ReadOnlySpan<double> logLikelihoods, int label) => logLikelihoods[label];
}

/// <summary>Steps, evaluations, progress and cancellation: the same for all learners.</summary>
internal sealed class TrainingLoop
{
    private const int BlockRows = 4096;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    private readonly Circuit circuit;
    private readonly ISession session;
    private readonly Schedule schedule;
    private readonly BatchSource batches;
    private readonly UniqueRows? validRows;
    private readonly Evidence? valid;
    private readonly int[]? validLabels;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly List<TrainingPoint> curve = [];
    private double sum;
    private long seen;
    private long total;

    public TrainingLoop(Circuit circuit, ISession session, Schedule schedule, Evidence train, Evidence? valid, int[]? validLabels)
    {
        this.circuit = circuit;
        this.session = session;
        this.schedule = schedule;
        this.valid = valid;
        this.validLabels = validLabels;
        batches = new BatchSource(schedule, train.Count);
        validRows = valid is not null && circuit.Classes == 1 ? new UniqueRows(valid) : null;
    }

    /// <summary>Refuses samples and labels that do not fit.</summary>
    public static void Check(Circuit circuit, Evidence train, Evidence? valid, int[]? labels, int[]? validLabels)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(train);
        circuit.Check(train);
        if (train.Count == 0) throw new ArgumentException("There are no training samples.", nameof(train));
        CheckLabels(circuit, train, labels, nameof(labels));
        if (valid is null) return;
        circuit.Check(valid);
        if (valid.Count == 0) throw new ArgumentException("There are no validation samples.", nameof(valid));
        CheckLabels(circuit, valid, validLabels, nameof(validLabels));
    }

    /// <summary>1 where a row's label is the class, else 0, [row, class].</summary>
    public static ReadOnlySpan<double> LabelCounts(ref double[] memory, ReadOnlySpan<int> batch, int[] labels, int classes)
    {
        int length = batch.Length * classes;
        if (memory.Length < length) memory = new double[length];
        Array.Clear(memory, 0, length);
        for (int i = 0; i < batch.Length; i++) memory[i * classes + labels[batch[i]]] = 1;
        return memory.AsSpan(0, length);
    }

    public static bool AllFinite(ReadOnlySpan<float> values)
    {
        // NaN and infinity survive a product with 0, so the sum of such products is 0 exactly when all are finite.
        Vector<float> sum = default;
        int i = 0;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count) sum += new Vector<float>(values[i..]) * Vector<float>.Zero;
        float rest = Vector.Sum(sum);
        for (; i < values.Length; i++) rest += values[i] * 0;
        return rest == 0;
    }

    /// <summary>Trains; the circuit ends with the best parameters by the validation samples, or the last without them.</summary>
    public TrainingReport Go(ILearner learner, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        int steps = batches.Steps, period = schedule.EvaluationPeriod ?? batches.StepsPerEpoch;
        float[]? best = null;
        double? bestValid = null;
        int bestStep = 0, sinceBest = 0, step = 0;
        var end = TrainingEnd.Finished;
        TimeSpan reported = TimeSpan.Zero;
        while (step < steps)
        {
            if (cancellation.IsCancellationRequested)
            {
                end = TrainingEnd.Cancelled;
                break;
            }
            ReadOnlySpan<int> batch = batches.Next(step);
            if (!learner.Step(step, batch, out double own))
            {
                end = TrainingEnd.Diverged;
                break;
            }
            sum += own;
            seen += batch.Length;
            total += batch.Length;
            step++;
            if (step % period == 0 || step == steps)
            {
                (double? score, double? accuracy) = valid is null ? (null, null) : Evaluate(learner);
                curve.Add(new TrainingPoint(step, sum / seen, score) { Accuracy = accuracy, Elapsed = clock.Elapsed });
                if (score is double s && !double.IsNaN(s) && !(s <= bestValid))
                {
                    (bestValid, bestStep, sinceBest) = (s, step, 0);
                    if (!schedule.KeepLast)
                    {
                        float[] parameters = learner.Parameters;
                        best ??= new float[parameters.Length];
                        parameters.CopyTo(best, 0);
                    }
                }
                else sinceBest++;
                Report(progress, step, steps, bestValid);
                reported = clock.Elapsed;
                sum = 0;
                seen = 0;
                if (valid is not null && sinceBest >= schedule.Patience)
                {
                    end = TrainingEnd.StoppedEarly;
                    break;
                }
            }
            else if (progress is not null && clock.Elapsed - reported >= ReportEvery)
            {
                Report(progress, step, steps, bestValid);
                reported = clock.Elapsed;
            }
        }
        if (best is null) bestStep = step;
        circuit.SetParameters(best ?? learner.Parameters);
        return new TrainingReport(curve, bestStep, bestValid, step, end, clock.Elapsed, total / clock.Elapsed.TotalSeconds);
    }

    /// <summary>Average of what is raised over the validation samples, and the share of those whose likeliest class is theirs.</summary>
    private (double? Score, double? Accuracy) Evaluate(ILearner learner)
    {
        float[] parameters = learner.Parameters;
        session.SetParameters(parameters);
        int[] rows = validRows?.First ?? [.. Enumerable.Range(0, valid!.Count)];
        int classes = circuit.Classes, right = 0;
        double[] prior = [.. (circuit.Plan.LearnedPrior(parameters) ?? circuit.Prior()).Select(p => Math.Log(p))];
        var result = new double[Math.Min(rows.Length, BlockRows) * classes];
        double weighted = 0;
        for (int first = 0; first < rows.Length; first += BlockRows)
        {
            int count = Math.Min(BlockRows, rows.Length - first);
            session.Forward(valid!, rows.AsSpan(first, count), result);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<double> own = result.AsSpan(i * classes, classes);
                int label = validLabels?[first + i] ?? 0, likeliest = 0;
                weighted += (validRows?.Counts[first + i] ?? 1) * learner.Score(own, label);
                for (int c = 1; c < classes; c++)
                    if (own[c] + prior[c] > own[likeliest] + prior[likeliest]) likeliest = c;
                if (likeliest == label) right++;
            }
        }
        return (weighted / valid!.Count, classes == 1 ? null : (double)right / valid.Count);
    }

    private void Report(IProgress<TrainingProgress>? progress, int step, int steps, double? bestValid)
    {
        TimeSpan elapsed = clock.Elapsed;
        progress?.Report(new TrainingProgress(step, steps, sum / Math.Max(seen, 1), curve.Count == 0 ? null : curve[^1].Valid, bestValid,
            total / elapsed.TotalSeconds, elapsed, elapsed / step * (steps - step))
        { Accuracy = curve.Count == 0 ? null : curve[^1].Accuracy });
    }

    private static void CheckLabels(Circuit circuit, Evidence samples, int[]? labels, string name)
    {
        if (circuit.Classes == 1) return;
        if (labels is null || labels.Length != samples.Count)
            throw new ArgumentException($"The circuit has {circuit.Classes} classes: give one label for each of the {samples.Count} samples.", name);
        int wrong = Array.FindIndex(labels, l => l < 0 || l >= circuit.Classes);
        if (wrong >= 0) throw new ArgumentException($"Label {wrong} is {labels[wrong]}, classes are 0 to {circuit.Classes - 1}.", name);
    }
}
