namespace Spn.Core.Lowering;

/// <summary>Which channel of each cell of a patch makes each channel of a spatial product.</summary>
internal static class ChannelPlan
{
    public const int MostCombinations = 1 << 20;

    /// <summary>[cell of the patch, output channel]; null when there are too many combinations.</summary>
    public static int[,]? Of(ProductChannels plan, int cells, int channels)
    {
        switch (plan)
        {
            case AllChannelCombinations:
                double total = Math.Pow(channels, cells);
                if (total > MostCombinations) return null;
                return Fill(cells, (int)total, (t, o) => o / (int)Math.Pow(channels, t) % channels);
            case LimitedChannels limited:
                if (limited.Channels < 1)
                    throw new CircuitException("Product.Spatial", "no channels", $"{limited.Channels} combinations were asked for.", "Ask for at least 1.");
                int[][] order = [.. Enumerable.Range(0, cells).Select(t => new RandomStream(limited.Seed, "channel plan", t).Permutation(Math.Max(limited.Channels, channels)))];
                return Fill(cells, limited.Channels, (t, o) => order[t][o] % channels);
            default:
                return Fill(cells, channels, (_, o) => o);
        }
    }

    private static int[,] Fill(int cells, int outputs, Func<int, int, int> channel)
    {
        var table = new int[cells, outputs];
        for (int t = 0; t < cells; t++)
            for (int o = 0; o < outputs; o++) table[t, o] = channel(t, o);
        return table;
    }
}
