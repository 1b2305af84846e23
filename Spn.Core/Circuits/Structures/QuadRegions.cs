using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>How a box of a grid is split into halves.</summary>
public enum QuadSplit
{
    /// <summary>Along all axes at once: an image into four quadrants, a volume into eight octants. A tree.</summary>
    Quarters,

    /// <summary>Along its longest axis, the first among equals. A binary tree.</summary>
    Halves,

    /// <summary>Along each axis on its own, a partition each: an image into top and bottom, and into left and right. Boxes are shared: the quad graph.</summary>
    AllHalves,
}

/// <summary>Halves of a grid, halved again and again: the quad tree and the quad graph of images.</summary>
/// <remarks>Of an odd length the first half is one cell longer. Source: Mari, Vessio and Vergari 2023, Unifying and understanding overparameterized circuit representations.</remarks>
/// <param name="Grid">The variables.</param>
/// <param name="Split">How boxes are split.</param>
/// <param name="Patch">Boxes of at most this length are not split along that axis; 1 goes down to single cells.</param>
public sealed record QuadRegions(GridVariables Grid, QuadSplit Split = QuadSplit.Quarters, int Patch = 1) : StructureSpec
{
    /// <inheritdoc/>
    public override string Name => $"{Split switch { QuadSplit.Quarters => "quad tree", QuadSplit.Halves => "binary quad tree", _ => "quad graph" }} of a {Grid.Name}{(Patch == 1 ? "" : $", down to patches of {Patch}")}";

    /// <inheritdoc/>
    public override int VariableCount => Grid.VariableCount;

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        if (Patch < 1) throw new CircuitException(Name, "no patch", $"The patch is {Patch}.", "Give at least 1.");
        if (!Enum.IsDefined(Split)) throw new CircuitException(Name, "no such split", $"The split is {Split}.", "Use one of QuadSplit's.");
        return BoxGraph.Build(Name, Grid, (box, _) =>
        {
            int[] axes = [.. Enumerable.Range(0, Grid.Extents.Count).Where(a => box.Length(a) > Patch)];
            if (axes.Length == 0) return [];
            return Split switch
            {
                QuadSplit.Quarters => [axes.Aggregate((Box[])[box], (parts, axis) => [.. parts.SelectMany(part => Halve(part, axis))])],
                QuadSplit.Halves => [Halve(box, axes.MaxBy(box.Length))],
                _ => axes.Select(axis => Halve(box, axis)),
            };
        });
    }

    private static Box[] Halve(Box box, int axis) => box.Cut(axis, box.Low[axis] + (box.Length(axis) + 1) / 2);
}
