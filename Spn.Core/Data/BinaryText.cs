using System.Text;

namespace Spn.Core.Data;

/// <summary>Reads text of zeros and ones separated by commas, one sample a line, plain or gzip.</summary>
/// <remarks>
/// No header and no label column. The width is that of the first line. Lines end in LF or CRLF; the last end is optional.
/// Gzip is recognised by its first bytes, not by the file's name.
/// Source: the form of the twenty binary density-estimation sets (Lowd and Davis 2010, Van Haaren and Davis 2012).
/// </remarks>
public static class BinaryText
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Path of the file.</param>
    /// <returns>[sample, variable], all observed, values 0 and 1.</returns>
    /// <exception cref="DataFormatException">A line has another width than the first, a value is not 0 or 1, the file is empty,
    /// or its gzip form is damaged.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Evidence Read(string path) => Parse(DataBytes.Read(path).Span, path);

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <inheritdoc cref="Read(string)"/>
    public static Evidence Read(Stream stream, string name) => Parse(DataBytes.Read(stream, name).Span, name);

    private static Evidence Parse(ReadOnlySpan<byte> text, string name)
    {
        if (text.StartsWith(Encoding.UTF8.Preamble)) text = text[3..];
        if (text.IsEmpty) throw new DataFormatException(name, 1, null, "lines of 0 and 1 separated by commas", "an empty file");
        int rows = text.Count((byte)'\n') + (text[^1] == '\n' ? 0 : 1);
        int width = FirstLine(text, out _).Count((byte)',') + 1;
        // Well-formed lines need two bytes a value: a file of line feeds below one wide line must not ask for rows * width floats.
        var values = new float[(int)Math.Min((long)rows * width, text.Length)];
        for (int row = 0; row < rows; row++)
        {
            var line = FirstLine(text, out int next);
            if (line.Length != 2 * width - 1 || !TryParse(line, values.AsSpan(row * width, width)))
                throw Malformed(name, row + 1, line, width);
            text = text[next..];
        }
        return Evidence.From(values, width);
    }

    private static ReadOnlySpan<byte> FirstLine(ReadOnlySpan<byte> text, out int next)
    {
        int end = text.IndexOf((byte)'\n');
        next = end < 0 ? text.Length : end + 1;
        var line = end < 0 ? text : text[..end];
        return line is [.., (byte)'\r'] ? line[..^1] : line;
    }

    // Without branches inside the loop; which value is wrong is found out only when one is.
    private static bool TryParse(ReadOnlySpan<byte> line, Span<float> values)
    {
        int wrong = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int bit = line[2 * i] ^ '0';
            values[i] = bit;
            wrong |= bit & ~1;
        }
        for (int i = 1; i < line.Length; i += 2) wrong |= line[i] ^ ',';
        return wrong == 0;
    }

    private static DataFormatException Malformed(string name, int number, ReadOnlySpan<byte> line, int width)
    {
        int column = 0;
        foreach (var range in line.Split((byte)','))
        {
            column++;
            var cell = line[range];
            if (line.Length > 0 && cell is not [(byte)'0' or (byte)'1'])
                return new DataFormatException(name, number, column, "0 or 1",
                    DataFormatException.Quote(Encoding.UTF8.GetString(cell[..Math.Min(cell.Length, 99)])));
        }
        return line.IsEmpty
            ? new DataFormatException(name, number, null, width == 1 ? "0 or 1" : $"{width} values", "an empty line")
            : new DataFormatException(name, number, null, $"{width} values", $"{column}");
    }
}
