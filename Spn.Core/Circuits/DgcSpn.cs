namespace Spn.Core;

/// <summary>Presets of the deep generalised convolutional sum-product networks of van de Wolfshaar and Pronobis 2020 (DGC-SPN).</summary>
/// <remarks>All kernels are 2 x 2. Sum weights are counted with those of the root and of the classes.</remarks>
public static class DgcSpn
{
    /// <summary>
    /// The generative stack of the paper: four normal components a pixel, all combinations of 2 x 2 pixels, sums; then products channel
    /// by channel at dilations 2, 4, 8, ... with sums between them; the last product sees the whole image from every cell.
    /// </summary>
    /// <remarks>5,385,216 sum weights for 28 x 28 (7,554,304 with one product more than needed, as it is also published), 27,847,936 for 64 x 64.</remarks>
    /// <param name="height">Height of the images.</param>
    /// <param name="width">Width of the images.</param>
    /// <param name="sums">Sums a cell.</param>
    /// <param name="components">Normal components a pixel, of variance 1; their means are those of quantiles of the training samples (Circuit.Initialise) and stay.</param>
    /// <param name="products">Number of spatial products before the last; 0 takes as many as the image needs.</param>
    /// <exception cref="CircuitException">A size is below 1, or the products are fewer than the image needs.</exception>
    public static CircuitSpec Generative(int height, int width, int sums = 16, int components = 4, int products = 0) =>
        Generative(nameof(Generative), height, width, sums, components, products, ProductChannels.AllCombinations, ProductChannels.Depthwise);

    /// <summary>
    /// The generative stack of the released code, there called the architecture of the paper: the first product channel by channel, all
    /// others all combinations, two sums a cell. The code has products = 6 for images of 64 x 64.
    /// </summary>
    /// <inheritdoc cref="Generative(int, int, int, int, int)" path="/param"/>
    /// <inheritdoc cref="Generative(int, int, int, int, int)" path="/exception"/>
    public static CircuitSpec TwoSums(int height, int width, int components = 4, int products = 0) =>
        Generative(nameof(TwoSums), height, width, 2, components, products, ProductChannels.Depthwise, ProductChannels.AllCombinations);

    /// <summary>
    /// The discriminative stack of the paper: two products without overlap with 64 sums a cell, then products at dilations 1, 2, 4, ...
    /// until the last sees the whole image, with 64 sums after the first and 128 after the others; a root sum over the classes.
    /// </summary>
    /// <remarks>
    /// The paper has 28 x 28: dilations 1, 2, 4 and 8, 4,976,650 sum weights. It does not say how its products combine channels; here
    /// they go channel by channel, <paramref name="first"/> sets the first.
    /// </remarks>
    /// <param name="height">Height of the images, a multiple of 4.</param>
    /// <param name="width">Width of the images, a multiple of 4.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="components">Normal components a pixel, means and variances learned; means start from -1.5 to 1.5 in equal steps.</param>
    /// <param name="first">Channels of the first product; null goes channel by channel, an older script has <see cref="ProductChannels.Limited"/> with 32.</param>
    /// <exception cref="CircuitException">A size is no multiple of 4 or below 4.</exception>
    public static CircuitSpec Discriminative(int height = 28, int width = 28, int classes = 10, int components = 32, ProductChannels? first = null) =>
        Discriminative(nameof(Discriminative), height, width, classes, new NormalInput(components) { Init = Init.Equidistant() }, first ?? ProductChannels.Depthwise, [64, 64], [64, 128, 128]);

    /// <summary>The discriminative stack of the libspn-keras notebook, smaller than the paper's: 16 components a pixel, 16, 32, 32, 64 and 64 sums a cell.</summary>
    /// <remarks>
    /// 1,201,930 parameters for 28 x 28. The notebook reports 1,214,498: it also counts what it does not train, 12,544 deviations of 1
    /// and a constant for each of the 4 cells of the 6 kernels.
    /// </remarks>
    /// <param name="height">Height of the images, a multiple of 4.</param>
    /// <param name="width">Width of the images, a multiple of 4.</param>
    /// <param name="classes">Number of classes.</param>
    /// <exception cref="CircuitException">A size is no multiple of 4 or below 4.</exception>
    public static CircuitSpec Notebook(int height = 28, int width = 28, int classes = 10) =>
        Discriminative(nameof(Notebook), height, width, classes, UnitVariance(16), ProductChannels.Depthwise, [16, 32], [32, 64, 64]);

    private static CircuitSpec Generative(
        string preset, int height, int width, int sums, int components, int products, ProductChannels first, ProductChannels others)
    {
        int needed = Doublings(preset, height, width, multiple: 1);
        if (products != 0 && products < needed)
            throw new CircuitException($"DgcSpn.{preset}", "too few products", $"{products} were asked for, images of {height} x {width} need {needed}.", $"Give at least {needed}, or 0 for as many as are needed.");
        products = Math.Max(products, needed);
        return CircuitSpec.Over(GridVariables.Image(height, width)).With(UnitVariance(components) with { Init = Init.Quantiles, TrainableLocations = false, TrainableScales = false })
            .Repeat(Enumerable.Range(0, products), (c, level) => c.SpatialProduct(dilation: 1 << level, channels: level == 0 ? first : others).SpatialSum(sums))
            .SpatialProduct(dilation: 1 << products, padding: Padding.Final, channels: others).RootSum()
            .WithWeights(WeightSpec.Accumulators());
    }

    /// <param name="preset">The preset, for errors.</param>
    /// <param name="height">Height of the images.</param>
    /// <param name="width">Width of the images.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="input">The densities of a pixel.</param>
    /// <param name="first">Channels of the first product.</param>
    /// <param name="apart">Sums after each of the products without overlap.</param>
    /// <param name="overlapping">Sums after the first products with overlap; those above have as many as the last of these.</param>
    private static CircuitSpec Discriminative(
        string preset, int height, int width, int classes, InputSpec input, ProductChannels first, int[] apart, int[] overlapping)
    {
        int halved = 1 << apart.Length, products = Doublings(preset, height, width, halved);
        return CircuitSpec.Over(GridVariables.Image(height, width)).With(input)
            .Repeat(apart.Index(), (c, level) => c
                .SpatialProduct(stride: 2, padding: Padding.Valid, channels: level.Index == 0 ? first : null).SpatialSum(level.Item))
            .Repeat(Enumerable.Range(0, products), (c, level) => c
                .SpatialProduct(dilation: 1 << level).SpatialSum(overlapping[Math.Min(level, overlapping.Length - 1)]))
            .SpatialProduct(dilation: 1 << products, padding: Padding.Final)
            .RootSum(classes, classWeights: WeightSpec.Free())
            .WithWeights(WeightSpec.Free(start: FreeStart.TruncatedNormal));
    }

    /// <summary>How many products of dilation 1, 2, 4, ... let one more see the whole image from every cell: its dilation must reach from the first place to the last.</summary>
    private static int Doublings(string preset, int height, int width, int multiple)
    {
        if (height < 1 || width < 1 || height % multiple != 0 || width % multiple != 0)
            throw new CircuitException($"DgcSpn.{preset}", "size unfit", $"The images have {height} x {width} pixels.",
                multiple == 1 ? "Give sizes of at least 1." : $"Give sizes that are multiples of {multiple}: scale or pad the images, or describe a stack of your own.");
        int products = 1;
        while (1L << products < Math.Max(height, width) / multiple - 1) products++;
        return products;
    }

    private static NormalInput UnitVariance(int components) =>
        new(components) { FixedVariances = new(Enumerable.Repeat(1.0, components)) };
}
