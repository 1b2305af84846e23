using Spn.Core.Data;

namespace Spn.Core;

/// <content>Batches from records and from named columns.</content>
public sealed partial class Evidence
{
    /// <summary>A batch from objects whose public properties are columns.</summary>
    /// <remarks>
    /// Property names are compared with column names, at need without regard to letter case. Columns without a property are hidden, so a
    /// type with some of the columns makes partial evidence. Null, NaN and missing markers mean hidden. A text is a cell of the table; a
    /// number is a number as written there, not a code; true and false are such labels, else 1 and 0; an enumeration's value is its name,
    /// else its number. Each sample may also be a dictionary from column names to such values.
    /// </remarks>
    /// <param name="records">The samples.</param>
    /// <param name="schema">The columns.</param>
    /// <typeparam name="T">A type with public properties, or a dictionary with texts for keys.</typeparam>
    /// <exception cref="EvidenceException">A property is no column, or a value lies outside its column's domain.</exception>
    public static Evidence FromRecords<T>(IEnumerable<T> records, Schema schema) where T : notnull
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(schema);
        var read = new RecordReader<T>(schema);
        List<float> values = [];
        int row = 0;
        foreach (T record in records)
        {
            float[] cells = read.Row(record, row++);
            values.AddRange(cells);
        }
        return From([.. values], schema.Variables);
    }

    /// <summary>A batch from named columns.</summary>
    /// <remarks>Columns of the schema that are not given are hidden. Elements mean what the properties of
    /// <see cref="FromRecords"/> mean: NaN and null are hidden, a text is a cell of the table, a number is a number as written there.</remarks>
    /// <param name="schema">The columns.</param>
    /// <param name="columns">Arrays of one length by the name of their column, such as float[], double[], int[], bool[] or string[]; at least one.</param>
    /// <exception cref="EvidenceException">A name is no column, the lengths differ, or a value lies outside its column's domain.</exception>
    /// <exception cref="ArgumentException">No column is given, so that the number of samples is not known.</exception>
    public static Evidence FromColumns(Schema schema, IReadOnlyDictionary<string, Array> columns)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(columns);
        if (columns.Count == 0) throw new ArgumentException("There is no column to take the number of samples from.", nameof(columns));
        (string firstName, Array first) = columns.First();
        var values = new float[(long)first.Length * schema.Variables];
        Array.Fill(values, float.NaN);
        foreach ((string name, Array column) in columns)
        {
            int variable = ColumnNames.Find(schema, name) ?? throw new EvidenceException($"There is {schema.Unknown(name)}.");
            if (column.Rank != 1 || column.Length != first.Length)
                throw new EvidenceException($"Column \"{name}\" has {column.Length} values, column \"{firstName}\" has {first.Length}.", null, variable);
            for (int row = 0; row < column.Length; row++)
                values[row * schema.Variables + variable] = CellValue.Of(column.GetValue(row), schema, row, variable);
        }
        return From(values, schema.Variables);
    }
}
