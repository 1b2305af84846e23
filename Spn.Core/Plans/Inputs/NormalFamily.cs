namespace Spn.Core.Plans;

/// <summary>See <see cref="NormalInput"/>; locations are means, scales are standard deviations.</summary>
/// <param name="components">Number of components.</param>
/// <param name="settings">What the components are made of.</param>
public sealed class NormalFamily(int components, LocationScaleSettings settings) : LocationScaleFamily(components, settings)
{
    /// <inheritdoc/>
    protected override double StandardVariance => 1;

    /// <inheritdoc/>
    protected override double LogStandard(double z) => StandardNormal.LogDensity(z);

    /// <inheritdoc/>
    protected override double Fall(double z) => z;

    /// <inheritdoc/>
    protected override double Pull(double z) => 1;

    /// <inheritdoc/>
    protected override double ExpectedPull(double low, double high) => 1;

    /// <inheritdoc/>
    protected override double LogBetween(double low, double high) => StandardNormal.LogBetween(low, high);

    /// <inheritdoc/>
    protected override (double Fall, double Stretch) ExpectedFall(double low, double high)
    {
        (double from, double distance, double variance) = StandardNormal.Moments(low, high);
        double mean = from + distance;
        return (mean, mean * mean + variance);
    }

    /// <inheritdoc/>
    protected override (double From, double Distance, double Variance) Moments(double low, double high) => StandardNormal.Moments(low, high);

    /// <inheritdoc/>
    protected override double StandardQuantile(double low, double high, double share) => StandardNormal.Quantile(low, high, share);

    /// <inheritdoc/>
    protected override double Spread(ReadOnlySpan<float> sorted)
    {
        double mean = 0, square = 0;
        foreach (float v in sorted) mean += v;
        mean /= sorted.Length;
        foreach (float v in sorted) square += (v - mean) * (v - mean);
        return Math.Sqrt(square / sorted.Length);
    }

    /// <inheritdoc/>
    protected override double? ExpectedLog(LocationScaleFamily under, double apart, double width) =>
        StandardNormal.LogDensity(apart) - 0.5 * width * width * VarianceOf(under);

    /// <inheritdoc/>
    protected override double MeanDistance(double apart, double width)
    {
        const double farOff = 40; // where the tail is below the range of numbers
        apart = Math.Abs(apart);
        double z = apart / width;
        return z > farOff ? apart : apart + 2 * width * (Math.Exp(StandardNormal.LogDensity(z)) - z * Math.Exp(StandardNormal.LogAbove(z)));
    }
}
