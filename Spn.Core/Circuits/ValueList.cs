using System.Collections;
using System.Runtime.CompilerServices;

namespace Spn.Core;

/// <summary>An immutable list that is equal to another by its elements, so that records built of lists compare by structure.</summary>
/// <typeparam name="T">Type of the elements.</typeparam>
[CollectionBuilder(typeof(ValueList), nameof(ValueList.Create))]
public sealed class ValueList<T> : IReadOnlyList<T>, IEquatable<ValueList<T>>
{
    private readonly T[] items;

    /// <summary>Copies the elements.</summary>
    public ValueList(IEnumerable<T> items) => this.items = [.. items];

    /// <summary>The list without elements.</summary>
    public static ValueList<T> Empty { get; } = new([]);

    /// <inheritdoc/>
    public int Count => items.Length;

    /// <inheritdoc/>
    public T this[int index] => items[index];

    /// <summary>The list with one element more at the end.</summary>
    public ValueList<T> Add(T item) => new(items.Append(item));

    /// <inheritdoc/>
    public bool Equals(ValueList<T>? other) => other is not null && items.AsSpan().SequenceEqual(other.items, EqualityComparer<T>.Default);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (T item in items) hash.Add(item);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(", ", items.Take(8))}{(items.Length > 8 ? ", ..." : "")}]";
}

/// <summary>Makes value lists from collection expressions.</summary>
public static class ValueList
{
    /// <summary>The list of the given elements.</summary>
    public static ValueList<T> Create<T>(ReadOnlySpan<T> items) => new(items.ToArray());
}
