namespace Spn.Core.Plans;

/// <summary>Probabilities of counts, given by their tails; see <see cref="TailFamily"/>.</summary>
/// <remarks>Counts without an end are no finite table: adding up stops where what is left is below rounding, and ranges too wide to add up are integrated.</remarks>
public abstract class CountFamily : TailFamily
{
    /// <summary>Ranges of at most this many values are added up.</summary>
    private const double MostAdded = 8192;

    /// <summary>Values on either side of a range that is integrated which are added up all the same.</summary>
    private const int Edge = 64;

    /// <summary>From here on a double does not hold every integer.</summary>
    private const double MostCount = 1L << 53;

    /// <summary>Sets the number of components, how they start, and the range of each parameter of a component.</summary>
    protected CountFamily(int components, Init init, params ParameterRange[] ranges) : base(components, init, ranges) { }

    /// <summary>Whether probabilities fall on either side of the largest; where they do not, all values are added up.</summary>
    protected virtual bool HasOnePeak => true;

    /// <summary>Whether the log-probability of a count x is <see cref="Common"/> and a straight line in x: then engines need neither more.</summary>
    internal virtual bool HasLines => false;

    /// <summary>What the log-probabilities of a count have in common under all parameters; where the family has lines.</summary>
    internal virtual double Common(int x) => 0;

    /// <summary>Slope and offset of a component's line; null where a parameter is out of its range.</summary>
    internal virtual (double Slope, double Offset)? Line(int component, ReadOnlySpan<double> parameters) => null;

    private protected sealed override WeightedPoints PointsIn(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        var points = new WeightedPoints();
        if (within is OneOf some)
        {
            foreach (float value in some.Values.Where(Accepts)) points.Add(value, LogAt(component, value, parameters));
            return points.Normalise();
        }
        (double low, double high) = Bounds((Interval?)within);
        if (HasOnePeak && high - low >= Edge)
        {
            double peak = Math.Clamp(Math.Round(Peak(component, parameters)), low, high), least = LogAt(component, peak, parameters) - WeightedPoints.Depth;
            (low, high) = (Last(component, peak, low, least, parameters), Last(component, peak, high, least, parameters));
        }
        if (!HasOnePeak || high - low < MostAdded)
        {
            for (double x = low; x <= high; x++) points.Add(x, LogAt(component, x, parameters));
            return points.Normalise();
        }
        // A sum is an integral from half before to half behind, less the differences there over 24, which the values beside them take up.
        double first = low + Edge, last = high - Edge;
        double[] own = parameters.ToArray();
        points.Integrate(first - 0.5, last + 0.5, Peak(component, parameters), x => LogAt(component, x, own), x => x);
        for (double x = low; x < first - 1; x++) points.Add(x, LogAt(component, x, parameters));
        for (double x = last + 2; x <= high; x++) points.Add(x, LogAt(component, x, parameters));
        foreach (double x in (ReadOnlySpan<double>)[first - 1, last + 1]) points.Add(x, LogAt(component, x, parameters) + Math.Log(23.0 / 24));
        foreach (double x in (ReadOnlySpan<double>)[first, last]) points.Add(x, LogAt(component, x, parameters) - Math.Log(24));
        return points.Normalise();
    }

    private protected sealed override double LogBetween(int component, Interval within, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Bounds(within);
        if (high - low < Edge) return PointsIn(component, within, parameters).LogMass;
        bool toEnd = high >= Math.Min(Domain.High, MostCount);
        if (low == 0) return toEnd ? 0 : LogTails(component, high, parameters).Below;
        (double below, double above) = LogTails(component, low - 1, parameters);
        if (toEnd) return above;
        (double belowHigh, double aboveHigh) = LogTails(component, high, parameters);
        (double outer, double inner) = belowHigh <= above ? (belowHigh, below) : (above, aboveHigh);
        return inner - outer > -0.1 || double.IsNegativeInfinity(outer) ? PointsIn(component, within, parameters).LogMass : outer + Precise.LogOneMinusExp(inner - outer);
    }

    /// <inheritdoc/>
    public sealed override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        ValueSet? set = Plain(within);
        WeightedPoints points = PointsIn(component, set, parameters);
        if (points.Points.Count == 0) return Domain.Nearest(0, set as Interval);
        if (points.IsExact)
        {
            double left = share, last = points.Points[0].Value;
            foreach ((double x, double weight) in points.Points)
            {
                if (!(weight > 0)) continue;
                last = x;
                if ((left -= weight) < 0) break;
            }
            return (float)last;
        }
        var interval = (Interval?)set;
        (double low, double high) = Bounds(interval);
        double before = low == 0 ? double.NegativeInfinity : LogTails(component, low - 1, parameters).Below;
        double after = high >= MostCount ? double.NegativeInfinity : LogTails(component, high, parameters).Above;
        double total = interval is null ? 0 : LogBetween(component, interval, parameters);
        double below = Precise.LogAdd(before, total + Math.Log(share)), above = Precise.LogAdd(after, total + Math.Log(1 - share));
        // The least count at which the probability up to it exceeds the share.
        while (low < high)
        {
            double middle = Math.Floor(0.5 * (low + high));
            (double down, double up) = LogTails(component, middle, parameters);
            if (below <= above ? down > below : up < above) high = middle;
            else low = middle + 1;
        }
        return Domain.Nearest(low, interval);
    }

    /// <summary>The first and last count of an interval.</summary>
    private (double Low, double High) Bounds(Interval? set)
    {
        double end = Math.Min(Domain.High, MostCount);
        return set is null ? (0, end) : (Math.Max(Math.Ceiling(set.Low), 0), Math.Min(Math.Floor(set.High), end));
    }

    /// <summary>The last count, going from the peak to an end, of at least a probability.</summary>
    private double Last(int component, double peak, double end, double least, ReadOnlySpan<double> parameters)
    {
        double sign = Math.Sign(end - peak), inside = peak, step = 1;
        while ((end - inside) * sign > 0)
        {
            double next = inside + sign * Math.Min(step, Math.Abs(end - inside));
            if (LogAt(component, next, parameters) >= least)
            {
                inside = next;
                step *= 2;
            }
            else if (step <= 1) break;
            else step = Math.Max(1, Math.Floor(Math.Min(step, Math.Abs(end - inside)) / 2));
        }
        return inside;
    }
}
