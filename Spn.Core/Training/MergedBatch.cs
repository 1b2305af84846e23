namespace Spn.Core.Training;

/// <summary>Replaces equal samples of a batch by one with their number as weight.</summary>
internal sealed class MergedBatch
{
    private readonly UniqueRows unique;
    private readonly int[] placeOf;
    private readonly int[] stamp;
    private int[] rows = [];
    private double[] counts = [];
    private int now;

    private MergedBatch(UniqueRows unique)
    {
        this.unique = unique;
        placeOf = new int[unique.First.Length];
        stamp = new int[unique.First.Length];
    }

    /// <summary>A merger, or null when hardly any samples are equal.</summary>
    public static MergedBatch? For(Evidence samples)
    {
        var unique = new UniqueRows(samples);
        return unique.First.Length < 0.9 * samples.Count ? new MergedBatch(unique) : null;
    }

    public ReadOnlySpan<int> Merge(ReadOnlySpan<int> batch, out ReadOnlySpan<double> weights)
    {
        if (rows.Length < batch.Length)
        {
            rows = new int[batch.Length];
            counts = new double[batch.Length];
        }
        now++;
        int used = 0;
        foreach (int row in batch)
        {
            int index = unique.ClassOf[row];
            if (stamp[index] != now)
            {
                stamp[index] = now;
                placeOf[index] = used;
                rows[used] = unique.First[index];
                counts[used++] = 0;
            }
            counts[placeOf[index]]++;
        }
        weights = counts.AsSpan(0, used);
        return rows.AsSpan(0, used);
    }
}
