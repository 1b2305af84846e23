namespace Spn.Core.Lowering;

/// <summary>One axis of a grid of cells: which places of the variables' axis each cell covers.</summary>
/// <remarks>The scope of a cell is the product of what it covers along each axis, so disjointness and full scope are decided axis by axis.</remarks>
/// <param name="Places">Places along the variables' axis.</param>
/// <param name="Covers">[cell] the set of places.</param>
/// <param name="First">The place that cell 0 reads first; below 0 where padding stands before it.</param>
/// <param name="Step">Distance between the places that neighbouring cells read first.</param>
internal sealed record GridAxis(int Places, Scope[] Covers, long First, long Step)
{
    private readonly Scope all = Scope.Full(Places);

    public int Cells => Covers.Length;

    /// <summary>The axis of the variables themselves.</summary>
    public static GridAxis Of(int places) => new(places, [.. Enumerable.Range(0, places).Select(Scope.Single)], 0, 1);

    /// <summary>How patches lie along an axis.</summary>
    /// <param name="Kernel">Cells of a patch.</param>
    /// <param name="Stride">Distance between patches.</param>
    /// <param name="Dilation">Distance between the cells of a patch.</param>
    /// <param name="Before">Cells of padding before the first cell.</param>
    /// <param name="Outputs">Number of patches.</param>
    public readonly record struct Patches(int Kernel, int Stride, int Dilation, int Before, int Outputs)
    {
        /// <summary>The cell that a place of a patch reads; outside 0 to cells - 1 where there is none.</summary>
        public int Cell(int patch, int place) => patch * Stride + place * Dilation - Before;
    }

    /// <summary>The patches of a spatial product.</summary>
    /// <param name="kernel">Cells of a patch.</param>
    /// <param name="stride">Distance between patches.</param>
    /// <param name="dilation">Distance between the cells of a patch.</param>
    /// <param name="padding">What is read beyond the border.</param>
    /// <returns>Null when there is no patch.</returns>
    public Patches? Lay(int kernel, int stride, int dilation, Padding padding)
    {
        int extent = (kernel - 1) * dilation + 1;
        int before = padding switch
        {
            Padding.Valid => 0,
            Padding.Full or Padding.FinalCrop => extent - 1,
            // As much as leaves the first patch the whole axis: (kernel - 1) dilation - places + 1 where every product below had unit stride.
            _ => Enumerable.Range(0, extent).Reverse().FirstOrDefault(p => SeesAll(new Patches(kernel, stride, dilation, p, 1), 0), -1),
        };
        if (before < 0) return null;
        int after = padding is Padding.Full or Padding.FinalCrop ? extent - 1 : 0;
        int free = Cells + before + after - extent;
        if (free < 0) return null;
        var laid = new Patches(kernel, stride, dilation, before, free / stride + 1);
        if (padding != Padding.FinalCrop) return laid;
        int first = Enumerable.Range(0, laid.Outputs).FirstOrDefault(i => SeesAll(laid, i), -1);
        if (first < 0) return null;
        int count = Enumerable.Range(first, laid.Outputs - first).TakeWhile(i => SeesAll(laid, i)).Count();
        return laid with { Before = before - first * stride, Outputs = count };
    }

    /// <summary>The axis of the patches.</summary>
    public GridAxis Through(Patches patches) => new(
        Places, [.. Enumerable.Range(0, patches.Outputs).Select(i => Join(patches, i))],
        First - patches.Before * Step, patches.Outputs == 1 ? Step : Step * patches.Stride);

    /// <summary>Two cells of one patch that cover a place in common, or null.</summary>
    public (int First, int Second, int Place)? Overlap(Patches patches)
    {
        for (int i = 0; i < patches.Outputs; i++)
            for (int a = 0; a < patches.Kernel; a++)
                for (int b = a + 1; b < patches.Kernel; b++)
                    if (At(patches.Cell(i, a)) is { } one && At(patches.Cell(i, b)) is { } other && one.SharedWith(other) is int place)
                        return (patches.Cell(i, a), patches.Cell(i, b), place);
        return null;
    }

    /// <summary>A cell that misses a place, or null when every cell covers the axis.</summary>
    public (int Cell, int Place)? Gap()
    {
        for (int cell = 0; cell < Cells; cell++)
            if (Covers[cell].DiffersFrom(all) is int place) return (cell, place);
        return null;
    }

    private Scope? At(int cell) => cell >= 0 && cell < Cells ? Covers[cell] : null;

    private bool SeesAll(Patches patches, int patch) => Join(patches, patch).Equals(all);

    private Scope Join(Patches patches, int patch)
    {
        List<Scope> seen = [];
        for (int t = 0; t < patches.Kernel; t++)
            if (At(patches.Cell(patch, t)) is { } covered) seen.Add(covered);
        return Scope.Union([.. seen]);
    }
}
