using Spn.Core.Circuits.Structures;

namespace Spn.Core;

/// <summary>All boxes of a grid that cuts at multiples of a distance reach, each split by every cut through it.</summary>
/// <remarks>
/// A box with cuts through it at the first distance of the list is split by those, along every axis that may be cut; else by those
/// at the next distance, and so on: coarse to fine. A box that several ways of cutting reach is one region. Cuts at distance d are
/// the multiples of d on the whole grid, rounded up. Source: Poon and Domingos 2011, section 4; lists of distances as in
/// the code of Peharz et al. 2020.
/// </remarks>
/// <param name="Grid">The variables.</param>
/// <param name="Distances">Distances between cuts in cells, coarse to fine; each one number for all axes, or one an axis of the grid, at least 1.</param>
public sealed record PoonDomingos(GridVariables Grid, ValueList<ValueList<double>> Distances) : StructureSpec
{
    /// <summary>Cuts at the same distances along all axes.</summary>
    /// <param name="grid">The variables.</param>
    /// <param name="distances">Distances in cells, coarse to fine.</param>
    public static PoonDomingos At(GridVariables grid, params double[] distances) => new(grid, [.. distances.Select(d => new ValueList<double>([d]))]);

    /// <summary>Cuts every axis into so many pieces of nearly equal length.</summary>
    /// <param name="grid">The variables.</param>
    /// <param name="pieces">Numbers of pieces, coarse to fine, each at least 1.</param>
    public static PoonDomingos Pieces(GridVariables grid, params int[] pieces) =>
        new(grid, [.. pieces.Select(p => new ValueList<double>(grid.Extents.Select(e => Math.Max(1, e / (double)p))))]);

    /// <summary>The axes that are cut, from 0; null cuts all.</summary>
    public ValueList<int>? Axes { get; init; }

    /// <summary>The most cuts on the way to a box: boxes that more are needed for do not exist; null sets no bound.</summary>
    public int? MostCuts { get; init; }

    /// <inheritdoc/>
    public override string Name =>
        $"Poon-Domingos regions of a {Grid.Name}, cuts {string.Join(", then ", Distances.Select(d => string.Join(" x ", d.Select(x => x.ToString("0.###", System.Globalization.CultureInfo.InvariantCulture)))))} apart"
        + $"{(Axes is null ? "" : $" along axes {string.Join(", ", Axes)}")}{(MostCuts is int most ? $", at most {most} cuts deep" : "")}";

    /// <inheritdoc/>
    public override int VariableCount => Grid.VariableCount;

    /// <inheritdoc/>
    public override RegionGraph Build()
    {
        Check();
        int[] axes = [.. Axes ?? (IEnumerable<int>)Enumerable.Range(0, Grid.Extents.Count)];
        int[][][] cuts = [.. Distances.Select(d => axes.Select(a => Cuts(Grid.Extents[a], d.Count == 1 ? d[0] : d[a])).ToArray())]; // [level][axis][cut]
        return BoxGraph.Build(Name, Grid, (box, depth) =>
        {
            if (depth >= MostCuts) return [];
            foreach (int[][] level in cuts)
            {
                Box[][] partitions = [.. axes.SelectMany((axis, i) => level[i].Where(at => at > box.Low[axis] && at < box.High[axis]).Select(at => box.Cut(axis, at)))];
                if (partitions.Length > 0) return partitions;
            }
            return [];
        });
    }

    private static int[] Cuts(int extent, double distance)
    {
        // A quotient of two integers may come out a little too large.
        const double slack = 1e-9;
        return [.. Enumerable.Range(1, (int)((extent - 1) / distance + slack)).Select(i => (int)Math.Ceiling(i * distance - slack)).Where(at => at < extent)];
    }

    private void Check()
    {
        Grid.Check();
        int count = Grid.Extents.Count;
        if (Distances.Count == 0) throw new CircuitException(Name, "no distance", "No distance between cuts was given.", "Give at least one.");
        foreach (ValueList<double> distance in Distances)
        {
            if (distance.Count != 1 && distance.Count != count)
                throw new CircuitException(Name, "distances missing", $"{distance.Count} distances for {count} axes.", "Give one for all axes, or one an axis.");
            if (distance.Any(d => !(d >= 1) || double.IsInfinity(d)))
                throw new CircuitException(Name, "distance unfit", $"The distances are {distance}.", "Give finite numbers of at least 1.");
        }
        if (Axes is not null && (Axes.Count == 0 || Axes.Any(a => a < 0 || a >= count) || Axes.Distinct().Count() != Axes.Count))
            throw new CircuitException(Name, "no such axes", $"The axes are {Axes}, the grid has {count}.", $"Name some of 0 to {count - 1}, each once.");
        if (MostCuts < 0) throw new CircuitException(Name, "bound unfit", $"At most {MostCuts} cuts.", "Give at least 0, or none.");
    }
}
