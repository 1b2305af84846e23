using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>From a description to a plan: regions, structure check, parameters.</summary>
public static class Lowerer
{
    /// <summary>Everything that is wrong with a description; empty when it compiles.</summary>
    public static IReadOnlyList<CircuitFinding> Check(CircuitSpec spec, LoweringRules? rules = null)
    {
        try
        {
            Lower(spec, rules);
            return [];
        }
        catch (CircuitException e)
        {
            return e.Findings;
        }
    }

    /// <summary>Where the cells of a stack on a grid are found: for each layer the region of each cell, row by row; the root is one cell.</summary>
    /// <remarks>
    /// Regions do not stand row by row (cells that read common cells stand together), nor do the weights of sums and the columns of the
    /// root: those follow the regions, <see cref="RegionTable.Block"/> and <see cref="RegionTable.Children"/>.
    /// </remarks>
    /// <param name="spec">The description; its structure is <see cref="GridVariables"/> and nothing is absorbed.</param>
    /// <param name="rules">Rules for layer kinds; null takes <see cref="LoweringRules.Default"/>.</param>
    /// <returns>[layer][cell]; -1 where the patch of a cell lies outside the grid altogether.</returns>
    /// <exception cref="CircuitException">The description breaks a rule, or is no stack on a grid.</exception>
    public static IReadOnlyList<IReadOnlyList<int>> Cells(CircuitSpec spec, LoweringRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Structure is not GridVariables grid || spec.Absorbed.Count > 0)
            throw new CircuitException(spec.Structure.Name, "no grid of cells", $"The description is {spec}.", "Ask about a stack on a grid of variables, before evidence is taken up.");
        return new StackRegions(spec, grid, new LoweringContext(rules ?? LoweringRules.Default)).Cells;
    }

    /// <summary>Compiles a description.</summary>
    /// <param name="spec">The description.</param>
    /// <param name="rules">Rules for layer kinds; null takes <see cref="LoweringRules.Default"/>.</param>
    /// <exception cref="CircuitException">The description breaks a rule; all findings are listed.</exception>
    public static Plan Lower(CircuitSpec spec, LoweringRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var built = RegionBuilder.For(spec, new LoweringContext(rules ?? LoweringRules.Default));
        IReadOnlyList<CircuitFinding> findings = CheckStructure.Find(built.Regions, spec.Structure.VariableCount, spec.Layers);
        if (findings.Count > 0) throw new CircuitException(findings);
        var placed = new PlaceParameters(built);
        IReadOnlyList<WeightProgram> programs = NormaliseWeights.Join(built.Regions, built.Blocks, placed.Programs, spec.Layers);
        var plan = new Plan(spec.Structure.VariableCount, built.Regions, built.Blocks, programs, placed.Tensors);
        return spec.Absorbed.Count == 0 ? plan : AbsorbVariables.From(plan, spec.Absorbed).Plan;
    }
}
