using System.Buffers;
using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Soft expectation maximisation, batch by batch; see <see cref="SoftEmOptions"/>.</summary>
internal sealed class SoftEm : EmLearner
{
    private readonly SoftEmOptions options;
    private readonly WorkerPool pool;
    private readonly MaximisationStep maximisation;
    private readonly int batchesPerEpoch;
    private readonly float[] flows;
    private readonly double[] statistics;
    private readonly double[] classes;
    private double[] meanFlows = [];
    private double[] meanStatistics = [];
    private int waiting;
    private int steps;

    public SoftEm(Circuit circuit, ISession session, SoftEmOptions options, Evidence train, int[]? labels) : base(circuit, session, train, labels, merges: true)
    {
        this.options = options;
        pool = WorkerPool.Of(circuit.Engine.Threads);
        maximisation = new MaximisationStep(circuit.Plan, pool, train.Count, options.UpdateWeights, options.UpdateInputs);
        batchesPerEpoch = new BatchSource(options.Schedule, train.Count).StepsPerEpoch;
        flows = new float[options.UpdateWeights ? Plan.Blocks.Total : 0];
        statistics = new double[maximisation.NeedsStatistics ? Plan.StatisticCount : 0];
        classes = new double[circuit.Classes];
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
        using FlushToZero flush = FlushToZero.Here();
        double size = options.SizeOf(steps), age = 1 - Math.Pow(options.Momentum, ++steps);
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
        bool finite = true;
        pool.InPieces(Parameters.Length, (at, count) =>
        {
            if (!TrainingLoop.AllFinite(Parameters.AsSpan(at, count))) Volatile.Write(ref finite, false);
        });
        // The session still has those of before.
        if (!finite) Session.GetParameters(0, Parameters);
        return finite;
    }

    private bool Move(Span<double> weights, WeightRow row, double size)
    {
        ReadOnlySpan<float> own = row.Step == 1 ? flows.AsSpan(row.First, row.Count) : FlowsOf(row);
        double total = Bulk.Sum(own);
        if (!(total > 0)) return false;
        total += options.Smoothing;
        Bulk.Move(weights, 1 - size, size * options.Smoothing / row.Count / total, size / total, own);
        return true;
    }

    /// <summary>Flows of a sum whose weights do not stand side by side; few do not.</summary>
    private float[] FlowsOf(WeightRow row)
    {
        var own = new float[row.Count];
        for (int j = 0; j < own.Length; j++) own[j] = flows[row.First + j * row.Step];
        return own;
    }

    /// <summary>Moves the expectation parameters of each component towards the mean of its statistics.</summary>
    internal static void Blend(InputFamily family, ReadOnlySpan<double> parameters, Span<double> own, double size, double smoothing)
    {
        int numbers = own.Length / family.Components;
        if (smoothing > 0 && family.States is int states)
            for (int k = 0; k < family.Components; k++)
                for (int s = 0; s < states && own[k * numbers] > 0; s++) family.AddStatistics(k, s, smoothing / states, parameters, own);
        if (size == 1) return;
        double[] memory = ArrayPool<double>.Shared.Rent(own.Length);
        Span<double> mean = memory.AsSpan(0, own.Length);
        family.MeanStatistics(parameters, mean);
        for (int k = 0; k < own.Length; k += numbers)
        {
            double share = own[k] > 0 ? size / own[k] : 0;
            for (int i = k; i < k + numbers; i++) own[i] = share > 0 ? (1 - size) * mean[i] + share * own[i] : 0;
        }
        ArrayPool<double>.Shared.Return(memory);
    }

    private void Average(ref double[] mean, float[] now, double age)
    {
        double beta = options.Momentum;
        if (mean.Length == 0) mean = new double[now.Length];
        double[] kept = mean;
        pool.InPieces(now.Length, (at, count) =>
        {
            Span<double> own = kept.AsSpan(at, count);
            Bulk.Move(own, beta, 0, 1 - beta, now.AsSpan(at, count));
            for (int i = 0; i < count; i++) now[at + i] = (float)(own[i] / age);
        });
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
