namespace Spn.Core.Lowering;

/// <summary>The order in which the cells of a layer are listed: cells that read common cells come together.</summary>
/// <remarks>
/// A patch joins places that lie its reach apart: its dilation times the strides below. So two cells have something in common below a
/// product only where their places agree modulo the greatest common divisor of the reaches of this product and all above it. Cells are
/// therefore listed by their residues modulo this divisor for the lowest product, within those modulo the one for the next, and so on
/// upwards; an engine that finishes one cell before the next then needs few cells of the layers below at a time.
/// </remarks>
internal sealed class CellOrder
{
    private readonly long[][] moduli; // [product][axis], each dividing the one above; 0 where no higher patch is more than one cell wide

    /// <param name="reaches">[product][axis] distance between the places that a patch joins; 0 where it is one cell wide.</param>
    public CellOrder(IReadOnlyList<long[]> reaches)
    {
        moduli = [.. reaches];
        for (int i = moduli.Length - 2; i >= 0; i--)
            moduli[i] = [.. moduli[i].Zip(moduli[i + 1], CommonDivisor)];
    }

    /// <summary>The cells of a grid, each counted row by row, in the order in which they are listed.</summary>
    public int[] Of(GridAxis[] axes)
    {
        int[] extents = [.. axes.Select(axis => axis.Cells)], order = [.. Enumerable.Range(0, extents.Aggregate((x, y) => x * y))], cell = new int[axes.Length];
        long[][][] residues = [.. axes.Select((axis, a) => Enumerable.Range(0, axis.Cells).Select(i => Residues(axis.First + i * axis.Step, a)).ToArray())];
        var keys = new long[order.Length][];
        for (int c = 0; c < keys.Length; c++)
        {
            Unfold(c, extents, cell);
            keys[c] = new long[(moduli.Length + 1) * axes.Length];
            for (int i = 0; i < keys[c].Length; i++) keys[c][i] = residues[i % axes.Length][cell[i % axes.Length]][i / axes.Length];
        }
        Array.Sort(keys, order, Comparer<long[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y)));
        return order;
    }

    /// <summary>The coordinates of a cell that is counted row by row.</summary>
    public static void Unfold(int index, int[] extents, int[] place)
    {
        for (int a = extents.Length - 1; a >= 0; a--)
        {
            place[a] = index % extents[a];
            index /= extents[a];
        }
    }

    private static long CommonDivisor(long a, long b) => b == 0 ? a : CommonDivisor(b, a % b);

    /// <summary>Residues of a place for each product, lowest first, then the place itself.</summary>
    private long[] Residues(long place, int axis) =>
        [.. moduli.Select(m => m[axis]).Select(modulus => modulus == 0 ? place : (place % modulus + modulus) % modulus), place];
}
