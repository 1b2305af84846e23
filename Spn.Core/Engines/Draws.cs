namespace Spn.Core.Engines;

/// <summary>The random numbers of sampling: they hang on the seed and on the place in the batch, not on engine, threads or blocks.</summary>
internal static class Draws
{
    /// <summary>The stream of one way down: number r decides at region r; numbers from the count of regions on are left to the caller.</summary>
    /// <param name="seed">The user's seed.</param>
    /// <param name="row">The row of the batch.</param>
    /// <param name="way">The way, counted from <see cref="First"/>.</param>
    public static RandomStream Stream(long seed, int row, long way) => new(seed, "draw", ((long)row << 32) + way);

    /// <summary>Number of a way of the first row of a batch that continues another: so that blocks draw what the whole would.</summary>
    /// <param name="firstRow">Rows before the batch.</param>
    /// <param name="way">The way, from 0.</param>
    public static long First(long firstRow, int way) => (firstRow << 32) + way;
}
