namespace Spn.Core;

/// <summary>Presets of the deep generalised convolutional sum-product networks of van de Wolfshaar and Pronobis 2020 (DGC-SPN).</summary>
public static class DgcSpn
{
    /// <summary>
    /// The generative stack of the paper: four normal components a pixel, all combinations of 2 x 2 pixels, sums; then products channel
    /// by channel at dilations 2, 4, 8, ... with sums between them; the last product sees the whole image from every cell.
    /// </summary>
    /// <param name="height">Height of the images.</param>
    /// <param name="width">Width of the images.</param>
    /// <param name="sums">Sums a cell.</param>
    /// <param name="components">Normal components a pixel, of variance 1, means placed by Circuit.Initialise.</param>
    /// <param name="products">Number of spatial products before the last; 0 takes as many as the image needs.</param>
    public static CircuitSpec Generative(int height, int width, int sums = 16, int components = 4, int products = 0) =>
        Generative(height, width, sums, components, products, ProductChannels.AllCombinations, ProductChannels.Depthwise);

    /// <summary>The stack of the released code: the first product channel by channel, all others all combinations, two sums a cell.</summary>
    /// <inheritdoc cref="Generative(int, int, int, int, int)"/>
    public static CircuitSpec TwoSums(int height, int width, int components = 4, int products = 0) =>
        Generative(height, width, 2, components, products, ProductChannels.Depthwise, ProductChannels.AllCombinations);

    /// <summary>The discriminative stack of the paper for images of 28 x 28: two products without overlap, then dilations 1, 2, 4 and 8.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="components">Normal components a pixel, means and variances learned.</param>
    public static CircuitSpec Discriminative(int classes = 10, int components = 32) => CircuitSpec
        .Over(GridVariables.Image(28, 28))
        .NormalInput(components)
        .Repeat([64, 64], (c, sums) => c.SpatialProduct(stride: 2, padding: Padding.Valid).SpatialSum(sums))
        .Repeat([(1, 64), (2, 128), (4, 128)], (c, level) => c.SpatialProduct(dilation: level.Item1).SpatialSum(level.Item2))
        .SpatialProduct(dilation: 8, padding: Padding.Final)
        .RootSum(classes);

    private static CircuitSpec Generative(int height, int width, int sums, int components, int products, ProductChannels first, ProductChannels others)
    {
        int extent = Math.Max(height, width);
        if (products == 0)
            while (1 << products < extent) products++;
        // A last product of dilation 2^(products - 1) must reach across the image.
        products = Math.Max(products, 2);
        CircuitSpec spec = CircuitSpec.Over(GridVariables.Image(height, width))
            .NormalInput(components, fixedVariances: Enumerable.Repeat(1.0, components))
            .SpatialProduct(channels: first).SpatialSum(sums);
        for (int level = 1; level < products; level++) spec = spec.SpatialProduct(dilation: 1 << level, channels: others).SpatialSum(sums);
        return spec.SpatialProduct(dilation: 1 << products, padding: Padding.Final, channels: others).RootSum();
    }
}
