namespace Spn.Core.Engines;

/// <summary>The random numbers of sampling: they hang on the seed and on the place in the batch, not on engine, threads or blocks.</summary>
internal static class Draws
{
    /// <summary>The stream of one way down: number r decides at region r; numbers from the count of regions on are left to the caller.</summary>
    public static RandomStream Stream(long seed, int row, int way) => new(seed, "draw", ((long)row << 32) + way);
}
