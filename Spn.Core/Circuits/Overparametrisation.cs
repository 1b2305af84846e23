namespace Spn.Core;

/// <summary>From one sum layer to several that say the same, and back.</summary>
internal static class Overparametrisation
{
    private const int Deepest = 30;

    /// <summary>Groups of 2, 4, 8, ... neighbours, the largest first: sums of two children each.</summary>
    public static ValueList<int> GroupSizes(int depth) => depth is >= 1 and <= Deepest
        ? new(Enumerable.Range(1, depth - 1).Select(layer => 1 << (depth - layer)))
        : throw new CircuitException("Overparametrized weights", "depth unfit", $"The depth is {depth}.", $"Give 1 to {Deepest} layers.");

    public static CircuitSpec Of(CircuitSpec spec, int depth, int[]? layers)
    {
        ValueList<int> sizes = GroupSizes(depth);
        if (layers is null)
        {
            if (depth == 1) return Collapse(spec);
            bool some = false;
            CircuitSpec deep = Map(spec, Deepen(spec.Weights, sizes, ref some), source => Deepen(source, sizes, ref some));
            return some ? deep : throw Unfit("The circuit", spec.Weights);
        }
        var changed = spec.Layers.ToArray();
        foreach (int place in layers)
        {
            if (place < 0 || place >= changed.Length || changed[place] is not (SumSpec or RootSpec))
                throw new CircuitException($"Layer {place}", "no sum", $"There are layers 0 to {changed.Length - 1}: {string.Join(", ", changed.Select(l => l.Name))}.", "Name sums or the root.");
            bool any = false;
            WeightSpec source = changed[place] is RootSpec top ? top.MixtureWeights ?? Automatic(spec.Weights) : changed[place].Weights ?? spec.Weights;
            WeightSpec factored = Deepen(source, sizes, ref any);
            if (!any) throw Unfit($"Layer {place + 1} of {changed.Length}, {changed[place].Name}", source);
            changed[place] = changed[place] is RootSpec root ? root with { MixtureWeights = factored } : changed[place] with { Weights = factored };
        }
        return spec with { Layers = new(changed) };
    }

    /// <summary>Multiplies layers out. A layer that was factored on its own, and now says what the circuit says, names no source any more.</summary>
    public static CircuitSpec Collapse(CircuitSpec spec)
    {
        bool any = false;
        WeightSpec Flat(WeightSpec source) => Deepen(source, [], ref any);
        return Map(spec, Flat(spec.Weights), source => Flat(source) is var flat && !flat.Equals(source) && flat.Equals(spec.Weights) ? null : flat);
    }

    /// <summary>What the top mixture takes when it names no source.</summary>
    public static WeightSpec Automatic(WeightSpec weights) =>
        weights is FixedWeights or AccumulatorWeights or RawWeights or FactoredWeights or FreeWeights { DeadEntries: false } ? weights : WeightSpec.Free();

    /// <summary>The description with another source for the circuit, and others for what names a source of its own.</summary>
    private static CircuitSpec Map(CircuitSpec spec, WeightSpec weights, Func<WeightSpec, WeightSpec?> change)
    {
        return spec with { Weights = weights, Layers = new(spec.Layers.Select(Changed)) };

        WeightSpec? Own(WeightSpec? source) => source is null ? null : change(source);

        LayerSpec Changed(LayerSpec layer) => layer switch
        {
            SumSpec sum => sum with { Weights = Own(sum.Weights), MixingWeights = Own(sum.MixingWeights) },
            RootSpec root => root with { Weights = Own(root.Weights), MixtureWeights = Own(root.MixtureWeights) },
            _ => layer with { Weights = Own(layer.Weights) },
        };
    }

    private static WeightSpec Deepen(WeightSpec source, ValueList<int> sizes, ref bool any)
    {
        switch (source)
        {
            case FactoredWeights factored: return Deepen(factored.Source, sizes, ref any);
            case TiedWeights tied: return new TiedWeights(Deepen(tied.Source, sizes, ref any));
            case RawWeights or FreeWeights { DeadEntries: false }:
                any = true;
                return sizes.Count == 0 ? source : new FactoredWeights(source, sizes);
            default: return source;
        }
    }

    private static CircuitException Unfit(string where, WeightSpec source) =>
        new(where, "nothing to factor", $"The weights are {source.Name}.", "Only raw weights, and free weights without dead entries, can be products of factors.");
}
