using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Hard expectation maximisation: one way down a row, whose edges count; no slopes, and only the sums on a way are made afresh.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Rows of a round, for each thread.</summary>
    private const int CountLanes = 64;

    private readonly List<EdgeList> edgeLists = [];
    private readonly List<(Workspace Space, NativeBuffer Winners)> countSpaces = [];
    private AccumulatorPlaces<L, F, I>? accumulators;

    public void Count(Evidence batch, ReadOnlySpan<int> samples, Winner winner, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        using FlushToZero flush = FlushToZero.Here();
        int classes = plan.Classes, round = CountLanes * pool.Threads;
        // With one component its values stay from the upward pass; of many, only the chosen one's are made again.
        if (components.Length > 1) round = Math.Max(samples.Length, 1);
        for (int first = 0; first < samples.Length; first += round)
        {
            int count = Math.Min(round, samples.Length - first);
            ReadOnlySpan<int> own = samples.Slice(first, count);
            ReadOnlySpan<double> ownCounts = counts.IsEmpty ? counts : counts.Slice(first * classes, count * classes);
            Span<double> to = logLikelihoods.Slice(first * classes, count * classes);
            if (components.Length == 1) CountInPlace(batch, own, winner, ownCounts, to);
            else CountAgain(batch, own, winner, ownCounts, to);
        }
    }

    /// <summary>The ways of some rows through the only component, down the units that the upward pass has left.</summary>
    private void CountInPlace(Evidence batch, ReadOnlySpan<int> samples, Winner winner, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        Take(batch, samples);
        BoundComponent bound = Programs(RouteProgram)[0];
        // Unweighted winners are known on the way up; for weighted ones the units of all steps stay.
        bool known = !winner.Weighted && winner.DrawShare == 0 && plan.Classes == 1 && bound.Program.Ops.All(o => o.Columns < RunSource.None);
        RandomStream[] draws = known ? [.. rows.Select(row => Draws.Stream(winner.Seed, row, 0))] : [];
        BoundComponent up = known ? Programs(RouteProgram with { ReuseSlots = true, KeepSlopes = false })[0] : bound;
        int tiles = Math.Min(pool.Threads, (Covered + L.Count - 1) / L.Count);
        int tile = (Covered / L.Count + tiles - 1) / tiles * L.Count;
        tiles = (Covered + tile - 1) / tile;
        while (countSpaces.Count < tiles) countSpaces.Add((new Workspace(), new NativeBuffer(0)));
        pool.Run(tiles, (t, worker) =>
        {
            int start = t * tile, lanes = Math.Min(tile, Covered - start);
            Workspace ws = countSpaces[t].Space;
            ws.Fit(up.Program, lanes, downward: false);
            RunSource source = Source(up, start, copy: 0, slice: 0, worker);
            if (known)
            {
                if (countSpaces[t].Winners.Bytes < (long)up.Program.Ops.Length * lanes * sizeof(ushort))
                {
                    countSpaces[t].Winners.Dispose();
                    countSpaces[t] = (ws, new NativeBuffer((long)up.Program.Ops.Length * lanes * sizeof(ushort)));
                }
                source.Winners = (ushort*)countSpaces[t].Winners.Raw;
                source.Draws = draws;
            }
            foreach (Op op in up.Program.Ops)
            {
                OpRunner<L, F, I>.Forward(up.Program, op, source, ws, lanes);
                if (known) source.Winners += lanes;
            }
            root.Keep(up, ws, start, lanes);
        });
        root.Forward(weights.Floats, rowCount, pool, logLikelihoods, suspect);
        RedoForward(max: false, logLikelihoods);

        CountedWay[] ways = [.. ChooseAtRoot(winner, counts, logLikelihoods)];
        EdgeList[] lists = [.. Enumerable.Range(0, tiles).Select(_ => new EdgeList())];
        pool.Run(tiles, (t, worker) =>
        {
            int start = t * tile, lanes = Math.Min(tile, Covered - start);
            RunSource source = Source(bound, start, copy: 0, slice: 0, worker);
            if (known) source.Winners = (ushort*)countSpaces[t].Winners.Raw;
            var walk = new WayDown<L, F, I>(bound, source, countSpaces[t].Space, lanes, winner, lists[t]);
            foreach (CountedWay way in ways)
                if (way.Row >= start && way.Row < start + lanes) walk.Go(way, way.Row - start);
        });
        Finish(winner, ways, lists);
    }

    /// <summary>The ways of some rows through one of many components each, whose units are made again.</summary>
    private void CountAgain(Evidence batch, ReadOnlySpan<int> samples, Winner winner, ReadOnlySpan<double> counts, Span<double> logLikelihoods)
    {
        Upward(batch, samples, max: false, logLikelihoods);
        BoundComponent[] bound = Programs(RouteProgram);
        CountedWay[] ways = [.. ChooseAtRoot(winner, counts, logLikelihoods)];
        if (routeEvidence.Length == 0) routeEvidence = [.. workspaces.Select(_ => new PackedEvidence(plan))];
        RouteTile[] tiles = [.. ShareOutRoutes(bound, [.. ways.Select(w => w.Column)])];
        EdgeList[] lists = [.. tiles.Select(_ => new EdgeList())];
        pool.Run(tiles.Length, (t, worker) =>
        {
            BoundComponent own = bound[tiles[t].Component];
            PackedEvidence evidenceOfTile = routeEvidence[worker];
            evidenceOfTile.Pack(evidence, [.. tiles[t].Items.Select(i => rows[ways[i].Row])]);
            Workspace ws = workspaces[worker];
            int lanes = evidenceOfTile.Stride;
            ws.Fit(own.Program, lanes, downward: false);
            RunSource source = Source(own, evidenceOfTile, start: 0, copy: 0, slice: 0, worker);
            OpRunner<L, F, I>.Forward(own.Program, source, ws, lanes);
            var walk = new WayDown<L, F, I>(own, source, ws, lanes, winner, lists[t]);
            for (int lane = 0; lane < tiles[t].Items.Length; lane++) walk.Go(ways[tiles[t].Items[lane]], lane);
        });
        Finish(winner, ways, lists);
    }

    /// <summary>The ways that count, with their first choice; those without a possible one are left out.</summary>
    private IEnumerable<CountedWay> ChooseAtRoot(Winner winner, ReadOnlySpan<double> counts, ReadOnlySpan<double> logLikelihoods)
    {
        var ways = new CountedWay[rowCount * plan.Classes];
        for (int i = 0; i < ways.Length; i++)
        {
            double count = counts.IsEmpty ? 1 : counts[i];
            if (!(count > 0) || double.IsNegativeInfinity(logLikelihoods[i])) continue;
            int row = i / plan.Classes, top = i % plan.Classes;
            ways[i] = new CountedWay(row, top, -1, count, Draws.Stream(winner.Seed, rows[row], top));
        }
        root.Choose(weights.Floats, ways, winner, suspect, (ulong)plan.Regions.Root, pool);
        return ways.Where(w => w.Count > 0);
    }

    /// <summary>Counts the edges of the root, and goes the ways that left the float range in log space.</summary>
    private void Finish(Winner winner, CountedWay[] ways, EdgeList[] lists)
    {
        edgeLists.AddRange(lists);
        if (gathering == InputGathering.Statistics)
            foreach (InputEnd end in lists.SelectMany(l => l.Ends))
                InputCounts.Add(plan, inputValues, evidence, rows[end.Row], end.Region, end.Component, end.Count, inputStatistics);
        var own = new EdgeList();
        edgeLists.Add(own);
        int rootBlock = plan.Regions.Block(plan.Regions.Root), columns = plan.Blocks[rootBlock].Columns;
        HashSet<(int, int)> lost = [.. lists.SelectMany(l => l.Lost)];
        int last = -1;
        foreach (CountedWay way in ways)
        {
            if (way.Column >= 0 && !lost.Contains((way.Row, way.Class)))
            {
                own.Add(rootBlock, way.Class * columns + way.Column);
                own.Close(way.Count);
                continue;
            }
            LogSpacePass pass = LogSpace();
            if (way.Row != last) pass.Upward(evidence, rows[way.Row]);
            last = way.Row;
            byWeights ??= new double[plan.Blocks.Total];
            byParameters ??= new double[plan.ParameterCount];
            statisticsInLogSpace ??= new double[plan.StatisticCount];
            int[] redone = pass.Count(winner, way.Class, way.Draws, way.Count, byWeights);
            if (gathering == InputGathering.Statistics) InputCounts.Add(plan, inputValues, evidence, rows[way.Row], redone, way.Count, inputStatistics);
            logSpaceUsed = true;
        }
    }

    public void AddCounts(Span<float> values)
    {
        using FlushToZero flush = FlushToZero.Here();
        accumulators ??= new AccumulatorPlaces<L, F, I>(plan, layout);
        if (logSpaceUsed) AddLogSpaceCounts();
        accumulators.Begin();
        fixed (float* target = values)
        {
            float* to = target;
            AccumulatorPlaces<L, F, I> places = accumulators;
            pool.Run(pool.Threads, (part, _) => places.Add(part, pool.Threads, edgeLists, to, parameters.Floats, weights.Floats));
        }
        edgeLists.Clear();
        tablesReady = false;
        logSpaceReady = false;
    }

    private void AddLogSpaceCounts()
    {
        var own = new EdgeList();
        for (int b = 0; b < plan.Blocks.Count; b++)
        {
            (int blockRows, int columns, int offset) = plan.Blocks[b];
            for (int i = 0; i < blockRows * columns; i++)
            {
                if (byWeights![offset + i] == 0) continue;
                own.Add(b, i);
                own.Close(byWeights[offset + i]);
            }
        }
        edgeLists.Add(own);
        Array.Clear(byWeights!);
        logSpaceUsed = false;
    }
}
