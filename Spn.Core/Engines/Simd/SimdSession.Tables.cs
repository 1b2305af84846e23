using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The state tables: subtrees of few binary variables, evaluated sixteen side by side.</summary>
internal sealed unsafe partial class SimdSession<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>All subtrees that are kept as tables, component by component.</summary>
    private StateTable[] PlaceStateTables()
    {
        if (!canTabulate) return [];
        OpProgram[] shapes = Shapes(new ProgramOptions(PostOrder: true, ReuseSlots: true, Tabulate: true));
        List<StateTable> all = [];
        for (int c = 0, first = 0; c < shapes.Length; c++)
        {
            Component own = components[c];
            foreach (TableShape shape in shapes[c].Tables)
            {
                int[] inputs = [.. shape.Inputs.Select(i => own.Inputs[i])];
                int[] sums = [.. shape.Sums.Select(i => own.Sums[i])];
                all.Add(new StateTable(c, sums[^1], sums, inputs, [.. inputs.Select(r => plan.Regions.Input(r).Variable)], shape, first + shape.Offset));
            }
            first += shapes[c].Tables.Length == 0 ? 0 : shapes[c].Tables[^1].End;
        }
        return [.. all];
    }

    /// <summary>Packs by component where each fills many: they then run while the component's weights and tables are in cache.</summary>
    private bool PacksByComponent => Slices == 1 && stateTables.Length >= 4 * WeightGroup.Lanes * components.Length;

    private TablePack[] MakePacks() =>
        [.. stateTables.GroupBy(t => t.Shape.Key).SelectMany(alike => alike.GroupBy(t => PacksByComponent ? t.Component : 0)
            .SelectMany(own => own.Chunk(WeightGroup.Lanes)).Select(members => new TablePack(alike.First().Shape.Steps, members)))];

    private ILookup<int, TablePack> PacksOf => field ??= packs.ToLookup(p => PacksByComponent ? p.Members[0].Component : -1);

    /// <summary>For each sum of a pack's shape the blocks of its members.</summary>
    private IEnumerable<int[]> PackBlocks(TablePack pack) =>
        Enumerable.Range(0, pack.Members[0].Sums.Length).Select(i => pack.Members.Select(m => plan.Regions.Block(m.Sums[i])).ToArray());

    /// <summary>Makes the tables unless each component makes its own, which the result says.</summary>
    private bool MakeTables(BoundComponent[] bound, bool byComponent)
    {
        if (tablesReady || bound.All(b => b.TableFloats == 0)) return false;
        long floats = bound.Sum(b => (long)b.TableFloats);
        if (tables.Bytes < floats * sizeof(float))
        {
            tables.Dispose();
            tables = new NativeBuffer(floats * sizeof(float));
        }
        tablesReady = true;
        if (byComponent && PacksByComponent) return true;
        pool.Run(packs.Length, (p, worker) => MakeTables(packs[p], worker));
        return false;
    }

    private void MakeTables(TablePack pack, int worker) => TablePacks<L, F, I>.Make(pack, weights.Floats, ValueTable, tables.Floats, packScratch[worker].Floats);

    /// <summary>Address of an input region's value table, or 0 for indicators; null when all inputs are indicators.</summary>
    private Func<int, nint>? ValueTable => inputParameters == 0 ? null : field ??=
        region => ValueTableOfRegion[region] is var place && place < 0 ? 0 : (nint)(valueTables.Floats + place);

    private Dictionary<int, int> ValueTableOfRegion => field ??=
        components.SelectMany((c, i) => c.Inputs.Select((r, k) => (r, valueTableOf[i][k]))).ToDictionary(p => p.r, p => p.Item2);

    /// <summary>Makes room for the slopes of tables; the first tile of a slice clears each table's own.</summary>
    private void FitTableSlopes(BoundComponent[] bound)
    {
        tableSlopesUsed = bound.Any(b => b.TableFloats > 0);
        long bytes = PacksByComponent ? (long)bound.Max(b => b.TableFloats) * sizeof(float) * pool.Threads : tables.Bytes * Slices;
        if (!tableSlopesUsed || tableSlopes.Bytes >= bytes) return;
        tableSlopes.Dispose();
        tableSlopes = new NativeBuffer(bytes);
    }

    /// <summary>Slopes of the tables of all components; a worker that carries them down at once needs those of one component at a time.</summary>
    private float* TableSlopes(BoundComponent bound, int slice, int worker) => PacksByComponent
        ? tableSlopes.Floats + tableSlopes.Bytes / sizeof(float) / pool.Threads * worker - bound.TableOffset
        : tableSlopes.Floats + slice * (tables.Bytes / sizeof(float));

    /// <summary>Statistics of blocks within tables are written whole by the first downward pass; whoever reads or adds without it calls this before.</summary>
    private void ClearUnwritten()
    {
        if (wide && !plainWritten) ClearPlain(rootOnly: false);
        plainWritten = true;
        if (tableStatisticsWritten) return;
        new Span<float>(statistics.Floats, layout.WantedFloats).Clear();
        tableStatisticsWritten = true;
    }

    private void TablesDownward(TablePack pack, float* slopes, float* memory, List<LostSlope> lost)
    {
        TablePacks<L, F, I>.Downward(pack, weights.Floats, statistics.Floats, !tableStatisticsWritten, ValueTable, slopes,
            (member, state) =>
            {
                StateTable table = pack.Members[member];
                float* from = slopes + table.Offset + state;
                var own = new float[table.Channels];
                for (int k = 0; k < own.Length; k++) own[k] = from[16 * k];
                lock (lost) lost.Add(new LostSlope(table.Component, Array.IndexOf(stateTables, table), state, own));
            },
            (region, component, value, flow) =>
            {
                InputPlace input = plan.Regions.Input(region);
                Span<double> own = inputValues.AsSpan(input.Offset, input.Family.ParameterCount);
                if (gathering == InputGathering.Gradient) input.Family.AddGradient(component, value, flow, own, inputGradient.AsSpan(input.Offset, own.Length));
                else if (gathering == InputGathering.Statistics && input.Family.Learns)
                    input.Family.AddStatistics(component, value, flow, own, inputStatistics.AsSpan(plan.FirstStatistic[region], input.Family.StatisticCount));
            },
            memory);
    }

    /// <summary>Adds the slopes that all slices gathered into the first, in order.</summary>
    private void FoldTableSlopes(TablePack pack)
    {
        foreach (StateTable table in pack.Members)
            for (int slice = 1; slice < Slices; slice++)
                RegionKernel<L, F, I>.Add(tableSlopes.Floats + slice * (tables.Bytes / sizeof(float)) + table.Offset, tableSlopes.Floats + table.Offset, 16 * table.Channels);
    }
}
