using System.Globalization;
using System.Runtime.InteropServices;

namespace Spn.Core.Data;

/// <summary>How a table is read.</summary>
public sealed record CsvOptions
{
    /// <summary>Whether the first line names the columns; otherwise, and where a name is empty, they are called column1, column2 and so on.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Character between cells; null chooses whichever of comma, semicolon and tab is most frequent in the first line.</summary>
    public char? Separator { get; init; }

    /// <summary>Names of the columns that hold text; all others must then be numeric.</summary>
    /// <remarks>Null makes a text column of every column with a cell that is no number, so a slip of the pen goes unnoticed.</remarks>
    public IReadOnlyCollection<string>? TextColumns { get; init; }
}

/// <summary>A column of a table.</summary>
/// <param name="Name">Name in the header.</param>
/// <param name="Categories">For a text column, the texts in order of first appearance: the value v stands for Categories[v];
/// null for a numeric column.</param>
public sealed record CsvColumn(string Name, IReadOnlyList<string>? Categories);

/// <summary>A table read from a file.</summary>
/// <param name="Columns">[variable]</param>
/// <param name="Values">[sample, variable]; empty cells and missing marks are hidden.</param>
public sealed record CsvTable(IReadOnlyList<CsvColumn> Columns, Evidence Values);

/// <summary>Reads tables of numbers and text, plain or gzip.</summary>
/// <remarks>
/// Cells may stand in double quotes, inside which a separator and a line end are text and two quotes stand for one.
/// White space around other cells is dropped. A cell that is empty or one of ?, NA, NaN is a hidden entry.
/// Numbers have a decimal point and are kept as 32-bit floats. Text is UTF-8.
/// Blank lines are skipped, except in a table of one column, where they are hidden entries.
/// Source: RFC 4180, with the separators and missing marks in common use.
/// </remarks>
public static class Csv
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <exception cref="DataFormatException">A row has another number of cells than the first, a quote is not closed, two columns
    /// have one name, a cell of a numeric column is no finite number, there are no rows, or the gzip form is damaged.</exception>
    /// <exception cref="ArgumentException">The options name a text column that the table does not have.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static CsvTable Read(string path, CsvOptions? options = null) =>
        Parse(DataBytes.Read(path), path, options ?? new());

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <inheritdoc cref="Read(string, CsvOptions)"/>
    public static CsvTable Read(Stream stream, string name, CsvOptions? options = null) =>
        Parse(DataBytes.Read(stream, name), name, options ?? new());

    private static CsvTable Parse(ReadOnlyMemory<byte> bytes, string name, CsvOptions options)
    {
        MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> content);
        using var reader = new CsvReader(new MemoryStream(content.Array!, content.Offset, content.Count, writable: false), name, options.Separator);
        string[] names = reader.ReadNames(options.HasHeader);
        foreach (string text in options.TextColumns ?? [])
            if (!names.Contains(text))
                throw new ArgumentException($"{name} has no column \"{text}\"; its columns are {string.Join(", ", names)}.", nameof(options));
        var cells = new CsvCells(reader);
        int width = reader.Width, rows = cells.Rows;
        if (rows < 1) throw reader.NoRows();

        var values = new float[rows * width];
        var hidden = new bool[rows * width];
        var columns = new CsvColumn[width];
        for (int c = 0; c < width; c++)
        {
            bool numeric = options.TextColumns is { } chosen
                ? !chosen.Contains(names[c])
                : Enumerable.Range(0, rows).All(r => IsMissing(cells.Text(r, c)) || IsNumber(cells.Text(r, c), out _));
            var codes = new Dictionary<string, int>();
            for (int r = 0; r < rows; r++)
            {
                var text = cells.Text(r, c);
                int at = r * width + c;
                if (IsMissing(text)) hidden[at] = true;
                else if (!numeric) values[at] = Code(codes, text);
                else if (!IsNumber(text, out values[at]) || !float.IsFinite(values[at]))
                    throw new DataFormatException(name, cells.Line(r), c + 1, "a finite number", DataFormatException.Quote(text));
            }
            // A dictionary without removals lists its keys in order of arrival, but only by habit: sort by code.
            columns[c] = new CsvColumn(names[c], numeric ? null : [.. codes.OrderBy(pair => pair.Value).Select(pair => pair.Key)]);
        }
        var table = Evidence.From(values, width);
        return new CsvTable(columns, Array.IndexOf(hidden, true) < 0 ? table : table.Hide((s, v) => hidden[s * width + v]));
    }

    private static bool IsMissing(ReadOnlySpan<char> text) => text is "" or "?" or "NA" or "NaN";

    private static bool IsNumber(ReadOnlySpan<char> text, out float value) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

    private static int Code(Dictionary<string, int> codes, ReadOnlySpan<char> text)
    {
        var lookup = codes.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(text, out int code)) return code;
        lookup[text] = codes.Count;
        return codes.Count - 1;
    }
}
