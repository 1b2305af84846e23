using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>The M-step: parameters from flows and statistics, whatever the weights are kept as.</summary>
internal sealed class MaximisationStep
{
    /// <summary>Smallest weight whose logarithm is kept.</summary>
    private const double LeastWeight = 1e-37;

    /// <summary>About as many weights and parameters as one piece of work has.</summary>
    private const int WorkOfItem = 1 << 13;

    private readonly Plan plan;
    private readonly WorkerPool pool;
    private readonly double samples;
    private readonly WeightRows[][] weightItems;
    private readonly int[][] inputs;
    private readonly (int First, int End)[] inputItems;
    private readonly (double[] Weights, double[] Parameters, double[] Statistics)[] scratch;

    /// <param name="plan">Whose parameters they are.</param>
    /// <param name="pool">Who works.</param>
    /// <param name="samples">Number of training samples: what accumulators add up to after a step.</param>
    /// <param name="weights">Whether weights are asked for.</param>
    /// <param name="densities">Whether inputs are asked for.</param>
    /// <exception cref="ArgumentException">Weights come from a program, or inputs are of a family, that has no M-step.</exception>
    public MaximisationStep(Plan plan, WorkerPool pool, int samples, bool weights, bool densities)
    {
        (this.plan, this.pool, this.samples) = (plan, pool, samples);
        if (weights && plan.Programs.FirstOrDefault(p => p is not (AccumulatorProgram or SoftmaxProgram or FixedProgram)) is { } other)
            throw new ArgumentException($"Expectation maximisation sets weights one by one, but this circuit's come from a {other.GetType().Name}; "
                + "give it weights from WeightSpec.Free() or WeightSpec.Accumulators(), train it by gradient steps, or set UpdateWeights to false.");
        weightItems = weights ? [.. ShareOutRows()] : [];
        int[] learned = [.. Enumerable.Range(0, plan.Regions.Count).Where(r => plan.Regions.Kind(r) == RegionKind.Input && plan.Regions.Input(r).Family.Learns)];
        foreach (int region in densities ? learned : [])
            if (plan.Regions.Input(region).Family is { StatisticCount: 0 } family)
                throw new ArgumentException($"The input of variable {plan.Regions.Input(region).Variable}, {family.GetType().Name}, has no sufficient statistics; "
                    + "train it by gradient steps, or set UpdateInputs to false.");
        inputs = densities ? [.. learned.GroupBy(r => plan.Regions.Input(r).Offset).Select(g => g.ToArray())] : [];
        inputItems = [.. ShareOutInputs()];
        int Most(Func<InputFamily, int> count) => inputs.Select(shared => count(plan.Regions.Input(shared[0]).Family)).DefaultIfEmpty(0).Max();
        (int parameters, int statistics) = (Most(f => f.ParameterCount), Most(f => f.StatisticCount));
        int row = weightItems.SelectMany(item => item).Select(rows => plan.Blocks.Row(rows.Block, 0).Count).DefaultIfEmpty(0).Max();
        scratch = [.. Enumerable.Range(0, pool.Threads).Select(_ => (new double[row], new double[parameters], new double[statistics]))];
    }

    /// <summary>Whether any input changes.</summary>
    public bool NeedsStatistics => inputs.Length > 0;

    /// <summary>What makes new shares of the weights of a sum; null keeps them.</summary>
    /// <param name="row">Where the sum's weights stand in the flat weight vector.</param>
    /// <param name="weights">Its weights; changed in place.</param>
    public delegate bool Move(WeightRow row, Span<double> weights);

    /// <summary>What changes the gathered statistics of an input before its parameters are set to those of largest likelihood.</summary>
    /// <param name="family">The family.</param>
    /// <param name="parameters">Its parameters as they stand.</param>
    /// <param name="statistics">What was gathered; may be changed in place.</param>
    public delegate void MoveInput(InputFamily family, ReadOnlySpan<double> parameters, Span<double> statistics);

    /// <summary>Sets the weights of every sum.</summary>
    /// <param name="parameters">The flat parameter vector; changed in place.</param>
    /// <param name="floor">Weights stay at least about this.</param>
    /// <param name="move">Changes the weights of a sum, or says that they stay.</param>
    public void Weights(float[] parameters, double floor, Move move)
    {
        using FlushToZero flush = FlushToZero.Here();
        pool.Run(weightItems.Length, (item, worker) =>
        {
            foreach (WeightRows rows in weightItems[item])
                for (int i = rows.First; i < rows.End; i++) SetRow(parameters, rows, plan.Blocks.Row(rows.Block, i), i, floor, move, scratch[worker].Weights);
        });
    }

    private void SetRow(float[] parameters, WeightRows rows, WeightRow row, int i, double floor, Move move, double[] memory)
    {
        int count = row.Count;
        Span<double> own = memory.AsSpan(0, count);
        if (rows.Program is SoftmaxProgram softmax)
        {
            Span<float> logits = parameters.AsSpan(softmax.Logits[rows.Index] + i * softmax.RowStride(count), count);
            Bulk.Widen(logits, own);
            Bulk.Softmax(own);
            if (!move(row, own)) return;
            Bulk.AtLeast(own, floor);
            Bulk.Move(own, 1 / Bulk.Sum(own), 0);
            Bulk.AtLeast(own, LeastWeight);
            Bulk.Log(own);
            Bulk.Narrow(own, logits);
            return;
        }
        var program = (AccumulatorProgram)rows.Program;
        Span<float> accumulators = parameters.AsSpan(program.Places[rows.Index] + i * count, count);
        double each = program.Smoothing / count;
        Bulk.Widen(accumulators, own);
        double sum = program.Smoothing + Bulk.Sum(own);
        Bulk.Move(own, 1 / sum, each / sum);
        if (!move(row, own)) return;
        Bulk.AtLeast(own, floor);
        // What smoothing will add is taken off before.
        Bulk.Move(own, (samples + program.Smoothing) / Bulk.Sum(own), -each);
        Bulk.AtLeast(own, 0);
        Bulk.Narrow(own, accumulators);
    }

    /// <summary>Sets the parameters of inputs.</summary>
    /// <param name="parameters">The flat parameter vector; changed in place.</param>
    /// <param name="gathered">What was gathered, <see cref="Plan.StatisticCount"/> long; of inputs that share no parameters what <paramref name="move"/> makes of it.</param>
    /// <param name="move">Told each input's statistics before they are maximised.</param>
    public void Inputs(float[] parameters, double[] gathered, MoveInput move)
    {
        using FlushToZero flush = FlushToZero.Here();
        pool.Run(inputItems.Length, (item, worker) =>
        {
            for (int i = inputItems[item].First; i < inputItems[item].End; i++)
            {
                InputPlace input = plan.Regions.Input(inputs[i][0]);
                SetInput(input.Family, parameters.AsSpan(input.Offset, input.Family.ParameterCount), Statistics(inputs[i], input.Family, gathered, scratch[worker].Statistics),
                    scratch[worker].Parameters.AsSpan(0, input.Family.ParameterCount), move);
            }
        });
    }

    /// <summary>The statistics of inputs that share their parameters.</summary>
    private Span<double> Statistics(int[] shared, InputFamily family, double[] gathered, double[] memory)
    {
        Span<double> first = gathered.AsSpan(plan.FirstStatistic[shared[0]], family.StatisticCount);
        if (shared.Length == 1) return first;
        Span<double> all = memory.AsSpan(0, family.StatisticCount);
        first.CopyTo(all);
        foreach (int region in shared.AsSpan(1)) Bulk.Add(all, gathered.AsSpan(plan.FirstStatistic[region], family.StatisticCount));
        return all;
    }

    private static void SetInput(InputFamily family, Span<float> parameters, Span<double> statistics, Span<double> own, MoveInput move)
    {
        Bulk.Widen(parameters, own);
        move(family, own, statistics);
        family.Maximise(statistics, own);
        (int first, int count) = family.Frozen;
        Bulk.Narrow(own[..first], parameters);
        Bulk.Narrow(own[(first + count)..], parameters[(first + count)..]);
    }

    /// <summary>The rows of all blocks in pieces of about equal work, not all of them of one block.</summary>
    private IEnumerable<WeightRows[]> ShareOutRows()
    {
        List<WeightRows> item = [];
        int work = 0;
        foreach (WeightProgram program in plan.Programs.Where(p => p is not FixedProgram))
            for (int index = 0; index < program.Blocks.Count; index++)
            {
                int block = program.Blocks[index], rows = plan.Blocks[block].Rows, count = plan.Blocks.Row(block, 0).Count;
                for (int first = 0, end; first < rows; first = end)
                {
                    end = Math.Min(rows, first + Math.Max(1, (WorkOfItem - work) / count));
                    item.Add(new WeightRows(program, index, first, end));
                    work += (end - first) * count;
                    if (work < WorkOfItem) continue;
                    yield return [.. item];
                    item.Clear();
                    work = 0;
                }
            }
        if (item.Count > 0) yield return [.. item];
    }

    private IEnumerable<(int First, int End)> ShareOutInputs()
    {
        for (int first = 0, end; first < inputs.Length; first = end)
        {
            int work = 0;
            for (end = first; end < inputs.Length && work < WorkOfItem; end++) work += plan.Regions.Input(inputs[end][0]).Family.StatisticCount;
            yield return (first, end);
        }
    }

    /// <summary>The statistics that one value of every component is expected to add.</summary>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <param name="statistics">Receives them, <see cref="Plan.StatisticCount"/> long; of inputs that share parameters the first has them.</param>
    public void MeanStatistics(ReadOnlySpan<float> parameters, Span<double> statistics)
    {
        foreach (int[] shared in inputs)
        {
            (InputFamily family, _, int offset) = plan.Regions.Input(shared[0]);
            var own = new double[family.ParameterCount];
            for (int i = 0; i < own.Length; i++) own[i] = parameters[offset + i];
            family.MeanStatistics(own, statistics.Slice(plan.FirstStatistic[shared[0]], family.StatisticCount));
        }
    }

    /// <summary>Sets the logits of a learned p(class).</summary>
    /// <param name="parameters">The flat parameter vector; changed in place.</param>
    /// <param name="counts">Samples of each class.</param>
    /// <param name="step">Step size.</param>
    /// <param name="smoothing">Pseudo-count that the classes share.</param>
    public void Classes(float[] parameters, ReadOnlySpan<double> counts, double step, double smoothing)
    {
        if (plan.LearnedPrior(parameters) is not { } prior) return;
        double total = smoothing;
        foreach (double count in counts) total += count;
        for (int c = 0; c < prior.Length && total > 0; c++)
            parameters[plan.ClassLogits!.Offset + c] = (float)Math.Log(Math.Max((1 - step) * prior[c] + step * (counts[c] + smoothing / prior.Length) / total, LeastWeight));
    }

    /// <summary>Rows of a block: those of sums of one region.</summary>
    private readonly record struct WeightRows(WeightProgram Program, int Index, int First, int End)
    {
        public int Block => Program.Blocks[Index];
    }
}
