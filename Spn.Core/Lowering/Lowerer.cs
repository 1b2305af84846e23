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

    /// <summary>Compiles a description.</summary>
    /// <param name="spec">The description.</param>
    /// <param name="rules">Rules for layer kinds; null takes <see cref="LoweringRules.Default"/>.</param>
    /// <exception cref="CircuitException">The description breaks a rule; all findings are listed.</exception>
    public static Plan Lower(CircuitSpec spec, LoweringRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var built = RegionBuilder.For(spec, rules ?? LoweringRules.Default);
        IReadOnlyList<CircuitFinding> findings = CheckStructure.Find(built.Regions, spec.Structure.VariableCount, spec.Layers);
        if (findings.Count > 0) throw new CircuitException(findings);
        var placed = new PlaceParameters(built);
        var plan = new Plan(spec.Structure.VariableCount, built.Regions, built.Blocks, placed.Programs, placed.Tensors);
        return spec.Absorbed.Count == 0 ? plan : AbsorbVariables.From(plan, spec.Absorbed).Plan;
    }
}
