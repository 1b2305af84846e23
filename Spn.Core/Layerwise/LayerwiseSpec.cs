using Spn.Core.Lowering;

namespace Spn.Core.Layerwise;

/// <summary>Size of a layer's output.</summary>
/// <param name="Height">Rows of cells.</param>
/// <param name="Width">Columns of cells.</param>
/// <param name="Channels">Numbers at a cell.</param>
public readonly record struct LayerShape(int Height, int Width, int Channels)
{
    /// <summary>Number of cells.</summary>
    public int Cells => Height * Width;

    /// <summary>Numbers in all.</summary>
    public int Count => Cells * Channels;

    /// <inheritdoc/>
    public override string ToString() => $"{Height} x {Width} x {Channels}";
}

/// <summary>A stack of folding, pooling, mixture and classifier layers over images; compared by structure.</summary>
/// <remarks>
/// It is no circuit: each mixture layer has a loss and a probabilistic meaning of its own, and no gradient passes from one layer to another.
/// Source: Gepperth 2022 (DCGMM).
/// </remarks>
/// <param name="Height">Height of an image in pixels.</param>
/// <param name="Width">Width of an image in pixels.</param>
/// <param name="Colours">Numbers of a pixel.</param>
/// <param name="Layers">The layers, bottom up.</param>
public sealed record LayerwiseSpec(int Height, int Width, int Colours, ValueList<LayerwiseLayer> Layers)
{
    /// <summary>An empty stack over images.</summary>
    public static LayerwiseSpec For(int height, int width, int colours = 1) => new(height, width, colours, []);

    /// <summary>The stack with one layer more on top.</summary>
    public LayerwiseSpec With(LayerwiseLayer layer) => this with { Layers = Layers.Add(layer) };

    /// <summary>Adds <see cref="FoldingSpec"/>.</summary>
    public LayerwiseSpec Folding(int kernel, int stride = 1) => With(new FoldingSpec(kernel, stride));

    /// <summary>Adds <see cref="PoolingSpec"/>.</summary>
    public LayerwiseSpec Pooling(int kernel, int stride, PoolingRounding rounding = PoolingRounding.Floor, PoolingBackward backward = PoolingBackward.Dense) =>
        With(new PoolingSpec(kernel, stride) { Rounding = rounding, Backward = backward });

    /// <summary>Adds <see cref="MixtureSpec"/>.</summary>
    public LayerwiseSpec Mixture(int components, bool independent = false, MixtureLoss loss = MixtureLoss.MaxComponent, int factors = 0) =>
        With(new MixtureSpec(components) { Independent = independent, Loss = loss, Factors = factors });

    /// <summary>Adds <see cref="ClassifierSpec"/>.</summary>
    public LayerwiseSpec Classifier(int classes, params int[] reads) => With(new ClassifierSpec(classes) { Reads = new(reads) });

    /// <summary>Allocates a model and starts its parameters.</summary>
    /// <param name="seed">The same seed gives the same parameters.</param>
    /// <param name="threads">Number of threads, or 0 for one a processor.</param>
    /// <exception cref="CircuitException">The stack breaks a rule; all findings are listed.</exception>
    public LayerwiseModel Compile(long seed = 1, int threads = 0) => LayerwiseModel.Compile(this, seed, threads);

    /// <summary>The size of every layer's output; throws what <see cref="Check()"/> finds.</summary>
    /// <exception cref="CircuitException">The stack breaks a rule; all findings are listed.</exception>
    public IReadOnlyList<LayerShape> Shapes()
    {
        var shapes = new List<LayerShape>();
        IReadOnlyList<CircuitFinding> findings = Find(shapes);
        return findings.Count == 0 ? shapes : throw new CircuitException(findings);
    }

    /// <summary>What is wrong with the stack; empty when nothing is.</summary>
    public IReadOnlyList<CircuitFinding> Check() => Find([]);

    /// <summary>Number of values of all centroids, as the paper counts parameters: parameters of independent cells once.</summary>
    public long CentroidValues => Mixtures().Sum(m => (long)m.Layer.Components * m.Input.Channels);

    /// <summary>Number of parameters of the mixture layers as they are trained: centroids, inverse deviations, loadings and logits.</summary>
    public long MixtureParameters => Mixtures().Sum(m => ParametersOf(m.Layer, m.Input));

    /// <summary>The mixture layers with their place in the stack and the size of their input.</summary>
    internal IEnumerable<(int Index, MixtureSpec Layer, LayerShape Input)> Mixtures()
    {
        IReadOnlyList<LayerShape> shapes = Shapes();
        return Layers.Index().Where(l => l.Item is MixtureSpec)
            .Select(l => (l.Index, (MixtureSpec)l.Item, l.Index == 0 ? new LayerShape(Height, Width, Colours) : shapes[l.Index - 1]));
    }

    /// <summary>Patches of an axis; null where not even one lies in it.</summary>
    internal static GridAxis.Patches? Lay(int cells, int kernel, int stride, PoolingRounding rounding = PoolingRounding.Floor)
    {
        int free = cells - kernel;
        // A window beyond the border must still start within it.
        int steps = rounding == PoolingRounding.Ceiling ? Math.Min((Math.Max(free, 0) + stride - 1) / stride, (cells - 1) / stride) : free / stride;
        return free < 0 && rounding == PoolingRounding.Floor ? null : new GridAxis.Patches(kernel, stride, 1, 0, 1 + steps);
    }

    private List<CircuitFinding> Find(List<LayerShape> shapes)
    {
        List<CircuitFinding> findings = [];
        if (Height < 1 || Width < 1 || Colours < 1)
        {
            findings.Add(new("images", "empty", $"They are {Height} x {Width} pixels of {Colours} numbers.", "Give sizes of at least 1."));
            return findings;
        }
        if ((long)Height * Width > int.MaxValue / Colours)
        {
            findings.Add(new("images", "too many numbers an image", $"They are {Height} x {Width} pixels of {Colours} numbers.", $"There can be {int.MaxValue:N0}; use smaller images."));
            return findings;
        }
        var shape = new LayerShape(Height, Width, Colours);
        long parameters = 0;
        foreach ((int index, LayerwiseLayer layer) in Layers.Index())
        {
            string place = $"Layer {index + 1} of {Layers.Count}, {layer.Name}";
            switch (layer)
            {
                case FoldingSpec { Kernel: < 1 } or FoldingSpec { Stride: < 1 } or PoolingSpec { Kernel: < 1 } or PoolingSpec { Stride: < 1 }:
                    findings.Add(new(place, "size or stride below 1", "A patch has at least one cell, and patches lie apart.", "Give numbers of at least 1."));
                    return findings;
                case FoldingSpec folding:
                    if (Across(shape, folding.Kernel, folding.Stride, PoolingRounding.Floor) is not { } folded) return TooLarge(folding.Kernel);
                    if ((shape.Height - folding.Kernel) % folding.Stride != 0 || (shape.Width - folding.Kernel) % folding.Stride != 0)
                        findings.Add(new(place, "cells left over", $"Patches of {folding.Kernel} at stride {folding.Stride} do not reach the last of {shape.Height} x {shape.Width} cells.",
                            $"Use a stride that divides {shape.Height - folding.Kernel} and {shape.Width - folding.Kernel}, such as {Divisor(shape.Height - folding.Kernel, shape.Width - folding.Kernel, folding.Stride)}, or another size."));
                    if ((long)folding.Kernel * folding.Kernel * shape.Channels > int.MaxValue) return TooMany("numbers an image");
                    shape = folded with { Channels = folding.Kernel * folding.Kernel * shape.Channels };
                    break;
                case PoolingSpec pooling:
                    if (Across(shape, pooling.Kernel, pooling.Stride, pooling.Rounding) is not { } pooled) return TooLarge(pooling.Kernel);
                    shape = pooled with { Channels = shape.Channels };
                    break;
                case MixtureSpec mixture:
                    if (mixture.Components < 1) findings.Add(new(place, "no components", $"{mixture.Components} were asked for.", "Give at least 1."));
                    if (mixture.Factors < 0 || mixture.Factors >= Math.Max(shape.Channels, 1) + (mixture.Factors == 0 ? 1 : 0))
                        findings.Add(new(place, "unfit number of factors", $"{mixture.Factors} factors of {shape.Channels} channels.", $"Give 0 to {shape.Channels - 1}."));
                    parameters += ParametersOf(mixture, shape);
                    if (parameters > int.MaxValue) return TooMany("parameters");
                    shape = shape with { Channels = Math.Max(mixture.Components, 1) };
                    break;
                case ClassifierSpec classifier:
                    if (classifier.Classes < 2) findings.Add(new(place, "too few classes", $"{classifier.Classes} were asked for.", "Give at least 2."));
                    if (index != Layers.Count - 1) findings.Add(new(place, "not on top", $"{Layers.Count - 1 - index} layers stand on it.", "Make the classifier the last layer; Reads says which layers it sees."));
                    if (index == 0) findings.Add(new(place, "nothing to read", "No layer stands below.", "Put it on a mixture layer."));
                    foreach (int read in classifier.Reads.Where(r => r < 0 || r >= index))
                        findings.Add(new(place, "reads a layer that is not below", $"Layer {read} was asked for, counted from 0.", $"Give places from 0 to {index - 1}."));
                    if (classifier.Reads.Zip(classifier.Reads.Skip(1)).Any(p => p.First >= p.Second))
                        findings.Add(new(place, "layers not ascending", $"It reads {classifier.Reads}.", "Name each layer once, the lowest first."));
                    shape = new(1, 1, Math.Max(classifier.Classes, 1));
                    break;
                default:
                    findings.Add(new(place, "unknown kind", layer.GetType().Name, "Use folding, pooling, mixture or classifier layers."));
                    return findings;
            }
            if ((long)shape.Cells * shape.Channels > int.MaxValue) return TooMany("numbers an image");
            shapes.Add(shape);

            List<CircuitFinding> TooMany(string what)
            {
                findings.Add(new(place, $"too many {what}", $"There can be {int.MaxValue:N0}.", "Use smaller patches, fewer components, or parameters that cells share."));
                return findings;
            }

            List<CircuitFinding> TooLarge(int kernel)
            {
                findings.Add(new(place, "patch larger than the grid", $"Its input has {shape.Height} x {shape.Width} cells, a patch has {kernel} x {kernel}.",
                    $"Use at most {Math.Min(shape.Height, shape.Width)}{(layer is PoolingSpec ? ", or ceiling rounding" : "")}."));
                return findings;
            }
        }
        return findings;
    }

    private static long ParametersOf(MixtureSpec layer, LayerShape input) =>
        (layer.Independent ? input.Cells : 1) * (long)layer.Components * ((2L + layer.Factors) * input.Channels + 1);

    private static LayerShape? Across(LayerShape shape, int kernel, int stride, PoolingRounding rounding) =>
        Lay(shape.Height, kernel, stride, rounding) is { } rows && Lay(shape.Width, kernel, stride, rounding) is { } columns
            ? new LayerShape(rows.Outputs, columns.Outputs, shape.Channels)
            : null;

    private static int Divisor(int rows, int columns, int stride)
    {
        while (rows % stride != 0 || columns % stride != 0) stride--;
        return stride;
    }
}
