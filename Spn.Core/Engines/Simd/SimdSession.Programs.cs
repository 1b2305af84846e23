using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The programs of the components, how many lanes go through them at a time, and what a run of one reads.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private Dropout? dropout;

    /// <summary>Whether the pass at hand is one that drops products: a query in between is not.</summary>
    private bool inDropout;

    public void DropProducts(double share, long seed) => dropout = share > 0 ? new Dropout(share, seed) : null;

    private BoundComponent[] Programs(bool downward) =>
        Programs(new ProgramOptions(PostOrder: true, ReuseSlots: !downward, Tabulate: canTabulate && packed.Hidden == null && dropout is null));

    private BoundComponent[] Programs(ProgramOptions options)
    {
        if (programs.TryGetValue(options, out BoundComponent[]? bound)) return bound;
        OpProgram[] shapes = Shapes(options);
        bound = new BoundComponent[components.Length];
        int tableFloats = 0;
        for (int c = 0; c < components.Length; c++)
        {
            bound[c] = new BoundComponent(plan, components[c], shapes[c], layout) { TableOffset = tableFloats, ValueTables = valueTableOf[c] };
            tableFloats += bound[c].TableFloats;
        }
        return programs[options] = bound;
    }

    /// <summary>The program of each component; components of one shape share one.</summary>
    private OpProgram[] Shapes(ProgramOptions options)
    {
        var shapes = new OpProgram[components.Length];
        for (int c = 0; c < shapes.Length; c++)
            shapes[c] = firstOfShape[c] < c ? shapes[firstOfShape[c]] : new ProgramBuilder(plan, components[c], options, programOfBlock).Build();
        return shapes;
    }

    private static int TileLanes(BoundComponent[] bound, bool downward, int rows)
    {
        long perLane = bound.Max(b => Workspace.LaneBytes(b.Program, downward));
        int most = (int)Math.Clamp(TileBytes / perLane / 32 * 32, LeastTile, 512);
        int tiles = (rows + most - 1) / most;
        if (tiles == 1 && rows < 256) return rows;
        int lanes = ((rows + tiles - 1) / tiles + 31) / 32 * 32;
        // Rows of a region a power of two apart would fall on the same cache sets.
        return lanes >= 256 && lanes % 64 == 0 ? lanes / 2 / 32 * 32 + 32 : lanes;
    }

    private int TileLanes(BoundComponent[] bound, bool downward) => TileLanes(bound, downward, Covered);

    private RunSource Source(BoundComponent bound, int start, int copy, int slice, int worker) => Source(bound, packed, start, copy, slice, worker);

    private RunSource Source(BoundComponent bound, PackedEvidence packed, int start, int copy, int slice, int worker) => new()
    {
        Component = bound,
        Packed = packed,
        Start = start,
        Weights = weights.Floats,
        Statistics = statistics.Floats + (long)copy * layout.Floats,
        Codes = packed.Codes + start,
        Reals = packed.Reals + start,
        Hidden = packed.Hidden == null ? null : packed.Hidden + start,
        Stride = packed.Stride,
        Tables = tables.Floats + bound.TableOffset,
        TableSlopes = TableSlopes(bound, slice, worker) + bound.TableOffset,
        ValueTables = valueTables.Floats,
        Parameters = inputValues,
        MostLog = InputRunner<L, F, I>.MostLog(plan.Variables),
        Dropout = inDropout ? dropout : null,
        InputGradient = inputGradient.AsSpan(slice * inputParameters, inputParameters),
        Gathering = gathering,
        InputStatistics = inputStatistics.Length == 0 ? [] : inputStatistics.AsSpan(slice * plan.StatisticCount, plan.StatisticCount),
    };
}
