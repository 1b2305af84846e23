namespace Spn.Core.Plans;

/// <summary>
/// See <see cref="NegativeBinomialInput"/> and <see cref="GeometricInput"/>. Parameters: [component] logarithms of means, then, unless
/// the number of successes is given, [component] logarithms of those.
/// </summary>
/// <remarks>
/// The learned number of successes has no sufficient statistics of its own. But a negative binomial count is a Poisson one whose rate
/// is drawn from a gamma distribution, with successes as shape and the same mean; with the rate as what is hidden, expectation
/// maximisation gathers the expected rate and its logarithm, and fits a gamma distribution to them.
/// </remarks>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
/// <param name="successes">The number of successes awaited, above 0 and perhaps no integer, or null when it is a parameter.</param>
public sealed class NegativeBinomialFamily(int components, Init init, double? successes)
    : CountFamily(components, init, successes is null ? [logMeans, logSuccesses] : [logMeans])
{
    private static readonly ParameterRange logMeans = new(-20, 20), logSuccesses = new(Math.Log(1e-2), Math.Log(1e5));

    /// <inheritdoc/>
    public override ValueDomain Domain => ValueDomain.Counts;

    /// <inheritdoc/>
    protected override int Sufficient => successes is null ? 2 : 1;

    private (double Successes, double Mean) Of(int component, ReadOnlySpan<double> parameters) =>
        (successes ?? Math.Exp(Read(1, component, parameters)), Math.Exp(Read(0, component, parameters)));

    internal override bool HasLines => successes is not null;

    internal override double Common(int x) =>
        SpecialFunctions.LogGamma(x + successes!.Value) - SpecialFunctions.LogGamma(successes.Value) - SpecialFunctions.LogGamma(x + 1.0);

    internal override (double Slope, double Offset)? Line(int component, ReadOnlySpan<double> parameters)
    {
        (double r, double m) = Of(component, parameters);
        return IsInside(0, component, parameters) ? (-Precise.LogOnePlus(r / m), -r * Precise.LogOnePlus(m / r)) : null;
    }

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double r, double m) = Of(component, parameters);
        return x == 0 ? -r * Precise.LogOnePlus(m / r) : SpecialFunctions.LogBetaTerm(r, x, r / (r + m), m / (r + m)) - Math.Log(x);
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes)
    {
        (double r, double m) = Of(component, parameters);
        slopes[0] = r * (x - m) / (r + m);
        if (successes is null) slopes[1] = r * (SpecialFunctions.Digamma(x + r) - SpecialFunctions.Digamma(r) - Precise.LogOnePlus(m / r) + (m - x) / (r + m));
    }

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double r, double m) = Of(component, parameters);
        return SpecialFunctions.LogBetaTails(r, x + 1, r / (r + m), m / (r + m));
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        (double r, double m) = Of(component, parameters);
        return (m, m + m * m / r);
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters)
    {
        (double r, double m) = Of(component, parameters);
        return r <= 1 ? 0 : Math.Floor(m * (r - 1) / r);
    }

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to)
    {
        to[0] = x;
        if (successes is not null) return;
        // Given the count, the rate follows a gamma distribution of shape r + x and rate 1 + r / m.
        (double r, double m) = Of(component, parameters);
        to[0] = (r + x) * m / (r + m);
        to[1] = SpecialFunctions.Digamma(r + x) + Math.Log(m / (r + m));
    }

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to)
    {
        (double r, double m) = Of(component, parameters);
        to[0] = m;
        if (successes is null) to[1] = SpecialFunctions.Digamma(r) + Math.Log(m / r);
    }

    /// <inheritdoc/>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters)
    {
        Write(0, component, Math.Log(means[0]), parameters);
        if (successes is null) Write(1, component, GammaFamily.LogShape(Math.Log(means[0]) - means[1], logSuccesses), parameters);
    }

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        const double mostAtFirst = 100; // A count that scatters no more than a Poisson one tells nothing of the successes.
        Write(0, component, Math.Log(mean), parameters);
        if (successes is null) Write(1, component, Math.Log(variance > mean ? Math.Min(mean * mean / (variance - mean), mostAtFirst) : mostAtFirst), parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random)
    {
        double mean = Math.Exp(1 + random.NextNormal());
        return (mean, mean + mean * mean);
    }
}
