namespace Spn.Core.Engines.Simd;

/// <summary>Edges that count, way after way.</summary>
internal sealed class EdgeList
{
    private readonly List<(int End, float Count)> ways = [];
    private long[] edges = new long[1024];
    private readonly List<InputEnd> ends = [];
    private int length;
    private int closedEnds;

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

    /// <summary>Inputs where ways end, as far as they were asked for.</summary>
    public IReadOnlyList<InputEnd> Ends => ends;

    /// <summary>Adds an input where the way at hand ends.</summary>
    public void AddEnd(InputEnd end) => ends.Add(end);

    /// <summary>Ends the way at hand.</summary>
    /// <param name="count">How much each of its edges counts.</param>
    public void Close(double count)
    {
        ways.Add((length, (float)count));
        closedEnds = ends.Count;
    }

    /// <summary>Takes back the edges of the way at hand, which is lost.</summary>
    /// <param name="way">The way.</param>
    public void Drop(CountedWay way)
    {
        Lost.Add((way.Row, way.Class));
        length = ways.Count == 0 ? 0 : ways[^1].End;
        ends.RemoveRange(closedEnds, ends.Count - closedEnds);
    }
}

/// <summary>An input component where a way down ends.</summary>
/// <param name="Row">The way's row of the call.</param>
/// <param name="Region">The input region.</param>
/// <param name="Component">The component.</param>
/// <param name="Count">How much the way counts.</param>
internal readonly record struct InputEnd(int Row, int Region, int Component, double Count);
