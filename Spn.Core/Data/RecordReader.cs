using System.Reflection;

namespace Spn.Core.Data;

/// <summary>Takes the columns of a schema from objects of one type.</summary>
internal sealed class RecordReader<T> where T : notnull
{
    private readonly Schema schema;
    private readonly (PropertyInfo Property, int Variable)[] properties = [];
    private readonly bool isDictionary = typeof(IEnumerable<KeyValuePair<string, object?>>).IsAssignableFrom(typeof(T));

    public RecordReader(Schema schema)
    {
        this.schema = schema;
        if (isDictionary) return;
        properties = [.. from property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
                         where property.CanRead && property.GetIndexParameters().Length == 0 && !schema.Ignored.Contains(property.Name)
                         select (property, Variable($"Property {property.Name}", property.Name, null))];
        if (properties.Length == 0) throw new EvidenceException($"{typeof(T).Name} has no public property that could be a column.");
        var twice = properties.GroupBy(p => p.Variable).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null)
            throw new EvidenceException($"The properties {string.Join(" and ", twice.Select(p => p.Property.Name))} are both column \"{schema.Columns[twice.Key].Name}\".");
    }

    /// <summary>The values of a sample, [variable]; NaN for hidden.</summary>
    public float[] Row(T record, int row)
    {
        var values = new float[schema.Variables];
        Array.Fill(values, float.NaN);
        if (isDictionary)
        {
            foreach ((string name, object? cell) in (IEnumerable<KeyValuePair<string, object?>>)record)
            {
                if (schema.Ignored.Contains(name)) continue;
                int variable = Variable($"Row {row}", name, row);
                values[variable] = CellValue.Of(cell, schema, row, variable);
            }
            return values;
        }
        foreach ((PropertyInfo property, int variable) in properties)
            values[variable] = CellValue.Of(property.GetValue(record), schema, row, variable);
        return values;
    }

    private int Variable(string place, string name, int? row) =>
        ColumnNames.Find(schema, name) ?? throw new EvidenceException($"{place}: there is {schema.Unknown(name)}.", row);
}

/// <summary>Finds columns by the names that programs use.</summary>
internal static class ColumnNames
{
    /// <summary>The variable of a column, at need without regard to letter case where only one column fits; else null.</summary>
    public static int? Find(Schema schema, string name)
    {
        if (schema.IndexOf(name) is >= 0 and int exact) return exact;
        int[] close = [.. Enumerable.Range(0, schema.Variables).Where(v => string.Equals(schema.Columns[v].Name, name, StringComparison.OrdinalIgnoreCase))];
        return close.Length == 1 ? close[0] : null;
    }
}
