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
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, or labels are missing or out of range.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, Evidence? valid = null, GradientOptions? options = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new GradientOptions();
        options.Check();
        TrainingLoop.Check(circuit, train, valid, labels, validLabels);
        if (circuit.Plan.Programs.Any(p => p is AccumulatorProgram))
            throw new ArgumentException("Weights of this circuit are accumulators, which gradient steps could make negative; use free weights, or train by expectation maximisation.", nameof(circuit));
        using ISession session = circuit.NewSession();
        var learner = new Run(circuit, session, options, train, labels);
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
        private readonly float[] gradient;
        private readonly float[] before;
        private readonly Stepper stepper;
        private double[] logLikelihoods = [];
        private double[] seeds = [];

        public Run(Circuit circuit, ISession session, GradientOptions options, Evidence train, int[]? labels)
        {
            this.circuit = circuit;
            this.session = session;
            this.options = options;
            this.train = train;
            this.labels = labels;
            merged = options.MergeEqualSamples && circuit.Classes == 1 ? MergedBatch.For(train) : null;
            Parameters = circuit.Parameters.ToArray();
            gradient = new float[Parameters.Length];
            before = new float[Parameters.Length];
            stepper = new Stepper(options, circuit.Plan, circuit.Engine.Threads);
        }

        public float[] Parameters { get; }

        public bool Step(int step, ReadOnlySpan<int> batch, out double sum)
        {
            int count = batch.Length, classes = circuit.Classes;
            ReadOnlySpan<double> factors = [];
            if (merged is not null) batch = merged.Merge(batch, out factors);
            else if (classes > 1) factors = TrainingLoop.LabelCounts(ref seeds, batch, labels!, classes);
            if (logLikelihoods.Length < batch.Length * classes) logLikelihoods = new double[batch.Length * classes];
            session.SetParameters(Parameters);
            session.Forward(train, batch, logLikelihoods);
            session.Backward(Routing.Soft, factors);
            session.Gradient(gradient);
            sum = 0;
            if (!TrainingLoop.AllFinite(gradient)) return false;
            for (int i = 0; i < batch.Length * classes; i++)
                if (factors.IsEmpty) sum += logLikelihoods[i];
                else if (factors[i] != 0) sum += factors[i] * logLikelihoods[i];
            Parameters.CopyTo(before, 0);
            stepper.Step(Parameters, gradient, options.Objective == Objective.Sum ? 1 : 1.0 / count);
            if (TrainingLoop.AllFinite(Parameters)) return true;
            before.CopyTo(Parameters, 0);
            return false;
        }
    }
}
