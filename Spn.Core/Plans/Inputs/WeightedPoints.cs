namespace Spn.Core.Plans;

/// <summary>A distribution as points with weights that add to 1: all its values, or nodes of a quadrature that is as good.</summary>
internal sealed class WeightedPoints
{
    /// <summary>What falls further below the largest density, in nats, is below rounding.</summary>
    public const double Depth = 45;

    /// <summary>Pieces on either side of the largest density; they are finer near it.</summary>
    private const int Pieces = 24;

    private static readonly (double At, double Weight)[] nodes = GaussLegendre(12);

    private readonly List<(double Value, double Weight)> points = []; // first with logarithms of the weights

    /// <summary>The points; weights add to 1 once <see cref="Normalise"/> was called.</summary>
    public IReadOnlyList<(double Value, double Weight)> Points => points;

    /// <summary>Whether the points are the values themselves, in ascending order.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>Logarithm of what the weights added to.</summary>
    public double LogMass { get; private set; }

    /// <summary>Adds a value.</summary>
    public void Add(double value, double logWeight) => points.Add((value, logWeight));

    /// <summary>Adds the nodes of an integral from low to high of a density that falls on either side of its largest value.</summary>
    /// <param name="low">Lower bound, which may be infinite.</param>
    /// <param name="high">Upper bound, which may be infinite.</param>
    /// <param name="peak">Where the density is largest.</param>
    /// <param name="logDensity">Its logarithm.</param>
    /// <param name="value">The value that stands at a place of the line.</param>
    public void Integrate(double low, double high, double peak, Func<double, double> logDensity, Func<double, double> value)
    {
        IsExact = false;
        double start = Math.Clamp(peak, low, high), most = logDensity(start);
        foreach (int sign in (ReadOnlySpan<int>)[-1, 1])
        {
            double from = start, end = sign < 0 ? low : high, step = 0.01;
            for (int piece = 1; piece <= Pieces && from != end; piece++)
            {
                double least = most - Depth * Math.Pow((double)piece / Pieces, 3);
                double to = Fall(from, end, sign, ref step, least, logDensity);
                double middle = 0.5 * (from + to), half = 0.5 * Math.Abs(to - from), logHalf = Math.Log(half);
                if (half > 0)
                    foreach ((double at, double weight) in nodes)
                        if (logDensity(middle + half * at) is > double.NegativeInfinity and var log)
                            points.Add((value(middle + half * at), log + logHalf + Math.Log(weight)));
                from = to;
            }
        }
    }

    /// <summary>Makes the weights add to 1 and keeps what they added to.</summary>
    public WeightedPoints Normalise()
    {
        double most = double.NegativeInfinity, sum = 0;
        foreach ((_, double log) in points) most = Math.Max(most, log);
        LogMass = most;
        if (double.IsNegativeInfinity(most))
        {
            points.Clear();
            return this;
        }
        foreach ((_, double log) in points) sum += Math.Exp(log - most);
        for (int i = 0; i < points.Count; i++) points[i] = (points[i].Value, Math.Exp(points[i].Weight - most) / sum);
        LogMass = most + Math.Log(sum);
        return this;
    }

    /// <summary>Mean, and second moment about a centre.</summary>
    public (double Mean, double Square) Moments(double centre)
    {
        double mean = 0, square = 0;
        foreach ((double x, double weight) in points)
        {
            mean += weight * x;
            square += weight * (x - centre) * (x - centre);
        }
        return (mean, square);
    }

    /// <summary>About where, going away from the largest value, a function has fallen to a level; the end when it does not.</summary>
    private static double Fall(double from, double end, int sign, ref double step, double level, Func<double, double> f)
    {
        double inside = from, outside = from + sign * step;
        for (; (end - outside) * sign > 0 && f(outside) > level; outside = inside + sign * step)
        {
            inside = outside;
            step *= 2;
        }
        if (!((end - outside) * sign > 0))
        {
            if (double.IsFinite(end) && f(end) > level) return end;
            outside = end;
        }
        for (int i = 0; i < 6; i++)
        {
            double middle = 0.5 * (inside + outside);
            if (f(middle) > level) inside = middle;
            else outside = middle;
        }
        step = Math.Max(Math.Abs(outside - from), 1e-12);
        return outside;
    }

    private static (double At, double Weight)[] GaussLegendre(int count)
    {
        var result = new (double, double)[count];
        for (int i = 0; i < count; i++)
        {
            // Newton's steps to a root of the Legendre polynomial.
            double x = Math.Cos(Math.PI * (i + 0.75) / (count + 0.5)), slope = 0;
            for (int step = 0; step < 20; step++)
            {
                double before = 1, own = x;
                for (int n = 2; n <= count; n++) (before, own) = (own, ((2 * n - 1) * x * own - (n - 1) * before) / n);
                slope = count * (before - x * own) / (1 - x * x);
                x -= own / slope;
            }
            result[i] = (x, 2 / ((1 - x * x) * slope * slope));
        }
        return result;
    }
}
