namespace Spn.Core.Plans;

/// <summary>See <see cref="LaplaceInput"/>.</summary>
/// <param name="components">Number of components.</param>
/// <param name="settings">What the components are made of.</param>
public sealed class LaplaceFamily(int components, LocationScaleSettings settings) : LocationScaleFamily(components, settings)
{
    /// <inheritdoc/>
    protected override double StandardVariance => 2;

    /// <inheritdoc/>
    protected override double LogStandard(double z) => StandardLaplace.LogDensity(z);

    /// <inheritdoc/>
    protected override double Fall(double z) => Math.Sign(z);

    /// <inheritdoc/>
    protected override double Pull(double z) => StandardLaplace.Pull(z);

    /// <inheritdoc/>
    protected override double ExpectedPull(double low, double high) => StandardLaplace.ExpectedPull(low, high);

    /// <inheritdoc/>
    protected override double LogBetween(double low, double high) => StandardLaplace.LogBetween(low, high);

    /// <inheritdoc/>
    protected override (double Fall, double Stretch) ExpectedFall(double low, double high) => StandardLaplace.ExpectedFall(low, high);

    /// <inheritdoc/>
    protected override (double From, double Distance, double Variance) Moments(double low, double high) => StandardLaplace.Moments(low, high);

    /// <inheritdoc/>
    protected override double StandardQuantile(double low, double high, double share) => StandardLaplace.Quantile(low, high, share);

    /// <inheritdoc/>
    /// <remarks>The mean distance from the median, which is the scale of largest likelihood.</remarks>
    protected override double Spread(ReadOnlySpan<float> sorted)
    {
        double median = 0.5 * ((double)sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]), sum = 0;
        foreach (float v in sorted) sum += Math.Abs(v - median);
        return sum / sorted.Length;
    }

    /// <inheritdoc/>
    protected override double? ExpectedLog(LocationScaleFamily under, double apart, double width) =>
        -MeanDistanceOf(under, apart, width) - Math.Log(2);

    /// <inheritdoc/>
    protected override double MeanDistance(double apart, double width) => Math.Abs(apart) + width * Math.Exp(-Math.Abs(apart) / width);
}
