using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>The extended Baum-Welch algorithm; see <see cref="BaumWelchOptions"/>.</summary>
internal sealed class BaumWelch : ILearner
{
    private readonly Circuit circuit;
    private readonly ISession session;
    private readonly BaumWelchOptions options;
    private readonly Evidence train;
    private readonly int[] labels;
    private readonly MaximisationStep maximisation;
    private readonly int batchesPerEpoch;
    private readonly float[] flows;
    private readonly double[] own;
    private readonly double[] all;
    private readonly double[] ownClasses;
    private readonly double[] allClasses;
    private readonly float[] before;
    private readonly double[] constantPrior;
    private double[] counts = [];
    private double[] posteriors = [];
    private double[] logLikelihoods = [];

    public BaumWelch(Circuit circuit, ISession session, BaumWelchOptions options, Evidence train, int[] labels)
    {
        if (circuit.Classes == 1)
            throw new ArgumentException("Extended Baum-Welch tells classes apart, but the circuit has one; give the root classes, or train it by SoftEmOptions.", nameof(circuit));
        (this.circuit, this.session, this.options, this.train, this.labels) = (circuit, session, options, train, labels);
        maximisation = new MaximisationStep(circuit.Plan, WorkerPool.Of(circuit.Engine.Threads), train.Count, weights: true, densities: false);
        batchesPerEpoch = new BatchSource(options.Schedule, train.Count).StepsPerEpoch;
        int edges = circuit.Plan.Blocks.Total;
        (flows, own, all) = (new float[edges], new double[edges], new double[edges]);
        (ownClasses, allClasses) = (new double[circuit.Classes], new double[circuit.Classes]);
        Parameters = circuit.Parameters.ToArray();
        before = new float[Parameters.Length];
        constantPrior = circuit.Prior();
        session.GatherAtInputs(InputGathering.Nothing);
    }

    public float[] Parameters { get; }

    private double[] Prior => circuit.Plan.LearnedPrior(Parameters) ?? constantPrior;

    public bool Step(int step, ReadOnlySpan<int> batch, out double sum)
    {
        int classes = circuit.Classes, length = batch.Length * classes;
        if (posteriors.Length < length) (posteriors, logLikelihoods) = (new double[length], new double[length]);
        if (!options.FullBatch || step % batchesPerEpoch == 0)
            foreach (double[] numbers in (double[][])[own, all, ownClasses, allClasses]) Array.Clear(numbers);

        ReadOnlySpan<double> labelled = TrainingLoop.LabelCounts(ref counts, batch, labels, classes);
        Pass(batch, labelled, own);
        double[] prior = Prior;
        sum = 0;
        for (int i = 0; i < batch.Length; i++)
            sum += Posterior(logLikelihoods.AsSpan(i * classes, classes), labels[batch[i]], prior, posteriors.AsSpan(i * classes, classes));
        Pass(batch, posteriors.AsSpan(0, length), all);
        for (int i = 0; i < length; i++)
        {
            ownClasses[i % classes] += labelled[i];
            allClasses[i % classes] += posteriors[i];
        }
        return (options.FullBatch && (step + 1) % batchesPerEpoch != 0) || Maximise();
    }

    public double Score(ReadOnlySpan<double> logLikelihoods, int label) => Posterior(logLikelihoods, label, Prior, stackalloc double[logLikelihoods.Length]);

    /// <summary>Flows of a batch, added.</summary>
    private void Pass(ReadOnlySpan<int> batch, ReadOnlySpan<double> seeds, double[] to)
    {
        session.SetParameters(Parameters);
        session.Forward(train, batch, logLikelihoods);
        session.Backward(Routing.Soft, seeds);
        session.WeightFlows(flows);
        for (int i = 0; i < to.Length; i++) to[i] += flows[i];
    }

    /// <summary>Writes p(class | x); returns the logarithm of the label's.</summary>
    private static double Posterior(ReadOnlySpan<double> logLikelihoods, int label, double[] prior, Span<double> posterior)
    {
        for (int c = 0; c < prior.Length; c++) posterior[c] = logLikelihoods[c] + Math.Log(prior[c]);
        double total = LogSum.Of(posterior), joint = posterior[label];
        for (int c = 0; c < prior.Length; c++) posterior[c] = double.IsNegativeInfinity(total) ? prior[c] : Math.Exp(posterior[c] - total);
        return double.IsNegativeInfinity(joint) ? joint : joint - total;
    }

    private bool Maximise()
    {
        Parameters.CopyTo(before, 0);
        maximisation.Weights(Parameters, options.Floor, (row, weights) => Move(weights, row, own, all));
        if (circuit.Plan.LearnedPrior(Parameters) is { } prior && Move(prior, new WeightRow(0, 1, prior.Length), ownClasses, allClasses)) maximisation.Classes(Parameters, prior, 1, 0);
        if (TrainingLoop.AllFinite(Parameters)) return true;
        before.CopyTo(Parameters, 0);
        return false;
    }

    private bool Move(Span<double> weights, WeightRow row, double[] own, double[] all)
    {
        double flow = 0, least = 0, change = 0;
        for (int j = 0, e = row.First; j < row.Count; j++, e += row.Step)
        {
            flow += all[e];
            change += own[e] - all[e];
            if (weights[j] > 0) least = Math.Max(least, (all[e] - own[e]) / weights[j]);
        }
        double damping = options.Damping * Math.Max(flow, least);
        if (!(change + damping > 0)) return false;
        for (int j = 0, e = row.First; j < row.Count; j++, e += row.Step) weights[j] = Math.Max(own[e] - all[e] + damping * weights[j], 0) / (change + damping);
        return true;
    }
}
