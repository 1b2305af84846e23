using System.Numerics;

namespace Spn.Core.Lowering;

/// <summary>One axis of a grid of cells: which places of the variables' axis each cell covers.</summary>
/// <remarks>The scope of a cell is the product of what it covers along each axis, so disjointness and full scope are decided axis by axis.</remarks>
/// <param name="Places">Places along the variables' axis.</param>
/// <param name="Covers">[cell] the set of places, as bits.</param>
internal sealed record GridAxis(int Places, BigInteger[] Covers)
{
    public int Cells => Covers.Length;

    public BigInteger All => (BigInteger.One << Places) - 1;

    /// <summary>The axis of the variables themselves.</summary>
    public static GridAxis Of(int places) => new(places, [.. Enumerable.Range(0, places).Select(p => BigInteger.One << p)]);

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
            _ => Enumerable.Range(0, extent).Reverse().FirstOrDefault(p => Join(new Patches(kernel, stride, dilation, p, 1), 0) == All, -1),
        };
        if (before < 0) return null;
        int after = padding is Padding.Full or Padding.FinalCrop ? extent - 1 : 0;
        int free = Cells + before + after - extent;
        if (free < 0) return null;
        var all = new Patches(kernel, stride, dilation, before, free / stride + 1);
        if (padding != Padding.FinalCrop) return all;
        int first = Enumerable.Range(0, all.Outputs).FirstOrDefault(i => Join(all, i) == All, -1);
        if (first < 0) return null;
        int count = Enumerable.Range(first, all.Outputs - first).TakeWhile(i => Join(all, i) == All).Count();
        return all with { Before = before - first * stride, Outputs = count };
    }

    /// <summary>The axis of the patches.</summary>
    public GridAxis Through(Patches patches) =>
        new(Places, [.. Enumerable.Range(0, patches.Outputs).Select(i => Join(patches, i))]);

    /// <summary>Two cells of one patch that cover a place in common, or null.</summary>
    public (int First, int Second, int Place)? Overlap(Patches patches)
    {
        for (int i = 0; i < patches.Outputs; i++)
            for (int a = 0; a < patches.Kernel; a++)
                for (int b = a + 1; b < patches.Kernel; b++)
                {
                    int first = patches.Cell(i, a), second = patches.Cell(i, b);
                    BigInteger both = At(first) & At(second);
                    if (!both.IsZero) return (first, second, (int)BigInteger.TrailingZeroCount(both));
                }
        return null;
    }

    private BigInteger At(int cell) => cell >= 0 && cell < Cells ? Covers[cell] : 0;

    private BigInteger Join(Patches patches, int patch)
    {
        BigInteger joined = 0;
        for (int t = 0; t < patches.Kernel; t++) joined |= At(patches.Cell(patch, t));
        return joined;
    }
}
