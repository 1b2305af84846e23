namespace Spn.Core.Data;

// All cells of a table as ranges of one text, so that a table of numbers costs no string a cell.
internal sealed class CsvCells
{
    private readonly List<(int Start, int Length)> cells = [];
    private readonly List<int> lines = [];
    private readonly int width;
    private char[] text = new char[1 << 12];
    private int length;

    /// <summary>Takes the rows that are left.</summary>
    public CsvCells(CsvReader reader)
    {
        width = reader.Width;
        while (reader.Read())
        {
            lines.Add(reader.Line);
            for (int c = 0; c < width; c++) Add(reader[c]);
        }
    }

    public int Rows => lines.Count;

    /// <summary>Line of the file, from 1, on which a row begins.</summary>
    public int Line(int row) => lines[row];

    public ReadOnlySpan<char> Text(int row, int column)
    {
        (int start, int count) = cells[row * width + column];
        return text.AsSpan(start, count);
    }

    private void Add(ReadOnlySpan<char> cell)
    {
        if (length + cell.Length > text.Length) Array.Resize(ref text, Math.Max(length + cell.Length, 2 * text.Length));
        cell.CopyTo(text.AsSpan(length));
        cells.Add((length, cell.Length));
        length += cell.Length;
    }
}
