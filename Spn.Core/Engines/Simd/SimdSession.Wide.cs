namespace Spn.Core.Engines.Simd;

/// <summary>One large component, run level by level with all threads on one tile of lanes.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : Kernels.ILanes<F, I>
    where F : struct
    where I : struct
{
    private static readonly ProgramOptions LevelProgram = new(PostOrder: false, ReuseSlots: false, Tabulate: false, KeepSlopes: true);

    /// <summary>Weights of an average level from which sharing out its steps pays.</summary>
    private const int LeastWideWeights = 1 << 14;

    private const long WideBytes = 512L << 20;
    private const int MostWideLanes = 256;
    private const int MostWideFactors = 8;

    private readonly Workspace wideSpace = new();
    private NativeBuffer wideColumns = new(0);
    private WideProgram? wideProgram;

    /// <summary>Whether the units of the whole call are in the shared workspace.</summary>
    private bool wideUnits;

    /// <summary>Whether statistics of plain blocks have been written since the parameters were set.</summary>
    private bool plainWritten;

    private WideProgram Wide => wideProgram ??= new WideProgram(WideBound.Program);

    private BoundComponent WideBound => Programs(LevelProgram)[0];

    /// <summary>Whether a plan with one component and blocks that no two sums share is large enough.</summary>
    private bool IsWide(bool? asked)
    {
        if (components.Length != 1 || components[0].Sums.Length != components[0].Sums.Select(plan.Regions.Block).Distinct().Count()) return false;
        if (components[0].Regions.Any(r => plan.Regions.Kind(r) == Plans.RegionKind.Product && plan.Regions.Children(r).Length > MostWideFactors)) return false;
        return asked ?? plan.Blocks.Total / (1 + components[0].Regions.Max(plan.Regions.Layer)) >= LeastWideWeights;
    }

    /// <summary>Lanes of a tile: few enough for the memory, and equal shares of the rows.</summary>
    private int WideLanes()
    {
        long perLane = Workspace.LaneBytes(Wide.Program, downward: true) + sizeof(float) * (Wide.SlopeRows + Wide.Program.Slots);
        int most = (int)Math.Clamp(WideBytes / perLane / 32 * 32, 32, MostWideLanes), tiles = (Covered + most - 1) / most;
        return (Covered / L.Count + tiles - 1) / tiles * L.Count;
    }

    /// <summary>Units of a tile of rows, level by level, in the shared workspace.</summary>
    private void WideForward(int start, int lanes)
    {
        WideProgram wide = Wide;
        BoundComponent bound = WideBound;
        wideSpace.Fit(wide.Program, lanes, downward: true, errors: true);
        foreach (Workspace ws in workspaces) ws.Borrow(wideSpace, wide.Program, lanes);
        foreach (int[] level in wide.Levels)
            pool.Run(level.Length, (i, worker) =>
            {
                RunSource source = Source(bound, start, copy: 0, slice: 0, worker);
                OpRunner<L, F, I>.Forward(wide.Program, wide.Program.Ops[level[i]], source, workspaces[worker], lanes);
            });
    }

    private void KeepWide(int start, int lanes)
    {
        BoundComponent bound = WideBound;
        pool.Run(bound.Program.Boundary.Length, (b, _) => root.Keep(bound, b, wideSpace, start, lanes));
    }

    /// <summary>Slopes and statistics of all rows, tile by tile; units that the upward pass has left are not made again.</summary>
    private void WideBackward(List<LostSlope> lost)
    {
        WideProgram wide = Wide;
        BoundComponent bound = WideBound;
        int tile = WideLanes();
        bool kept = wideUnits;
        for (int from = 0; from < Covered; from += tile)
        {
            int start = from, lanes = Math.Min(tile, Covered - start);
            if (!kept) WideForward(start, lanes);
            long floats = (long)wide.SlopeRows * lanes;
            if (wideColumns.Bytes < floats * sizeof(float))
            {
                wideColumns.Dispose();
                wideColumns = new NativeBuffer(floats * sizeof(float));
            }
            new Span<float>(wideSpace.Counts, lanes).Fill(1);
            pool.Run(bound.Program.Boundary.Length, (b, _) => SeedBoundary(bound, wideSpace, b, start, lanes));
            bool first = !plainWritten;
            for (int l = wide.Levels.Length - 1; l >= 0; l--)
            {
                int[] level = wide.Levels[l];
                pool.Run(level.Length, (i, worker) =>
                {
                    RunSource source = Source(bound, start, copy: 0, slice: 0, worker);
                    OpRunner<L, F, I>.BackwardWide(wide, level[i], source, workspaces[worker], wideColumns.Floats, lanes, first,
                        (op, lane) => LoseSum(bound, 0, op, workspaces[worker], lane, lanes, start, lost));
                });
            }
            plainWritten = true;
        }
        wideUnits = false;
    }

    /// <summary>Clears the statistics of plain blocks: all that no downward pass has written, or the root's, which adds.</summary>
    private void ClearPlain(bool rootOnly)
    {
        int rootBlock = layout.BlockOffset[plan.Regions.Block(plan.Regions.Root)];
        foreach (WeightGroup group in layout.Groups)
            if (group.Stride == 1 && (!rootOnly || group.Offset == rootBlock)) new Span<float>(statistics.Floats + group.Offset, group.Floats).Clear();
    }
}
