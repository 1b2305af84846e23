using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Second pass: smooth, decomposable, full scope at the root; each broken rule comes with a witness.</summary>
internal static class CheckStructure
{
    public static IReadOnlyList<CircuitFinding> Find(RegionTable regions, int variables, IReadOnlyList<LayerSpec> layers)
    {
        List<CircuitFinding> findings = [];
        var seenIn = new int[variables];
        for (int r = 0; r < regions.Count; r++)
        {
            ReadOnlySpan<int> children = regions.Children(r);
            if (regions.Kind(r) == RegionKind.Product && NotDecomposable(regions, children) is { } shared)
                findings.Add(Finding(r, "not decomposable", shared, "Join regions with disjoint scopes."));
            if (regions.Kind(r) == RegionKind.Sum && NotSmooth(regions, children) is { } unequal)
                findings.Add(Finding(r, "not smooth", unequal, "Mix only regions with the same scope."));
            if (regions.Kind(r) == RegionKind.Product && NotCovered(regions, r, seenIn) is int lost)
                findings.Add(Finding(r, "scope not covered", $"Region {regions.Scope(r)} and the union of its children differ in variable {lost}.",
                    "Make each partition cover its region exactly."));
        }
        if (regions.Scope(regions.Root).DiffersFrom(Scope.Full(variables)) is int missing)
            findings.Add(Finding(regions.Root, "not the full scope at the root", $"Variable {missing} is missing from the root.",
                "Let every top region cover all variables."));
        return findings;

        CircuitFinding Finding(int region, string property, string witness, string advice) =>
            new(Recipe.Describe(layers, regions.Layer(region)), property, witness, advice);
    }

    private static string? NotDecomposable(RegionTable regions, ReadOnlySpan<int> children)
    {
        for (int a = 0; a < children.Length; a++)
            for (int b = a + 1; b < children.Length; b++)
                if (regions.Scope(children[a]).SharedWith(regions.Scope(children[b])) is int variable)
                    return $"Children {regions.Scope(children[a])} and {regions.Scope(children[b])} both contain variable {variable}.";
        return null;
    }

    /// <summary>A variable that is in the region or in a child but not in both, or null.</summary>
    /// <param name="regions">All regions.</param>
    /// <param name="region">The region.</param>
    /// <param name="seenIn">For each variable one more than the last region in whose children it was seen.</param>
    private static int? NotCovered(RegionTable regions, int region, int[] seenIn)
    {
        Scope own = regions.Scope(region);
        foreach (int child in regions.Children(region))
            foreach (int variable in regions.Scope(child).Variables)
            {
                seenIn[variable] = region + 1;
                if (!own.Contains(variable)) return variable;
            }
        foreach (int variable in own.Variables)
            if (seenIn[variable] != region + 1) return variable;
        return null;
    }

    private static string? NotSmooth(RegionTable regions, ReadOnlySpan<int> children)
    {
        for (int i = 1; i < children.Length; i++)
            if (regions.Scope(children[0]).DiffersFrom(regions.Scope(children[i])) is int variable)
                return $"Children {regions.Scope(children[0])} and {regions.Scope(children[i])} differ in variable {variable}.";
        return null;
    }
}
