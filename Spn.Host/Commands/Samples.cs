using Spn.Core;
using Spn.Core.Data;

namespace Spn.Host.Commands;

/// <summary>Reads the samples that a command line names.</summary>
internal static class Samples
{
    /// <summary>A data set of the catalogue, or a table with a tenth of its rows for validation and none for tests.</summary>
    public static DataSet Load(SampleSource source, long seed)
    {
        if (source.DataSet is { } name)
        {
            DataEntry entry = DataCatalogue.Find(name);
            return DataCatalogue.Load(entry.Name, entry.Group == DataGroup.BuiltIn ? null : DataFolder.Find(source.Folder).Path);
        }
        Evidence all = Table(source);
        int[] order = new RandomStream(seed, "validation split").Permutation(all.Count);
        int valid = all.Count / 10;
        return new DataSet(Path.GetFileName(source.Csv!), all.Rows(order.AsSpan(valid)), all.Rows(order.AsSpan(0, valid)), all.Rows([]));
    }

    /// <summary>One split of a data set, or all rows of a table.</summary>
    public static Evidence Load(SampleSource source, DataSplit split)
    {
        if (source.DataSet is null) return Table(source);
        DataSet data = Load(source, 0);
        return split.IsTrain ? data.Train : split.IsValid ? data.Valid : data.Test;
    }

    // Text would be coded by the order of its appearance, which another file need not share.
    private static Evidence Table(SampleSource source) =>
        Csv.Read(source.Csv!, new CsvOptions { HasHeader = source.HasHeader, TextColumns = [] }).Values;
}
