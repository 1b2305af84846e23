namespace Spn.Core.Layerwise;

/// <summary>The instances of the DCGMM paper, for images of any size that they fit.</summary>
/// <remarks>
/// Table V. The paper counts shared parameters, while its outlier experiments give the lower mixture layers parameters for each cell:
/// <c>independent</c> chooses. The topmost mixture has one cell, where both are the same. Source: Gepperth 2022 (DCGMM).
/// </remarks>
public static class Dcgmm
{
    /// <summary>Names of the instances of Table V.</summary>
    public static IReadOnlyList<string> Names { get; } = ["A", "B", "C", "D", "E", "F", "G"];

    /// <summary>The instance of that name for 28 x 28 images.</summary>
    /// <param name="name">A to G.</param>
    /// <param name="independent">Whether the mixture layers below the top have parameters for each cell.</param>
    /// <exception cref="ArgumentException">There is no such instance.</exception>
    public static LayerwiseSpec Of(string name, bool independent = false)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToUpperInvariant() switch
        {
            "A" => A(),
            "B" => B(independent),
            "C" => C(independent),
            "D" => D(independent),
            "E" => E(independent),
            "F" => F(independent),
            "G" => G(independent),
            _ => throw new ArgumentException($"There is no instance {name}; there are {string.Join(", ", Names)}.", nameof(name)),
        };
    }

    /// <summary>The settings that the paper trains an instance with: the number of passes, and for A, F and G step sizes of their own.</summary>
    /// <inheritdoc cref="Of"/>
    public static LayerwiseOptions Options(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToUpperInvariant() switch
        {
            "A" => new() { WeightRate = 0.5, DeviationRate = 0.5, Epochs = 80 },
            "B" or "E" => new() { Epochs = 80 },
            "C" => new() { Epochs = 15 },
            "D" => new() { Epochs = 20 },
            "F" => new() { WeightRate = 0, Epochs = 80 },
            "G" => new() { WeightRate = 0, Epochs = 25 },
            _ => throw new ArgumentException($"There is no instance {name}; there are {string.Join(", ", Names)}.", nameof(name)),
        };
    }

    /// <summary>F(28,1)-G(49): a plain Gaussian mixture.</summary>
    public static LayerwiseSpec A() => Image.Folding(28).Mixture(49);

    /// <summary>F(8,2)-G(49)-F(11,1)-G(49).</summary>
    public static LayerwiseSpec B(bool independent = false) => Image.Folding(8, 2).Mixture(49, independent).Folding(11).Mixture(49);

    /// <summary>F(8,1)-G(49)-P(2,2)-F(10,1)-G(49).</summary>
    public static LayerwiseSpec C(bool independent = false) => Image.Folding(8).Mixture(49, independent).Pooling(2, 2).Folding(10).Mixture(49);

    /// <summary>F(3,1)-G(25)-P(2,2)-F(4,1)-G(25)-P(2,2)-F(5,5)-G(49).</summary>
    public static LayerwiseSpec D(bool independent = false) =>
        Image.Folding(3).Mixture(25, independent).Pooling(2, 2).Folding(4).Mixture(25, independent).Pooling(2, 2).Folding(5, 5).Mixture(49);

    /// <summary>F(3,1)-G(25)-F(4,2)-G(25)-F(12,1)-G(49).</summary>
    public static LayerwiseSpec E(bool independent = false) =>
        Image.Folding(3).Mixture(25, independent).Folding(4, 2).Mixture(25, independent).Folding(12).Mixture(49);

    /// <summary>F(3,1)-G(25)-F(4,2)-G(25)-F(4,2)-G(25)-F(5,1)-G(49).</summary>
    public static LayerwiseSpec F(bool independent = false) =>
        Image.Folding(3).Mixture(25, independent).Folding(4, 2).Mixture(25, independent).Folding(4, 2).Mixture(25, independent).Folding(5).Mixture(49);

    /// <summary>F(3,1)-G(25)-P(2,2)-F(3,1)-G(25)-P(2,2)-F(3,1)-G(25)-P(2,2)-F(2,1)-G(49), the poolings with ceiling rounding.</summary>
    public static LayerwiseSpec G(bool independent = false) =>
        Image.Folding(3).Mixture(25, independent).Pooling(2, 2, PoolingRounding.Ceiling)
            .Folding(3).Mixture(25, independent).Pooling(2, 2, PoolingRounding.Ceiling)
            .Folding(3).Mixture(25, independent).Pooling(2, 2, PoolingRounding.Ceiling)
            .Folding(2).Mixture(49);

    /// <summary>F(12,5)-G(64, independent)-F(5,5)-G(100) over 32 x 32 images of three colours.</summary>
    public static LayerwiseSpec SvhnB() => LayerwiseSpec.For(32, 32, 3).Folding(12, 5).Mixture(64, independent: true).Folding(5, 5).Mixture(100);

    /// <summary>F(4,2)-G(121, independent)-F(13,1)-G(16)-C(10), the classifier reading the first mixture layer.</summary>
    public static LayerwiseSpec Classification() => Image.Folding(4, 2).Mixture(121, independent: true).Folding(13).Mixture(16).Classifier(10, 1);

    private static LayerwiseSpec Image => LayerwiseSpec.For(28, 28);
}
