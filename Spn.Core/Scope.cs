using System.Collections;

namespace Spn.Core;

/// <summary>An immutable set of variable indices: the scope of a region.</summary>
/// <remarks>Kept as an ascending list, so that scopes of small regions of wide circuits stay small.</remarks>
public sealed class Scope : IReadOnlyList<int>, IEquatable<Scope>
{
    private readonly int[] variables;

    private Scope(int[] ascending) => variables = ascending;

    /// <summary>The scope of the given variables, in any order, duplicates removed.</summary>
    /// <param name="variables">Variable indices, from 0.</param>
    public static Scope Of(params IEnumerable<int> variables)
    {
        int[] sorted = variables.Distinct().Order().ToArray();
        if (sorted.Length > 0 && sorted[0] < 0)
            throw new ArgumentOutOfRangeException(nameof(variables), sorted[0], "A variable index is at least 0.");
        return new Scope(sorted);
    }

    /// <summary>The scope of one variable.</summary>
    public static Scope Single(int variable) => variable >= 0
        ? new Scope([variable])
        : throw new ArgumentOutOfRangeException(nameof(variable), variable, "A variable index is at least 0.");

    /// <summary>The scope {0, ..., count - 1}.</summary>
    public static Scope Full(int count) => new(Enumerable.Range(0, count).ToArray());

    /// <summary>The variables in ascending order.</summary>
    public ReadOnlySpan<int> Variables => variables;

    /// <summary>Number of variables.</summary>
    public int Count => variables.Length;

    /// <summary>The variable at a position of the ascending order.</summary>
    public int this[int index] => variables[index];

    /// <summary>Whether a variable belongs to this scope.</summary>
    public bool Contains(int variable) => Array.BinarySearch(variables, variable) >= 0;

    /// <summary>The smallest variable that belongs to both scopes, or null when they are disjoint.</summary>
    public int? SharedWith(Scope other)
    {
        for (int i = 0, j = 0; i < variables.Length && j < other.variables.Length;)
        {
            int difference = variables[i] - other.variables[j];
            if (difference == 0) return variables[i];
            if (difference < 0) i++;
            else j++;
        }
        return null;
    }

    /// <summary>The smallest variable that belongs to exactly one of the two scopes, or null when they are equal.</summary>
    public int? DiffersFrom(Scope other)
    {
        int i = 0;
        while (i < variables.Length && i < other.variables.Length)
        {
            if (variables[i] != other.variables[i]) return Math.Min(variables[i], other.variables[i]);
            i++;
        }
        return i < variables.Length ? variables[i] : i < other.variables.Length ? other.variables[i] : null;
    }

    /// <summary>The union of several scopes.</summary>
    public static Scope Union(params IReadOnlyList<Scope> scopes)
    {
        int total = 0;
        foreach (Scope scope in scopes) total += scope.Count;
        var all = new int[total];
        int filled = 0;
        foreach (Scope scope in scopes)
        {
            scope.variables.CopyTo(all, filled);
            filled += scope.Count;
        }
        Array.Sort(all);
        int kept = 0;
        for (int i = 0; i < all.Length; i++)
            if (i == 0 || all[i] != all[i - 1]) all[kept++] = all[i];
        return new Scope(kept == all.Length ? all : all[..kept]);
    }

    /// <inheritdoc/>
    public bool Equals(Scope? other) => other is not null && variables.AsSpan().SequenceEqual(other.variables);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Scope);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int v in variables) hash.Add(v);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)variables).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public override string ToString() =>
        variables.Length <= 8 ? $"{{{string.Join(", ", variables)}}}" : $"{{{string.Join(", ", variables.Take(6))}, ... {variables[^1]}}} ({variables.Length} variables)";
}
