namespace Spn.Core.Engines.Simd;

/// <summary>A way down that counts.</summary>
/// <param name="Row">Its row of the call.</param>
/// <param name="Class">The class root that it starts from.</param>
/// <param name="Column">The root's column that it takes, or -1 where the float range was left.</param>
/// <param name="Count">How much it counts.</param>
/// <param name="Draws">Number r decides at region r.</param>
internal readonly record struct CountedWay(int Row, int Class, int Column, double Count, RandomStream Draws);

/// <summary>Edges that count, way after way.</summary>
internal sealed class EdgeList
{
    private readonly List<(int End, float Count)> ways = [];
    private long[] edges = new long[1024];
    private int length;

    /// <summary>Ways that met a sum without a positive term.</summary>
    public List<(int Row, int Class)> Lost { get; } = [];

    /// <summary>Ways: where the edges of each end, and how much each counts.</summary>
    public IReadOnlyList<(int End, float Count)> Ways => ways;

    /// <summary>Block times 2^32 plus element, [edge].</summary>
    public ReadOnlySpan<long> Edges => edges.AsSpan(0, length);

    /// <summary>Adds an edge of the way at hand.</summary>
    /// <param name="block">The plan's block.</param>
    /// <param name="element">Row times columns plus column.</param>
    public void Add(int block, int element)
    {
        if (length == edges.Length) Array.Resize(ref edges, 2 * length);
        edges[length++] = ((long)block << 32) + element;
    }

    public void Close(CountedWay way) => Close(way.Count);

    public void Close(double count) => ways.Add((length, (float)count));

    /// <summary>Takes back the edges of the way at hand.</summary>
    public void Drop(CountedWay way)
    {
        Lost.Add((way.Row, way.Class));
        length = ways.Count == 0 ? 0 : ways[^1].End;
    }
}
