using System.Text;

namespace Spn.Core.Data;

/// <summary>Reads a table row by row and holds one row: the cells of all readers of tables are cut here.</summary>
/// <remarks>See <see cref="Csv"/> for what a table looks like.</remarks>
internal sealed class CsvReader : IDisposable
{
    private const char ByteOrderMark = '\uFEFF';

    private readonly StreamReader text;
    private readonly string name;
    private readonly char between;
    private readonly List<(int Start, int Length, bool Quoted)> cells = [];
    private readonly StringBuilder? kept; // what the row stands in: the part that has left the buffer
    private readonly List<(int Start, int End)> places = []; // where its cells stand in that
    private char[] buffer = new char[1 << 14];
    private char[] row = new char[1 << 8]; // the cells of the row, end to end
    private int at, end, length, keptTo, line = 1;
    private bool again, ended;

    /// <summary>Starts to read.</summary>
    /// <param name="content">The text in UTF-8, unpacked.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="separator">Character between cells, or null to find it in the first line.</param>
    /// <param name="keepsText">Whether <see cref="Text"/> is wanted; bytes that are no text in UTF-8, which could not be written back, are then refused.</param>
    public CsvReader(Stream content, string name, char? separator, bool keepsText = false)
    {
        this.name = name;
        if (keepsText) kept = new StringBuilder();
        text = new StreamReader(content, new UTF8Encoding(false, throwOnInvalidBytes: keepsText), detectEncodingFromByteOrderMarks: false);
        between = separator ?? Detect();
        if (More() && buffer[at] == ByteOrderMark) at++;
    }

    /// <summary>Cells of every row; 0 before the first.</summary>
    public int Width { get; private set; }

    /// <summary>Rows read, a header included.</summary>
    public long Rows { get; private set; }

    /// <summary>Line of the file, from 1, on which the row begins; quoted cells may span lines.</summary>
    public int Line { get; private set; }

    /// <summary>A cell of the row, without quotes and outer white space; valid until the next row is read.</summary>
    public ReadOnlySpan<char> this[int column] => row.AsSpan(cells[column].Start, cells[column].Length);

    /// <summary>Character between cells.</summary>
    public char Separator => between;

    /// <summary>
    /// The row as it stands in the file, from the end of the row before it to the end of its last line, and where its cells stand in
    /// that, quotes included and outer white space not; after the last row, what follows it.
    /// </summary>
    public RowText Text => new(kept!.ToString() + new string(buffer, keptTo, at - keptTo), [.. places], Line);

    /// <summary>Goes to the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="DataFormatException">The row has another number of cells than the first, a quote is not closed, or the file is empty.</exception>
    public bool Read()
    {
        if (again)
        {
            again = false;
            return true;
        }
        if (ended) return false;
        if (Rows > 0)
        {
            kept?.Clear();
            keptTo = at;
        }
        while (More())
        {
            cells.Clear();
            places.Clear();
            length = 0;
            Line = line;
            ReadRow();
            bool blank = cells is [(_, 0, false)];
            if (blank && Width != 1) continue;
            if (Width == 0) Width = cells.Count;
            if (cells.Count != Width) throw new DataFormatException(name, Line, null, $"{Width} cells", $"{cells.Count}");
            Rows++;
            return true;
        }
        ended = Rows > 0;
        return ended ? false : throw new DataFormatException(name, 1, null, "lines of cells", "an empty file");
    }

    /// <summary>The names of the columns, before any other row is read: the first row; without one, and for empty names, column1, column2 and so on.</summary>
    /// <exception cref="DataFormatException">Two columns have one name, or see <see cref="Read"/>.</exception>
    public string[] ReadNames(bool hasHeader)
    {
        Read();
        var names = new string[Width];
        for (int c = 0; c < Width; c++)
        {
            names[c] = hasHeader && !this[c].IsEmpty ? this[c].ToString() : $"column{c + 1}";
            if (Array.IndexOf(names, names[c]) < c)
                throw new DataFormatException(name, Line, c + 1, "a name that no column before has", DataFormatException.Quote(names[c]));
        }
        again = !hasHeader;
        return names;
    }

    /// <summary>What to throw when a table has a header and nothing else.</summary>
    public DataFormatException NoRows() => new(name, (int)Rows + 1, null, "at least one row of values", "the end of the file");

    public void Dispose() => text.Dispose();

    private bool More()
    {
        if (at < end) return true;
        kept?.Append(buffer, keptTo, end - keptTo);
        keptTo = 0;
        at = 0;
        end = Fill(buffer);
        return end > 0;
    }

    private int Fill(Span<char> to)
    {
        try
        {
            return text.Read(to);
        }
        catch (DecoderFallbackException e)
        {
            throw new DataFormatException(name, null, null, "text in UTF-8", "bytes that are none", e);
        }
    }

    // Where the position is in the text of the row.
    private int Mark => (kept?.Length ?? 0) + at - keptTo;

    private void ReadRow()
    {
        while (true)
        {
            ReadCell();
            if (!More()) return;
            if (buffer[at++] != between)
            {
                line++;
                return;
            }
            if (More()) continue;
            cells.Add((length, 0, false));
            places.Add((Mark, Mark));
            return;
        }
    }

    // Leaves the position at the separator or line feed behind the cell, or at the end.
    private void ReadCell()
    {
        int begin = Mark;
        while (More() && char.IsWhiteSpace(buffer[at]) && buffer[at] != between && buffer[at] != '\n') at++;
        int start = length, first = Mark;
        if (!More() || buffer[at] != '"')
        {
            while (More())
            {
                ReadOnlySpan<char> rest = buffer.AsSpan(at, end - at);
                int count = rest.IndexOfAny(between, '\n');
                Append(count < 0 ? rest : rest[..count]);
                at += count < 0 ? rest.Length : count;
                if (count >= 0) break;
            }
            length = start + row.AsSpan(start, length - start).TrimEnd().Length;
            cells.Add((start, length - start, false));
            // The white space of an empty cell may be that of the line end.
            places.Add(length == start ? (begin, begin) : (first, first + length - start));
            return;
        }
        ReadQuoted();
        cells.Add((start, length - start, true));
        places.Add((first, Mark));
        while (More() && buffer[at] is (' ' or '\r') && buffer[at] != between) at++;
        if (More() && buffer[at] != between && buffer[at] != '\n')
            throw new DataFormatException(name, line, cells.Count,
                "a separator or line end after the closing quote", DataFormatException.Quote(buffer.AsSpan(at, 1)));
    }

    private void ReadQuoted()
    {
        int opened = line;
        for (at++; ; at++)
        {
            if (!More()) throw new DataFormatException(name, opened, cells.Count + 1, "a closing quote", "the end of the file");
            if (buffer[at] == '\n') line++;
            if (buffer[at] == '"')
            {
                at++;
                if (!More() || buffer[at] != '"') return;
            }
            Append(buffer.AsSpan(at, 1));
        }
    }

    private void Append(ReadOnlySpan<char> part)
    {
        if (length + part.Length > row.Length) Array.Resize(ref row, Math.Max(length + part.Length, 2 * row.Length));
        part.CopyTo(row.AsSpan(length));
        length += part.Length;
    }

    // Reads on until the first line that is not blank is in the buffer.
    private char Detect()
    {
        int comma = 0, semicolon = 0, tab = 0;
        bool quoted = false, begun = false;
        for (int i = 0; ; i++)
        {
            if (i == end)
            {
                if (end == buffer.Length) Array.Resize(ref buffer, 2 * buffer.Length);
                int count = Fill(buffer.AsSpan(end));
                if (count == 0) break;
                end += count;
            }
            char c = buffer[i];
            if (!begun && c is ('\r' or '\n')) continue;
            begun = true;
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
