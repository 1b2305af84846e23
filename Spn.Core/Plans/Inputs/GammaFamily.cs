namespace Spn.Core.Plans;

/// <summary>
/// See <see cref="GammaInput"/> and <see cref="ExponentialInput"/>. Parameters: [component] logarithms of means, then, unless the shape
/// is given, [component] logarithms of shapes.
/// </summary>
/// <remarks>Mean and shape tell nothing of each other: steps along one do not undo those along the other, as they do with shape and rate.</remarks>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
/// <param name="shape">The shape, above 0, or null when it is a parameter.</param>
public sealed class GammaFamily(int components, Init init, double? shape) : DensityFamily(components, init, shape is null ? [logMeans, logShapes] : [logMeans])
{
    private static readonly ParameterRange logMeans = new(-60, 60), logShapes = new(Math.Log(0.05), Math.Log(1e5));

    /// <inheritdoc/>
    /// <remarks>Only the exponential density has a finite value other than 0 at 0.</remarks>
    public override ValueDomain Domain => shape == 1 ? ValueDomain.NotNegative : ValueDomain.Positive;

    /// <inheritdoc/>
    protected override int Sufficient => shape is null ? 2 : 1;

    private (double Shape, double Mean) Of(int component, ReadOnlySpan<double> parameters) =>
        (shape ?? Math.Exp(Read(1, component, parameters)), Math.Exp(Read(0, component, parameters)));

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double a, double m) = Of(component, parameters);
        return a == 1 ? -x / m - Math.Log(m) : SpecialFunctions.LogGammaTerm(a, x * a / m) - Math.Log(x);
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes)
    {
        (double a, double m) = Of(component, parameters);
        slopes[0] = a * (x / m - 1);
        if (shape is null) slopes[1] = a * (Math.Log(a * x / m) + 1 - x / m - SpecialFunctions.Digamma(a));
    }

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double a, double m) = Of(component, parameters);
        return SpecialFunctions.LogGammaTails(a, x * a / m);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        (double a, double m) = Of(component, parameters);
        return (m, m * m / a);
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters)
    {
        (double a, double m) = Of(component, parameters);
        return a <= 1 ? 0 : m * (a - 1) / a;
    }

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to)
    {
        to[0] = x;
        if (shape is null) to[1] = Math.Log(x);
    }

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to)
    {
        (double a, double m) = Of(component, parameters);
        to[0] = m;
        if (shape is null) to[1] = SpecialFunctions.Digamma(a) + Math.Log(m / a);
    }

    /// <inheritdoc/>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters)
    {
        Write(0, component, Math.Log(means[0]), parameters);
        if (shape is null) Write(1, component, LogShape(Math.Log(means[0]) - means[1], logShapes), parameters);
    }

    /// <summary>Logarithm of the shape of largest likelihood: where log a - digamma(a) is a number.</summary>
    /// <param name="excess">Logarithm of the mean less the mean of the logarithms; above 0.</param>
    /// <param name="range">Where to look.</param>
    internal static double LogShape(double excess, ParameterRange range)
    {
        if (!(excess > 0)) return range.Most;
        // Source of the start: Minka 2002, Estimating a Gamma distribution. Newton's steps on the logarithm of the shape.
        double log = Math.Log((3 - excess + Math.Sqrt((excess - 3) * (excess - 3) + 24 * excess)) / (12 * excess));
        for (int i = 0; i < 30; i++)
        {
            double a = Math.Exp(Math.Clamp(log, range.Least - 1, range.Most + 1));
            double move = (log - SpecialFunctions.Digamma(a) - excess) / (1 - a * SpecialFunctions.Trigamma(a));
            log -= Math.Clamp(move, -1, 1);
            if (Math.Abs(move) < 1e-13 || log < range.Least || log > range.Most) break;
        }
        return Math.Clamp(log, range.Least, range.Most);
    }

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        Write(0, component, Math.Log(mean), parameters);
        if (shape is null) Write(1, component, variance > 0 ? Math.Log(mean * mean / variance) : 0, parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random)
    {
        double mean = Math.Exp(0.5 * random.NextNormal());
        return (mean, 0.5 * mean * mean);
    }
}
