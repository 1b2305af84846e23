namespace Spn.Core.Plans;

/// <summary>See <see cref="PoissonInput"/>. Parameters: [component] logarithms of rates.</summary>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
public sealed class PoissonFamily(int components, Init init) : CountFamily(components, init, new ParameterRange(-20, 20))
{
    /// <inheritdoc/>
    public override ValueDomain Domain => ValueDomain.Counts;

    /// <inheritdoc/>
    protected override int Sufficient => 1;

    private double Rate(int component, ReadOnlySpan<double> parameters) => Math.Exp(Read(0, component, parameters));

    internal override bool HasLines => true;

    internal override double Common(int x) => -SpecialFunctions.LogGamma(x + 1.0);

    internal override (double Slope, double Offset)? Line(int component, ReadOnlySpan<double> parameters) =>
        IsInside(0, component, parameters) ? (Read(0, component, parameters), -Rate(component, parameters)) : null;

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        double rate = Rate(component, parameters);
        return x == 0 ? -rate : SpecialFunctions.LogGammaTerm(x, rate) - Math.Log(x);
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes) => slopes[0] = x - Rate(component, parameters);

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double below, double above) = SpecialFunctions.LogGammaTails(x + 1, Rate(component, parameters));
        return (above, below);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters) => (Rate(component, parameters), Rate(component, parameters));

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters) => Math.Floor(Rate(component, parameters));

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to) => to[0] = x;

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to) => to[0] = Rate(component, parameters);

    /// <inheritdoc/>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters) => Write(0, component, Math.Log(means[0]), parameters);

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters) => Write(0, component, Math.Log(mean), parameters);

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random) => (Math.Exp(1 + random.NextNormal()), 1);
}
