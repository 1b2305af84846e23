using System.Diagnostics;
using System.Numerics;
using Spn.Core.Data;
using Spn.Core.Engines;

namespace Spn.Core.Training;

/// <summary>Mini-batch gradient ascent on the log-likelihood, with selection by validation samples.</summary>
/// <remarks>Protocol of HyperSPN's released code by default (Shih, Sadigh and Ermon 2021, section 5): the parameters kept are those of the best validation log-likelihood.</remarks>
public static class GradientDescent
{
    private const int BlockRows = 4096;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Trains a circuit in place.</summary>
    /// <param name="circuit">The circuit; it ends with the best parameters, or the last without validation samples.</param>
    /// <param name="train">Training samples, at least one; hidden entries are summed out.</param>
    /// <param name="valid">Validation samples, or null.</param>
    /// <param name="options">Settings, or null for the defaults.</param>
    /// <param name="labels">The class of each training sample, needed for circuits with several classes: log p(x | class) is raised.</param>
    /// <param name="validLabels">The class of each validation sample, likewise.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps the best parameters so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, or labels are missing or out of range.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, Evidence? valid = null, GradientOptions? options = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(train);
        options ??= new GradientOptions();
        options.Check();
        circuit.Check(train);
        if (train.Count == 0) throw new ArgumentException("There are no training samples.", nameof(train));
        CheckLabels(circuit, train, labels, nameof(labels));
        if (valid is not null)
        {
            circuit.Check(valid);
            if (valid.Count == 0) throw new ArgumentException("There are no validation samples.", nameof(valid));
            CheckLabels(circuit, valid, validLabels, nameof(validLabels));
        }
        using ISession session = circuit.NewSession();
        return new Run(circuit, session, options, train, labels, valid, validLabels).Go(progress, cancellation);
    }

    /// <summary>The same with the training and validation samples of a data set; with its labels where the circuit has several classes.</summary>
    /// <param name="circuit">The circuit.</param>
    /// <param name="data">The data set; without validation samples the last parameters are kept.</param>
    /// <param name="options">Settings; null takes the defaults.</param>
    /// <param name="progress">Told how it stands.</param>
    /// <param name="cancellation">Ends the training; the circuit keeps the best parameters so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, or the circuit has several classes and the data set no labels.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, DataSet data, GradientOptions? options = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(data);
        bool labelled = circuit.Classes > 1;
        return circuit.Fit(data.Train, data.Valid.Count == 0 ? null : data.Valid, options,
            labelled ? data.TrainLabels : null, labelled ? data.ValidLabels : null, progress, cancellation);
    }

    private static void CheckLabels(Circuit circuit, Evidence samples, int[]? labels, string name)
    {
        if (circuit.Classes == 1) return;
        if (labels is null || labels.Length != samples.Count)
            throw new ArgumentException($"The circuit has {circuit.Classes} classes: give one label for each of the {samples.Count} samples.", name);
        int wrong = Array.FindIndex(labels, l => l < 0 || l >= circuit.Classes);
        if (wrong >= 0) throw new ArgumentException($"Label {wrong} is {labels[wrong]}, classes are 0 to {circuit.Classes - 1}.", name);
    }

    private sealed class Run
    {
        private readonly Circuit circuit;
        private readonly ISession session;
        private readonly GradientOptions options;
        private readonly Evidence train;
        private readonly int[]? labels;
        private readonly UniqueRows? validRows;
        private readonly Evidence? valid;
        private readonly int[]? validLabels;
        private readonly BatchSource batches;
        private readonly MergedBatch? merged;
        private readonly float[] parameters;
        private readonly float[] gradient;
        private readonly float[] before;
        private readonly Stepper stepper;
        private readonly Stopwatch clock = Stopwatch.StartNew();
        private readonly List<TrainingPoint> curve = [];
        private double[] logLikelihoods = [];
        private double[] seeds = [];
        private double sum;
        private long seen;
        private long total;

        public Run(Circuit circuit, ISession session, GradientOptions options, Evidence train, int[]? labels, Evidence? valid, int[]? validLabels)
        {
            this.circuit = circuit;
            this.session = session;
            this.options = options;
            this.train = train;
            this.labels = labels;
            this.valid = valid;
            this.validLabels = validLabels;
            validRows = valid is not null && circuit.Classes == 1 ? new UniqueRows(valid) : null;
            batches = new BatchSource(options, train.Count);
            merged = options.MergeEqualSamples && circuit.Classes == 1 ? MergedBatch.For(train) : null;
            parameters = circuit.Parameters.ToArray();
            gradient = new float[parameters.Length];
            before = new float[parameters.Length];
            stepper = new Stepper(options, circuit.Plan, circuit.Engine.Threads);
        }

        public TrainingReport Go(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
        {
            int steps = batches.Steps, period = options.EvaluationPeriod ?? batches.StepsPerEpoch;
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
                if (!Step(step))
                {
                    end = TrainingEnd.Diverged;
                    break;
                }
                step++;
                if (step % period == 0 || step == steps)
                {
                    double? score = valid is null ? null : Evaluate();
                    curve.Add(new TrainingPoint(step, sum / seen, score));
                    if (score is double s && !double.IsNaN(s) && !(s <= bestValid))
                    {
                        (bestValid, bestStep, sinceBest) = (s, step, 0);
                        best ??= new float[parameters.Length];
                        parameters.CopyTo(best, 0);
                    }
                    else sinceBest++;
                    Report(progress, step, steps, bestValid);
                    reported = clock.Elapsed;
                    sum = 0;
                    seen = 0;
                    if (valid is not null && sinceBest >= options.Patience)
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
            circuit.SetParameters(best ?? parameters);
            return new TrainingReport(curve, bestStep, bestValid, step, end, clock.Elapsed, total / clock.Elapsed.TotalSeconds);
        }

        /// <summary>One step; false, with the parameters as they were, when the gradient is not finite.</summary>
        private bool Step(int step)
        {
            ReadOnlySpan<int> batch = batches.Next(step);
            int count = batch.Length, classes = circuit.Classes;
            ReadOnlySpan<double> factors = [];
            if (merged is not null) batch = merged.Merge(batch, out factors);
            else if (classes > 1) factors = LabelSeeds(batch);
            if (logLikelihoods.Length < batch.Length * classes) logLikelihoods = new double[batch.Length * classes];
            session.SetParameters(parameters);
            session.Forward(train, batch, logLikelihoods);
            session.Backward(Routing.Soft, factors);
            session.Gradient(gradient);
            if (!AllFinite(gradient)) return false;
            for (int i = 0; i < batch.Length * classes; i++)
                if (factors.IsEmpty) sum += logLikelihoods[i];
                else if (factors[i] != 0) sum += factors[i] * logLikelihoods[i];
            seen += count;
            total += count;
            parameters.CopyTo(before, 0);
            stepper.Step(parameters, gradient, options.Objective == Objective.Sum ? 1 : 1.0 / count);
            if (AllFinite(parameters)) return true;
            before.CopyTo(parameters, 0);
            return false;
        }

        private static bool AllFinite(float[] values)
        {
            // NaN and infinity survive a product with 0, so the sum of such products is 0 exactly when all are finite.
            Vector<float> sum = default;
            int i = 0;
            for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count) sum += new Vector<float>(values, i) * Vector<float>.Zero;
            float rest = Vector.Sum(sum);
            for (; i < values.Length; i++) rest += values[i] * 0;
            return rest == 0;
        }

        private ReadOnlySpan<double> LabelSeeds(ReadOnlySpan<int> batch)
        {
            int length = batch.Length * circuit.Classes;
            if (seeds.Length < length) seeds = new double[length];
            Array.Clear(seeds, 0, length);
            for (int i = 0; i < batch.Length; i++) seeds[i * circuit.Classes + labels![batch[i]]] = 1;
            return seeds.AsSpan(0, length);
        }

        private double Evaluate()
        {
            session.SetParameters(parameters);
            int[] rows = validRows?.First ?? [.. Enumerable.Range(0, valid!.Count)];
            int classes = circuit.Classes;
            var result = new double[Math.Min(rows.Length, BlockRows) * classes];
            double weighted = 0;
            for (int first = 0; first < rows.Length; first += BlockRows)
            {
                int count = Math.Min(BlockRows, rows.Length - first);
                session.Forward(valid!, rows.AsSpan(first, count), result);
                for (int i = 0; i < count; i++)
                    weighted += validRows is null ? result[i * classes + (validLabels?[first + i] ?? 0)] : validRows.Counts[first + i] * result[i];
            }
            return weighted / valid!.Count;
        }

        private void Report(IProgress<TrainingProgress>? progress, int step, int steps, double? bestValid)
        {
            TimeSpan elapsed = clock.Elapsed;
            progress?.Report(new TrainingProgress(step, steps, sum / Math.Max(seen, 1), curve.Count == 0 ? null : curve[^1].Valid, bestValid,
                total / elapsed.TotalSeconds, elapsed, elapsed / step * (steps - step)));
        }
    }
}
