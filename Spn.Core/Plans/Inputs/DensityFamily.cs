namespace Spn.Core.Plans;

/// <summary>Densities of a real variable on a part of the line, given by their tails; see <see cref="TailFamily"/>.</summary>
/// <remarks>
/// Integrals run over the logarithm of x where the domain begins at 0, and over log(x / (1 - x)) where it is the unit interval: the
/// densities of these have one peak and no poles.
/// </remarks>
public abstract class DensityFamily : TailFamily
{
    /// <summary>A set that holds less than this share of the tail beside it, in nats, is integrated: a difference of tails would lose its digits.</summary>
    private const double Narrow = -0.1;

    /// <summary>Inside such a thin slice of a tail the density falls evenly.</summary>
    private const double Thin = -7;

    /// <summary>Sets the number of components, how they start, and the range of each parameter of a component.</summary>
    protected DensityFamily(int components, Init init, params ParameterRange[] ranges) : base(components, init, ranges) { }

    private bool IsUnit => Domain.High == 1;

    /// <summary>Where the density over the line of integration is largest; at the mean unless overridden.</summary>
    protected virtual double LinePeak(int component, ReadOnlySpan<double> parameters) => ToLine(Moments(component, parameters).Mean);

    /// <summary>The place of a value on the line.</summary>
    private double ToLine(double x) => x <= Domain.Low ? double.NegativeInfinity : x >= Domain.High ? double.PositiveInfinity : IsUnit ? Math.Log(x / (1 - x)) : Math.Log(x);

    private double FromLine(double t) => IsUnit ? Math.Min(1 / (1 + Math.Exp(-t)), Math.BitDecrement(1.0)) : Math.Exp(t);

    /// <summary>Logarithm of the density over the line of integration.</summary>
    protected virtual double OnLine(int component, double t, ReadOnlySpan<double> parameters)
    {
        double x = FromLine(t);
        return LogAt(component, x, parameters) + (IsUnit ? Math.Log(x) + Math.Log(1 - x) : t);
    }

    private protected sealed override WeightedPoints PointsIn(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        var set = (Interval?)within;
        var points = new WeightedPoints();
        double[] own = parameters.ToArray();
        if (set is null || Domain.Meets(set))
            points.Integrate(ToLine(set?.Low ?? Domain.Low), ToLine(set?.High ?? Domain.High), LinePeak(component, parameters), t => OnLine(component, t, own), FromLine);
        return points.Normalise();
    }

    private protected sealed override double LogBetween(int component, Interval within, ReadOnlySpan<double> parameters)
    {
        bool fromStart = within.Low <= Domain.Low, toEnd = within.High >= Domain.High;
        if (fromStart) return toEnd ? 0 : LogTails(component, within.High, parameters).Below;
        (double below, double above) = LogTails(component, within.Low, parameters);
        if (toEnd) return above;
        (double belowHigh, double aboveHigh) = LogTails(component, within.High, parameters);
        // The lesser tails have the digits.
        (double outer, double inner) = belowHigh <= above ? (belowHigh, below) : (above, aboveHigh);
        return inner - outer > Narrow || double.IsNegativeInfinity(outer) ? PointsIn(component, within, parameters).LogMass : outer + Precise.LogOneMinusExp(inner - outer);
    }

    /// <inheritdoc/>
    public sealed override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        // A uniform number may be 0, which stands for the numbers up to the next one and not for the end of the domain.
        share = Math.Clamp(share, 1e-17, 1 - 1.2e-16);
        var set = (Interval?)Plain(within);
        double low = ToLine(set?.Low ?? Domain.Low), high = ToLine(set?.High ?? Domain.High);
        double total = set is null ? 0 : LogBetween(component, set, parameters);
        double before = double.IsInfinity(low) ? double.NegativeInfinity : LogTails(component, FromLine(low), parameters).Below;
        double after = double.IsInfinity(high) ? double.NegativeInfinity : LogTails(component, FromLine(high), parameters).Above;
        double below = Precise.LogAdd(before, total + Math.Log(share)), above = Precise.LogAdd(after, total + Math.Log(1 - share));
        bool fromBelow = below <= above;
        double t = total - (fromBelow ? before : after) < Thin && double.IsFinite(low) && double.IsFinite(high)
            ? Slice(component, low, high, share, parameters)
            : Solve(component, low, high, fromBelow ? below : above, fromBelow, parameters);
        return Domain.Nearest(FromLine(t), set);
    }

    /// <summary>The quantile of a density whose logarithm is a straight line between two places.</summary>
    private double Slice(int component, double low, double high, double share, ReadOnlySpan<double> parameters)
    {
        double width = high - low, rise = OnLine(component, high, parameters) - OnLine(component, low, parameters);
        return low + width * (Math.Abs(rise) < 1e-9 ? share : Precise.LogOnePlus(share * Precise.ExpMinusOne(rise)) / rise);
    }

    /// <summary>The place at which the logarithm of the tail below, or above, has a value.</summary>
    private double Solve(int component, double low, double high, double target, bool below, ReadOnlySpan<double> parameters)
    {
        double t = Math.Clamp(LinePeak(component, parameters), low, high), step = 1;
        // Bounds first; then Newton's steps, which stay between them.
        double left = t, right = t;
        while (left > low && Beyond(left, parameters)) left = Math.Max(low, left - (step *= 2));
        step = 1;
        while (right < high && !Beyond(right, parameters)) right = Math.Min(high, right + (step *= 2));
        for (int i = 0; i < 100 && right - left > 1e-13 * (1 + Math.Abs(t)); i++)
        {
            double tail = Tail(t, parameters);
            if (tail > target == below) right = t;
            else left = t;
            double move = (target - tail) / Math.Exp(OnLine(component, t, parameters) - tail) * (below ? 1 : -1);
            double next = t + move;
            next = next > left && next < right ? next : 0.5 * (left + right);
            if (Math.Abs(next - t) < 1e-14 * (1 + Math.Abs(t))) return next;
            t = next;
        }
        return t;

        double Tail(double at, ReadOnlySpan<double> parameters)
        {
            (double down, double up) = LogTails(component, FromLine(at), parameters);
            return below ? down : up;
        }

        bool Beyond(double at, ReadOnlySpan<double> parameters) => Tail(at, parameters) > target == below;
    }
}
