using Spn.Core.Data;

namespace Spn.Core;

/// <content>Reading tables of this schema.</content>
public sealed partial record Schema
{
    /// <summary>Reads all rows of a file, plain or gzip.</summary>
    /// <remarks>Columns are found by name, in any order. See <see cref="Csv"/> for what a table looks like.</remarks>
    /// <param name="path">Path of the file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <exception cref="DataFormatException">The file is no table, lacks a column, has an unknown one or no row, or a cell lies outside its column's domain.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public Evidence Read(string path, TableOptions? options = null)
    {
        using FileStream stream = File.OpenRead(path);
        return Read(stream, path, options);
    }

    /// <summary>Reads all rows of a stream to its end.</summary>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <inheritdoc cref="Read(string, TableOptions?)"/>
    public Evidence Read(Stream stream, string name, TableOptions? options = null)
    {
        using var reader = new TableReader(stream, name, this, options ?? new());
        return reader.Next(int.MaxValue, keepCells: false)!.Evidence;
    }

    /// <summary>Reads a stream some rows at a time: never more than one block is held, however long the file is.</summary>
    /// <remarks>The rows are read while the blocks are taken, so errors of later rows come late.</remarks>
    /// <param name="stream">The text, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <param name="rowsPerBlock">Most rows of a block, at least 1.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>At least one block; none is empty.</returns>
    /// <inheritdoc cref="Read(string, TableOptions?)"/>
    public IEnumerable<TableBlock> ReadBlocks(Stream stream, string name, int rowsPerBlock = 4096, TableOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(rowsPerBlock, 1);
        return Blocks();

        IEnumerable<TableBlock> Blocks()
        {
            using var reader = new TableReader(stream, name, this, options ?? new());
            while (reader.Next(rowsPerBlock, keepCells: true) is { } block) yield return block;
        }
    }
}
