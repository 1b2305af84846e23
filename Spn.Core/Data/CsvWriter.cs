using System.Buffers;

namespace Spn.Core.Data;

/// <summary>Writes a table row by row; cells stand in quotes only where they must. Reading it gives the same cells.</summary>
public sealed class CsvWriter
{
    private readonly TextWriter output;
    private readonly char separator;
    private readonly SearchValues<char> special;

    /// <summary>Starts a table.</summary>
    /// <param name="output">Receives the text; lines end with a line feed.</param>
    /// <param name="separator">Character between cells: not a quote, a line end or a space.</param>
    /// <exception cref="ArgumentException">The separator cannot be told from the cells.</exception>
    public CsvWriter(TextWriter output, char separator = ',')
    {
        ArgumentNullException.ThrowIfNull(output);
        if (separator is '"' or '\n' or '\r' or ' ') throw new ArgumentException("A quote, a line end or a space cannot separate cells.", nameof(separator));
        this.output = output;
        this.separator = separator;
        special = Special(separator);
    }

    /// <summary>Writes a row.</summary>
    /// <param name="cells">Its cells, at least one; as many as in the rows before.</param>
    public void Write(params string[] cells) => Write((IReadOnlyList<string>)cells);

    /// <inheritdoc cref="Write(string[])"/>
    public void Write(IReadOnlyList<string> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        for (int c = 0; c < cells.Count; c++)
        {
            if (c > 0) output.Write(separator);
            // A line without anything on it is no row.
            output.Write(cells.Count == 1 && cells[c].Length == 0 ? "\"\"" : Quoted(cells[c], special));
        }
        output.Write('\n');
    }

    /// <summary>What makes quotes necessary.</summary>
    internal static SearchValues<char> Special(char separator) => SearchValues.Create([separator, '"', '\n', '\r']);

    /// <summary>A cell as it stands in a file, in quotes where it must.</summary>
    internal static string Quoted(string cell, SearchValues<char> special) =>
        cell.Length > 0 && (cell.AsSpan().ContainsAny(special) || char.IsWhiteSpace(cell[0]) || char.IsWhiteSpace(cell[^1]))
            ? $"\"{cell.Replace("\"", "\"\"")}\""
            : cell;
}
