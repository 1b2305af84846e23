namespace Spn.Core;

/// <content>Hiding entries to see how well they are filled in again.</content>
public sealed partial class Evidence
{
    /// <summary>The same samples with further entries hidden at random, each by itself.</summary>
    /// <param name="share">Probability that an entry is hidden, 0 to 1.</param>
    /// <param name="seed">The same seed hides the same entries of batches of one size.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share does not lie between 0 and 1.</exception>
    public Evidence HideAtRandom(double share, long seed = 1)
    {
        if (!(share is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "The share lies between 0 and 1.");
        var draws = new RandomStream(seed, "hidden entries");
        return Hide((s, v) => draws.DoubleAt((ulong)((long)s * Variables + v)) < share);
    }

    /// <summary>Share of the entries that another batch hides in which this batch has the true value.</summary>
    /// <param name="truth">The same samples as they are.</param>
    /// <param name="hidden">The same samples with entries hidden; only those count.</param>
    /// <returns>0 to 1; NaN when nothing is hidden. An entry that is hidden in this batch or in the truth counts as wrong.</returns>
    /// <exception cref="EvidenceException">The batches differ in size.</exception>
    public double ShareRight(Evidence truth, Evidence hidden)
    {
        RefuseOtherSizes(truth, hidden);
        long right = 0, all = 0;
        for (int s = 0; s < Count; s++)
            for (int v = 0; v < Variables; v++)
            {
                if (!hidden.IsHidden(s, v)) continue;
                all++;
                if (!IsHidden(s, v) && !truth.IsHidden(s, v) && Row(s)[v] == truth.Row(s)[v]) right++;
            }
        return (double)right / all;
    }

    /// <summary>Mean squared error over the entries that another batch hides: the mean over samples of the mean over a sample's hidden entries.</summary>
    /// <remarks>Source: van de Wolfshaar and Pronobis 2020, section 5, on values from 0 to 255.</remarks>
    /// <param name="truth">The same samples as they are.</param>
    /// <param name="hidden">The same samples with entries hidden; only those count, and samples without any do not.</param>
    /// <param name="highest">The value that counts as 255, for example 16 for grey values from 0 to 16.</param>
    /// <returns>At least 0; NaN when nothing is hidden.</returns>
    /// <exception cref="EvidenceException">The batches differ in size, or an entry that counts is hidden in this batch or in the truth.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The highest value is not above 0.</exception>
    public double MeanSquaredError(Evidence truth, Evidence hidden, double highest = 255)
    {
        RefuseOtherSizes(truth, hidden);
        if (!(highest > 0) || double.IsInfinity(highest)) throw new ArgumentOutOfRangeException(nameof(highest), highest, "The highest value must be above 0.");
        double total = 0;
        int samples = 0;
        for (int s = 0; s < Count; s++)
        {
            double sum = 0;
            int entries = 0;
            for (int v = 0; v < Variables; v++)
            {
                if (!hidden.IsHidden(s, v)) continue;
                if (IsHidden(s, v) || truth.IsHidden(s, v))
                    throw new EvidenceException($"Row {s}, variable {v}: the value is hidden in {(IsHidden(s, v) ? "the completed batch" : "the truth")}, so it has no error.", s, v);
                double error = (Row(s)[v] - (double)truth.Row(s)[v]) * (255 / highest);
                sum += error * error;
                entries++;
            }
            if (entries == 0) continue;
            total += sum / entries;
            samples++;
        }
        return total / samples;
    }

    private void RefuseOtherSizes(params Evidence[] others)
    {
        foreach (Evidence other in others)
        {
            ArgumentNullException.ThrowIfNull(other);
            if (other.Count != Count || other.Variables != Variables)
                throw new EvidenceException($"{Count} samples of {Variables} variables cannot be compared with {other.Count} samples of {other.Variables}.");
        }
    }
}
