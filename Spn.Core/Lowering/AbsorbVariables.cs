using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Takes variables out of a plan, so that the weights of the sums can take up what was observed of them.</summary>
/// <param name="Plan">The plan over the remaining variables, in order; every sum has free weights of its own.</param>
/// <param name="Source">For each of its regions the region of the original plan.</param>
/// <param name="FirstLogit">Where the logits of the sums start among the parameters; they stand in the order of the blocks' weights.</param>
internal sealed record AbsorbVariables(Plan Plan, int[] Source, int FirstLogit)
{
    /// <summary>Takes variables out.</summary>
    /// <param name="plan">The original plan.</param>
    /// <param name="absorbed">The variables.</param>
    /// <exception cref="CircuitException">A variable does not exist or is named twice, or none remains.</exception>
    public static AbsorbVariables From(Plan plan, IReadOnlyList<int> absorbed)
    {
        var place = new int[plan.Variables]; // of each remaining variable; -1 for the others
        foreach (int v in absorbed)
        {
            if (v < 0 || v >= plan.Variables || place[v] < 0)
                throw new CircuitException("Absorbed variables", "no such variables", $"{string.Join(", ", absorbed)} of {plan.Variables} variables.", $"Name variables 0 to {plan.Variables - 1}, each once.");
            place[v] = -1;
        }
        if (absorbed.Count == plan.Variables)
            throw new CircuitException("Absorbed variables", "no variable remains", $"All {plan.Variables} variables are observed.", "Leave at least one hidden.");
        for (int v = 0, next = 0; v < place.Length; v++)
            if (place[v] >= 0) place[v] = next++;
        return Build(plan, place);
    }

    private static AbsorbVariables Build(Plan plan, int[] place)
    {
        RegionTable old = plan.Regions, regions = new(old.Count);
        WeightBlocks blocks = new();
        var moved = new int[old.Count]; // new index; -1 where no variable remains
        List<int> source = [];
        int inputs = 0;
        for (int r = 0; r < old.Count; r++)
        {
            moved[r] = -1;
            bool absorbed = old.Kind(r) == RegionKind.Input && place[old.Input(r).Variable] < 0;
            int[] factors = [.. Enumerable.Range(0, old.Children(r).Length).Where(t => moved[old.Children(r)[t]] >= 0)];
            int[] children = [.. factors.Select(t => moved[old.Children(r)[t]])];
            if (absorbed || (children.Length == 0 && old.Kind(r) != RegionKind.Input)) continue;
            switch (old.Kind(r))
            {
                case RegionKind.Input:
                    InputFamily family = old.Input(r).Family;
                    moved[r] = regions.AddInput(new InputPlace(family, place[old.Input(r).Variable], inputs), Scope.Single(place[old.Input(r).Variable]), old.Layer(r));
                    inputs += family.ParameterCount;
                    break;
                case RegionKind.Product:
                    ChannelTable table = old.Table(r);
                    if (factors.Length < table.Children) table = new ChannelTable(factors.Length, table.Channels, (t, o) => old.Table(r)[factors[t], o]);
                    moved[r] = regions.AddProduct(table, children, Scope.Union([.. children.Select(regions.Scope)]), old.Layer(r));
                    break;
                default:
                    (int rows, int columns, _) = plan.Blocks[old.Block(r)];
                    moved[r] = regions.AddSum(rows, blocks.Add(rows, columns), children, regions.Scope(children[0]), old.Layer(r));
                    break;
            }
            source.Add(r);
        }
        List<ParameterTensor> tensors = [];
        if (ParameterTensor.OfInputs(regions) is { } own) tensors.Add(own);
        tensors.Add(new ParameterTensor("sums.logits", [blocks.Total], inputs, new ParameterStart.Uniform(0, 1)));
        if (plan.ClassLogits is { } prior) tensors.Add(prior with { Offset = inputs + blocks.Total });
        int[] all = [.. Enumerable.Range(0, blocks.Count)];
        var program = new SoftmaxProgram(all, [.. all.Select(b => inputs + blocks[b].Offset)], 0);
        return new AbsorbVariables(new Plan(place.Count(v => v >= 0), regions, blocks, [program], tensors), [.. source], inputs);
    }
}
