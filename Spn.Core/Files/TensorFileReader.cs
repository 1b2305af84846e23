using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

namespace Spn.Core.Files;

/// <summary>Reads the parts of a model file that all kinds share, from front to back; each step may rely on what the steps before it checked.</summary>
internal sealed class TensorFileReader
{
    private const int LengthBytes = 8;

    private readonly string path;
    private readonly Stream stream;
    private readonly int headerLength;
    private readonly Dictionary<string, JsonElement> entries;

    /// <summary>Reads the header and checks that it is one of this library.</summary>
    /// <exception cref="ModelFileException">It is not.</exception>
    public TensorFileReader(string path, Stream stream)
    {
        (this.path, this.stream) = (path, stream);
        byte[] header = Header();
        headerLength = header.Length;
        entries = Parse<Dictionary<string, JsonElement>>(header, "the header");
        Metadata = ReadMetadata();
    }

    /// <summary>All metadata of the file.</summary>
    public Dictionary<string, string> Metadata { get; }

    /// <summary>The metadata that the caller added.</summary>
    public IEnumerable<KeyValuePair<string, string>> OfCaller => Metadata.Where(pair => !TensorFile.IsReserved(pair.Key));

    /// <summary>What the file holds; null when it has no description of a known kind.</summary>
    public ModelKind? Kind => Enum.GetValues<ModelKind>().Where(kind => Metadata.ContainsKey(kind.Key())).Cast<ModelKind?>().FirstOrDefault();

    /// <summary>Reads the description of a model.</summary>
    /// <param name="wanted">What the file must hold.</param>
    /// <param name="read">From the text to the description. It may throw anything: a description from outside may break what constructors and builders take for granted.</param>
    /// <exception cref="ModelFileException">The file holds another kind, or the description cannot be read.</exception>
    public T Description<T>(ModelKind wanted, Func<string, T> read)
    {
        if (Kind is { } held && held != wanted)
            throw Bad($"the file holds a {held.Text()}; expected a {wanted.Text()}. {held.Loader()} reads it");
        string text = Required(wanted.Key());
        return Try(() => read(text), $"the {wanted.Text()} description cannot be read");
    }

    /// <summary>Does a step that may throw anything, and says what it was for.</summary>
    public T Try<T>(Func<T> step, string failure)
    {
        try
        {
            return step();
        }
        catch (Exception e)
        {
            throw Bad($"{failure}: {e.Message}", e);
        }
    }

    /// <summary>Reads the parameters; the file must hold these tensors and nothing else.</summary>
    public float[] Parameters(IReadOnlyList<NamedTensor> tensors, int count)
    {
        CheckTensors(tensors);
        float[] parameters = ReadParameters(count, stream.Length - LengthBytes - headerLength);
        CheckHash(parameters);
        CheckFinite(tensors, parameters);
        return parameters;
    }

    public ModelFileException Bad(string reason, Exception? inner = null) => new(path, reason, inner);

    private byte[] Header()
    {
        long size = stream.Length;
        if (size < LengthBytes)
            throw Bad($"{(size == 0 ? "the file is empty" : $"the file has only {size} bytes")}; expected a model file, which starts with {LengthBytes} bytes of header length");
        var start = new byte[LengthBytes];
        stream.ReadExactly(start);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        ulong room = (ulong)Math.Min(size - LengthBytes, TensorFile.LongestHeader);
        if (length > room) throw Foreign($"the first {LengthBytes} bytes announce a header of {length} bytes, there is room for {room}");
        var header = new byte[length];
        stream.ReadExactly(header);
        if (header.Length == 0 || header[0] != '{') throw Foreign("the header does not start with {");
        return header;

        ModelFileException Foreign(string detail) =>
            Bad($"not a model file but {ForeignFile.Describe(start)}; expected a safetensors header ({detail})");
    }

    private Dictionary<string, string> ReadMetadata()
    {
        const string other = "a safetensors file of another program";
        if (!entries.Remove(TensorFile.MetadataEntry, out JsonElement element))
            throw Bad($"{other}: its header has no {TensorFile.MetadataEntry}; expected one with format \"{TensorFile.Format}\"");
        var metadata = Parse<Dictionary<string, string>>(element, TensorFile.MetadataEntry);
        if (metadata.FirstOrDefault(pair => pair.Value is null).Key is { } empty) throw Bad($"the metadata value of \"{empty}\" is null; expected a text");
        string? format = metadata.GetValueOrDefault(TensorFile.FormatKey);
        if (format != TensorFile.Format)
            throw Bad($"{other}: its metadata {(format is null ? "name no format" : $"name the format \"{format}\"")}; expected \"{TensorFile.Format}\"");
        string version = Required(TensorFile.VersionKey, metadata);
        if (!int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
            throw Bad($"the format version is \"{version}\"; expected {TensorFile.Version}");
        if (number > TensorFile.Version)
            throw Bad($"the file was written by a newer version of this library, in format version {number}; expected at most {TensorFile.Version}");
        return metadata;
    }

    private void CheckTensors(IReadOnlyList<NamedTensor> tensors)
    {
        foreach (NamedTensor tensor in tensors)
        {
            if (!entries.Remove(tensor.Name, out JsonElement element))
                throw Bad($"tensor \"{tensor.Name}\" is missing; expected {string.Join(", ", tensors.Select(t => t.Name))}");
            var found = Parse<TensorEntry>(element, $"tensor \"{tensor.Name}\"");
            TensorEntry expected = TensorEntry.Of(tensor);
            if (found.Dtype != expected.Dtype) throw Differs("dtype", found.Dtype, expected.Dtype);
            if (!found.Shape.SequenceEqual(expected.Shape)) throw Differs("shape", List(found.Shape), List(expected.Shape));
            if (!found.DataOffsets.SequenceEqual(expected.DataOffsets)) throw Differs("data_offsets", List(found.DataOffsets), List(expected.DataOffsets));

            ModelFileException Differs(string what, string was, string should) => Bad($"tensor \"{tensor.Name}\" has {what} {was}; expected {should}");
        }
        if (entries.Count > 0)
            throw Bad($"unknown tensor \"{entries.Keys.First()}\"; expected {(tensors.Count == 0 ? "none" : $"only {string.Join(", ", tensors.Select(t => t.Name))}")}");

        static string List(long[] numbers) => $"[{string.Join(", ", numbers)}]";
    }

    private float[] ReadParameters(int count, long held)
    {
        long expected = sizeof(float) * (long)count;
        if (held != expected)
            throw Bad($"the file {(held < expected ? "was cut: it " : "")}holds {held} bytes of tensors; expected {expected}");
        return TensorFile.ReadFloats(stream, count);
    }

    private void CheckHash(float[] parameters)
    {
        string stated = Required(TensorFile.HashKey), actual = TensorFile.Hash(Metadata, parameters);
        if (stated != actual)
            throw Bad($"the file was damaged or changed after it was saved: the SHA-256 of its content is {actual}; expected {stated}");
    }

    private void CheckFinite(IReadOnlyList<NamedTensor> tensors, float[] parameters)
    {
        int at = Array.FindIndex(parameters, p => !float.IsFinite(p));
        if (at < 0) return;
        NamedTensor tensor = tensors.Last(t => t.Offset <= at);
        throw Bad(string.Create(CultureInfo.InvariantCulture, $"entry {at - tensor.Offset} of tensor \"{tensor.Name}\" is {parameters[at]}; expected a finite number"));
    }

    private string Required(string key, Dictionary<string, string>? metadata = null) =>
        (metadata ?? Metadata).GetValueOrDefault(key) ?? throw Bad($"the metadata lack \"{key}\"; expected a text");

    private T Parse<T>(byte[] json, string what) => Parse(() => JsonSerializer.Deserialize<T>(json, TensorFile.Json), what);

    private T Parse<T>(JsonElement json, string what) => Parse(() => json.Deserialize<T>(TensorFile.Json), what);

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
}
