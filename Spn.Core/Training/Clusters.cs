using System.Numerics;
using System.Runtime.InteropServices;

namespace Spn.Core.Training;

/// <summary>Groups of similar samples: their centres, and which samples belong to which.</summary>
/// <remarks>
/// A sample belongs to the nearest centre by squared Euclidean distance over its observed entries. Source of the use for circuits, one
/// a group: Shih, Sadigh and Ermon 2021, appendix (100 groups of street view house numbers).
/// </remarks>
public sealed class Clusters
{
    private readonly float[][] centres;
    private readonly int[] sizes;

    private Clusters(float[][] centres, int[] sizes)
    {
        this.centres = centres;
        this.sizes = sizes;
    }

    /// <summary>Number of groups.</summary>
    public int Count => centres.Length;

    /// <summary>The mean of a group, [variable].</summary>
    /// <param name="cluster">The group, from 0.</param>
    public ReadOnlySpan<float> Centre(int cluster) => centres[cluster];

    /// <summary>Share of each group in the samples that the groups were made of.</summary>
    public IReadOnlyList<double> Shares => [.. sizes.Select(s => s / (double)sizes.Sum())];

    /// <summary>Groups samples by k-means: the best of several starts, each by k-means++.</summary>
    /// <param name="train">Samples; hidden entries count neither for distances nor for centres.</param>
    /// <param name="count">Number of groups, at least 1 and at most the number of samples.</param>
    /// <param name="starts">Starts, at least 1; the one with the least sum of squared distances is kept.</param>
    /// <param name="iterations">Most rounds of a start, at least 1; it ends as soon as no sample changes its group.</param>
    /// <param name="seed">The same seed gives the same groups.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public static Clusters KMeans(Evidence train, int count, int starts = 3, int iterations = 100, long seed = 1, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        if (count < 1 || count > train.Count) throw new ArgumentException($"{count} groups of {train.Count} samples; give 1 to {train.Count}.", nameof(count));
        if (starts < 1 || iterations < 1) throw new ArgumentException($"{starts} starts of {iterations} rounds; give at least 1 of each.", nameof(starts));
        (Clusters Groups, double Cost)? best = null;
        for (int start = 0; start < starts; start++)
        {
            (Clusters Groups, double Cost) own = Run(train, count, iterations, new RandomStream(seed, "k-means", start), cancellation);
            if (best is not { } known || own.Cost < known.Cost) best = own;
        }
        return best!.Value.Groups;
    }

    /// <summary>The group of each sample.</summary>
    /// <param name="samples">As many variables as the groups were made of.</param>
    /// <exception cref="EvidenceException">The number of variables differs.</exception>
    public int[] Assign(Evidence samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        if (samples.Variables != centres[0].Length) throw new EvidenceException($"The samples have {samples.Variables} variables, the groups {centres[0].Length}.");
        return Assign(samples, centres, new double[samples.Count], default);
    }

    /// <summary>The samples of each group, in order.</summary>
    /// <inheritdoc cref="Assign(Evidence)"/>
    public Evidence[] Split(Evidence samples)
    {
        int[] groups = Assign(samples);
        ILookup<int, int> rows = Enumerable.Range(0, samples.Count).ToLookup(row => groups[row]);
        return [.. Enumerable.Range(0, Count).Select(c => samples.Rows(rows[c].ToArray()))];
    }

    /// <summary>A mixture of one circuit a group, trained on the samples of the group alone and weighted by their number.</summary>
    /// <param name="train">Samples; a group without any gets no part.</param>
    /// <param name="part">Makes and trains the circuit of a group: from its samples and its number, from 0. It is disposed once the mixture has copied it.</param>
    /// <exception cref="CircuitException">The circuits do not fit together.</exception>
    /// <exception cref="EvidenceException">The number of variables differs.</exception>
    public Circuit Mixture(Evidence train, Func<Evidence, int, Circuit> part)
    {
        ArgumentNullException.ThrowIfNull(part);
        List<Circuit> parts = [];
        List<double> shares = [];
        try
        {
            Evidence[] groups = Split(train);
            for (int c = 0; c < groups.Length; c++)
            {
                if (groups[c].Count == 0) continue;
                parts.Add(part(groups[c], c));
                shares.Add(groups[c].Count);
            }
            return Circuit.Mix(parts, shares);
        }
        finally
        {
            foreach (Circuit own in parts) own.Dispose();
        }
    }

    private static (Clusters Groups, double Cost) Run(Evidence train, int count, int iterations, RandomStream random, CancellationToken cancellation)
    {
        float[][] centres = Seed(train, count, random, cancellation);
        var distances = new double[train.Count];
        int[] groups = Assign(train, centres, distances, cancellation);
        for (int step = 0; step < iterations; step++)
        {
            centres = Means(train, groups, centres, distances);
            int[] next = Assign(train, centres, distances, cancellation);
            bool same = next.AsSpan().SequenceEqual(groups);
            groups = next;
            if (same) break;
        }
        var sizes = new int[count];
        foreach (int group in groups) sizes[group]++;
        return (new Clusters(centres, sizes), distances.Sum());
    }

    /// <summary>k-means++: each centre is a sample drawn with its squared distance from the nearest centre before it as weight.</summary>
    private static float[][] Seed(Evidence train, int count, RandomStream random, CancellationToken cancellation)
    {
        float[] middle = Means(train, new int[train.Count], [new float[train.Variables]], new double[train.Count])[0];
        var nearest = new double[train.Count];
        Array.Fill(nearest, double.PositiveInfinity);
        var centres = new float[count][];
        int chosen = random.NextInt(train.Count);
        for (int c = 0; c < count; c++)
        {
            // Where the sample is hidden the mean of all stands in.
            centres[c] = train.Row(chosen).ToArray();
            for (int v = 0; v < train.Variables; v++)
                if (train.IsHidden(chosen, v)) centres[c][v] = middle[v];
            float[] own = centres[c];
            Parallel.For(0, train.Count, new ParallelOptions { CancellationToken = cancellation }, row => nearest[row] = Math.Min(nearest[row], Distance(train, row, own)));
            double left = random.NextDouble() * nearest.Sum();
            chosen = random.NextInt(train.Count);
            for (int row = 0; row < train.Count && left >= 0; row++)
            {
                if (nearest[row] == 0) continue;
                chosen = row;
                left -= nearest[row];
            }
        }
        return centres;
    }

    private static int[] Assign(Evidence samples, float[][] centres, double[] distances, CancellationToken cancellation)
    {
        var groups = new int[samples.Count];
        Parallel.For(0, samples.Count, new ParallelOptions { CancellationToken = cancellation }, row =>
        {
            distances[row] = double.PositiveInfinity;
            for (int c = 0; c < centres.Length; c++)
                if (Distance(samples, row, centres[c]) is var own && own < distances[row]) (distances[row], groups[row]) = (own, c);
        });
        return groups;
    }

    /// <summary>The means of the groups; one without samples moves to the sample that is farthest from its own centre.</summary>
    private static float[][] Means(Evidence train, int[] groups, float[][] before, double[] distances)
    {
        int variables = train.Variables;
        double[][] sums = [.. before.Select(_ => new double[variables])];
        int[][] counts = [.. before.Select(_ => new int[variables])];
        var sizes = new int[before.Length];
        for (int row = 0; row < train.Count; row++)
        {
            ReadOnlySpan<float> values = train.Row(row);
            double[] sum = sums[groups[row]];
            int[] count = counts[groups[row]];
            sizes[groups[row]]++;
            for (int v = 0; v < variables; v++)
            {
                if (train.HasHidden && train.IsHidden(row, v)) continue;
                sum[v] += values[v];
                count[v]++;
            }
        }
        var taken = new HashSet<int>();
        return [.. before.Select((centre, c) =>
        {
            if (sizes[c] > 0) return (float[])[.. sums[c].Select((sum, v) => counts[c][v] > 0 ? (float)(sum / counts[c][v]) : centre[v])];
            int far = Enumerable.Range(0, train.Count).Where(row => !taken.Contains(row)).MaxBy(row => distances[row]);
            taken.Add(far);
            return [.. centre.Select((value, v) => train.IsHidden(far, v) ? value : train.Row(far)[v])];
        })];
    }

    private static double Distance(Evidence samples, int row, float[] centre)
    {
        ReadOnlySpan<float> values = samples.Row(row);
        double sum = 0;
        int v = 0;
        if (!samples.HasHidden)
        {
            ReadOnlySpan<Vector<float>> a = MemoryMarshal.Cast<float, Vector<float>>(values), b = MemoryMarshal.Cast<float, Vector<float>>(centre);
            Vector<float> total = Vector<float>.Zero;
            for (int i = 0; i < a.Length; i++)
            {
                Vector<float> difference = a[i] - b[i];
                total += difference * difference;
            }
            sum = Vector.Sum(total);
            v = a.Length * Vector<float>.Count;
        }
        for (; v < values.Length; v++)
            if (!samples.IsHidden(row, v)) sum += (values[v] - centre[v]) * (double)(values[v] - centre[v]);
        return sum;
    }
}
