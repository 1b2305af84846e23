using System.Globalization;

namespace Spn.Core;

/// <content>The table that the variables come from.</content>
public sealed partial class Circuit
{
    private Schema? schema;

    /// <summary>The columns of the table that the variables are, or null where they have no names; saved with the circuit.</summary>
    /// <remarks>Errors then call variables by their column.</remarks>
    /// <exception cref="ArgumentException">On setting, when there is not one column a variable, or a column and its input differ in the number of values.</exception>
    public Schema? Schema
    {
        get => schema;
        set
        {
            if (value is not null) Plan.CheckSchema(value);
            schema = value;
        }
    }

    /// <summary>The columns, or for a circuit whose variables have no names columns x0, x1 and so on with their inputs' domains.</summary>
    public Schema SchemaOrDefault => schema ?? new Schema(Plan.InputOf.Select((family, v) =>
        family?.Domain switch
        {
            { HasCodes: true, States: int states } => (Column)new DiscreteColumn($"x{v}", Enumerable.Range(0, states).Select(code => code.ToString(CultureInfo.InvariantCulture))),
            { IsInteger: true } => new CountColumn($"x{v}"),
            _ => new RealColumn($"x{v}"),
        }));

    /// <summary>How errors call a variable.</summary>
    private string NameOf(int variable) => schema is null ? $"variable {variable}" : $"column \"{schema.Columns[variable].Name}\"";

    /// <summary>Refuses evidence that does not fit, by the names of the columns where there are any.</summary>
    internal void Check(Evidence evidence) => Plan.CheckEvidence(evidence, schema);
}
