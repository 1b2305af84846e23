using System.Numerics;
using Spn.Core.Data;
using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Mini-batch gradient ascent on the log-likelihood, with selection by validation samples.</summary>
/// <remarks>Protocol of HyperSPN's released code by default (Shih, Sadigh and Ermon 2021, section 5): the parameters kept are those of the best validation log-likelihood.</remarks>
public static class GradientDescent
{
    /// <summary>Trains a circuit in place.</summary>
    /// <param name="circuit">The circuit; it ends with the best parameters, or the last without validation samples.</param>
    /// <param name="train">Training samples, at least one; hidden entries are summed out.</param>
    /// <param name="valid">Validation samples, or null.</param>
    /// <param name="options">Settings, or null for the defaults.</param>
    /// <param name="labels">The class of each training sample, needed for circuits with several classes: log p(x | class) is raised.</param>
    /// <param name="validLabels">The class of each validation sample, likewise.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps the best parameters so far.</param>
    /// <param name="state">What the optimiser remembers, to go on where an earlier call ended; null starts afresh.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, or labels are missing or out of range.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, Evidence? valid = null, GradientOptions? options = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default, OptimiserState? state = null)
    {
        options ??= new GradientOptions();
        options.Check();
        TrainingLoop.Check(circuit, train, valid, labels, validLabels);
        if (options.Discriminative > 0 && circuit.Classes == 1)
            throw new ArgumentException("Only circuits with several classes can be trained to tell them apart; give the root classes, or set Discriminative to 0.", nameof(options));
        if (circuit.Plan.Programs.Any(p => p is AccumulatorProgram))
            throw new ArgumentException("Weights of this circuit are accumulators, which gradient steps could make negative; use free weights, or train by expectation maximisation.", nameof(circuit));
        if (options.LinearPartition && (circuit.Classes > 1 || circuit.Plan.Unnormalised is null))
            throw new ArgumentException("Z can be raised in place of log Z only for circuits of one class with raw weights; leave LinearPartition false.", nameof(options));
        using ISession session = circuit.NewSession();
        var learner = new Run(circuit, session, options, train, labels, state);
        return new TrainingLoop(circuit, session, options.Schedule, train, valid, validLabels).Go(learner, progress, cancellation);
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

    private sealed class Run : ILearner
    {
        private readonly Circuit circuit;
        private readonly ISession session;
        private readonly GradientOptions options;
        private readonly Evidence train;
        private readonly int[]? labels;
        private readonly MergedBatch? merged;
        private readonly float[] parameters;
        private readonly Stepper stepper;
        private double[] logLikelihoods = [];
        private readonly float[] byClass;
        private double[] prior;
        private readonly int[] batchRows;
        private readonly int last;
        private double[] seeds = [];

        public Run(Circuit circuit, ISession session, GradientOptions options, Evidence train, int[]? labels, OptimiserState? state)
        {
            this.circuit = circuit;
            this.session = session;
            this.options = options;
            this.train = train;
            this.labels = labels;
            merged = options.MergeEqualSamples && circuit.Classes == 1 ? MergedBatch.For(train) : null;
            parameters = circuit.Parameters.ToArray();
            session.SetParameters(parameters);
            stepper = new Stepper(options, circuit.Plan, state);
            byClass = new float[circuit.Plan.ClassLogits?.Count ?? 0];
            prior = circuit.Plan.LearnedPrior(parameters) ?? circuit.Prior();
            last = new BatchSource(options.Schedule, train.Count).Steps - 1;
            batchRows = [.. Enumerable.Range(0, Math.Min(options.BatchSize, train.Count))];
        }

        public float[] Parameters
        {
            get
            {
                session.GetParameters(0, parameters);
                return parameters;
            }
        }

        public bool Step(int step, ReadOnlySpan<int> batch, out double sum)
        {
            int count = batch.Length, classes = circuit.Classes;
            ReadOnlySpan<double> factors = [];
            if (merged is not null) batch = merged.Merge(batch, out factors);
            if (logLikelihoods.Length < batch.Length * classes) logLikelihoods = new double[batch.Length * classes];
            Evidence samples = train;
            ReadOnlySpan<int> rows = batch;
            if (options.InputDropout > 0)
            {
                samples = train.Rows(batch.ToArray()).HideAtRandom(options.InputDropout, (long)new RandomStream(options.Seed, "input dropout", step).NextUInt64());
                rows = batchRows.AsSpan(0, batch.Length);
            }
            if (options.ProductDropout > 0) session.DropProducts(options.ProductDropout, (long)new RandomStream(options.Seed, "product dropout", step).NextUInt64());
            session.Forward(samples, rows, logLikelihoods);
            sum = 0;
            if (classes == 1)
                for (int i = 0; i < batch.Length; i++) sum += factors.IsEmpty ? logLikelihoods[i] : factors[i] * logLikelihoods[i];
            else factors = ClassFactors(batch, out sum);
            session.Backward(Routing.Soft, factors);
            session.DropProducts(0, 0);
            if (options.LinearPartition)
            {
                stepper.More = ToLinearPartition(count);
                if (Array.Exists(stepper.More, m => !float.IsFinite((float)m))) return false;
            }
            if (!stepper.Step(session, options.Objective == Objective.Sum ? 1 : 1.0 / count, (double)step / Math.Max(last, 1), byClass)) return false;
            if (circuit.Plan.ClassLogits is { } logits)
            {
                session.GetParameters(logits.Offset, parameters.AsSpan(logits.Offset, logits.Count));
                prior = circuit.Plan.LearnedPrior(parameters)!;
            }
            return true;
        }

        /// <summary>What the derivative of log f - log Z lacks to that of log f - Z: (1 - Z) times the derivative of log Z.</summary>
        private double[] ToLinearPartition(int samples)
        {
            NormalisedProgram program = circuit.Plan.Unnormalised!;
            double[] now = Array.ConvertAll(Parameters, p => (double)p), more = new double[now.Length];
            double z = Math.Exp(program.LogPartition(circuit.Plan.Blocks, now)[0]);
            program.AddLogPartitionGradient(circuit.Plan.Blocks, now, samples * (1 - z), more);
            return more;
        }

        public double Score(ReadOnlySpan<double> own, int label)
        {
            if (own.Length == 1) return own[0];
            return Score(own, label, stackalloc double[own.Length]);
        }

        /// <summary>What is raised, of one sample, with p(class | x).</summary>
        private double Score(ReadOnlySpan<double> own, int label, Span<double> posterior)
        {
            for (int c = 0; c < own.Length; c++) posterior[c] = own[c] + Math.Log(prior[c]);
            double all = LogSum.Of(posterior), joint = posterior[label];
            for (int c = 0; c < own.Length; c++) posterior[c] = double.IsNegativeInfinity(all) ? prior[c] : Math.Exp(posterior[c] - all);
            double generative = circuit.Plan.ClassLogits is null ? own[label] : joint;
            // A share of 0 must not meet an infinity.
            return (options.Discriminative > 0 ? options.Discriminative * (joint - all) : 0) + (options.Discriminative < 1 ? (1 - options.Discriminative) * generative : 0);
        }

        /// <summary>Derivatives of what is raised by the log-likelihoods, [row, class]; those by the class logits are left in their place.</summary>
        private ReadOnlySpan<double> ClassFactors(ReadOnlySpan<int> batch, out double sum)
        {
            int classes = circuit.Classes;
            double share = options.Discriminative;
            if (seeds.Length < batch.Length * classes) seeds = new double[batch.Length * classes];
            Array.Clear(byClass);
            Span<double> posterior = stackalloc double[classes];
            sum = 0;
            for (int i = 0; i < batch.Length; i++)
            {
                int label = labels![batch[i]];
                sum += Score(logLikelihoods.AsSpan(i * classes, classes), label, posterior);
                for (int c = 0; c < classes; c++)
                {
                    double own = c == label ? 1 : 0;
                    seeds[i * classes + c] = own - share * posterior[c];
                    if (byClass.Length > 0) byClass[c] += (float)(own - share * posterior[c] - (1 - share) * prior[c]);
                }
            }
            return seeds.AsSpan(0, batch.Length * classes);
        }
    }
}
