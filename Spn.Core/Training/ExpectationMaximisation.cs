using Spn.Core.Data;
using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Online expectation maximisation of mixture weights that are accumulators; inputs stay as they are.</summary>
public static class ExpectationMaximisation
{
    /// <summary>Trains a circuit in place by hard expectation maximisation.</summary>
    /// <param name="circuit">The circuit, whose weights are accumulators; it ends with the best parameters by the validation samples, or the last without them.</param>
    /// <param name="train">Training samples, at least one; hidden entries are summed out.</param>
    /// <param name="options">Settings.</param>
    /// <param name="valid">Validation samples, or null.</param>
    /// <param name="labels">The class of each training sample, needed for circuits with several classes.</param>
    /// <param name="validLabels">The class of each validation sample, likewise.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps what it has learned so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, labels are missing, or the weights are no accumulators.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, HardEmOptions options, Evidence? valid = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default) =>
        options is { UnweightedSumInputs: true } && Enumerable.Range(0, circuit.Plan.Blocks.Count).Any(b => circuit.Plan.Blocks.Spacing(b) > 1)
            ? throw new ArgumentException("Sums that mix partitions channel by channel look at their weights to tell the channels apart; set UnweightedSumInputs = false, or use Sum.PerRegion instead of Sum.PerPartition.", nameof(options))
            : Fit(circuit, train, options, valid, labels, validLabels, progress, cancellation, session => new Hard(circuit, session, options, train, labels));

    /// <summary>Trains a circuit in place by soft expectation maximisation.</summary>
    /// <inheritdoc cref="Fit(Circuit, Evidence, HardEmOptions, Evidence?, int[], int[], IProgress{TrainingProgress}?, CancellationToken)"/>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, SoftEmOptions options, Evidence? valid = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default) =>
        Fit(circuit, train, options, valid, labels, validLabels, progress, cancellation, session => new Soft(circuit, session, options, train, labels));

    /// <summary>The same, hard or soft as the options say, with the training and validation samples of a data set; with its labels where the circuit has several classes.</summary>
    /// <param name="circuit">The circuit, whose weights are accumulators.</param>
    /// <param name="data">The data set; without validation samples the last parameters are kept.</param>
    /// <param name="options">Settings.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps what it has learned so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, the circuit has several classes and the data set no labels, or the weights are no accumulators.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, DataSet data, EmOptions options, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        Evidence? valid = data.Valid.Count == 0 ? null : data.Valid;
        (int[]? labels, int[]? validLabels) = circuit.Classes > 1 ? (data.TrainLabels, data.ValidLabels) : (null, null);
        return options switch
        {
            HardEmOptions hard => circuit.Fit(data.Train, hard, valid, labels, validLabels, progress, cancellation),
            SoftEmOptions soft => circuit.Fit(data.Train, soft, valid, labels, validLabels, progress, cancellation),
            _ => throw new ArgumentException($"There is no expectation maximisation for settings of type {options.GetType().Name}; give HardEmOptions or SoftEmOptions.", nameof(options)),
        };
    }

    private static TrainingReport Fit(
        Circuit circuit, Evidence train, EmOptions options, Evidence? valid, int[]? labels, int[]? validLabels,
        IProgress<TrainingProgress>? progress, CancellationToken cancellation, Func<ISession, ILearner> learner)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        TrainingLoop.Check(circuit, train, valid, labels, validLabels);
        if (circuit.Plan.Programs.FirstOrDefault(p => p is not (AccumulatorProgram or FixedProgram)) is { } other)
            throw new ArgumentException($"Expectation maximisation adds up counts, but this circuit's weights come from a {other.GetType().Name}; give it weights from WeightSpec.Accumulators().", nameof(circuit));
        using ISession session = circuit.NewSession();
        return new TrainingLoop(circuit, session, options.Schedule, train, valid, validLabels).Go(learner(session), progress, cancellation);
    }

    private abstract class Learner(Circuit circuit, ISession session, Evidence train, int[]? labels) : ILearner
    {
        private double[] counts = [];
        private double[] logLikelihoods = [];

        public float[] Parameters { get; } = circuit.Parameters.ToArray();

        protected ISession Session => session;

        protected Evidence Train => train;

        protected Plan Plan => circuit.Plan;

        public bool Step(int step, ReadOnlySpan<int> batch, out double sum)
        {
            int classes = circuit.Classes;
            ReadOnlySpan<double> own = classes == 1 ? [] : TrainingLoop.LabelCounts(ref counts, batch, labels!, classes);
            if (logLikelihoods.Length < batch.Length * classes) logLikelihoods = new double[batch.Length * classes];
            Learn(step, batch, own, logLikelihoods);
            sum = 0;
            for (int i = 0; i < batch.Length * classes; i++)
                if (own.IsEmpty || own[i] != 0) sum += logLikelihoods[i];
            return true;
        }

        protected abstract void Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods);
    }

    private sealed class Hard(Circuit circuit, ISession session, HardEmOptions options, Evidence train, int[]? labels) : Learner(circuit, session, train, labels)
    {
        private bool started;

        protected override void Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
        {
            if (!started) Session.SetParameters(Parameters);
            started = true;
            long seed = (long)new RandomStream(options.Seed, "winners", step).NextUInt64();
            Session.Count(Train, batch, new Winner(!options.UnweightedSumInputs, options.DrawShare, seed), counts, logLikelihoods);
            Session.AddCounts(Parameters);
        }
    }

    private sealed class Soft(Circuit circuit, ISession session, SoftEmOptions options, Evidence train, int[]? labels) : Learner(circuit, session, train, labels)
    {
        private readonly float[] flows = new float[circuit.Plan.Blocks.Total];

        protected override void Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
        {
            if (step % options.AccumulateBatches == 0) Session.SetParameters(Parameters);
            Session.Forward(Train, batch, logLikelihoods);
            Session.Backward(Routing.Soft, counts);
            if ((step + 1) % options.AccumulateBatches != 0) return;
            Session.WeightFlows(flows);
            foreach (AccumulatorProgram program in Plan.Programs.OfType<AccumulatorProgram>())
                Parallel.For(0, program.Blocks.Count, b =>
                {
                    for (int i = 0; i < Plan.Blocks[program.Blocks[b]].Rows; i++)
                    {
                        WeightRow row = Plan.Blocks.Row(program.Blocks[b], i);
                        Move(Parameters.AsSpan(program.Places[b] + i * row.Count, row.Count), flows.AsSpan(row.First), row.Step);
                    }
                });
        }

        /// <summary>Accumulators are kept without smoothing, which would otherwise pile up step by step.</summary>
        private void Move(Span<float> accumulators, ReadOnlySpan<float> own, int step)
        {
            double total = 0, all = 0;
            for (int j = 0; j < accumulators.Length; j++) total += own[j * step];
            foreach (float a in accumulators) all += a;
            if (!(total > 0)) return;
            double kept = all > 0 ? (1 - options.StepSize) / all : 0, more = (1 - kept * all) / total;
            for (int j = 0; j < accumulators.Length; j++) accumulators[j] = (float)Math.Max(kept * accumulators[j] + more * own[j * step], options.Floor);
        }
    }
}
