namespace Spn.Core.Plans;

/// <summary>See <see cref="BinomialInput"/>. Parameters: [component] logits of the probability of a success.</summary>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
/// <param name="trials">Number of trials, at least 1.</param>
public sealed class BinomialFamily(int components, Init init, int trials) : CountFamily(components, init, new ParameterRange(-16, 16))
{
    /// <inheritdoc/>
    public override ValueDomain Domain { get; } = ValueDomain.CountsTo(trials);

    /// <inheritdoc/>
    protected override int Sufficient => 1;

    /// <summary>Probabilities of a success and of a failure.</summary>
    private (double P, double Q) Of(int component, ReadOnlySpan<double> parameters)
    {
        double logit = Read(0, component, parameters);
        return (1 / (1 + Math.Exp(-logit)), 1 / (1 + Math.Exp(logit)));
    }

    internal override bool HasLines => true;

    internal override double Common(int x) =>
        SpecialFunctions.LogGamma(trials + 1.0) - SpecialFunctions.LogGamma(x + 1.0) - SpecialFunctions.LogGamma(trials - x + 1.0);

    internal override (double Slope, double Offset)? Line(int component, ReadOnlySpan<double> parameters) =>
        IsInside(0, component, parameters) ? (Read(0, component, parameters), trials * Math.Log(Of(component, parameters).Q)) : null;

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double p, double q) = Of(component, parameters);
        return x == 0 ? trials * Math.Log(q)
            : x == trials ? trials * Math.Log(p)
            : SpecialFunctions.LogBetaTerm(x, trials - x, p, q) + Math.Log(trials / (x * (trials - x)));
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes) => slopes[0] = x - trials * Of(component, parameters).P;

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        if (x >= trials) return (0, double.NegativeInfinity);
        (double p, double q) = Of(component, parameters);
        return SpecialFunctions.LogBetaTails(trials - x, x + 1, q, p);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        (double p, double q) = Of(component, parameters);
        return (trials * p, trials * p * q);
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters) => Math.Floor((trials + 1.0) * Of(component, parameters).P);

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to) => to[0] = x;

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to) => to[0] = trials * Of(component, parameters).P;

    /// <inheritdoc/>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters) => Match(component, means[0], 0, parameters);

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        mean = Math.Clamp(mean, 0, trials);
        Write(0, component, Math.Log(mean) - Math.Log(trials - mean), parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random) => (trials / (1 + Math.Exp(-random.NextNormal())), 0);
}
