namespace Spn.Core;

/// <content>Log-likelihoods: of evidence, of some variables, of some given others.</content>
public sealed partial class Circuit
{
    /// <summary>log p(evidence) of every sample, in nats; hidden entries are summed out, those with a set over the set.</summary>
    /// <param name="evidence">The samples.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit.</exception>
    public double[] LogLikelihood(Evidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var result = new double[evidence.Count * Classes];
        Use(evidence, (session, block) => session.Forward(evidence, Rows(block), result.AsSpan((block.Start.Value * Classes)..(block.End.Value * Classes))));
        return result;
    }

    /// <summary>Mean of the log-likelihoods, in nats.</summary>
    /// <param name="evidence">The samples, at least one.</param>
    public double AverageLogLikelihood(Evidence evidence) => LogLikelihood(evidence).Average();

    /// <summary>log p of some variables of every sample, in nats: all others are summed out.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="variables">Indices of the variables, from 0.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index names no variable.</exception>
    public double[] Marginal(Evidence evidence, params int[] variables)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        return LogLikelihood(evidence.Only(variables));
    }

    /// <summary>log p(query | given) of every sample, in nats.</summary>
    /// <remarks>Two upward passes: log p(query and given) - log p(given).</remarks>
    /// <param name="query">What is asked.</param>
    /// <param name="given">What is known: as many samples, or one that holds for all.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, the two contradict each other, or what is known has probability 0.</exception>
    public double[] Conditional(Evidence query, Evidence given)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(given);
        double[] joint = LogLikelihood(query.And(given)), condition = LogLikelihood(given);
        for (int i = 0; i < joint.Length; i++)
        {
            int from = given.Count == 1 ? i % Classes : i;
            if (double.IsNegativeInfinity(condition[from])) throw Impossible(from / Classes);
            joint[i] -= condition[from];
        }
        return joint;
    }

    /// <summary>Logarithm of the partition function, the sum over all values of all variables: 0 up to rounding for a normalised circuit.</summary>
    /// <returns>[class], in nats.</returns>
    public double[] LogPartition() => LogLikelihood(Evidence.Unknown(1, Variables));

    private static EvidenceException Impossible(int row) =>
        new($"Row {row}: the evidence has probability 0, so nothing follows from it. Hide the entries that contradict the model.", row);

    /// <summary>Classes of a query that speaks of one distribution: the shares that the evidence gives to the class roots.</summary>
    /// <returns>[row, class]; all 1 for one class.</returns>
    private double[] ClassShares(double[] logLikelihoods, ReadOnlySpan<double> prior, int firstRow)
    {
        var shares = new double[logLikelihoods.Length];
        var own = new double[Classes];
        for (int at = 0; at < shares.Length; at += Classes)
        {
            for (int c = 0; c < Classes; c++) own[c] = logLikelihoods[at + c] + (prior.IsEmpty ? 0 : Math.Log(prior[c]));
            double total = Plans.LogSum.Of(own);
            if (double.IsNegativeInfinity(total)) throw Impossible(firstRow + at / Classes);
            for (int c = 0; c < Classes; c++) shares[at + c] = Math.Exp(own[c] - total);
        }
        return shares;
    }
}
