using System.Runtime.Intrinsics;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The root sum over all components: the last mixture and the last logarithm are taken in double precision.</summary>
/// <remarks>Units of the components' tops are [column, row], exponents [child, row]; rows are padded to whole vectors.</remarks>
internal sealed unsafe partial class RootMixture<L, F, I> : IDisposable
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int ChunkRows = 64;
    private const double LogOfTwo = 0.69314718055994531;

    private readonly int[] channels;
    private readonly int columns;
    private readonly int classes;
    private readonly int weightOffset;
    private readonly int weightStride;
    private NativeBuffer buffer = new(0);
    private double[] partial = [];
    private int padded;

    /// <param name="plan">The plan.</param>
    /// <param name="weightOffset">First weight of the root's block in the engine's layout.</param>
    /// <param name="weightStride">Distance between neighbouring weights.</param>
    public RootMixture(Plan plan, int weightOffset, int weightStride)
    {
        RegionTable regions = plan.Regions;
        channels = [.. regions.Children(regions.Root).ToArray().Select(regions.Channels)];
        columns = channels.Sum();
        byChildren = channels.Length > 0 && columns >= LeastWideChannels * channels.Length;
        firstColumn = new int[channels.Length];
        for (int t = 1; t < channels.Length; t++) firstColumn[t] = firstColumn[t - 1] + channels[t - 1];
        classes = plan.Classes;
        this.weightOffset = weightOffset;
        this.weightStride = weightStride;
        ChildOfColumn = [.. channels.SelectMany((k, t) => Enumerable.Repeat(t, k))];
    }

    /// <summary>For each column the child it belongs to.</summary>
    public int[] ChildOfColumn { get; }

    public int Stride { get; private set; }

    /// <summary>Units of the tops, [column, row].</summary>
    public float* Units { get; private set; }

    /// <summary>Slopes of the tops, [column, row].</summary>
    public float* Slopes { get; private set; }

    /// <summary>Exponents of the tops, [child, row].</summary>
    public int* Exponents { get; private set; }

    /// <summary>Error exponents of the tops, [child, row].</summary>
    private int* Errors { get; set; }

    private int* Highest { get; set; }

    /// <summary>Error exponent of the root relative to the highest exponent, [row].</summary>
    private int* Worst { get; set; }

    private double* Sums { get; set; }

    public long Bytes => buffer.Bytes;

    /// <summary>Takes over the tops of a component from the workspace, with what they may have lost.</summary>
    public void Keep(BoundComponent bound, Workspace ws, int start, int lanes)
    {
        for (int b = 0; b < bound.Program.Boundary.Length; b++) Keep(bound, b, ws, start, lanes);
    }

    /// <summary>The same for one top.</summary>
    public void Keep(BoundComponent bound, int b, Workspace ws, int start, int lanes)
    {
        OpProgram program = bound.Program;
        int slot = program.Boundary[b], column = bound.Source.Columns[b];
        for (int k = 0; k < program.SlotChannels[slot]; k++)
            new Span<float>(ws.Units + (long)(program.SlotUnits[slot] + k) * lanes, lanes)
                .CopyTo(new Span<float>(Units + (long)(column + k) * Stride + start, lanes));
        new Span<int>(ws.Exponents + (long)slot * lanes, lanes)
            .CopyTo(new Span<int>(Exponents + (long)ChildOfColumn[column] * Stride + start, lanes));
        new Span<int>(ws.Errors + (long)slot * lanes, lanes)
            .CopyTo(new Span<int>(Errors + (long)ChildOfColumn[column] * Stride + start, lanes));
    }

    /// <summary>Makes room for a number of rows.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="padded">Number of rows that components evaluate, whole vectors.</param>
    public void Fit(int rows, int padded)
    {
        this.padded = padded;
        Stride = padded;
        long floats = (long)Stride * (2 * columns + 2 * channels.Length + 2 + 2 * classes + (byChildren ? classes * channels.Length : 0));
        if (buffer.Bytes < floats * sizeof(float))
        {
            buffer.Dispose();
            buffer = new NativeBuffer(floats * sizeof(float));
        }
        Sums = (double*)buffer.Floats;
        Units = buffer.Floats + (long)Stride * 2 * classes;
        Slopes = Units + (long)Stride * columns;
        Exponents = (int*)(Slopes + (long)Stride * columns);
        Errors = Exponents + (long)Stride * channels.Length;
        Highest = Errors + (long)Stride * channels.Length;
        Worst = Highest + Stride;
        parts = (float*)(Worst + Stride);
    }

    /// <summary>Log-likelihoods of all rows; rows whose sum may have lost digits are marked.</summary>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="pool">Workers.</param>
    /// <param name="logLikelihoods">Receives them, [row, class].</param>
    /// <param name="suspect">Marks.</param>
    /// <param name="max">Keeps the largest term instead of the sum.</param>
    public void Forward(float* weights, int rows, WorkerPool pool, Span<double> logLikelihoods, byte[] suspect, bool max = false)
    {
        float* w = weights + weightOffset;
        if (byChildren) PartsOfChildren(w, pool, max);
        pool.Run((padded + ChunkRows - 1) / ChunkRows, (chunk, _) =>
        {
            for (int row = chunk * ChunkRows; row < Math.Min(padded, (chunk + 1) * ChunkRows); row += 8)
            {
                FindHighest(row);
                if (byChildren) SumParts(row, max);
                else ForwardEight(w, row, max);
            }
        });
        for (int row = 0; row < rows; row++)
            for (int c = 0; c < classes; c++)
            {
                double sum = Sums[(long)c * Stride + row];
                logLikelihoods[row * classes + c] = Math.Log(sum) + Highest[row] * LogOfTwo;
                if (!(Math.ScaleB(1, Worst[row]) <= SimdLimits.Tolerated * sum)) suspect[row] = 1;
            }
    }

    /// <summary>Slopes of the tops, and the statistics of the root's own weights.</summary>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="statistics">Statistics in the same layout, added to.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="seeds">Factor of each log-likelihood, [row, class], or empty for 1.</param>
    /// <param name="suspect">Rows that are left out.</param>
    /// <param name="pool">Workers.</param>
    public void Backward(float* weights, float* statistics, int rows, ReadOnlySpan<double> seeds, byte[] suspect, WorkerPool pool)
    {
        // The sums give way to the seeds divided by them.
        for (int c = 0; c < classes; c++)
            for (int row = 0; row < padded; row++)
            {
                bool counts = row < rows && suspect[row] == 0;
                ref double sum = ref Sums[(long)c * Stride + row];
                sum = counts ? (seeds.IsEmpty ? 1 : seeds[row * classes + c]) / sum : 0;
            }
        float* w = weights + weightOffset;
        if (byChildren)
        {
            BackwardByChildren(w, statistics + weightOffset, pool);
            return;
        }
        int chunks = (padded + ChunkRows - 1) / ChunkRows, size = classes * columns;
        if (partial.Length < chunks * size) partial = new double[chunks * size];
        pool.Run(chunks, (chunk, _) =>
        {
            Span<double> own = partial.AsSpan(chunk * size, size);
            own.Clear();
            BackwardChunk(w, chunk * ChunkRows, Math.Min(padded, (chunk + 1) * ChunkRows), own);
        });
        for (int i = 0; i < size; i++)
        {
            double total = 0;
            for (int chunk = 0; chunk < chunks; chunk++) total += partial[chunk * size + i];
            statistics[weightOffset + i * weightStride] += (float)total;
        }
    }

    /// <summary>Weights of the mixture of the classes, [column].</summary>
    public float[] Mixed(float* weights, ReadOnlySpan<double> prior)
    {
        var mixed = new float[columns];
        for (int column = 0; column < columns; column++)
        {
            double sum = 0;
            for (int c = 0; c < classes; c++) sum += prior[c] * weights[weightOffset + (c * columns + column) * weightStride];
            mixed[column] = (float)sum;
        }
        return mixed;
    }

    /// <summary>The column of a way down from one class: the largest, or drawn by a uniform number; -1 where none has weight.</summary>
    public int Choose(float* weights, int row, int top, Routing routing, double uniform)
    {
        float* w = weights + weightOffset + top * columns * weightStride;
        int best = -1;
        double most = 0, left = 0;
        if (routing == Routing.Draw)
            for (int column = 0; column < columns; column++) left += uniform * Term(column);
        for (int column = 0; column < columns; column++)
        {
            double own = Term(column);
            if (own == 0) continue;
            if (routing == Routing.Draw)
            {
                best = column;
                if ((left -= own) < 0) break;
            }
            else if (own > most) (best, most) = (column, own);
        }
        return best;

        double Term(int column) => TermOf(w, row, column);
    }

    /// <summary>Gives each way that counts its column for hard expectation maximisation; -1 where none has weight or the row is suspect.</summary>
    /// <param name="weights">Weights in the engine's layout.</param>
    /// <param name="ways">[row, class]</param>
    /// <param name="winner">How to choose.</param>
    /// <param name="suspect">Rows to leave out.</param>
    /// <param name="draw">Which number of a way decides.</param>
    /// <param name="pool">Workers.</param>
    public void Choose(float* weights, CountedWay[] ways, Winner winner, byte[] suspect, ulong draw, WorkerPool pool)
    {
        int rows = ways.Length / classes;
        pool.Run((rows + 7) / 8, (chunk, _) =>
        {
            int* best = stackalloc int[8];
            for (int top = 0; top < classes; top++)
            {
                float* w = weights + weightOffset + (long)top * columns * weightStride;
                bool found = false;
                for (int row = chunk * 8; row < Math.Min(rows, chunk * 8 + 8); row++)
                {
                    ref CountedWay way = ref ways[row * classes + top];
                    if (!(way.Count > 0) || suspect[row] != 0) continue;
                    if (winner.DrawShare == 0 && !found) LargestOfEight(w, chunk * 8, winner.Weighted, best);
                    found = true;
                    int column = winner.DrawShare == 0 ? best[row - chunk * 8] : -1;
                    way = way with { Column = column >= 0 ? column : ChooseOne(w, row, winner, way.Draws.DoubleAt(draw)) };
                }
            }
        });
    }

    /// <summary>The largest column of eight rows, -1 where it is not the only one.</summary>
    private void LargestOfEight(float* w, int row, bool weighted, int* best)
    {
        Vector256<float> most = default;
        Vector256<int> winner = default, equal = Vector256<int>.AllBitsSet;
        var highest = Vector256.Load(Highest + row);
        int column = 0;
        for (int t = 0; t < channels.Length; t++)
        {
            Vector256<float> factor = PowerOfDifference(Vector256.Load(Exponents + (long)t * Stride + row), highest);
            for (int k = 0; k < channels[t]; k++, column++)
            {
                Vector256<float> own = Vector256.Load(Units + (long)column * Stride + row) * factor;
                if (weighted) own *= Vector256.Create(w[(long)column * weightStride]);
                Vector256<int> more = Vector256.GreaterThan(own, most).AsInt32();
                equal = Vector256.AndNot(equal | Vector256.Equals(own, most).AsInt32(), more);
                winner = Vector256.ConditionalSelect(more, Vector256.Create(column), winner);
                most = Vector256.Max(own, most);
            }
        }
        Vector256.Store(winner | equal, best);
    }

    private int ChooseOne(float* w, int row, Winner winner, double uniform)
    {
        var terms = new double[columns];
        float one = 1;
        for (int column = 0; column < columns; column++) terms[column] = winner.Weighted ? TermOf(w, row, column) : TermOf(&one, row, column, 0);
        return Winners.Choose(terms, winner.DrawShare, uniform);
    }

    private double TermOf(float* w, int row, int column) => TermOf(w, row, column, weightStride);

    private double TermOf(float* w, int row, int column, int stride)
    {
        int exponent = Exponents[(long)ChildOfColumn[column] * Stride + row] - Highest[row];
        return exponent < -1000 ? 0 : Math.ScaleB((double)Units[(long)column * Stride + row] * w[(long)column * stride], exponent);
    }

    public void Dispose() => buffer.Dispose();

    private static Vector256<float> PowerOfDifference(Vector256<int> e, Vector256<int> highest) =>
        (Vector256.Max(Vector256.Max(e - highest, Vector256.Create(-1000)) + Vector256.Create(127), Vector256<int>.Zero) << 23).AsSingle();

    private void FindHighest(int row)
    {
        var highest = Vector256.Load(Exponents + row);
        for (int t = 1; t < channels.Length; t++) highest = Vector256.Max(highest, Vector256.Load(Exponents + (long)t * Stride + row));
        Vector256.Store(highest, Highest + row);
        var worst = Vector256.Create(SimdLimits.Lost);
        for (int t = 0; t < channels.Length; t++)
            worst = Vector256.Max(worst, Vector256.Load(Errors + (long)t * Stride + row) + Vector256.Max(Vector256.Load(Exponents + (long)t * Stride + row) - highest, Vector256.Create(-1000)));
        Vector256.Store(worst, Worst + row);
    }

    private void ForwardEight(float* w, int row, bool max)
    {
        var highest = Vector256.Load(Highest + row);
        for (int c = 0; c < classes; c++)
        {
            Vector256<double> low = default, high = default;
            int column = 0;
            for (int t = 0; t < channels.Length; t++)
            {
                Vector256<float> factor = PowerOfDifference(Vector256.Load(Exponents + (long)t * Stride + row), highest);
                for (int k = 0; k < channels[t]; k++, column++)
                {
                    (Vector256<double> a, Vector256<double> b) = Vector256.Widen(Vector256.Load(Units + (long)column * Stride + row) * factor);
                    var weight = Vector256.Create((double)w[(c * columns + column) * weightStride]);
                    low = max ? Vector256.Max(a * weight, low) : Vector256.MultiplyAddEstimate(a, weight, low);
                    high = max ? Vector256.Max(b * weight, high) : Vector256.MultiplyAddEstimate(b, weight, high);
                }
            }
            Vector256.Store(low, Sums + (long)c * Stride + row);
            Vector256.Store(high, Sums + (long)c * Stride + row + 4);
        }
    }

    private void BackwardChunk(float* w, int from, int to, Span<double> own)
    {
        int column = 0;
        for (int t = 0; t < channels.Length; t++)
            for (int k = 0; k < channels[t]; k++, column++)
            {
                for (int row = from; row < to; row += 8) Vector256.Store(Vector256<float>.Zero, Slopes + (long)column * Stride + row);
                for (int c = 0; c < classes; c++)
                {
                    var weight = Vector256.Create(w[(c * columns + column) * weightStride]);
                    Vector256<double> total = default;
                    for (int row = from; row < to; row += 8)
                    {
                        Vector256<float> factor = PowerOfDifference(Vector256.Load(Exponents + (long)t * Stride + row), Vector256.Load(Highest + row));
                        Vector256<float> scaled = Vector256.Narrow(Vector256.Load(Sums + (long)c * Stride + row), Vector256.Load(Sums + (long)c * Stride + row + 4)) * factor;
                        float* q = Slopes + (long)column * Stride + row;
                        Vector256.Store(Vector256.Load(q) + scaled * weight, q);
                        (Vector256<double> a, Vector256<double> b) = Vector256.Widen(scaled * Vector256.Load(Units + (long)column * Stride + row));
                        total += a + b;
                    }
                    own[c * columns + column] += Vector256.Sum(total);
                }
            }
    }
}
