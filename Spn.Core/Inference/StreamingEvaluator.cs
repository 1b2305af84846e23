using Spn.Core.Engines.Simd;
using Spn.Core.Plans;

namespace Spn.Core.Inference;

/// <summary>In which order an evaluation visits the regions, and what it keeps.</summary>
public enum EvaluationSchedule
{
    /// <summary>Level by level, with the weights of the whole circuit made beforehand.</summary>
    Level,

    /// <summary>A region right after its children, with its weights made just before use and the children's values freed after it.</summary>
    PostOrder,
}

/// <summary>Log-likelihoods in little memory, for circuits whose weights would not fit or do not pay to keep.</summary>
/// <remarks>
/// With the post-order schedule at most log2(n) + 1 regions of a binary tree over n variables (a power of two) are alive, and
/// sixteen sectors of each shape: values and weights grow with log n, beside the parameters and the list of steps. One caller at a
/// time, one thread, no downward pass. A sample that leaves the float range is redone in log space with all weights at hand.
/// Source: Shih, Sadigh and Ermon 2021, Proposition 1 and Corollary 1.
/// </remarks>
public sealed class StreamingEvaluator : IDisposable
{
    private readonly Plan plan;
    private readonly IStreamingCore core;
    private bool disposed;

    /// <summary>Prepares a circuit with its present parameters.</summary>
    /// <param name="circuit">The circuit.</param>
    /// <param name="schedule">Order and memory.</param>
    public StreamingEvaluator(Circuit circuit, EvaluationSchedule schedule = EvaluationSchedule.PostOrder)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        plan = circuit.Plan;
        bool postOrder = schedule == EvaluationSchedule.PostOrder;
        core = IStreamingCore.For(plan, circuit.Parameters, postOrder);
    }

    /// <summary>Largest number of regions alive at a time in one component (replica); inputs are read on the fly and not counted.</summary>
    public int LiveRegions => core.LiveRegions;

    /// <summary>Bytes in use beside parameters, evidence and the list of steps: values, weights, scratch.</summary>
    public long WorkspaceBytes => core.WorkspaceBytes;

    /// <summary>log p(observed entries) of every sample, in nats; as <see cref="Circuit.LogLikelihood(Evidence, CancellationToken)"/>.</summary>
    /// <param name="evidence">The samples.</param>
    /// <exception cref="EvidenceException">The evidence does not fit.</exception>
    public double[] LogLikelihood(Evidence evidence)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        plan.CheckEvidence(evidence);
        var result = new double[evidence.Count * plan.Classes];
        for (int first = 0; first < evidence.Count; first += StreamingLimits.TileRows)
        {
            int count = Math.Min(StreamingLimits.TileRows, evidence.Count - first);
            core.Forward(evidence, [.. Enumerable.Range(first, count)], result.AsSpan(first * plan.Classes, count * plan.Classes));
        }
        return result;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        disposed = true;
        core.Dispose();
    }
}
