namespace Spn.Core.Drawings;

/// <summary>Places for the nodes of a drawing: in layers, readers above what they read, with few crossings and short arrows.</summary>
/// <remarks>
/// Source of the method: Sugiyama, Tagawa and Toda 1981 (layers, stops on long arrows, order by means of neighbours); places within the
/// order are the least squares ones that keep the nodes apart.
/// </remarks>
internal sealed class LayeredLayout
{
    private const double StopGap = 8, CharacterWidth = 7, LineHeight = 16, Padding = 10;
    private const int Sweeps = 24;

    private readonly DrawingGraph graph;
    private readonly double layerGap;
    private readonly double nodeGap;
    private readonly List<int>[] up; // [place] places above that are joined to it
    private readonly List<int>[] down;
    private readonly int[] layerOf;
    private readonly double[] widths;
    private readonly List<int>[] layers; // from the bottom

    public LayeredLayout(DrawingGraph graph)
    {
        this.graph = graph;
        // Labels need room beside each other and between layers.
        (layerGap, nodeGap) = graph.Edges.Any(e => e.Label != "") ? (80, 44) : (46, 16);
        int[] heights = Lowered(graph);
        // Every arrow that passes a layer has a stop in it: a place without a node.
        List<int> own = [.. heights];
        List<(int From, int To)> joints = [];
        Ways = new int[graph.Edges.Count][];
        for (int e = 0; e < graph.Edges.Count; e++)
        {
            (int from, int to, _) = graph.Edges[e];
            List<int> way = [from];
            for (int layer = heights[from] - 1; layer > heights[to]; layer--)
            {
                way.Add(own.Count);
                own.Add(layer);
            }
            way.Add(to);
            joints.AddRange(way.Zip(way.Skip(1)));
            Ways[e] = [.. way];
        }
        layerOf = [.. own];
        (up, down) = (new List<int>[own.Count], new List<int>[own.Count]);
        for (int p = 0; p < own.Count; p++) (up[p], down[p]) = ([], []);
        foreach ((int from, int to) in joints)
        {
            down[from].Add(to);
            up[to].Add(from);
        }
        widths = [.. own.Select((_, p) => p < graph.Nodes.Count ? WidthOf(graph.Nodes[p]) : 0)];
        layers = [.. Enumerable.Range(0, layerOf.DefaultIfEmpty(-1).Max() + 1).Select(_ => new List<int>())];
        X = new double[own.Count];
        Y = new double[own.Count];
        if (own.Count == 0) return;
        Order();
        PlaceAcross();
        PlaceDown();
    }

    /// <summary>For each arrow the places that it goes through, from its node to the one that it reads.</summary>
    public int[][] Ways { get; }

    /// <summary>Centre of each place; nodes come first, in order.</summary>
    public double[] X { get; }

    /// <summary>Centre of each place.</summary>
    public double[] Y { get; }

    public double Width { get; private set; }

    public double Height { get; private set; }

    public static double WidthOf(DrawingNode node) => node.IsRound ? 24 : node.Lines.Max(line => line.Length) * CharacterWidth + 2 * Padding;

    public static double HeightOf(DrawingNode node) => node.IsRound ? 24 : node.Lines.Length * LineHeight + Padding;

    /// <summary>Heights with every node that reads nothing right below its lowest reader.</summary>
    private static int[] Lowered(DrawingGraph graph)
    {
        int[] heights = graph.Heights();
        ILookup<int, int> above = graph.Edges.ToLookup(e => e.To, e => e.From), below = graph.Below;
        for (int n = 0; n < heights.Length; n++)
            if (!below[n].Any() && above[n].Any()) heights[n] = above[n].Min(reader => heights[reader]) - 1;
        return heights;
    }

    private void Order()
    {
        // Depth first from the top, so that trees start without crossings.
        var seen = new bool[layerOf.Length];
        var open = new Stack<int>(Enumerable.Range(0, layerOf.Length).Where(p => up[p].Count == 0).OrderBy(p => layerOf[p]));
        while (open.TryPop(out int p))
        {
            if (seen[p]) continue;
            seen[p] = true;
            layers[layerOf[p]].Add(p);
            for (int i = down[p].Count - 1; i >= 0; i--) open.Push(down[p][i]);
        }
        long best = Crossings();
        int[][] kept = [.. layers.Select(l => l.ToArray())];
        for (int sweep = 0; sweep < Sweeps && best > 0; sweep++)
        {
            bool downwards = sweep % 2 == 0;
            for (int i = 1; i < layers.Length; i++) Sort(downwards ? layers.Length - 1 - i : i, downwards ? up : down);
            if (Crossings() is var now && now >= best) continue;
            best = now;
            kept = [.. layers.Select(l => l.ToArray())];
        }
        for (int l = 0; l < layers.Length; l++) layers[l] = [.. kept[l]];
    }

    private void Sort(int layer, List<int>[] neighbours)
    {
        Dictionary<int, double> place = [];
        foreach (List<int> own in layers)
            for (int i = 0; i < own.Count; i++) place[own[i]] = i;
        layers[layer] = [.. layers[layer].OrderBy(p => neighbours[p].Count == 0 ? place[p] : neighbours[p].Average(n => place[n]))];
    }

    private long Crossings()
    {
        long count = 0;
        for (int l = 1; l < layers.Length; l++)
        {
            Dictionary<int, int> place = layers[l - 1].Select((p, i) => (p, i)).ToDictionary(t => t.p, t => t.i);
            var ends = new int[layers[l - 1].Count + 1]; // counts of ends so far, as a binary indexed tree
            int total = 0;
            foreach (int p in layers[l])
            {
                int[] own = [.. down[p].Select(child => place[child])];
                foreach (int end in own)
                {
                    count += total;
                    for (int i = end + 1; i > 0; i -= i & -i) count -= ends[i];
                }
                foreach (int end in own)
                {
                    total++;
                    for (int i = end + 1; i < ends.Length; i += i & -i) ends[i]++;
                }
            }
        }
        return count;
    }

    private void PlaceAcross()
    {
        foreach (List<int> layer in layers) Separate(layer, [.. layer.Select(_ => 0.0)]);
        for (int sweep = 0; sweep < Sweeps; sweep++)
        {
            bool downwards = sweep % 2 == 0;
            for (int i = 0; i < layers.Length; i++)
            {
                List<int> layer = layers[downwards ? layers.Length - 1 - i : i];
                Separate(layer, [.. layer.Select(p =>
                {
                    List<int> near = downwards && up[p].Count > 0 ? up[p] : !downwards && down[p].Count > 0 ? down[p] : [p];
                    return near.Average(n => X[n]);
                })]);
            }
        }
        double left = Enumerable.Range(0, X.Length).Min(p => X[p] - widths[p] / 2), right = Enumerable.Range(0, X.Length).Max(p => X[p] + widths[p] / 2);
        for (int p = 0; p < X.Length; p++) X[p] += Padding - left;
        Width = right - left + 2 * Padding;
    }

    /// <summary>Places nearest to the wanted ones, by least squares, in order and apart: neighbours that press on each other share their mean.</summary>
    private void Separate(List<int> layer, double[] wanted)
    {
        var offsets = new double[layer.Count];
        for (int i = 1; i < layer.Count; i++)
            offsets[i] = offsets[i - 1] + (widths[layer[i - 1]] + widths[layer[i]]) / 2 + (layer[i] < graph.Nodes.Count && layer[i - 1] < graph.Nodes.Count ? nodeGap : StopGap);
        List<(double Mean, int Count)> blocks = [];
        for (int i = 0; i < layer.Count; i++)
        {
            (double mean, int count) = (wanted[i] - offsets[i], 1);
            while (blocks.Count > 0 && blocks[^1].Mean > mean)
            {
                (double other, int more) = blocks[^1];
                (mean, count) = ((mean * count + other * more) / (count + more), count + more);
                blocks.RemoveAt(blocks.Count - 1);
            }
            blocks.Add((mean, count));
        }
        int at = 0;
        foreach ((double mean, int count) in blocks)
            for (int i = 0; i < count; i++, at++) X[layer[at]] = mean + offsets[at];
    }

    private void PlaceDown()
    {
        double y = Padding;
        for (int l = layers.Length - 1; l >= 0; l--)
        {
            double tallest = layers[l].Max(p => p < graph.Nodes.Count ? HeightOf(graph.Nodes[p]) : 0);
            foreach (int p in layers[l]) Y[p] = y + tallest / 2;
            y += tallest + layerGap;
        }
        Height = y - layerGap + Padding;
    }
}
