using System.Globalization;

namespace Spn.Core;

/// <summary>What is known of a variable whose value is not: it lies in a set.</summary>
/// <remarks>Queries then use the probability of the set in place of that of a value. Compared by value.</remarks>
public abstract record ValueSet
{
    /// <summary>The values from low to high, both included; either may be infinite.</summary>
    /// <exception cref="ArgumentException">A bound is NaN, or low lies above high.</exception>
    public static ValueSet Between(double low, double high) => new Interval(low, high);

    /// <summary>The values from low upwards, low included.</summary>
    public static ValueSet AtLeast(double low) => new Interval(low, double.PositiveInfinity);

    /// <summary>The values up to high, high included.</summary>
    public static ValueSet AtMost(double high) => new Interval(double.NegativeInfinity, high);

    /// <summary>Some values of a discrete variable.</summary>
    /// <exception cref="ArgumentException">No value was given.</exception>
    public static ValueSet OneOf(params float[] values) => new OneOf(values);

    /// <summary>Whether a value belongs to the set.</summary>
    public abstract bool Contains(float value);

    /// <summary>The values that belong to both sets, or null when there is none.</summary>
    /// <param name="other">The other set.</param>
    public abstract ValueSet? Intersect(ValueSet other);
}

/// <summary>See <see cref="ValueSet.Between"/>.</summary>
public sealed record Interval : ValueSet
{
    /// <summary>The values from low to high, both included.</summary>
    /// <exception cref="ArgumentException">A bound is NaN, or low lies above high.</exception>
    public Interval(double low, double high)
    {
        if (!(low <= high)) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{low} to {high} is no interval: the first bound must not lie above the second."));
        (Low, High) = (low, high);
    }

    /// <summary>Lower bound; minus infinity for none.</summary>
    public double Low { get; }

    /// <summary>Upper bound; infinity for none.</summary>
    public double High { get; }

    /// <inheritdoc/>
    public override bool Contains(float value) => Low <= value && value <= High;

    /// <inheritdoc/>
    public override ValueSet? Intersect(ValueSet other)
    {
        if (other is not Interval interval) return other.Intersect(this);
        double low = Math.Max(Low, interval.Low), high = Math.Min(High, interval.High);
        return low <= high ? new Interval(low, high) : null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Low} to {High}");
}

/// <summary>See <see cref="ValueSet.OneOf"/>.</summary>
public sealed record OneOf : ValueSet
{
    /// <summary>Some values of a discrete variable.</summary>
    /// <exception cref="ArgumentException">No value was given.</exception>
    public OneOf(IEnumerable<float> values)
    {
        Values = new(values.Distinct().Order());
        if (Values.Count == 0) throw new ArgumentException("A set of values needs at least one.");
    }

    /// <summary>The values, in ascending order.</summary>
    public ValueList<float> Values { get; }

    /// <inheritdoc/>
    public override bool Contains(float value) => Values.Contains(value);

    /// <inheritdoc/>
    public override ValueSet? Intersect(ValueSet other) =>
        Values.Where(other.Contains).ToList() is { Count: > 0 } both ? new OneOf(both) : null;

    /// <inheritdoc/>
    public override string ToString() => $"one of {Values}";
}

/// <summary>Weighs every value by its distance above a lower bound: what turns a sum over values into a first moment.</summary>
/// <param name="Low">Subtracted from the value; must lie below the mean of every component.</param>
/// <param name="Within">The set that the value lies in, or null for all values.</param>
internal sealed record Tilt(double Low, ValueSet? Within) : ValueSet
{
    public override bool Contains(float value) => Within?.Contains(value) ?? true;

    public override ValueSet? Intersect(ValueSet other) =>
        throw new NotSupportedException("A weighting is no set.");
}
