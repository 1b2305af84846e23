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

internal sealed class ReferenceSession(Plan plan) : ISession
{
    private readonly LogSpacePass pass = new(plan);
    private readonly double[] byWeights = new double[plan.Blocks.Total];
    private readonly double[] byParameters = new double[plan.ParameterCount];
    private Evidence? evidence;
    private int[] rows = [];

    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        pass.SetParameters(parameters);
        Array.Clear(byWeights);
        Array.Clear(byParameters);
    }

    public void Forward(Evidence batch, ReadOnlySpan<int> samples, Span<double> logLikelihoods)
    {
        evidence = batch;
        rows = samples.ToArray();
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Upward(batch, rows[i]);
            pass.Values(plan.Regions.Root).CopyTo(logLikelihoods[(i * plan.Classes)..]);
        }
    }

    public void Backward(Routing routing, ReadOnlySpan<double> seeds)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            pass.Upward(evidence!, rows[i]);
            pass.DownwardFromRoot(evidence!, rows[i], seeds.IsEmpty ? seeds : seeds.Slice(i * plan.Classes, plan.Classes), byWeights, byParameters);
        }
    }

    public void Gradient(Span<float> gradient)
    {
        var total = (double[])byParameters.Clone();
        pass.PullBack(byWeights, total);
        for (int i = 0; i < total.Length; i++) gradient[i] = (float)total[i];
    }

    public void WeightFlows(Span<float> flows)
    {
        for (int i = 0; i < byWeights.Length; i++) flows[i] = (float)(byWeights[i] * pass.Weights[i]);
    }

    public void Dispose() { }
}
