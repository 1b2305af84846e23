using System.Buffers;

namespace Spn.Core.Plans;

/// <summary>The range that learning keeps a parameter in.</summary>
/// <param name="Least">Lower end.</param>
/// <param name="Most">Upper end.</param>
public readonly record struct ParameterRange(double Least, double Most);

/// <summary>A family given by density, tails and moments; what sets of values need follows by adding up or integrating over them.</summary>
/// <remarks>
/// Parameters: [parameter][component], each in a range of its own; outside of it counts the nearest end, and only slopes that lead back.
/// Statistics: [component][flow, then what <see cref="Sufficient"/> says]. Component by component a new family gives its functions.
/// </remarks>
public abstract class TailFamily : InputFamily
{
    private readonly Init init;
    private readonly ParameterRange[] ranges;

    /// <summary>Sets the number of components, how they start, and the range of each parameter of a component.</summary>
    private protected TailFamily(int components, Init init, params ParameterRange[] ranges) : base(components) =>
        (this.init, this.ranges) = (init, ranges);

    /// <inheritdoc/>
    public sealed override int ParameterCount => Components * ranges.Length;

    /// <summary>Sufficient statistics of a value beside the flow, a component; 0 when there are none of fixed number.</summary>
    protected virtual int Sufficient => 0;

    /// <inheritdoc/>
    public sealed override int StatisticCount => Sufficient == 0 ? 0 : Components * (1 + Sufficient);

    /// <summary>A parameter of a component, inside its range.</summary>
    protected double Read(int parameter, int component, ReadOnlySpan<double> parameters) =>
        Math.Clamp(parameters[parameter * Components + component], ranges[parameter].Least, ranges[parameter].Most);

    /// <summary>Whether a parameter of a component lies inside its range.</summary>
    private protected bool IsInside(int parameter, int component, ReadOnlySpan<double> parameters) =>
        parameters[parameter * Components + component] is var own && own >= ranges[parameter].Least && own <= ranges[parameter].Most;

    /// <summary>Sets a parameter of a component, inside its range.</summary>
    protected void Write(int parameter, int component, double value, Span<double> parameters) =>
        parameters[parameter * Components + component] = double.IsNaN(value) ? ranges[parameter].Least : Math.Clamp(value, ranges[parameter].Least, ranges[parameter].Most);

    /// <summary>Logarithm of the density or probability at x.</summary>
    protected abstract double LogAt(int component, double x, ReadOnlySpan<double> parameters);

    /// <summary>Writes the derivatives of <see cref="LogAt"/> by each parameter of the component.</summary>
    protected abstract void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes);

    /// <summary>Logarithms of the probabilities up to x and above x.</summary>
    protected abstract (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters);

    /// <summary>Mean and variance.</summary>
    protected abstract (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters);

    /// <summary>Where inside the domain the density is largest; of no matter where it grows towards an end.</summary>
    protected abstract double Peak(int component, ReadOnlySpan<double> parameters);

    /// <summary>Writes the sufficient statistics of a value.</summary>
    protected virtual void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to) => throw NoStatistics();

    /// <summary>Writes their means under the parameters.</summary>
    protected virtual void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to) => throw NoStatistics();

    /// <summary>Sets a component's parameters to those of largest likelihood for means of the sufficient statistics.</summary>
    protected virtual void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters) => throw NoStatistics();

    /// <summary>Sets a component's parameters to a mean and a variance, as nearly as may be.</summary>
    protected abstract void Match(int component, double mean, double variance, Span<double> parameters);

    /// <summary>A mean and a variance to start with where no values are known.</summary>
    protected abstract (double Mean, double Variance) Guess(RandomStream random);

    /// <summary>The distribution inside a set, as points.</summary>
    private protected abstract WeightedPoints PointsIn(int component, ValueSet? within, ReadOnlySpan<double> parameters);

    /// <summary>Logarithm of the probability of an interval, cut to the domain.</summary>
    private protected abstract double LogBetween(int component, Interval within, ReadOnlySpan<double> parameters);

    /// <inheritdoc/>
    public sealed override double LogDensity(int component, float value, ReadOnlySpan<double> parameters) => LogAt(component, value, parameters);

    /// <inheritdoc/>
    public sealed override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient) =>
        AddGradientAt(component, value, flow, parameters, gradient);

    /// <inheritdoc/>
    public sealed override double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters) => Plain(within) switch
    {
        null => 0,
        Interval set => Domain.Meets(set) ? Math.Min(LogBetween(component, set, parameters), 0) : double.NegativeInfinity,
        ValueSet some => PointsIn(component, some, parameters).LogMass,
    };

    /// <inheritdoc/>
    /// <remarks>The derivative of the logarithm of a sum is the mean of the derivatives inside the set.</remarks>
    public sealed override void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        if (Plain(within) is not { } set || LogProbability(component, set, parameters) is 0 or double.NegativeInfinity) return;
        foreach ((double x, double weight) in PointsIn(component, set, parameters).Points) AddGradientAt(component, x, flow * weight, parameters, gradient);
    }

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics) =>
        AddStatisticsAt(component, value, flow, parameters, statistics);

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        foreach ((double x, double weight) in PointsIn(component, Plain(within), parameters).Points) AddStatisticsAt(component, x, flow * weight, parameters, statistics);
    }

    /// <inheritdoc/>
    public sealed override void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        if (Sufficient == 0) throw NoStatistics();
        for (int k = 0; k < Components; k++)
        {
            Span<double> own = statistics.Slice(k * (1 + Sufficient), 1 + Sufficient);
            own[0] = 1;
            MeanSufficient(k, parameters, own[1..]);
        }
    }

    /// <inheritdoc/>
    public sealed override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        if (Sufficient == 0) throw NoStatistics();
        Span<double> means = stackalloc double[Sufficient];
        for (int k = 0; k < Components; k++)
        {
            ReadOnlySpan<double> own = statistics.Slice(k * (1 + Sufficient), 1 + Sufficient);
            if (!(own[0] > 0)) continue;
            for (int i = 0; i < means.Length; i++) means[i] = own[1 + i] / own[0];
            Fit(k, means, parameters);
        }
    }

    /// <inheritdoc/>
    public sealed override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        double best = double.NegativeInfinity;
        float mode = float.NaN;
        Interval? set = null;
        if (Plain(within) is OneOf some)
            foreach (float value in some.Values) Try(value, parameters);
        else
        {
            set = (Interval?)Plain(within);
            double peak = Peak(component, parameters);
            Try(Domain.Nearest(peak, set), parameters);
            if (Domain.IsInteger) Try(Domain.Nearest(Math.Floor(peak), set), parameters);
            // Densities may also grow towards the ends.
            foreach (double end in (ReadOnlySpan<double>)[Math.Max(Domain.Low, set?.Low ?? Domain.Low), Math.Min(Domain.High, set?.High ?? Domain.High)])
                if (!double.IsInfinity(end)) Try(Domain.Nearest(end, set), parameters);
        }
        return float.IsNaN(mode) ? Domain.Nearest(0, set) : mode;

        void Try(float value, ReadOnlySpan<double> parameters)
        {
            double own = Accepts(value) ? LogAt(component, value, parameters) : double.NegativeInfinity;
            if (!(own > best)) return;
            (best, mode) = (own, value);
        }
    }

    /// <inheritdoc/>
    public sealed override void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to)
    {
        if (Plain(within) is not { } set)
        {
            (double mean, double variance) = Moments(component, parameters);
            to[0] = mean - centre;
            to[1] = to[0] * to[0] + variance;
            return;
        }
        WeightedPoints points = PointsIn(component, set, parameters);
        (double first, double second) = points.Moments(centre);
        (to[0], to[1]) = points.Points.Count == 0 ? (0, 0) : (first - centre, second);
    }

    /// <inheritdoc/>
    /// <remarks>By adding up or integrating over the values of this component.</remarks>
    public sealed override (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters)
    {
        if (!other.Domain.Includes(Domain) || (other.States is null && !other.IsPositive)) return null;
        double mass = 0, sum = 0;
        foreach ((double x, double weight) in PointsIn(component, null, parameters).Points)
        {
            double log = other is TailFamily tails ? tails.LogAt(otherComponent, x, otherParameters) : other.LogDensity(otherComponent, (float)x, otherParameters);
            if (double.IsNegativeInfinity(log)) continue;
            mass += weight;
            sum += weight * log;
        }
        return (mass, sum);
    }

    /// <inheritdoc/>
    public sealed override void Initialise(RandomStream random, Span<float> parameters)
    {
        double[] own = new double[ParameterCount];
        for (int k = 0; k < Components; k++)
        {
            (double mean, double variance) = Guess(random);
            Match(k, init is EquidistantInit even ? even.At(k, Components) : mean, variance, own);
        }
        for (int i = 0; i < own.Length; i++) parameters[i] = (float)own[i];
    }

    /// <inheritdoc/>
    public sealed override void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters)
    {
        // A component that starts on a value at the edge of the domain would hold that value only.
        const double ShareOfAll = 0.1;
        float[] pooled = ArrayPool<float>.Shared.Rent(values.Length);
        Span<float> sorted = pooled.AsSpan(0, values.Length);
        values.CopyTo(sorted);
        FloatSort.Sort(sorted);
        double[] own = new double[ParameterCount];
        (double all, double spread) = MomentsOf(sorted);
        PlacedPart[] parts = Placement.Of(init, random, values, sorted, Components, 0, 1);
        for (int k = 0; k < Components; k++)
        {
            double variance = init.Deviations == InitDeviations.OfPart && parts[k].Count > 1 ? MomentsOf(sorted.Slice(parts[k].First, parts[k].Count)).Variance : spread;
            Match(k, (1 - ShareOfAll) * parts[k].Location + ShareOfAll * all, variance, own);
        }
        for (int i = 0; i < own.Length; i++) parameters[i] = (float)own[i];
        ArrayPool<float>.Shared.Return(pooled);
    }

    /// <summary>A tilted set is asked for only where its own distribution does not matter.</summary>
    private protected static ValueSet? Plain(ValueSet? set) => set is Tilt tilt ? tilt.Within : set;

    private static (double Mean, double Variance) MomentsOf(ReadOnlySpan<float> values)
    {
        double mean = 0, square = 0;
        foreach (float v in values) mean += v;
        mean /= values.Length;
        foreach (float v in values) square += (v - mean) * (v - mean);
        return (mean, square / values.Length);
    }

    private void AddGradientAt(int component, double x, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        Span<double> slopes = stackalloc double[ranges.Length];
        Slopes(component, x, parameters, slopes);
        for (int p = 0; p < slopes.Length; p++)
        {
            int at = p * Components + component;
            double slope = parameters[at] < ranges[p].Least ? Math.Max(slopes[p], 0) : parameters[at] > ranges[p].Most ? Math.Min(slopes[p], 0) : slopes[p];
            gradient[at] += flow * slope;
        }
    }

    private void AddStatisticsAt(int component, double x, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        if (Sufficient == 0) throw NoStatistics();
        Span<double> own = statistics.Slice(component * (1 + Sufficient), 1 + Sufficient), values = stackalloc double[Sufficient];
        SufficientOf(component, x, parameters, values);
        own[0] += flow;
        for (int i = 0; i < values.Length; i++) own[1 + i] += flow * values[i];
    }

    private NotSupportedException NoStatistics() => new($"{GetType().Name} has no sufficient statistics.");
}
