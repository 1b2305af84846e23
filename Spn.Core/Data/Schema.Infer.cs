using Spn.Core.Data;

namespace Spn.Core;

/// <content>Finding the schema of a table.</content>
public sealed partial record Schema
{
    /// <summary>Finds the schema of a file, plain or gzip, in one pass over it.</summary>
    /// <remarks>
    /// A column with a cell that is no number is discrete, its labels sorted by their characters. A column of at most
    /// <see cref="SchemaOptions.MostStates"/> different integers is discrete, its labels the integers in ascending order. Any other
    /// column is real, with mean and standard deviation of its observed values (1 where that is 0) as location and scale.
    /// Columns named in <see cref="SchemaOptions.Counts"/> hold counts. A column of one value only stays a variable, of one state.
    /// </remarks>
    /// <param name="path">Path of the file.</param>
    /// <param name="options">How to read it, and what is known beforehand; null for the defaults.</param>
    /// <exception cref="DataFormatException">The file is no table, all cells of a column are missing, a discrete column has too many
    /// values, a column that is to be real holds text, or one of counts something that is none.</exception>
    /// <exception cref="ArgumentException">The options name a column that the file does not have, or one for two purposes.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Schema Infer(string path, SchemaOptions? options = null) => Profile(path, options).Schema;

    /// <summary>Finds the schema of a stream, in one pass to its end.</summary>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="options">How to read it, and what is known beforehand; null for the defaults.</param>
    /// <inheritdoc cref="Infer(string, SchemaOptions?)"/>
    public static Schema Infer(Stream stream, string name, SchemaOptions? options = null) => Profile(stream, name, options).Schema;

    /// <summary>Finds the schema of a file and counts what is missing.</summary>
    /// <inheritdoc cref="Infer(string, SchemaOptions?)"/>
    public static TableProfile Profile(string path, SchemaOptions? options = null)
    {
        using FileStream stream = File.OpenRead(path);
        return Profile(stream, path, options);
    }

    /// <summary>Finds the schema of a stream and counts what is missing.</summary>
    /// <inheritdoc cref="Infer(Stream, string, SchemaOptions?)"/>
    public static TableProfile Profile(Stream stream, string name, SchemaOptions? options = null)
    {
        options ??= new();
        using var content = new DataStream(stream, name);
        using var reader = new CsvReader(content, name, options.Separator);
        string[] header = reader.ReadNames(options.HasHeader);
        Check(options, name, header);
        var missing = options.Missing.ToHashSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        int[] kept = [.. Enumerable.Range(0, header.Length).Where(c => !options.Drop.Contains(header[c]))];
        ColumnStatistics[] columns = [.. kept.Select(c => new ColumnStatistics(name, c + 1, header[c], options))];
        long rows = 0;
        for (; reader.Read(); rows++)
            for (int v = 0; v < kept.Length; v++)
            {
                ReadOnlySpan<char> cell = reader[kept[v]];
                if (cell.IsEmpty || missing.Contains(cell)) columns[v].AddMissing();
                else columns[v].Add(cell, reader.Line);
            }
        if (rows == 0) throw reader.NoRows();
        var schema = new Schema(columns.Select(c => c.ToColumn()), options.Missing, options.Drop);
        return new TableProfile(schema, rows, new(columns.Select((c, v) => c.Profile(schema.Columns[v]))));
    }

    private static void Check(SchemaOptions options, string name, string[] header)
    {
        string[] named = [.. options.Real.Distinct(), .. options.Discrete.Distinct(), .. options.Counts.Distinct(), .. options.Drop.Distinct()];
        foreach (string column in named)
        {
            if (!header.Contains(column))
                throw new ArgumentException($"{Path.GetFileName(name)} has no column \"{column}\"; its columns are {string.Join(", ", header)}.", nameof(options));
            if (named.Count(other => other == column) > 1)
                throw new ArgumentException($"Column \"{column}\" is named for two purposes; make it real, discrete or counts, or drop it.", nameof(options));
        }
        if (header.All(options.Drop.Contains)) throw new ArgumentException("All columns are dropped; keep at least one.", nameof(options));
    }
}
