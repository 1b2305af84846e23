using Spn.Core.Plans;

namespace Spn.Core.Inference;

/// <summary>What evidence says of every single variable: its exact marginal distribution in each sample.</summary>
/// <remarks>Of an observed variable it says the value itself. Variables that no input reads have no distribution; none occur in circuits that compile.</remarks>
public sealed class Posterior
{
    private readonly Plan plan;
    private readonly double[] expectations; // [sample, expectation]: probabilities, or mean and variance
    private readonly int width;

    internal Posterior(Plan plan, Evidence evidence, double[] expectations)
    {
        this.plan = plan;
        this.expectations = expectations;
        Evidence = evidence;
        width = plan.ExpectationsOf[^1];
    }

    /// <summary>The evidence.</summary>
    public Evidence Evidence { get; }

    /// <summary>Number of samples.</summary>
    public int Count => Evidence.Count;

    /// <summary>Number of variables of a sample.</summary>
    public int Variables => plan.Variables;

    /// <summary>The probability of every value of a discrete variable, [value]; adds to 1.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <exception cref="ArgumentException">The variable is real: ask for its mean and variance, or for its mixture.</exception>
    public ReadOnlySpan<double> Probabilities(int sample, int variable) => IsDiscrete(variable)
        ? Own(sample, variable)
        : throw new ArgumentException($"Variable {variable} is real and has no table of probabilities; ask for Mean and Variance, or for Circuit.Mixture.", nameof(variable));

    /// <summary>Expected value of a variable; of a discrete one, of its code.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public double Mean(int sample, int variable)
    {
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return own[0];
        double mean = 0;
        for (int s = 1; s < own.Length; s++) mean += s * own[s];
        return mean;
    }

    /// <summary>Variance of a variable; of a discrete one, of its code.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public double Variance(int sample, int variable)
    {
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return own[1];
        double mean = Mean(sample, variable), sum = 0;
        for (int s = 0; s < own.Length; s++) sum += (s - mean) * (s - mean) * own[s];
        return sum;
    }

    /// <summary>The best single guess: the most probable value of a discrete variable, the mean of a real one.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public float Guess(int sample, int variable)
    {
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return (float)own[0];
        int best = 0;
        for (int s = 1; s < own.Length; s++)
            if (own[s] > own[best]) best = s;
        return best;
    }

    /// <summary>Whether a variable is discrete.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    public bool IsDiscrete(int variable) => plan.InputOf[variable]?.States is not null;

    private ReadOnlySpan<double> Own(int sample, int variable)
    {
        int first = plan.ExpectationsOf[variable];
        return expectations.AsSpan(sample * width + first, plan.ExpectationsOf[variable + 1] - first);
    }
}

/// <summary>The distribution of one real or discrete variable as a mixture of the circuit's input densities.</summary>
public sealed class VariableMixture
{
    private readonly Plan plan;
    private readonly double[] parameters;
    private readonly InputUnit[] units;
    private readonly ValueSet? within;

    internal VariableMixture(Plan plan, double[] parameters, InputUnit[] units, double[] weights, ValueSet? within)
    {
        this.plan = plan;
        this.parameters = parameters;
        this.units = units;
        this.within = within;
        Weights = weights;
    }

    /// <summary>Weight of each component; they add to 1.</summary>
    public IReadOnlyList<double> Weights { get; }

    /// <summary>Mean and variance of a component.</summary>
    /// <param name="component">Index of the component, from 0.</param>
    public (double Mean, double Variance) Moments(int component)
    {
        (InputFamily family, ReadOnlySpan<double> own) = Of(component, out int k);
        var moments = new double[family.Expectations];
        double mean = family.Mean(k, within, own), sum = 0;
        family.Expect(k, within, own, mean, moments);
        if (family.States is null) return (mean, moments[1]);
        for (int s = 0; s < moments.Length; s++) sum += (s - mean) * (s - mean) * moments[s];
        return (mean, sum);
    }

    /// <summary>Log-density (or log-probability) of a value, in nats.</summary>
    /// <param name="value">A value in the variable's domain.</param>
    public double LogDensity(float value)
    {
        if (within?.Contains(value) == false) return double.NegativeInfinity;
        var terms = new double[units.Length];
        for (int i = 0; i < terms.Length; i++)
        {
            (InputFamily family, ReadOnlySpan<double> own) = Of(i, out int k);
            terms[i] = Math.Log(Weights[i]) + family.LogDensity(k, value, own) - (within is null ? 0 : family.LogProbability(k, within, own));
            if (Weights[i] == 0) terms[i] = double.NegativeInfinity;
        }
        return LogSum.Of(terms);
    }

    private InputPair Of(int component, out int channel)
    {
        InputPlace place = plan.Regions.Input(units[component].Region);
        channel = units[component].Component;
        return new InputPair(place.Family, parameters.AsSpan(place.Offset, place.Family.ParameterCount));
    }

    private readonly ref struct InputPair(InputFamily family, ReadOnlySpan<double> own)
    {
        private readonly ReadOnlySpan<double> own = own;

        public void Deconstruct(out InputFamily density, out ReadOnlySpan<double> values)
        {
            density = family;
            values = own;
        }
    }
}
