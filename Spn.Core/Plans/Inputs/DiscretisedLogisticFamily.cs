namespace Spn.Core.Plans;

/// <summary>
/// See <see cref="DiscretisedLogisticInput"/>. Parameters: [component] locations counted from the middle of the values, then
/// [component] logarithms of scales; the unit of both is half of the largest value.
/// </summary>
/// <remarks>No sufficient statistics of fixed number.</remarks>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
/// <param name="states">Number of values, at least 2.</param>
/// <param name="leastDeviation">Least scale, in units.</param>
public sealed class DiscretisedLogisticFamily(int components, Init init, int states, double leastDeviation)
    : CountFamily(components, init, new(-20, 20), new(Math.Log(leastDeviation), Math.Log(1e3)))
{
    private readonly double unit = 0.5 * (states - 1);

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
