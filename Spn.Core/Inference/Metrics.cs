namespace Spn.Core;

/// <summary>What a score that tells outliers does at one threshold.</summary>
/// <param name="Threshold">The least score that counts as normal is above it.</param>
/// <param name="Kept">Share of the normal samples that score above the threshold.</param>
/// <param name="Rejected">Share of the outliers that score below it.</param>
public readonly record struct OutlierPoint(double Threshold, double Kept, double Rejected);

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

    /// <summary>What a score keeps and rejects at thresholds at even distances from the least score of all to the greatest.</summary>
    /// <remarks>The lowest threshold comes first. Source: Gepperth 2022 (DCGMM), figure 10.</remarks>
    /// <param name="normal">Scores of normal samples, at least one; higher means more normal.</param>
    /// <param name="outliers">Scores of outliers, at least one.</param>
    /// <param name="steps">Number of thresholds, at least 2.</param>
    /// <exception cref="ArgumentException">There are no scores, one is not finite, or there are too few steps.</exception>
    public static IReadOnlyList<OutlierPoint> OutlierCurve(ReadOnlySpan<double> normal, ReadOnlySpan<double> outliers, int steps = 100)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        double[] inside = Ascending(normal, nameof(normal)), outside = Ascending(outliers, nameof(outliers));
        double least = Math.Min(inside[0], outside[0]), most = Math.Max(inside[^1], outside[^1]);
        var curve = new OutlierPoint[steps];
        for (int i = 0; i < steps; i++)
        {
            double share = (double)i / (steps - 1), threshold = least * (1 - share) + most * share;
            curve[i] = new OutlierPoint(
                threshold,
                1 - (double)First(inside, threshold, equal: true) / inside.Length,
                (double)First(outside, threshold, equal: false) / outside.Length);
        }
        return curve;

        static double[] Ascending(ReadOnlySpan<double> scores, string name)
        {
            if (scores.IsEmpty) throw new ArgumentException("There are no scores; give at least one.", name);
            double[] sorted = scores.ToArray();
            Array.Sort(sorted);
            // NaN sorts first.
            return double.IsFinite(sorted[0]) && double.IsFinite(sorted[^1])
                ? sorted
                : throw new ArgumentException("A score is not finite: thresholds at even distances need finite ones.", name);
        }
    }

    /// <summary>The area under <see cref="OutlierCurve"/> by trapezoids: an approximation to <see cref="AreaUnderCurve"/> that some published numbers are.</summary>
    /// <remarks>It is far off where one score lies far away from all others, so that few thresholds fall among these.</remarks>
    /// <inheritdoc cref="OutlierCurve"/>
    public static double AreaUnderSteps(ReadOnlySpan<double> normal, ReadOnlySpan<double> outliers, int steps = 100)
    {
        IReadOnlyList<OutlierPoint> curve = OutlierCurve(normal, outliers, steps);
        return curve.Zip(curve.Skip(1), (a, b) => (a.Kept - b.Kept) * (a.Rejected + b.Rejected) / 2).Sum();
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
