namespace Spn.Core.Plans;

/// <summary>
/// See <see cref="NormalInput"/>. Parameters: [component] means if learned, then [component] log standard deviations if learned,
/// both in units of the scale and counted from the location.
/// </summary>
/// <param name="components">Number of components.</param>
/// <param name="fixedMeans">Means that are not learned, or null.</param>
/// <param name="fixedVariances">Variances that are not learned, or null.</param>
/// <param name="location">Origin of learned means.</param>
/// <param name="scale">Unit of learned means and standard deviations.</param>
/// <param name="leastDeviation">Learned standard deviations are at least this share of the scale.</param>
public sealed class NormalFamily(
    int components, IReadOnlyList<double>? fixedMeans, IReadOnlyList<double>? fixedVariances, double location = 0, double scale = 1, double leastDeviation = 1e-3)
    : InputFamily(components)
{
    private readonly double logScale = Math.Log(scale);
    private readonly double logLeast = Math.Log(leastDeviation);

    /// <summary>Far above any use, and far below where squares leave the range.</summary>
    private const double MostLogDeviation = 300;

    private int DeviationOffset => fixedMeans is null ? Components : 0;

    /// <inheritdoc/>
    public override int ParameterCount => (fixedMeans is null ? Components : 0) + (fixedVariances is null ? Components : 0);

    /// <inheritdoc/>
    public override int? States => null;

    /// <summary>Mean of a component.</summary>
    public double Mean(int component, ReadOnlySpan<double> parameters) => fixedMeans?[component] ?? location + scale * parameters[component];

    /// <summary>Logarithm of a component's standard deviation.</summary>
    public double LogDeviation(int component, ReadOnlySpan<double> parameters) =>
        fixedVariances is null ? logScale + Math.Clamp(parameters[DeviationOffset + component], logLeast, MostLogDeviation) : 0.5 * Math.Log(fixedVariances[component]);

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        double logDeviation = LogDeviation(component, parameters);
        return StandardNormal.LogDensity((value - Mean(component, parameters)) * Math.Exp(-logDeviation)) - logDeviation;
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        double precision = Math.Exp(-LogDeviation(component, parameters));
        double z = (value - Mean(component, parameters)) * precision;
        if (fixedMeans is null) gradient[component] += flow * z * precision * scale;
        if (fixedVariances is null) gradient[DeviationOffset + component] += Rising(component, parameters, flow * (z * z - 1));
    }

    /// <inheritdoc/>
    public override double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Bounds(component, within, parameters);
        return StandardNormal.LogBetween(low, high);
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        (double low, double high) = Bounds(component, within, parameters);
        // Moving the density is moving the bounds: d log P / d mean = -E[d log density / dz], and likewise for the deviation.
        (double from, double distance, double variance) = StandardNormal.Moments(low, high);
        double mean = from + distance;
        if (fixedMeans is null) gradient[component] += flow * mean * Math.Exp(-LogDeviation(component, parameters)) * scale;
        if (fixedVariances is null) gradient[DeviationOffset + component] += Rising(component, parameters, flow * (mean * mean + variance - 1));
    }

    /// <inheritdoc/>
    public override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters) => Inside(Mean(component, parameters), within);

    /// <inheritdoc/>
    public override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Bounds(component, within, parameters);
        return Inside(Mean(component, parameters) + Math.Exp(LogDeviation(component, parameters)) * StandardNormal.Quantile(low, high, share), within);
    }

    /// <inheritdoc/>
    public override void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to)
    {
        (double low, double high) = Bounds(component, within, parameters);
        (double from, double distance, double variance) = StandardNormal.Moments(low, high);
        double deviation = Math.Exp(LogDeviation(component, parameters));
        double origin = from == 0 || within is not Interval set ? Mean(component, parameters) : from == low ? set.Low : set.High;
        to[0] = origin - centre + deviation * distance;
        to[1] = to[0] * to[0] + deviation * deviation * variance;
    }

    /// <inheritdoc/>
    public override (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters)
    {
        if (other is not NormalFamily normal) return null;
        double logDeviation = normal.LogDeviation(otherComponent, otherParameters), precision = Math.Exp(-logDeviation);
        double apart = (Mean(component, parameters) - normal.Mean(otherComponent, otherParameters)) * precision;
        double width = Math.Exp(LogDeviation(component, parameters)) * precision;
        return (1, StandardNormal.LogDensity(apart) - 0.5 * width * width - logDeviation);
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        if (fixedMeans is null)
            for (int k = 0; k < Components; k++) parameters[k] = (float)random.NextNormal();
        if (fixedVariances is null) parameters[DeviationOffset..].Clear();
    }

    /// <inheritdoc/>
    public override void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters)
    {
        double mean = 0, square = 0;
        foreach (float v in values) mean += v;
        mean /= values.Length;
        foreach (float v in values) square += (v - mean) * (v - mean);
        double deviation = Math.Max(Math.Sqrt(square / values.Length) / scale, leastDeviation);
        if (fixedMeans is null)
            for (int k = 0; k < Components; k++) parameters[k] = (float)((values[random.NextInt(values.Length)] - location) / scale);
        if (fixedVariances is null) parameters[DeviationOffset..].Fill((float)Math.Log(deviation));
    }

    /// <summary>The nearest number that lies in the set, rounded towards its inside.</summary>
    private static float Inside(double value, ValueSet? within)
    {
        if (within is not Interval set) return (float)value;
        float nearest = (float)Math.Clamp(value, set.Low, set.High);
        if (nearest < set.Low) return MathF.BitIncrement(nearest);
        return nearest > set.High ? MathF.BitDecrement(nearest) : nearest;
    }

    /// <summary>A derivative by a log deviation; where that stands at its bound, only what leads back inside counts.</summary>
    private double Rising(int component, ReadOnlySpan<double> parameters, double slope)
    {
        double own = parameters[DeviationOffset + component];
        return own < logLeast ? Math.Max(slope, 0) : own > MostLogDeviation ? Math.Min(slope, 0) : slope;
    }

    /// <summary>A set's bounds in standard deviations from the mean.</summary>
    private (double Low, double High) Bounds(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        if (within is not Interval set) return (double.NegativeInfinity, double.PositiveInfinity);
        double mean = Mean(component, parameters), precision = Math.Exp(-LogDeviation(component, parameters));
        return ((set.Low - mean) * precision, (set.High - mean) * precision);
    }
}
