using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Online hard expectation maximisation; see <see cref="HardEmOptions"/>.</summary>
internal sealed class HardEm : EmLearner
{
    private readonly HardEmOptions options;
    private bool started;

    public HardEm(Circuit circuit, ISession session, HardEmOptions options, Evidence train, int[]? labels) : base(circuit, session, train, labels, merges: false)
    {
        this.options = options;
        if (Plan.Programs.FirstOrDefault(p => p is not (AccumulatorProgram or FixedProgram)) is { } other)
            throw new ArgumentException($"Hard expectation maximisation adds up counts, but this circuit's weights come from a {other.GetType().Name}; give it weights from WeightSpec.Accumulators(), or train it by SoftEmOptions.");
    }

    protected override bool Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        if (!started) Session.SetParameters(Parameters);
        started = true;
        long seed = (long)new RandomStream(options.Seed, "winners", step).NextUInt64();
        Session.Count(Train, batch, new Winner(!options.UnweightedSumInputs, options.DrawShare, seed), counts, logLikelihoods);
        Session.AddCounts(Parameters);
        return true;
    }
}
