using Spn.Core.Plans;

namespace Spn.Core.Engines.Reference;

/// <summary>The slow, obvious engine that every other is tested against: double precision, log space, one sample and one region at a time.</summary>
public sealed class ReferenceEngine : IEngine
{
    /// <inheritdoc/>
    public string Name => "reference";

    /// <inheritdoc/>
    public int Threads => 1;

    /// <inheritdoc/>
    public ISession Bind(Plan plan) => new ReferenceSession(plan);
}

internal sealed class ReferenceSession(Plan plan) : IPreciseSession
{
    private readonly LogSpacePass pass = new(plan);
    private readonly double[] byWeights = new double[plan.Blocks.Total];
    private readonly double[] byParameters = new double[plan.ParameterCount];
    private readonly double[] statistics = new double[plan.StatisticCount];
    private readonly double[] edges = new double[plan.Blocks.Total];
    private Evidence? evidence;
    private int[] rows = [];
    private Dropout? dropout;
    private int held = -1; // the row, by its place in the call of Forward, whose sums the pass still has
    private float[] own = [];

    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        var values = new double[parameters.Length];
        for (int i = 0; i < values.Length; i++) values[i] = parameters[i];
        SetParameters(values);
    }

    public void SetParameters(ReadOnlySpan<double> parameters)
    {
        held = -1;
        pass.SetParameters(parameters);
        own = new float[parameters.Length];
        for (int i = 0; i < own.Length; i++) own[i] = (float)parameters[i];
        Array.Clear(byWeights);
        Array.Clear(byParameters);
        Array.Clear(statistics);
        Array.Clear(edges);
    }

    public void DropProducts(double share, long seed) => dropout = share > 0 ? new Dropout(share, seed) : null;

    public void GatherAtInputs(InputGathering what) => pass.Gathering = what;

    public void Forward(Evidence batch, ReadOnlySpan<int> samples, Span<double> logLikelihoods)
    {
        evidence = batch;
        rows = samples.ToArray();
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Dropped = dropout is null ? null : (dropout, i);
            pass.Upward(batch, rows[i]);
            pass.Values(plan.Regions.Root).CopyTo(logLikelihoods[(i * plan.Classes)..]);
        }
        held = rows.Length - 1;
        pass.Dropped = null;
    }

    public void Backward(Routing routing, ReadOnlySpan<double> seeds)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Dropped = dropout is null ? null : (dropout, i);
            if (held != i) pass.Upward(evidence!, rows[i]);
            held = i;
            pass.DownwardFromRoot(evidence!, rows[i], Seeds(seeds, i), byWeights, AtInputs);
        }
        pass.Dropped = null;
    }

    private Span<double> AtInputs => pass.Gathering switch
    {
        InputGathering.Gradient => byParameters,
        InputGathering.Statistics => statistics,
        _ => [],
    };

    public void Gradient(Span<float> gradient)
    {
        var total = new double[gradient.Length];
        Gradient(total);
        for (int i = 0; i < total.Length; i++) gradient[i] = (float)total[i];
    }

    public void Gradient(Span<double> gradient)
    {
        byParameters.CopyTo(gradient);
        pass.PullBack(byWeights, gradient);
    }

    public void WeightGradient(Span<double> target) => byWeights.CopyTo(target);

    public bool Step(IUpdateRule rule, ReadOnlySpan<float> byClassLogits)
    {
        var gradient = new float[plan.ParameterCount];
        Gradient(gradient);
        if (plan.ClassLogits is { } logits) byClassLogits.CopyTo(gradient.AsSpan(logits.Offset, logits.Count));
        if (!Array.TrueForAll(gradient, float.IsFinite)) return false;
        foreach (ParameterRun run in plan.Learned) rule.Apply(run.Offset, gradient.AsSpan(run.Offset, run.Count), own.AsSpan(run.Offset, run.Count));
        SetParameters(own);
        return true;
    }

    public void GetParameters(int first, Span<float> parameters) => own.AsSpan(first, parameters.Length).CopyTo(parameters);

    public void WeightFlows(Span<float> flows)
    {
        for (int i = 0; i < byWeights.Length; i++) flows[i] = (float)(byWeights[i] * pass.Weights[i]);
    }

    public void InputStatistics(Span<double> to) => statistics.CopyTo(to);

    public void Count(Evidence batch, ReadOnlySpan<int> samples, Winner winner, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        held = -1;
        for (int i = 0; i < samples.Length; i++)
        {
            pass.Upward(batch, samples[i]);
            pass.Values(plan.Regions.Root).CopyTo(logLikelihoods[(i * plan.Classes)..]);
            for (int c = 0; c < plan.Classes; c++)
                if ((counts.IsEmpty ? 1 : counts[i * plan.Classes + c]) is var count and > 0)
                {
                    int[] way = pass.Count(winner, c, Draws.Stream(winner.Seed, samples[i], c), count, edges);
                    if (pass.Gathering == InputGathering.Statistics) InputCounts.Add(plan, pass.InputParameters, batch, samples[i], way, count, statistics);
                }
        }
    }

    public void AddCounts(Span<float> parameters)
    {
        foreach (AccumulatorProgram program in plan.Programs.OfType<AccumulatorProgram>())
            for (int b = 0; b < program.Blocks.Count; b++)
            {
                (int blockRows, int columns, int offset) = plan.Blocks[program.Blocks[b]];
                for (int i = 0; i < blockRows * columns; i++)
                    if (edges[offset + i] != 0) parameters[program.Places[b] + plan.Blocks.NumberOf(program.Blocks[b], i)] += (float)edges[offset + i];
            }
        SetParameters(parameters);
    }

    public void ForwardMax(Evidence batch, ReadOnlySpan<int> samples, Span<double> logValues)
    {
        held = -1;
        evidence = batch;
        rows = samples.ToArray();
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Upward(batch, rows[i], max: true);
            pass.Values(plan.Regions.Root).CopyTo(logValues[(i * plan.Classes)..]);
        }
    }

    public void Expectations(
        Evidence batch, ReadOnlySpan<int> samples, ReadOnlySpan<double> prior, ReadOnlySpan<double> centres, Span<double> logLikelihoods, Span<double> expectations)
    {
        expectations.Clear();
        int width = plan.ExpectationsOf[^1];
        for (int i = 0; i < samples.Length; i++)
        {
            double[] shares = Shares(batch, samples[i], prior, out logLikelihoods[i]);
            pass.Expectations(batch, samples[i], shares, centres, expectations.Slice(i * width, width));
        }
    }

    public void InputFlows(Evidence batch, ReadOnlySpan<int> samples, int variable, ReadOnlySpan<double> prior, Span<double> logLikelihoods, Span<double> flows)
    {
        flows.Clear();
        int width = plan.InputsOf(variable).Sum(plan.Regions.Channels);
        for (int i = 0; i < samples.Length; i++)
        {
            double[] shares = Shares(batch, samples[i], prior, out logLikelihoods[i]);
            pass.InputFlows(batch, samples[i], variable, shares, flows.Slice(i * width, width));
        }
    }

    private double[] Shares(Evidence batch, int row, ReadOnlySpan<double> prior, out double logLikelihood)
    {
        held = -1;
        pass.Upward(batch, row);
        return pass.ClassShares(prior, out logLikelihood);
    }

    public void Route(Routing routing, ReadOnlySpan<int> classes, long firstWay, long seed, Span<int> units)
    {
        int ways = rows.Length == 0 ? 0 : classes.Length / rows.Length;
        held = -1;
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Upward(evidence!, rows[i], max: routing == Routing.Max);
            for (int way = 0; way < ways; way++)
                pass.Route(routing, classes[i * ways + way], Draws.Stream(seed, rows[i], firstWay + way), units.Slice((i * ways + way) * plan.Variables, plan.Variables));
        }
    }

    public void Dispose() { }

    private ReadOnlySpan<double> Seeds(ReadOnlySpan<double> seeds, int row) => seeds.IsEmpty ? seeds : seeds.Slice(row * plan.Classes, plan.Classes);
}
