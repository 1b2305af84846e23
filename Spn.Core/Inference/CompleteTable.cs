using System.Buffers;
using System.Text;
using Spn.Core.Data;
using Spn.Core.Files;
using Spn.Core.Inference;

namespace Spn.Core;

/// <content>Filling in the missing cells of tables.</content>
public sealed partial class Circuit
{
    /// <summary>Copies a CSV file with its missing cells filled in; only some thousand rows are held at a time.</summary>
    /// <remarks>
    /// Everything else stays as it was, byte for byte: observed cells with their quotes, columns that the circuit does not know, the
    /// header, separators and line ends. Columns are found by name in <see cref="SchemaOrDefault"/>. Numbers have six or seven
    /// significant digits. The output appears in one step when all of it is written, and not at all after an error.
    /// </remarks>
    /// <param name="input">The file, plain or gzip.</param>
    /// <param name="output">The file to write, which may be the same one; gzip where its name ends with .gz.</param>
    /// <param name="options">How; null takes the defaults.</param>
    /// <param name="progress">Told after each block of rows.</param>
    /// <param name="cancellation">Stops between blocks of rows.</param>
    /// <exception cref="DataFormatException">The input is no table in UTF-8, shares no column with the circuit, a cell lies outside its
    /// column's domain, or a row has probability 0.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public TableCompletionReport CompleteTable(
        string input, string output, TableCompletionOptions? options = null, IProgress<TableProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        TableCompletionReport? report = null;
        AtomicFile.WriteText(output, writer =>
        {
            using FileStream stream = File.OpenRead(input);
            report = CompleteTable(stream, input, writer, options, progress, cancellation);
        });
        return report!;
    }

    /// <summary>Copies a table with its missing cells filled in; after an error the output holds the rows of the blocks before it.</summary>
    /// <param name="input">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="output">Receives the text.</param>
    /// <param name="options">How; null takes the defaults.</param>
    /// <param name="progress">Told after each block of rows.</param>
    /// <param name="cancellation">Stops between blocks of rows.</param>
    /// <inheritdoc cref="CompleteTable(string, string, TableCompletionOptions?, IProgress{TableProgress}?, CancellationToken)"/>
    public TableCompletionReport CompleteTable(
        Stream input, string name, TextWriter output, TableCompletionOptions? options = null, IProgress<TableProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        options ??= new();
        Schema columns = SchemaOrDefault;
        long? bytes = input.CanSeek ? input.Length : null;
        var table = new TableOptions { HasHeader = options.HasHeader, Separator = options.Separator, HideAbsentColumns = true, PassUnknownColumns = true };
        using var reader = new TableReader(input, name, columns, table, keepsTexts: true);
        if (reader.Variables.All(v => v < 0))
            throw new DataFormatException(name, 1, null, $"at least one of the columns {string.Join(", ", columns.Columns.Select(c => c.Name))}", string.Join(", ", reader.Header));
        SearchValues<char> special = CsvWriter.Special(reader.Separator);
        var text = new StringBuilder(reader.HeaderText);
        long rows = 0, filled = 0;
        while (reader.Next(options.RowsPerBlock, keepCells: false) is { } block)
        {
            cancellation.ThrowIfCancellationRequested();
            Evidence known = block.Evidence;
            int[] present = [.. Enumerable.Range(0, reader.Header.Count).Where(c => reader.Variables[c] >= 0)];
            bool[] wanted = [.. Enumerable.Range(0, known.Count).Select(row => present.Any(c => known.IsHidden(row, reader.Variables[c])))];
            // A row with nothing to fill in stays in its place, so that the others draw the same, but says nothing.
            Evidence completed = !wanted.Contains(true) ? known
                : CompleteBlock(known.Hide((row, _) => !wanted[row]), options, name, reader, rows, cancellation);
            for (int row = 0; row < known.Count; row++)
                reader.Texts[row].Write(text, c =>
                {
                    int v = reader.Variables[c];
                    if (v < 0 || !known.IsHidden(row, v)) return null;
                    filled++;
                    return CsvWriter.Quoted(columns.Rounded(v, completed.Row(row)[v]), special);
                });
            rows += known.Count;
            Flush(text, output);
            progress?.Report(new TableProgress(rows, block.BytesRead, bytes));
        }
        output.Write(reader.Rest);
        return new TableCompletionReport(rows, filled,
            [.. reader.Header.Where((_, c) => reader.Variables[c] < 0)],
            [.. columns.Columns.Where((_, v) => !reader.Variables.Contains(v)).Select(c => c.Name)]);
    }

    private static void Flush(StringBuilder text, TextWriter output)
    {
        foreach (ReadOnlyMemory<char> part in text.GetChunks()) output.Write(part.Span);
        text.Clear();
    }

    private Evidence CompleteBlock(
        Evidence known, TableCompletionOptions options, string name, TableReader reader, long firstRow, CancellationToken cancellation)
    {
        try
        {
            return Complete(known, options.By, options.Seed, firstRow, cancellation);
        }
        catch (EvidenceException e) when (e.Row is int row)
        {
            throw NothingFollows(known.Rows([row]), name, reader.Texts[row].Line, reader.Variables);
        }
    }

    /// <summary>Says of a row of probability 0 which cell the others leave no room for.</summary>
    private DataFormatException NothingFollows(Evidence row, string name, int line, IReadOnlyList<int> variables)
    {
        const string Expected = "cells of positive probability", Found = "cells of probability 0", Why = "so nothing follows from them. Empty a cell that contradicts the model";
        Schema columns = SchemaOrDefault;
        int[] observed = [.. Enumerable.Range(0, Variables).Where(v => !row.IsHidden(0, v))];
        double[] without = JointLogLikelihood(row.Rows(new int[observed.Length]).Hide((i, v) => v == observed[i]));
        int[] guilty = [.. observed.Where((_, i) => !double.IsNegativeInfinity(without[i]))];
        if (guilty.Length == 0)
            return DataFormatException.InRow(name, line, Expected, Found, $"the known cells have probability 0 under the model, {Why}");
        Column first = columns.Columns[guilty[0]];
        string others = guilty.Length == 1 ? "" : $" (the same holds of {string.Join(", ", guilty.Skip(1).Select(v => $"\"{columns.Columns[v].Name}\""))})";
        return DataFormatException.InColumn(name, line, variables.ToList().IndexOf(guilty[0]) + 1, first.Name, Expected, Found,
            $"{DataFormatException.Quote(first.Text(row.Row(0)[guilty[0]]))} (the column holds {first.Domain}) has probability 0 given the other known cells{others}, {Why}");
    }
}
