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
    private readonly RootMixture<L, F, I> root;
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

    /// <summary>Whether every entry of a gradient is written by its block or input, so that none need be cleared before.</summary>
    private readonly bool writesAll;
    private readonly int[] programOfBlock;
    private readonly int[] firstOfShape;
    private readonly StateTable[] stateTables;
    private readonly TablePack[] packs;
    private readonly NativeBuffer[] packScratch;
    private readonly int inputParameters;
    private readonly double[] inputValues;
    private readonly double[] inputGradient;
    private double[] inputStatistics = [];
    private InputGathering gathering;
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
    private double[]? statisticsInLogSpace;
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
        writesAll = plan.Programs.All(p => p is SoftmaxProgram or AccumulatorProgram)
            && plan.Blocks.Total + plan.Tensors.Where(t => t.Start is ParameterStart.ByInputs).Sum(t => t.Count) + (plan.ClassLogits?.Count ?? 0) == plan.ParameterCount;
        root = new RootMixture<L, F, I>(plan, layout.BlockOffset[rootBlock], layout.Stride(rootBlock));
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
            pool.InPieces(plan.ParameterCount, (at, count) => new Span<float>(from + at, count).CopyTo(new Span<float>(parameters.Floats + at, count)));
        }
        Renew(made: []);
    }

    /// <summary>Makes what depends on the parameters, and forgets what was gathered.</summary>
    /// <param name="made">For each chunk whether its weights are made already; empty means none.</param>
    private void Renew(bool[] made)
    {
        pool.InPieces(inputParameters, (at, count) => Bulk.Widen(new ReadOnlySpan<float>(parameters.Floats + at, count), inputValues.AsSpan(at)));
        long floats = layout.Floats;
        pool.Run(weightItems.Length, (item, worker) =>
        {
            for (int c = weightItems[item].First; c < weightItems[item].End; c++)
            {
                ReadOnlySpan<WeightGroup> groups = Groups(layout.Chunks[c]);
                if ((made.Length == 0 || !made[c]) && makers.Serves(groups[0].Program))
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
        ClearGathered();
        tablesReady = false;
        logSpaceReady = false;
        edgeLists.Clear();
        if (logSpaceUsed)
        {
            Array.Clear(byWeights!);
            Array.Clear(byParameters!);
            Array.Clear(statisticsInLogSpace!);
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
            KeepWide(0, Covered);
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
        Hold(batch, samples);
        if (rowCount == 0) return;
        root.Fit(rowCount, Covered);
        if (suspect.Length < packed.Stride) suspect = new byte[packed.Stride];
        Array.Clear(suspect);
    }

    /// <summary>Packs the rows of a call; units of earlier ones are of no use any more.</summary>
    private void Hold(Evidence batch, ReadOnlySpan<int> samples)
    {
        evidence = batch;
        rows = samples.ToArray();
        rowCount = rows.Length;
        wideUnits = false;
        if (rowCount > 0) packed.Pack(batch, samples);
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
}
