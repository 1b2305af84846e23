using System.Text;
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

    /// <summary>Equal for components that one program serves.</summary>
    public string Signature(Plan plan)
    {
        RegionTable regions = plan.Regions;
        var local = new Dictionary<int, int>(Regions.Length);
        var text = new StringBuilder();
        for (int i = 0; i < Regions.Length; i++)
        {
            int r = Regions[i];
            local[r] = i;
            text.Append((int)regions.Kind(r)).Append(':').Append(regions.Channels(r)).Append(':');
            switch (regions.Kind(r))
            {
                case RegionKind.Input: text.Append(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(regions.Input(r).Family)); break;
                case RegionKind.Product: text.Append(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(regions.Table(r))); break;
                default: text.Append(plan.Blocks[regions.Block(r)].Columns); break;
            }
            foreach (int child in regions.Children(r)) text.Append(',').Append(local[child]);
            text.Append(';');
        }
        foreach (int top in Boundary) text.Append('^').Append(local[top]);
        return text.ToString();
    }
}
