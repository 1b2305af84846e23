using System.Numerics;

namespace Spn.Core.Training;

/// <summary>Adam's rule (Kingma and Ba 2015), going up a gradient; weight decay is added to the gradient, not decoupled.</summary>
/// <param name="Beta1">Decay of the mean gradient.</param>
/// <param name="Beta2">Decay of the mean squared gradient.</param>
/// <param name="Epsilon">Addition to the denominator.</param>
internal readonly record struct AdamRule(double Beta1, double Beta2, double Epsilon)
{
    /// <summary>One step on a run of parameters.</summary>
    /// <param name="state">What is remembered of all parameters; its steps include this one.</param>
    /// <param name="first">Where the run starts among all parameters.</param>
    /// <param name="gradient">Gradient of the run.</param>
    /// <param name="scale">Factor of the gradient.</param>
    /// <param name="parameters">The run, which is changed.</param>
    /// <param name="rate">Step size.</param>
    /// <param name="decay">L2 weight decay.</param>
    public void Step(OptimiserState state, int first, ReadOnlySpan<float> gradient, float scale, Span<float> parameters, double rate, float decay)
    {
        float beta1 = (float)Beta1, beta2 = (float)Beta2;
        double correction1 = 1 - Math.Pow(Beta1, state.Steps), correction2 = 1 - Math.Pow(Beta2, state.Steps);
        Span<float> mean = state.Mean.AsSpan(first, parameters.Length), square = state.Square.AsSpan(first, parameters.Length);
        float step = (float)(rate / correction1), root = (float)(1 / Math.Sqrt(correction2)), epsilon = (float)Epsilon;
        int i = 0, n = Vector<float>.Count;
        var small = new Vector<float>(epsilon);
        for (; i + n <= parameters.Length; i += n)
        {
            Vector<float> p = new(parameters[i..]), g = scale * new Vector<float>(gradient[i..]) - decay * p;
            Vector<float> m = beta1 * new Vector<float>(mean[i..]) + (1 - beta1) * g, s = beta2 * new Vector<float>(square[i..]) + (1 - beta2) * g * g;
            m.CopyTo(mean[i..]);
            s.CopyTo(square[i..]);
            (p + step * m / (Vector.SquareRoot(s) * root + small)).CopyTo(parameters[i..]);
        }
        for (; i < parameters.Length; i++)
        {
            float g = scale * gradient[i] - decay * parameters[i];
            mean[i] = beta1 * mean[i] + (1 - beta1) * g;
            square[i] = beta2 * square[i] + (1 - beta2) * g * g;
            parameters[i] += step * mean[i] / (MathF.Sqrt(square[i]) * root + epsilon);
        }
    }
}
