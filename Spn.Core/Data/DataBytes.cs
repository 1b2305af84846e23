using System.Buffers.Binary;

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

    private static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> bytes, string name)
    {
        var packed = bytes.Span;
        if (packed is not [0x1F, 0x8B, ..]) return bytes;
        long stated = packed.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(packed[^4..]);
        long capacity = Math.Min(Math.Min(stated, (long)HighestRatio * packed.Length), Array.MaxLength);
        var unpacked = new MemoryStream((int)capacity);
        using var content = new DataStream(new MemoryStream(packed.ToArray()), name);
        content.CopyTo(unpacked, 1 << 16);
        return unpacked.GetBuffer().AsMemory(0, (int)unpacked.Length);
    }
}
