namespace Spn.Core.Plans;

/// <summary>A family of densities of one variable: K components with their own parameters.</summary>
public abstract class InputFamily
{
    /// <summary>Sets the number of components.</summary>
    protected InputFamily(int components) => Components = components;

    /// <summary>Number of components K.</summary>
    public int Components { get; }

    /// <summary>Parameters of one variable (all components together).</summary>
    public abstract int ParameterCount { get; }

    /// <summary>Number of values of the variable, 0 to States - 1, or null for a real variable.</summary>
    public abstract int? States { get; }

    /// <summary>The values that are accepted, in words.</summary>
    public string Domain => States is int states ? $"an integer from 0 to {states - 1}" : "a finite number";

    /// <summary>Whether a value lies in the domain.</summary>
    public bool Accepts(float value) =>
        States is int states ? value >= 0 && value < states && value == MathF.Floor(value) : float.IsFinite(value);

    /// <summary>Logarithm of the density (or probability) of a value, in nats.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="value">A value in the domain.</param>
    /// <param name="parameters">The parameters of the variable, <see cref="ParameterCount"/> long.</param>
    public abstract double LogDensity(int component, float value, ReadOnlySpan<double> parameters);

    /// <summary>Adds flow times the gradient of the log-density by the parameters.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="value">A value in the domain.</param>
    /// <param name="flow">The factor.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="gradient">Receives the gradient, laid out as the parameters.</param>
    public abstract void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient);

    /// <summary>Starting parameters.</summary>
    /// <param name="random">Source of randomness.</param>
    /// <param name="parameters">Receives them.</param>
    public abstract void Initialise(RandomStream random, Span<float> parameters);

    /// <summary>Starting parameters that suit observed values; by default the same as without values.</summary>
    /// <param name="random">Source of randomness.</param>
    /// <param name="values">Observed values of the variable, not empty.</param>
    /// <param name="parameters">Receives them.</param>
    public virtual void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters) => Initialise(random, parameters);
}

/// <summary>See <see cref="IndicatorInput"/>.</summary>
public sealed class IndicatorFamily(int states) : InputFamily(states)
{
    /// <inheritdoc/>
    public override int ParameterCount => 0;

    /// <inheritdoc/>
    public override int? States => Components;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters) =>
        (int)value == component ? 0 : double.NegativeInfinity;

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient) { }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters) { }
}

/// <summary>See <see cref="BernoulliInput"/>. Parameters: [component] logits.</summary>
public sealed class BernoulliFamily(int components) : InputFamily(components)
{
    /// <inheritdoc/>
    public override int ParameterCount => Components;

    /// <inheritdoc/>
    public override int? States => 2;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        double towards = value != 0 ? parameters[component] : -parameters[component];
        return towards >= 0 ? -Math.Log(1 + Math.Exp(-towards)) : towards - Math.Log(1 + Math.Exp(towards));
    }

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
public sealed class CategoricalFamily(int components, int states) : InputFamily(components)
{
    /// <inheritdoc/>
    public override int ParameterCount => Components * states;

    /// <inheritdoc/>
    public override int? States => states;

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * states, states);
        return logits[(int)value] - LogSum.Of(logits);
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        ReadOnlySpan<double> logits = parameters.Slice(component * states, states);
        double total = LogSum.Of(logits);
        for (int s = 0; s < states; s++)
            gradient[component * states + s] += flow * ((s == (int)value ? 1 : 0) - Math.Exp(logits[s] - total));
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] = random.NextSingle();
    }
}

/// <summary>See <see cref="GaussianInput"/>. Parameters: [component] means if learned, then [component] log standard deviations if learned.</summary>
public sealed class GaussianFamily(int components, IReadOnlyList<double>? fixedMeans, IReadOnlyList<double>? fixedVariances) : InputFamily(components)
{
    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    private int DeviationOffset => fixedMeans is null ? Components : 0;

    /// <inheritdoc/>
    public override int ParameterCount => (fixedMeans is null ? Components : 0) + (fixedVariances is null ? Components : 0);

    /// <inheritdoc/>
    public override int? States => null;

    /// <summary>Mean of a component.</summary>
    public double Mean(int component, ReadOnlySpan<double> parameters) => fixedMeans?[component] ?? parameters[component];

    /// <summary>Logarithm of a component's standard deviation.</summary>
    public double LogDeviation(int component, ReadOnlySpan<double> parameters) =>
        fixedVariances is null ? parameters[DeviationOffset + component] : 0.5 * Math.Log(fixedVariances[component]);

    /// <inheritdoc/>
    public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
    {
        double logDeviation = LogDeviation(component, parameters);
        double z = (value - Mean(component, parameters)) * Math.Exp(-logDeviation);
        return -0.5 * z * z - logDeviation - HalfLogTwoPi;
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        double precision = Math.Exp(-LogDeviation(component, parameters));
        double z = (value - Mean(component, parameters)) * precision;
        if (fixedMeans is null) gradient[component] += flow * z * precision;
        if (fixedVariances is null) gradient[DeviationOffset + component] += flow * (z * z - 1);
    }

    /// <inheritdoc/>
    public override void Initialise(RandomStream random, Span<float> parameters)
    {
        if (fixedMeans is null)
            for (int k = 0; k < Components; k++) parameters[k] = (float)random.NextNormal();
        if (fixedVariances is null) parameters[DeviationOffset..].Clear();
    }

    /// <inheritdoc/>
    public override void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters)
    {
        double mean = 0, square = 0;
        foreach (float v in values) mean += v;
        mean /= values.Length;
        foreach (float v in values) square += (v - mean) * (v - mean);
        double deviation = Math.Max(Math.Sqrt(square / values.Length), 1e-3);
        if (fixedMeans is null)
            for (int k = 0; k < Components; k++) parameters[k] = values[random.NextInt(values.Length)];
        if (fixedVariances is null) parameters[DeviationOffset..].Fill((float)Math.Log(deviation));
    }
}
