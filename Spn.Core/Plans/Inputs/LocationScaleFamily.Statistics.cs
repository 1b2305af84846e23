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

    private const int MostOnStack = 64;

    /// <summary>Expectation of the pull; not a number before it was asked for.</summary>
    private double meanPull = double.NaN;

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
        if (double.IsNaN(meanPull)) meanPull = ExpectedPull(double.NegativeInfinity, double.PositiveInfinity);
        Span<double> scales = Components <= MostOnStack ? stackalloc double[Components] : new double[Components];
        for (int k = 0; k < scales.Length; k++) scales[k] = LogScaleOf(k, parameters) - logUnit;
        Bulk.Exp(scales);
        statistics[..StatisticCount].Clear();
        // The mean of z times the fall is 1 for every density: integrate by parts.
        for (int k = 0; k < scales.Length; k++) AddSums(k, 1, meanPull, 0, 1, scales[k], parameters, statistics);
    }

    /// <inheritdoc/>
    public sealed override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        Span<double> logs = Components <= MostOnStack ? stackalloc double[Components] : new double[Components];
        for (int k = 0; k < logs.Length; k++)
        {
            ReadOnlySpan<double> own = statistics.Slice(Sums * k, Sums);
            logs[k] = 1;
            if (!(own[0] > 0)) continue;
            double location = LearnsLocations && own[1] > 0 ? own[2] / own[1] : UnitLocation(k, parameters);
            if (LearnsLocations) parameters[k] = location;
            double square = (own[3] - 2 * location * own[2] + location * location * own[1]) / own[0];
            logs[k] = square > 0 ? square : 0;
        }
        if (!LearnsScales) return;
        Bulk.Log(logs);
        for (int k = 0; k < logs.Length; k++)
            if (statistics[Sums * k] > 0) parameters[ScaleOffset + k] = Math.Clamp(0.5 * logs[k], LeastLogScale, MostLogScale);
    }

    private void AddSums(int component, double flow, double pull, double pulled, double squared, ReadOnlySpan<double> parameters, Span<double> statistics) =>
        AddSums(component, flow, pull, pulled, squared, UnitScale(component, parameters), parameters, statistics);

    /// <summary>Scale of a component in the unit of the parameters.</summary>
    private double UnitScale(int component, ReadOnlySpan<double> parameters) => Math.Exp(LogScaleOf(component, parameters) - logUnit);

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
