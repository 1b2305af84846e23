namespace Spn.Core.Data;

/// <summary>Some consecutive rows of a table, as evidence and as they stand in the file.</summary>
/// <param name="Header">Names of the columns of the file, in its order; column1, column2 and so on where it has no header.</param>
/// <param name="Variables">[column of the file] the variable that it holds, or -1 for a column that is passed over.</param>
/// <param name="FirstRow">Number of the first row, from 0; the header does not count.</param>
/// <param name="Evidence">The values, [row, variable]; missing cells are hidden.</param>
/// <param name="Cells">The texts of the cells, without quotes and outer white space, [row][column of the file].</param>
/// <param name="BytesRead">Bytes of the file read so far, as stored: to tell how far the reading is.</param>
public sealed record TableBlock(
    IReadOnlyList<string> Header, IReadOnlyList<int> Variables, long FirstRow, Evidence Evidence, IReadOnlyList<string[]> Cells, long BytesRead);
