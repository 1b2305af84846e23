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
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(hidden);
        foreach (Evidence other in (Evidence[])[truth, hidden])
            if (other.Count != Count || other.Variables != Variables)
                throw new EvidenceException($"{Count} samples of {Variables} variables cannot be compared with {other.Count} samples of {other.Variables}.");
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
}
