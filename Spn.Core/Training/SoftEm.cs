using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Soft expectation maximisation, batch by batch; see <see cref="SoftEmOptions"/>.</summary>
internal sealed class SoftEm : EmLearner
{
    private readonly SoftEmOptions options;
    private readonly MaximisationStep maximisation;
    private readonly int batchesPerEpoch;
    private readonly float[] flows;
    private readonly double[] statistics;
    private readonly double[] classes;
    private readonly float[] before;
    private double[] meanFlows = [];
    private double[] meanStatistics = [];
    private int waiting;
    private int steps;

    public SoftEm(Circuit circuit, ISession session, SoftEmOptions options, Evidence train, int[]? labels) : base(circuit, session, train, labels, merges: true)
    {
        this.options = options;
        maximisation = new MaximisationStep(circuit.Plan, train.Count, options.UpdateWeights, options.UpdateInputs);
        batchesPerEpoch = new BatchSource(options.Schedule, train.Count).StepsPerEpoch;
        flows = new float[options.UpdateWeights ? Plan.Blocks.Total : 0];
        statistics = new double[maximisation.NeedsStatistics ? Plan.StatisticCount : 0];
        classes = new double[circuit.Classes];
        before = new float[Parameters.Length];
        session.GatherAtInputs(maximisation.NeedsStatistics ? InputGathering.Statistics : InputGathering.Nothing);
    }

    protected override bool Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        if (waiting == 0)
        {
            Session.SetParameters(Parameters);
            Array.Clear(classes);
        }
        Session.Forward(Train, batch, logLikelihoods);
        Session.Backward(Routing.Soft, counts);
        for (int i = 0; i < counts.Length; i++) classes[i % classes.Length] += counts[i];
        waiting++;
        // Nothing waits while validation samples are looked at, which takes the session.
        if ((step + 1) % batchesPerEpoch != 0 && (options.FullBatch || waiting < options.AccumulateBatches)) return true;
        waiting = 0;
        return Maximise();
    }

    private bool Maximise()
    {
        double size = options.SizeOf(steps), age = 1 - Math.Pow(options.Momentum, ++steps);
        Parameters.CopyTo(before, 0);
        if (options.UpdateWeights)
        {
            Session.WeightFlows(flows);
            if (options.Momentum > 0) Average(ref meanFlows, flows, age);
            maximisation.Weights(Parameters, options.Floor, (row, weights) => Move(weights, row, size));
            maximisation.Classes(Parameters, classes, size, options.Smoothing);
        }
        if (maximisation.NeedsStatistics)
        {
            Session.InputStatistics(statistics);
            if (options.Momentum > 0) Average(statistics, age);
            maximisation.Inputs(Parameters, statistics, (family, parameters, own) => Blend(family, parameters, own, size, options.Smoothing));
        }
        if (TrainingLoop.AllFinite(Parameters)) return true;
        before.CopyTo(Parameters, 0);
        return false;
    }

    private bool Move(Span<double> weights, WeightRow row, double size)
    {
        double total = 0;
        for (int j = 0; j < row.Count; j++) total += flows[row.First + j * row.Step];
        if (!(total > 0)) return false;
        double each = options.Smoothing / row.Count;
        total += options.Smoothing;
        for (int j = 0; j < row.Count; j++) weights[j] = (1 - size) * weights[j] + size * (flows[row.First + j * row.Step] + each) / total;
        return true;
    }

    /// <summary>Moves the expectation parameters of each component towards the mean of its statistics.</summary>
    internal static void Blend(InputFamily family, double[] parameters, double[] own, double size, double smoothing)
    {
        int numbers = own.Length / family.Components;
        if (smoothing > 0 && family.States is int states)
            for (int k = 0; k < family.Components; k++)
                for (int s = 0; s < states && own[k * numbers] > 0; s++) family.AddStatistics(k, s, smoothing / states, parameters, own);
        if (size == 1) return;
        var mean = new double[own.Length];
        family.MeanStatistics(parameters, mean);
        for (int k = 0; k < family.Components; k++)
        {
            double flow = own[k * numbers];
            for (int i = k * numbers; i < (k + 1) * numbers; i++) own[i] = flow > 0 ? (1 - size) * mean[i] + size * own[i] / flow : 0;
        }
    }

    private void Average(ref double[] mean, float[] now, double age)
    {
        if (mean.Length == 0) mean = new double[now.Length];
        for (int i = 0; i < now.Length; i++)
        {
            mean[i] = options.Momentum * mean[i] + (1 - options.Momentum) * now[i];
            now[i] = (float)(mean[i] / age);
        }
    }

    private void Average(double[] now, double age)
    {
        if (meanStatistics.Length == 0) meanStatistics = new double[now.Length];
        for (int i = 0; i < now.Length; i++)
        {
            meanStatistics[i] = options.Momentum * meanStatistics[i] + (1 - options.Momentum) * now[i];
            now[i] = meanStatistics[i] / age;
        }
    }
}
