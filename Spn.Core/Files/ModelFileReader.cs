using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core.Files;

/// <summary>Reads a model file from front to back; each step may rely on what the steps before it checked.</summary>
internal sealed class ModelFileReader(string path, Stream stream)
{
    private const int LengthBytes = 8;

    public ModelFile Read()
    {
        byte[] header = Header();
        var entries = Parse<Dictionary<string, JsonElement>>(header, "the header");
        Dictionary<string, string> metadata = Metadata(entries);
        CircuitSpec spec = Description(metadata);
        Plan plan = Lower(spec);
        Schema? schema = Columns(metadata, plan);
        CheckTensors(plan, entries);
        float[] parameters = Parameters(plan, stream.Length - LengthBytes - header.Length);
        CheckHash(metadata, parameters);
        CheckFinite(plan, parameters);
        return new ModelFile(spec, plan, parameters, schema, Prior(metadata, plan), metadata.Where(pair => !ModelFile.IsReserved(pair.Key)));
    }

    private byte[] Header()
    {
        long size = stream.Length;
        if (size < LengthBytes)
            throw Bad($"{(size == 0 ? "the file is empty" : $"the file has only {size} bytes")}; expected a model file, which starts with {LengthBytes} bytes of header length");
        var start = new byte[LengthBytes];
        stream.ReadExactly(start);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        ulong room = (ulong)Math.Min(size - LengthBytes, ModelFile.LongestHeader);
        if (length > room) throw Foreign($"the first {LengthBytes} bytes announce a header of {length} bytes, there is room for {room}");
        var header = new byte[length];
        stream.ReadExactly(header);
        if (header.Length == 0 || header[0] != '{') throw Foreign("the header does not start with {");
        return header;

        ModelFileException Foreign(string detail) =>
            Bad($"not a model file but {ForeignFile.Describe(start)}; expected a safetensors header ({detail})");
    }

    private Dictionary<string, string> Metadata(Dictionary<string, JsonElement> entries)
    {
        const string other = "a safetensors file of another program";
        if (!entries.Remove(ModelFile.MetadataEntry, out JsonElement element))
            throw Bad($"{other}: its header has no {ModelFile.MetadataEntry}; expected one with format \"{ModelFile.Format}\"");
        var metadata = Parse<Dictionary<string, string>>(element, ModelFile.MetadataEntry);
        if (metadata.FirstOrDefault(pair => pair.Value is null).Key is { } empty) throw Bad($"the metadata value of \"{empty}\" is null; expected a text");
        string? format = metadata.GetValueOrDefault(ModelFile.FormatKey);
        if (format != ModelFile.Format)
            throw Bad($"{other}: its metadata {(format is null ? "name no format" : $"name the format \"{format}\"")}; expected \"{ModelFile.Format}\"");
        string version = Required(metadata, ModelFile.VersionKey);
        if (!int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
            throw Bad($"the format version is \"{version}\"; expected {ModelFile.Version}");
        if (number > ModelFile.Version)
            throw Bad($"the file was written by a newer version of this library, in format version {number}; expected at most {ModelFile.Version}");
        return metadata;
    }

    // These three catch any exception: a description from outside may break what constructors, builders and custom rules take for granted.
    private CircuitSpec Description(Dictionary<string, string> metadata)
    {
        string text = Required(metadata, ModelFile.CircuitKey);
        try
        {
            return SpecKinds.Default.Read(text);
        }
        catch (Exception e)
        {
            throw Bad($"the circuit description cannot be read: {e.Message}", e);
        }
    }

    private Plan Lower(CircuitSpec spec)
    {
        try
        {
            return Lowerer.Lower(spec);
        }
        catch (Exception e)
        {
            throw Bad($"the circuit description makes no circuit: {e.Message}", e);
        }
    }

    private double[]? Prior(Dictionary<string, string> metadata, Plan plan)
    {
        if (!metadata.TryGetValue(ModelFile.PriorKey, out string? text)) return null;
        if (plan.ClassLogits is { } logits) throw Bad($"the metadata hold a prior of the classes, \"{ModelFile.PriorKey}\"; expected only the tensor \"{logits.Name}\", since the circuit learns it");
        try
        {
            return plan.CheckPrior(JsonSerializer.Deserialize<double[]>(text) ?? throw new JsonException("it is null"));
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw Bad($"the prior of the classes cannot be read: {e.Message}", e);
        }
    }

    private Schema? Columns(Dictionary<string, string> metadata, Plan plan)
    {
        if (!metadata.TryGetValue(ModelFile.SchemaKey, out string? text)) return null;
        try
        {
            Schema schema = SchemaText.Read(text);
            plan.CheckSchema(schema);
            return schema;
        }
        catch (Exception e)
        {
            throw Bad($"the schema cannot be read: {e.Message}", e);
        }
    }

    private void CheckTensors(Plan plan, Dictionary<string, JsonElement> entries)
    {
        foreach (ParameterTensor tensor in plan.Tensors)
        {
            if (!entries.Remove(tensor.Name, out JsonElement element))
                throw Bad($"tensor \"{tensor.Name}\" is missing; expected {string.Join(", ", plan.Tensors.Select(t => t.Name))}");
            var found = Parse<TensorEntry>(element, $"tensor \"{tensor.Name}\"");
            TensorEntry expected = TensorEntry.Of(tensor);
            if (found.Dtype != expected.Dtype) throw Differs("dtype", found.Dtype, expected.Dtype);
            if (!found.Shape.SequenceEqual(expected.Shape)) throw Differs("shape", List(found.Shape), List(expected.Shape));
            if (!found.DataOffsets.SequenceEqual(expected.DataOffsets)) throw Differs("data_offsets", List(found.DataOffsets), List(expected.DataOffsets));

            ModelFileException Differs(string what, string was, string should) => Bad($"tensor \"{tensor.Name}\" has {what} {was}; expected {should}");
        }
        if (entries.Count > 0)
            throw Bad($"unknown tensor \"{entries.Keys.First()}\"; expected {(plan.Tensors.Count == 0 ? "none" : $"only {string.Join(", ", plan.Tensors.Select(t => t.Name))}")}");

        static string List(long[] numbers) => $"[{string.Join(", ", numbers)}]";
    }

    private float[] Parameters(Plan plan, long held)
    {
        long expected = sizeof(float) * (long)plan.ParameterCount;
        if (held != expected)
            throw Bad($"the file {(held < expected ? "was cut: it " : "")}holds {held} bytes of tensors; expected {expected}");
        return ModelFile.ReadFloats(stream, plan.ParameterCount);
    }

    private void CheckHash(Dictionary<string, string> metadata, float[] parameters)
    {
        string stated = Required(metadata, ModelFile.HashKey), actual = ModelFile.Hash(metadata, parameters);
        if (stated != actual)
            throw Bad($"the file was damaged or changed after it was saved: the SHA-256 of its content is {actual}; expected {stated}");
    }

    private void CheckFinite(Plan plan, float[] parameters)
    {
        int at = Array.FindIndex(parameters, p => !float.IsFinite(p));
        if (at < 0) return;
        ParameterTensor tensor = plan.Tensors.Last(t => t.Offset <= at);
        throw Bad(string.Create(CultureInfo.InvariantCulture, $"entry {at - tensor.Offset} of tensor \"{tensor.Name}\" is {parameters[at]}; expected a finite number"));
    }

    private string Required(Dictionary<string, string> metadata, string key) =>
        metadata.GetValueOrDefault(key) ?? throw Bad($"the metadata lack \"{key}\"; expected a text");

    private T Parse<T>(byte[] json, string what) => Parse(() => JsonSerializer.Deserialize<T>(json, ModelFile.Json), what);

    private T Parse<T>(JsonElement json, string what) => Parse(() => json.Deserialize<T>(ModelFile.Json), what);

    private T Parse<T>(Func<T?> read, string what)
    {
        try
        {
            return read() ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Bad($"{what} cannot be read; expected JSON as safetensors defines it. {e.Message}", e);
        }
    }

    private ModelFileException Bad(string reason, Exception? inner = null) => new(path, reason, inner);
}
