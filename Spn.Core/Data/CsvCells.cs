namespace Spn.Core.Data;

// The cells of a table as ranges of its text, so that a table of numbers costs no string a cell.
internal sealed class CsvCells
{
    private readonly string text;
    private readonly List<(int Start, int Length, bool Quoted)> cells = [];
    private readonly List<int> lines = [];

    private CsvCells(string text) => this.text = text;

    public int Width { get; private set; }

    public int Rows => lines.Count;

    /// <summary>Line of the file, from 1, on which a row begins; quoted cells may span lines.</summary>
    public int Line(int row) => lines[row];

    public ReadOnlySpan<char> Text(int row, int column)
    {
        var (start, length, quoted) = cells[row * Width + column];
        var cell = text.AsSpan(start, length);
        return quoted && cell.Contains('"') ? cell.ToString().Replace("\"\"", "\"") : cell;
    }

    public static CsvCells Split(string text, string name, char? separator)
    {
        var table = new CsvCells(text);
        char between = separator ?? Detect(text);
        int at = 0, line = 1;
        while (at < text.Length)
        {
            int before = table.cells.Count, first = line;
            table.ReadRow(ref at, ref line, between, name);
            int width = table.cells.Count - before;
            bool blank = width == 1 && table.cells[before] is (_, 0, false);
            if (blank && table.Width != 1)
            {
                table.cells.RemoveAt(before);
                continue;
            }
            if (table.Width == 0) table.Width = width;
            if (width != table.Width) throw new DataFormatException(name, first, null, $"{table.Width} cells", $"{width}");
            table.lines.Add(first);
        }
        return table.Rows > 0 ? table : throw new DataFormatException(name, 1, null, "lines of cells", "an empty file");
    }

    private void ReadRow(ref int at, ref int line, char between, string name)
    {
        for (int column = 1; ; column++)
        {
            ReadCell(ref at, ref line, between, name, column);
            if (at == text.Length) return;
            if (text[at++] == between)
            {
                if (at < text.Length) continue;
                cells.Add((at, 0, false));
                return;
            }
            line++;
            return;
        }
    }

    // Leaves the position at the separator or line feed behind the cell, or at the end.
    private void ReadCell(ref int at, ref int line, char between, string name, int column)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]) && text[at] != between && text[at] != '\n') at++;
        if (at == text.Length || text[at] != '"')
        {
            int length = text.AsSpan(at).IndexOfAny(between, '\n');
            if (length < 0) length = text.Length - at;
            cells.Add((at, text.AsSpan(at, length).TrimEnd().Length, false));
            at += length;
            return;
        }
        int start = ++at, opened = line;
        for (; ; at++)
        {
            if (at == text.Length) throw new DataFormatException(name, opened, column, "a closing quote", "the end of the file");
            if (text[at] == '\n') line++;
            if (text[at] != '"') continue;
            if (at + 1 == text.Length || text[at + 1] != '"') break;
            at++;
        }
        cells.Add((start, at++ - start, true));
        while (at < text.Length && text[at] is ' ' or '\r' && text[at] != between) at++;
        if (at < text.Length && text[at] != between && text[at] != '\n')
            throw new DataFormatException(name, line, column,
                "a separator or line end after the closing quote", DataFormatException.Quote(text.AsSpan(at, 1)));
    }

    private static char Detect(string text)
    {
        int comma = 0, semicolon = 0, tab = 0;
        bool quoted = false;
        foreach (char c in text.AsSpan().TrimStart("\r\n"))
        {
            if (c == '"') quoted = !quoted;
            if (quoted) continue;
            if (c == '\n') break;
            if (c == ',') comma++;
            if (c == ';') semicolon++;
            if (c == '\t') tab++;
        }
        return tab > comma && tab > semicolon ? '\t' : semicolon > comma ? ';' : ',';
    }
}
