using System.Buffers.Binary;
using System.IO.Compression;

namespace Spn.Core.Data;

// The bytes of a whole file, unpacked when they are gzip. Whole files, because the sets of this field fit in memory many times
// over and a parser over one span is several times faster than one over a stream.
internal static class DataBytes
{
    // Deflate cannot pack better than this; a stated length beyond it is a lie and must not size a buffer.
    private const int HighestRatio = 1032;

    // GZipStream takes a truncated file for a complete one. A further gzip member put behind the file comes out whole only
    // when the file itself is complete, however many members it has.
    private static readonly byte[] End = "\u0003end of gzip\u0003"u8.ToArray();
    private static readonly byte[] PackedEnd = Pack(End);

    public static ReadOnlyMemory<byte> Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Unpack(File.ReadAllBytes(path), path);
    }

    public static ReadOnlyMemory<byte> Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        using var all = new MemoryStream();
        stream.CopyTo(all);
        return Unpack(all.GetBuffer().AsMemory(0, (int)all.Length), name);
    }

    private static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> bytes, string name)
    {
        var packed = bytes.Span;
        if (packed is not [0x1F, 0x8B, ..]) return bytes;
        long stated = packed.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(packed[^4..]);
        long capacity = Math.Min(Math.Min(stated, (long)HighestRatio * packed.Length) + End.Length, Array.MaxLength);
        var unpacked = new MemoryStream((int)capacity);
        Exception? cause = null;
        try
        {
            using var gzip = new GZipStream(new MemoryStream([.. packed, .. PackedEnd]), CompressionMode.Decompress);
            gzip.CopyTo(unpacked, 1 << 16);
        }
        catch (InvalidDataException e)
        {
            cause = e;
        }
        var result = unpacked.GetBuffer().AsMemory(0, (int)unpacked.Length);
        return cause is null && result.Span.EndsWith(End)
            ? result[..^End.Length]
            : throw new DataFormatException(name, null, null, "a complete gzip file", "one that is cut short or damaged", cause);
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }
}
