namespace Spn.Core;

/// <summary>Multiplies one channel from each child region of a partition.</summary>
public abstract record ProductSpec : LayerSpec;

/// <summary>Channel o of the product is channel o of every child; all children have the same number of channels.</summary>
public sealed record HadamardProduct : ProductSpec
{
    /// <inheritdoc/>
    public override string Name => "Product.Hadamard";
}

/// <summary>Every combination of one channel a child; the first child's channel varies fastest.</summary>
/// <remarks>Children with K1, K2, ... channels make K1 K2 ... channels. Source: Peharz et al. 2020, section 3.1 (Einsum networks).</remarks>
public sealed record KroneckerProduct : ProductSpec
{
    /// <inheritdoc/>
    public override string Name => "Product.Kronecker";
}

/// <summary>A given list of channel combinations.</summary>
/// <param name="Channels">One row an output channel: row[t] is the channel taken from child t.</param>
public sealed record ChannelTableProduct(ValueList<ValueList<int>> Channels) : ProductSpec
{
    /// <inheritdoc/>
    public override string Name => $"Product.Channels({Channels.Count})";
}
