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

    /// <summary>Wide circuits leave the fast caches anyway; so they make their look-up tables for more lanes at a time.</summary>
    private const int LeastReadOutTile = 112;

    private NativeBuffer[] readOuts = [];
    private double[] centres = [];

    public void Expectations(
        Evidence batch, ReadOnlySpan<int> samples, ReadOnlySpan<double> prior, ReadOnlySpan<double> centresOfMoments, Span<double> logLikelihoods, Span<double> expectations)
    {
        centres = centresOfMoments.ToArray();
        int[] offsets = new int[plan.Regions.Count], matrices = new int[plan.Regions.Count];
        using NativeBuffer values = ExpectationMatrices(offsets, matrices);
        nint first = (nint)values.Floats;
        ReadOut(batch, samples, prior, logLikelihoods, plan.ExpectationsOf[^1], expectations, hiddenOnly: true,
            region => new InputReadOut(offsets[region], matrices[region] < 0 ? 0 : first + (nint)matrices[region] * sizeof(float),
                plan.Regions.Input(region).Family.Expectations, HiddenOnly: true),
            (pass, row, shares, to) => pass.Expectations(evidence, row, shares, centres, to));
    }

    public void InputFlows(Evidence batch, ReadOnlySpan<int> samples, int variable, ReadOnlySpan<double> prior, Span<double> logLikelihoods, Span<double> flows)
    {
        var offsets = new int[plan.Regions.Count];
        Array.Fill(offsets, -1);
        int width = 0;
        foreach (int region in plan.InputsOf(variable))
        {
            offsets[region] = width;
            width += plan.Regions.Channels(region);
        }
        ReadOut(batch, samples, prior, logLikelihoods, width, flows, hiddenOnly: false,
            region => new InputReadOut(offsets[region], 0, plan.Regions.Channels(region), HiddenOnly: false),
            (pass, row, shares, to) => pass.InputFlows(evidence, row, variable, shares, to));
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

    private delegate void RedoRow(LogSpacePass pass, int row, double[] shares, Span<double> to);

    /// <summary>Where the mixture at the root stands while one component after another joins it, [lane].</summary>
    private sealed class Joining(int lanes, int variables)
    {
        /// <summary>Sum so far, and the exponent that it and the numbers are counted in.</summary>
        public readonly float[] Sum = new float[lanes];
        public readonly int[] Exponent = new int[lanes];

        /// <summary>Largest error exponent.</summary>
        public readonly int[] Worst = [.. Enumerable.Repeat(int.MinValue / 2, lanes)];
        public readonly bool[] Lost = new bool[lanes];

        /// <summary>[variable] whether a lane hides it.</summary>
        public readonly bool[] Hidden = new bool[variables];
    }

    /// <summary>One pass up and down in which the flows of every component are added up, row by row.</summary>
    /// <remarks>
    /// Flows are counted in the exponent of the components seen so far and divided by the likelihood at the end, so that no pass
    /// over all components has to find the likelihood first.
    /// </remarks>
    /// <param name="batch">The batch.</param>
    /// <param name="samples">The rows.</param>
    /// <param name="prior">p(class).</param>
    /// <param name="logLikelihoods">Receives log p(observed), [row].</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="result">Receives [row, number].</param>
    /// <param name="hiddenOnly">Whether only the numbers of hidden variables matter.</param>
    /// <param name="placeOf">For an input region what it adds to.</param>
    /// <param name="redo">The same in log space.</param>
    private void ReadOut(
        Evidence batch, ReadOnlySpan<int> samples, ReadOnlySpan<double> prior, Span<double> logLikelihoods, int width, Span<double> result,
        bool hiddenOnly, Func<int, InputReadOut> placeOf, RedoRow redo)
    {
        using FlushToZero flush = FlushToZero.Here();
        Hold(batch, samples);
        if (rowCount == 0) return;
        BoundComponent[] bound = Programs(QueryProgram with { FuseLeaves = FusesLeaves && hiddenOnly });
        InputReadOut[][] places = [.. components.Select(c => c.Inputs.Select(placeOf).ToArray())];
        float[] top = root.Mixed(weights.Floats, prior);
        int tile = ReadOutLanes(bound, width), tiles = (Covered + tile - 1) / tile;
        if (readOuts.Length == 0) readOuts = [.. workspaces.Select(_ => new NativeBuffer(0))];
        var lost = new bool[Covered];
        fixed (double* target = result, logs = logLikelihoods)
        {
            double* to = target, likelihoods = logs;
            pool.Run(tiles, (t, worker) =>
            {
                int start = t * tile, lanes = Math.Min(tile, Covered - start);
                float* numbers = Zeroed(ref readOuts[worker], (long)width * lanes);
                var joining = new Joining(lanes, plan.Variables);
                for (int v = 0; v < plan.Variables; v++) joining.Hidden[v] = AnyHidden(v, start, lanes);
                for (int c = 0; c < components.Length; c++) ReadOutTile(bound[c], places[c], top, start, lanes, worker, numbers, width, joining, first: c == 0);
                for (int lane = 0; lane < lanes && start + lane < rowCount; lane++)
                {
                    float sum = joining.Sum[lane];
                    lost[start + lane] = joining.Lost[lane] || !(Math.ScaleB(1, Math.Clamp(joining.Worst[lane] - joining.Exponent[lane], -1000, 1000)) <= SimdLimits.Tolerated * sum);
                    likelihoods[start + lane] = Math.Log(sum) + joining.Exponent[lane] * Math.Log(2);
                }
                Hand(numbers, joining.Sum, width, lanes, Math.Min(lanes, rowCount - start), to + (long)start * width);
            });
        }
        for (int i = 0; i < rowCount; i++)
        {
            if (!lost[i]) continue;
            LogSpacePass pass = LogSpace();
            pass.Upward(evidence, rows[i]);
            double[] shares = pass.ClassShares(prior, out logLikelihoods[i]);
            Span<double> own = result.Slice(i * width, width);
            own.Clear();
            redo(pass, rows[i], shares, own);
        }
    }

    /// <summary>Divides numbers by the likelihoods and turns them round: [number, lane] becomes [row, number].</summary>
    private static void Hand(float* numbers, float[] sums, int width, int lanes, int count, double* to)
    {
        // Some rows at a time, so that each piece of a cache line that is read is used at once.
        const int together = 8;
        double* shares = stackalloc double[together];
        for (int first = 0; first < count; first += together)
        {
            int own = Math.Min(together, count - first);
            for (int i = 0; i < own; i++) shares[i] = 1.0 / sums[first + i];
            for (int j = 0; j < width; j++)
            {
                float* from = numbers + (long)j * lanes + first;
                double* cell = to + (long)first * width + j;
                for (int i = 0; i < own; i++, cell += width) *cell = from[i] * shares[i];
            }
        }
    }

    private void ReadOutTile(
        BoundComponent bound, InputReadOut[] places, float[] top, int start, int lanes, int worker, float* numbers, int width, Joining joining, bool first)
    {
        Workspace ws = workspaces[worker];
        OpProgram program = bound.Program;
        ws.Fit(program, lanes, downward: true, errors: true);
        RunSource source = Source(bound, start, copy: 0, slice: 0, worker);
        source.Centres = centres;
        source.ReadOuts = places;
        source.Numbers = numbers;
        source.HiddenVariables = joining.Hidden;
        OpRunner<L, F, I>.Forward(program, source, ws, lanes);
        Join(bound, top, ws, lanes, numbers, width, joining, first);
        OpRunner<L, F, I>.Backward(program, source, ws, lanes, first: true, (_, lane) => joining.Lost[lane] = true);
        for (int lane = 0; lane < lanes; lane++)
            if (!(ws.Largest[lane] < SimdLimits.LargestSlope)) joining.Lost[lane] = true;
    }

    /// <summary>Adds a component's tops to the mixture and starts their slopes.</summary>
    private static void Join(BoundComponent bound, float[] top, Workspace ws, int lanes, float* numbers, int width, Joining joining, bool first)
    {
        // Between components the numbers may grow that far before they are scaled down.
        const int headroom = 40;
        OpProgram program = bound.Program;
        for (int lane = 0; lane < lanes; lane++)
        {
            int highest = int.MinValue / 2;
            foreach (int slot in program.Boundary)
            {
                int e = ws.Exponents[slot * lanes + lane];
                highest = Math.Max(highest, e);
                joining.Worst[lane] = Math.Max(joining.Worst[lane], ws.Errors[slot * lanes + lane] + e);
            }
            if (first) joining.Exponent[lane] = highest;
            else if (highest > joining.Exponent[lane] + headroom)
            {
                float factor = Power(joining.Exponent[lane] - highest);
                joining.Exponent[lane] = highest;
                joining.Sum[lane] *= factor;
                for (int j = 0; j < width; j++) numbers[(long)j * lanes + lane] *= factor;
            }
            // A root may mix many thousand columns.
            double sum = 0;
            for (int b = 0; b < program.Boundary.Length; b++)
            {
                int slot = program.Boundary[b];
                float factor = Power(ws.Exponents[slot * lanes + lane] - joining.Exponent[lane]);
                for (int k = 0; k < program.SlotChannels[slot]; k++)
                {
                    float slope = top[bound.Source.Columns[b] + k] * factor;
                    ws.Slopes[(long)(program.SlotSlopes[slot] + k) * lanes + lane] = slope;
                    sum += slope * ws.Units[(long)(program.SlotUnits[slot] + k) * lanes + lane];
                }
            }
            joining.Sum[lane] += (float)sum;
        }

        static float Power(int exponent) => exponent < -126 ? 0 : BitConverter.Int32BitsToSingle(exponent + 127 << 23);
    }

    /// <summary>Lanes of a tile: what fits the cache beside the numbers, and enough tiles for all workers.</summary>
    private int ReadOutLanes(BoundComponent[] bound, int width)
    {
        long perLane = bound.Max(b => Workspace.LaneBytes(b.Program, downward: true)) + (long)width * sizeof(float);
        int most = (int)Math.Clamp(TileBytes / perLane / 32 * 32, LeastReadOutTile, 512);
        int shared = (packed.Stride / 32 + pool.Threads - 1) / pool.Threads * 32;
        return Math.Max(32, Math.Min(most, shared));
    }

    private bool AnyHidden(int variable, int start, int lanes) =>
        packed.Hidden != null && new Span<byte>(packed.Hidden + (long)variable * packed.Stride + start, lanes).IndexOfAnyExcept((byte)0) >= 0;

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
