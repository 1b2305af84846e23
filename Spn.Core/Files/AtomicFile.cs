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
