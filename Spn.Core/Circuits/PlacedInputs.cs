using System.Globalization;

namespace Spn.Core;

/// <summary>Inputs whose components start where <see cref="Init"/> places them among the observed values of the variable.</summary>
/// <remarks>
/// A component starts at the mean of its place and a tenth of the mean of all values, with their variance. Equidistant places are in
/// the variable's own unit. Parameters are kept in ranges wide enough for any use, and far from where densities degenerate.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
public abstract record PlacedInput(int Components) : InputSpec(Components)
{
    /// <summary>Where the components start.</summary>
    public Init Init { get; init; } = Init.Random;

    /// <summary>The name in summaries.</summary>
    /// <param name="kind">The distribution.</param>
    /// <param name="settings">Settings that it has beside the components.</param>
    private protected string Called(string kind, params string?[] settings)
    {
        IEnumerable<string> all = [Components.ToString(CultureInfo.InvariantCulture), .. settings.OfType<string>(), .. Init == Init.Random ? [] : (string[])[Init.Name]];
        return $"Input.{kind}({string.Join(", ", all)})";
    }
}

/// <summary>Binomial probabilities: how many of some trials succeed.</summary>
/// <remarks>P(x) = (n choose x) p^x (1 - p)^(n - x) for x from 0 to n, one learned p a component. With n = 255, grey values.</remarks>
/// <param name="Components">Channels of the region.</param>
/// <param name="Trials">The number of trials n, at least 1: the largest value.</param>
public sealed record BinomialInput(int Components, int Trials) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("Binomial", string.Create(CultureInfo.InvariantCulture, $"trials = {Trials}"));
}

/// <summary>Poisson probabilities: how many independent events there are.</summary>
/// <remarks>P(x) = rate^x exp(-rate) / x! for x = 0, 1, 2, ... without an end. Mean and variance are the rate.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record PoissonInput(int Components) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("Poisson");
}

/// <summary>Geometric probabilities: how many failures there are before a success.</summary>
/// <remarks>P(x) = p (1 - p)^x for x = 0, 1, 2, ... without an end; the learned parameter is the mean, (1 - p) / p.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record GeometricInput(int Components) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("Geometric");
}

/// <summary>Negative binomial probabilities: counts that scatter more than Poisson ones.</summary>
/// <remarks>
/// How many failures there are before r successes: P(x) = Gamma(x + r) / (x! Gamma(r)) p^r (1 - p)^x for x = 0, 1, 2, ... without an end.
/// Parameters are the mean m = r (1 - p) / p and, unless it is given, r, from 0.01 to 100,000. The variance is m + m^2 / r.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record NegativeBinomialInput(int Components) : PlacedInput(Components)
{
    /// <summary>The number of successes r, above 0 and not necessarily an integer; null learns one a component.</summary>
    public double? Successes { get; init; }

    /// <inheritdoc/>
    public override string Name => Called("NegativeBinomial", Successes is double r ? string.Create(CultureInfo.InvariantCulture, $"successes = {r}") : null);
}

/// <summary>Probabilities of the values 0 to S - 1 by pieces of a logistic distribution, as for the grey values of pixels.</summary>
/// <remarks>
/// P(x) = sigmoid((x + 1/2 - location) / scale) - sigmoid((x - 1/2 - location) / scale); the first and the last value take the tails.
/// Source: Salimans, Karpathy, Chen and Kingma 2017, PixelCNN++, section 2.1.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
/// <param name="States">Number of values S, at least 2.</param>
public sealed record DiscretisedLogisticInput(int Components, int States) : PlacedInput(Components)
{
    /// <summary>Scales stay above this share of half of the largest value, (S - 1) / 2.</summary>
    public double LeastDeviation { get; init; } = 1e-3;

    /// <inheritdoc/>
    public override string Name => Called("DiscretisedLogistic", string.Create(CultureInfo.InvariantCulture, $"states = {States}"));
}

/// <summary>Exponential densities of the numbers from 0 on.</summary>
/// <remarks>exp(-x / mean) / mean; the mean is learned, and is also the deviation.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record ExponentialInput(int Components) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("Exponential");
}

/// <summary>Gamma densities of the numbers above 0.</summary>
/// <remarks>
/// b^a x^(a - 1) exp(-b x) / Gamma(a). The parameters are the mean a / b and, unless it is given, the shape a, from 0.05 to 100,000;
/// the variance is the square of the mean over the shape.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record GammaInput(int Components) : PlacedInput(Components)
{
    /// <summary>The shape, above 0; null learns one a component.</summary>
    public double? Shape { get; init; }

    /// <inheritdoc/>
    public override string Name => Called("Gamma", Shape is double a ? string.Create(CultureInfo.InvariantCulture, $"shape = {a}") : null);
}

/// <summary>Beta densities of the numbers above 0 and below 1.</summary>
/// <remarks>x^(a - 1) (1 - x)^(b - 1) Gamma(a + b) / (Gamma(a) Gamma(b)) with learned shapes a and b, from 0.05 to 100,000.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record BetaInput(int Components) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("Beta");
}

/// <summary>Densities of the numbers above 0 whose logarithm is normal.</summary>
/// <remarks>Learned are mean and deviation of the logarithm, the latter from 0.001 to 10.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record LogNormalInput(int Components) : PlacedInput(Components)
{
    /// <inheritdoc/>
    public override string Name => Called("LogNormal");
}

/// <summary>Even densities between given bounds, one pair a component; nothing is learned.</summary>
/// <remarks>The variable takes numbers from the least bound to the greatest; outside of its own bounds a component says 0.</remarks>
/// <param name="Lows">Lower bounds, [component].</param>
/// <param name="Highs">Upper bounds, [component], each above the lower one.</param>
public sealed record UniformInput(ValueList<double> Lows, ValueList<double> Highs) : InputSpec(Lows.Count)
{
    /// <inheritdoc/>
    public override string Name => $"Input.Uniform({string.Join(", ", Lows.Zip(Highs, (low, high) => string.Create(CultureInfo.InvariantCulture, $"{low} to {high}")))})";
}

/// <summary>Densities that are constant between edges, with a learned probability for every bin and component.</summary>
/// <remarks>The variable takes numbers from the first edge to the last. An edge belongs to the bin above it.</remarks>
/// <param name="Components">Channels of the region.</param>
/// <param name="Edges">The edges of the bins in ascending order, at least two and at most 1025; the same for all components.</param>
public sealed record HistogramInput(int Components, ValueList<double> Edges) : InputSpec(Components)
{
    /// <summary>True lets <see cref="Circuit.Initialise"/> move the inner edges to the quantiles of the observed values, where training leaves them.</summary>
    public bool Quantiles { get; init; }

    /// <inheritdoc/>
    public override string Name => string.Create(CultureInfo.InvariantCulture, $"Input.Histogram({Components}, {Edges.Count - 1} bins{(Quantiles ? " at quantiles" : "")})");
}
