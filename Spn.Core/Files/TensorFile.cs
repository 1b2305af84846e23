using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Spn.Core.Files;

/// <summary>A tensor within a flat parameter vector, as files name it.</summary>
internal readonly record struct NamedTensor(string Name, IReadOnlyList<int> Shape, int Offset)
{
    public int Count => Shape.Aggregate(1, (a, b) => checked(a * b));
}

/// <summary>The layout that the files of all kinds of models share; see <see cref="ModelFile"/>.</summary>
internal static class TensorFile
{
    public const string Format = "spn", FormatKey = "format", VersionKey = "spn.version", HashKey = "spn.sha256";
    public const string MetadataEntry = "__metadata__", Dtype = "F32";
    public const int Version = 1;

    /// <summary>The limit of the safetensors package.</summary>
    public const int LongestHeader = 100_000_000;

    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private const int ChunkLength = 1 << 14;
    private static readonly UTF8Encoding utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>A copy of the caller's metadata, in which no key is one of the library's.</summary>
    /// <exception cref="ArgumentException">A key is kept for the library, or a value is null.</exception>
    public static Dictionary<string, string> OfCaller(IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var pairs = new Dictionary<string, string>(metadata);
        if (pairs.Keys.FirstOrDefault(IsReserved) is { } taken)
            throw new ArgumentException($"The metadata key \"{taken}\" is kept for the library; choose one other than \"format\" and \"spn...\".", nameof(metadata));
        if (pairs.FirstOrDefault(p => p.Value is null).Key is { } empty)
            throw new ArgumentException($"The metadata value of \"{empty}\" is null.", nameof(metadata));
        return pairs;
    }

    public static bool IsReserved(string key) => key == FormatKey || key.StartsWith("spn.", StringComparison.Ordinal);

    /// <summary>Opens a file for reading and gives errors of the file system the form of all others.</summary>
    /// <exception cref="ModelFileException">The file cannot be read, or what is done with it fails so.</exception>
    public static T Read<T>(string path, Func<TensorFileReader, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            return read(new TensorFileReader(path, stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be read. {e.Message}", e);
        }
    }

    /// <summary>Writes a model; an existing file is replaced in one step.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">What the model is.</param>
    /// <param name="describe">The library's metadata pairs: the description and what goes with it.</param>
    /// <param name="metadata">The caller's.</param>
    /// <param name="tensors">The tensors, in the order of their offsets and without gaps.</param>
    /// <param name="parameters">The flat parameter vector.</param>
    /// <exception cref="ModelFileException">The file cannot be written, or <paramref name="describe"/> threw a <see cref="JsonException"/>.</exception>
    public static void Write(
        string path, ModelKind kind, Func<IEnumerable<KeyValuePair<string, string>>> describe, IReadOnlyDictionary<string, string> metadata,
        IEnumerable<NamedTensor> tensors, float[] parameters)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            byte[] header = Header([.. describe(), .. metadata], tensors, parameters);
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
            throw new ModelFileException(path, $"the {kind.Text()} cannot be described: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be written. {e.Message}", e);
        }
    }

    /// <summary>The value of <see cref="HashKey"/>.</summary>
    public static string Hash(IEnumerable<KeyValuePair<string, string>> metadata, float[] parameters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string key, string value) in metadata.Where(p => p.Key != HashKey).OrderBy(p => p.Key, StringComparer.Ordinal))
            hash.AppendData(utf8.GetBytes($"{key}\0{value}\0"));
        foreach (byte[] chunk in Chunks(parameters)) hash.AppendData(chunk);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public static float[] ReadFloats(Stream stream, int count)
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

    private static byte[] Header(IEnumerable<KeyValuePair<string, string>> pairs, IEnumerable<NamedTensor> tensors, float[] parameters)
    {
        var all = new Dictionary<string, string> { [FormatKey] = Format, [VersionKey] = $"{Version}" };
        foreach ((string key, string value) in pairs) all.Add(key, value);
        all.Add(HashKey, Hash(all, parameters));

        var entries = new OrderedDictionary<string, object> { [MetadataEntry] = all };
        foreach (NamedTensor tensor in tensors) entries.Add(tensor.Name, TensorEntry.Of(tensor));
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entries, Json);
        int padded = (json.Length + 7) / 8 * 8;
        return [.. json, .. Enumerable.Repeat((byte)' ', padded - json.Length)];
    }

    // In pieces, since the bytes of a large vector exceed the longest span.
    public static IEnumerable<byte[]> Chunks(float[] values)
    {
        foreach (float[] part in values.Chunk(ChunkLength))
        {
            var bytes = new byte[part.Length * sizeof(float)];
            for (int i = 0; i < part.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), part[i]);
            yield return bytes;
        }
    }
}

/// <summary>What a header says of one tensor; offsets in bytes from the end of the header.</summary>
internal sealed record TensorEntry(string Dtype, long[] Shape, long[] DataOffsets)
{
    public static TensorEntry Of(NamedTensor tensor) => new(
        TensorFile.Dtype, [.. tensor.Shape.Select(extent => (long)extent)],
        [sizeof(float) * (long)tensor.Offset, sizeof(float) * ((long)tensor.Offset + tensor.Count)]);
}
