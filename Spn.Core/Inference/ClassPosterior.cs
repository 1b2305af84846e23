namespace Spn.Core;

/// <content>Circuits with class roots as classifiers.</content>
public sealed partial class Circuit
{
    /// <summary>p(class | evidence) of every sample.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="prior">p(class), or null for equal ones.</param>
    /// <returns>[sample, class] row by row; each row adds to 1.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0 in every class.</exception>
    /// <exception cref="ArgumentException">The prior is no distribution over the classes.</exception>
    public double[] ClassPosterior(Evidence evidence, IReadOnlyList<double>? prior = null)
    {
        if (prior is not null && (prior.Count != Classes || prior.Any(p => !(p >= 0)) || Math.Abs(prior.Sum() - 1) > 1e-6))
            throw new ArgumentException($"The prior must hold {Classes} numbers of at least 0 that add to 1; it is {string.Join(", ", prior)}.", nameof(prior));
        return ClassShares(LogLikelihood(evidence), prior is null ? [] : [.. prior], 0);
    }

    /// <summary>The most probable class of every sample; of equal ones the first.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="prior">p(class), or null for equal ones.</param>
    /// <inheritdoc cref="ClassPosterior"/>
    /// <returns>[sample]</returns>
    public int[] MostProbableClass(Evidence evidence, IReadOnlyList<double>? prior = null) =>
        [.. ClassPosterior(evidence, prior).Chunk(Classes).Select(row => Array.IndexOf(row, row.Max()))];
}
