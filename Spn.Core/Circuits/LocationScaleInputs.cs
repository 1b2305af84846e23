namespace Spn.Core;

/// <summary>Densities of one shape at K places: f((x - location) / scale) / scale.</summary>
/// <remarks>
/// Scales are kept as logarithms, so they stay positive. Locations and scales that are given are no parameters; those that are not
/// trainable are parameters that <see cref="Circuit.Initialise"/> sets and no training changes.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
public abstract record LocationScaleInput(int Components) : InputSpec(Components)
{
    /// <summary>Origin of the parameters, in the variable's own unit: where its values lie.</summary>
    public double Location { get; init; }

    /// <summary>Unit of the parameters, above 0: how far the variable's values scatter. Densities are those of the variable itself.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>
    /// The deviations of components stay above this share of the scale, unless they are given: without it, a component on a value that
    /// many samples share would become ever narrower, and the likelihood grow without bound.
    /// </summary>
    public double LeastDeviation { get; init; } = 1e-3;

    /// <summary>The deviations of components stay below this multiple of the scale, unless they are given; null for no bound.</summary>
    public double? MostDeviation { get; init; }

    /// <summary>How the parameters start.</summary>
    public Init Init { get; init; } = Init.Random;

    /// <summary>Whether training changes the locations.</summary>
    public bool TrainableLocations { get; init; } = true;

    /// <summary>Whether training changes the scales.</summary>
    public bool TrainableScales { get; init; } = true;

    /// <summary>The name in summaries.</summary>
    /// <param name="kind">The density.</param>
    /// <param name="locations">How its locations are called.</param>
    /// <param name="scales">How its scales are called.</param>
    /// <param name="locationsGiven">Whether the locations are no parameters.</param>
    /// <param name="scalesGiven">Whether the scales are no parameters.</param>
    private protected string Called(string kind, string locations, string scales, bool locationsGiven, bool scalesGiven)
    {
        string text = $"Input.{kind}({Components}";
        if (locationsGiven) text += $", fixed {locations}";
        if (scalesGiven) text += $", fixed {scales}";
        if (Init != Init.Random) text += $", {Init.Name}";
        bool frozenLocations = !locationsGiven && !TrainableLocations, frozenScales = !scalesGiven && !TrainableScales;
        if (frozenLocations || frozenScales)
            text += (frozenLocations || locationsGiven) && (frozenScales || scalesGiven) ? ", frozen" : $", frozen {(frozenLocations ? locations : scales)}";
        return text + ")";
    }
}

/// <summary>Normal densities.</summary>
/// <remarks>exp(-(x - mean)^2 / (2 variance)) / sqrt(2 pi variance). The deviation is the square root of the variance.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record NormalInput(int Components) : LocationScaleInput(Components)
{
    /// <summary>Given means, one a component, or null when they are parameters.</summary>
    public ValueList<double>? FixedMeans { get; init; }

    /// <summary>Given variances, one a component, each above 0, or null when they are parameters.</summary>
    public ValueList<double>? FixedVariances { get; init; }

    /// <inheritdoc/>
    public override string Name => Called("Normal", "means", "variances", FixedMeans is not null, FixedVariances is not null);
}

/// <summary>Laplace densities: sharper at the location and with heavier tails than normal ones.</summary>
/// <remarks>exp(-|x - location| / scale) / (2 scale). Mean and median are the location, the variance is 2 scale^2; the scale counts as the deviation.</remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record LaplaceInput(int Components) : LocationScaleInput(Components)
{
    /// <summary>Given locations, one a component, or null when they are parameters.</summary>
    public ValueList<double>? FixedLocations { get; init; }

    /// <summary>Given scales, one a component, each above 0, or null when they are parameters.</summary>
    public ValueList<double>? FixedScales { get; init; }

    /// <inheritdoc/>
    public override string Name => Called("Laplace", "locations", "scales", FixedLocations is not null, FixedScales is not null);
}

/// <summary>Cauchy densities: tails so heavy that no mean exists.</summary>
/// <remarks>
/// 1 / (pi scale (1 + ((x - location) / scale)^2)). The median is the location, half of the probability lies within one scale of it; the
/// scale counts as the deviation. Mean and variance exist only of values known to lie between two bounds.
/// </remarks>
/// <param name="Components">Channels of the region.</param>
public sealed record CauchyInput(int Components) : LocationScaleInput(Components)
{
    /// <summary>Given locations, one a component, or null when they are parameters.</summary>
    public ValueList<double>? FixedLocations { get; init; }

    /// <summary>Given scales, one a component, each above 0, or null when they are parameters.</summary>
    public ValueList<double>? FixedScales { get; init; }

    /// <inheritdoc/>
    public override string Name => Called("Cauchy", "locations", "scales", FixedLocations is not null, FixedScales is not null);
}
