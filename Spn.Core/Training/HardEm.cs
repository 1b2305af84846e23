using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Online hard expectation maximisation; see <see cref="HardEmOptions"/>.</summary>
internal sealed class HardEm : EmLearner
{
    private readonly HardEmOptions options;
    private readonly MaximisationStep maximisation;
    private readonly double[] total;
    private readonly double[] batchStatistics;
    private bool started;

    public HardEm(Circuit circuit, ISession session, HardEmOptions options, Evidence train, int[]? labels) : base(circuit, session, train, labels, merges: false)
    {
        this.options = options;
        if (options.UpdateWeights && Plan.Programs.FirstOrDefault(p => p is not (AccumulatorProgram or FixedProgram)) is { } other)
            throw new ArgumentException($"Hard expectation maximisation adds up counts, but this circuit's weights come from a {other.GetType().Name}; "
                + "give it weights from WeightSpec.Accumulators(), or train it by SoftEmOptions.");
        if (options.UnweightedSumInputs && Enumerable.Range(0, Plan.Blocks.Count).Any(b => Plan.Blocks.Spacing(b) > 1))
            throw new ArgumentException("Sums that mix partitions channel by channel look at their weights to tell the channels apart; set UnweightedSumInputs = false, or use Sum.PerRegion instead of Sum.PerPartition.", nameof(options));
        maximisation = new MaximisationStep(Plan, WorkerPool.Of(circuit.Engine.Threads), train.Count, weights: false, options.UpdateInputs);
        (total, batchStatistics) = maximisation.NeedsStatistics ? (new double[Plan.StatisticCount], new double[Plan.StatisticCount]) : ([], []);
        if (!maximisation.NeedsStatistics) return;
        session.GatherAtInputs(InputGathering.Statistics);
        maximisation.MeanStatistics(Parameters, total);
        for (int i = 0; i < total.Length; i++) total[i] *= options.InputCount;
    }

    protected override bool Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        if (!started || !options.UpdateWeights) Session.SetParameters(Parameters);
        started = true;
        long seed = (long)new RandomStream(options.Seed, "winners", step).NextUInt64();
        Session.Count(Train, batch, new Winner(!options.UnweightedSumInputs, options.DrawShare, seed), counts, logLikelihoods);
        if (maximisation.NeedsStatistics) Session.InputStatistics(batchStatistics);
        if (options.UpdateWeights) Session.AddCounts(Parameters);
        if (!maximisation.NeedsStatistics) return true;
        for (int i = 0; i < total.Length; i++) total[i] += batchStatistics[i];
        maximisation.Inputs(Parameters, total, (_, _, _) => { });
        Session.SetParameters(Parameters);
        return TrainingLoop.AllFinite(Parameters);
    }
}
