using System.IO.Compression;

namespace Spn.Core.Data;

/// <summary>The content of a data file from front to back, unpacked when it is gzip; a cut or damaged gzip file is refused.</summary>
/// <remarks>Holds a few kilobytes, however long the file is.</remarks>
internal sealed class DataStream : ForwardStream
{
    // GZipStream takes a truncated file for a complete one. A further gzip member put behind the file comes out whole only
    // when the file itself is complete, however many members it has.
    private static readonly byte[] End = "\u0003end of gzip\u0003"u8.ToArray();
    private static readonly byte[] PackedEnd = Pack(End);

    private readonly string name;
    private readonly Chain raw;
    private readonly GZipStream? gzip;
    private readonly byte[] held = new byte[1 << 16];
    private int start, end;
    private bool complete;

    /// <summary>Starts to read.</summary>
    /// <param name="source">The bytes of the file; left open.</param>
    /// <param name="name">How errors call it.</param>
    public DataStream(Stream source, string name)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(name);
        this.name = name;
        var first = new byte[2];
        int count = source.ReadAtLeast(first, 2, throwOnEndOfStream: false);
        bool packed = count == 2 && first is [0x1F, 0x8B];
        raw = new Chain(new MemoryStream(first, 0, count), source, new MemoryStream(packed ? PackedEnd : []));
        if (packed) gzip = new GZipStream(raw, CompressionMode.Decompress);
    }

    /// <summary>Bytes of the file taken so far, as stored.</summary>
    public long BytesRead => raw.BytesRead;

    public override int Read(Span<byte> to)
    {
        if (gzip is null) return raw.Read(to);
        while (!complete && end - start <= End.Length) Refill();
        int count = Math.Min(to.Length, end - start - (complete ? 0 : End.Length));
        held.AsSpan(start, count).CopyTo(to);
        start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        gzip?.Dispose();
        base.Dispose(disposing);
    }

    // What may be the end that was put behind the file stays here until more follows it.
    private void Refill()
    {
        held.AsSpan(start..end).CopyTo(held);
        (start, end) = (0, end - start);
        int count;
        try
        {
            count = gzip!.Read(held, end, held.Length - end);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e);
        }
        end += count;
        if (count > 0) return;
        if (!held.AsSpan(..end).SequenceEqual(End)) throw Damaged(null);
        complete = true;
        end = 0;
    }

    private DataFormatException Damaged(Exception? cause) =>
        new(name, null, null, "a complete gzip file", "one that is cut short or damaged", cause);

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var pack = new GZipStream(packed, CompressionLevel.Fastest)) pack.Write(bytes);
        return packed.ToArray();
    }

    // Several streams one after another; the last one is no part of the file.
    private sealed class Chain(params Stream[] parts) : ForwardStream
    {
        private int part;

        public long BytesRead { get; private set; }

        public override int Read(Span<byte> to)
        {
            for (; part < parts.Length; part++)
            {
                int count = parts[part].Read(to);
                if (part < parts.Length - 1) BytesRead += count;
                if (count > 0) return count;
            }
            return 0;
        }
    }
}

/// <summary>A stream that can be read once, from front to back, and nothing else.</summary>
internal abstract class ForwardStream : Stream
{
    public sealed override bool CanRead => true;

    public sealed override bool CanSeek => false;

    public sealed override bool CanWrite => false;

    public sealed override long Length => throw new NotSupportedException();

    public sealed override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public abstract override int Read(Span<byte> to);

    public sealed override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public sealed override void Flush() { }

    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public sealed override void SetLength(long value) => throw new NotSupportedException();

    public sealed override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
