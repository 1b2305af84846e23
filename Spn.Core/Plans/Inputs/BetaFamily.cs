namespace Spn.Core.Plans;

/// <summary>See <see cref="BetaInput"/>. Parameters: [component] logarithms of the first shape, then [component] of the second.</summary>
/// <param name="components">Number of components.</param>
/// <param name="init">How they start.</param>
public sealed class BetaFamily(int components, Init init) : DensityFamily(components, init, shapes, shapes)
{
    private static readonly ParameterRange shapes = new(Math.Log(0.05), Math.Log(1e5));

    /// <inheritdoc/>
    public override ValueDomain Domain => ValueDomain.Share;

    /// <inheritdoc/>
    protected override int Sufficient => 2;

    private (double A, double B) Of(int component, ReadOnlySpan<double> parameters) =>
        (Math.Exp(Read(0, component, parameters)), Math.Exp(Read(1, component, parameters)));

    /// <inheritdoc/>
    protected override double LogAt(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        return SpecialFunctions.LogBetaTerm(a, b, x, 1 - x) - Math.Log(x) - Math.Log(1 - x);
    }

    /// <inheritdoc/>
    protected override void Slopes(int component, double x, ReadOnlySpan<double> parameters, Span<double> slopes)
    {
        (double a, double b) = Of(component, parameters);
        double both = SpecialFunctions.Digamma(a + b);
        slopes[0] = a * (Math.Log(x) - SpecialFunctions.Digamma(a) + both);
        slopes[1] = b * (Math.Log(1 - x) - SpecialFunctions.Digamma(b) + both);
    }

    /// <inheritdoc/>
    protected override (double Below, double Above) LogTails(int component, double x, ReadOnlySpan<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        return SpecialFunctions.LogBetaTails(a, b, x, 1 - x);
    }

    /// <inheritdoc/>
    /// <remarks>Right where x is so near to 1 that 1 - x has no digits.</remarks>
    protected override double OnLine(int component, double t, ReadOnlySpan<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        return SpecialFunctions.LogBetaTerm(a, b, 1 / (1 + Math.Exp(-t)), 1 / (1 + Math.Exp(t)));
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Moments(int component, ReadOnlySpan<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        double sum = a + b;
        return (a / sum, a / sum * (b / sum) / (sum + 1));
    }

    /// <inheritdoc/>
    protected override double Peak(int component, ReadOnlySpan<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        return a > 1 && b > 1 ? (a - 1) / (a + b - 2) : 0.5;
    }

    /// <inheritdoc/>
    protected override void SufficientOf(int component, double x, ReadOnlySpan<double> parameters, Span<double> to) => (to[0], to[1]) = (Math.Log(x), Math.Log(1 - x));

    /// <inheritdoc/>
    protected override void MeanSufficient(int component, ReadOnlySpan<double> parameters, Span<double> to)
    {
        (double a, double b) = Of(component, parameters);
        double both = SpecialFunctions.Digamma(a + b);
        (to[0], to[1]) = (SpecialFunctions.Digamma(a) - both, SpecialFunctions.Digamma(b) - both);
    }

    /// <inheritdoc/>
    /// <remarks>Newton's steps from the present shapes. The likelihood is concave in the shapes: a step that lowers it was too long.</remarks>
    protected override void Fit(int component, ReadOnlySpan<double> means, Span<double> parameters)
    {
        (double a, double b) = Of(component, parameters);
        double first = means[0], second = means[1], own = Likelihood(a, b);
        for (int i = 0; i < 200; i++)
        {
            double both = SpecialFunctions.Digamma(a + b), curve = SpecialFunctions.Trigamma(a + b);
            double slopeA = first - SpecialFunctions.Digamma(a) + both, slopeB = second - SpecialFunctions.Digamma(b) + both;
            double curveA = curve - SpecialFunctions.Trigamma(a), curveB = curve - SpecialFunctions.Trigamma(b), determinant = curveA * curveB - curve * curve;
            double moveA = -(curveB * slopeA - curve * slopeB) / determinant, moveB = -(curveA * slopeB - curve * slopeA) / determinant;
            double share = 2, nextA, nextB, next;
            do
            {
                // Shapes stay in their range, where means of values that are all the same would lead out.
                share /= 2;
                (nextA, nextB) = (Within(a + share * moveA), Within(b + share * moveB));
                next = Likelihood(nextA, nextB);
            }
            while (!(next >= own) && share > 1e-10);
            if (!(next >= own)) break;
            bool still = Math.Abs(nextA - a) < 1e-12 * a && Math.Abs(nextB - b) < 1e-12 * b;
            (a, b, own) = (nextA, nextB, next);
            if (still) break;
        }
        Write(0, component, Math.Log(a), parameters);
        Write(1, component, Math.Log(b), parameters);

        double Likelihood(double a, double b) => a * first + b * second + SpecialFunctions.LogGamma(a + b) - SpecialFunctions.LogGamma(a) - SpecialFunctions.LogGamma(b);
    }

    private static double Within(double shape) => Math.Clamp(shape, Math.Exp(shapes.Least), Math.Exp(shapes.Most));

    /// <inheritdoc/>
    protected override void Match(int component, double mean, double variance, Span<double> parameters)
    {
        const double leastSum = 0.5; // Values at both ends only would lead to 0.
        mean = Math.Clamp(mean, 1e-6, 1 - 1e-6);
        double sum = variance > 0 ? Math.Max(mean * (1 - mean) / variance - 1, leastSum) : 2;
        Write(0, component, Math.Log(mean * sum), parameters);
        Write(1, component, Math.Log((1 - mean) * sum), parameters);
    }

    /// <inheritdoc/>
    protected override (double Mean, double Variance) Guess(RandomStream random)
    {
        double mean = 1 / (1 + Math.Exp(-random.NextNormal()));
        return (mean, 0.2 * mean * (1 - mean));
    }
}
