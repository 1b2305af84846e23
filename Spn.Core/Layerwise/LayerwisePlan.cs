namespace Spn.Core.Layerwise;

/// <summary>A tensor of a layerwise model within its flat parameter vector.</summary>
/// <param name="Name">Name in files: layer and part.</param>
/// <param name="Shape">Extents, outermost first.</param>
/// <param name="Offset">First entry.</param>
public sealed record LayerTensor(string Name, ValueList<int> Shape, int Offset)
{
    /// <summary>Number of entries.</summary>
    public int Count => Shape.Aggregate(1, (a, b) => checked(a * b));
}

/// <summary>Layers that are computed together: a mixture with the folding below it, or one layer.</summary>
/// <param name="First">Place in the stack of the lowest layer.</param>
/// <param name="Last">Place in the stack of the highest layer.</param>
/// <param name="Input">Size of what is read.</param>
/// <param name="Output">Size of what is made.</param>
internal abstract record Stage(int First, int Last, LayerShape Input, LayerShape Output);

/// <summary>Patches copied together, where no mixture layer reads them in place.</summary>
internal sealed record FoldingStage(int First, LayerShape Input, LayerShape Output, PatchTable Table) : Stage(First, First, Input, Output);

/// <summary>The largest of each window.</summary>
/// <param name="First">See <see cref="Stage"/>.</param>
/// <param name="Input">See <see cref="Stage"/>.</param>
/// <param name="Output">See <see cref="Stage"/>.</param>
/// <param name="Backward">What becomes of a control signal.</param>
/// <param name="Windows">Numbers from the first of a sample at which the cells of a window start, [window][cell].</param>
/// <param name="Nearest">The window whose signal each cell of the input takes on the way down: the last that holds it, or the nearest where floor rounding leaves it in none.</param>
internal sealed record PoolingStage(int First, LayerShape Input, LayerShape Output, PoolingBackward Backward, int[][] Windows, int[] Nearest) : Stage(First, First, Input, Output);

/// <summary>A mixture at every patch.</summary>
/// <param name="First">See <see cref="Stage"/>.</param>
/// <param name="Last">See <see cref="Stage"/>.</param>
/// <param name="Input">See <see cref="Stage"/>.</param>
/// <param name="Output">See <see cref="Stage"/>.</param>
/// <param name="Table">The patches.</param>
/// <param name="Layer">The description.</param>
/// <param name="Number">Which mixture layer of the stack, from 0.</param>
/// <param name="Logits">Place of the logits in the parameters, [cell or 1, component].</param>
/// <param name="Centres">Place of the centroids, [cell or 1, component, input].</param>
/// <param name="Deviations">Place of the inverse deviations, [cell or 1, component, input].</param>
/// <param name="Loadings">Place of the loadings, [cell or 1, component, factor, input]; unused without factors.</param>
internal sealed record MixtureStage(
    int First, int Last, LayerShape Input, LayerShape Output, PatchTable Table, MixtureSpec Layer, int Number, int Logits, int Centres, int Deviations, int Loadings)
    : Stage(First, Last, Input, Output)
{
    public int Components => Layer.Components;

    public int Inputs => Table.Length;

    /// <summary>Sets of parameters.</summary>
    public int Sets => Layer.Independent ? Output.Cells : 1;

    /// <summary>-D/2 log 2 pi, which no parameter changes.</summary>
    public double Constant => -0.5 * Inputs * Math.Log(2 * Math.PI);

    /// <summary>The set of parameters of a cell.</summary>
    public int Set(int cell) => Layer.Independent ? cell : 0;
}

/// <summary>A linear classifier.</summary>
/// <param name="First">See <see cref="Stage"/>.</param>
/// <param name="Input">See <see cref="Stage"/>.</param>
/// <param name="Output">See <see cref="Stage"/>.</param>
/// <param name="Reads">The stages that it reads.</param>
/// <param name="Weights">Place of the weights of each of them, [class, input].</param>
/// <param name="Bias">Place of the bias, [class].</param>
internal sealed record ClassifierStage(int First, LayerShape Input, LayerShape Output, int[] Reads, int[] Weights, int Bias) : Stage(First, First, Input, Output);

/// <summary>What a stack computes: its stages, bottom up, and where their parameters lie.</summary>
internal sealed class LayerwisePlan
{
    private readonly List<LayerTensor> tensors = [];

    public LayerwisePlan(LayerwiseSpec spec)
    {
        Spec = spec;
        Shapes = spec.Shapes();
        Image = new LayerShape(spec.Height, spec.Width, spec.Colours);
        StageOf = new int[spec.Layers.Count];
        List<Stage> stages = [];
        for (int at = 0; at < spec.Layers.Count; at++)
        {
            LayerShape input = at == 0 ? Image : Shapes[at - 1];
            int first = at;
            Stage stage;
            switch (spec.Layers[at])
            {
                case FoldingSpec folding when at + 1 < spec.Layers.Count && spec.Layers[at + 1] is MixtureSpec upper && !ReadApart(at):
                    at++;
                    stage = Mixture(first, at, input, PatchTable.Folding(input, folding), upper, stages);
                    break;
                case FoldingSpec folding:
                    stage = new FoldingStage(at, input, Shapes[at], PatchTable.Folding(input, folding));
                    break;
                case MixtureSpec mixture:
                    stage = Mixture(at, at, input, PatchTable.Cells(input), mixture, stages);
                    break;
                case PoolingSpec pooling:
                    stage = new PoolingStage(at, input, Shapes[at], pooling.Backward, Windows(input, Shapes[at], pooling), Nearest(input, Shapes[at], pooling.Stride));
                    break;
                case ClassifierSpec classifier:
                    int[] reads = [.. (classifier.Reads.Count == 0 ? [at - 1] : classifier.Reads).Select(layer => StageOf[layer])];
                    int[] weights = [.. reads.Select(r => Place($"layer{at}.weights{(reads.Length == 1 ? "" : $".{stages[r].Last}")}", classifier.Classes, stages[r].Output.Count))];
                    stage = new ClassifierStage(at, input, Shapes[at], reads, weights, Place($"layer{at}.bias", classifier.Classes));
                    break;
                default:
                    throw new InvalidOperationException($"The layer {spec.Layers[at].Name} has no stage.");
            }
            for (int layer = first; layer <= at; layer++) StageOf[layer] = stages.Count;
            stages.Add(stage);
        }
        Stages = [.. stages];
        Mixtures = [.. stages.OfType<MixtureStage>()];
        Classifier = stages.OfType<ClassifierStage>().SingleOrDefault();

        bool ReadApart(int layer) => spec.Layers[^1] is ClassifierSpec c && c.Reads.Contains(layer);
    }

    public LayerwiseSpec Spec { get; }

    public LayerShape Image { get; }

    public IReadOnlyList<LayerShape> Shapes { get; }

    public Stage[] Stages { get; }

    public MixtureStage[] Mixtures { get; }

    public ClassifierStage? Classifier { get; }

    /// <summary>The stage that computes a layer, [layer].</summary>
    public int[] StageOf { get; }

    public IReadOnlyList<LayerTensor> Tensors => tensors;

    public int ParameterCount { get; private set; }

    /// <summary>The stage of a mixture layer.</summary>
    public int StageIndex(MixtureStage mixture) => StageOf[mixture.Last];

    /// <summary>Checks that numbers may be parameters.</summary>
    /// <exception cref="ArgumentException">There are more or fewer, one is not finite, or an inverse deviation is not above 0.</exception>
    public void CheckParameters(ReadOnlySpan<float> values)
    {
        if (values.Length != ParameterCount)
            throw new ArgumentException($"The model has {ParameterCount} parameters, {values.Length} were given.", nameof(values));
        for (int i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i])) throw new ArgumentException($"Parameter {i} is {values[i]}.", nameof(values));
        foreach (MixtureStage mixture in Mixtures)
            for (int i = mixture.Deviations; i < mixture.Deviations + mixture.Sets * mixture.Components * mixture.Inputs; i++)
                if (values[i] <= 0) throw new ArgumentException($"Parameter {i} is an inverse deviation and must be above 0; it is {values[i]}.", nameof(values));
    }

    private MixtureStage Mixture(int first, int last, LayerShape input, PatchTable table, MixtureSpec layer, List<Stage> below)
    {
        int sets = layer.Independent ? Shapes[last].Cells : 1, inputs = table.Length;
        return new MixtureStage(
            first, last, input, Shapes[last], table, layer, below.OfType<MixtureStage>().Count(),
            Place($"layer{last}.logits", sets, layer.Components),
            Place($"layer{last}.centroids", sets, layer.Components, inputs),
            Place($"layer{last}.inverse_deviations", sets, layer.Components, inputs),
            layer.Factors == 0 ? 0 : Place($"layer{last}.loadings", sets, layer.Components, layer.Factors, inputs));
    }

    private int Place(string name, params int[] shape)
    {
        var tensor = new LayerTensor(name, new(shape), ParameterCount);
        tensors.Add(tensor);
        ParameterCount = checked(ParameterCount + tensor.Count);
        return tensor.Offset;
    }

    private static int[] Nearest(LayerShape input, LayerShape output, int stride)
    {
        var nearest = new int[input.Cells];
        for (int cell = 0; cell < nearest.Length; cell++)
        {
            (int row, int column) = Math.DivRem(cell, input.Width);
            nearest[cell] = Math.Min(row / stride, output.Height - 1) * output.Width + Math.Min(column / stride, output.Width - 1);
        }
        return nearest;
    }

    private static int[][] Windows(LayerShape input, LayerShape output, PoolingSpec pooling)
    {
        var windows = new int[output.Cells][];
        for (int cell = 0; cell < windows.Length; cell++)
        {
            (int row, int column) = Math.DivRem(cell, output.Width);
            windows[cell] = [.. from r in Enumerable.Range(row * pooling.Stride, pooling.Kernel).Where(r => r < input.Height)
                                from c in Enumerable.Range(column * pooling.Stride, pooling.Kernel).Where(c => c < input.Width)
                                select (r * input.Width + c) * input.Channels];
        }
        return windows;
    }
}
