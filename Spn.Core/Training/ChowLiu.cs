using System.Numerics;
using Spn.Core.Circuits.Structures;

namespace Spn.Core.Training;

/// <summary>The tree of largest total mutual information between neighbouring variables.</summary>
/// <remarks>Source: Chow and Liu 1968, Approximating discrete probability distributions with dependence trees.</remarks>
public static class ChowLiu
{
    /// <summary>The Chow-Liu tree of samples, rooted where the longest way down is shortest.</summary>
    /// <param name="train">Samples, at least one; a pair of variables is judged by the samples in which both are observed.</param>
    /// <param name="bins">See <see cref="MutualInformation"/>.</param>
    /// <param name="smoothing">See <see cref="MutualInformation"/>.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ArgumentException">There are no samples or no variables, or a setting is out of range.</exception>
    public static HiddenTree Tree(Evidence train, int bins = 16, double smoothing = 1, CancellationToken cancellation = default) =>
        new([.. Rooted(Neighbours(MutualInformation(train, bins, smoothing, cancellation)))]);

    /// <summary>Mutual information of every pair of variables, in nats, [variable, variable]; the diagonal holds their entropies.</summary>
    /// <remarks>
    /// Variables with other values than integers from 0 to bins - 1 are cut at quantiles into as many bins. Columns are bit sets, one a
    /// value, so that the common counts of two variables are population counts.
    /// </remarks>
    /// <param name="train">Samples, at least one; hidden entries leave the sample out of the pair.</param>
    /// <param name="bins">Most values of a variable, 2 to 256.</param>
    /// <param name="smoothing">Count that is shared out equally among the joint values of a pair, above 0.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ArgumentException">There are no samples or no variables, or a setting is out of range.</exception>
    public static double[,] MutualInformation(Evidence train, int bins = 16, double smoothing = 1, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        if (train.Count == 0 || train.Variables == 0) throw new ArgumentException($"There are {train.Count} samples of {train.Variables} variables; give at least one of each.", nameof(train));
        if (bins is < 2 or > 256) throw new ArgumentException($"The bins are {bins}; give 2 to 256.", nameof(bins));
        if (!(smoothing > 0) || double.IsInfinity(smoothing)) throw new ArgumentException($"The smoothing is {smoothing}; give a finite number above 0.", nameof(smoothing));
        var columns = new BitColumn[train.Variables];
        var options = new ParallelOptions { CancellationToken = cancellation };
        Parallel.For(0, columns.Length, options, v => columns[v] = BitColumn.Of(train, v, bins));
        var information = new double[columns.Length, columns.Length];
        Parallel.For(0, columns.Length, options, a =>
        {
            for (int b = a; b < columns.Length; b++) information[a, b] = information[b, a] = columns[a].InformationOn(columns[b], smoothing);
        });
        return information;
    }

    /// <summary>The tree of largest total, by Prim's method: for each variable its neighbours.</summary>
    private static List<int>[] Neighbours(double[,] information)
    {
        int count = information.GetLength(0);
        var neighbours = new List<int>[count];
        for (int v = 0; v < count; v++) neighbours[v] = [];
        var best = new double[count];
        var from = new int[count];
        var joined = new bool[count];
        Array.Fill(best, double.NegativeInfinity);
        for (int step = 0, next = 0; step < count; step++)
        {
            joined[next] = true;
            if (step > 0)
            {
                neighbours[next].Add(from[next]);
                neighbours[from[next]].Add(next);
            }
            int widest = -1;
            for (int v = 0; v < count; v++)
            {
                if (joined[v]) continue;
                if (information[next, v] > best[v]) (best[v], from[v]) = (information[next, v], next);
                if (widest < 0 || best[v] > best[widest]) widest = v;
            }
            next = widest;
        }
        return neighbours;
    }

    /// <summary>The parents of a tree that hangs from the middle of its longest way.</summary>
    private static int[] Rooted(List<int>[] neighbours)
    {
        int[] towards = Parents(neighbours, Farthest(neighbours, 0));
        List<int> way = [];
        for (int v = Farthest(neighbours, Array.IndexOf(towards, -1)); v >= 0; v = towards[v]) way.Add(v);
        return Parents(neighbours, way[way.Count / 2]);
    }

    private static int Farthest(List<int>[] neighbours, int start)
    {
        int[] order = new int[neighbours.Length];
        Parents(neighbours, start, order);
        return order[^1];
    }

    private static int[] Parents(List<int>[] neighbours, int root, int[]? order = null)
    {
        order ??= new int[neighbours.Length];
        var parents = new int[neighbours.Length];
        (order[0], parents[root]) = (root, -1);
        for (int done = 0, known = 1; done < order.Length; done++)
            foreach (int v in neighbours[order[done]])
                if (v != parents[order[done]]) (order[known++], parents[v]) = (v, order[done]);
        return parents;
    }

    /// <summary>The samples of a variable by value: one bit set a value, and one of those in which it is observed.</summary>
    private sealed class BitColumn
    {
        private readonly ulong[][] ofValue;
        private readonly ulong[]? seen; // null when it is observed in all

        private BitColumn(ulong[][] ofValue, ulong[]? seen)
        {
            this.ofValue = ofValue;
            this.seen = seen;
        }

        public static BitColumn Of(Evidence train, int variable, int bins)
        {
            int[] codes = Codes(train, variable, bins);
            var ofValue = new ulong[Math.Max(codes.Max() + 1, 1)][];
            for (int s = 0; s < ofValue.Length; s++) ofValue[s] = new ulong[(codes.Length + 63) / 64];
            var seen = new ulong[(codes.Length + 63) / 64];
            for (int row = 0; row < codes.Length; row++)
            {
                if (codes[row] < 0) continue;
                ofValue[codes[row]][row >> 6] |= 1UL << (row & 63);
                seen[row >> 6] |= 1UL << (row & 63);
            }
            return new BitColumn(ofValue, codes.Contains(-1) ? seen : null);
        }

        /// <summary>Mutual information with another variable, or the entropy for itself.</summary>
        public double InformationOn(BitColumn other, double smoothing)
        {
            int rows = ofValue.Length, columns = other.ofValue.Length;
            var joint = new double[rows, columns];
            double total = 0;
            for (int i = 0; i < rows; i++)
            {
                // The last value of each is what is left over of those observed in both.
                double left = other.seen is null ? Count(ofValue[i]) : Count(ofValue[i], other.seen);
                for (int j = 0; j < columns - 1; j++)
                {
                    joint[i, j] = Count(ofValue[i], other.ofValue[j]);
                    left -= joint[i, j];
                }
                joint[i, columns - 1] = left;
                for (int j = 0; j < columns; j++) total += joint[i, j];
            }
            if (ReferenceEquals(this, other)) return Entropy(joint, total, smoothing);
            double[] byRow = new double[rows], byColumn = new double[columns];
            double more = smoothing / (rows * (double)columns);
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                {
                    double p = joint[i, j] = (joint[i, j] + more) / (total + smoothing);
                    byRow[i] += p;
                    byColumn[j] += p;
                }
            double information = 0;
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++) information += joint[i, j] * Math.Log(joint[i, j] / (byRow[i] * byColumn[j]));
            return Math.Max(information, 0);
        }

        private static double Entropy(double[,] joint, double total, double smoothing)
        {
            double entropy = 0;
            int count = joint.GetLength(0);
            for (int i = 0; i < count; i++)
            {
                double p = (joint[i, i] + smoothing / count) / (total + smoothing);
                entropy -= p * Math.Log(p);
            }
            return entropy;
        }

        private static int Count(ulong[] bits)
        {
            int count = 0;
            foreach (ulong word in bits) count += BitOperations.PopCount(word);
            return count;
        }

        private static int Count(ulong[] a, ulong[] b)
        {
            int count = 0;
            for (int i = 0; i < a.Length; i++) count += BitOperations.PopCount(a[i] & b[i]);
            return count;
        }

        /// <summary>A code for each sample, -1 where the variable is hidden.</summary>
        private static int[] Codes(Evidence train, int variable, int bins)
        {
            var codes = new int[train.Count];
            List<float> values = [];
            bool discrete = true;
            for (int row = 0; row < codes.Length; row++)
            {
                codes[row] = -1;
                if (train.IsHidden(row, variable)) continue;
                float value = train.Row(row)[variable];
                values.Add(value);
                discrete &= value >= 0 && value < bins && value == MathF.Floor(value);
            }
            values.Sort();
            // A value that is a quantile opens a bin.
            float[] edges = discrete ? [] : [.. Enumerable.Range(1, bins - 1).Select(i => values[(int)((long)i * values.Count / bins)]).Distinct()];
            for (int row = 0; row < codes.Length; row++)
            {
                if (train.IsHidden(row, variable)) continue;
                float value = train.Row(row)[variable];
                int edge = discrete ? 0 : Array.BinarySearch(edges, value);
                codes[row] = discrete ? (int)value : edge >= 0 ? edge + 1 : ~edge;
            }
            return codes;
        }
    }
}
