namespace Spn.Core.Lowering;

/// <summary>The layers of a description, sorted by where they stand on the structure.</summary>
internal sealed record Recipe(InputSpec Input, SumSpec? LeafSum, ProductSpec? Product, SumSpec? InnerSum, RootSpec Root, IReadOnlyList<LayerSpec> Layers)
{
    /// <summary>Reads the list: an input, at most one sum, a product, at most one sum, the root.</summary>
    public static Recipe Read(CircuitSpec spec)
    {
        // Copies, so that a layer value that stands in two places is still told apart.
        IReadOnlyList<LayerSpec> layers = [.. spec.Layers.Select(layer => layer with { })];
        if (layers.Count == 0 || layers[0] is not InputSpec input)
            throw At(layers, 0, "no input", "The first layer must be an input.", "Start with Input.Indicator or another input.");
        if (layers[^1] is not RootSpec root)
            throw At(layers, layers.Count - 1, "no root", "The last layer must be the root.", "End with Sum.Root().");

        SumSpec? leafSum = null, innerSum = null;
        ProductSpec? product = null;
        for (int i = 1; i < layers.Count - 1; i++)
            switch (layers[i])
            {
                case SumSpec sum when product is null && leafSum is null: leafSum = Checked(sum); break;
                case SumSpec sum when product is not null && innerSum is null: innerSum = Checked(sum); break;
                case ProductSpec p when product is null: product = p; break;
                default:
                    throw At(layers, i, "unexpected layer", $"{layers[i].Name} cannot stand here.",
                        "Between input and root stand at most one sum, one product and one sum; they repeat up the structure.");
            }
        if (root.Classes < 1)
            throw At(layers, layers.Count - 1, "no classes", $"{root.Classes} classes were given.", "Give at least 1.");
        return new Recipe(input, leafSum, product, innerSum ?? leafSum, root, layers);

        SumSpec Checked(SumSpec sum) => sum.Channels >= 1
            ? sum
            : throw new CircuitException(sum.Name, "no channels", $"{sum.Channels} channels were given.", "Give at least 1.");
    }

    /// <summary>Position of a layer, from 0.</summary>
    public int Place(LayerSpec layer)
    {
        for (int i = 0; i < Layers.Count; i++)
            if (ReferenceEquals(Layers[i], layer)) return i;
        return Layers.Count - 1;
    }

    /// <summary>How a layer is named in findings.</summary>
    public static string Describe(IReadOnlyList<LayerSpec> layers, int place) =>
        layers.Count == 0 ? "Layers" : $"Layer {place + 1} of {layers.Count}, {layers[place].Name}";

    private static CircuitException At(IReadOnlyList<LayerSpec> layers, int place, string property, string witness, string advice) =>
        new(Describe(layers, place), property, witness, advice);
}
