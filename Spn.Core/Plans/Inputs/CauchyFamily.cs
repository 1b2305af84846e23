namespace Spn.Core.Plans;

/// <summary>See <see cref="CauchyInput"/>.</summary>
/// <param name="components">Number of components.</param>
/// <param name="settings">What the components are made of.</param>
public sealed class CauchyFamily(int components, LocationScaleSettings settings) : LocationScaleFamily(components, settings)
{
    /// <inheritdoc/>
    public override string? NoMoments(ValueSet? within) => within switch
    {
        Tilt tilt => NoMoments(tilt.Within),
        Interval { Low: > double.NegativeInfinity, High: < double.PositiveInfinity } => null,
        _ => "a Cauchy density has neither mean nor variance unless its value is known to lie between two bounds",
    };

    /// <inheritdoc/>
    protected override double StandardVariance => double.PositiveInfinity;

    /// <inheritdoc/>
    protected override double LogStandard(double z) => StandardCauchy.LogDensity(z);

    /// <inheritdoc/>
    protected override double Fall(double z) => StandardCauchy.Fall(z);

    /// <inheritdoc/>
    protected override double Pull(double z) => 2 / (1 + z * z);

    /// <inheritdoc/>
    protected override double ExpectedPull(double low, double high) => 2 - StandardCauchy.ExpectedFall(low, high).Stretch;

    /// <inheritdoc/>
    protected override double LogBetween(double low, double high) => StandardCauchy.LogBetween(low, high);

    /// <inheritdoc/>
    protected override (double Fall, double Stretch) ExpectedFall(double low, double high) => StandardCauchy.ExpectedFall(low, high);

    /// <inheritdoc/>
    protected override (double From, double Distance, double Variance) Moments(double low, double high) => StandardCauchy.Moments(low, high);

    /// <inheritdoc/>
    protected override double StandardQuantile(double low, double high, double share) => StandardCauchy.Quantile(low, high, share);

    /// <inheritdoc/>
    /// <remarks>Half of the distance between the quartiles.</remarks>
    protected override double Spread(ReadOnlySpan<float> sorted) => 0.5 * (QuartileOf(sorted, 3) - QuartileOf(sorted, 1));

    /// <inheritdoc/>
    /// <remarks>Source: Chyzak and Nielsen 2019, A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions.</remarks>
    protected override double? ExpectedLog(LocationScaleFamily under, double apart, double width) =>
        under is CauchyFamily ? -Math.Log(Math.PI * ((1 + width) * (1 + width) + apart * apart)) : null;

    /// <inheritdoc/>
    protected override double MeanDistance(double apart, double width) => double.PositiveInfinity;

    /// <summary>A quartile, between the two values beside it.</summary>
    private static double QuartileOf(ReadOnlySpan<float> sorted, int quarter)
    {
        double place = 0.25 * quarter * (sorted.Length - 1);
        int below = (int)place;
        double low = sorted[below], high = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return low + (place - below) * (high - low);
    }
}
