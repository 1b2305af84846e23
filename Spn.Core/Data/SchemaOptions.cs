namespace Spn.Core.Data;

/// <summary>How the schema of a table is inferred.</summary>
public sealed record SchemaOptions
{
    /// <summary>Whether the first line names the columns; otherwise, and where a name is empty, they are called column1, column2 and so on.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Character between cells; null chooses whichever of comma, semicolon and tab is most frequent in the first line.</summary>
    public char? Separator { get; init; }

    /// <summary>All missing markers; the empty cell is always one.</summary>
    public IReadOnlyCollection<string> Missing { get; init; } = Schema.UsualMissing;

    /// <summary>Names of columns that are real whatever their values are.</summary>
    public IReadOnlyCollection<string> Real { get; init; } = [];

    /// <summary>Names of columns that are discrete whatever their values are.</summary>
    public IReadOnlyCollection<string> Discrete { get; init; } = [];

    /// <summary>Names of columns of counts: integers from 0 on, without an end.</summary>
    public IReadOnlyCollection<string> Counts { get; init; } = [];

    /// <summary>Names of columns that are no variables.</summary>
    public IReadOnlyCollection<string> Drop { get; init; } = [];

    /// <summary>Most different integers of a column that is taken for a discrete one.</summary>
    public int MostStates { get; init; } = 20;

    /// <summary>Most labels of a discrete column; more of them look like an identifier.</summary>
    public int MostLabels { get; init; } = 256;
}
