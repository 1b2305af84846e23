using System.IO.Compression;
using System.Text;

namespace Spn.Core.Files;

/// <summary>Writes a file so that its name stands for the old or the new content at any time, never for half of it.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a temporary file in the same folder and renames it; on failure the old file stays.</summary>
    /// <remarks>The same folder, since a rename replaces a file in one step only within one file system.</remarks>
    public static void Write(string path, Action<Stream> content)
    {
        string target = Path.GetFullPath(path);
        string temporary = Path.Combine(Path.GetDirectoryName(target) ?? target, $".spn-{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                content(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>The same for text in UTF-8, packed as gzip where the name ends with .gz.</summary>
    public static void WriteText(string path, Action<TextWriter> content)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"The folder {folder} of the file {Path.GetFileName(path)} does not exist.");
        Write(path, file =>
        {
            using GZipStream? packed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new(file, CompressionLevel.Optimal, leaveOpen: true) : null;
            using var writer = new StreamWriter(packed ?? (Stream)file, new UTF8Encoding(false), 1 << 16, leaveOpen: true);
            content(writer);
        });
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }
}
