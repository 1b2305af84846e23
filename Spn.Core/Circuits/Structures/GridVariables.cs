using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>Variables on a grid of one or more axes: a signal, an image, a volume; what spatial layers stand on.</summary>
/// <remarks>Variables are numbered row by row, the last axis fastest, the colour channels of a cell innermost.</remarks>
/// <param name="Extents">Cells along each axis, outermost first, each at least 1.</param>
/// <param name="Colours">Variables of a cell, at least 1.</param>
public sealed record GridVariables(ValueList<int> Extents, int Colours = 1) : StructureSpec
{
    /// <inheritdoc/>
    public override string Name => $"{string.Join(" x ", Extents)} grid{(Colours == 1 ? "" : $" of {Colours} colours")}";

    /// <inheritdoc/>
    public override int VariableCount => Extents.Aggregate(Colours, (product, extent) => checked(product * extent));

    /// <summary>An image of height x width cells.</summary>
    public static GridVariables Image(int height, int width, int colours = 1) => new([height, width], colours);

    /// <summary>A signal of so many steps.</summary>
    public static GridVariables Line(int length, int colours = 1) => new([length], colours);

    /// <summary>A volume of depth x height x width cells.</summary>
    public static GridVariables Volume(int depth, int height, int width, int colours = 1) => new([depth, height, width], colours);

    /// <summary>One leaf region a cell; the spatial layers of a stack join them.</summary>
    public override RegionGraph Build()
    {
        Check();
        var graph = new RegionGraph(VariableCount);
        for (int cell = 0; cell < VariableCount / Colours; cell++)
            graph.Add(new(Scope.Of(Enumerable.Range(cell * Colours, Colours)), [], 0, 0, cell));
        return graph;
    }

    /// <summary>Refuses a grid without cells.</summary>
    internal void Check()
    {
        if (Extents.Count == 0 || Extents.Any(e => e < 1) || Colours < 1)
            throw new CircuitException(Name, "empty grid", $"Extents {Extents}, {Colours} colours.", "Give one or more extents of at least 1, and at least 1 colour.");
    }
}
