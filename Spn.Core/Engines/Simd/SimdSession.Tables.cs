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

    private TablePack[] MakePacks() =>
        [.. stateTables.GroupBy(t => t.Shape.Key).SelectMany(g => g.Chunk(WeightGroup.Lanes)).Select(members => new TablePack(members[0].Shape.Steps, members))];

    /// <summary>For each sum of a pack's shape the blocks of its members.</summary>
    private IEnumerable<int[]> PackBlocks(TablePack pack) =>
        Enumerable.Range(0, pack.Members[0].Sums.Length).Select(i => pack.Members.Select(m => plan.Regions.Block(m.Sums[i])).ToArray());

    private void MakeTables(BoundComponent[] bound)
    {
        if (tablesReady || bound.All(b => b.TableFloats == 0)) return;
        long floats = bound.Sum(b => (long)b.TableFloats);
        if (tables.Bytes < floats * sizeof(float))
        {
            tables.Dispose();
            tables = new NativeBuffer(floats * sizeof(float));
        }
        pool.Run(packs.Length, (p, worker) => TablePacks<L, F, I>.Make(packs[p], weights.Floats, ValueTable, tables.Floats, packScratch[worker].Floats));
        tablesReady = true;
    }

    /// <summary>Address of an input region's value table, or 0 for indicators.</summary>
    private Func<int, nint> ValueTable => field ??= inputParameters == 0 ? _ => 0 : region => (nint)(valueTables.Floats + ValueTableOfRegion[region]);

    private Dictionary<int, int> ValueTableOfRegion => field ??=
        components.SelectMany((c, i) => c.Inputs.Select((r, k) => (r, valueTableOf[i][k]))).ToDictionary(p => p.r, p => p.Item2);

    /// <summary>Makes room for the slopes of tables; the first tile of a slice clears each table's own.</summary>
    private void FitTableSlopes(BoundComponent[] bound)
    {
        tableSlopesUsed = bound.Any(b => b.TableFloats > 0);
        if (!tableSlopesUsed || tableSlopes.Bytes >= tables.Bytes * Slices) return;
        tableSlopes.Dispose();
        tableSlopes = new NativeBuffer(tables.Bytes * Slices);
    }

    private Span<float> TableSlopesOf(BoundComponent bound, int slice) =>
        new(tableSlopes.Floats + slice * (tables.Bytes / sizeof(float)) + bound.TableOffset, bound.TableFloats);

    /// <summary>Statistics of blocks within tables are written whole by the first downward pass; whoever reads or adds without it calls this before.</summary>
    private void ClearUnwritten()
    {
        if (tableStatisticsWritten) return;
        new Span<float>(statistics.Floats, layout.WantedFloats).Clear();
        tableStatisticsWritten = true;
    }

    private void TablesDownward(TablePack pack, float* memory, List<LostSlope> lost)
    {
        FoldTableSlopes(pack);
        TablePacks<L, F, I>.Downward(pack, weights.Floats, statistics.Floats, !tableStatisticsWritten, ValueTable, tableSlopes.Floats,
            (member, state) =>
            {
                StateTable table = pack.Members[member];
                float* from = tableSlopes.Floats + table.Offset + state;
                var own = new float[table.Channels];
                for (int k = 0; k < own.Length; k++) own[k] = from[16 * k];
                lock (lost) lost.Add(new LostSlope(table.Component, Array.IndexOf(stateTables, table), state, own));
            },
            (region, component, value, flow) =>
            {
                InputPlace input = plan.Regions.Input(region);
                int count = input.Family.ParameterCount;
                input.Family.AddGradient(component, value, flow, inputValues.AsSpan(input.Offset, count), inputGradient.AsSpan(input.Offset, count));
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
