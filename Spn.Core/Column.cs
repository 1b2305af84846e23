using System.Globalization;

namespace Spn.Core;

/// <summary>A column of a table: its name and what its cells mean. Compared by value.</summary>
public abstract record Column
{
    private protected Column(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Name in the header.</summary>
    public string Name { get; }

    /// <summary>Number of values, whose codes are 0 to States - 1, or null for a column of real numbers or of counts.</summary>
    public abstract int? States { get; }

    /// <summary>The cells that are accepted, in words.</summary>
    public abstract string Domain { get; }

    /// <summary>The value that a cell stands for: the code of a label, or the number itself.</summary>
    /// <param name="cell">The text of the cell, not a missing marker.</param>
    /// <param name="value">Receives the value.</param>
    /// <returns>False when the cell lies outside the domain.</returns>
    public abstract bool TryRead(ReadOnlySpan<char> cell, out float value);

    /// <summary>The cell that stands for a value; NaN gives an empty cell.</summary>
    /// <param name="value">The code of a label, or a number.</param>
    /// <exception cref="ArgumentOutOfRangeException">No label has this code.</exception>
    public abstract string Text(float value);

    /// <summary>The cell that stands for a value that was computed, without digits that mean nothing; NaN gives an empty cell.</summary>
    /// <param name="value">The code of a label, or a number.</param>
    /// <exception cref="ArgumentOutOfRangeException">No label has this code.</exception>
    public virtual string Rounded(double value) => Text((float)value);

    /// <summary>The input distribution that suits the column.</summary>
    /// <param name="components">Components of a density; a discrete column has one channel a value instead.</param>
    public abstract InputSpec Input(int components);

    /// <summary>Whether a variable with these values can be the column.</summary>
    internal abstract bool Fits(ValueDomain domain);

    internal static bool TryNumber(ReadOnlySpan<char> cell, out double number) =>
        double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);
}

/// <summary>A column of numbers, with an origin and a unit that suit them.</summary>
public sealed record RealColumn : Column
{
    /// <summary>A column of numbers.</summary>
    /// <param name="name">Name in the header.</param>
    /// <param name="location">Where the values lie: their mean.</param>
    /// <param name="scale">How far they scatter: their standard deviation; above 0.</param>
    /// <exception cref="ArgumentException">The name is empty, or location or scale is unfit.</exception>
    public RealColumn(string name, double location = 0, double scale = 1) : base(name)
    {
        if (!double.IsFinite(location) || !double.IsFinite(scale) || scale <= 0)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"Column \"{name}\" has location {location} and scale {scale}; expected finite numbers, the scale above 0."));
        (Location, Scale) = (location, scale);
    }

    /// <summary>Where the values lie: their mean.</summary>
    public double Location { get; }

    /// <summary>How far the values scatter: their standard deviation.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    public override int? States => null;

    /// <inheritdoc/>
    public override string Domain => "a finite number";

    /// <inheritdoc/>
    public override bool TryRead(ReadOnlySpan<char> cell, out float value) =>
        float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);

    /// <inheritdoc/>
    /// <remarks>The shortest text that reads back as the same number.</remarks>
    public override string Text(float value) => float.IsNaN(value) ? "" : value.ToString("R", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    /// <remarks>To six significant digits, or seven where a thousandth of the scale needs them.</remarks>
    public override string Rounded(double value)
    {
        if (!double.IsFinite(value) || value == 0) return Text((float)value);
        int magnitude = (int)Math.Floor(Math.Log10(Math.Abs(value))), fine = 3 - (int)Math.Floor(Math.Log10(Scale));
        int digits = Math.Clamp(magnitude + fine + 1, 6, 7);
        double rounded = double.Parse(value.ToString($"G{digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return rounded.ToString("R", CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public override InputSpec Input(int components) => new NormalInput(components) { Location = Location, Scale = Scale };

    internal override bool Fits(ValueDomain domain) => !domain.IsInteger;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: real, mean {Location:G4}, deviation {Scale:G4}");
}
