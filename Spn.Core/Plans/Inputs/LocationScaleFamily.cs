using System.Buffers;

namespace Spn.Core.Plans;

/// <summary>What the components of a location-scale family are made of.</summary>
public sealed record LocationScaleSettings
{
    /// <summary>Given locations, [component], or null when they are parameters.</summary>
    public IReadOnlyList<double>? FixedLocations { get; init; }

    /// <summary>Given scales, [component], each above 0, or null when they are parameters.</summary>
    public IReadOnlyList<double>? FixedScales { get; init; }

    /// <summary>Origin of location parameters.</summary>
    public double Location { get; init; }

    /// <summary>Unit of location and scale parameters.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Scales that are parameters are at least this share of the unit.</summary>
    public double LeastScale { get; init; } = 1e-3;

    /// <summary>Scales that are parameters are at most this multiple of the unit; null for no bound.</summary>
    public double? MostScale { get; init; }

    /// <summary>How parameters start.</summary>
    public Init Init { get; init; } = Init.Random;

    /// <summary>Whether learners change the locations.</summary>
    public bool TrainableLocations { get; init; } = true;

    /// <summary>Whether learners change the scales.</summary>
    public bool TrainableScales { get; init; } = true;
}

/// <summary>
/// Densities of one shape at K places; see <see cref="LocationScaleInput"/>. Parameters: [component] locations unless given, then
/// [component] logarithms of scales unless given, both in the unit of the settings and locations counted from its origin.
/// </summary>
/// <remarks>A new family gives the shape: the standard density, of location 0 and scale 1, and its pieces between bounds.</remarks>
public abstract partial class LocationScaleFamily : InputFamily
{
    /// <summary>Far above any use, and far below where squares leave the range.</summary>
    private const double Unbounded = 300;

    private readonly LocationScaleSettings settings;
    private readonly double[]? fixedLogScales;
    private readonly double logUnit;

    /// <summary>Sets the number of components and what they are made of.</summary>
    protected LocationScaleFamily(int components, LocationScaleSettings settings) : base(components)
    {
        ArgumentNullException.ThrowIfNull(settings);
        this.settings = settings;
        fixedLogScales = settings.FixedScales?.Select(scale => Math.Log(scale)).ToArray();
        logUnit = Math.Log(settings.Scale);
        LeastLogScale = Math.Log(settings.LeastScale);
        MostLogScale = settings.MostScale is double most ? Math.Log(most) : Unbounded;
    }

    private bool KeepsLocations => settings.FixedLocations is null;

    private bool KeepsScales => fixedLogScales is null;

    /// <summary>Whether learners change the locations.</summary>
    private bool LearnsLocations => KeepsLocations && settings.TrainableLocations;

    /// <summary>Whether learners change the scales.</summary>
    internal bool LearnsScales => KeepsScales && settings.TrainableScales;

    /// <summary>Place of the first scale among the parameters.</summary>
    private int ScaleOffset => KeepsLocations ? Components : 0;

    /// <summary>Logarithm of the least scale, in units.</summary>
    private double LeastLogScale { get; }

    /// <summary>Logarithm of the largest scale, in units.</summary>
    private double MostLogScale { get; }

    /// <inheritdoc/>
    public sealed override int ParameterCount => (KeepsLocations ? Components : 0) + (KeepsScales ? Components : 0);

    /// <inheritdoc/>
    public sealed override (int First, int Count) Frozen
    {
        get
        {
            bool locations = KeepsLocations && !settings.TrainableLocations, scales = KeepsScales && !settings.TrainableScales;
            return (locations ? 0 : ScaleOffset, (locations ? Components : 0) + (scales ? Components : 0));
        }
    }

    /// <inheritdoc/>
    public sealed override ValueDomain Domain => ValueDomain.Real;

    /// <summary>Location of a component, in the variable's own unit.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    public double LocationOf(int component, ReadOnlySpan<double> parameters) =>
        settings.FixedLocations?[component] ?? settings.Location + settings.Scale * parameters[component];

    /// <summary>Logarithm of a component's scale, in the variable's own unit.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    public double LogScaleOf(int component, ReadOnlySpan<double> parameters) =>
        fixedLogScales?[component] ?? logUnit + Math.Clamp(parameters[ScaleOffset + component], LeastLogScale, MostLogScale);

    /// <summary>Logarithm of the standard density at 0.</summary>
    internal double LogPeakOfStandard => LogStandard(0);

    /// <summary>Unit of location and scale parameters.</summary>
    internal double Unit => settings.Scale;

    /// <summary>Logarithm of the standard density.</summary>
    protected abstract double LogStandard(double z);

    /// <summary>How fast the logarithm of the standard density falls at z: minus its derivative.</summary>
    protected abstract double Fall(double z);

    /// <summary>Logarithm of the standard probability between two bounds, which may be infinite.</summary>
    protected abstract double LogBetween(double low, double high);

    /// <summary>Expectations between two bounds of the fall, and of z times the fall.</summary>
    protected abstract (double Fall, double Stretch) ExpectedFall(double low, double high);

    /// <summary>Mean and variance of the standard density between two bounds; asked for only where <see cref="InputFamily.NoMoments"/> is null.</summary>
    /// <returns>The mean as its distance from one of the bounds or from 0, so that a mean close beside a bound far out keeps its digits.</returns>
    protected abstract (double From, double Distance, double Variance) Moments(double low, double high);

    /// <summary>The value below which a share of the standard probability between two bounds lies.</summary>
    protected abstract double StandardQuantile(double low, double high, double share);

    /// <summary>How far values scatter, as the scale of this density.</summary>
    /// <param name="sorted">The values in ascending order, not empty.</param>
    protected abstract double Spread(ReadOnlySpan<float> sorted);

    /// <summary>Expectation of this family's standard log-density at apart + width z, where z follows another family's standard density; null when no formula is known.</summary>
    protected abstract double? ExpectedLog(LocationScaleFamily under, double apart, double width);

    /// <summary>Variance of the standard density; infinite when there is none.</summary>
    protected abstract double StandardVariance { get; }

    /// <summary>Expectation of |apart + width z| under the standard density; infinite when there is none.</summary>
    protected abstract double MeanDistance(double apart, double width);

    private protected static double VarianceOf(LocationScaleFamily family) => family.StandardVariance;

    private protected static double MeanDistanceOf(LocationScaleFamily family, double apart, double width) => family.MeanDistance(apart, width);

    /// <inheritdoc/>
    public sealed override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        double logScale = LogScaleOf(component, parameters);
        return LogStandard((value - LocationOf(component, parameters)) * Math.Exp(-logScale)) - logScale;
    }

    /// <inheritdoc/>
    public sealed override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        double precision = Math.Exp(-LogScaleOf(component, parameters));
        double z = (value - LocationOf(component, parameters)) * precision, fall = Fall(z);
        AddSlopes(component, flow * fall, flow * (z * fall - 1), precision, parameters, gradient);
    }

    /// <inheritdoc/>
    public sealed override double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Bounds(component, within, parameters);
        return LogBetween(low, high);
    }

    /// <inheritdoc/>
    public sealed override void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        (double low, double high) = Bounds(component, within, parameters);
        // Moving the density is moving the bounds: d log P / d location = E[fall] / scale, and likewise for the scale.
        (double fall, double stretch) = ExpectedFall(low, high);
        AddSlopes(component, flow * fall, flow * (stretch - 1), Math.Exp(-LogScaleOf(component, parameters)), parameters, gradient);
    }

    /// <inheritdoc/>
    public sealed override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters) => Inside(LocationOf(component, parameters), within);

    /// <inheritdoc/>
    public sealed override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Bounds(component, within, parameters);
        return Inside(LocationOf(component, parameters) + Math.Exp(LogScaleOf(component, parameters)) * StandardQuantile(low, high, share), within);
    }

    /// <inheritdoc/>
    public sealed override void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to)
    {
        if (NoMoments(within) is not null)
        {
            to[0] = Mode(component, within, parameters) - centre;
            to[1] = to[0] * to[0];
            return;
        }
        (double low, double high) = Bounds(component, within, parameters);
        (double from, double distance, double variance) = Moments(low, high);
        double scale = Math.Exp(LogScaleOf(component, parameters));
        double origin = from == 0 || within is not Interval set ? LocationOf(component, parameters) : from == low ? set.Low : set.High;
        to[0] = origin - centre + scale * distance;
        to[1] = to[0] * to[0] + scale * scale * variance;
    }

    /// <inheritdoc/>
    public sealed override (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters)
    {
        if (other is not LocationScaleFamily seen) return null;
        double logScale = seen.LogScaleOf(otherComponent, otherParameters), precision = Math.Exp(-logScale);
        double apart = (LocationOf(component, parameters) - seen.LocationOf(otherComponent, otherParameters)) * precision;
        return seen.ExpectedLog(this, apart, Math.Exp(LogScaleOf(component, parameters)) * precision) is double log ? (1, log - logScale) : null;
    }

    /// <inheritdoc/>
    public sealed override void Initialise(RandomStream random, Span<float> parameters)
    {
        if (KeepsLocations)
            for (int k = 0; k < Components; k++)
                parameters[k] = (float)(settings.Init is EquidistantInit even ? even.At(k, Components) : random.NextNormal());
        if (KeepsScales) parameters[ScaleOffset..].Fill((float)Math.Clamp(0, LeastLogScale, MostLogScale));
    }

    /// <inheritdoc/>
    public sealed override void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters)
    {
        float[] pooled = ArrayPool<float>.Shared.Rent(values.Length);
        Span<float> sorted = pooled.AsSpan(0, values.Length);
        values.CopyTo(sorted);
        FloatSort.Sort(sorted);
        ReadOnlySpan<PlacedPart> parts = settings.FixedLocations is { } given
            ? Placement.Nearest(given, sorted)
            : Placement.Of(settings.Init, random, values, sorted, Components, settings.Location, settings.Scale);
        if (KeepsLocations)
            for (int k = 0; k < Components; k++) parameters[k] = (float)((parts[k].Location - settings.Location) / settings.Scale);
        if (KeepsScales)
        {
            double ofAll = settings.Init.Deviations == InitDeviations.One ? settings.Scale : Spread(sorted);
            for (int k = 0; k < Components; k++)
            {
                bool own = settings.Init.Deviations == InitDeviations.OfPart && parts[k].Count > 1;
                double spread = own ? Spread(sorted.Slice(parts[k].First, parts[k].Count)) : ofAll;
                parameters[ScaleOffset + k] = (float)Math.Clamp(Math.Log(spread / settings.Scale), LeastLogScale, MostLogScale);
            }
        }
        ArrayPool<float>.Shared.Return(pooled);
    }

    /// <summary>Adds derivatives of the log-density by location (in scales) and log scale.</summary>
    private void AddSlopes(int component, double byLocation, double byScale, double precision, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        (double least, double most) = LearnsScales ? SlopeBounds(component, parameters) : default;
        AddSums(component, byLocation * precision, Math.Clamp(byScale, least, most), gradient);
    }

    /// <summary>Adds derivatives by location, in the variable's own unit, and log scale to those of the parameters that are learned.</summary>
    internal void AddSums(int component, double byLocation, double byScale, Span<double> gradient)
    {
        if (LearnsLocations) gradient[component] += byLocation * settings.Scale;
        if (LearnsScales) gradient[ScaleOffset + component] += byScale;
    }

    /// <summary>The derivatives by a log scale that count: where it stands at its bound, only what leads back inside.</summary>
    internal (double Least, double Most) SlopeBounds(int component, ReadOnlySpan<double> parameters)
    {
        double own = parameters[ScaleOffset + component];
        return (own < LeastLogScale ? 0 : double.NegativeInfinity, own > MostLogScale ? 0 : double.PositiveInfinity);
    }

    /// <summary>A set's bounds in scales from the location.</summary>
    private (double Low, double High) Bounds(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        if (within is not Interval set) return (double.NegativeInfinity, double.PositiveInfinity);
        double location = LocationOf(component, parameters), precision = Math.Exp(-LogScaleOf(component, parameters));
        return ((set.Low - location) * precision, (set.High - location) * precision);
    }

    /// <summary>The nearest number that lies in the set, rounded towards its inside.</summary>
    private static float Inside(double value, ValueSet? within)
    {
        value = Math.Clamp(value, float.MinValue, float.MaxValue);
        if (within is not Interval set) return (float)value;
        float nearest = (float)Math.Clamp(value, set.Low, set.High);
        if (nearest < set.Low) return MathF.BitIncrement(nearest);
        return nearest > set.High ? MathF.BitDecrement(nearest) : nearest;
    }
}
