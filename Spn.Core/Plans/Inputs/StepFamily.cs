namespace Spn.Core.Plans;

/// <summary>Densities that are constant between edges: a probability for every bin.</summary>
/// <remarks>Statistics: [component][flow, then the flow in each bin].</remarks>
public abstract class StepFamily : InputFamily
{
    /// <summary>Sets the number of components, of bins of each, and the bounds of all.</summary>
    private protected StepFamily(int components, int bins, ValueDomain domain) : base(components) => (Bins, Domain) = (bins, domain);

    /// <summary>Number of bins of a component.</summary>
    protected int Bins { get; }

    /// <inheritdoc/>
    public sealed override ValueDomain Domain { get; }

    /// <summary>An edge, in ascending order, 0 to <see cref="Bins"/>.</summary>
    protected abstract double Edge(int component, int edge, ReadOnlySpan<double> parameters);

    /// <summary>Logarithms of the probabilities of the bins.</summary>
    protected abstract void LogShares(int component, ReadOnlySpan<double> parameters, Span<double> logs);

    /// <summary>Adds flow, [bin], times the derivatives of the bins' log-probabilities.</summary>
    protected abstract void AddShareSlopes(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> gradient);

    /// <inheritdoc/>
    public sealed override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        int bin = BinOf(component, value, parameters);
        if (bin < 0) return double.NegativeInfinity;
        Span<double> logs = stackalloc double[Bins];
        LogShares(component, parameters, logs);
        return logs[bin] - Math.Log(Width(component, bin, parameters));
    }

    /// <inheritdoc/>
    public sealed override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        int bin = BinOf(component, value, parameters);
        if (bin < 0) return;
        Span<double> flows = stackalloc double[Bins];
        flows.Clear();
        flows[bin] = flow;
        AddShareSlopes(component, flows, parameters, gradient);
    }

    /// <inheritdoc/>
    public sealed override double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters)
    {
        Span<double> logs = stackalloc double[Bins];
        return LogMasses(component, within, parameters, logs);
    }

    /// <inheritdoc/>
    public sealed override void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        Span<double> flows = stackalloc double[Bins];
        if (!Masses(component, within, parameters, flows)) return;
        for (int b = 0; b < Bins; b++) flows[b] *= flow;
        AddShareSlopes(component, flows, parameters, gradient);
    }

    /// <inheritdoc/>
    public sealed override int StatisticCount => Learns ? Components * (1 + Bins) : 0;

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        int bin = BinOf(component, value, parameters);
        if (bin < 0) return;
        statistics[component * (1 + Bins)] += flow;
        statistics[component * (1 + Bins) + 1 + bin] += flow;
    }

    /// <inheritdoc/>
    public sealed override void AddStatistics(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        Span<double> masses = stackalloc double[Bins];
        if (!Masses(component, within, parameters, masses)) return;
        statistics[component * (1 + Bins)] += flow;
        for (int b = 0; b < Bins; b++) statistics[component * (1 + Bins) + 1 + b] += flow * masses[b];
    }

    /// <inheritdoc/>
    public sealed override void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        for (int k = 0; k < Components; k++)
        {
            Span<double> own = statistics.Slice(k * (1 + Bins), 1 + Bins);
            LogShares(k, parameters, own[1..]);
            own[0] = 1;
            for (int b = 1; b <= Bins; b++) own[b] = Math.Exp(own[b]);
        }
    }

    /// <inheritdoc/>
    public sealed override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        Interval? set = Plain(within);
        int best = -1;
        double most = double.NegativeInfinity;
        Span<double> logs = stackalloc double[Bins];
        LogShares(component, parameters, logs);
        for (int b = 0; b < Bins; b++)
        {
            (double from, double to) = Piece(component, b, set, parameters);
            if (!(from < to) || !(logs[b] - Math.Log(Width(component, b, parameters)) > most)) continue;
            most = logs[b] - Math.Log(Width(component, b, parameters));
            best = b;
        }
        if (best < 0) return Domain.Nearest(Domain.Low, set);
        (double low, double high) = Piece(component, best, set, parameters);
        return Domain.Nearest(0.5 * (low + high), set);
    }

    /// <inheritdoc/>
    public sealed override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        Interval? set = Plain(within);
        Span<double> masses = stackalloc double[Bins];
        if (!Masses(component, set, parameters, masses)) return Domain.Nearest(Domain.Low, set);
        int last = 0;
        double left = share;
        for (int b = 0; b < Bins; b++)
        {
            if (masses[b] == 0) continue;
            last = b;
            if (left < masses[b]) break;
            left -= masses[b];
        }
        (double from, double to) = Piece(component, last, set, parameters);
        return Domain.Nearest(from + (to - from) * Math.Clamp(left / masses[last], 0, 1), set);
    }

    /// <inheritdoc/>
    public sealed override void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to)
    {
        Interval? set = Plain(within);
        Span<double> masses = stackalloc double[Bins];
        to.Clear();
        if (!Masses(component, set, parameters, masses)) return;
        for (int b = 0; b < Bins; b++)
        {
            if (masses[b] == 0) continue;
            (double low, double high) = Piece(component, b, set, parameters);
            double mean = 0.5 * (low + high) - centre;
            to[0] += masses[b] * mean;
            to[1] += masses[b] * (mean * mean + (high - low) * (high - low) / 12);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Between densities of this kind: by the pieces of both.</remarks>
    public sealed override (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters)
    {
        if (other is not StepFamily steps || !steps.IsPositive || !steps.Domain.Includes(Domain)) return null;
        var logs = new double[steps.Bins];
        var masses = new double[Bins];
        steps.LogShares(otherComponent, otherParameters, logs);
        double sum = 0;
        for (int b = 0; b < steps.Bins; b++)
        {
            var bin = new Interval(steps.Edge(otherComponent, b, otherParameters), steps.Edge(otherComponent, b + 1, otherParameters));
            double mass = Math.Exp(LogMasses(component, bin, parameters, masses));
            if (mass > 0) sum += mass * (logs[b] - Math.Log(steps.Width(otherComponent, b, otherParameters)));
        }
        return (1, sum);
    }

    private double Width(int component, int bin, ReadOnlySpan<double> parameters) => Edge(component, bin + 1, parameters) - Edge(component, bin, parameters);

    /// <summary>The bin of a value, or -1. An edge belongs to the bin above it, the last one to the last bin.</summary>
    private int BinOf(int component, double value, ReadOnlySpan<double> parameters)
    {
        if (!(value >= Edge(component, 0, parameters)) || !(value <= Edge(component, Bins, parameters))) return -1;
        int low = 0, high = Bins - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (value >= Edge(component, middle, parameters)) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    private (double Low, double High) Piece(int component, int bin, Interval? set, ReadOnlySpan<double> parameters) =>
        (Math.Max(Edge(component, bin, parameters), set?.Low ?? double.NegativeInfinity), Math.Min(Edge(component, bin + 1, parameters), set?.High ?? double.PositiveInfinity));

    /// <summary>Logarithms of the probabilities of the bins' parts inside a set; returns that of all.</summary>
    private double LogMasses(int component, ValueSet? within, ReadOnlySpan<double> parameters, Span<double> logs)
    {
        LogShares(component, parameters, logs);
        if (Plain(within) is not { } set) return 0;
        for (int b = 0; b < Bins; b++)
        {
            (double from, double to) = Piece(component, b, set, parameters);
            logs[b] += from < to ? Math.Log((to - from) / Width(component, b, parameters)) : double.NegativeInfinity;
        }
        return Math.Min(LogSum.Of(logs), 0);
    }

    /// <summary>The probabilities of the bins given a set, which add to 1; false when the set has none.</summary>
    private bool Masses(int component, ValueSet? within, ReadOnlySpan<double> parameters, Span<double> masses)
    {
        double total = LogMasses(component, within, parameters, masses);
        if (double.IsNegativeInfinity(total)) return false;
        for (int b = 0; b < Bins; b++) masses[b] = Math.Exp(masses[b] - total);
        return true;
    }

    private static Interval? Plain(ValueSet? set) => (Interval?)(set is Tilt tilt ? tilt.Within : set);
}

/// <summary>See <see cref="UniformInput"/>; no parameters.</summary>
/// <param name="bounds">Bounds of each component.</param>
public sealed class UniformFamily(IReadOnlyList<(double Low, double High)> bounds)
    : StepFamily(bounds.Count, 1, ValueDomain.Between(bounds.Min(b => b.Low), bounds.Max(b => b.High)))
{
    /// <inheritdoc/>
    public override int ParameterCount => 0;

    /// <inheritdoc/>
    public override bool IsPositive => bounds.Distinct().Count() == 1;

    /// <inheritdoc/>
    protected override double Edge(int component, int edge, ReadOnlySpan<double> parameters) => edge == 0 ? bounds[component].Low : bounds[component].High;

    /// <inheritdoc/>
    protected override void LogShares(int component, ReadOnlySpan<double> parameters, Span<double> logs) => logs[0] = 0;

    /// <inheritdoc/>
    protected override void AddShareSlopes(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> gradient) { }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters) { }
}

/// <summary>
/// See <see cref="HistogramInput"/>. Parameters: where the inner edges are quantiles, these in ascending order, the same for all
/// components and frozen; then [component, bin] logits.
/// </summary>
/// <param name="components">Number of components.</param>
/// <param name="edges">The edges in ascending order; the inner ones are where quantiles start.</param>
/// <param name="quantiles">Whether the inner edges are placed at quantiles of the values.</param>
public sealed class HistogramFamily(int components, IReadOnlyList<double> edges, bool quantiles)
    : StepFamily(components, edges.Count - 1, ValueDomain.Between(edges[0], edges[^1]))
{
    /// <summary>No learner makes the share of a bin smaller: a value that occurs there later would be impossible.</summary>
    private const double LeastShare = 1e-6;

    private int FirstLogit => quantiles ? Bins - 1 : 0;

    /// <inheritdoc/>
    public override int ParameterCount => FirstLogit + Components * Bins;

    /// <inheritdoc/>
    public override (int First, int Count) Frozen => (0, FirstLogit);

    /// <inheritdoc/>
    protected override double Edge(int component, int edge, ReadOnlySpan<double> parameters) =>
        quantiles && edge > 0 && edge < Bins ? parameters[edge - 1] : edges[edge];

    private ReadOnlySpan<double> Logits(int component, ReadOnlySpan<double> parameters) => parameters.Slice(FirstLogit + component * Bins, Bins);

    /// <inheritdoc/>
    protected override void LogShares(int component, ReadOnlySpan<double> parameters, Span<double> logs)
    {
        ReadOnlySpan<double> logits = Logits(component, parameters);
        double total = LogSum.Of(logits);
        for (int b = 0; b < Bins; b++) logs[b] = logits[b] - total;
    }

    /// <inheritdoc/>
    protected override void AddShareSlopes(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        ReadOnlySpan<double> logits = Logits(component, parameters);
        double total = LogSum.Of(logits), all = 0;
        foreach (double flow in flows) all += flow;
        for (int b = 0; b < Bins; b++) gradient[FirstLogit + component * Bins + b] += flows[b] - all * Math.Exp(logits[b] - total);
    }

    /// <inheritdoc/>
    public override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        for (int k = 0; k < Components; k++)
        {
            ReadOnlySpan<double> own = statistics.Slice(k * (1 + Bins), 1 + Bins);
            if (!(own[0] > 0)) continue;
            for (int b = 0; b < Bins; b++) parameters[FirstLogit + k * Bins + b] = Math.Log(Math.Max(own[1 + b] / own[0], LeastShare));
        }
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int e = 1; quantiles && e < Bins; e++) parameters[e - 1] = (float)edges[e];
        // Drawn about the width of the bin: an even density.
        for (int k = 0; k < Components; k++)
            for (int b = 0; b < Bins; b++)
                parameters[FirstLogit + k * Bins + b] = (float)(Math.Log((edges[b + 1] - edges[b]) / (edges[^1] - edges[0])) + random.NextSingle());
    }

    /// <inheritdoc/>
    public override void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters)
    {
        if (quantiles) PlaceEdges(values, parameters);
        double[] own = new double[ParameterCount];
        for (int i = 0; i < FirstLogit; i++) own[i] = parameters[i];
        var statistics = new double[StatisticCount];
        foreach (float value in values) AddStatistics(0, value, 1, own, statistics);
        // About the shares of all values, one value more in each bin, and apart so that components can part.
        for (int k = 0; k < Components; k++)
            for (int b = 0; b < Bins; b++)
                parameters[FirstLogit + k * Bins + b] = (float)(Math.Log((statistics[1 + b] + 1) / (statistics[0] + Bins)) + random.NextSingle());
    }

    /// <summary>Puts the inner edges at quantiles; where many values are the same, at least the width of a float apart.</summary>
    private void PlaceEdges(ReadOnlySpan<float> values, Span<float> parameters)
    {
        float[] sorted = [.. values];
        FloatSort.Sort(sorted);
        double least = (edges[^1] - edges[0]) * 1e-6;
        double below = edges[0];
        for (int e = 1; e < Bins; e++)
        {
            int at = (int)((long)e * sorted.Length / Bins);
            // Between two values, so that neither lies on the edge.
            double wanted = 0.5 * ((double)sorted[Math.Max(at - 1, 0)] + sorted[at]);
            double edge = Math.Clamp(wanted, below + least, Math.Max(below + least, edges[^1] - (Bins - e) * least));
            parameters[e - 1] = (float)edge;
            below = parameters[e - 1];
        }
    }
}
