using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>The M-step: parameters from flows and statistics, whatever the weights are kept as.</summary>
internal sealed class MaximisationStep
{
    /// <summary>Smallest weight whose logarithm is kept.</summary>
    private const double LeastWeight = 1e-37;

    private readonly Plan plan;
    private readonly double samples;
    private readonly (WeightProgram Program, int Index)[] blocks;
    private readonly int[][] inputs;

    /// <param name="plan">Whose parameters they are.</param>
    /// <param name="samples">Number of training samples: what accumulators add up to after a step.</param>
    /// <param name="weights">Whether weights are asked for.</param>
    /// <param name="densities">Whether inputs are asked for.</param>
    /// <exception cref="ArgumentException">Weights come from a program, or inputs are of a family, that has no M-step.</exception>
    public MaximisationStep(Plan plan, int samples, bool weights, bool densities)
    {
        this.plan = plan;
        this.samples = samples;
        if (weights && plan.Programs.FirstOrDefault(p => p is not (AccumulatorProgram or SoftmaxProgram or FixedProgram)) is { } other)
            throw new ArgumentException($"Expectation maximisation sets weights one by one, but this circuit's come from a {other.GetType().Name}; "
                + "give it weights from WeightSpec.Free() or WeightSpec.Accumulators(), train it by gradient steps, or set UpdateWeights to false.");
        blocks = weights ? [.. plan.Programs.Where(p => p is not FixedProgram).SelectMany(p => p.Blocks.Select((_, i) => (p, i)))] : [];
        int[] learned = [.. Enumerable.Range(0, plan.Regions.Count).Where(r => plan.Regions.Kind(r) == RegionKind.Input && plan.Regions.Input(r).Family.Learns)];
        foreach (int region in densities ? learned : [])
            if (plan.Regions.Input(region).Family is { StatisticCount: 0 } family)
                throw new ArgumentException($"The input of variable {plan.Regions.Input(region).Variable}, {family.GetType().Name}, has no sufficient statistics; "
                    + "train it by gradient steps, or set UpdateInputs to false.");
        inputs = densities ? [.. learned.GroupBy(r => plan.Regions.Input(r).Offset).Select(g => g.ToArray())] : [];
    }

    /// <summary>Whether any input changes.</summary>
    public bool NeedsStatistics => inputs.Length > 0;

    /// <summary>What makes new shares of the weights of a sum; null keeps them.</summary>
    /// <param name="row">Where the sum's weights stand in the flat weight vector.</param>
    /// <param name="weights">Its weights; changed in place.</param>
    public delegate bool Move(WeightRow row, Span<double> weights);

    /// <summary>Sets the weights of every sum.</summary>
    /// <param name="parameters">The flat parameter vector; changed in place.</param>
    /// <param name="floor">Weights stay at least about this.</param>
    /// <param name="move">Changes the weights of a sum, or says that they stay.</param>
    public void Weights(float[] parameters, double floor, Move move) => Parallel.For(0, blocks.Length, b =>
    {
        (WeightProgram program, int index) = blocks[b];
        int block = program.Blocks[index];
        double[] own = [];
        for (int i = 0; i < plan.Blocks[block].Rows; i++)
        {
            WeightRow row = plan.Blocks.Row(block, i);
            int count = row.Count;
            if (own.Length != count) own = new double[count];
            Span<float> kept = program is SoftmaxProgram softmax
                ? parameters.AsSpan(softmax.Logits[index] + i * softmax.RowStride(count), count)
                : parameters.AsSpan(((AccumulatorProgram)program).Places[index] + i * count, count);
            double smoothing = (program as AccumulatorProgram)?.Smoothing ?? 0, sum = smoothing;
            for (int j = 0; j < count; j++) own[j] = kept[j];
            if (program is SoftmaxProgram) WeightProgram.Softmax(own, own);
            else
            {
                foreach (double a in own) sum += a;
                for (int j = 0; j < count; j++) own[j] = (own[j] + smoothing / count) / sum;
            }
            if (!move(row, own)) continue;
            sum = 0;
            for (int j = 0; j < count; j++) sum += own[j] = Math.Max(own[j], floor);
            for (int j = 0; j < count; j++)
                kept[j] = program is SoftmaxProgram
                    ? (float)Math.Log(Math.Max(own[j] / sum, LeastWeight))
                    // What smoothing will add is taken off before.
                    : (float)Math.Max(own[j] / sum * (samples + smoothing) - smoothing / count, 0);
        }
    });

    /// <summary>Sets the parameters of inputs.</summary>
    /// <param name="parameters">The flat parameter vector; changed in place.</param>
    /// <param name="gathered">What was gathered, <see cref="Plan.StatisticCount"/> long.</param>
    /// <param name="move">Told family, its parameters and its statistics, which it may change before they are maximised.</param>
    public void Inputs(float[] parameters, double[] gathered, Action<InputFamily, double[], double[]> move) => Parallel.For(0, inputs.Length, b =>
    {
        (InputFamily family, _, int offset) = plan.Regions.Input(inputs[b][0]);
        var statistics = new double[family.StatisticCount];
        var own = new double[family.ParameterCount];
        foreach (int region in inputs[b])
            for (int i = 0; i < statistics.Length; i++) statistics[i] += gathered[plan.FirstStatistic[region] + i];
        for (int i = 0; i < own.Length; i++) own[i] = parameters[offset + i];
        move(family, own, statistics);
        family.Maximise(statistics, own);
        (int first, int count) = family.Frozen;
        for (int i = 0; i < own.Length; i++)
            if (i < first || i >= first + count) parameters[offset + i] = (float)own[i];
    });

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
}
