using System.Numerics;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>A training step: of large blocks derivatives, parameters and weights change row by row while they are in the cache.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : Kernels.ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Parameters that a rule is given at a time.</summary>
    private const int StepPiece = 1 << 14;

    /// <summary>Finite floats above this may leave the float range on their way to a gradient.</summary>
    private const float MostStatistic = 1e37f;

    private float[] stepGradient = [];

    /// <summary>For each chunk of weight groups whether it is stepped row by row.</summary>
    private bool[] RowByRow => field ??= [.. layout.Chunks.Select(StepsRowByRow)];

    /// <summary>Learned parameters that are not stepped row by row, in pieces.</summary>
    private ParameterRun[] OtherLearned => field ??= [.. FindOtherLearned()];

    public void GetParameters(int first, Span<float> to)
    {
        float* from = parameters.Floats + first;
        fixed (float* target = to)
        {
            float* start = target;
            pool.InPieces(to.Length, (at, count) => new Span<float>(from + at, count).CopyTo(new Span<float>(start + at, count)));
        }
    }

    public bool Step(IUpdateRule rule, ReadOnlySpan<float> byClassLogits)
    {
        using FlushToZero flush = FlushToZero.Here();
        bool[] fused = gathers && !logSpaceUsed ? RowByRow : new bool[layout.Chunks.Length];
        if (stepGradient.Length == 0) stepGradient = new float[plan.ParameterCount];
        FillGradient(stepGradient, fused);
        if (plan.ClassLogits is { } logits) byClassLogits.CopyTo(stepGradient.AsSpan(logits.Offset, logits.Count));
        ParameterRun[] rest = fused == RowByRow ? OtherLearned : [.. plan.Learned.SelectMany(InPieces)];
        bool[] bad = new bool[Math.Max(weightItems.Length, rest.Length)];
        EachOf(rest, (i, run) => bad[i] = !Small(stepGradient.AsSpan(run.Offset, run.Count), float.MaxValue));
        pool.Run(weightItems.Length, (item, _) =>
        {
            for (int c = weightItems[item].First; c < weightItems[item].End; c++)
                if (fused[c])
                    foreach (WeightGroup group in Groups(layout.Chunks[c])) bad[item] |= !Small(new ReadOnlySpan<float>(statistics.Floats + group.Offset, group.Elements), MostStatistic);
        });
        if (Array.IndexOf(bad, true) >= 0) return false;

        EachOf(rest, (_, run) => rule.Apply(run.Offset, stepGradient.AsSpan(run.Offset, run.Count), new Span<float>(parameters.Floats + run.Offset, run.Count)));
        pool.Run(weightItems.Length, (item, worker) =>
        {
            for (int c = weightItems[item].First; c < weightItems[item].End; c++)
                if (fused[c])
                    foreach (WeightGroup group in Groups(layout.Chunks[c])) StepRows(group, rule, weightScratch[worker].Floats);
        });
        Renew(made: fused);
        return true;
    }

    /// <summary>Does something to all runs; frozen parameters between learned ones make many short runs, so some of them are one item of work.</summary>
    private void EachOf(ParameterRun[] runs, Action<int, ParameterRun> work)
    {
        const int items = 1 << 10;
        int together = 1 + runs.Length / items;
        pool.Run((runs.Length + together - 1) / together, (item, _) =>
        {
            for (int i = item * together; i < Math.Min((item + 1) * together, runs.Length); i++) work(i, runs[i]);
        });
    }

    /// <summary>Rows of a block, some at a time: gradient by the logits, rule, softmax.</summary>
    private void StepRows(WeightGroup group, IUpdateRule rule, float* gradient)
    {
        int columns = group.Columns, together = Math.Max(1, makers.ScratchFloats / 4 / columns);
        for (int from = 0; from < group.Rows; from += together)
        {
            int end = Math.Min(from + together, group.Rows), count = (end - from) * columns, first = group.Places[0] + from * columns;
            float* w = weights.Floats + group.Offset + from * columns, d = statistics.Floats + group.Offset + from * columns, x = parameters.Floats + first;
            for (int i = 0; i < count; i += columns) Kernels.RowKernel<L, F, I>.SoftmaxBackward(w + i, d + i, gradient + i, columns);
            rule.Apply(first, new ReadOnlySpan<float>(gradient, count), new Span<float>(x, count));
            for (int i = 0; i < count; i += columns) Kernels.RowKernel<L, F, I>.Softmax(x + i, w + i, columns);
        }
    }

    /// <summary>Plain blocks of free logits without gaps between their rows.</summary>
    private bool StepsRowByRow(WeightChunk chunk)
    {
        WeightGroup group = layout.Groups[chunk.First];
        return group.Stride == 1 && makers.IsDense(group.Program) && plan.Programs[group.Program] is SoftmaxProgram softmax && softmax.RowStride(group.Columns) == group.Columns
            && Groups(chunk).ToArray().All(g => plan.Learned.Any(run => run.Offset <= g.Places[0] && run.End >= g.Places[0] + g.Elements));
    }

    private IEnumerable<ParameterRun> FindOtherLearned()
    {
        var taken = new List<ParameterRun>();
        for (int c = 0; c < layout.Chunks.Length; c++)
            if (RowByRow[c])
                foreach (WeightGroup group in Groups(layout.Chunks[c])) taken.Add(new ParameterRun(group.Places[0], group.Elements));
        taken.Sort((a, b) => a.Offset.CompareTo(b.Offset));
        int next = 0;
        foreach (ParameterRun run in plan.Learned)
        {
            int from = run.Offset;
            for (; next < taken.Count && taken[next].Offset < run.End; next++)
            {
                if (taken[next].Offset > from)
                    foreach (ParameterRun piece in InPieces(new ParameterRun(from, taken[next].Offset - from))) yield return piece;
                from = taken[next].End;
            }
            if (from < run.End)
                foreach (ParameterRun piece in InPieces(new ParameterRun(from, run.End - from))) yield return piece;
        }
    }

    private static IEnumerable<ParameterRun> InPieces(ParameterRun run)
    {
        for (int from = run.Offset; from < run.End; from += StepPiece) yield return new ParameterRun(from, Math.Min(StepPiece, run.End - from));
    }

    /// <summary>Whether no number is NaN or larger than the bound.</summary>
    private static bool Small(ReadOnlySpan<float> values, float most)
    {
        int i = 0, n = Vector<float>.Count;
        Vector<int> all = Vector<int>.AllBitsSet;
        var bound = new Vector<float>(most);
        for (; i + n <= values.Length; i += n) all &= Vector.LessThanOrEqual(Vector.Abs(new Vector<float>(values[i..])), bound);
        bool small = Vector.EqualsAll(all, Vector<int>.AllBitsSet);
        for (; i < values.Length; i++) small &= MathF.Abs(values[i]) <= most;
        return small;
    }
}
