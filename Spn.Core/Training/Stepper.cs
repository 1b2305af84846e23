using System.Numerics;
using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Applies an update rule to the flat parameter vector.</summary>
internal sealed class Stepper
{
    private const int PieceLength = 1 << 14;
    private const int MostItems = 1 << 10;

    private readonly GradientOptions options;
    private readonly WorkerPool pool;
    private readonly ParameterRun[] pieces;
    private readonly int together;
    private readonly OptimiserState state;
    private readonly float[] before;
    private readonly bool[] done;
    private readonly ParameterRun[] floored;

    /// <param name="options">The rule and its settings.</param>
    /// <param name="plan">Whose parameters they are; those that are frozen stay as they are.</param>
    /// <param name="threads">Number of threads.</param>
    /// <param name="state">What is remembered from step to step, or null to start afresh.</param>
    public Stepper(GradientOptions options, Plan plan, int threads, OptimiserState? state = null)
    {
        pieces = [.. plan.Learned.SelectMany(InPieces)];
        // Frozen parameters between learned ones make many small pieces; some of them are one item of work.
        together = 1 + pieces.Length / MostItems;
        done = new bool[(pieces.Length + together - 1) / together];
        floored = [.. plan.Tensors.Where(t => t.NonNegative).Select(t => new ParameterRun(t.Offset, t.Count))];
        pool = WorkerPool.Of(threads);
        before = options.Optimiser == Optimiser.Sgd ? new float[plan.ParameterCount] : [];
        this.options = options;
        this.state = state ?? new OptimiserState();
        if (options.Optimiser == Optimiser.Adam) this.state.Fit(plan.ParameterCount);
    }

    /// <summary>One step up the gradient.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradient">Gradient of the sum of log-likelihoods.</param>
    /// <param name="scale">Factor of the gradient: 1 for a sum, 1 / samples for a mean.</param>
    /// <returns>False, with the parameters as they were, when the gradient or a parameter would not be finite.</returns>
    public bool Step(float[] parameters, float[] gradient, double scale)
    {
        using FlushToZero flush = FlushToZero.Here();
        if (!Everywhere(piece => TrainingLoop.AllFinite(gradient.AsSpan(piece.Offset, piece.Count)))) return false;
        state.Steps++;
        if (options.Optimiser == Optimiser.Adam)
        {
            // Adam's steps are bounded by the learning rate: from a finite gradient they are finite.
            Everywhere(piece =>
            {
                Adam(parameters, gradient, (float)scale, piece.Offset, piece.End);
                return true;
            });
            KeepAboveFloor(parameters);
            return true;
        }
        parameters.CopyTo(before, 0);
        bool finite = Everywhere(piece =>
        {
            Sgd(parameters, gradient, (float)scale, piece.Offset, piece.End);
            return TrainingLoop.AllFinite(parameters.AsSpan(piece.Offset, piece.Count));
        });
        if (finite) KeepAboveFloor(parameters);
        else before.CopyTo(parameters, 0);
        return finite;
    }

    private void KeepAboveFloor(float[] parameters)
    {
        foreach (ParameterRun run in floored)
            foreach (ref float p in parameters.AsSpan(run.Offset, run.Count)) p = MathF.Max(p, (float)options.Floor);
    }

    /// <summary>Does something to all pieces at the same time; true when it says so of each.</summary>
    private bool Everywhere(Func<ParameterRun, bool> work)
    {
        pool.Run(done.Length, (item, _) =>
        {
            bool all = true;
            for (int i = item * together; i < Math.Min((item + 1) * together, pieces.Length); i++) all &= work(pieces[i]);
            done[item] = all;
        });
        return Array.TrueForAll(done, ok => ok);
    }

    private static IEnumerable<ParameterRun> InPieces(ParameterRun run)
    {
        for (int from = run.Offset; from < run.End; from += PieceLength) yield return new ParameterRun(from, Math.Min(PieceLength, run.End - from));
    }

    private void Sgd(float[] parameters, float[] gradient, float scale, int from, int to)
    {
        float rate = (float)options.LearningRate, decay = (float)options.WeightDecay;
        for (int i = from; i < to; i++) parameters[i] += rate * (scale * gradient[i] - decay * parameters[i]);
    }

    private void Adam(float[] parameters, float[] gradient, float scale, int from, int to)
    {
        float beta1 = (float)options.Beta1, beta2 = (float)options.Beta2, decay = (float)options.WeightDecay;
        double correction1 = 1 - Math.Pow(options.Beta1, state.Steps), correction2 = 1 - Math.Pow(options.Beta2, state.Steps);
        (float[] mean, float[] square) = (state.Mean, state.Square);
        float rate = (float)(options.LearningRate / correction1), root = (float)(1 / Math.Sqrt(correction2)), epsilon = (float)options.Epsilon;
        int i = from;
        for (; i + Vector<float>.Count <= to; i += Vector<float>.Count)
        {
            Vector<float> p = new(parameters, i), g = scale * new Vector<float>(gradient, i) - decay * p;
            Vector<float> m = beta1 * new Vector<float>(mean, i) + (1 - beta1) * g, s = beta2 * new Vector<float>(square, i) + (1 - beta2) * g * g;
            m.CopyTo(mean, i);
            s.CopyTo(square, i);
            (p + rate * m / (Vector.SquareRoot(s) * root + new Vector<float>(epsilon))).CopyTo(parameters, i);
        }
        for (; i < to; i++)
        {
            float g = scale * gradient[i] - decay * parameters[i];
            mean[i] = beta1 * mean[i] + (1 - beta1) * g;
            square[i] = beta2 * square[i] + (1 - beta2) * g * g;
            parameters[i] += rate * mean[i] / (MathF.Sqrt(square[i]) * root + epsilon);
        }
    }
}
