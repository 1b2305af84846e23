using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>A component with what its program refers to by index.</summary>
internal sealed class BoundComponent
{
    public BoundComponent(Plan plan, Component component, OpProgram program, WeightLayout layout)
        : this(plan, component, program, [.. component.Sums.Select(r => layout.BlockOffset[plan.Regions.Block(r)])]) { }

    public BoundComponent(Plan plan, Component component, OpProgram program, int[] weights)
    {
        Program = program;
        Source = component;
        Weights = weights;
        ValueTables = new int[component.Inputs.Length];
        Products = Component.ProductsOf(plan, component);
        ProductBelow = [.. component.Sums.Select(r => plan.Regions.Children(r)[0])];
        Blocks = [.. component.Sums.Select(plan.Regions.Block)];
        Inputs = [.. component.Inputs.Select(plan.Regions.Input)];
        FirstStatistic = [.. component.Inputs.Select(r => plan.FirstStatistic[r])];
        TableVariables = [.. program.Tables.SelectMany(t => t.Inputs).Select(i => Inputs[i].Variable)];
        Lookups = new LookupPlace[program.Tables.Length];
        for (int t = 0, first = 0; t < Lookups.Length; first += Lookups[t++].Count)
            Lookups[t] = new LookupPlace(program.Tables[t].Offset, first, program.Tables[t].Inputs.Length);
        TableFloats = program.Tables.Length == 0 ? 0 : program.Tables[^1].End;
    }

    public Component Source { get; }

    public OpProgram Program { get; }

    /// <summary>Its products, in order: what a program calls product i.</summary>
    public int[] Products { get; }

    /// <summary>For each sum the first region that it reads.</summary>
    public int[] ProductBelow { get; }

    /// <summary>First weight of each block in the engine's layout.</summary>
    public int[] Weights { get; }

    /// <summary>The plan's block behind each.</summary>
    public int[] Blocks { get; }

    public InputPlace[] Inputs { get; }

    /// <summary>For each input the first of its statistics among the plan's.</summary>
    public int[] FirstStatistic { get; }

    /// <summary>The variables of its state tables, table after table: a look-up finds all it needs in few cache lines.</summary>
    public int[] TableVariables { get; }

    /// <summary>For each table where it and its variables are.</summary>
    public LookupPlace[] Lookups { get; }

    /// <summary>Floats of its state tables.</summary>
    public int TableFloats { get; }

    /// <summary>First float of its state tables among all components'.</summary>
    public int TableOffset { get; set; }

    /// <summary>For each input the first float of its value table, or -1.</summary>
    public int[] ValueTables { get; set; }
}

/// <summary>A state table as a look-up sees it.</summary>
/// <param name="Offset">First float of the table among the component's.</param>
/// <param name="First">First of its variables among the component's list.</param>
/// <param name="Count">Number of its variables.</param>
internal readonly record struct LookupPlace(int Offset, int First, int Count);
