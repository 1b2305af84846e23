using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>What the parts of one lowering share: the rules, and what was made by them, so that equal layers have one family and one table.</summary>
/// <param name="rules">Rules for layer kinds.</param>
internal sealed class LoweringContext(LoweringRules rules)
{
    private readonly Dictionary<InputSpec, InputFamily> families = [];
    private readonly List<(ProductSpec Product, int[] Channels, ChannelTable Table)> tables = [];

    /// <summary>The densities of an input.</summary>
    public InputFamily Family(InputSpec input)
    {
        if (!families.TryGetValue(input, out InputFamily? family)) families[input] = family = rules.Lower(input);
        return family;
    }

    /// <summary>The channel table of a product of children with so many channels.</summary>
    public ChannelTable Table(ProductSpec product, int[] channels)
    {
        foreach ((ProductSpec known, int[] of, ChannelTable table) in tables)
            if (known.Equals(product) && of.AsSpan().SequenceEqual(channels)) return table;
        ChannelTable made = rules.Lower(product, channels);
        tables.Add((product, channels, made));
        return made;
    }
}
