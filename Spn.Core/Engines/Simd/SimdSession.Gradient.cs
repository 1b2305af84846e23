using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The downward pass, and what it gives: the gradient and the flows.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    public void GatherAtInputs(InputGathering what)
    {
        ClearGathered();
        gathering = what;
        if (what == InputGathering.Statistics && inputStatistics.Length == 0) inputStatistics = new double[plan.StatisticCount * Slices];
    }

    /// <summary>Forgets what was gathered at inputs; what is not gathered now holds zeros.</summary>
    private void ClearGathered()
    {
        double[] all = gathering switch
        {
            InputGathering.Gradient => inputGradient,
            InputGathering.Statistics => inputStatistics,
            _ => [],
        };
        pool.InPieces(all.Length, (at, count) => Array.Clear(all, at, count));
    }

    public void InputStatistics(Span<double> result)
    {
        using FlushToZero flush = FlushToZero.Here();
        int length = plan.StatisticCount;
        if (inputStatistics.Length == 0) result[..length].Clear();
        else
            fixed (double* target = result)
            {
                double* to = target;
                // Slices are added in order, so that threads do not change the sum.
                pool.InPieces(length, (at, count) =>
                {
                    var sum = new Span<double>(to + at, count);
                    inputStatistics.AsSpan(at, count).CopyTo(sum);
                    for (int from = length; from < inputStatistics.Length; from += length) Bulk.Add(sum, inputStatistics.AsSpan(from + at, count));
                });
            }
        if (logSpaceUsed) Bulk.Add(result[..length], statisticsInLogSpace!);
    }

    public void Backward(Routing routing, ReadOnlySpan<double> seeds)
    {
        if (rowCount == 0) return;
        if (routing != Routing.Soft) throw new ArgumentOutOfRangeException(nameof(routing), routing, "This engine knows soft routing.");
        using FlushToZero flush = FlushToZero.Here();
        inDropout = dropout is not null;
        Downward(seeds);
        inDropout = false;
    }

    private void Downward(ReadOnlySpan<double> seeds)
    {
        long floats = layout.Floats;
        gathers = true;
        if (statistics.Bytes < floats * copies * sizeof(float))
        {
            statistics.Dispose();
            statistics = new NativeBuffer(floats * copies * sizeof(float));
        }
        if (wide && !plainWritten) ClearPlain(rootOnly: true);
        root.Backward(weights.Floats, statistics.Floats, rowCount, seeds, suspect, pool);
        if (wide)
        {
            List<LostSlope> lostSums = [];
            WideBackward(lostSums);
            RedoInLogSpace(seeds, lostSums);
            return;
        }

        BoundComponent[] bound = Programs(downward: true);
        MakeTables(bound, byComponent: false);
        FitTableSlopes(bound);
        if (!tableSlopesUsed) ClearUnwritten();
        int tile = TileLanes(bound, downward: true), tiles = (Covered + tile - 1) / tile;
        var lost = new List<LostSlope>();
        pool.Run(components.Length * Slices, (item, worker) =>
        {
            int c = item / Slices, slice = item % Slices, first = tiles * slice / Slices, end = tiles * (slice + 1) / Slices;
            if (first == end && tableSlopesUsed) new Span<float>(TableSlopes(bound[c], slice, worker) + bound[c].TableOffset, bound[c].TableFloats).Clear();
            for (int t = first; t < end; t++)
                DownwardTile(bound[c], c, slice, t * tile, Math.Min(tile, Covered - t * tile), t == first, worker, lost);
            if (tableSlopesUsed)
                foreach (TablePack pack in PacksOf[c]) TablesDownward(pack, TableSlopes(bound[c], slice, worker), packScratch[worker].Floats, lost);
        });
        if (tableSlopesUsed)
        {
            TablePack[] rest = [.. PacksOf[-1]];
            pool.Run(rest.Length, (p, worker) =>
            {
                FoldTableSlopes(rest[p]);
                TablesDownward(rest[p], tableSlopes.Floats, packScratch[worker].Floats, lost);
            });
            tableStatisticsWritten = true;
        }
        RedoInLogSpace(seeds, lost);
    }

    public void Gradient(Span<float> gradient)
    {
        using FlushToZero flush = FlushToZero.Here();
        FillGradient(gradient, leaveOut: []);
    }

    /// <summary>The gradient, apart from the parameters of chunks to leave out, whose places hold anything.</summary>
    private void FillGradient(Span<float> gradient, bool[] leaveOut)
    {
        if (!gathers)
        {
            gradient.Clear();
            return;
        }
        ClearUnwritten();
        FoldStatistics();
        int network = makers.NetworkParameters;
        if (networkGradients.Bytes < (long)network * weightItems.Length * sizeof(float))
        {
            networkGradients.Dispose();
            networkGradients = new NativeBuffer((long)network * weightItems.Length * sizeof(float));
        }
        networkGradients.Clear();
        fixed (float* target = gradient)
        {
            float* to = target;
            if (!writesAll) pool.InPieces(gradient.Length, (at, count) => new Span<float>(to + at, count).Clear());
            pool.Run(weightItems.Length, (item, worker) =>
            {
                for (int c = weightItems[item].First; c < weightItems[item].End; c++)
                {
                    ReadOnlySpan<WeightGroup> groups = Groups(layout.Chunks[c]);
                    if ((leaveOut.Length == 0 || !leaveOut[c]) && makers.Serves(groups[0].Program))
                        makers.PullBack(groups, parameters.Floats, weights.Floats + groups[0].Offset, statistics.Floats + groups[0].Offset, to,
                            networkGradients.Floats + (long)item * network, weightScratch[worker].Floats);
                }
            });
        }
        AddNetworkGradients(gradient);
        AddOtherGradients(gradient);
        for (int i = 0; i < inputParameters; i++)
        {
            double sum = 0;
            for (int slice = 0; slice < Slices; slice++) sum += inputGradient[slice * inputParameters + i];
            gradient[i] = (float)sum;
        }
        if (plan.ClassLogits is { } logits) gradient.Slice(logits.Offset, logits.Count).Clear();
        AddLogSpaceGradient(gradient);
    }

    public void WeightFlows(Span<float> flows)
    {
        if (!gathers)
        {
            flows.Clear();
            return;
        }
        using FlushToZero flush = FlushToZero.Here();
        ClearUnwritten();
        FoldStatistics();
        fixed (float* target = flows)
        {
            float* to = target;
            pool.Run(FlowItems.Length, (item, _) =>
            {
                for (int b = FlowItems[item].First; b < FlowItems[item].End; b++)
                {
                    (int blockRows, int columns, int offset) = plan.Blocks[b];
                    int count = blockRows * columns, stride = layout.Stride(b);
                    float* w = weights.Floats + layout.BlockOffset[b], d = statistics.Floats + layout.BlockOffset[b], own = to + offset;
                    if (stride == 1) RowKernel<L, F, I>.Multiply(w, d, own, count);
                    else
                        for (int i = 0; i < count; i++) own[i] = w[(long)i * stride] * d[(long)i * stride];
                }
            });
        }
        if (!logSpaceUsed) return;
        for (int i = 0; i < flows.Length; i++) flows[i] += (float)(byWeights![i] * LogSpace().Weights[i]);
    }

    /// <summary>Blocks of weights in pieces of about equal work.</summary>
    private (int First, int End)[] FlowItems => field ??= [.. ShareOutBlocks()];

    private IEnumerable<(int First, int End)> ShareOutBlocks()
    {
        const int weightsOfItem = 1 << 14;
        for (int first = 0, end; first < plan.Blocks.Count; first = end)
        {
            int work = 0;
            for (end = first; end < plan.Blocks.Count && work < weightsOfItem; end++) work += plan.Blocks[end].Rows * plan.Blocks[end].Columns;
            yield return (first, end);
        }
    }

    private void DownwardTile(BoundComponent bound, int component, int slice, int start, int lanes, bool first, int worker, List<LostSlope> lost)
    {
        Workspace ws = workspaces[worker];
        OpProgram program = bound.Program;
        ws.Fit(program, lanes, downward: true);
        RunSource source = Source(bound, start, (sharedBlocks ? component * Slices : 0) + slice, slice, worker);
        OpRunner<L, F, I>.Forward(program, source, ws, lanes);
        new Span<float>(ws.Counts, lanes).Fill(1);
        SeedBoundary(bound, ws, start, lanes);
        OpRunner<L, F, I>.Backward(program, source, ws, lanes, first, (op, lane) => LoseSum(bound, component, op, ws, lane, lanes, start, lost));
        if (program.GathersAtOnce) return;
        if (DropLost(lanes, ws, lost, lane => new LostSlope(component, -1, start + lane, [])))
        {
            SeedBoundary(bound, ws, start, lanes);
            OpRunner<L, F, I>.Backward(program, source, ws, lanes, first, (_, _) => { });
        }
        OpRunner<L, F, I>.Gather(program, source, ws, lanes, first);
    }

    private void SeedBoundary(BoundComponent bound, Workspace ws, int start, int lanes)
    {
        for (int b = 0; b < bound.Program.Boundary.Length; b++) SeedBoundary(bound, ws, b, start, lanes);
    }

    private void SeedBoundary(BoundComponent bound, Workspace ws, int b, int start, int lanes)
    {
        OpProgram program = bound.Program;
        int slot = program.Boundary[b];
        bool all = new ReadOnlySpan<float>(ws.Counts, lanes).IndexOf(0f) < 0;
        for (int k = 0; k < program.SlotChannels[slot]; k++)
        {
            var to = new Span<float>(ws.Slopes + (long)(program.SlotSlopes[slot] + k) * lanes, lanes);
            new Span<float>(root.Slopes + (long)(bound.Source.Columns[b] + k) * root.Stride + start, lanes).CopyTo(to);
            for (int lane = 0; lane < lanes && !all; lane++)
                if (ws.Counts[lane] == 0) to[lane] = 0;
        }
    }
}
