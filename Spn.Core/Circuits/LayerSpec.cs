namespace Spn.Core;

/// <summary>One layer of a circuit description: settings only, no tensors and no data.</summary>
/// <remarks>Layer kinds are an open set: derive a record and add a rule to <see cref="Lowering.LoweringRules"/>.</remarks>
public abstract record LayerSpec
{
    /// <summary>How the layer is called in summaries and errors, for example "Sum.PerRegion(5)".</summary>
    public abstract string Name { get; }

    /// <summary>Where the mixture weights of this layer come from; null takes those of the circuit.</summary>
    public WeightSpec? Weights { get; init; }
}
