namespace Spn.Core.Engines.Simd;

/// <summary>A program run level by level, the steps of a level shared out among threads: for one large component whose weights are worth reading only once a batch.</summary>
/// <remarks>
/// Slopes are pulled: a step adds up what its readers hold ready for it, so that no two threads write to one place. Every block of
/// weights belongs to one step, so statistics need no copies, and bits do not depend on the number of threads.
/// </remarks>
internal sealed class WideProgram
{
    /// <param name="program">Every step with a slot of its own.</param>
    public WideProgram(OpProgram program)
    {
        Program = program;
        Op[] ops = program.Ops;
        var level = new int[ops.Length];
        for (int i = 0; i < ops.Length; i++) level[i] = ops[i].Sources.Select(s => level[s] + 1).DefaultIfEmpty(0).Max();
        Levels = [.. Enumerable.Range(0, ops.Length).GroupBy(i => level[i]).OrderBy(g => g.Key).Select(g => g.ToArray())];

        var readers = ops.Select(_ => new List<Reader>()).ToArray();
        Slopes = new int[ops.Length];
        for (int i = 0; i < ops.Length; i++)
        {
            if (!ops[i].Needed.Contains(true)) continue;
            Slopes[i] = SlopeRows;
            if (ops[i].Kind != OpKind.Product) SlopeRows += ops[i].Columns;
            int column = 0;
            for (int t = 0; t < ops[i].Sources.Length; t++)
            {
                if (ops[i].Needed[t]) readers[ops[i].Sources[t]].Add(new Reader(i, t, ops[i].Kind == OpKind.SumOfMany ? column : 0));
                column += program.SlotChannels[ops[i].Sources[t]];
            }
        }
        Readers = [.. readers.Select(r => r.ToArray())];
        IsTop = new bool[ops.Length];
        foreach (int slot in program.Boundary) IsTop[slot] = true;
    }

    /// <summary>The steps.</summary>
    public OpProgram Program { get; }

    /// <summary>Steps of each level, inputs first.</summary>
    public int[][] Levels { get; }

    /// <summary>For each step those that need its slopes.</summary>
    public Reader[][] Readers { get; }

    /// <summary>For each sum the first row of the slopes of its columns; products keep theirs in their slot.</summary>
    public int[] Slopes { get; }

    /// <summary>Rows of slopes of columns of all sums.</summary>
    public int SlopeRows { get; private set; }

    /// <summary>Whether the root reads a step.</summary>
    public bool[] IsTop { get; }

    /// <summary>A step that reads another.</summary>
    /// <param name="Op">The step.</param>
    /// <param name="Place">The place of the other among its sources.</param>
    /// <param name="Column">Its first column there, in a sum of many.</param>
    internal readonly record struct Reader(int Op, int Place, int Column);
}
