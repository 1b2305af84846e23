using System.Text;

namespace Spn.Core.Data;

/// <summary>A row as it stands in its file.</summary>
/// <param name="Text">The text, line end included.</param>
/// <param name="Cells">Where its cells stand, [column of the file]: first character and the one behind the last.</param>
/// <param name="Line">Line of the file, from 1, on which it begins.</param>
internal readonly record struct RowText(string Text, (int Start, int End)[] Cells, int Line)
{
    /// <summary>Writes the row with some cells replaced and all else as it was.</summary>
    /// <param name="to">Receives the text.</param>
    /// <param name="replacement">Gives for a column of the file what stands there instead, quoted where it must be, or null to leave it.</param>
    public void Write(StringBuilder to, Func<int, string?> replacement)
    {
        int done = 0;
        for (int c = 0; c < Cells.Length; c++)
        {
            if (replacement(c) is not { } cell) continue;
            to.Append(Text, done, Cells[c].Start - done).Append(cell);
            done = Cells[c].End;
        }
        to.Append(Text, done, Text.Length - done);
    }
}
