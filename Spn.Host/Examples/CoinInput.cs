using Spn.Core;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Host.Examples;

/// <summary>An input kind of one's own: a description, its densities, and a rule that leads from the one to the other.</summary>
/// <remarks>Component k says 1 with probability (k + 1) / 10. Register it once: <c>CoinInput.AddTo(LoweringRules.Default)</c>.</remarks>
/// <param name="Components">Channels of the region, at most 9.</param>
public sealed record CoinInput(int Components) : InputSpec(Components)
{
    /// <inheritdoc/>
    public override string Name => $"Coin({Components})";

    /// <summary>Makes the kind known to a set of rules.</summary>
    public static void AddTo(LoweringRules rules) => rules.AddInput<CoinInput>(spec => new CoinFamily(spec.Components));

    private sealed class CoinFamily(int components) : DiscreteFamily(components, 2)
    {
        public override int ParameterCount => 0;

        public override double LogDensity(int component, float value, ReadOnlySpan<double> parameters)
        {
            double heads = (component + 1) / 10.0;
            return Math.Log(value == 0 ? 1 - heads : heads);
        }

        public override void AddGradient(int component, float value, double flow, ReadOnlySpan<double> parameters, Span<double> gradient) { }

        public override void Initialise(RandomStream random, Span<float> parameters) { }
    }
}
