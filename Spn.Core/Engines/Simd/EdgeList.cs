namespace Spn.Core.Engines.Simd;

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

    /// <summary>Ends the way at hand.</summary>
    /// <param name="count">How much each of its edges counts.</param>
    public void Close(double count) => ways.Add((length, (float)count));

    /// <summary>Takes back the edges of the way at hand, which is lost.</summary>
    /// <param name="way">The way.</param>
    public void Drop(CountedWay way)
    {
        Lost.Add((way.Row, way.Class));
        length = ways.Count == 0 ? 0 : ways[^1].End;
    }
}
