using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>What one step of plain gradient ascent did to one weight of a sum with raw weights, and what the theory says it does.</summary>
/// <remarks>
/// With weight w = u_1 ... u_{L-1} v and step size eta, a step on all factors changes w by rho dw + lambda w up to terms of order eta
/// squared, dw being the derivative by w: rho = eta (u_1 ... u_{L-1})^2, lambda = eta times the sum of du_l / u_l.
/// Source: Trapp, Peharz and Pernkopf 2019, section 3, where rho is printed for two layers.
/// </remarks>
/// <param name="Block">The weight block, by the plan's numbering.</param>
/// <param name="Row">Output of the sum.</param>
/// <param name="Column">Input of the sum: the component.</param>
/// <param name="Before">The weight before the step.</param>
/// <param name="Gradient">Derivative of the average log-likelihood by the weight, in nats.</param>
/// <param name="Rho">Its adaptive step size.</param>
/// <param name="Lambda">Its growth by itself, which carries past gradients on (momentum).</param>
/// <param name="After">The weight after the step.</param>
public readonly record struct WeightChange(int Block, int Row, int Column, double Before, double Gradient, double Rho, double Lambda, double After)
{
    /// <summary>The weight after the step without terms of order eta squared.</summary>
    public double Predicted => Before + Rho * Gradient + Lambda * Before;
}

/// <summary>What one step of plain gradient ascent did.</summary>
/// <param name="LogLikelihood">Average log-likelihood before the step, in nats.</param>
/// <param name="Weights">The weights of sums with raw weights, in the order of the plan's blocks, [out, in].</param>
public sealed record AscentStep(double LogLikelihood, IReadOnlyList<WeightChange> Weights);

/// <summary>Plain gradient ascent on the average log-likelihood of all samples, in double precision, one step at a time.</summary>
/// <remarks>
/// For studies of learning itself: slow, exact to double precision, and it says of every step what it did. Training for use is
/// <see cref="GradientDescent"/>, in single precision.
/// </remarks>
public sealed class GradientAscent : IDisposable
{
    private readonly Circuit circuit;
    private readonly Evidence train;
    private readonly UniqueRows rows;
    private readonly IPreciseSession session;
    private readonly double[] parameters;

    /// <summary>Starts at the circuit's parameters.</summary>
    /// <param name="circuit">The circuit, of one class, compiled for <see cref="Engines.Reference.ReferenceEngine"/>; it changes only by <see cref="Store"/>.</param>
    /// <param name="train">The samples, at least one; hidden entries are summed out.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">There are no samples, the circuit has several classes, its weights are accumulators, or its engine knows single precision only.</exception>
    public GradientAscent(Circuit circuit, Evidence train)
    {
        TrainingLoop.Check(circuit, train, null, null, null);
        if (circuit.Classes > 1) throw new ArgumentException($"The circuit has {circuit.Classes} classes; plain ascent is for one.", nameof(circuit));
        if (circuit.Plan.Programs.Any(p => p is AccumulatorProgram))
            throw new ArgumentException("Weights of this circuit are accumulators, which gradient steps could make negative; use free or raw weights.", nameof(circuit));
        this.circuit = circuit;
        this.train = train;
        rows = new UniqueRows(train);
        ISession own = circuit.NewSession();
        if (own is not IPreciseSession precise)
        {
            own.Dispose();
            throw new ArgumentException($"The engine {circuit.Engine.Name} knows single precision only; compile the circuit for the reference engine.", nameof(circuit));
        }
        session = precise;
        parameters = [.. circuit.Parameters.ToArray().Select(p => (double)p)];
    }

    /// <summary>The flat parameter vector in double precision, laid out as the circuit's; may be changed between steps.</summary>
    public Span<double> Parameters => parameters;

    /// <summary>After every step raw weights, and factors of raw weights, are at least this; other parameters have no bound.</summary>
    public double Floor { get; init; } = 1e-4;

    /// <summary>True raises log f - Z instead of log f - log Z; see <see cref="GradientOptions.LinearPartition"/>.</summary>
    public bool LinearPartition { get; init; }

    /// <summary>Average log-likelihood of samples with the present parameters, in nats.</summary>
    /// <param name="evidence">The samples, at least one.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    public double AverageLogLikelihood(Evidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        circuit.Check(evidence);
        if (evidence.Count == 0) throw new ArgumentException("An average needs at least one sample.", nameof(evidence));
        return Average(evidence, evidence == train ? rows : new UniqueRows(evidence), downward: false);
    }

    /// <summary>Derivative of the average log-likelihood of the training samples by the parameters.</summary>
    /// <param name="logLikelihood">Receives the average log-likelihood, in nats.</param>
    /// <returns>Laid out as the parameters.</returns>
    public double[] Gradient(out double logLikelihood) => Gradient(out logLikelihood, out _);

    /// <summary>One step of all learned parameters up the gradient.</summary>
    /// <param name="stepSize">Step size, above 0.</param>
    /// <exception cref="ArithmeticException">A parameter would no longer be finite; they stay as they were.</exception>
    public AscentStep Step(double stepSize)
    {
        if (!(stepSize > 0) || double.IsInfinity(stepSize)) throw new ArgumentOutOfRangeException(nameof(stepSize), stepSize, "The step size must be above 0.");
        double[] gradient = Gradient(out double logLikelihood, out double[] byWeights), next = (double[])parameters.Clone();
        foreach (ParameterRun run in circuit.Plan.Learned)
            for (int i = run.Offset; i < run.End; i++) next[i] += stepSize * gradient[i];
        foreach (ParameterTensor tensor in circuit.Plan.Tensors.Where(t => t.NonNegative))
            foreach (ref double p in next.AsSpan(tensor.Offset, tensor.Count)) p = Math.Max(p, Floor);
        int wrong = Array.FindIndex(next, p => !double.IsFinite(p));
        if (wrong >= 0) throw new ArithmeticException($"Parameter {wrong} would be {next[wrong]}; use a smaller step size.");
        AscentStep step = new(logLikelihood, [.. Changes(stepSize, gradient, byWeights, next)]);
        next.CopyTo(parameters, 0);
        return step;
    }

    /// <summary>Gives the parameters to the circuit, rounded to single precision.</summary>
    public void Store() => circuit.SetParameters([.. parameters.Select(p => (float)p)]);

    /// <summary>Ends the work; the circuit stays.</summary>
    public void Dispose() => session.Dispose();

    private double[] Gradient(out double logLikelihood, out double[] byWeights)
    {
        var gradient = new double[parameters.Length];
        byWeights = new double[circuit.Plan.Blocks.Total];
        logLikelihood = Average(train, rows, downward: true);
        session.Gradient(gradient);
        session.WeightGradient(byWeights);
        if (LinearPartition && circuit.Plan.Unnormalised is { } program)
            program.AddLogPartitionGradient(circuit.Plan.Blocks, parameters, 1 - Math.Exp(program.LogPartition(circuit.Plan.Blocks, parameters)[0]), gradient);
        return gradient;
    }

    private double Average(Evidence evidence, UniqueRows distinct, bool downward)
    {
        session.SetParameters(parameters);
        Span<double> value = stackalloc double[1], share = stackalloc double[1];
        double sum = 0;
        for (int i = 0; i < distinct.First.Length; i++)
        {
            // One sample at a time: the engine then goes down from what it has just gone up.
            session.Forward(evidence, distinct.First.AsSpan(i, 1), value);
            share[0] = (double)distinct.Counts[i] / evidence.Count;
            sum += share[0] * value[0];
            if (downward) session.Backward(Routing.Soft, share);
        }
        return sum;
    }

    private IEnumerable<WeightChange> Changes(double stepSize, double[] gradient, double[] byWeights, double[] next)
    {
        Plan plan = circuit.Plan;
        if (plan.Unnormalised is not { } normalised) yield break;
        double[] byRaw = normalised.ByRaw(plan.Blocks, parameters, byWeights), before = normalised.Raw(plan.Blocks, parameters), after = normalised.Raw(plan.Blocks, next);
        foreach (FactoredProgram program in normalised.Programs.OfType<FactoredProgram>().Where(p => p.Link == WeightLink.Identity))
            for (int b = 0; b < program.Blocks.Count; b++)
                for (int i = 0; i < plan.Blocks[program.Blocks[b]].Rows; i++)
                {
                    (_, int columns, int offset) = plan.Blocks[program.Blocks[b]];
                    WeightRow row = plan.Blocks.Row(program.Blocks[b], i);
                    for (int n = 0; n < row.Count; n++)
                    {
                        double upper = 1, lambda = 0;
                        for (int layer = 0; layer < program.Depth - 1; layer++)
                        {
                            int place = program.Place(layer, b, i, n, row.Count);
                            upper *= parameters[place];
                            lambda += stepSize * gradient[place] / parameters[place];
                        }
                        int own = row[n];
                        yield return new WeightChange(program.Blocks[b], i, own - offset - i * columns, before[own], byRaw[own], stepSize * upper * upper, lambda, after[own]);
                    }
                }
    }
}
