using System.Globalization;

namespace Spn.Core;

/// <summary>A column of a few values, texts or numbers; the value v of the variable stands for Labels[v].</summary>
public sealed record DiscreteColumn : Column
{
    private const int MostListed = 8;

    private readonly Dictionary<string, int> codes = new(StringComparer.Ordinal);
    private readonly Dictionary<double, int> codeOfNumber = [];

    /// <summary>A column of a few values.</summary>
    /// <param name="name">Name in the header.</param>
    /// <param name="labels">How the values are written, in the order of their codes; at least one, each once.</param>
    /// <exception cref="ArgumentException">The name is empty, there is no label, or a label occurs twice.</exception>
    public DiscreteColumn(string name, params string[] labels) : this(name, (IEnumerable<string>)labels) { }

    /// <inheritdoc cref="DiscreteColumn(string, string[])"/>
    public DiscreteColumn(string name, IEnumerable<string> labels) : base(name)
    {
        Labels = new(labels);
        if (Labels.Count == 0) throw new ArgumentException($"Column \"{name}\" has no label; give at least one.", nameof(labels));
        for (int code = 0; code < Labels.Count; code++)
            if (!codes.TryAdd(Labels[code], code))
                throw new ArgumentException($"Column \"{name}\" has the label \"{Labels[code]}\" twice, as codes {codes[Labels[code]]} and {code}.", nameof(labels));
        var numbers = new double[Labels.Count];
        for (int code = 0; code < numbers.Length; code++)
            if (!TryNumber(Labels[code], out numbers[code]) || !codeOfNumber.TryAdd(numbers[code], code))
            {
                codeOfNumber.Clear();
                return;
            }
        Numbers = new(numbers);
    }

    /// <summary>How the values are written, [code].</summary>
    public ValueList<string> Labels { get; }

    /// <summary>The numbers that the labels are, [code]; null when a label is no number, or two are the same.</summary>
    public ValueList<double>? Numbers { get; }

    /// <inheritdoc/>
    public override int? States => Labels.Count;

    /// <summary>True when every label is the number of its own code: 0, 1, 2 and so on.</summary>
    public bool LabelsAreCodes => Numbers is { } numbers && Enumerable.Range(0, numbers.Count).All(code => numbers[code] == code);

    /// <inheritdoc/>
    public override string Domain =>
        Labels.Count == 1 ? Labels[0]
        : Labels.Count <= MostListed ? $"one of {string.Join(", ", Labels)}"
        : IsRange ? $"an integer from {Labels[0]} to {Labels[^1]}"
        : $"one of {string.Join(", ", Labels.Take(MostListed - 2))}, ... ({Labels.Count} values)";

    private bool IsRange => Numbers is { } numbers
        && Enumerable.Range(0, numbers.Count).All(code => numbers[code] == numbers[0] + code && numbers[code] == Math.Floor(numbers[code]));

    /// <inheritdoc/>
    /// <remarks>A cell is compared as text, then as a number where all labels are numbers: 1.0 is the label 1.</remarks>
    public override bool TryRead(ReadOnlySpan<char> cell, out float value)
    {
        bool known = codes.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(cell, out int code)
            || (Numbers is not null && TryNumber(cell, out double number) && codeOfNumber.TryGetValue(number, out code));
        value = known ? code : float.NaN;
        return known;
    }

    /// <summary>The code of a number, where all labels are numbers.</summary>
    /// <param name="number">The number.</param>
    /// <param name="value">Receives the code.</param>
    public bool TryRead(double number, out float value)
    {
        bool known = codeOfNumber.TryGetValue(number, out int code);
        value = known ? code : float.NaN;
        return known;
    }

    /// <inheritdoc/>
    public override string Text(float value)
    {
        if (float.IsNaN(value)) return "";
        return value >= 0 && value < Labels.Count && value == MathF.Floor(value)
            ? Labels[(int)value]
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"Column \"{Name}\" has the codes 0 to {Labels.Count - 1}.");
    }

    /// <inheritdoc/>
    public override InputSpec Input(int components) => new IndicatorInput(Labels.Count);

    internal override bool Fits(ValueDomain domain) => domain.HasCodes && domain.States == Labels.Count;

    /// <inheritdoc/>
    public bool Equals(DiscreteColumn? other) => other is not null && Name == other.Name && Labels.Equals(other.Labels);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Labels);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: {Labels.Count} values, {Domain}");
}
