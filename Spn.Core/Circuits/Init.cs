namespace Spn.Core;

/// <summary>Where the deviations of an input's components start, once there are samples to look at.</summary>
public enum InitDeviations
{
    /// <summary>At the input's <see cref="LocationScaleInput.Scale"/>, which is 1 unless told.</summary>
    One,

    /// <summary>At the spread of all values of the variable.</summary>
    OfVariable,

    /// <summary>At the spread of the component's own values: its part, its cluster, or the values nearest to its location.</summary>
    OfPart,
}

/// <summary>How real inputs start: where the K locations of each variable are placed among its observed values.</summary>
/// <remarks>
/// A value: two are equal when they say the same. Values of a variable are those of the samples given to Circuit.Initialise that do not
/// hide it. Before that, and for a variable that all samples hide, equidistant locations are as described, all others are drawn
/// from the standard normal distribution, and deviations are 1, in the input's unit.
/// </remarks>
public abstract record Init
{
    private protected Init() { }

    /// <summary>A randomly drawn observed value for each location; deviations start at the spread of the variable.</summary>
    public static Init Random { get; } = new RandomInit();

    /// <summary>The means of K parts of the sorted values, of equal sizes but for the last.</summary>
    /// <remarks>Parts of round(N / K) values, the last takes the rest. Source: Poon and Domingos 2011, section 4; van de Wolfshaar and Pronobis 2020.</remarks>
    public static Init Quantiles { get; } = new QuantileInit();

    /// <summary>The centres of K clusters of the values.</summary>
    /// <remarks>Lloyd's algorithm on one variable at a time, started by k-means++ (Arthur and Vassilvitskii 2007).</remarks>
    public static Init KMeans { get; } = new KMeansInit();

    /// <summary>Locations at equal distances, the same for every variable; needs no samples.</summary>
    /// <remarks>Source: van de Wolfshaar and Pronobis 2020, on per-image standardised values.</remarks>
    /// <param name="low">First location, in units of the input's scale from its location.</param>
    /// <param name="high">Last location.</param>
    /// <exception cref="ArgumentException">A bound is not finite, or low lies above high.</exception>
    public static Init Equidistant(double low = -1.5, double high = 1.5) => new EquidistantInit(low, high);

    /// <summary>Where deviations start.</summary>
    public InitDeviations Deviations { get; init; }

    /// <summary>How it is called in summaries.</summary>
    public abstract string Name { get; }

    /// <summary>The same with deviations that start elsewhere.</summary>
    public Init WithDeviations(InitDeviations deviations) => this with { Deviations = deviations };
}

/// <summary>See <see cref="Init.Random"/>.</summary>
public sealed record RandomInit : Init
{
    /// <summary>A randomly drawn value for each location; deviations start at the spread of the variable.</summary>
    public RandomInit() => Deviations = InitDeviations.OfVariable;

    /// <inheritdoc/>
    public override string Name => "random";
}

/// <summary>See <see cref="Init.Quantiles"/>.</summary>
public sealed record QuantileInit : Init
{
    /// <inheritdoc/>
    public override string Name => "quantiles";
}

/// <summary>See <see cref="Init.KMeans"/>.</summary>
public sealed record KMeansInit : Init
{
    /// <inheritdoc/>
    public override string Name => "k-means";
}

/// <summary>See <see cref="Init.Equidistant"/>.</summary>
public sealed record EquidistantInit : Init
{
    /// <summary>Locations at equal distances.</summary>
    /// <param name="low">First location.</param>
    /// <param name="high">Last location.</param>
    /// <exception cref="ArgumentException">A bound is not finite, or low lies above high.</exception>
    public EquidistantInit(double low, double high)
    {
        if (!double.IsFinite(low) || !double.IsFinite(high) || low > high)
            throw new ArgumentException(FormattableString.Invariant($"Locations from {low} to {high}: give finite numbers, the first at most as large as the last."));
        (Low, High) = (low, high);
    }

    /// <summary>First location, in units of the input's scale from its location.</summary>
    public double Low { get; }

    /// <summary>Last location.</summary>
    public double High { get; }

    /// <inheritdoc/>
    public override string Name => FormattableString.Invariant($"equidistant {Low} to {High}");

    /// <summary>One of the locations; a single one stands in the middle.</summary>
    internal double At(int component, int components) => components == 1 ? 0.5 * (Low + High) : Low + (High - Low) * component / (components - 1);
}
