using Spn.Core.Engines.Reference;
using Spn.Core.Engines.Simd.Kernels;

namespace Spn.Core.Engines.Simd;

/// <summary>The way out of the float range: rows and slopes that left it are redone in log space.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>A slope that left the float range on its way down: from where log space takes over.</summary>
    /// <param name="Component">The component.</param>
    /// <param name="Table">The table, or -1 for the component's top.</param>
    /// <param name="Lane">The row, or the state of the table.</param>
    /// <param name="Slopes">Slopes of the region or of the table's top; for a component they are the root's.</param>
    /// <param name="Region">The region that they belong to, or -1 for a table or the component's top.</param>
    /// <param name="Exponent">The region's exponent.</param>
    private sealed record LostSlope(int Component, int Table, int Lane, float[] Slopes, int Region = -1, int Exponent = 0);

    /// <summary>Keeps the slopes of a sum for log space.</summary>
    private void LoseSum(BoundComponent bound, int component, Op op, Workspace ws, int lane, int lanes, int start, List<LostSlope> lost)
    {
        float* q = ws.Slopes + (long)bound.Program.SlotSlopes[op.Slot] * lanes + lane;
        var own = new float[op.Channels];
        for (int k = 0; k < own.Length; k++) own[k] = q[k * lanes];
        lock (lost) lost.Add(new LostSlope(component, -1, start + lane, own, bound.Source.Sums[op.Place], ws.Exponents[op.Slot * lanes + lane]));
    }

    /// <summary>Takes lanes out whose slopes left the float range and says where log space has to take over.</summary>
    private static bool DropLost(int lanes, Workspace ws, List<LostSlope> lost, Func<int, LostSlope> from)
    {
        bool any = false;
        for (int lane = 0; lane < lanes; lane++)
        {
            if (ws.Largest[lane] < SimdLimits.LargestSlope) continue;
            any = true;
            ws.Counts[lane] = 0;
            lock (lost) lost.Add(from(lane));
        }
        return any;
    }

    /// <summary>Log space for a row of the call, with the products that are dropped there.</summary>
    private LogSpacePass LogSpaceOf(int row)
    {
        LogSpacePass pass = LogSpace();
        pass.Dropped = inDropout ? (dropout!, row) : null;
        return pass;
    }

    private LogSpacePass LogSpace()
    {
        logSpace ??= new LogSpacePass(plan);
        logSpace.Dropped = null;
        logSpace.Gathering = gathering;
        if (!logSpaceReady) logSpace.SetParameters(new ReadOnlySpan<float>(parameters.Floats, plan.ParameterCount));
        logSpaceReady = true;
        return logSpace;
    }

    /// <summary>Where log space adds up what is gathered at inputs.</summary>
    private Span<double> AtInputs => gathering switch
    {
        InputGathering.Gradient => byParameters,
        InputGathering.Statistics => statisticsInLogSpace,
        _ => [],
    };

    /// <summary>Rows that lost range going up are redone whole; slopes lost going down, from the region where that showed.</summary>
    private void RedoInLogSpace(ReadOnlySpan<double> seeds, List<LostSlope> lost)
    {
        if (lost.Count == 0 && suspect.AsSpan(0, rowCount).IndexOf((byte)1) < 0) return;
        LogSpacePass pass = LogSpace();
        byWeights ??= new double[plan.Blocks.Total];
        byParameters ??= new double[plan.ParameterCount];
        statisticsInLogSpace ??= new double[plan.StatisticCount];
        logSpaceUsed = true;
        for (int i = 0; i < rowCount; i++)
        {
            if (suspect[i] == 0) continue;
            LogSpaceOf(i).Upward(evidence, rows[i]);
            pass.DownwardFromRoot(evidence, rows[i], seeds.IsEmpty ? seeds : seeds.Slice(i * plan.Classes, plan.Classes), byWeights, AtInputs);
        }
        foreach (LostSlope slope in lost.OrderBy(l => (l.Component, l.Table, l.Lane, l.Region)))
        {
            if (slope.Table >= 0) RedoTable(pass, slope);
            else if (slope.Lane < rowCount && slope.Region >= 0) RedoSum(pass, slope);
            else if (slope.Lane < rowCount) RedoComponent(pass, slope);
        }
    }

    private void RedoComponent(LogSpacePass pass, LostSlope slope)
    {
        Component own = components[slope.Component];
        LogSpaceOf(slope.Lane).Upward(evidence, rows[slope.Lane]);
        var starts = new List<(int, int, double, int)>();
        for (int b = 0; b < own.Boundary.Length; b++)
            for (int k = 0; k < plan.Regions.Channels(own.Boundary[b]); k++)
                starts.Add((own.Boundary[b], k, root.Slopes[(long)(own.Columns[b] + k) * root.Stride + slope.Lane],
                    root.Exponents[(long)root.ChildOfColumn[own.Columns[b]] * root.Stride + slope.Lane]));
        Downward(pass, evidence, rows[slope.Lane], starts);
    }

    private void RedoSum(LogSpacePass pass, LostSlope slope)
    {
        LogSpaceOf(slope.Lane).Upward(evidence, rows[slope.Lane]);
        Downward(pass, evidence, rows[slope.Lane], [.. slope.Slopes.Select((s, k) => (slope.Region, k, (double)s, slope.Exponent))]);
    }

    private void RedoTable(LogSpacePass pass, LostSlope slope)
    {
        StateTable table = stateTables[slope.Table];
        var values = new float[plan.Variables];
        for (int i = 0; i < table.Variables.Length; i++) values[table.Variables[i]] = slope.Lane >> i & 1;
        var state = Evidence.From(values, plan.Variables);
        pass.Upward(state, 0);
        int exponent = ((int*)(tables.Floats + table.Offset + 16 * table.Channels))[slope.Lane];
        Downward(pass, state, 0, [.. slope.Slopes.Select((s, k) => (table.Top, k, (double)s, exponent))]);
    }

    /// <summary>A downward pass from given slopes, first the positive ones, then the negative ones.</summary>
    private void Downward(LogSpacePass pass, Evidence batch, int row, List<(int Region, int Channel, double Slope, int Exponent)> starts)
    {
        foreach (double sign in (ReadOnlySpan<double>)[1, -1])
        {
            pass.ClearSlopes();
            int top = -1;
            foreach ((int region, int channel, double slope, int exponent) in starts)
            {
                if (!(sign * slope > 0)) continue;
                pass.Seed(region, channel, Math.Log(sign * slope) - exponent * Math.Log(2));
                top = Math.Max(top, region);
            }
            if (top >= 0) pass.Downward(batch, row, top, sign, byWeights, AtInputs);
        }
    }

    /// <summary>What log space gathered stays in double precision up to the parameters: its derivatives may exceed the float range where weights are 0.</summary>
    private void AddLogSpaceGradient(Span<float> gradient)
    {
        if (!logSpaceUsed) return;
        var own = (double[])byParameters!.Clone();
        LogSpace().PullBack(byWeights!, own);
        for (int i = 0; i < own.Length; i++) gradient[i] += (float)own[i];
    }
}
