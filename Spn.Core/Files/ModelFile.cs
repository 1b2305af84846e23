using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Spn.Core.Plans;

namespace Spn.Core.Files;

/// <summary>The content of a model file: description, parameters and the caller's metadata.</summary>
/// <remarks>
/// The layout is that of safetensors: 8 bytes of little-endian header length; a JSON header, padded with spaces to a multiple of 8,
/// with dtype, shape and data_offsets of every tensor of the plan, in order; the tensors as little-endian F32 without gaps.
/// <c>__metadata__</c> holds <c>format</c> ("spn"), <c>spn.version</c>, <c>spn.circuit</c> (see <see cref="SpecKinds"/>), perhaps
/// <c>spn.schema</c> (see <see cref="SchemaText"/>), <c>spn.class_prior</c> (a JSON array of numbers), and <c>spn.sha256</c>, the hash in lower-case hexadecimal digits of key, byte 0, value, byte 0 (UTF-8) of every other metadata pair
/// in ordinal order of the keys, and of the tensor bytes after them.
/// </remarks>
public sealed class ModelFile
{
    internal const string Format = "spn", FormatKey = "format", VersionKey = "spn.version", CircuitKey = "spn.circuit", SchemaKey = "spn.schema", PriorKey = "spn.class_prior", HashKey = "spn.sha256";
    internal const string MetadataEntry = "__metadata__", Dtype = "F32";
    internal const int Version = 1;

    /// <summary>The limit of the safetensors package.</summary>
    internal const int LongestHeader = 100_000_000;

    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private const int ChunkLength = 1 << 14;
    private static readonly UTF8Encoding utf8 = new(false, throwOnInvalidBytes: true);

    private readonly float[] parameters;

    internal ModelFile(CircuitSpec spec, Plan plan, float[] parameters, Schema? schema, double[]? constantPrior, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        Spec = spec;
        Plan = plan;
        this.parameters = parameters;
        Schema = schema;
        ConstantPrior = constantPrior;
        Metadata = new Dictionary<string, string>(metadata);
        if (Metadata.Keys.FirstOrDefault(IsReserved) is { } taken)
            throw new ArgumentException($"The metadata key \"{taken}\" is kept for the library; choose one other than \"format\" and \"spn...\".", nameof(metadata));
        if (Metadata.FirstOrDefault(p => p.Value is null).Key is { } empty)
            throw new ArgumentException($"The metadata value of \"{empty}\" is null.", nameof(metadata));
    }

    /// <summary>The description.</summary>
    public CircuitSpec Spec { get; }

    /// <summary>The plan that the description makes.</summary>
    public Plan Plan { get; }

    /// <summary>The flat parameter vector, in the order of the plan's tensors.</summary>
    public ReadOnlySpan<float> Parameters => parameters;

    /// <summary>The columns of the table that the variables are, or null where none were named.</summary>
    public Schema? Schema { get; }

    /// <summary>See <see cref="Circuit.ClassPrior"/>.</summary>
    public IReadOnlyList<double>? ClassPrior => Plan.LearnedPrior(parameters) ?? ConstantPrior;

    /// <summary>A prior that is not among the parameters, or null.</summary>
    internal double[]? ConstantPrior { get; }

    /// <summary>What the caller of Circuit.Save added.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads a file and checks all of it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, is of a newer version, was cut or was changed.</exception>
    public static ModelFile Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            return new ModelFileReader(path, stream).Read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be read. {e.Message}", e);
        }
    }

    internal static bool IsReserved(string key) => key == FormatKey || key.StartsWith("spn.", StringComparison.Ordinal);

    internal void Write(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            byte[] header = Header();
            if (header.Length > LongestHeader)
                throw new ModelFileException(path, $"the header would take {header.Length} bytes; expected at most {LongestHeader}");
            AtomicFile.Write(path, stream =>
            {
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
                stream.Write(length);
                stream.Write(header);
                foreach (byte[] chunk in Chunks(parameters)) stream.Write(chunk);
            });
        }
        catch (JsonException e)
        {
            throw new ModelFileException(path, $"the circuit cannot be described: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be written. {e.Message}", e);
        }
    }

    /// <summary>The value of <see cref="HashKey"/>.</summary>
    internal static string Hash(IEnumerable<KeyValuePair<string, string>> metadata, float[] parameters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string key, string value) in metadata.Where(p => p.Key != HashKey).OrderBy(p => p.Key, StringComparer.Ordinal))
            hash.AppendData(utf8.GetBytes($"{key}\0{value}\0"));
        foreach (byte[] chunk in Chunks(parameters)) hash.AppendData(chunk);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private byte[] Header()
    {
        var all = new Dictionary<string, string>
        {
            [FormatKey] = Format,
            [VersionKey] = $"{Version}",
            [CircuitKey] = SpecKinds.Default.Write(Spec),
        };
        if (Schema is not null) all.Add(SchemaKey, SchemaText.Write(Schema));
        if (ConstantPrior is not null) all.Add(PriorKey, JsonSerializer.Serialize(ConstantPrior));
        foreach ((string key, string value) in Metadata) all.Add(key, value);
        all.Add(HashKey, Hash(all, parameters));

        var entries = new OrderedDictionary<string, object> { [MetadataEntry] = all };
        foreach (ParameterTensor tensor in Plan.Tensors) entries.Add(tensor.Name, TensorEntry.Of(tensor));
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entries, Json);
        int padded = (json.Length + 7) / 8 * 8;
        return [.. json, .. Enumerable.Repeat((byte)' ', padded - json.Length)];
    }

    // In pieces, since the bytes of a large vector exceed the longest span.
    internal static IEnumerable<byte[]> Chunks(float[] values)
    {
        foreach (float[] part in values.Chunk(ChunkLength))
        {
            var bytes = new byte[part.Length * sizeof(float)];
            for (int i = 0; i < part.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), part[i]);
            yield return bytes;
        }
    }

    internal static float[] ReadFloats(Stream stream, int count)
    {
        var values = new float[count];
        var bytes = new byte[ChunkLength * sizeof(float)];
        for (int at = 0; at < count;)
        {
            int part = Math.Min(ChunkLength, count - at);
            stream.ReadExactly(bytes, 0, part * sizeof(float));
            for (int i = 0; i < part; i++) values[at++] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float)));
        }
        return values;
    }
}

/// <summary>What a header says of one tensor; offsets in bytes from the end of the header.</summary>
internal sealed record TensorEntry(string Dtype, long[] Shape, long[] DataOffsets)
{
    public static TensorEntry Of(ParameterTensor tensor) => new(
        ModelFile.Dtype, [.. tensor.Shape.Select(extent => (long)extent)],
        [sizeof(float) * (long)tensor.Offset, sizeof(float) * ((long)tensor.Offset + tensor.Count)]);
}
