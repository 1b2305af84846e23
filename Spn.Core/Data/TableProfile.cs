namespace Spn.Core.Data;

/// <summary>What a table turned out to hold.</summary>
/// <param name="Schema">Its columns.</param>
/// <param name="Rows">Number of rows, without the header.</param>
/// <param name="Columns">What was counted in each column, [variable].</param>
public sealed record TableProfile(Schema Schema, long Rows, ValueList<ColumnProfile> Columns);

/// <summary>What was counted in a column.</summary>
/// <param name="Missing">Number of missing cells.</param>
/// <param name="Different">Number of different values, or null when they are too many to count.</param>
/// <param name="Note">What a person may want to look at, as a phrase, or null.</param>
public sealed record ColumnProfile(long Missing, int? Different, string? Note);
