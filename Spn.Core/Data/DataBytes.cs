using System.Buffers.Binary;
using System.IO.Compression;

namespace Spn.Core.Data;

// The bytes of a whole file, unpacked when they are gzip. Whole files, because the sets of this field fit in memory many times
// over and a parser over one span is several times faster than one over a stream.
internal static class DataBytes
{
    // Deflate cannot pack better than this; a stated length beyond it is a lie and must not size a buffer.
    private const int HighestRatio = 1032;

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

    private static ReadOnlyMemory<byte> Unpack(Memory<byte> bytes, string name)
    {
        var span = bytes.Span;
        if (span is not [0x1F, 0x8B, ..]) return bytes;
        long stated = span.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(span[^4..]);
        var unpacked = new MemoryStream((int)Math.Min(Math.Min(stated, (long)HighestRatio * span.Length), Array.MaxLength));
        try
        {
            System.Runtime.InteropServices.MemoryMarshal.TryGetArray((ReadOnlyMemory<byte>)bytes, out var packed);
            using var gzip = new GZipStream(new MemoryStream(packed.Array!, packed.Offset, packed.Count), CompressionMode.Decompress);
            gzip.CopyTo(unpacked, 1 << 16);
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(name, null, null, "a complete gzip file", $"damaged or missing bytes after {unpacked.Length} unpacked bytes", e);
        }
        return unpacked.GetBuffer().AsMemory(0, (int)unpacked.Length);
    }
}
