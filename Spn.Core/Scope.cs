using System.Collections;

namespace Spn.Core;

/// <summary>An immutable set of variable indices: the scope of a region.</summary>
/// <remarks>
/// Kept as runs of neighbours, so that scopes of scattered variables take room by their variables, and those of patches of a grid by their rows.
/// </remarks>
public sealed class Scope : IReadOnlyList<int>, IEquatable<Scope>
{
    private readonly int[] edges; // ascending; run i holds the variables from edges[2i] up to, but without, edges[2i + 1]

    private Scope(int[] edges)
    {
        this.edges = edges;
        for (int i = 0; i < edges.Length; i += 2) Count += edges[i + 1] - edges[i];
    }

    /// <summary>The scope of the given variables, in any order, duplicates removed.</summary>
    /// <param name="variables">Variable indices, from 0.</param>
    public static Scope Of(params IEnumerable<int> variables)
    {
        int[] sorted = [.. variables];
        Array.Sort(sorted);
        if (sorted.Length > 0)
        {
            Checked(sorted[0]);
            Checked(sorted[^1]);
        }
        List<int> edges = [];
        foreach (int v in sorted)
            if (edges.Count == 0 || v > edges[^1]) edges.AddRange([v, v + 1]);
            else if (v == edges[^1]) edges[^1]++;
        return new Scope([.. edges]);
    }

    /// <summary>The scope of one variable.</summary>
    public static Scope Single(int variable) => new([Checked(variable), variable + 1]);

    /// <summary>The scope {0, ..., count - 1}.</summary>
    public static Scope Full(int count) => new(count == 0 ? [] : [0, count]);

    /// <summary>Number of variables.</summary>
    public int Count { get; }

    /// <summary>The variable at a position of the ascending order.</summary>
    public int this[int index]
    {
        get
        {
            int left = index;
            for (int i = 0; index >= 0 && i < edges.Length; left -= edges[i + 1] - edges[i], i += 2)
                if (edges[i] + left < edges[i + 1]) return edges[i] + left;
            throw new ArgumentOutOfRangeException(nameof(index), index, $"The scope has {Count} variables.");
        }
    }

    /// <summary>Whether a variable belongs to this scope.</summary>
    public bool Contains(int variable)
    {
        int at = Array.BinarySearch(edges, variable), passed = at >= 0 ? at + 1 : ~at;
        return passed % 2 == 1;
    }

    /// <summary>The smallest variable that belongs to both scopes, or null when they are disjoint.</summary>
    public int? SharedWith(Scope other)
    {
        int[] a = edges, b = other.edges;
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            int first = Math.Max(a[i], b[j]);
            if (first < Math.Min(a[i + 1], b[j + 1])) return first;
            if (a[i + 1] < b[j + 1]) i += 2;
            else j += 2;
        }
        return null;
    }

    /// <summary>The smallest variable that belongs to exactly one of the two scopes, or null when they are equal.</summary>
    public int? DiffersFrom(Scope other)
    {
        // Up to the first edge that differs both hold the same variables; the smaller of the two begins or ends a run of one scope only.
        int same = edges.AsSpan().CommonPrefixLength(other.edges);
        int own = same < edges.Length ? edges[same] : int.MaxValue, others = same < other.edges.Length ? other.edges[same] : int.MaxValue;
        return own == others ? null : Math.Min(own, others);
    }

    /// <summary>The union of several scopes.</summary>
    public static Scope Union(params ReadOnlySpan<Scope> scopes) => scopes switch
    {
        [] => Full(0),
        [var only] => only,
        [var a, var b] => Merge(a.edges, b.edges),
        _ => Merge(Union(scopes[..(scopes.Length / 2)]).edges, Union(scopes[(scopes.Length / 2)..]).edges),
    };

    /// <inheritdoc/>
    public bool Equals(Scope? other) => other is not null && edges.AsSpan().SequenceEqual(other.edges);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Scope);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int edge in edges) hash.Add(edge);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator()
    {
        for (int i = 0; i < edges.Length; i += 2)
            for (int v = edges[i]; v < edges[i + 1]; v++) yield return v;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public override string ToString() =>
        Count <= 8 ? $"{{{string.Join(", ", this)}}}" : $"{{{string.Join(", ", this.Take(6))}, ... {edges[^1] - 1}}} ({Count} variables)";

    private static Scope Merge(int[] a, int[] b)
    {
        var merged = new int[a.Length + b.Length];
        int filled = 0;
        for (int i = 0, j = 0; i < a.Length || j < b.Length;)
        {
            bool fromA = j == b.Length || (i < a.Length && a[i] <= b[j]);
            (int start, int end) = fromA ? (a[i], a[i + 1]) : (b[j], b[j + 1]);
            if (fromA) i += 2;
            else j += 2;
            if (filled > 0 && start <= merged[filled - 1]) merged[filled - 1] = Math.Max(merged[filled - 1], end);
            else
            {
                merged[filled++] = start;
                merged[filled++] = end;
            }
        }
        return new Scope(filled == merged.Length ? merged : merged[..filled]);
    }

    private static int Checked(int variable) => variable is >= 0 and < int.MaxValue
        ? variable
        : throw new ArgumentOutOfRangeException(nameof(variable), variable, $"A variable index is at least 0 and below {int.MaxValue}.");
}
