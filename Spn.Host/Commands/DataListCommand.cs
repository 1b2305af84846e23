using System.Globalization;
using Spn.Core.Data;

namespace Spn.Host.Commands;

/// <summary>spn data list: the known data sets, and which of them are there.</summary>
internal static class DataListCommand
{
    public static void Run(string? named, TextWriter output)
    {
        DataFolder folder = DataFolder.Find(named);
        string Count(int value) => value.ToString(CultureInfo.InvariantCulture);
        string Where(DataEntry entry) =>
            entry.Group == DataGroup.BuiltIn ? "built in" : DataCatalogue.IsPresent(entry, folder.Path) ? "yes" : "no";
        IEnumerable<string[]> rows = DataCatalogue.Entries.Select(entry => (string[])
            [entry.Name, entry.DisplayName, Count(entry.Variables), Count(entry.Train), Count(entry.Valid), Count(entry.Test), Where(entry)]);
        output.WriteLine(TableModule.toText(TableModule.create(["name", "in the paper", "variables", "train", "valid", "test", "there"], rows)));
        output.WriteLine($"\nLooked in: {folder}");
    }
}
