using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>How layer kinds become steps; users add rules for kinds of their own.</summary>
public sealed class LoweringRules
{
    private readonly Dictionary<Type, Func<InputSpec, InputFamily>> inputs = [];
    private readonly Dictionary<Type, Func<ProductSpec, IReadOnlyList<int>, ChannelTable>> products = [];

    /// <summary>The rules used when none are named. Adding to them concerns the whole process.</summary>
    public static LoweringRules Default { get; } = BuiltIn();

    /// <summary>The rules for the layers of this library, in a fresh set.</summary>
    public static LoweringRules BuiltIn()
    {
        var rules = new LoweringRules();
        rules.AddInput<IndicatorInput>(s => new IndicatorFamily(s.States));
        rules.AddInput<BernoulliInput>(s => new BernoulliFamily(s.Components));
        rules.AddInput<CategoricalInput>(s => new CategoricalFamily(s.Components, s.States));
        rules.AddInput<NormalInput>(s => new NormalFamily(s.Components, Settings(s, "means", s.FixedMeans, "variances", s.FixedVariances, Math.Sqrt)));
        rules.AddInput<LaplaceInput>(s => new LaplaceFamily(s.Components, Settings(s, "locations", s.FixedLocations, "scales", s.FixedScales, v => v)));
        rules.AddInput<CauchyInput>(s => new CauchyFamily(s.Components, Settings(s, "locations", s.FixedLocations, "scales", s.FixedScales, v => v)));
        FamilyRules.AddTo(rules);
        rules.AddProduct<HadamardProduct>(Hadamard);
        rules.AddProduct<KroneckerProduct>(Kronecker);
        rules.AddProduct<ChannelTableProduct>(ByTable);
        return rules;
    }

    /// <summary>Adds or replaces the rule for an input kind.</summary>
    /// <param name="rule">From the description to the densities; throws <see cref="CircuitException"/> on settings that make none.</param>
    public void AddInput<TSpec>(Func<TSpec, InputFamily> rule) where TSpec : InputSpec => inputs[typeof(TSpec)] = s => rule((TSpec)s);

    /// <summary>Adds or replaces the rule for a product kind.</summary>
    /// <param name="rule">From the description and the children's channel counts to the channel table.</param>
    public void AddProduct<TSpec>(Func<TSpec, IReadOnlyList<int>, ChannelTable> rule) where TSpec : ProductSpec =>
        products[typeof(TSpec)] = (s, channels) => rule((TSpec)s, channels);

    internal InputFamily Lower(InputSpec spec)
    {
        if (spec.Components < 1)
            throw new CircuitException(spec.Name, "no channels", $"{spec.Components} components were given.", "Give at least 1.");
        return inputs.TryGetValue(spec.GetType(), out var rule) ? rule(spec) : throw Unknown(spec);
    }

    internal ChannelTable Lower(ProductSpec spec, IReadOnlyList<int> channels) =>
        products.TryGetValue(spec.GetType(), out var rule) ? rule(spec, channels) : throw Unknown(spec);

    private static CircuitException Unknown(LayerSpec spec) =>
        new(spec.Name, "no rule", $"No lowering rule is known for {spec.GetType().Name}.", "Add one to LoweringRules.");

    private static LocationScaleSettings Settings(
        LocationScaleInput spec, string locationsName, ValueList<double>? locations, string scalesName, ValueList<double>? scales, Func<double, double> scaleOf)
    {
        if (locations is not null && (locations.Count != spec.Components || !locations.All(double.IsFinite)))
            throw new CircuitException(spec.Name, $"{locationsName} unfit", $"The fixed {locationsName} are {locations}.", $"Give {spec.Components} finite numbers, one a component.");
        if (scales is not null && (scales.Count != spec.Components || scales.Any(v => !(v > 0) || double.IsInfinity(v))))
            throw new CircuitException(spec.Name, $"{scalesName} unfit", $"The fixed {scalesName} are {scales}.", $"Give {spec.Components} finite numbers, each above 0.");
        if (!double.IsFinite(spec.Location) || !(spec.Scale > 0) || !double.IsFinite(spec.Scale))
            throw new CircuitException(spec.Name, "location or scale unfit", $"Location {spec.Location}, scale {spec.Scale}.", "Give finite numbers, the scale above 0.");
        if (!(spec.LeastDeviation > 0) || !double.IsFinite(spec.LeastDeviation))
            throw new CircuitException(spec.Name, "least deviation unfit", $"It is {spec.LeastDeviation}.", "Give a finite number above 0.");
        if (spec.MostDeviation is double most && !(most > spec.LeastDeviation && double.IsFinite(most)))
            throw new CircuitException(spec.Name, "most deviation unfit", $"It is {most}, the least {spec.LeastDeviation}.", "Give a finite number above the least, or null for no bound.");
        if (spec.Init is null) throw new CircuitException(spec.Name, "no start", "Init is null.", "Give one, for example Init.Random.");
        return new LocationScaleSettings
        {
            FixedLocations = locations,
            FixedScales = scales?.Select(scaleOf).ToArray(),
            Location = spec.Location,
            Scale = spec.Scale,
            LeastScale = spec.LeastDeviation,
            MostScale = spec.MostDeviation,
            Init = spec.Init,
            TrainableLocations = spec.TrainableLocations,
            TrainableScales = spec.TrainableScales,
        };
    }

    private static ChannelTable Hadamard(HadamardProduct spec, IReadOnlyList<int> channels)
    {
        int other = channels.ToList().FindIndex(c => c != channels[0]);
        if (other >= 0)
            throw new CircuitException(spec.Name, "channels differ",
                $"Child 0 has {channels[0]} channels, child {other} has {channels[other]}.",
                "Put a sum before the product so that all children have the same number of channels, or use Product.Kronecker.");
        return new ChannelTable(channels.Count, channels[0], (_, o) => o);
    }

    private static ChannelTable Kronecker(KroneckerProduct spec, IReadOnlyList<int> channels)
    {
        long total = channels.Aggregate(1L, (a, b) => Math.Min(a * b, int.MaxValue));
        if (total > 1 << 20)
            throw new CircuitException(spec.Name, "too many combinations",
                $"Children of {string.Join(" x ", channels)} channels make {total} or more.", "Use fewer channels or Product.Hadamard.");
        var stride = new int[channels.Count];
        for (int t = 0, s = 1; t < stride.Length; s *= channels[t++]) stride[t] = s;
        return new ChannelTable(channels.Count, (int)total, (t, o) => o / stride[t] % channels[t]);
    }

    private static ChannelTable ByTable(ChannelTableProduct spec, IReadOnlyList<int> channels)
    {
        for (int o = 0; o < spec.Channels.Count; o++)
            for (int t = 0; t < Math.Max(channels.Count, spec.Channels[o].Count); t++)
                if (t >= channels.Count || t >= spec.Channels[o].Count || spec.Channels[o][t] < 0 || spec.Channels[o][t] >= channels[t])
                    throw new CircuitException(spec.Name, "no such channel",
                        $"Row {o} is {spec.Channels[o]}, the children have {string.Join(", ", channels)} channels.",
                        "Name one channel, from 0, of every child in each row.");
        if (spec.Channels.Count == 0)
            throw new CircuitException(spec.Name, "no channels", "The channel table is empty.", "Give at least one row.");
        return new ChannelTable(channels.Count, spec.Channels.Count, (t, o) => spec.Channels[o][t]);
    }
}
