using System.Globalization;

namespace Spn.Core.Data;

/// <summary>What an object of a program means as a cell of a table.</summary>
internal static class CellValue
{
    /// <summary>The value of a variable; NaN for hidden.</summary>
    /// <exception cref="EvidenceException">The object lies outside the column's domain.</exception>
    public static float Of(object? cell, Schema schema, int row, int variable)
    {
        Column column = schema.Columns[variable];
        float value;
        bool known = cell switch
        {
            null => Missing(out value),
            string text when schema.IsMissing(text) => Missing(out value),
            string text => column.TryRead(text, out value),
            bool truth => column.TryRead(truth ? "true" : "false", out value)
                || column.TryRead(truth ? "True" : "False", out value)
                || TryNumber(column, truth ? 1 : 0, out value),
            Enum name => column.TryRead(name.ToString(), out value)
                || TryNumber(column, Convert.ToDouble(name, CultureInfo.InvariantCulture), out value),
            char letter => column.TryRead([letter], out value),
            // As text, since 0.1 in single precision is another number than the label 0.1.
            float number => float.IsNaN(number) ? Missing(out value) : column.TryRead(number.ToString("R", CultureInfo.InvariantCulture), out value),
            IConvertible number and not DateTime => TryNumber(column, number.ToDouble(CultureInfo.InvariantCulture), out value),
            _ => throw new EvidenceException($"Row {row}, column \"{column.Name}\": a value of type {cell.GetType().Name} is no cell; give a text, a number, true or false.", row, variable),
        };
        return known ? value : throw Misfit(cell!, column, row, variable);

        static bool Missing(out float value)
        {
            value = float.NaN;
            return true;
        }
    }

    private static bool TryNumber(Column column, double number, out float value)
    {
        value = (float)number;
        if (double.IsNaN(number)) return true;
        return column switch
        {
            DiscreteColumn discrete => discrete.TryRead(number, out value),
            CountColumn count => count.TryRead(number, out value),
            _ => float.IsFinite(value),
        };
    }

    private static EvidenceException Misfit(object cell, Column column, int row, int variable)
    {
        string shown = cell is string text ? DataFormatException.Quote(text) : Convert.ToString(cell, CultureInfo.InvariantCulture) ?? "";
        string advice = cell is not string && column is DiscreteColumn { Numbers: null } ? "; give the text, not a code" : "";
        return new($"Row {row}, column \"{column.Name}\": {shown} is not {column.Domain}{advice}.", row, variable);
    }
}
