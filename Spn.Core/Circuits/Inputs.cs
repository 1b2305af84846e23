namespace Spn.Core;

/// <summary>Input distributions over one variable: the bottom of a circuit.</summary>
/// <remarks>A region of several variables gets one factor a variable, joined channel by channel.</remarks>
/// <param name="Components">Channels of the region, at least 1.</param>
public abstract record InputSpec(int Components) : LayerSpec;

/// <summary>Channel s is 1 when the variable equals s, else 0. No parameters.</summary>
/// <remarks>A hidden variable makes every channel 1. Source: Shih, Sadigh and Ermon 2021, section 3; Poon and Domingos 2011.</remarks>
/// <param name="States">Number of values of the variable, 0 to States - 1; also the number of channels.</param>
public sealed record IndicatorInput(int States = 2) : InputSpec(States)
{
    /// <inheritdoc/>
    public override string Name => $"Input.Indicator({States})";
}

/// <summary>P(x = 1) = sigmoid(logit), one learned logit a component.</summary>
/// <param name="Components">Channels of the region.</param>
public sealed record BernoulliInput(int Components) : InputSpec(Components)
{
    /// <inheritdoc/>
    public override string Name => $"Input.Bernoulli({Components})";
}

/// <summary>P(x = s) = softmax(logits)[s], one learned logit a component and value.</summary>
/// <param name="Components">Channels of the region.</param>
/// <param name="States">Number of values of the variable, 0 to States - 1.</param>
public sealed record CategoricalInput(int Components, int States) : InputSpec(Components)
{
    /// <inheritdoc/>
    public override string Name => $"Input.Categorical({Components}, states = {States})";
}

/// <summary>An input of its own for every variable: mixed types in one model.</summary>
/// <remarks>Inputs of different numbers of channels need a sum between them and the first product.</remarks>
/// <param name="Inputs">[variable]</param>
public sealed record PerVariableInput(ValueList<InputSpec> Inputs) : InputSpec(Inputs.Select(i => i.Components).DefaultIfEmpty(0).Max())
{
    /// <inheritdoc/>
    public override string Name => $"Input.PerVariable({string.Join(", ", Inputs.GroupBy(i => i.Name).Select(g => g.Count() == 1 ? g.Key : $"{g.Count()} x {g.Key}"))})";
}
