namespace Spn.Core.Engines;

/// <summary>Which channels of products are set to 0: a fixed function of seed, region, channel and row, the same in every engine.</summary>
/// <param name="Share">Probability of 0.</param>
/// <param name="Seed">Seed.</param>
internal sealed record Dropout(double Share, long Seed)
{
    /// <summary>Factor of the row in the hash.</summary>
    public const int RowFactor = unchecked((int)0x9E3779B9);

    public const int FirstFactor = unchecked((int)0x85EBCA6B);
    public const int SecondFactor = unchecked((int)0xC2B2AE35);

    /// <summary>Noise below this is dropped.</summary>
    public float Threshold { get; } = (float)(Share * (1L << 31));

    /// <summary>What every row adds to in the hash of a channel.</summary>
    public int Key(int region, int channel)
    {
        ulong z = (ulong)Seed * 0x9E3779B97F4A7C15 + ((ulong)(uint)region << 32) + (uint)channel;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (int)(z ^ (z >> 31));
    }

    /// <summary>Uniform from 0 to 2^31.</summary>
    public float Noise(int region, int channel, int row)
    {
        uint h = (uint)(Key(region, channel) + row * RowFactor);
        h = (h ^ (h >> 16)) * unchecked((uint)FirstFactor);
        h = (h ^ (h >> 13)) * unchecked((uint)SecondFactor);
        return (int)((h ^ (h >> 16)) >> 1);
    }

    /// <summary>Whether one channel has to be kept where all would go: among many that does not happen.</summary>
    public bool NeedsGuard(int channels) => Math.Pow(Share, channels) > 1e-12;

    /// <summary>Whether a channel of a region is 0.</summary>
    public bool Drops(int region, int channel, int channels, int row)
    {
        float own = Noise(region, channel, row);
        if (own >= Threshold) return false;
        if (!NeedsGuard(channels)) return true;
        float most = 0;
        for (int c = 0; c < channels; c++) most = MathF.Max(most, Noise(region, c, row));
        return own < most;
    }
}
