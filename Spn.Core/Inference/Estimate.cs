namespace Spn.Core.Inference;

/// <summary>A number that was estimated from random samples.</summary>
/// <param name="Value">The mean over the samples.</param>
/// <param name="StandardError">Standard deviation of that mean; 0 where the mean is infinite.</param>
/// <param name="Samples">Number of samples.</param>
public readonly record struct Estimate(double Value, double StandardError, int Samples)
{
    /// <summary>The estimate from the samples' values, at least two.</summary>
    internal static Estimate Of(ReadOnlySpan<double> values)
    {
        double mean = 0, square = 0;
        foreach (double v in values) mean += v;
        mean /= values.Length;
        // A value that is infinite makes the mean so for certain.
        if (double.IsInfinity(mean)) return new Estimate(mean, 0, values.Length);
        foreach (double v in values) square += (v - mean) * (v - mean);
        return new Estimate(mean, Math.Sqrt(square / (values.Length - 1.0) / values.Length), values.Length);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Value:G6} +- {StandardError:G2} ({Samples} samples)");
}
