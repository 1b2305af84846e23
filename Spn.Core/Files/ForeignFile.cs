using System.Text;

namespace Spn.Core.Files;

/// <summary>Recognises files that are no model files, so that an error can name what was given.</summary>
internal static class ForeignFile
{
    private static readonly (byte[] Start, string Name)[] known =
    [
        ([0x89, (byte)'P', (byte)'N', (byte)'G'], "a PNG image"),
        ([0xFF, 0xD8, 0xFF], "a JPEG image"),
        ([0x1F, 0x8B], "gzip data"),
        ([(byte)'P', (byte)'K', 3, 4], "a zip archive"),
        ([0x89, (byte)'H', (byte)'D', (byte)'F'], "an HDF5 file"),
        ([0x93, .. "NUMPY"u8], "a NumPy array"),
        ([0x80, 2], "a Python pickle"),
        ([.. "%PDF"u8], "a PDF document"),
    ];

    /// <summary>What a file that starts with these bytes looks like.</summary>
    public static string Describe(ReadOnlySpan<byte> start)
    {
        foreach ((byte[] first, string name) in known)
            if (start.StartsWith(first)) return name;
        return IsText(start) ? $"text, starting with \"{Encoding.ASCII.GetString(start).Trim()}\"" : "another kind of file or a damaged one";
    }

    private static bool IsText(ReadOnlySpan<byte> start)
    {
        foreach (byte b in start)
            if (b is not (>= 0x20 and < 0x7F or (byte)'\t' or (byte)'\n' or (byte)'\r')) return false;
        return true;
    }
}
