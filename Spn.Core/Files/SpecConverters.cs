using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Spn.Core.Files;

/// <summary>Writes a record as an object whose first field, "kind", names its type, and reads it back by that name.</summary>
/// <param name="family">What the records are, for error messages.</param>
internal sealed class KindConverter<TBase>(string family) : JsonConverter<TBase> where TBase : class
{
    private const string Kind = "kind";

    private readonly ConcurrentDictionary<string, Type> types = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Type, string> names = [];

    public void Add(string kind, Type type)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(kind);
        if (types.TryGetValue(kind, out Type? other) && other != type)
            throw new ArgumentException($"The {family} kind \"{kind}\" already stands for {other.Name}.", nameof(kind));
        if (names.TryGetValue(type, out string? known) && known != kind)
            throw new ArgumentException($"{type.Name} is already known as {family} kind \"{known}\".", nameof(kind));
        types[kind] = type;
        names[type] = kind;
    }

    /// <summary>A name that older files use for a kind; nothing is written by it.</summary>
    public void AddFormer(string kind, Type type) => types[kind] = type;

    public override TBase Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonObject fields = JsonSerializer.Deserialize<JsonObject>(ref reader, options)!;
        string? kind = fields[Kind] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        if (kind is null || !types.TryGetValue(kind, out Type? type))
            throw new JsonException($"{(kind is null ? $"a {family} names no kind" : $"unknown {family} kind \"{kind}\"")}; expected {string.Join(", ", names.Values.Order(StringComparer.Ordinal))}");
        fields.Remove(Kind);
        try
        {
            return (TBase)fields.Deserialize(type, options)!;
        }
        catch (JsonException e)
        {
            throw new JsonException($"{family} \"{kind}\": {e.Message}", e);
        }
    }

    public override void Write(Utf8JsonWriter writer, TBase value, JsonSerializerOptions options)
    {
        Type type = value.GetType();
        if (!names.TryGetValue(type, out string? kind))
            throw new JsonException($"{type.Name} is no known {family} kind; add it to {nameof(SpecKinds)}");
        var fields = (JsonObject)JsonSerializer.SerializeToNode(value, type, options)!;
        fields.Insert(0, Kind, kind);
        fields.WriteTo(writer, options);
    }
}

/// <summary>Inputs where no other layer will do.</summary>
internal sealed class InputConverter(KindConverter<LayerSpec> layers) : JsonConverter<InputSpec>
{
    public override InputSpec Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        layers.Read(ref reader, typeof(LayerSpec), options) as InputSpec ?? throw new JsonException("a layer stands where an input is expected");

    public override void Write(Utf8JsonWriter writer, InputSpec value, JsonSerializerOptions options) => layers.Write(writer, value, options);
}

/// <summary>Value lists as JSON arrays.</summary>
internal sealed class ValueListConverter : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) =>
        typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(ValueList<>);

    public override JsonConverter? CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter?)Activator.CreateInstance(typeof(Of<>).MakeGenericType(typeToConvert.GetGenericArguments()));

    private sealed class Of<T> : JsonConverter<ValueList<T>>
    {
        public override ValueList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            T[] items = JsonSerializer.Deserialize<T[]>(ref reader, options)!;
            return items.Any(item => item is null) ? throw new JsonException("a list holds null") : new ValueList<T>(items);
        }

        public override void Write(Utf8JsonWriter writer, ValueList<T> value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.ToArray(), options);
    }
}
