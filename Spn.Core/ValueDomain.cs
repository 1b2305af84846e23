using System.Globalization;

namespace Spn.Core;

/// <summary>The values that a variable can have. Compared by value.</summary>
/// <remarks>
/// Codes stand for a few values without order or distance, so answers about them are probabilities. Counts are integers from 0, with a
/// bound or without; answers about them, as about real numbers, are mean and variance.
/// </remarks>
public sealed record ValueDomain
{
    private readonly bool lowIncluded;
    private readonly bool highIncluded;

    private ValueDomain(bool isInteger, bool hasCodes, double low, bool lowIncluded, double high, bool highIncluded)
    {
        (IsInteger, HasCodes, Low, High) = (isInteger, hasCodes, low, high);
        (this.lowIncluded, this.highIncluded) = (lowIncluded, highIncluded);
    }

    /// <summary>Any finite number.</summary>
    public static ValueDomain Real { get; } = new(false, false, double.NegativeInfinity, false, double.PositiveInfinity, false);

    /// <summary>The numbers above 0.</summary>
    public static ValueDomain Positive { get; } = new(false, false, 0, false, double.PositiveInfinity, false);

    /// <summary>The numbers from 0 on.</summary>
    public static ValueDomain NotNegative { get; } = new(false, false, 0, true, double.PositiveInfinity, false);

    /// <summary>The numbers above 0 and below 1.</summary>
    public static ValueDomain Share { get; } = new(false, false, 0, false, 1, false);

    /// <summary>The integers from 0 on, without an end.</summary>
    public static ValueDomain Counts { get; } = new(true, false, 0, true, double.PositiveInfinity, false);

    /// <summary>The integers from 0 to a largest one.</summary>
    /// <param name="most">The largest, at least 0.</param>
    public static ValueDomain CountsTo(int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(most);
        return new(true, false, 0, true, most, true);
    }

    /// <summary>The codes 0 to states - 1.</summary>
    /// <param name="states">How many, at least 1.</param>
    public static ValueDomain Codes(int states)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(states, 1);
        return new(true, true, 0, true, states - 1, true);
    }

    /// <summary>The numbers from low to high, both included.</summary>
    /// <exception cref="ArgumentException">A bound is not finite, or low does not lie below high.</exception>
    public static ValueDomain Between(double low, double high)
    {
        if (!double.IsFinite(low) || !double.IsFinite(high) || !(low < high))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There are no numbers from {low} to {high}: give finite bounds, the first below the second."));
        return new(false, false, low, true, high, true);
    }

    /// <summary>Whether only integers belong to it.</summary>
    public bool IsInteger { get; }

    /// <summary>Whether the integers are codes.</summary>
    public bool HasCodes { get; }

    /// <summary>Lower bound; minus infinity for none.</summary>
    public double Low { get; }

    /// <summary>Upper bound; infinity for none.</summary>
    public double High { get; }

    /// <summary>Number of values, 0 to States - 1; null where they are real or have no end.</summary>
    public int? States => IsInteger && !double.IsInfinity(High) ? (int)High + 1 : null;

    /// <summary>Whether a value belongs to it.</summary>
    public bool Contains(float value) =>
        float.IsFinite(value) && (lowIncluded ? value >= Low : value > Low) && (highIncluded ? value <= High : value < High)
        && (!IsInteger || value == MathF.Floor(value));

    /// <summary>Whether every value of another domain belongs to this one.</summary>
    /// <param name="other">The other domain.</param>
    public bool Includes(ValueDomain other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return IsInteger == other.IsInteger
            && (other.Low > Low || (other.Low == Low && (lowIncluded || !other.lowIncluded)))
            && (other.High < High || (other.High == High && (highIncluded || !other.highIncluded)));
    }

    /// <summary>Whether an interval has values of the domain; between two bounds of real numbers there always are some.</summary>
    internal bool Meets(Interval set)
    {
        double low = Math.Max(Low, set.Low), high = Math.Min(High, set.High);
        return IsInteger ? Math.Ceiling(low) <= Math.Floor(high) : low < high;
    }

    /// <summary>The value that is nearest to a number, within a set if one is given and has one.</summary>
    /// <param name="number">The number.</param>
    /// <param name="within">An interval, or null.</param>
    internal float Nearest(double number, Interval? within = null)
    {
        double low = Math.Max(Low, within?.Low ?? Low), high = Math.Min(High, within?.High ?? High);
        if (IsInteger) (number, low, high) = (Math.Round(number), Math.Ceiling(low), Math.Floor(high));
        else if (number != 0 && Math.Abs(number) < SmallestNormal) number = Math.CopySign(SmallestNormal, number);
        low = Math.Max(low, float.MinValue);
        high = Math.Min(high, float.MaxValue);
        float nearest = (float)Math.Clamp(number, low, Math.Max(low, high));
        // The bounds themselves may lie between two floats, or not belong to the domain.
        if (nearest < low || (nearest == Low && !lowIncluded)) nearest = nearest == 0 ? SmallestNormal : MathF.BitIncrement(nearest);
        if (nearest > high || (nearest == High && !highIncluded)) nearest = MathF.BitDecrement(nearest);
        return nearest;
    }

    /// <summary>Smaller numbers count as 0 where the processor flushes them.</summary>
    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>The values in words.</summary>
    public override string ToString()
    {
        string kind = IsInteger ? "an integer" : double.IsInfinity(Low) ? "a finite number" : "a number";
        string range = double.IsInfinity(Low) ? ""
            : double.IsInfinity(High) ? string.Create(CultureInfo.InvariantCulture, $" {(lowIncluded ? "of at least" : "above")} {Low}")
            : string.Create(CultureInfo.InvariantCulture, $" {(lowIncluded ? "from" : "above")} {Low} {(highIncluded ? "to" : "and below")} {High}");
        return kind + range;
    }
}
