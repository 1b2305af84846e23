namespace Spn.Core;

/// <content>Log-likelihoods: of evidence, of some variables, of some given others.</content>
public sealed partial class Circuit
{
    /// <summary>log p(evidence) of every sample, in nats; hidden entries are summed out, those with a set over the set.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit.</exception>
    public double[] LogLikelihood(Evidence evidence, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var result = new double[evidence.Count * Classes];
        Use(evidence, (session, block) => session.Forward(evidence, Rows(block), result.AsSpan((block.Start.Value * Classes)..(block.End.Value * Classes))),
            cancellation: cancellation);
        return result;
    }

    /// <summary>Mean of the log-likelihoods, in nats; over classes too where there are several.</summary>
    /// <param name="evidence">The samples, at least one.</param>
    /// <exception cref="ArgumentException">There is no sample.</exception>
    public double AverageLogLikelihood(Evidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        if (evidence.Count == 0) throw new ArgumentException("An average needs at least one sample.", nameof(evidence));
        return LogLikelihood(evidence).Average();
    }

    /// <summary>log p(evidence) of every sample with the classes mixed by their prior; of one class, the log-likelihood itself.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample]</returns>
    /// <exception cref="EvidenceException">The evidence does not fit.</exception>
    public double[] JointLogLikelihood(Evidence evidence, CancellationToken cancellation = default)
    {
        double[] each = LogLikelihood(evidence, cancellation), prior = LogPrior(null);
        return Classes == 1 ? each : [.. each.Chunk(Classes).Select(own => Plans.LogSum.Of([.. own.Zip(prior, (l, p) => l + p)]))];
    }

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
    /// <param name="query">What is asked: some samples, or one that is asked of each given one.</param>
    /// <param name="given">What is known: as many samples, or one that holds for all.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row, minus infinity for a class in which what is known is impossible.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, the two contradict each other, or what is known has probability 0 in every class.</exception>
    public double[] Conditional(Evidence query, Evidence given, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(given);
        Evidence both = query.Count == 1 && given.Count != 1 ? given.And(query) : query.And(given);
        double[] joint = LogLikelihood(both, cancellation), condition = LogLikelihood(given, cancellation);
        for (int row = 0; row < given.Count; row++)
            if (condition.AsSpan(row * Classes, Classes).IndexOfAnyExcept(double.NegativeInfinity) < 0) throw Impossible(row);
        for (int i = 0; i < joint.Length; i++)
        {
            double known = condition[given.Count == 1 ? i % Classes : i];
            joint[i] = double.IsNegativeInfinity(known) ? known : joint[i] - known;
        }
        return joint;
    }

    /// <summary>
    /// Logarithm of the partition function Z, the sum over all values of all variables: 0 up to rounding for a normalised circuit, and
    /// for one with raw weights log Z, by which its log-likelihoods are log f - log Z.
    /// </summary>
    /// <returns>[class], in nats.</returns>
    public double[] LogPartition()
    {
        double[] normalised = LogLikelihood(Evidence.Unknown(1, Variables));
        return [.. normalised.Zip(RawLogPartition(), (log, raw) => log + raw)];
    }

    /// <summary>Logarithm of the partition function of raw weights, [class]; 0 where weights add to 1.</summary>
    private double[] RawLogPartition() =>
        Plan.Unnormalised?.LogPartition(Plan.Blocks, [.. Snapshot().Parameters.Select(p => (double)p)]) ?? new double[Classes];

    private static EvidenceException Impossible(int row) =>
        new($"Row {row}: the evidence has probability 0, so nothing follows from it. Hide the entries that contradict the model.", row);

    /// <summary>The shares that the evidence gives to the class roots, for queries that speak of one distribution.</summary>
    /// <returns>[row, class]; all 1 for one class.</returns>
    private double[] ClassShares(double[] logLikelihoods, IReadOnlyList<double>? prior, int firstRow)
    {
        double[] shares = new double[logLikelihoods.Length], own = new double[Classes], logPrior = LogPrior(prior);
        for (int at = 0; at < shares.Length; at += Classes)
        {
            for (int c = 0; c < Classes; c++) own[c] = logLikelihoods[at + c] + logPrior[c];
            double total = Plans.LogSum.Of(own);
            if (double.IsNegativeInfinity(total)) throw Impossible(firstRow + at / Classes);
            for (int c = 0; c < Classes; c++) shares[at + c] = Math.Exp(own[c] - total);
        }
        return shares;
    }

    /// <summary>p(class).</summary>
    internal double[] Prior() => ClassPrior is { } own ? [.. own] : [.. Enumerable.Repeat(1.0 / Classes, Classes)];

    /// <summary>Logarithms of a prior over the classes: the given one, else the circuit's.</summary>
    private double[] LogPrior(IReadOnlyList<double>? prior) =>
        (prior ?? ClassPrior) is { } own ? [.. own.Select(p => Math.Log(p))] : [.. Enumerable.Repeat(-Math.Log(Classes), Classes)];
}
