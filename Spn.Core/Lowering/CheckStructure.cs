using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Second pass: smooth, decomposable, full scope at the root; each broken rule comes with a witness.</summary>
internal static class CheckStructure
{
    public static IReadOnlyList<CircuitFinding> Find(RegionTable regions, int variables, IReadOnlyList<LayerSpec> layers)
    {
        List<CircuitFinding> findings = [];
        for (int r = 0; r < regions.Count; r++)
        {
            var children = new Scope[regions.Children(r).Length];
            for (int i = 0; i < children.Length; i++) children[i] = regions.Scope(regions.Children(r)[i]);
            if (regions.Kind(r) == RegionKind.Product)
            {
                var joined = Scope.Union(children);
                // Children are disjoint when no variable is counted twice; only otherwise the pairs are looked through.
                if (children.Sum(c => (long)c.Count) != joined.Count)
                    findings.Add(Finding(r, "not decomposable", Shared(children), "Join regions with disjoint scopes."));
                if (regions.Scope(r).DiffersFrom(joined) is int lost)
                    findings.Add(Finding(r, "scope not covered", $"Region {regions.Scope(r)} and the union of its children differ in variable {lost}.",
                        "Make each partition cover its region exactly."));
            }
            if (regions.Kind(r) == RegionKind.Sum && NotSmooth(children) is { } unequal)
                findings.Add(Finding(r, "not smooth", unequal, "Mix only regions with the same scope."));
        }
        if (regions.Scope(regions.Root).DiffersFrom(Scope.Full(variables)) is int missing)
            findings.Add(Finding(regions.Root, "not the full scope at the root", $"Variable {missing} is missing from the root.",
                "Let every top region cover all variables."));
        return findings;

        CircuitFinding Finding(int region, string property, string witness, string advice) =>
            new(Recipe.Describe(layers, regions.Layer(region)), property, witness, advice);
    }

    private static string Shared(Scope[] children)
    {
        (Scope a, Scope b) = children.SelectMany((a, i) => children.Skip(i + 1).Select(b => (a, b))).First(pair => pair.a.SharedWith(pair.b) is not null);
        return $"Children {a} and {b} both contain variable {a.SharedWith(b)}.";
    }

    private static string? NotSmooth(Scope[] children)
    {
        foreach (Scope other in children)
            if (children[0].DiffersFrom(other) is int variable)
                return $"Children {children[0]} and {other} differ in variable {variable}.";
        return null;
    }
}
