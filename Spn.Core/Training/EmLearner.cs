using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>What the forms of expectation maximisation share: whose flow counts, and the sum that is reported.</summary>
internal abstract class EmLearner(Circuit circuit, ISession session, Evidence train, int[]? labels, bool merges) : ILearner
{
    private readonly MergedBatch? merged = merges && circuit.Classes == 1 ? MergedBatch.For(train) : null;
    private double[] counts = [];
    private double[] logLikelihoods = [];

    public float[] Parameters { get; } = circuit.Parameters.ToArray();

    protected ISession Session => session;

    protected Evidence Train => train;

    protected Plan Plan => circuit.Plan;

    public bool Step(int step, ReadOnlySpan<int> batch, out double sum)
    {
        int classes = circuit.Classes;
        ReadOnlySpan<double> own = [];
        if (merged is not null) batch = merged.Merge(batch, out own);
        else if (classes > 1) own = TrainingLoop.LabelCounts(ref counts, batch, labels!, classes);
        if (logLikelihoods.Length < batch.Length * classes) logLikelihoods = new double[batch.Length * classes];
        bool finite = Learn(step, batch, own, logLikelihoods);
        sum = 0;
        for (int i = 0; i < batch.Length * classes; i++)
            if (own.IsEmpty) sum += logLikelihoods[i];
            // A count of 0 must not meet an infinity.
            else if (own[i] != 0) sum += own[i] * logLikelihoods[i];
        return finite;
    }

    /// <summary>One step.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <param name="batch">Samples to take.</param>
    /// <param name="counts">How much each log-likelihood counts, [row, class]; empty means 1 each.</param>
    /// <param name="logLikelihoods">Receives log p(x | class), [row, class], before the step.</param>
    /// <returns>False, with the parameters as they were, when the step is not finite.</returns>
    protected abstract bool Learn(int step, ReadOnlySpan<int> batch, ReadOnlySpan<double> counts, Span<double> logLikelihoods);
}
