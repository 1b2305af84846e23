namespace Spn.Core;

/// <content>Counts and densities on a part of the line.</content>
public sealed partial record CircuitSpec
{
    /// <summary>Adds <see cref="Spn.Core.BinomialInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="trials">The largest value.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec BinomialInput(int components, int trials, Init? init = null) => With(new BinomialInput(components, trials) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.PoissonInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec PoissonInput(int components, Init? init = null) => With(new PoissonInput(components) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.GeometricInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec GeometricInput(int components, Init? init = null) => With(new GeometricInput(components) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.NegativeBinomialInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="successes">The number of successes; null learns one a component.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec NegativeBinomialInput(int components, double? successes = null, Init? init = null) =>
        With(new NegativeBinomialInput(components) { Successes = successes, Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.DiscretisedLogisticInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="states">Number of values, which are 0 to states - 1.</param>
    /// <param name="leastDeviation">Scales stay above this share of half of the largest value.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec DiscretisedLogisticInput(int components, int states, double leastDeviation = 1e-3, Init? init = null) =>
        With(new DiscretisedLogisticInput(components, states) { LeastDeviation = leastDeviation, Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.ExponentialInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec ExponentialInput(int components, Init? init = null) => With(new ExponentialInput(components) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.GammaInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="shape">The shape; null learns one a component.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec GammaInput(int components, double? shape = null, Init? init = null) =>
        With(new GammaInput(components) { Shape = shape, Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.BetaInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec BetaInput(int components, Init? init = null) => With(new BetaInput(components) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.LogNormalInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="init">Where the components start; null takes <see cref="Init.Random"/>.</param>
    public CircuitSpec LogNormalInput(int components, Init? init = null) => With(new LogNormalInput(components) { Init = init ?? Init.Random });

    /// <summary>Adds <see cref="Spn.Core.UniformInput"/>.</summary>
    /// <param name="bounds">Lower and upper bound of each component.</param>
    public CircuitSpec UniformInput(params (double Low, double High)[] bounds) =>
        With(new UniformInput(new(bounds.Select(b => b.Low)), new(bounds.Select(b => b.High))));

    /// <summary>Adds <see cref="Spn.Core.HistogramInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="edges">The edges of the bins in ascending order.</param>
    /// <param name="quantiles">True lets Initialise move the inner edges to the quantiles of the observed values.</param>
    public CircuitSpec HistogramInput(int components, IEnumerable<double> edges, bool quantiles = false) =>
        With(new HistogramInput(components, new(edges)) { Quantiles = quantiles });
}
