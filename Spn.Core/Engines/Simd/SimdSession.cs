using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>A plan bound to memory: components run one after another in a worker's workspace, each item of work by one thread.</summary>
internal sealed unsafe partial class SimdSession<L, F, I> : ISession
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int WeightItems = 64;
    private const long TileBytes = 1024 * 1024;
    private const int LeastTile = 64;
    private const int ManyComponents = 8;

    private readonly Plan plan;
    private readonly WorkerPool pool;
    private readonly Component[] components;
    private readonly WeightLayout layout;
    private readonly WeightMakers<L, F, I> makers;
    private readonly RootMixture root;
    private readonly PackedEvidence packed;
    private readonly Workspace[] workspaces;
    private readonly NativeBuffer[] weightScratch;
    private readonly NativeBuffer parameters;
    private readonly NativeBuffer weights;
    private readonly Dictionary<ProgramOptions, BoundComponent[]> programs = [];
    private readonly int copies;
    private readonly bool sharedBlocks;
    private readonly bool canTabulate;
    private readonly bool wide;
    private readonly int[] programOfBlock;
    private readonly int[] firstOfShape;
    private readonly StateTable[] stateTables;
    private readonly TablePack[] packs;
    private readonly NativeBuffer[] packScratch;
    private readonly int inputParameters;
    private readonly double[] inputValues;
    private readonly double[] inputGradient;
    private readonly NativeBuffer valueTables;
    private readonly int[][] valueTableOf;
    private readonly (int First, int End)[] weightItems;

    private NativeBuffer statistics = new(0);
    private NativeBuffer tables = new(0);
    private NativeBuffer tableSlopes = new(0);
    private NativeBuffer networkGradients = new(0);
    private bool gathers;
    private bool tablesReady;
    private bool tableSlopesUsed;
    private bool tableStatisticsWritten;
    private byte[] suspect = [];
    private int rowCount;
    private Evidence evidence = Evidence.From([0f], 1);
    private int[] rows = [];
    private LogSpacePass? logSpace;
    private bool logSpaceReady;
    private double[]? byWeights;
    private double[]? byParameters;
    private bool logSpaceUsed;

    /// <param name="plan">The plan.</param>
    /// <param name="threads">Number of threads.</param>
    /// <param name="wide">Whether one large component is run level by level; null decides by its size.</param>
    public SimdSession(Plan plan, int threads, bool? wide = null)
    {
        this.plan = plan;
        pool = WorkerPool.Of(threads);
        components = Component.Split(plan);
        programOfBlock = new int[plan.Blocks.Count];
        for (int p = 0; p < plan.Programs.Count; p++)
            foreach (int block in plan.Programs[p].Blocks) programOfBlock[block] = p;
        firstOfShape = Component.FirstOfShape(plan, components, programOfBlock);
        int[] blocks = [.. components.SelectMany(c => c.Sums.Select(plan.Regions.Block).Distinct())];
        sharedBlocks = blocks.Length != blocks.Distinct().Count();
        this.wide = IsWide(wide);
        copies = (sharedBlocks ? components.Length : 1) * Slices;
        canTabulate = !sharedBlocks && !this.wide && components.All(c => c.Sums.Length == c.Sums.Select(plan.Regions.Block).Distinct().Count());
        stateTables = PlaceStateTables();
        packs = MakePacks();
        layout = new WeightLayout(plan, programOfBlock, packs.SelectMany(PackBlocks));
        foreach (TablePack pack in packs) pack.Groups = [.. PackBlocks(pack).Select(g => layout.BlockOffset[g[0]])];
        makers = new WeightMakers<L, F, I>(plan);
        int rootBlock = plan.Regions.Block(plan.Regions.Root);
        root = new RootMixture(plan, layout.BlockOffset[rootBlock], layout.Stride(rootBlock));
        packed = new PackedEvidence(plan);
        workspaces = [.. Enumerable.Range(0, threads).Select(_ => new Workspace())];
        weightScratch = [.. Enumerable.Range(0, threads).Select(_ => new NativeBuffer((long)makers.ScratchFloats * WeightLayout.ChunkGroups * sizeof(float)))];
        parameters = new NativeBuffer((long)plan.ParameterCount * sizeof(float));
        weights = new NativeBuffer((long)layout.Floats * sizeof(float));

        inputParameters = plan.Tensors.Where(t => t.Start is ParameterStart.ByInputs).Sum(t => t.Count);
        inputValues = new double[inputParameters];
        inputGradient = new double[inputParameters * Slices];
        valueTableOf = PlaceValueTables(out int floats);
        valueTables = new NativeBuffer((long)floats * sizeof(float));
        packScratch = [.. Enumerable.Range(0, threads).Select(_ => new NativeBuffer((long)packs.Select(TablePacks<L, F, I>.ScratchFloats).DefaultIfEmpty(0).Max() * sizeof(float)))];

        weightItems = [.. ShareOutChunks()];
    }

    /// <summary>Rows of the call, padded to whole vectors.</summary>
    private int Covered => (rowCount + L.Count - 1) / L.Count * L.Count;

    /// <summary>Pieces of a batch that are worked on at the same time when the components are too few to share out.</summary>
    private int Slices => wide || components.Length >= ManyComponents ? 1 : 4;

    public void SetParameters(ReadOnlySpan<float> values)
    {
        using FlushToZero flush = FlushToZero.Here();
        fixed (float* given = values)
        {
            float* from = given;
            InPieces(plan.ParameterCount, (at, count) => new Span<float>(from + at, count).CopyTo(new Span<float>(parameters.Floats + at, count)));
        }
        for (int i = 0; i < inputParameters; i++) inputValues[i] = values[i];
        long floats = layout.Floats;
        pool.Run(weightItems.Length, (item, worker) =>
        {
            for (int c = weightItems[item].First; c < weightItems[item].End; c++)
            {
                ReadOnlySpan<WeightGroup> groups = Groups(layout.Chunks[c]);
                if (makers.Serves(groups[0].Program))
                    makers.Make(groups, parameters.Floats, weights.Floats + groups[0].Offset, weightScratch[worker].Floats);
                if (!gathers || (wide && groups[0].Stride == 1)) continue;
                int end = groups[^1].End;
                for (int copy = 0; copy < copies; copy++)
                {
                    int from = Math.Max(groups[0].Offset, copy == 0 ? layout.WantedFloats : 0);
                    if (from < end) new Span<float>(statistics.Floats + copy * floats + from, end - from).Clear();
                }
            }
        });
        tableStatisticsWritten = plainWritten = wideUnits = false;
        MakeOtherWeights();
        MakeValueTables();
        Array.Clear(inputGradient);
        tablesReady = false;
        logSpaceReady = false;
        edgeLists.Clear();
        if (logSpaceUsed)
        {
            Array.Clear(byWeights!);
            Array.Clear(byParameters!);
            logSpaceUsed = false;
        }
    }

    public void Forward(Evidence batch, ReadOnlySpan<int> samples, Span<double> logLikelihoods)
    {
        inDropout = dropout is not null;
        Upward(batch, samples, max: false, logLikelihoods);
        inDropout = false;
    }

    public void ForwardMax(Evidence batch, ReadOnlySpan<int> samples, Span<double> logValues) => Upward(batch, samples, max: true, logValues);

    private void Upward(Evidence batch, ReadOnlySpan<int> samples, bool max, Span<double> logLikelihoods)
    {
        using FlushToZero flush = FlushToZero.Here();
        Take(batch, samples);
        if (rowCount == 0) return;
        if (wide && !max && gathers && WideLanes() >= Covered)
        {
            // A downward pass will follow, as it did before: its units are made now.
            WideForward(0, Covered);
            root.Keep(WideBound, wideSpace, 0, Covered);
            wideUnits = true;
            root.Forward(weights.Floats, rowCount, pool, logLikelihoods, suspect);
            RedoForward(max, logLikelihoods);
            return;
        }

        // State tables hold sums.
        BoundComponent[] bound = max || (FusesLeaves && dropout is null)
            ? Programs(new ProgramOptions(PostOrder: true, ReuseSlots: true, Tabulate: false, FuseLeaves: FusesLeaves))
            : Programs(downward: false);
        int tile = TileLanes(bound, downward: false), tiles = (Covered + tile - 1) / tile;
        bool ownTables = MakeTables(bound, byComponent: tiles == 1);
        pool.Run(components.Length * tiles, (item, worker) =>
        {
            int c = item / tiles, start = item % tiles * tile, lanes = Math.Min(tile, Covered - start);
            if (ownTables)
                foreach (TablePack pack in PacksOf[c]) MakeTables(pack, worker);
            Workspace ws = workspaces[worker];
            ws.Fit(bound[c].Program, lanes, downward: false);
            RunSource source = Source(bound[c], start, copy: 0, slice: 0, worker);
            source.Max = max;
            OpRunner<L, F, I>.Forward(bound[c].Program, source, ws, lanes);
            root.Keep(bound[c], ws, start, lanes);
        });
        root.Forward(weights.Floats, rowCount, pool, logLikelihoods, suspect, max);
        RedoForward(max, logLikelihoods);
    }

    /// <summary>Makes a batch ready for an upward pass.</summary>
    private void Take(Evidence batch, ReadOnlySpan<int> samples)
    {
        evidence = batch;
        rows = samples.ToArray();
        rowCount = rows.Length;
        if (rowCount == 0) return;
        packed.Pack(batch, samples);
        root.Fit(rowCount, Covered);
        if (suspect.Length < packed.Stride) suspect = new byte[packed.Stride];
        Array.Clear(suspect);
    }

    /// <summary>Rows that lost range going up, in log space.</summary>
    private void RedoForward(bool max, Span<double> logLikelihoods)
    {
        for (int i = 0; i < rowCount; i++)
        {
            if (suspect[i] == 0) continue;
            LogSpacePass pass = LogSpaceOf(i);
            pass.Upward(evidence, rows[i], max);
            pass.Values(plan.Regions.Root).CopyTo(logLikelihoods[(i * plan.Classes)..]);
        }
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
            InPieces(gradient.Length, (at, count) => new Span<float>(to + at, count).Clear());
            pool.Run(weightItems.Length, (item, worker) =>
            {
                for (int c = weightItems[item].First; c < weightItems[item].End; c++)
                {
                    ReadOnlySpan<WeightGroup> groups = Groups(layout.Chunks[c]);
                    if (makers.Serves(groups[0].Program))
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
        AddLogSpaceGradient(gradient);
    }

    public void WeightFlows(Span<float> flows)
    {
        flows.Clear();
        if (!gathers) return;
        ClearUnwritten();
        FoldStatistics();
        for (int b = 0; b < plan.Blocks.Count; b++)
        {
            (int blockRows, int columns, int offset) = plan.Blocks[b];
            int at = layout.BlockOffset[b];
            for (int i = 0; i < blockRows * columns; i++, at += layout.Stride(b)) flows[offset + i] = weights.Floats[at] * statistics.Floats[at];
        }
        if (!logSpaceUsed) return;
        for (int i = 0; i < flows.Length; i++) flows[i] += (float)(byWeights![i] * LogSpace().Weights[i]);
    }

    public void Dispose()
    {
        foreach (Workspace ws in workspaces) ws.Dispose();
        foreach (NativeBuffer scratch in (NativeBuffer[])[.. weightScratch, .. packScratch, .. readOuts]) scratch.Dispose();
        foreach (NativeBuffer b in new[] { parameters, weights, valueTables, statistics, tables, tableSlopes, networkGradients }) b.Dispose();
        foreach ((Workspace space, NativeBuffer winners) in countSpaces)
        {
            space.Dispose();
            winners.Dispose();
        }
        wideSpace.Dispose();
        wideColumns.Dispose();
        root.Dispose();
        packed.Dispose();
        foreach (PackedEvidence own in routeEvidence) own.Dispose();
    }

    /// <summary>Runs over a long vector piece by piece: a single thread would not reach the speed of memory.</summary>
    private void InPieces(int length, Action<int, int> work)
    {
        const int piece = 1 << 16;
        pool.Run((length + piece - 1) / piece, (i, _) => work(i * piece, Math.Min(piece, length - i * piece)));
    }

    /// <summary>About as many items as asked for, none of which mixes programs: each gathers the gradient of one network at most.</summary>
    private IEnumerable<(int First, int End)> ShareOutChunks()
    {
        WeightChunk[] chunks = layout.Chunks;
        int perItem = Math.Max(1, (chunks.Length + WeightItems - 1) / WeightItems);
        for (int first = 0; first < chunks.Length;)
        {
            int end = first + 1;
            while (end < chunks.Length && end - first < perItem && ProgramOf(end) == ProgramOf(first)) end++;
            yield return (first, end);
            first = end;
        }

        int ProgramOf(int chunk) => layout.Groups[chunks[chunk].First].Program;
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
        OpProgram program = bound.Program;
        for (int b = 0; b < program.Boundary.Length; b++)
            for (int k = 0; k < program.SlotChannels[program.Boundary[b]]; k++)
            {
                var to = new Span<float>(ws.Slopes + (long)(program.SlotSlopes[program.Boundary[b]] + k) * lanes, lanes);
                new Span<float>(root.Slopes + (long)(bound.Source.Columns[b] + k) * root.Stride + start, lanes).CopyTo(to);
                for (int lane = 0; lane < lanes; lane++)
                    if (ws.Counts[lane] == 0) to[lane] = 0;
            }
    }
}
