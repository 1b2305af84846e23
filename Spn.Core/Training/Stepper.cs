using Spn.Core.Engines;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Steps of gradient ascent on a session's parameters.</summary>
internal sealed class Stepper : IUpdateRule
{
    private readonly GradientOptions options;
    private readonly OptimiserState state;
    private readonly AdamRule adam;
    private readonly float[] before;
    private float scale;
    private double rate;
    private volatile bool left;
    private readonly ParameterRun[] floored;
    private readonly (int End, double Factor, float Decay)[] sections; // of the parameter vector, in order

    /// <param name="options">The rule and its settings.</param>
    /// <param name="plan">Whose parameters they are.</param>
    /// <param name="state">What is remembered from step to step, or null to start afresh.</param>
    public Stepper(GradientOptions options, Plan plan, OptimiserState? state = null)
    {
        floored = [.. plan.Tensors.Where(t => t.NonNegative).Select(t => new ParameterRun(t.Offset, t.Count))];
        before = options.Optimiser == Optimiser.Sgd ? new float[plan.ParameterCount] : [];
        this.options = options;
        adam = new AdamRule(options.Beta1, options.Beta2, options.Epsilon);
        sections = [.. Sections(options, plan)];
        this.state = state ?? new OptimiserState();
        if (options.Optimiser == Optimiser.Adam) this.state.Fit(plan.ParameterCount);
    }

    /// <summary>One step up the gradient of the sum of log-likelihoods whose statistics a session has gathered.</summary>
    /// <param name="session">Whose parameters change.</param>
    /// <param name="scale">Factor of the gradient: 1 for a sum, 1 / samples for a mean.</param>
    /// <param name="done">Share of the training that lies behind, from 0 to 1: where the step size stands.</param>
    /// <param name="byClassLogits">See <see cref="ISession.Step"/>.</param>
    /// <returns>False, with the parameters as they were, when the gradient or a parameter would not be finite.</returns>
    public bool Step(ISession session, double scale, double done, ReadOnlySpan<float> byClassLogits)
    {
        this.scale = (float)scale;
        rate = options.LearningRate + done * ((options.FinalLearningRate ?? options.LearningRate) - options.LearningRate);
        left = false;
        state.Steps++;
        if (options.Optimiser == Optimiser.Sgd) session.GetParameters(0, before);
        bool finite = session.Step(this, byClassLogits);
        if (!finite) state.Steps--;
        if (!left) return finite;
        session.SetParameters(before);
        return false;
    }

    /// <summary>Added to the gradient of the next steps, laid out as the parameters; empty adds nothing.</summary>
    public double[] More { get; set; } = [];

    /// <inheritdoc/>
    public void Apply(int first, ReadOnlySpan<float> gradient, Span<float> parameters)
    {
        if (More.Length > 0)
        {
            var whole = new float[gradient.Length];
            for (int i = 0; i < whole.Length; i++) whole[i] = gradient[i] + (float)More[first + i];
            gradient = whole;
        }
        int section = 0;
        for (int from = 0; from < parameters.Length;)
        {
            while (sections[section].End <= first + from) section++;
            (int end, double factor, float decay) = sections[section];
            int count = Math.Min(end - first, parameters.Length) - from;
            if (options.Optimiser == Optimiser.Adam) adam.Step(state, first + from, gradient.Slice(from, count), scale, parameters.Slice(from, count), rate * factor, decay);
            else Sgd(gradient.Slice(from, count), parameters.Slice(from, count), (float)(rate * factor), decay);
            from += count;
        }
        // Adam's steps are bounded by the learning rate: from a finite gradient they are finite.
        if (options.Optimiser != Optimiser.Adam && !TrainingLoop.AllFinite(parameters)) left = true;
        foreach (ParameterRun run in floored)
            for (int i = Math.Max(run.Offset, first); i < Math.Min(run.End, first + parameters.Length); i++)
                parameters[i - first] = MathF.Max(parameters[i - first], (float)options.Floor);
    }

    /// <summary>Runs of parameters that are stepped alike.</summary>
    private static IEnumerable<(int End, double Factor, float Decay)> Sections(GradientOptions options, Plan plan)
    {
        (int End, double Factor, float Decay) open = (0, 1, (float)options.WeightDecay);
        foreach (ParameterTensor tensor in plan.Tensors)
        {
            ParameterRate? own = options.Rates.LastOrDefault(r => r.Kind == tensor.Kind);
            (int End, double Factor, float Decay) next =
                (tensor.Offset + tensor.Count, (own?.LearningRate ?? options.LearningRate) / options.LearningRate, (float)(own?.WeightDecay ?? options.WeightDecay));
            if (open.End > 0 && (next.Factor, next.Decay) != (open.Factor, open.Decay)) yield return open;
            open = next;
        }
        yield return open;
    }

    private void Sgd(ReadOnlySpan<float> gradient, Span<float> parameters, float step, float decay)
    {
        for (int i = 0; i < parameters.Length; i++) parameters[i] += step * (scale * gradient[i] - decay * parameters[i]);
    }
}
