using System.Buffers;

namespace Spn.Core.Plans;

/// <summary>Clusters of the values of one variable.</summary>
/// <remarks>
/// Clusters of numbers are runs of their sorted order, and the sums of a run and of its squares are differences of running sums: a
/// step costs the logarithm of the number of values.
/// </remarks>
internal static class KMeans
{
    private const int MostSteps = 100;

    /// <summary>Places cluster centres, in ascending order.</summary>
    /// <param name="random">Source of randomness.</param>
    /// <param name="sorted">The values in ascending order, not empty.</param>
    /// <param name="centres">Receives them.</param>
    public static void Place(RandomStream random, ReadOnlySpan<float> sorted, Span<double> centres)
    {
        double[] pooled = ArrayPool<double>.Shared.Rent(2 * (sorted.Length + 1));
        double[] next = new double[centres.Length];
        var runs = new Runs(sorted, pooled.AsSpan(0, sorted.Length + 1), pooled.AsSpan(sorted.Length + 1, sorted.Length + 1));
        Seed(random, runs, centres);
        for (int step = 0; step < MostSteps; step++)
        {
            for (int k = 0, first = 0; k < centres.Length; k++)
            {
                int end = runs.End(centres, k);
                next[k] = end > first ? runs.Mean(first, end) : centres[k];
                first = end;
            }
            if (centres.SequenceEqual(next)) break;
            next.CopyTo(centres);
        }
        ArrayPool<double>.Shared.Return(pooled);
    }

    /// <summary>k-means++: each centre is a value drawn with the square of its distance from the nearest centre before it as weight.</summary>
    private static void Seed(RandomStream random, Runs runs, Span<double> centres)
    {
        centres[0] = runs.Sorted[random.NextInt(runs.Sorted.Length)];
        for (int chosen = 1; chosen < centres.Length; chosen++)
        {
            Span<double> known = centres[..chosen];
            known.Sort();
            double total = 0;
            for (int k = 0, first = 0; k < chosen; k++)
            {
                int end = runs.End(known, k);
                total += runs.Cost(first, end, known[k]);
                first = end;
            }
            centres[chosen] = total > 0 ? runs.Sorted[Draw(runs, known, random.NextDouble() * total)] : runs.Sorted[random.NextInt(runs.Sorted.Length)];
        }
        centres.Sort();
    }

    /// <summary>The value at which the squared distances of all values up to it exceed a sum.</summary>
    private static int Draw(Runs runs, ReadOnlySpan<double> centres, double left)
    {
        for (int k = 0, first = 0; k < centres.Length; k++)
        {
            int end = runs.End(centres, k);
            double cost = runs.Cost(first, end, centres[k]);
            if (left < cost)
            {
                int low = first, high = end - 1;
                while (low < high)
                {
                    int middle = (low + high) >>> 1;
                    if (runs.Cost(first, middle + 1, centres[k]) > left) high = middle;
                    else low = middle + 1;
                }
                return low;
            }
            left -= cost;
            first = end;
        }
        return runs.Sorted.Length - 1;
    }

    /// <summary>Sorted values with running sums, counted from their mean so that squares keep their digits.</summary>
    private readonly ref struct Runs
    {
        private readonly ReadOnlySpan<double> sums;
        private readonly ReadOnlySpan<double> squares;
        private readonly double origin;

        public Runs(ReadOnlySpan<float> sorted, Span<double> sums, Span<double> squares)
        {
            Sorted = sorted;
            foreach (float value in sorted) origin += value;
            origin /= sorted.Length;
            sums[0] = squares[0] = 0;
            for (int i = 0; i < sorted.Length; i++)
            {
                double value = sorted[i] - origin;
                sums[i + 1] = sums[i] + value;
                squares[i + 1] = squares[i] + value * value;
            }
            this.sums = sums;
            this.squares = squares;
        }

        public ReadOnlySpan<float> Sorted { get; }

        /// <summary>End of the run of a centre, one of several in ascending order.</summary>
        public int End(ReadOnlySpan<double> centres, int k) =>
            k == centres.Length - 1 ? Sorted.Length : Placement.UpTo(Sorted, 0.5 * (centres[k] + centres[k + 1]));

        public double Mean(int first, int end) => origin + (sums[end] - sums[first]) / (end - first);

        /// <summary>Sum of the squared distances of a run from a centre.</summary>
        public double Cost(int first, int end, double centre)
        {
            double from = centre - origin;
            return Math.Max(squares[end] - squares[first] - from * (2 * (sums[end] - sums[first]) - (end - first) * from), 0);
        }
    }
}
