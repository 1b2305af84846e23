namespace Spn.Core.Plans;

/// <summary>See <see cref="LogNormalInput"/>. Parameters: [component] means of log x, then [component] logarithms of its deviations.</summary>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
public sealed class LogNormalFamily(int components, Init init) : DensityFamily(components, init, new(-60, 60), new(Math.Log(1e-3), Math.Log(10)))
{
    /// <inheritdoc/>
    public override ValueDomain Domain => ValueDomain.Positive;

    /// <inheritdoc/>
    protected override int Sufficient => 2;

    private (double Mean, double LogDeviation) Of(int component, ReadOnlySpan<double> parameters) => (Read(0, component, parameters), Read(1, component, parameters));

    private double Standard(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double mean, double deviation) = Of(component, parameters);
        return (Math.Log(x) - mean) * Math.Exp(-deviation);
    }

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters) =>
        StandardNormal.LogDensity(Standard(component, x, parameters)) - Read(1, component, parameters) - Math.Log(x);

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes)
    {
        double z = Standard(component, x, parameters);
        slopes[0] = z * Math.Exp(-Read(1, component, parameters));
        slopes[1] = z * z - 1;
    }

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        double z = Standard(component, x, parameters);
        return (StandardNormal.LogAbove(-z), StandardNormal.LogAbove(z));
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        (double mean, double deviation) = Of(component, parameters);
        double variance = Math.Exp(2 * deviation), own = Math.Exp(mean + 0.5 * variance);
        return (own, Precise.ExpMinusOne(variance) * own * own);
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters)
    {
        (double mean, double deviation) = Of(component, parameters);
        return Math.Exp(mean - Math.Exp(2 * deviation));
    }

    /// <inheritdoc/>
    protected override double LinePeak(int component, ReadOnlySpan<double> parameters) => Read(0, component, parameters);

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to)
    {
        double log = Math.Log(x);
        (to[0], to[1]) = (log, log * log);
    }

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to)
    {
        (double mean, double deviation) = Of(component, parameters);
        (to[0], to[1]) = (mean, mean * mean + Math.Exp(2 * deviation));
    }

    /// <inheritdoc/>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters)
    {
        Write(0, component, means[0], parameters);
        Write(1, component, 0.5 * Math.Log(Math.Max(means[1] - means[0] * means[0], 0)), parameters);
    }

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        double square = variance > 0 ? Precise.LogOnePlus(variance / (mean * mean)) : 1;
        Write(0, component, Math.Log(mean) - 0.5 * square, parameters);
        Write(1, component, 0.5 * Math.Log(square), parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random)
    {
        double mean = Math.Exp(random.NextNormal());
        return (mean, mean * mean);
    }
}
