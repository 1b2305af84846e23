namespace Spn.Core.Plans;

/// <summary>Expectation maximisation of location-scale families.</summary>
/// <remarks>
/// Every shape here is a mixture of normal densities of one location and many variances. What is expected of the inverse of the variance
/// that a value was drawn with, the pull of the location on it, makes a normal density of each value, and the M-step that of least squares:
/// location = sum pull x / sum pull, scale^2 = sum pull (x - location)^2 / sum flow. Source: Andrews and Mallows 1974; Dempster, Laird and Rubin 1980.
/// Statistics: [component] flow, pull, pull u, pull u^2, each times the flow, with u in the unit of the parameters; pulls are those under the
/// parameters that are at hand when a value is added.
/// </remarks>
public abstract partial class LocationScaleFamily
{
    /// <summary>Statistics of a component.</summary>
    internal const int Sums = 4;

    /// <summary>Farther out than any value that matters, and near enough that its square is in range.</summary>
    private const double Farthest = 1e150;

    /// <summary>What is expected of the inverse of the variance, in squares of the scale: the fall at z divided by z.</summary>
    protected abstract double Pull(double z);

    /// <summary>Expectation of the pull between two bounds.</summary>
    protected abstract double ExpectedPull(double low, double high);

    /// <inheritdoc/>
    public sealed override int StatisticCount => Sums * Components;

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        double z = Math.Clamp((value - LocationOf(component, parameters)) * Math.Exp(-LogScaleOf(component, parameters)), -Farthest, Farthest);
        double pull = flow * Pull(z);
        AddSums(component, flow, pull, pull * z, pull * z * z, parameters, statistics);
    }

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        (double low, double high) = Bounds(component, within, parameters);
        (double fall, double stretch) = ExpectedFall(low, high);
        AddSums(component, flow, flow * ExpectedPull(low, high), flow * fall, flow * stretch, parameters, statistics);
    }

    /// <inheritdoc/>
    public sealed override void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        statistics[..StatisticCount].Clear();
        double pull = ExpectedPull(double.NegativeInfinity, double.PositiveInfinity);
        // The mean of z times the fall is 1 for every density: integrate by parts.
        for (int k = 0; k < Components; k++) AddSums(k, 1, pull, 0, 1, parameters, statistics);
    }

    /// <inheritdoc/>
    public sealed override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        for (int k = 0; k < Components; k++)
        {
            ReadOnlySpan<double> own = statistics.Slice(Sums * k, Sums);
            if (!(own[0] > 0)) continue;
            double location = LearnsLocations && own[1] > 0 ? own[2] / own[1] : UnitLocation(k, parameters);
            if (LearnsLocations) parameters[k] = location;
            if (!LearnsScales) continue;
            double square = (own[3] - 2 * location * own[2] + location * location * own[1]) / own[0];
            parameters[ScaleOffset + k] = square > 0 ? Math.Clamp(0.5 * Math.Log(square), LeastLogScale, MostLogScale) : LeastLogScale;
        }
    }

    private void AddSums(int component, double flow, double pull, double pulled, double squared, ReadOnlySpan<double> parameters, Span<double> statistics) =>
        AddSums(component, flow, pull, pulled, squared, UnitScale(component, parameters), parameters, statistics);

    /// <summary>Scale of a component in the unit of the parameters.</summary>
    internal double UnitScale(int component, ReadOnlySpan<double> parameters) => Math.Exp(LogScaleOf(component, parameters) - logUnit);

    /// <summary>Adds sums over values, counted in scales from the location, to the statistics of a component whose <see cref="UnitScale"/> is at hand.</summary>
    internal void AddSums(int component, double flow, double pull, double pulled, double squared, double scale, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        double location = UnitLocation(component, parameters);
        Span<double> own = statistics.Slice(Sums * component, Sums);
        own[0] += flow;
        own[1] += pull;
        own[2] += location * pull + scale * pulled;
        own[3] += location * location * pull + scale * (2 * location * pulled + scale * squared);
    }

    /// <summary>Location of a component in the unit of the parameters.</summary>
    private double UnitLocation(int component, ReadOnlySpan<double> parameters) =>
        KeepsLocations ? parameters[component] : (settings.FixedLocations![component] - settings.Location) / settings.Scale;
}
