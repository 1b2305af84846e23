namespace Spn.Core.Plans;

/// <summary>See <see cref="IndicatorInput"/>.</summary>
public sealed class IndicatorFamily(int states) : DiscreteFamily(states, states)
{
    /// <inheritdoc/>
    public override int ParameterCount => 0;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters) =>
        (int)value == component ? 0 : double.NegativeInfinity;

    /// <inheritdoc/>
    public override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters) => component;

    /// <inheritdoc/>
    public override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters) => component;

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient) { }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters) { }
}

/// <summary>See <see cref="BernoulliInput"/>. Parameters: [component] logits.</summary>
public sealed class BernoulliFamily(int components) : DiscreteFamily(components, 2)
{
    /// <inheritdoc/>
    public override int ParameterCount => Components;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        double towards = value != 0 ? parameters[component] : -parameters[component];
        return towards >= 0 ? -Math.Log(1 + Math.Exp(-towards)) : towards - Math.Log(1 + Math.Exp(towards));
    }

    /// <inheritdoc/>
    public override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters) =>
        within is null ? (share * (1 + Math.Exp(parameters[component])) < 1 ? 0 : 1) : base.Quantile(component, within, share, parameters);

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient) =>
        gradient[component] += flow * (value - 1 / (1 + Math.Exp(-parameters[component])));

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] = 2 * random.NextSingle() - 1;
    }
}

/// <summary>See <see cref="CategoricalInput"/>. Parameters: [component, state] logits.</summary>
public sealed class CategoricalFamily(int components, int states) : DiscreteFamily(components, states)
{
    /// <inheritdoc/>
    public override int ParameterCount => Components * Values;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * Values, Values);
        return logits[(int)value] - LogSum.Of(logits);
    }

    /// <inheritdoc/>
    public override void LogDensities(int component, ReadOnlySpan<double> parameters, Span<double> logs)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * Values, Values);
        double total = LogSum.Of(logits);
        for (int s = 0; s < Values; s++) logs[s] = logits[s] - total;
    }

    /// <inheritdoc/>
    public override void AddGradients(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * Values, Values);
        double total = LogSum.Of(logits), all = 0;
        foreach (double flow in flows) all += flow;
        for (int s = 0; s < Values; s++) gradient[component * Values + s] += flows[s] - all * Math.Exp(logits[s] - total);
    }

    /// <inheritdoc/>
    public override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        if (within is not null) return base.Quantile(component, within, share, parameters);
        ReadOnlySpan<double> logits = parameters.Slice(component * Values, Values);
        double total = LogSum.Of(logits), left = share;
        for (int s = 0; s < Values; s++)
            if ((left -= Math.Exp(logits[s] - total)) < 0) return s;
        return Values - 1;
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * Values, Values);
        double total = LogSum.Of(logits);
        for (int s = 0; s < Values; s++)
            gradient[component * Values + s] += flow * ((s == (int)value ? 1 : 0) - Math.Exp(logits[s] - total));
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] = random.NextSingle();
    }
}
