using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Spn.Core.Files;

/// <summary>Schemas as JSON, as model files keep them.</summary>
/// <remarks>
/// <c>{"columns": [{"name": "vote", "labels": ["0", "1"]}, {"name": "age", "location": 47.04, "scale": 16.42}, {"name": "visits", "counts": true}],
/// "missing": ["", "?", "NA", "NaN"], "ignored": []}</c>. A column has labels, in the order of their codes, or location and scale, or counts.
/// </remarks>
internal static class SchemaText
{
    private static readonly JsonSerializerOptions options = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(Schema schema) => JsonSerializer.Serialize(
        new Document([.. schema.Columns.Select(Entry)], [.. schema.Missing], [.. schema.Ignored]), options);

    /// <exception cref="JsonException">The text is no JSON, or no schema.</exception>
    /// <exception cref="ArgumentException">The columns make no schema.</exception>
    public static Schema Read(string json)
    {
        Document document = JsonSerializer.Deserialize<Document>(json, options) ?? throw new JsonException("it is null");
        if (document.Missing.Concat(document.Ignored).Any(text => text is null) || document.Columns.Any(column => column is null))
            throw new JsonException("a list holds null");
        return new Schema(document.Columns.Select(Column), document.Missing, document.Ignored);
    }

    private static ColumnEntry Entry(Column column) => column switch
    {
        DiscreteColumn discrete => new(column.Name) { Labels = [.. discrete.Labels] },
        CountColumn => new(column.Name) { Counts = true },
        RealColumn real => new(column.Name) { Location = real.Location, Scale = real.Scale },
        _ => throw new JsonException($"{column.GetType().Name} is no known kind of column"),
    };

    private static Column Column(ColumnEntry entry) => entry switch
    {
        { Labels: { } labels, Location: null, Scale: null, Counts: null } when labels.All(label => label is not null) => new DiscreteColumn(entry.Name, labels),
        { Labels: null, Location: null, Scale: null, Counts: true } => new CountColumn(entry.Name),
        { Labels: null, Location: double location, Scale: double scale, Counts: null } => new RealColumn(entry.Name, location, scale),
        _ => throw new JsonException($"column \"{entry.Name}\" has neither labels alone, nor location and scale alone, nor counts alone"),
    };

    private sealed record Document(ColumnEntry[] Columns, string[] Missing, string[] Ignored);

    private sealed record ColumnEntry(string Name)
    {
        public string[]? Labels { get; init; }

        public double? Location { get; init; }

        public double? Scale { get; init; }

        public bool? Counts { get; init; }
    }
}
