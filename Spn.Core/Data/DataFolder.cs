namespace Spn.Core.Data;

/// <summary>Where the data folder was found.</summary>
public enum DataFolderSource
{
    /// <summary>Nowhere; only the built-in set can be loaded.</summary>
    None,

    /// <summary>Named by the caller.</summary>
    Given,

    /// <summary>Named by the environment variable SPN_DATA.</summary>
    Environment,

    /// <summary>The folder data at the root of the repository.</summary>
    Repository,
}

/// <summary>The folder that data sets are looked up in, and how it was found; as text, a line for a program to print.</summary>
/// <param name="Path">The folder; null when there is none.</param>
/// <param name="Source">How it was found.</param>
public sealed record DataFolder(string? Path, DataFolderSource Source)
{
    /// <summary>Name of the environment variable: SPN_DATA.</summary>
    public const string Variable = "SPN_DATA";

    /// <summary>Finds the data folder: the given one, else that of SPN_DATA, else data at the root of the repository, else none.</summary>
    /// <remarks>The repository is looked for upwards from the current directory, then from the program's own folder.</remarks>
    /// <param name="explicitFolder">The caller's folder; null or empty when none was named.</param>
    /// <exception cref="DirectoryNotFoundException">The given folder, or that of SPN_DATA, does not exist;
    /// a later place is not tried then.</exception>
    public static DataFolder Find(string? explicitFolder = null)
    {
        if (!string.IsNullOrEmpty(explicitFolder))
            return Directory.Exists(explicitFolder)
                ? new(System.IO.Path.GetFullPath(explicitFolder), DataFolderSource.Given)
                : throw new DirectoryNotFoundException($"The data folder {explicitFolder} does not exist.");
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return Directory.Exists(named)
                ? new(System.IO.Path.GetFullPath(named), DataFolderSource.Environment)
                : throw new DirectoryNotFoundException(
                    $"The environment variable {Variable} names the data folder {named}, which does not exist. Correct or unset it.");
        string? repository = Above(Directory.GetCurrentDirectory()) ?? Above(AppContext.BaseDirectory);
        return repository is null ? new(null, DataFolderSource.None) : new(repository, DataFolderSource.Repository);
    }

    /// <inheritdoc/>
    public override string ToString() => Source switch
    {
        DataFolderSource.Given => $"data folder {Path} (as given)",
        DataFolderSource.Environment => $"data folder {Path} (from {Variable})",
        DataFolderSource.Repository => $"data folder {Path} (of the repository)",
        _ => $"no data folder (none was given, {Variable} is not set, and no repository is around)",
    };

    private static string? Above(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            string data = System.IO.Path.Combine(folder.FullName, "data");
            bool root = File.Exists(System.IO.Path.Combine(folder.FullName, "Spn.slnx"))
                || File.Exists(System.IO.Path.Combine(data, "digits8x8.csv.gz"));
            if (root && Directory.Exists(data)) return data;
        }
        return null;
    }
}
