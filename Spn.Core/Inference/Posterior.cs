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
    /// <exception cref="ArgumentException">The variable is real or a count: ask for its mean and variance, or for its mixture.</exception>
    public ReadOnlySpan<double> Probabilities(int sample, int variable) => IsDiscrete(variable)
        ? Own(sample, variable)
        : throw new ArgumentException($"Variable {variable} is {plan.InputOf[variable]?.Domain.ToString() ?? "read by no input"} and has no table of probabilities; ask for Mean and Variance, or for Circuit.Mixture.", nameof(variable));

    /// <summary>Whether a variable has a mean and a variance; without bounds on the value, Cauchy densities have neither.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public bool HasMoments(int sample, int variable) => NoMoments(sample, variable) is null;

    /// <summary>Expected value of a variable; of a discrete one, of its code.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <exception cref="ArgumentException">The variable has no mean: see <see cref="HasMoments"/>.</exception>
    public double Mean(int sample, int variable)
    {
        RequireMoments(sample, variable);
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return own[0];
        double mean = 0;
        for (int s = 1; s < own.Length; s++) mean += s * own[s];
        return mean;
    }

    /// <summary>Variance of a variable; of a discrete one, of its code.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <exception cref="ArgumentException">The variable has no variance: see <see cref="HasMoments"/>.</exception>
    public double Variance(int sample, int variable)
    {
        RequireMoments(sample, variable);
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return own[1];
        double mean = Mean(sample, variable), sum = 0;
        for (int s = 0; s < own.Length; s++) sum += (s - mean) * (s - mean) * own[s];
        return sum;
    }

    /// <summary>The best single guess: the most probable value of a discrete variable, the mean of a real one, for a count rounded, or where that does not exist the mean location of its densities.</summary>
    /// <param name="sample">Index of the sample, from 0.</param>
    /// <param name="variable">Index of the variable, from 0.</param>
    public float Guess(int sample, int variable)
    {
        ReadOnlySpan<double> own = Own(sample, variable);
        if (!IsDiscrete(variable)) return Evidence.IsHidden(sample, variable) && plan.InputOf[variable] is { } family ? family.Domain.Nearest(own[0], Evidence.SetOf(sample, variable) as Interval) : (float)own[0];
        int best = 0;
        for (int s = 1; s < own.Length; s++)
            if (own[s] > own[best]) best = s;
        return best;
    }

    /// <summary>Whether a variable takes codes, and so has a table of probabilities; counts, like real variables, have mean and variance.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    public bool IsDiscrete(int variable) => plan.InputOf[variable] is { Domain.HasCodes: true };

    private string? NoMoments(int sample, int variable) =>
        Evidence.IsHidden(sample, variable) ? plan.InputOf[variable]?.NoMoments(Evidence.SetOf(sample, variable)) : null;

    private void RequireMoments(int sample, int variable)
    {
        if (NoMoments(sample, variable) is { } why)
            throw new ArgumentException($"Row {sample}, variable {variable}: {why}. Ask Circuit.Mixture for its median, or bound it with Evidence.Where.", nameof(variable));
    }

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

    /// <summary>Mean of the variable; of a discrete one, of its code.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public double Mean
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < units.Length; i++)
                if (Weights[i] > 0) sum += Weights[i] * Moments(i).Mean;
            return sum;
        }
    }

    /// <summary>Variance of the variable; of a discrete one, of its code.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public double Variance
    {
        get
        {
            double mean = Mean, sum = 0;
            for (int i = 0; i < units.Length; i++)
                if (Weights[i] > 0 && Moments(i) is var own) sum += Weights[i] * (own.Variance + (own.Mean - mean) * (own.Mean - mean));
            return sum;
        }
    }

    /// <summary>Mean and variance of a component.</summary>
    /// <param name="component">Index of the component, from 0.</param>
    /// <exception cref="InvalidOperationException">There are none.</exception>
    public (double Mean, double Variance) Moments(int component)
    {
        (InputFamily family, ReadOnlySpan<double> own) = Of(component, out int k);
        if (family.NoMoments(within) is { } why) throw new InvalidOperationException($"{why}. Ask Quantile(0.5) for its median.");
        var moments = new double[family.Expectations];
        double mean = family.Mean(k, within, own), sum = 0;
        family.Expect(k, within, own, mean, moments);
        if (!family.Domain.HasCodes) return (mean, moments[1]);
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

    /// <summary>Logarithm of the probability that the variable lies in a set, in nats.</summary>
    /// <param name="set">The set.</param>
    public double LogProbability(ValueSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        if ((within is null ? set : within.Intersect(set)) is not { } both) return double.NegativeInfinity;
        var terms = new double[units.Length];
        for (int i = 0; i < terms.Length; i++)
        {
            (InputFamily family, ReadOnlySpan<double> own) = Of(i, out int k);
            terms[i] = Weights[i] == 0 ? double.NegativeInfinity
                : Math.Log(Weights[i]) + family.LogProbability(k, both, own) - (within is null ? 0 : family.LogProbability(k, within, own));
        }
        return Math.Min(LogSum.Of(terms), 0);
    }

    /// <summary>The value below which a share of the probability lies: the median for one half.</summary>
    /// <remarks>Of a discrete variable or a count, the least value at which the probabilities up to it exceed the share.</remarks>
    /// <param name="share">Between 0 and 1, both excluded.</param>
    public double Quantile(double share)
    {
        if (!(share is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "A share lies between 0 and 1, both excluded.");
        // The mixture's quantile lies between the least and the greatest of its components'.
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        for (int i = 0; i < units.Length; i++)
        {
            if (Weights[i] == 0) continue;
            (InputFamily family, ReadOnlySpan<double> own) = Of(i, out int k);
            double value = family.Quantile(k, within, share, own);
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }
        if (plan.Regions.Input(units[0].Region).Family.Domain.IsInteger)
        {
            while (low < high)
            {
                double middle = Math.Floor(0.5 * (low + high));
                if (Math.Exp(LogProbability(ValueSet.AtMost(middle))) > share) high = middle;
                else low = middle + 1;
            }
            return low;
        }
        for (double middle = 0.5 * (low + high); low < middle && middle < high; middle = 0.5 * (low + high))
        {
            if (Math.Exp(LogProbability(ValueSet.AtMost(middle))) < share) low = middle;
            else high = middle;
        }
        return high;
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
