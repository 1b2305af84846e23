using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Downward passes that answer for each row: expectations of all variables, flows into the units of one.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private static readonly ProgramOptions QueryProgram = new(PostOrder: true, ReuseSlots: false, Tabulate: false, InputSlopes: true);

    /// <summary>Whether sums over indicators may be looked up by values some of which are hidden.</summary>
    private bool FusesLeaves => packed.Hidden != null && !packed.HasSets;

    private NativeBuffer[] readOuts = [];
    private double[] centres = [];

    public void Expectations(ReadOnlySpan<double> seeds, ReadOnlySpan<double> centresOfMoments, Span<double> expectations)
    {
        centres = centresOfMoments.ToArray();
        int[] offsets = new int[plan.Regions.Count], matrices = new int[plan.Regions.Count];
        using NativeBuffer values = ExpectationMatrices(offsets, matrices);
        nint first = (nint)values.Floats;
        ReadOut(seeds, plan.ExpectationsOf[^1], expectations, hiddenOnly: true,
            region => new InputReadOut(offsets[region], matrices[region] < 0 ? 0 : first + (nint)matrices[region] * sizeof(float),
                plan.Regions.Input(region).Family.Expectations, HiddenOnly: true),
            (pass, row, own, to) => pass.Expectations(evidence, row, own, centres, to));
    }

    public void InputFlows(int variable, ReadOnlySpan<double> seeds, Span<double> flows)
    {
        var offsets = new int[plan.Regions.Count];
        Array.Fill(offsets, -1);
        int width = 0;
        foreach (int region in plan.InputsOf(variable))
        {
            offsets[region] = width;
            width += plan.Regions.Channels(region);
        }
        ReadOut(seeds, width, flows, hiddenOnly: false, region => new InputReadOut(offsets[region], 0, plan.Regions.Channels(region), HiddenOnly: false),
            (pass, row, own, to) => pass.InputFlows(evidence, row, variable, own, to));
    }

    /// <summary>For each input region what every channel expects, [expectation, channel]; indicators need no matrix.</summary>
    private NativeBuffer ExpectationMatrices(int[] offsets, int[] matrices)
    {
        int floats = 0;
        for (int r = 0; r < plan.Regions.Count; r++)
        {
            if (plan.Regions.Kind(r) != RegionKind.Input) continue;
            InputPlace input = plan.Regions.Input(r);
            offsets[r] = plan.ExpectationsOf[input.Variable];
            matrices[r] = input.Family is IndicatorFamily ? -1 : floats;
            if (matrices[r] >= 0) floats += input.Family.Components * input.Family.Expectations;
        }
        var buffer = new NativeBuffer((long)floats * sizeof(float));
        for (int r = 0; r < plan.Regions.Count; r++)
        {
            if (plan.Regions.Kind(r) != RegionKind.Input || matrices[r] < 0) continue;
            InputPlace input = plan.Regions.Input(r);
            var own = new double[input.Family.Expectations];
            for (int k = 0; k < input.Family.Components; k++)
            {
                input.Family.Expect(k, null, inputValues.AsSpan(input.Offset, input.Family.ParameterCount), centres[input.Variable], own);
                for (int j = 0; j < own.Length; j++) buffer.Floats[matrices[r] + j * input.Family.Components + k] = (float)own[j];
            }
        }
        return buffer;
    }

    private delegate void RedoRow(LogSpacePass pass, int row, ReadOnlySpan<double> seeds, Span<double> to);

    /// <summary>A soft downward pass whose flows are added up, row by row, over all components.</summary>
    /// <param name="seeds">Share of each class, [row, class], or empty for 1.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="result">Receives [row, number].</param>
    /// <param name="hiddenOnly">Whether only the numbers of hidden variables matter.</param>
    /// <param name="placeOf">For an input region what it adds to.</param>
    /// <param name="redo">The same in log space.</param>
    private void ReadOut(ReadOnlySpan<double> seeds, int width, Span<double> result, bool hiddenOnly, Func<int, InputReadOut> placeOf, RedoRow redo)
    {
        using FlushToZero flush = FlushToZero.Here();
        if (rowCount == 0) return;
        root.Backward(weights.Floats, null, rowCount, seeds, suspect, pool);
        BoundComponent[] bound = Programs(QueryProgram with { FuseLeaves = FusesLeaves && hiddenOnly });
        InputReadOut[][] places = [.. components.Select(c => c.Inputs.Select(placeOf).ToArray())];
        int tile = ReadOutLanes(bound, width), tiles = (Covered + tile - 1) / tile;
        if (readOuts.Length == 0) readOuts = [.. workspaces.Select(_ => new NativeBuffer(0))];
        var lost = new bool[packed.Stride];
        fixed (double* target = result)
        {
            double* to = target;
            pool.Run(tiles, (t, worker) =>
            {
                int start = t * tile, lanes = Math.Min(tile, Covered - start);
                float* numbers = Zeroed(ref readOuts[worker], (long)width * lanes);
                for (int c = 0; c < components.Length; c++) ReadOutTile(bound[c], places[c], start, lanes, worker, numbers, lost);
                for (int lane = 0; lane < lanes && start + lane < rowCount; lane++)
                {
                    double* row = to + (long)(start + lane) * width;
                    for (int j = 0; j < width; j++) row[j] = numbers[(long)j * lanes + lane];
                }
            });
        }
        for (int i = 0; i < rowCount; i++)
        {
            if (suspect[i] == 0 && !lost[i]) continue;
            LogSpacePass pass = LogSpace();
            pass.Upward(evidence, rows[i]);
            Span<double> own = result.Slice(i * width, width);
            own.Clear();
            redo(pass, rows[i], seeds.IsEmpty ? seeds : seeds.Slice(i * plan.Classes, plan.Classes), own);
        }
    }

    private void ReadOutTile(BoundComponent bound, InputReadOut[] places, int start, int lanes, int worker, float* numbers, bool[] lost)
    {
        Workspace ws = workspaces[worker];
        OpProgram program = bound.Program;
        ws.Fit(program, lanes, downward: true);
        RunSource source = Source(bound, start, copy: 0, slice: 0, worker);
        source.Centres = centres;
        source.ReadOuts = places;
        source.Numbers = numbers;
        OpRunner<L, F, I>.Forward(program, source, ws, lanes);
        new Span<float>(ws.Counts, lanes).Fill(1);
        SeedBoundary(bound, ws, start, lanes);
        OpRunner<L, F, I>.Backward(program, source, ws, lanes, first: true, (_, lane) => lost[start + lane] = true);
        for (int lane = 0; lane < lanes; lane++)
            if (!(ws.Largest[lane] < SimdLimits.LargestSlope)) lost[start + lane] = true;
    }

    /// <summary>Lanes of a tile: what fits the cache beside the numbers, and enough tiles for all workers.</summary>
    private int ReadOutLanes(BoundComponent[] bound, int width)
    {
        long perLane = bound.Max(b => Workspace.LaneBytes(b.Program, downward: true)) + (long)width * sizeof(float);
        int most = (int)Math.Clamp(TileBytes / perLane / 32 * 32, LeastTile, 512);
        int shared = (packed.Stride / 32 + pool.Threads - 1) / pool.Threads * 32;
        return Math.Max(32, Math.Min(most, shared));
    }

    private static float* Zeroed(ref NativeBuffer buffer, long floats)
    {
        if (buffer.Bytes < floats * sizeof(float))
        {
            buffer.Dispose();
            buffer = new NativeBuffer(floats * sizeof(float));
        }
        for (long at = 0; at < floats; at += 1 << 20)
            new Span<float>(buffer.Floats + at, (int)Math.Min(1 << 20, floats - at)).Clear();
        return buffer.Floats;
    }
}
