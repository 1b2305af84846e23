using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Spn.Core.Data;

/// <summary>A real array of a MAT file.</summary>
/// <param name="Shape">Length along each dimension.</param>
/// <param name="Values">The numbers, the first dimension fastest.</param>
public sealed record MatArray(ValueList<int> Shape, float[] Values);

/// <summary>Reads real numeric arrays of MAT files of level 5 (MATLAB 5 to 7), plain or compressed.</summary>
/// <remarks>Files of version 7.3 are HDF5 and refused. Source: MathWorks, "MAT-File Format", level 5.</remarks>
public static class MatFile
{
    private const int HeaderBytes = 128, Matrix = 14, Compressed = 15;

    /// <summary>Reads one array.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the array.</param>
    /// <param name="most">At most so many slices along the last dimension, the first ones; the rest is not held in memory.</param>
    /// <exception cref="DataFormatException">It is no such file, or has no such array.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static MatArray Read(string path, string name, int most = int.MaxValue)
    {
        using FileStream file = File.OpenRead(path);
        return Read(file, path, name, most);
    }

    /// <summary>The same from a stream.</summary>
    /// <param name="stream">The bytes of a file; left open.</param>
    /// <param name="file">How errors call it.</param>
    /// <param name="name">Name of the array.</param>
    /// <param name="most">At most so many slices along the last dimension.</param>
    /// <inheritdoc cref="Read(string, string, int)"/>
    public static MatArray Read(Stream stream, string file, string name, int most = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        try
        {
            return Find(stream, file, name, most);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException or OverflowException)
        {
            throw new DataFormatException(file, null, null, "a whole MAT file of level 5", "one that is cut short or damaged", e);
        }
    }

    private static MatArray Find(Stream stream, string file, string name, int most)
    {
        var header = new byte[HeaderBytes];
        stream.ReadExactly(header);
        string mark = Encoding.ASCII.GetString(header, 126, 2);
        if (mark is not ("IM" or "MI") || header.AsSpan(0, 4).Contains((byte)0))
            throw new DataFormatException(file, null, null, "a MAT file of level 5", "another kind of file");
        bool little = mark == "IM";
        if (header[little ? 125 : 124] != 1)
            throw new DataFormatException(file, null, null, "a MAT file of level 5 (save it with -v7)", "version 7.3, which is HDF5");
        List<string> names = [];
        for (var source = new Source(stream, little); source.Next(out int type, out uint length, mayEnd: true);)
        {
            if (type == Compressed)
            {
                using var part = new Window(stream, length);
                using (var inflated = new ZLibStream(part, CompressionMode.Decompress, leaveOpen: true))
                {
                    var inner = new Source(inflated, little);
                    inner.Next(out int own, out uint bytes, mayEnd: false);
                    if (own == Matrix && Array(inner, bytes, file, name, most, names) is { } found) return found;
                }
                part.Skip();
            }
            else if (type == Matrix)
            {
                if (Array(source, length, file, name, most, names) is { } found) return found;
            }
            else source.Skip(Padded(length));
        }
        throw new DataFormatException(file, null, null, $"an array named {name}", names.Count == 0 ? "none" : string.Join(", ", names));
    }

    /// <summary>The array that comes next when it has the name; null, with all of it read over, when not.</summary>
    private static MatArray? Array(Source source, uint length, string file, string name, int most, List<string> names)
    {
        long end = source.Position + length;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(source.Little(source.Element(out _), 4));
        byte[] lengths = source.Element(out _);
        var shape = new int[lengths.Length / 4];
        for (int d = 0; d < shape.Length; d++) shape[d] = BinaryPrimitives.ReadInt32LittleEndian(source.Little(lengths.AsSpan(4 * d, 4).ToArray(), 4));
        string own = Encoding.ASCII.GetString(source.Element(out _));
        names.Add(own);
        if (own != name)
        {
            source.Skip(end - source.Position);
            return null;
        }
        const uint complex = 0x800;
        uint kind = flags & 0xff;
        if (kind is < 6 or > 13 || (flags & complex) != 0)
            throw new DataFormatException(file, null, null, $"real numbers in the array {name}", (flags & complex) != 0 ? "complex ones" : $"an array of class {kind}");
        source.Next(out int type, out _, mayEnd: false);
        int last = shape[^1], slice = 1;
        for (int d = 0; d < shape.Length - 1; d++) slice = checked(slice * shape[d]);
        shape[^1] = Math.Min(last, most);
        return new MatArray(new ValueList<int>(shape), source.Numbers(type, checked(slice * shape[^1]), file));
    }

    private static long Padded(uint length) => (length + 7L) / 8 * 8;

    /// <summary>Data elements one after another.</summary>
    private sealed class Source(Stream stream, bool little)
    {
        private byte[] small = [];

        public long Position { get; private set; }

        /// <summary>Reads a tag; a small element's data are kept for whoever reads them.</summary>
        public bool Next(out int type, out uint length, bool mayEnd)
        {
            (type, length) = (0, 0);
            var tag = new byte[8];
            int read = stream.ReadAtLeast(tag, 8, throwOnEndOfStream: !mayEnd);
            if (read == 0) return false;
            if (read < 8) throw new EndOfStreamException();
            Position += 8;
            uint first = BinaryPrimitives.ReadUInt32LittleEndian(Little(tag[..4], 4));
            if (first >> 16 != 0)
            {
                (type, length) = ((int)(first & 0xffff), first >> 16);
                if (length > 4) throw new InvalidDataException();
                small = tag[4..(4 + (int)length)];
                return true;
            }
            small = [];
            (type, length) = ((int)first, BinaryPrimitives.ReadUInt32LittleEndian(Little(tag[4..], 4)));
            return true;
        }

        /// <summary>A whole short element.</summary>
        public byte[] Element(out int type)
        {
            Next(out type, out uint length, mayEnd: false);
            if (small.Length > 0) return small;
            if (length > 1 << 20) throw new InvalidDataException();
            byte[] bytes = new byte[length];
            stream.ReadExactly(bytes);
            Position += length;
            Skip(Padded(length) - length);
            return bytes;
        }

        public void Skip(long count)
        {
            var buffer = new byte[(int)Math.Min(count, 1 << 16)];
            for (Position += count; count > 0;)
            {
                int part = (int)Math.Min(count, buffer.Length);
                stream.ReadExactly(buffer, 0, part);
                count -= part;
            }
        }

        /// <summary>Bytes of numbers of a size in little-endian order, in place.</summary>
        public byte[] Little(byte[] bytes, int size)
        {
            if (!little)
                for (int at = 0; at < bytes.Length; at += size) System.Array.Reverse(bytes, at, size);
            return bytes;
        }

        /// <summary>The first numbers of the element whose tag was read.</summary>
        public float[] Numbers(int type, int count, string file)
        {
            (int size, Func<byte[], int, double> read) = type switch
            {
                1 => (1, (Func<byte[], int, double>)((b, i) => (sbyte)b[i])),
                2 => (1, (b, i) => b[i]),
                3 => (2, (b, i) => BitConverter.ToInt16(b, i)),
                4 => (2, (b, i) => BitConverter.ToUInt16(b, i)),
                5 => (4, (b, i) => BitConverter.ToInt32(b, i)),
                6 => (4, (b, i) => BitConverter.ToUInt32(b, i)),
                7 => (4, (b, i) => BitConverter.ToSingle(b, i)),
                9 => (8, (b, i) => BitConverter.ToDouble(b, i)),
                12 => (8, (b, i) => BitConverter.ToInt64(b, i)),
                13 => (8, (b, i) => BitConverter.ToUInt64(b, i)),
                _ => throw new DataFormatException(file, null, null, "numbers", $"data of type {type}"),
            };
            var values = new float[count];
            byte[] kept = small, buffer = new byte[size * Math.Min(Math.Max(count, 1), 1 << 16)];
            for (int done = 0; done < count;)
            {
                int part = Math.Min(count - done, buffer.Length / size);
                if (kept.Length > 0) kept.AsSpan(0, part * size).CopyTo(buffer);
                else stream.ReadExactly(buffer, 0, part * size);
                Little(buffer, size);
                for (int i = 0; i < part; i++) values[done + i] = (float)read(buffer, i * size);
                done += part;
            }
            return values;
        }
    }

    /// <summary>The next bytes of a stream as a stream of their own.</summary>
    private sealed class Window(Stream stream, long length) : Stream
    {
        private long left = length;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = stream.Read(buffer, offset, (int)Math.Min(count, left));
            left -= read;
            return read;
        }

        public void Skip()
        {
            var buffer = new byte[1 << 16];
            while (left > 0 && Read(buffer, 0, buffer.Length) > 0) { }
        }

        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
