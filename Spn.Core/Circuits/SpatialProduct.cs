namespace Spn.Core;

/// <summary>What a spatial product reads beyond the border of the grid; cells outside count as 1 (log 0).</summary>
public enum Padding
{
    /// <summary>Nothing: patches lie within the grid.</summary>
    Valid,

    /// <summary>All patches that touch the grid.</summary>
    Full,

    /// <summary>Only before the first cell, as far as is needed for every output cell to see the whole grid below: dilation many cells an axis.</summary>
    Final,

    /// <summary>The cells of <see cref="Full"/> that see the whole grid below.</summary>
    FinalCrop,
}

/// <summary>Which channels of the cells of a patch a spatial product combines.</summary>
public abstract record ProductChannels
{
    /// <summary>Channel o of every cell: as many channels out as in.</summary>
    public static ProductChannels Depthwise { get; } = new DepthwiseChannels();

    /// <summary>Every combination of one channel a cell, the first cell of the patch (row-major) varying fastest.</summary>
    public static ProductChannels AllCombinations { get; } = new AllChannelCombinations();

    /// <summary>A limited number of combinations in which every channel of a cell occurs about equally often.</summary>
    /// <param name="channels">Number of combinations, at least 1.</param>
    /// <param name="seed">Seed of the choice.</param>
    public static ProductChannels Limited(int channels, long seed = 1) => new LimitedChannels(channels, seed);

    /// <summary>How the plan is called in summaries.</summary>
    public abstract string Name { get; }
}

/// <summary>See <see cref="ProductChannels.Depthwise"/>.</summary>
public sealed record DepthwiseChannels : ProductChannels
{
    /// <inheritdoc/>
    public override string Name => "depthwise";
}

/// <summary>See <see cref="ProductChannels.AllCombinations"/>.</summary>
public sealed record AllChannelCombinations : ProductChannels
{
    /// <inheritdoc/>
    public override string Name => "all combinations";
}

/// <summary>See <see cref="ProductChannels.Limited"/>.</summary>
/// <param name="Channels">Number of combinations, at least 1.</param>
/// <param name="Seed">Seed of the choice.</param>
public sealed record LimitedChannels(int Channels, long Seed = 1) : ProductChannels
{
    /// <inheritdoc/>
    public override string Name => $"{Channels} combinations, seed {Seed}";
}

/// <summary>Multiplies one channel from each cell of a patch (adds log-values), for every patch of a grid.</summary>
/// <remarks>
/// Along an axis output cell i reads the cells i * stride + t * dilation - padding, t = 0 to kernel - 1. A setting with one number holds
/// for all axes. At unit stride, patches of full padding are decomposable when the dilation is the product of the kernels below.
/// Source: van de Wolfshaar and Pronobis 2020, sections 4.4 and 4.5.
/// </remarks>
public sealed record SpatialProduct : LayerSpec
{
    /// <summary>Cells of a patch along each axis, each at least 1.</summary>
    public ValueList<int> Kernel { get; init; } = [2];

    /// <summary>Distance between patches along each axis, in cells, at least 1.</summary>
    public ValueList<int> Stride { get; init; } = [1];

    /// <summary>Distance between joined cells along each axis, in cells, at least 1.</summary>
    public ValueList<int> Dilation { get; init; } = [1];

    /// <summary>What is read beyond the border.</summary>
    public Padding Padding { get; init; } = Padding.Full;

    /// <summary>Which channels are combined.</summary>
    public ProductChannels Channels { get; init; } = ProductChannels.Depthwise;

    /// <inheritdoc/>
    public override string Name =>
        $"Product.Spatial({Settings(Kernel)}{(Stride.All(s => s == 1) ? "" : $", stride {Settings(Stride)}")}{(Dilation.All(d => d == 1) ? "" : $", dilation {Settings(Dilation)}")}, {Padding}, {Channels.Name})";

    private static string Settings(ValueList<int> values) => string.Join(" x ", values);
}
