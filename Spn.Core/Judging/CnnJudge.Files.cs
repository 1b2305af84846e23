using System.Buffers.Binary;
using System.Text.Json;
using Spn.Core.Files;
using Spn.Core.Training;

namespace Spn.Core.Judging;

/// <content>Files of judges.</content>
/// <remarks>
/// The layout is that of safetensors, as of <see cref="ModelFile"/>: the tensors <c>layer0.weights</c>, <c>layer0.biases</c>, ... in the
/// order of <see cref="Parameters"/>; <c>__metadata__</c> holds <c>format</c> ("spn-judge"), <c>spn.judge</c>, a JSON object of the sizes,
/// and <c>spn.sha256</c>.
/// </remarks>
public sealed partial class CnnJudge
{
    private const string FileFormat = "spn-judge", SizesKey = "spn.judge";
    private const int LengthBytes = sizeof(long);

    /// <summary>Writes the judge to a file; how its training went is not kept.</summary>
    /// <param name="path">The file; an old one is replaced in one step.</param>
    /// <exception cref="ModelFileException">The file cannot be written; an existing file stays as it was.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            byte[] header = Header();
            AtomicFile.Write(path, stream =>
            {
                Span<byte> length = stackalloc byte[LengthBytes];
                BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
                stream.Write(length);
                stream.Write(header);
                foreach (byte[] chunk in TensorFile.Chunks(parameters)) stream.Write(chunk);
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be written. {e.Message}", e);
        }
    }

    /// <summary>Reads a judge that <see cref="Save"/> has written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="threads">Number of threads that will answer, 0 for one a processor.</param>
    /// <exception cref="ModelFileException">The file cannot be read, holds no judge, was cut or was changed.</exception>
    public static CnnJudge Load(string path, int threads = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        try
        {
            using FileStream stream = File.OpenRead(path);
            return Read(path, stream, threads);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFileException(path, $"the file cannot be read. {e.Message}", e);
        }
    }

    private static CnnJudge Read(string path, FileStream stream, int threads)
    {
        long room = stream.Length - LengthBytes;
        if (room < 0) throw Bad($"the file has only {stream.Length} bytes; expected the file of a judge");
        var start = new byte[LengthBytes];
        stream.ReadExactly(start);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > (ulong)Math.Min(room, TensorFile.LongestHeader)) throw Bad($"not the file of a judge but {ForeignFile.Describe(start)}");
        var header = new byte[length];
        stream.ReadExactly(header);
        Sizes sizes = ReadSizes(header);
        JudgeNetwork network = Network(sizes);
        long held = room - header.Length, expected = sizeof(float) * (long)network.ParameterCount;
        if (held != expected) throw Bad($"the file holds {held} bytes of tensors; expected {expected}");
        var judge = new CnnJudge(network, sizes.Highest, TensorFile.ReadFloats(stream, network.ParameterCount)) { Threads = threads };
        // The header states the tensors and a hash of them all, so that it is right only where everything is.
        if (!header.AsSpan().SequenceEqual(judge.Header())) throw Bad("the file was damaged or changed after it was saved: its header differs from that of its content");
        if (!TrainingLoop.AllFinite(judge.parameters)) throw Bad("a weight is not finite; expected finite numbers");
        return judge;

        Sizes ReadSizes(byte[] json)
        {
            try
            {
                var entries = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json, TensorFile.Json);
                if (entries is null || !entries.TryGetValue(TensorFile.MetadataEntry, out JsonElement element)) throw Bad($"its header has no {TensorFile.MetadataEntry}; expected one with format \"{FileFormat}\"");
                var metadata = element.Deserialize<Dictionary<string, string>>(TensorFile.Json);
                string? format = metadata?.GetValueOrDefault(TensorFile.FormatKey);
                if (metadata is null || format != FileFormat) throw Bad($"its metadata {(format is null ? "name no format" : $"name the format \"{format}\"")}; expected \"{FileFormat}\"");
                return JsonSerializer.Deserialize<Sizes>(metadata.GetValueOrDefault(SizesKey) ?? "null", TensorFile.Json) ?? throw Bad($"the metadata lack \"{SizesKey}\"; expected the sizes of the judge");
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw Bad($"the header cannot be read; expected that of a judge. {e.Message}", e);
            }
        }

        JudgeNetwork Network(Sizes own)
        {
            try
            {
                return new JudgeOptions { Height = own.Height, Width = own.Width, Colours = own.Colours, Classes = own.Classes, Highest = own.Highest }.Check();
            }
            catch (ArgumentException e)
            {
                throw Bad($"its sizes make no judge. {e.Message}", e);
            }
        }

        ModelFileException Bad(string reason, Exception? inner = null) => new(path, reason, inner);
    }

    private byte[] Header()
    {
        var metadata = new Dictionary<string, string>
        {
            [TensorFile.FormatKey] = FileFormat,
            [SizesKey] = JsonSerializer.Serialize(new Sizes(Height, Width, Colours, Classes, Highest), TensorFile.Json),
        };
        metadata.Add(TensorFile.HashKey, TensorFile.Hash(metadata, parameters));
        var entries = new OrderedDictionary<string, object> { [TensorFile.MetadataEntry] = metadata };
        foreach ((int number, ConvolutionLayer layer) in network.Convolutions.Index())
        {
            Add($"layer{number}.weights", layer.Offset, layer.Weights, layer.KernelHeight, layer.KernelWidth, layer.In.Channels, layer.Channels);
            Add($"layer{number}.biases", layer.Offset + layer.Weights, layer.Channels, layer.Channels);
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entries, TensorFile.Json);
        int padded = (json.Length + LengthBytes - 1) / LengthBytes * LengthBytes;
        return [.. json, .. Enumerable.Repeat((byte)' ', padded - json.Length)];

        void Add(string name, int offset, int count, params long[] shape) =>
            entries.Add(name, new TensorEntry(TensorFile.Dtype, shape, [sizeof(float) * (long)offset, sizeof(float) * ((long)offset + count)]));
    }

    /// <summary>What a file says of a judge beside its tensors.</summary>
    private sealed record Sizes(int Height, int Width, int Colours, int Classes, double Highest);
}
