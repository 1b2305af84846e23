using System.Buffers;

namespace Spn.Core.Plans;

/// <summary>
/// See <see cref="DiscretisedLogisticInput"/>. Parameters: [component] locations counted from the middle of the values, then
/// [component] logarithms of scales; the unit of both is half of the largest value.
/// </summary>
/// <remarks>
/// The probability of a value is sigmoid(h) sigmoid(-l) (1 - exp(l - h)), where h and l are the bounds of its piece in scales from the
/// location. A sigmoid is a mixture of normal densities of its argument: exp(z / 2 - pull z^2 / 2) with a pull that follows a Polya-gamma
/// distribution, whose mean is <see cref="Pull(double)"/>. With the pulls as what is hidden, the expected log-likelihood is concave in the inverse
/// of the scale and the location over the scale, and expectation maximisation needs five sums.
/// Source: Polson, Scott and Windle 2013, section 2; Scott and Sun 2013 for expectation maximisation.
/// Statistics: [component] flow, flow of the first and of the last value, pull, pull b, pull b^2, the latter summed over the bounds b of the
/// pieces, counted as locations are; pulls are those under the parameters that are at hand when a value is added.
/// </remarks>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
/// <param name="states">Number of values, at least 2.</param>
/// <param name="leastDeviation">Least scale, in units.</param>
public sealed class DiscretisedLogisticFamily(int components, Init init, int states, double leastDeviation)
    : CountFamily(components, init, new(-Farthest, Farthest), new(Math.Log(leastDeviation), Math.Log(MostScale)))
{
    /// <summary>Locations stay this near to the middle, in units.</summary>
    private const double Farthest = 20;

    /// <summary>Largest scale, in units.</summary>
    private const double MostScale = 1e3;

    private readonly double unit = 0.5 * (states - 1);

    /// <summary>Inverses of the largest and the least scale.</summary>
    private readonly (double Least, double Most) rates = (1 / MostScale, 1 / leastDeviation);

    /// <inheritdoc/>
    public override ValueDomain Domain { get; } = ValueDomain.CountsTo(states - 1);

    /// <inheritdoc/>
    /// <remarks>The first and the last value hold the whole tails.</remarks>
    protected override bool HasOnePeak => false;

    private (double Location, double Scale) Of(int component, ReadOnlySpan<double> parameters) =>
        (unit * (1 + Read(0, component, parameters)), unit * Math.Exp(Read(1, component, parameters)));

    /// <summary>The bounds of a value's piece of the logistic distribution, in scales from the location.</summary>
    private (double Low, double High) Piece(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double location, double scale) = Of(component, parameters);
        return (x <= 0 ? double.NegativeInfinity : (x - 0.5 - location) / scale, x >= states - 1 ? double.PositiveInfinity : (x + 0.5 - location) / scale);
    }

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double low, double high) = Piece(component, x, parameters);
        // sigmoid(h) - sigmoid(l) = sigmoid(h) sigmoid(-l) (1 - exp(l - h)), where nothing cancels.
        return LogSigmoid(high) + LogSigmoid(-low) + (double.IsInfinity(low) || double.IsInfinity(high) ? 0 : Precise.LogOneMinusExp(low - high));
    }

    /// <inheritdoc/>
    public override void LogDensities(int component, ReadOnlySpan<double> parameters, Span<double> logs)
    {
        int count = states - 1;
        double[] memory = ArrayPool<double>.Shared.Rent(2 * count);
        Span<double> bounds = memory.AsSpan(0, count), sums = memory.AsSpan(count, count);
        FindBounds(component, parameters, bounds, sums);
        Bulk.Move(sums, 1, 1);
        Bulk.Log(sums);
        double inner = Precise.LogOneMinusExp(-1 / Of(component, parameters).Scale), below = 0;
        for (int x = 0; x < count; x++)
        {
            // Logarithms of the probabilities up to the bound above the value and, for the next value, above it.
            logs[x] = below + Math.Min(bounds[x], 0) - sums[x];
            below = inner - Math.Max(bounds[x], 0) - sums[x];
        }
        logs[count] = below - inner;
        ArrayPool<double>.Shared.Return(memory);
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes)
    {
        (double low, double high) = Piece(component, x, parameters);
        double scale = Of(component, parameters).Scale, between = double.IsInfinity(low) || double.IsInfinity(high) ? 0 : 1 / Precise.ExpMinusOne(high - low);
        double byHigh = double.IsInfinity(high) ? 0 : Sigmoid(-high) + between, byLow = double.IsInfinity(low) ? 0 : -Sigmoid(low) - between;
        slopes[0] = -(byHigh + byLow) * unit / scale;
        slopes[1] = -(byHigh == 0 ? 0 : byHigh * high) - (byLow == 0 ? 0 : byLow * low);
    }

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        double high = Piece(component, x, parameters).High;
        return (LogSigmoid(high), LogSigmoid(-high));
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        // Sums over the tails: E x = sum of P(x > k), E x^2 = sum of (2k + 1) P(x > k).
        (double location, double scale) = Of(component, parameters);
        double mean = 0, square = 0;
        for (int k = 0; k < states - 1; k++)
        {
            double above = Sigmoid((location - k - 0.5) / scale);
            mean += above;
            square += (2 * k + 1) * above;
        }
        return (mean, Math.Max(square - mean * mean, 0));
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters) => Math.Clamp(Math.Round(Of(component, parameters).Location), 0, states - 1);

    /// <inheritdoc/>
    protected override int Sufficient => 5;

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to)
    {
        (double low, double high) = Piece(component, x, parameters);
        to.Clear();
        if (double.IsInfinity(low)) to[0] = 1;
        else AddPull(Pull(low), (x - 0.5) / unit - 1, to[2..]);
        if (double.IsInfinity(high)) to[1] = 1;
        else AddPull(Pull(high), (x + 0.5) / unit - 1, to[2..]);
    }

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to)
    {
        double[] memory = ArrayPool<double>.Shared.Rent(states);
        Span<double> shares = memory.AsSpan(0, states);
        LogDensities(component, parameters, shares);
        Bulk.Exp(shares);
        to.Clear();
        AddSufficient(component, shares, parameters, to);
        ArrayPool<double>.Shared.Return(memory);
    }

    /// <inheritdoc/>
    public override void AddStatistics(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        Span<double> own = statistics.Slice(component * (1 + Sufficient), 1 + Sufficient);
        own[0] += Bulk.Sum(flows);
        AddSufficient(component, flows, parameters, own[1..]);
    }

    /// <summary>Adds the sufficient statistics of all values, each times its flow: two values share each bound.</summary>
    private void AddSufficient(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> to)
    {
        int count = states - 1;
        double[] memory = ArrayPool<double>.Shared.Rent(2 * count);
        Span<double> bounds = memory.AsSpan(0, count), powers = memory.AsSpan(count, count);
        FindBounds(component, parameters, bounds, powers);
        to[0] += flows[0];
        to[1] += flows[count];
        for (int i = 0; i < count; i++)
            if (flows[i] + flows[i + 1] is var flow && flow != 0) AddPull(flow * Pull(bounds[i], powers[i]), (i + 0.5) / unit - 1, to[2..]);
        ArrayPool<double>.Shared.Return(memory);
    }

    /// <summary>Writes the bounds between the values, in scales from the location, and exp(-|bound|).</summary>
    private void FindBounds(int component, ReadOnlySpan<double> parameters, Span<double> bounds, Span<double> powers)
    {
        (double location, double scale) = Of(component, parameters);
        for (int i = 0; i < bounds.Length; i++) powers[i] = -Math.Abs(bounds[i] = (i + 0.5 - location) / scale);
        Bulk.Exp(powers);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// With t the inverse of the scale and m = t location: the largest of inner log(2 sinh(width t / 2)) + (first + last) edge t / 2
    /// + (last - first) m / 2 - (squared t^2 - 2 pulled t m + pull m^2) / 2, where edge is the bound of the first value.
    /// </remarks>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters)
    {
        const double tiny = 1e-9;
        (double first, double last, double pull, double pulled, double squared) = (means[0], means[1], means[2], means[3], means[4]);
        double inner = Math.Max(1 - first - last, 0), edge = 0.5 / unit - 1, mean = pulled / pull, variance = squared - pulled * mean;
        // Values at one end only say nothing of the scale.
        double rate = inner < tiny && variance < tiny * pull
            ? Math.Exp(-Read(1, component, parameters))
            : Rate(inner, 0.5 * ((first + last) * edge + (last - first) * mean), variance);
        double location = mean + 0.5 * (last - first) / (pull * rate);
        if (Math.Abs(location) > Farthest)
        {
            // The largest lies on the border that was crossed, where m = t location.
            location = Math.CopySign(Farthest, location);
            rate = Rate(inner, 0.5 * ((first + last) * edge + (last - first) * location), squared - location * (2 * pulled - location * pull));
        }
        Write(0, component, location, parameters);
        Write(1, component, -Math.Log(rate), parameters);
    }

    /// <summary>The t in range at which inner log(2 sinh(width t / 2)) + slope t - curvature t^2 / 2 is largest.</summary>
    private double Rate(double inner, double slope, double curvature)
    {
        const int mostSteps = 100; // A dozen are common.
        curvature = Math.Max(curvature, 0);
        double half = 0.5 / unit, root = Math.Sqrt(slope * slope + 4 * inner * curvature);
        // The derivative of the logarithm is at least 1 / t: with that for it the largest is to the left, and Newton's steps from there go right.
        double t = Math.Max(slope > 0 ? (slope + root) / (2 * curvature) : 2 * inner / (root - slope), rates.Least);
        for (int i = 0; i < mostSteps && t < rates.Most; i++)
        {
            double bend = half / Math.Tanh(half * t), step = (inner * bend + slope - curvature * t) / (inner * (bend * bend - half * half) + curvature);
            if (!(step > 1e-12 * t)) break;
            t += step;
        }
        return Math.Min(t, rates.Most);
    }

    private static void AddPull(double pull, double bound, Span<double> to)
    {
        to[0] += pull;
        to[1] += pull * bound;
        to[2] += pull * bound * bound;
    }

    /// <summary>Expectation of the inverse of the variance that a sigmoid at z is a mixture over: tanh(z / 2) / (2 z).</summary>
    /// <param name="z">Where.</param>
    /// <param name="power">exp(-|z|)</param>
    private static double Pull(double z, double power) => Math.Abs(z) < 1e-3 ? 0.25 - z * z / 48 : 0.5 * (1 - power) / ((1 + power) * Math.Abs(z));

    private static double Pull(double z) => Pull(z, Math.Exp(-Math.Abs(z)));

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        Write(0, component, mean / unit - 1, parameters);
        // The variance of a logistic distribution is pi^2 / 3 times the square of its scale.
        Write(1, component, variance > 0 ? 0.5 * Math.Log(3 * variance) - Math.Log(Math.PI * unit) : Math.Log(0.1), parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random) => (unit * (1 + 0.5 * random.NextNormal()), 0.25 * unit * unit);

    private static double Sigmoid(double z) => 1 / (1 + Math.Exp(-z));

    private static double LogSigmoid(double z) => z >= 0 ? -Precise.LogOnePlus(Math.Exp(-z)) : z - Precise.LogOnePlus(Math.Exp(z));
}
