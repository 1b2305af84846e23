namespace Spn.Core;

/// <content>Circuits with class roots as classifiers, and how probable their classes are beforehand.</content>
public sealed partial class Circuit
{
    private double[]? constantPrior;

    /// <summary>p(class), with which the classes are mixed by queries that speak of one distribution; null stands for equal ones. Saved with the circuit.</summary>
    /// <remarks>
    /// Where the description learns it (<see cref="RootSpec.ClassWeights"/>), it is what the parameters say and never null; setting it then
    /// sets the logits among the parameters to log p, in single precision.
    /// </remarks>
    /// <exception cref="ArgumentException">On setting, when it is no distribution over the classes.</exception>
    public IReadOnlyList<double>? ClassPrior
    {
        get => Plan.LearnedPrior(Parameters) ?? constantPrior;
        set
        {
            double[]? prior = value is null ? null : Plan.CheckPrior(value);
            if (Plan.ClassLogits is not { } logits)
            {
                constantPrior = prior;
                return;
            }
            float[] changed = Parameters.ToArray();
            for (int c = 0; c < logits.Count; c++) changed[logits.Offset + c] = prior is null ? 0 : Math.Max(NoWeight, (float)Math.Log(prior[c]));
            SetParameters(changed);
        }
    }

    /// <summary>p(class | evidence) of every sample.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="prior">p(class), or null for <see cref="ClassPrior"/>.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <returns>[sample, class] row by row; each row adds to 1.</returns>
    /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0 in every class.</exception>
    /// <exception cref="ArgumentException">The prior is no distribution over the classes.</exception>
    public double[] ClassPosterior(Evidence evidence, IReadOnlyList<double>? prior = null, CancellationToken cancellation = default) =>
        ClassShares(LogLikelihood(evidence, cancellation), prior is null ? null : Plan.CheckPrior(prior), 0);

    /// <summary>The most probable class of every sample; of equal ones the first.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="prior">p(class), or null for <see cref="ClassPrior"/>.</param>
    /// <param name="cancellation">Stops between blocks of samples.</param>
    /// <inheritdoc cref="ClassPosterior"/>
    /// <returns>[sample]</returns>
    public int[] MostProbableClass(Evidence evidence, IReadOnlyList<double>? prior = null, CancellationToken cancellation = default) =>
        [.. ClassPosterior(evidence, prior, cancellation).Chunk(Classes).Select(row => Array.IndexOf(row, row.Max()))];
}
