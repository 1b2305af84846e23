using System.Globalization;

namespace Spn.Core;

/// <summary>A column of counts: integers from 0 on, without an end.</summary>
public sealed record CountColumn : Column
{
    /// <summary>A column of counts.</summary>
    /// <param name="name">Name in the header.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public CountColumn(string name) : base(name) { }

    /// <inheritdoc/>
    public override int? States => null;

    /// <inheritdoc/>
    public override string Domain => ValueDomain.Counts.ToString();

    /// <inheritdoc/>
    /// <remarks>3.0 and 3e0 are the count 3.</remarks>
    public override bool TryRead(ReadOnlySpan<char> cell, out float value)
    {
        value = float.NaN;
        return TryNumber(cell, out double number) && TryRead(number, out value);
    }

    /// <summary>The value of a number.</summary>
    /// <param name="number">The number.</param>
    /// <param name="value">Receives it.</param>
    /// <returns>False when the number is no count.</returns>
    public bool TryRead(double number, out float value)
    {
        bool known = number == Math.Floor(number) && ValueDomain.Counts.Contains((float)number);
        value = known ? (float)number : float.NaN;
        return known;
    }

    /// <inheritdoc/>
    public override string Text(float value) => float.IsNaN(value) ? "" : value.ToString("F0", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    /// <remarks>Integers in full, means to six significant digits.</remarks>
    public override string Rounded(double value) =>
        double.IsNaN(value) ? "" : value.ToString(value == Math.Floor(value) ? "F0" : "G6", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    /// <remarks>Negative binomial: mixtures of it follow counts that scatter as little as Poisson ones, and more.</remarks>
    public override InputSpec Input(int components) => new NegativeBinomialInput(components);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: counts";

    internal override bool Fits(ValueDomain domain) => domain is { IsInteger: true, HasCodes: false };
}
