namespace Spn.Core.Data;

/// <summary>How a table of a known schema is read.</summary>
public sealed record TableOptions
{
    /// <summary>Whether the first line names the columns; otherwise they are taken by their place.</summary>
    /// <remarks>Without names, a table with as many columns as the schema has variables holds them in this order; any other
    /// table's columns are called column1, column2 and so on, as a schema that was inferred without a header calls them.</remarks>
    public bool HasHeader { get; init; } = true;

    /// <summary>Character between cells; null chooses whichever of comma, semicolon and tab is most frequent in the first line.</summary>
    public char? Separator { get; init; }

    /// <summary>Whether columns of the schema that the file lacks are hidden in every row, rather than an error.</summary>
    public bool HideAbsentColumns { get; init; }

    /// <summary>Whether columns of the file that the schema does not know are passed over, rather than an error.</summary>
    public bool PassUnknownColumns { get; init; }
}
