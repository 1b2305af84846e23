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
    private long row;

    public TableReader(Stream stream, string name, Schema schema, TableOptions options)
    {
        this.schema = schema;
        this.name = name;
        content = new DataStream(stream, name);
        reader = new CsvReader(content, name, options.Separator);
        header = reader.ReadNames(options.HasHeader);
        variables = Match(options);
    }

    /// <summary>The next rows, or null at the end.</summary>
    /// <param name="rows">Most rows to take.</param>
    /// <param name="keepCells">Whether to keep the texts as well.</param>
    public TableBlock? Next(int rows, bool keepCells)
    {
        List<float> values = [];
        List<string[]> cells = [];
        long first = row;
        while (row - first < rows && reader.Read())
        {
            int start = values.Count;
            for (int v = 0; v < schema.Variables; v++) values.Add(float.NaN);
            for (int c = 0; c < variables.Length; c++)
                if (variables[c] is >= 0 and int v && !schema.IsMissing(reader[c])) values[start + v] = Value(c, v);
            if (keepCells) cells.Add([.. Enumerable.Range(0, header.Length).Select(c => reader[c].ToString())]);
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
