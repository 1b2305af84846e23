using System.Numerics;
using Spn.Core.Plans;

namespace Spn.Core;

/// <summary>How much samples of a model look like data: the density that a Parzen window around data points has at the samples.</summary>
/// <remarks>Source: Shih, Sadigh and Ermon 2021, section 5, as their released code computes it.</remarks>
public static class ParzenWindow
{
    /// <summary>The mean log-density of samples under windows around data points, batch by batch.</summary>
    /// <remarks>
    /// Each batch of points is a mixture of equal parts; a part's density at a sample is the normal density N(d; 0, deviation^2) of
    /// their Euclidean distance d. As many samples as the batch has points are looked at; the result is the mean over all of them.
    /// </remarks>
    /// <param name="samples">Samples of a model, as many as there are points; no value hidden.</param>
    /// <param name="points">Data points, usually the test samples; no value hidden.</param>
    /// <param name="deviation">Width of a window, above 0.</param>
    /// <param name="batch">Points a mixture, at least 1.</param>
    /// <returns>Nats; higher is better.</returns>
    /// <exception cref="ArgumentException">The numbers of samples or variables differ, there are none, or values are hidden.</exception>
    public static double Score(Evidence samples, Evidence points, double deviation = 3, int batch = 500)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(deviation);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        if (samples.Count != points.Count || samples.Variables != points.Variables || points.Count == 0)
            throw new ArgumentException($"There are {samples.Count} samples of {samples.Variables} variables and {points.Count} points of {points.Variables}; give as many samples as points, and at least one.", nameof(samples));
        if (samples.HasHidden || points.HasHidden || samples.HasSets || points.HasSets) throw new ArgumentException("A distance needs all values, but some are hidden.", nameof(samples));
        var logs = new double[points.Count];
        double scale = -1 / (2 * deviation * deviation), constant = -Math.Log(deviation * Math.Sqrt(2 * Math.PI));
        Parallel.For(0, points.Count, s =>
        {
            int first = s / batch * batch, end = Math.Min(first + batch, points.Count);
            var terms = new double[end - first];
            for (int p = first; p < end; p++) terms[p - first] = scale * SquaredDistance(samples.Row(s), points.Row(p)) + constant;
            logs[s] = LogSum.Of(terms) - Math.Log(terms.Length);
        });
        return logs.Average();
    }

    private static double SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector<float> total = default;
        int i = 0;
        for (; i + Vector<float>.Count <= a.Length; i += Vector<float>.Count)
        {
            Vector<float> d = new Vector<float>(a[i..]) - new Vector<float>(b[i..]);
            total += d * d;
        }
        double sum = Vector.Sum(total);
        for (; i < a.Length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return sum;
    }
}
