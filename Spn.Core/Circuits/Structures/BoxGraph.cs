namespace Spn.Core.Circuits.Structures;

/// <summary>A box of cells of a grid.</summary>
/// <param name="Low">First cell along each axis.</param>
/// <param name="High">End along each axis, not included.</param>
internal readonly record struct Box(ValueList<int> Low, ValueList<int> High)
{
    public int Length(int axis) => High[axis] - Low[axis];

    public long Cells
    {
        get
        {
            long cells = 1;
            for (int a = 0; a < Low.Count; a++) cells *= Length(a);
            return cells;
        }
    }

    /// <summary>The two parts on either side of a cut.</summary>
    public Box[] Cut(int axis, int at) => [this with { High = With(High, axis, at) }, this with { Low = With(Low, axis, at) }];

    private static ValueList<int> With(ValueList<int> values, int axis, int value) => [.. values.Select((v, a) => a == axis ? value : v)];
}

/// <summary>Region graphs whose regions are boxes of a grid; a box that is reached in several ways is one region.</summary>
internal static class BoxGraph
{
    /// <summary>Bounds the memory that wrong settings can ask for.</summary>
    private const int MostPartitions = 1 << 22;

    /// <summary>Splits the whole grid, and what comes out of that again.</summary>
    /// <param name="name">How the structure is called in findings.</param>
    /// <param name="grid">The grid.</param>
    /// <param name="partitions">From a box and the least number of splits by which it is reached to its partitions; none makes it a leaf.</param>
    /// <exception cref="CircuitException">The grid is empty or there are too many partitions.</exception>
    public static RegionGraph Build(string name, GridVariables grid, Func<Box, int, IEnumerable<Box[]>> partitions)
    {
        grid.Check();
        var whole = new Box([.. grid.Extents.Select(_ => 0)], grid.Extents);
        var depth = new Dictionary<Box, int> { [whole] = 0 };
        List<(Box Box, Box[][] Partitions)> found = [];
        var open = new Queue<Box>([whole]);
        long count = 0;
        while (open.TryDequeue(out Box box))
        {
            List<Box[]> own = [];
            foreach (Box[] partition in partitions(box, depth[box]))
            {
                own.Add(partition);
                if (++count > MostPartitions)
                    throw new CircuitException(name, "too many partitions", $"There are more than {MostPartitions:N0}.", "Cut at larger distances, or along fewer axes.");
                foreach (Box part in partition)
                    if (depth.TryAdd(part, depth[box] + 1)) open.Enqueue(part);
            }
            found.Add((box, [.. own]));
        }

        var graph = new RegionGraph(grid.VariableCount);
        var region = new Dictionary<Box, int>();
        // Parts have fewer cells than the whole; among equals the order of discovery stays.
        foreach ((Box box, Box[][] own) in found.OrderBy(f => f.Box.Cells))
            region[box] = own.Length == 0
                ? graph.Add(new(ScopeOf(grid, box), [], 0, 0, graph.Regions.Count))
                : graph.Join([.. own.Select(p => p.Select(part => region[part]).ToArray())], 0, graph.Regions.Count);
        graph.Tops.Add(region[whole]);
        return graph;
    }

    /// <summary>All variables of the cells of a box.</summary>
    private static Scope ScopeOf(GridVariables grid, Box box)
    {
        IEnumerable<int> cells = [0];
        for (int a = 0; a < box.Low.Count; a++)
        {
            int axis = a, extent = grid.Extents[a];
            cells = cells.SelectMany(before => Enumerable.Range(before * extent + box.Low[axis], box.Length(axis)));
        }
        return Scope.Of(cells.SelectMany(cell => Enumerable.Range(cell * grid.Colours, grid.Colours)));
    }
}
