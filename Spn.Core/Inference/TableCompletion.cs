namespace Spn.Core.Inference;

/// <summary>How a table is completed.</summary>
public sealed record TableCompletionOptions
{
    /// <summary>How missing cells are filled in.</summary>
    public Completion By { get; init; } = Completion.Mean;

    /// <summary>Seed of <see cref="Completion.Sample"/>.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Whether the first line names the columns; see <see cref="Data.TableOptions.HasHeader"/>.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Character between cells; null finds it in the first line.</summary>
    public char? Separator { get; init; }

    /// <summary>Rows that are held at a time, at least 1; of no influence on the result.</summary>
    public int RowsPerBlock { get; init; } = 4096;
}

/// <summary>How the completion of a table stands.</summary>
/// <param name="Rows">Rows done.</param>
/// <param name="BytesRead">Bytes of the file read, as stored.</param>
/// <param name="Bytes">Bytes of the file, or null where that is not known.</param>
public readonly record struct TableProgress(long Rows, long BytesRead, long? Bytes);

/// <summary>What was done to a table.</summary>
/// <param name="Rows">Number of rows.</param>
/// <param name="Filled">Number of cells that were filled in.</param>
/// <param name="PassedOver">Columns of the file that the circuit does not know and that were written as they were.</param>
/// <param name="Absent">Columns of the circuit that the file lacks; they were summed out or explained with the others, and are not written.</param>
public sealed record TableCompletionReport(long Rows, long Filled, IReadOnlyList<string> PassedOver, IReadOnlyList<string> Absent);
