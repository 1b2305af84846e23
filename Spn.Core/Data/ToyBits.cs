namespace Spn.Core.Data;

/// <summary>The made-up binary set of the HyperSPN paper: 256 bits, neighbours of which depend on each other like the leaves of a tree.</summary>
/// <remarks>
/// Every row draws its probabilities anew: from 0.5 on, each is doubled into two neighbours, which then move by their own U(-0.2, 0.2),
/// until there are 256. A bit is 1 when a uniform number is above its probability. Rows are shuffled and split 70 : 10 : 20.
/// Source: Shih, Sadigh and Ermon 2021, appendix.
/// </remarks>
public static class ToyBits
{
    private const int Bits = 256, Count = 10_000;
    private const double Move = 0.2;

    /// <summary>Number of training, validation and test rows.</summary>
    internal static (int Train, int Valid, int Test) Rows => (7 * Count / 10, Count / 10, 2 * Count / 10);

    /// <summary>Makes the set; the same seed makes the same set.</summary>
    /// <param name="seed">Seed of everything drawn.</param>
    public static DataSet Load(long seed = 0)
    {
        var random = new RandomStream(seed, "toy bits");
        var values = new float[Count * Bits];
        var shares = new double[Bits];
        for (int row = 0; row < Count; row++)
        {
            shares[0] = 0.5;
            for (int length = 1; length < Bits; length *= 2)
                for (int i = length - 1; i >= 0; i--)
                {
                    double share = shares[i];
                    shares[2 * i + 1] = share + Move * (2 * random.NextDouble() - 1);
                    shares[2 * i] = share + Move * (2 * random.NextDouble() - 1);
                }
            for (int i = 0; i < Bits; i++) values[row * Bits + i] = random.NextDouble() > shares[i] ? 1 : 0;
        }
        Evidence all = Evidence.From(values, Bits);
        int[] order = random.Permutation(Count);
        (int train, int valid, _) = Rows;
        return new DataSet("toy", all.Rows(order.AsSpan(0, train)), all.Rows(order.AsSpan(train, valid)), all.Rows(order.AsSpan(train + valid)));
    }
}
