namespace Spn.Core.Plans;

/// <summary>A family of densities of one variable: K components with their own parameters.</summary>
/// <remarks>Densities of a discrete variable derive from <see cref="DiscreteFamily"/>, which needs the probabilities only.</remarks>
public abstract class InputFamily
{
    /// <summary>Sets the number of components.</summary>
    protected InputFamily(int components) => Components = components;

    /// <summary>Number of components K.</summary>
    public int Components { get; }

    /// <summary>Parameters of one variable (all components together).</summary>
    public abstract int ParameterCount { get; }

    /// <summary>The parameters that no learner changes, by place and number: set at the start, kept in files, never trained. None unless overridden.</summary>
    public virtual (int First, int Count) Frozen => default;

    /// <summary>Whether learners change any parameter.</summary>
    public bool Learns => Frozen.Count < ParameterCount;

    /// <summary>The values of the variable.</summary>
    public abstract ValueDomain Domain { get; }

    /// <summary>Number of values of the variable, 0 to States - 1, or null where they are real or have no end.</summary>
    public int? States => Domain.States;

    /// <summary>Whether every component gives every value of its domain a probability or density above 0; where there are <see cref="States"/>, each is asked instead.</summary>
    public virtual bool IsPositive => true;

    /// <summary>Number of expectations that describe a distribution of the variable: the probability of every code, else first and second moment.</summary>
    public int Expectations => Domain.HasCodes ? Domain.States!.Value : 2;

    /// <summary>Whether a value lies in the domain.</summary>
    public bool Accepts(float value) => Domain.Contains(value);

    /// <summary>Why a set cannot be evidence, or null when it can.</summary>
    public string? Refusal(ValueSet set) => set switch
    {
        OneOf some when !Domain.IsInteger => $"{some} has probability 0 under a density; give an interval, or observe the value",
        OneOf some when some.Values.Any(v => !Accepts(v)) => $"{some} holds a value that is not {Domain}",
        Interval { Low: var low, High: var high } when !Domain.IsInteger && low == high => $"the interval from {low} to {high} has probability 0 under a density; observe the value",
        Interval { Low: > float.MaxValue } or Interval { High: < float.MinValue } when !Domain.IsInteger => $"the interval {set} holds no 32-bit number",
        Interval some when !Domain.HasCodes && !Domain.Meets(some) => $"the interval from {some} holds nothing that is {Domain}",
        Tilt { Within: { } within } => Refusal(within),
        _ => null,
    };

    /// <summary>Logarithm of the density (or probability) of a value, in nats.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="value">A value in the domain.</param>
    /// <param name="parameters">The parameters of the variable, <see cref="ParameterCount"/> long.</param>
    public abstract double LogDensity(int component, float value, ReadOnlySpan<double> parameters);

    /// <summary>Log-densities of all values of a variable that has <see cref="States"/>.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="logs">Receives them, [value].</param>
    public virtual void LogDensities(int component, ReadOnlySpan<double> parameters, Span<double> logs)
    {
        for (int s = 0; s < logs.Length; s++) logs[s] = LogDensity(component, s, parameters);
    }

    /// <summary>Adds the gradients of the log-densities of all values of a variable that has <see cref="States"/>, each times its flow.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="flows">The factors, [value].</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="gradient">Receives the gradient, laid out as the parameters.</param>
    public virtual void AddGradients(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        for (int s = 0; s < flows.Length; s++)
            if (flows[s] != 0) AddGradient(component, s, flows[s], parameters, gradient);
    }

    /// <summary>Adds flow times the gradient of the log-density by the parameters.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="value">A value in the domain.</param>
    /// <param name="flow">The factor.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="gradient">Receives the gradient, laid out as the parameters.</param>
    public abstract void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient);

    /// <summary>Length of the sufficient statistics of a variable, [component, number], equally many a component; 0 when the family has none of fixed length.</summary>
    public virtual int StatisticCount => 0;

    /// <summary>Adds flow times the sufficient statistics of a value; the first number of every component is the flow itself.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="value">A value in the domain.</param>
    /// <param name="flow">The factor, at least 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="statistics">Receives them, <see cref="StatisticCount"/> long.</param>
    public virtual void AddStatistics(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> statistics) =>
        throw new NotSupportedException($"{GetType().Name} has no sufficient statistics.");

    /// <summary>Adds the sufficient statistics of all values of a variable that has <see cref="States"/>, each times its flow.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="flows">The factors, [value], each at least 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="statistics">Receives them, <see cref="StatisticCount"/> long.</param>
    public virtual void AddStatistics(int component, ReadOnlySpan<double> flows, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        for (int s = 0; s < flows.Length; s++)
            if (flows[s] != 0) AddStatistics(component, s, flows[s], parameters, statistics);
    }

    /// <summary>Adds flow times the statistics that are expected of a value in a set.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set.</param>
    /// <param name="flow">The factor, at least 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="statistics">Receives them, <see cref="StatisticCount"/> long.</param>
    public virtual void AddStatistics(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> statistics) =>
        throw new NotSupportedException($"{GetType().Name} has no sufficient statistics.");

    /// <summary>Writes the statistics that one value is expected to add under the parameters, to every component with flow 1.</summary>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="statistics">Receives them, <see cref="StatisticCount"/> long.</param>
    public virtual void MeanStatistics(ReadOnlySpan<double> parameters, Span<double> statistics) =>
        throw new NotSupportedException($"{GetType().Name} has no sufficient statistics.");

    /// <summary>Moves the parameters to those of largest likelihood for gathered statistics: the M-step of expectation maximisation.</summary>
    /// <remarks>Frozen parameters and components without flow stay as they are.</remarks>
    /// <param name="statistics">What <see cref="AddStatistics(int, float, double, ReadOnlySpan{double}, Span{double})"/> gathered, <see cref="StatisticCount"/> long.</param>
    /// <param name="parameters">The parameters of the variable; changed in place.</param>
    public virtual void Maximise(ReadOnlySpan<double> statistics, Span<double> parameters) =>
        throw new NotSupportedException($"{GetType().Name} has no sufficient statistics.");

    /// <summary>Logarithm of the probability that the value lies in a set.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    public abstract double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters);

    /// <summary>Adds flow times the gradient of the log-probability of a set by the parameters.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set.</param>
    /// <param name="flow">The factor.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="gradient">Receives the gradient, laid out as the parameters.</param>
    public abstract void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient);

    /// <summary>A value of largest density.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set that the value must lie in, or null.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    public abstract float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters);

    /// <summary>The value below which a share of the probability lies; a uniform share makes it a random draw.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set that the value lies in, or null.</param>
    /// <param name="share">Between 0 and 1.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    public abstract float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters);

    /// <summary>Why a variable has neither mean nor variance, or null when it has both; the same for all components.</summary>
    /// <param name="within">The set that the value is known to lie in, or null.</param>
    public virtual string? NoMoments(ValueSet? within) => null;

    /// <summary>Writes the expectations of a component: the probability of every code, or first and second moment.</summary>
    /// <remarks>Where there are no moments, the value of largest density stands for the variable.</remarks>
    /// <param name="component">The component, from 0.</param>
    /// <param name="within">The set that the value is known to lie in, or null.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="centre">Where moments are counted from, near the values, so that variances keep their digits; of no use to a discrete variable.</param>
    /// <param name="to">Receives them, <see cref="Expectations"/> long.</param>
    public abstract void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to);

    /// <summary>How a component sees the logarithm of another density of the same variable.</summary>
    /// <param name="component">The component, from 0.</param>
    /// <param name="parameters">The parameters of the variable.</param>
    /// <param name="other">The other family.</param>
    /// <param name="otherComponent">Its component, from 0.</param>
    /// <param name="otherParameters">Its parameters.</param>
    /// <returns>The probability of the values that the other density allows, and the expected log-density over those; null when no formula is known.</returns>
    public abstract (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters);

    /// <summary>Starting parameters.</summary>
    /// <param name="random">Source of randomness.</param>
    /// <param name="parameters">Receives them.</param>
    public abstract void Initialise(RandomStream random, Span<float> parameters);

    /// <summary>Starting parameters that suit observed values; by default the same as without values.</summary>
    /// <param name="random">Source of randomness.</param>
    /// <param name="values">Observed values of the variable, not empty.</param>
    /// <param name="parameters">Receives them.</param>
    public virtual void InitialiseFrom(RandomStream random, ReadOnlySpan<float> values, Span<float> parameters) => Initialise(random, parameters);

    /// <summary>Where moments are counted from when a set is known: as near as may be, but inside an interval.</summary>
    internal static double CentreWithin(ValueSet? within, double centre) => within is Interval set ? Math.Clamp(centre, set.Low, set.High) : centre;

    /// <summary>Mean of a component over a set, or over all values.</summary>
    internal double Mean(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        Span<double> expectations = Expectations <= 64 ? stackalloc double[Expectations] : new double[Expectations];
        Expect(component, within, parameters, 0, expectations);
        if (!Domain.HasCodes) return expectations[0];
        double mean = 0;
        for (int s = 1; s < expectations.Length; s++) mean += s * expectations[s];
        return mean;
    }

    /// <summary>Logarithm of what a component makes of a hidden variable of which a set is known.</summary>
    internal double LogValue(int component, ValueSet within, ReadOnlySpan<double> parameters)
    {
        if (within is not Tilt tilt) return LogProbability(component, within, parameters);
        double log = tilt.Within is { } set ? LogProbability(component, set, parameters) : 0;
        return double.IsNegativeInfinity(log) ? log : log + Math.Log(Math.Max(Mean(component, tilt.Within, parameters) - tilt.Low, 0));
    }

    /// <summary>Logarithm of a component's largest density over a set, or over all values.</summary>
    internal double LogPeak(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        float mode = Mode(component, within, parameters);
        return Domain.IsInteger && within?.Contains(mode) == false ? double.NegativeInfinity : LogDensity(component, mode, parameters);
    }
}
