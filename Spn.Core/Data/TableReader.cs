namespace Spn.Core.Data;

/// <summary>Reads a table of a known schema, some rows at a time.</summary>
internal sealed class TableReader : IDisposable
{
    private readonly Schema schema;
    private readonly string name;
    private readonly DataStream content;
    private readonly CsvReader reader;
    private readonly string[] header;
    private readonly int[] variables; // [column of the file], -1 for a column that is passed over
    private readonly List<RowText>? texts;
    private long row;

    /// <summary>Starts to read.</summary>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="schema">The columns.</param>
    /// <param name="options">How to read it.</param>
    /// <param name="keepsTexts">Whether <see cref="Texts"/> are wanted.</param>
    public TableReader(Stream stream, string name, Schema schema, TableOptions options, bool keepsTexts = false)
    {
        this.schema = schema;
        this.name = name;
        content = new DataStream(stream, name);
        reader = new CsvReader(content, name, options.Separator, keepsTexts);
        header = reader.ReadNames(options.HasHeader);
        variables = Match(options);
        if (!keepsTexts) return;
        texts = [];
        HeaderText = options.HasHeader ? reader.Text.Text : "";
    }

    /// <summary>The header as it stands in the file; empty where there is none.</summary>
    public string HeaderText { get; } = "";

    /// <summary>The rows of the last block as they stand in the file.</summary>
    public IReadOnlyList<RowText> Texts => texts!;

    /// <summary>What follows the last row, after the last block.</summary>
    public string Rest => reader.Text.Text;

    /// <summary>Character between cells.</summary>
    public char Separator => reader.Separator;

    /// <summary>Names of the columns of the file.</summary>
    public IReadOnlyList<string> Header => header;

    /// <summary>[column of the file] the variable that it holds, or -1 for a column that is passed over.</summary>
    public IReadOnlyList<int> Variables => variables;

    /// <summary>The next rows, or null at the end.</summary>
    /// <param name="rows">Most rows to take.</param>
    /// <param name="keepCells">Whether to keep the texts as well.</param>
    public TableBlock? Next(int rows, bool keepCells)
    {
        List<float> values = [];
        List<string[]> cells = [];
        long first = row;
        texts?.Clear();
        while (row - first < rows && reader.Read())
        {
            int start = values.Count;
            for (int v = 0; v < schema.Variables; v++) values.Add(float.NaN);
            for (int c = 0; c < variables.Length; c++)
                if (variables[c] is >= 0 and int v && !schema.IsMissing(reader[c])) values[start + v] = Value(c, v);
            if (keepCells) cells.Add([.. Enumerable.Range(0, header.Length).Select(c => reader[c].ToString())]);
            texts?.Add(reader.Text);
            row++;
        }
        if (row == 0) throw reader.NoRows();
        return row == first ? null : new TableBlock(header, variables, first, Evidence.From([.. values], schema.Variables), cells, content.BytesRead);
    }

    public void Dispose()
    {
        reader.Dispose();
        content.Dispose();
    }

    private float Value(int column, int variable) => schema.Columns[variable].TryRead(reader[column], out float value)
        ? value
        : throw DataFormatException.InColumn(name, reader.Line, column + 1, schema.Columns[variable].Name,
            schema.Columns[variable].Domain, DataFormatException.Quote(reader[column]));

    private int[] Match(TableOptions options)
    {
        if (!options.HasHeader && header.Length == schema.Variables) return [.. Enumerable.Range(0, header.Length)];
        int[] found = [.. header.Select(schema.IndexOf)];
        string known = string.Join(", ", schema.Columns.Select(c => c.Name));
        if (!options.HasHeader && found.All(v => v < 0))
            throw new DataFormatException(name, reader.Line, null, $"{schema.Variables} cells, one for each of {known}", $"{header.Length}");
        for (int c = 0; c < header.Length; c++)
            if (found[c] < 0 && !options.PassUnknownColumns && !schema.Ignored.Contains(header[c]))
                throw new DataFormatException(name, reader.Line, c + 1, $"one of the columns {known}", DataFormatException.Quote(header[c]));
        int absent = Enumerable.Range(0, schema.Variables).FirstOrDefault(v => !found.Contains(v), -1);
        if (absent >= 0 && !options.HideAbsentColumns)
            throw new DataFormatException(name, reader.Line, null, $"a column \"{schema.Columns[absent].Name}\"", string.Join(", ", header));
        return found;
    }
}
