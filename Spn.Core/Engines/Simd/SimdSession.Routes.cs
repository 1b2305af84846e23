using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>Ways down that choose one child at every sum, many at a time: each goes through the one component that the root chose for it.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private static readonly ProgramOptions RouteProgram = new(PostOrder: true, ReuseSlots: false, Tabulate: false, KeepSlopes: true);

    private PackedEvidence[] routeEvidence = [];

    /// <summary>A piece of a component's work.</summary>
    private sealed record RouteTile(int Component, int[] Items);

    public void Route(Routing routing, ReadOnlySpan<int> classes, long firstWay, long seed, Span<int> units)
    {
        using FlushToZero flush = FlushToZero.Here();
        if (rowCount == 0) return;
        int items = classes.Length, ways = items / rowCount;
        var draws = new RandomStream[items];
        var columns = new int[items];
        var lost = new bool[items];
        for (int item = 0; item < items; item++)
        {
            int row = item / ways;
            draws[item] = Draws.Stream(seed, rows[row], firstWay + item % ways);
            columns[item] = suspect[row] != 0 ? -1 : root.Choose(weights.Floats, row, classes[item], routing, draws[item].DoubleAt((ulong)plan.Regions.Root));
            lost[item] = columns[item] < 0;
        }
        BoundComponent[] bound = Programs(RouteProgram);
        if (routeEvidence.Length == 0) routeEvidence = [.. workspaces.Select(_ => new PackedEvidence(plan))];
        RouteTile[] tiles = [.. ShareOutRoutes(bound, columns)];
        fixed (int* target = units)
        {
            int* to = target;
            pool.Run(tiles.Length, (t, worker) =>
            {
                RouteTile tile = tiles[t];
                int[] own = [.. tile.Items.Select(item => rows[item / ways])];
                PackedEvidence evidenceOfTile = routeEvidence[worker];
                evidenceOfTile.Pack(evidence, own);
                RouteDown(bound[tile.Component], tile.Items, evidenceOfTile, routing, columns, draws, worker, to, lost);
            });
        }
        for (int item = 0, last = -1; item < items; item++)
        {
            if (!lost[item]) continue;
            int row = item / ways;
            LogSpacePass pass = LogSpace();
            if (row != last) pass.Upward(evidence, rows[row], max: routing == Routing.Max);
            last = row;
            pass.Route(routing, classes[item], draws[item], units.Slice(item * plan.Variables, plan.Variables));
        }
    }

    private IEnumerable<RouteTile> ShareOutRoutes(BoundComponent[] bound, int[] columns)
    {
        var component = new int[root.ChildOfColumn.Length];
        for (int c = 0; c < bound.Length; c++)
            for (int b = 0; b < bound[c].Source.Boundary.Length; b++)
                for (int k = 0; k < plan.Regions.Channels(bound[c].Source.Boundary[b]); k++) component[bound[c].Source.Columns[b] + k] = c;
        int tile = TileLanes(bound, downward: true, columns.Length);
        int shared = (columns.Length / 32 + pool.Threads) / pool.Threads * 32;
        return Enumerable.Range(0, columns.Length).Where(item => columns[item] >= 0).GroupBy(item => component[columns[item]])
            .SelectMany(group => group.Chunk(Math.Min(tile, shared)).Select(part => new RouteTile(group.Key, part)));
    }

    private void RouteDown(
        BoundComponent bound, int[] items, PackedEvidence own, Routing routing, int[] columns, RandomStream[] draws, int worker, int* units, bool[] lost)
    {
        Workspace ws = workspaces[worker];
        OpProgram program = bound.Program;
        int lanes = own.Stride;
        ws.Fit(program, lanes, downward: true);
        RunSource source = Source(bound, own, start: 0, copy: 0, slice: 0, worker);
        source.Max = routing == Routing.Max;
        OpRunner<L, F, I>.Forward(program, source, ws, lanes);

        // A way needs no slopes: their memory keeps the channel chosen in each slot, [slot, lane], -1 where a way does not pass.
        int* chosen = (int*)ws.Slopes;
        new Span<int>(chosen, program.Slots * lanes).Fill(-1);
        for (int lane = 0; lane < items.Length; lane++)
            for (int b = 0; b < program.Boundary.Length; b++)
            {
                int channel = columns[items[lane]] - bound.Source.Columns[b];
                if (channel >= 0 && channel < program.SlotChannels[program.Boundary[b]]) chosen[program.Boundary[b] * lanes + lane] = channel;
            }
        for (int i = program.Ops.Length - 1; i >= 0; i--)
        {
            Op op = program.Ops[i];
            foreach (Op input in op.Inputs)
            {
                int variable = bound.Inputs[input.Place].Variable, first = plan.FirstUnit[bound.Source.Inputs[input.Place]];
                for (int lane = 0; lane < items.Length; lane++)
                    if (chosen[op.Slot * lanes + lane] >= 0) units[(long)items[lane] * plan.Variables + variable] = first + chosen[op.Slot * lanes + lane];
            }
            if (op.Inputs.Length == 0) OpRunner<L, F, I>.Route(program, op, source, ws, chosen, routing, items, draws, lost, lanes);
        }
    }
}
