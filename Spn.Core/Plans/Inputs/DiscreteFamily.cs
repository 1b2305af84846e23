namespace Spn.Core.Plans;

/// <summary>A family of probabilities of a variable with few values; everything but the probabilities follows by adding up.</summary>
public abstract class DiscreteFamily : InputFamily
{
    /// <summary>Sets the number of components and of values.</summary>
    protected DiscreteFamily(int components, int values) : base(components) => Values = values;

    /// <summary>Number of values of the variable, 0 to Values - 1.</summary>
    protected int Values { get; }

    /// <inheritdoc/>
    public sealed override ValueDomain Domain => ValueDomain.Codes(Values);

    /// <inheritdoc/>
    public override double LogProbability(int component, ValueSet within, ReadOnlySpan<double> parameters)
    {
        // In logarithms: values whose probabilities lie below the range of numbers are not impossible.
        Span<double> logs = Values <= 64 ? stackalloc double[Values] : new double[Values];
        for (int s = 0; s < Values; s++) logs[s] = within.Contains(s) ? LogDensity(component, s, parameters) : double.NegativeInfinity;
        return LogSum.Of(logs);
    }

    /// <inheritdoc/>
    public override void AddGradient(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> gradient)
    {
        double total = LogProbability(component, within, parameters);
        if (double.IsNegativeInfinity(total)) return;
        for (int s = 0; s < Values; s++)
            if (within.Contains(s)) AddGradient(component, s, flow * Math.Exp(LogDensity(component, s, parameters) - total), parameters, gradient);
    }

    /// <inheritdoc/>
    public override void AddStatistics(int component, ValueSet within, double flow, ReadOnlySpan<double> parameters, Span<double> statistics)
    {
        double total = LogProbability(component, within, parameters);
        if (double.IsNegativeInfinity(total)) return;
        for (int s = 0; s < Values; s++)
            if (within.Contains(s)) AddStatistics(component, s, flow * Math.Exp(LogDensity(component, s, parameters) - total), parameters, statistics);
    }

    /// <inheritdoc/>
    public override float Mode(int component, ValueSet? within, ReadOnlySpan<double> parameters)
    {
        int best = -1;
        double most = double.NegativeInfinity;
        for (int s = 0; s < Values; s++)
        {
            if (within?.Contains(s) == false) continue;
            double own = LogDensity(component, s, parameters);
            if (best >= 0 && !(own > most)) continue;
            (best, most) = (s, own);
        }
        return Math.Max(best, 0);
    }

    /// <inheritdoc/>
    public override float Quantile(int component, ValueSet? within, double share, ReadOnlySpan<double> parameters)
    {
        double left = share, total = within is null ? 0 : LogProbability(component, within, parameters);
        int last = 0;
        for (int s = 0; s < Values; s++)
        {
            if (within?.Contains(s) == false) continue;
            double own = Math.Exp(LogDensity(component, s, parameters) - total);
            if (!(own > 0)) continue;
            last = s;
            if ((left -= own) < 0) break;
        }
        return last;
    }

    /// <inheritdoc/>
    public override void Expect(int component, ValueSet? within, ReadOnlySpan<double> parameters, double centre, Span<double> to)
    {
        double total = within is null ? 0 : LogProbability(component, within, parameters);
        for (int s = 0; s < Values; s++)
            to[s] = within?.Contains(s) == false || double.IsNegativeInfinity(total) ? 0 : Math.Exp(LogDensity(component, s, parameters) - total);
    }

    /// <inheritdoc/>
    public override (double Mass, double LogDensity)? CrossLog(
        int component, ReadOnlySpan<double> parameters, InputFamily other, int otherComponent, ReadOnlySpan<double> otherParameters)
    {
        if (other.States != States) return null;
        double mass = 0, sum = 0;
        for (int s = 0; s < Values; s++)
        {
            double log = other.LogDensity(otherComponent, s, otherParameters);
            if (double.IsNegativeInfinity(log)) continue;
            double own = Math.Exp(LogDensity(component, s, parameters));
            mass += own;
            sum += own * log;
        }
        return (mass, sum);
    }
}
