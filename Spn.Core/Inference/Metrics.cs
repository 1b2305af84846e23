namespace Spn.Core;

/// <summary>Numbers that say how good a model is.</summary>
public static class Metrics
{
    /// <summary>A log-likelihood as bits per dimension, lower is better: -log-likelihood / (dimensions * ln 2) - log2(bin width).</summary>
    /// <remarks>
    /// Log-densities of de-quantised values (<see cref="Evidence.Dequantise"/>) become a bound of what the values themselves take, so that they compare
    /// with log-probabilities of discrete values.
    /// </remarks>
    /// <param name="logLikelihood">Mean log-likelihood of a sample, in nats.</param>
    /// <param name="dimensions">Number of variables, at least 1.</param>
    /// <param name="binWidth">How far apart neighbouring values of a variable are in the unit of the density, above 0; 1 for integers, and for log-probabilities.</param>
    public static double BitsPerDimension(double logLikelihood, int dimensions, double binWidth = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        if (!(binWidth > 0) || double.IsInfinity(binWidth)) throw new ArgumentOutOfRangeException(nameof(binWidth), binWidth, "The bin width is a finite number above 0.");
        return -logLikelihood / (dimensions * Math.Log(2)) - Math.Log2(binWidth);
    }

    /// <summary>The area under the ROC curve of a score that is to tell normal samples from outliers: how often a normal one scores higher, ties by half.</summary>
    /// <remarks>Exact, by ranks. 1 tells them apart without fault, 0.5 not at all, 0 always the wrong way round.</remarks>
    /// <param name="normal">Scores of normal samples, such as log-likelihoods, at least one; higher means more normal.</param>
    /// <param name="outliers">Scores of outliers, at least one.</param>
    /// <exception cref="ArgumentException">There are none, or one is NaN.</exception>
    public static double AreaUnderCurve(ReadOnlySpan<double> normal, ReadOnlySpan<double> outliers)
    {
        if (normal.IsEmpty || outliers.IsEmpty) throw new ArgumentException($"There are {normal.Length} scores of normal samples and {outliers.Length} of outliers; give at least one of each.", nameof(normal));
        double[] sorted = outliers.ToArray();
        Array.Sort(sorted);
        // NaN sorts first.
        if (double.IsNaN(sorted[0])) throw new ArgumentException("The score of an outlier is NaN.", nameof(outliers));
        double below = 0;
        foreach (double score in normal)
        {
            if (double.IsNaN(score)) throw new ArgumentException("The score of a normal sample is NaN.", nameof(normal));
            below += 0.5 * (First(sorted, score, equal: false) + First(sorted, score, equal: true));
        }
        return below / normal.Length / sorted.Length;
    }

    /// <summary>How many scores are below one, or with equal ones at most that one.</summary>
    private static int First(double[] sorted, double score, bool equal)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (sorted[middle] < score || (equal && sorted[middle] == score)) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
