using Spn.Core.Data;

namespace Spn.Core;

/// <summary>The columns of a table, one a variable: how cells become values of a circuit and how values become cells. Compared by value.</summary>
/// <remarks>A cell that equals a missing marker is a hidden entry of the evidence. <see cref="Infer(string, SchemaOptions?)"/> finds the
/// schema of a file; a circuit that was fitted to a table keeps it in <see cref="Circuit.Schema"/>.</remarks>
public sealed partial record Schema
{
    private readonly Dictionary<string, int> indices = new(StringComparer.Ordinal);
    private readonly HashSet<string> missing = new(StringComparer.Ordinal);

    /// <summary>A schema of given columns.</summary>
    /// <param name="columns">The columns in the order of the variables, at least one, with different names.</param>
    /// <param name="missing">All missing markers; null takes <see cref="UsualMissing"/>. The empty cell is always one.</param>
    /// <param name="ignored">Names of columns of the file that are no variables and are passed over.</param>
    /// <exception cref="ArgumentException">There is no column, a name occurs twice, or a label is a missing marker.</exception>
    public Schema(IEnumerable<Column> columns, IEnumerable<string>? missing = null, IEnumerable<string>? ignored = null)
    {
        Columns = new(columns);
        if (Columns.Count == 0) throw new ArgumentException("A schema needs at least one column.", nameof(columns));
        Missing = new((missing ?? UsualMissing).Append("").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        this.missing.UnionWith(Missing);
        Ignored = new((ignored ?? []).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        for (int v = 0; v < Columns.Count; v++)
            if (!indices.TryAdd(Columns[v].Name, v))
                throw new ArgumentException($"Two columns are called \"{Columns[v].Name}\".", nameof(columns));
        if (Ignored.FirstOrDefault(indices.ContainsKey) is { } both)
            throw new ArgumentException($"Column \"{both}\" is both a variable and ignored.", nameof(ignored));
        foreach (DiscreteColumn column in Columns.OfType<DiscreteColumn>())
            if (column.Labels.FirstOrDefault(this.missing.Contains) is { } label)
                throw new ArgumentException($"The label \"{label}\" of column \"{column.Name}\" is also a missing marker.", nameof(columns));
    }

    /// <summary>The missing markers unless others are named: the empty cell, ?, NA and NaN.</summary>
    public static ValueList<string> UsualMissing { get; } = ["", "?", "NA", "NaN"];

    /// <summary>The columns, [variable].</summary>
    public ValueList<Column> Columns { get; }

    /// <summary>The cells that stand for a hidden entry.</summary>
    public ValueList<string> Missing { get; }

    /// <summary>Names of columns of the file that are no variables and are passed over.</summary>
    public ValueList<string> Ignored { get; }

    /// <summary>Number of columns, which is the number of variables.</summary>
    public int Variables => Columns.Count;

    /// <summary>The variable of a column, or -1 when there is none of this name.</summary>
    /// <param name="name">Name of the column, in its own letter case.</param>
    public int IndexOf(string name) => indices.GetValueOrDefault(name, -1);

    /// <summary>The variable of a column.</summary>
    /// <param name="name">Name of the column, in its own letter case.</param>
    /// <exception cref="EvidenceException">There is no such column; the message lists those that there are.</exception>
    public int Find(string name) => indices.TryGetValue(name, out int variable) ? variable : throw new EvidenceException($"There is {Unknown(name)}.");

    /// <summary>Whether a cell is a missing marker.</summary>
    /// <param name="cell">The text of the cell, without outer white space.</param>
    public bool IsMissing(ReadOnlySpan<char> cell) =>
        cell.IsEmpty || missing.GetAlternateLookup<ReadOnlySpan<char>>().Contains(cell);

    /// <summary>The value of a variable that a cell stands for; NaN for a missing marker.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="cell">The text of the cell, without outer white space.</param>
    /// <exception cref="EvidenceException">The cell lies outside the column's domain.</exception>
    public float Value(int variable, ReadOnlySpan<char> cell) =>
        IsMissing(cell) ? float.NaN
        : Columns[variable].TryRead(cell, out float value) ? value
        : throw new EvidenceException($"Column \"{Columns[variable].Name}\": {DataFormatException.Quote(cell)} is not {Columns[variable].Domain}.", null, variable);

    /// <summary>The cell that stands for a value of a variable: its label, or the shortest text that reads back as the number; NaN gives an empty cell.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="value">The code of a label, or a number.</param>
    /// <exception cref="ArgumentOutOfRangeException">No label has this code.</exception>
    public string Text(int variable, float value) => Columns[variable].Text(value);

    /// <summary>The cell that stands for a value of a variable that was computed, without digits that mean nothing; NaN gives an empty cell.</summary>
    /// <param name="variable">Index of the variable, from 0.</param>
    /// <param name="value">The code of a label, or a number.</param>
    /// <exception cref="ArgumentOutOfRangeException">No label has this code.</exception>
    public string Rounded(int variable, double value) => Columns[variable].Rounded(value);

    /// <summary>The input layer that suits the columns: indicators of the labels, normal densities of the numbers, negative binomial counts.</summary>
    /// <param name="components">Components of a density, at least 1.</param>
    /// <param name="special">Inputs of columns, by name, that are to have other ones; for example a log-normal density of prices.</param>
    /// <returns>One <see cref="IndicatorInput"/> when all columns are discrete and of one size, else a <see cref="PerVariableInput"/>.</returns>
    /// <exception cref="EvidenceException">An input is given for a column that there is not.</exception>
    public InputSpec Inputs(int components, IReadOnlyDictionary<string, InputSpec>? special = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(components, 1);
        foreach (string name in special?.Keys ?? []) _ = Find(name);
        int? states = Columns[0].States;
        return special is not { Count: > 0 } && states is int count && Columns.All(c => c.States == states)
            ? new IndicatorInput(count)
            : new PerVariableInput(new(Columns.Select(c => special?.GetValueOrDefault(c.Name) ?? c.Input(components))));
    }

    /// <inheritdoc/>
    public bool Equals(Schema? other) =>
        other is not null && Columns.Equals(other.Columns) && Missing.Equals(other.Missing) && Ignored.Equals(other.Ignored);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Columns, Missing, Ignored);

    /// <inheritdoc/>
    public override string ToString() => string.Join(Environment.NewLine, Columns);

    internal string Unknown(string name)
    {
        const int MostNamed = 24;
        string more = Columns.Count > MostNamed ? $", ... ({Columns.Count} columns)" : "";
        return $"no column \"{name}\"; the columns are {string.Join(", ", Columns.Take(MostNamed).Select(c => c.Name))}{more}";
    }
}
