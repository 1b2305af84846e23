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
/// <remarks>Statistics: [component] flow, flow of 1.</remarks>
public sealed class BernoulliFamily(int components) : DiscreteFamily(components, 2)
{
    /// <summary>Largest logit that an M-step sets: that of the probability next to 1.</summary>
    private const double MostLogit = 37;

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
    public override int StatisticCount => 2 * Components;

    /// <inheritdoc/>
    public override void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        statistics[2 * component] += flow;
        statistics[2 * component + 1] += flow * value;
    }

    /// <inheritdoc/>
    public override void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        for (int k = 0; k < Components; k++) (statistics[2 * k], statistics[2 * k + 1]) = (1, 1 / (1 + Math.Exp(-parameters[k])));
    }

    /// <inheritdoc/>
    public override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        for (int k = 0; k < Components; k++)
        {
            (double flow, double ones) = (statistics[2 * k], statistics[2 * k + 1]);
            if (flow > 0) parameters[k] = Math.Clamp(Math.Log(Math.Max(ones, 0) / Math.Max(flow - ones, 0)), -MostLogit, MostLogit);
        }
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] = 2 * random.NextSingle() - 1;
    }
}

/// <summary>See <see cref="CategoricalInput"/>. Parameters: [component, state] logits.</summary>
/// <remarks>Statistics: [component] flow, then the flow of every state.</remarks>
public sealed class CategoricalFamily(int components, int states) : DiscreteFamily(components, states)
{
    /// <summary>Smallest probability that an M-step sets: its logarithm must be a number.</summary>
    private const double Least = 1e-16;

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
    public override int StatisticCount => Components * (1 + Values);

    /// <inheritdoc/>
    public override void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        Span<double> own = statistics.Slice(component * (1 + Values), 1 + Values);
        own[0] += flow;
        own[1 + (int)value] += flow;
    }

    /// <inheritdoc/>
    public override void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        for (int k = 0; k < Components; k++)
        {
            Span<double> own = statistics.Slice(k * (1 + Values), 1 + Values);
            own[0] = 1;
            WeightProgram.Softmax(parameters.Slice(k * Values, Values), own[1..]);
        }
    }

    /// <inheritdoc/>
    public override void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters)
    {
        for (int k = 0; k < Components; k++)
        {
            ReadOnlySpan<double> own = statistics.Slice(k * (1 + Values), 1 + Values);
            if (!(own[0] > 0)) continue;
            for (int s = 0; s < Values; s++) parameters[k * Values + s] = Math.Log(Math.Max(own[1 + s] / own[0], Least));
        }
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] = random.NextSingle();
    }
}
