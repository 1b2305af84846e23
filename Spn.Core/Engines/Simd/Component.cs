using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>An independent sub-circuit under the root (a replica): regions that share nothing with the others.</summary>
/// <param name="Regions">Its regions, children first.</param>
/// <param name="Boundary">Those the root reads, in the root's order.</param>
/// <param name="Columns">For each of them its first column in the root's weight block.</param>
/// <param name="Sums">Its sums, in order: what a program calls weight block i.</param>
/// <param name="Inputs">Its inputs, in order: what a program calls input i.</param>
internal sealed record Component(int[] Regions, int[] Boundary, int[] Columns, int[] Sums, int[] Inputs)
{
    /// <summary>Its products, in order, by the plan.</summary>
    public static int[] ProductsOf(Plan plan, Component component) => [.. component.Regions.Where(r => plan.Regions.Kind(r) == RegionKind.Product)];

    /// <summary>Splits a plan at its root.</summary>
    public static Component[] Split(Plan plan)
    {
        RegionTable regions = plan.Regions;
        var leader = Enumerable.Range(0, regions.Count).ToArray();
        for (int r = 0; r < regions.Root; r++)
            foreach (int child in regions.Children(r)) leader[Find(r)] = Find(child);

        var members = new Dictionary<int, List<int>>();
        for (int r = 0; r < regions.Root; r++)
        {
            int top = Find(r);
            if (!members.TryGetValue(top, out List<int>? list)) members[top] = list = [];
            list.Add(r);
        }
        var boundary = members.Keys.ToDictionary(k => k, _ => new List<(int Region, int Column)>());
        int column = 0;
        foreach (int child in regions.Children(regions.Root))
        {
            boundary[Find(child)].Add((child, column));
            column += regions.Channels(child);
        }
        return [.. members.Where(m => boundary[m.Key].Count > 0).OrderBy(m => m.Value[0]).Select(m => new Component(
            [.. m.Value],
            [.. boundary[m.Key].Select(b => b.Region)],
            [.. boundary[m.Key].Select(b => b.Column)],
            [.. m.Value.Where(r => regions.Kind(r) == RegionKind.Sum)],
            [.. m.Value.Where(r => regions.Kind(r) == RegionKind.Input)]))];

        int Find(int r)
        {
            while (leader[r] != r) r = leader[r] = leader[leader[r]];
            return r;
        }
    }

    /// <summary>For each component the first one of the same shape; one program serves them all.</summary>
    public static int[] FirstOfShape(Plan plan, Component[] components, int[] programOfBlock)
    {
        var local = new int[plan.Regions.Count];
        foreach (Component component in components)
            for (int i = 0; i < component.Regions.Length; i++) local[component.Regions[i]] = i;
        var first = new int[components.Length];
        for (int c = 0; c < components.Length; c++)
        {
            first[c] = c;
            for (int other = 0; other < c && first[c] == c; other++)
                if (first[other] == other && Alike(plan, components[other], components[c], local, programOfBlock)) first[c] = other;
        }
        return first;
    }

    private static bool Alike(Plan plan, Component a, Component b, int[] local, int[] programOfBlock)
    {
        RegionTable regions = plan.Regions;
        if (a.Regions.Length != b.Regions.Length || a.Boundary.Length != b.Boundary.Length) return false;
        for (int i = 0; i < a.Boundary.Length; i++)
            if (local[a.Boundary[i]] != local[b.Boundary[i]]) return false;
        for (int i = 0; i < a.Regions.Length; i++)
        {
            int x = a.Regions[i], y = b.Regions[i];
            if (regions.Kind(x) != regions.Kind(y) || regions.Channels(x) != regions.Channels(y)) return false;
            bool same = regions.Kind(x) switch
            {
                RegionKind.Input => ReferenceEquals(regions.Input(x).Family, regions.Input(y).Family),
                RegionKind.Product => ReferenceEquals(regions.Table(x), regions.Table(y)),
                _ => plan.Blocks[regions.Block(x)].Columns == plan.Blocks[regions.Block(y)].Columns
                     && programOfBlock[regions.Block(x)] == programOfBlock[regions.Block(y)],
            };
            ReadOnlySpan<int> from = regions.Children(x), to = regions.Children(y);
            if (!same || from.Length != to.Length) return false;
            for (int k = 0; k < from.Length; k++)
                if (local[from[k]] != local[to[k]]) return false;
        }
        return true;
    }
}
