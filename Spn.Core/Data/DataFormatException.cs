namespace Spn.Core.Data;

/// <summary>A data file does not have the form it must have.</summary>
/// <remarks>The message reads like <c>nltcs.train.data line 17 column 4: expected 0 or 1, found "2".</c></remarks>
public sealed class DataFormatException : Exception
{
    /// <summary>The facts of the error; the message is made of them.</summary>
    /// <param name="file">Path or display name of the file.</param>
    /// <param name="line">Line from 1, or null when the error has no line.</param>
    /// <param name="column">Column from 1, or null when it concerns the whole line or file.</param>
    /// <param name="expected">What should be there, as a phrase.</param>
    /// <param name="found">What is there, as a phrase.</param>
    /// <param name="inner">The error below this one, if any.</param>
    public DataFormatException(string file, int? line, int? column, string expected, string found, Exception? inner = null)
        : base($"{Place(file, line, column)}: expected {expected}, found {found}.", inner)
    {
        File = file;
        Line = line;
        Column = column;
        Expected = expected;
        Found = found;
    }

    private DataFormatException(string file, int? line, int? column, string? name, string expected, string found, string reason)
        : base($"{Place(file, line, null)}{(name is null ? "" : $"{(line is null ? "" : ",")} column \"{name}\"")}: {reason}.")
    {
        File = file;
        Line = line;
        Column = column;
        ColumnName = name;
        Expected = expected;
        Found = found;
    }

    /// <summary>An error of a named column; the message reads like <c>anes.csv line 17, column "vote": "maybe" is not one of 0, 1.</c></summary>
    /// <param name="file">Path or display name of the file.</param>
    /// <param name="line">Line from 1, or null when the error concerns the whole column.</param>
    /// <param name="column">Column from 1.</param>
    /// <param name="name">Name of the column.</param>
    /// <param name="expected">What should be there, as a phrase.</param>
    /// <param name="found">What is there, as a phrase.</param>
    /// <param name="reason">What is wrong and perhaps the way out, without a full stop; null says that the one is not the other.</param>
    internal static DataFormatException InColumn(
        string file, int? line, int column, string name, string expected, string found, string? reason = null) =>
        new(file, line, column, name, expected, found, reason ?? $"{found} is not {expected}");

    /// <summary>An error of a whole line that no one column is to blame for.</summary>
    /// <param name="file">Path or display name of the file.</param>
    /// <param name="line">Line from 1.</param>
    /// <param name="expected">What should be there, as a phrase.</param>
    /// <param name="found">What is there, as a phrase.</param>
    /// <param name="reason">What is wrong, without a full stop.</param>
    internal static DataFormatException InRow(string file, int line, string expected, string found, string reason) =>
        new(file, line, null, null, expected, found, reason);

    /// <summary>Path or display name of the file; the message names its last part only.</summary>
    public string File { get; }

    /// <summary>Line from 1; null for a binary file and for an error of the whole file.</summary>
    public int? Line { get; }

    /// <summary>Column from 1, counted in values and not in characters; null when the error concerns the whole line or file.</summary>
    public int? Column { get; }

    /// <summary>Name of the column, where columns have names that were looked at; else null.</summary>
    public string? ColumnName { get; }

    /// <summary>What should be there, as a phrase: <c>0 or 1</c>.</summary>
    public string Expected { get; }

    /// <summary>What is there, as a phrase; text of the file stands in quotes.</summary>
    public string Found { get; }

    private static string Place(string file, int? line, int? column) =>
        Path.GetFileName(file) + (line is null ? "" : $" line {line}") + (column is null ? "" : $" column {column}");

    // Long enough to recognise a value, short enough to keep a message on one line when the file is no text at all.
    internal static string Quote(ReadOnlySpan<char> text)
    {
        var shown = new System.Text.StringBuilder("\"");
        foreach (char c in text[..Math.Min(text.Length, 24)])
            _ = char.IsControl(c) ? shown.Append($"\\u{(int)c:x4}") : shown.Append(c);
        return shown.Append(text.Length > 24 ? "...\"" : "\"").ToString();
    }
}
