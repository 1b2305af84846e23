namespace Spn.Core.Drawings;

/// <summary>What a node of a drawing stands for; decides its colour and shape.</summary>
internal enum NodeKind
{
    Input,
    Region,
    Product,
    Sum,
}

/// <summary>A node of a drawing.</summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Lines">Its text, line by line.</param>
/// <param name="Group">Nodes of one group become one when there are too many; two of one group read nodes of equal groups or nearly so.</param>
/// <param name="GroupLines">Text of the group, below the number of its nodes.</param>
internal sealed record DrawingNode(NodeKind Kind, string[] Lines, string Group, string[] GroupLines)
{
    /// <summary>Whether it is a small circle.</summary>
    public bool IsRound => Lines is [{ Length: 1 }];
}

/// <summary>An arrow from a node to one that it reads.</summary>
internal readonly record struct DrawingEdge(int From, int To, string Label = "");

/// <summary>Nodes and arrows, before they have places.</summary>
internal sealed class DrawingGraph
{
    public List<DrawingNode> Nodes { get; } = [];

    public List<DrawingEdge> Edges { get; } = [];

    public int Add(DrawingNode node)
    {
        Nodes.Add(node);
        return Nodes.Count - 1;
    }

    /// <summary>The nodes that each node reads.</summary>
    public ILookup<int, int> Below => Edges.ToLookup(e => e.From, e => e.To);

    /// <summary>For each node the length of the longest way down from it.</summary>
    public int[] Heights()
    {
        // Children have smaller numbers.
        var heights = new int[Nodes.Count];
        ILookup<int, int> below = Below;
        for (int n = 0; n < heights.Length; n++)
            foreach (int child in below[n]) heights[n] = Math.Max(heights[n], heights[child] + 1);
        return heights;
    }

    /// <summary>The graph with the nodes of a height and group taken together.</summary>
    /// <param name="coarse">Whether the first line of a group's text is all that must agree.</param>
    public DrawingGraph Summarised(bool coarse)
    {
        int[] heights = Heights();
        var groups = Enumerable.Range(0, Nodes.Count).GroupBy(n => (heights[n], coarse ? Nodes[n].GroupLines[0] : Nodes[n].Group)).OrderBy(g => g.Key.Item1).ToList();
        var summary = new DrawingGraph();
        var groupOf = new int[Nodes.Count];
        foreach (var group in groups)
        {
            DrawingNode first = Nodes[group.First()];
            string[] text = coarse && group.Select(n => Nodes[n].Group).Distinct().Count() > 1 ? [first.GroupLines[0]] : first.GroupLines;
            int count = group.Count(), node = summary.Add(count == 1 ? first : first with { Lines = [FormattableString.Invariant($"{count:N0} of"), .. text] });
            foreach (int n in group) groupOf[n] = node;
        }
        foreach ((int from, int to) in Edges.Select(e => (groupOf[e.From], groupOf[e.To])).Distinct()) summary.Edges.Add(new(from, to));
        return summary;
    }
}
