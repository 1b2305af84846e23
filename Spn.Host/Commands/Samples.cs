using Spn.Core;
using Spn.Core.Data;

namespace Spn.Host.Commands;

/// <summary>Reads the samples that a command line names.</summary>
internal static class Samples
{
    /// <summary>The columns of the table that is to be fitted.</summary>
    public static TableProfile Profile(FitSettings settings) => Schema.Profile(settings.Source.Csv!, new SchemaOptions
    {
        HasHeader = settings.Source.HasHeader,
        Missing = [.. Schema.UsualMissing, .. settings.Columns.Missing],
        Real = settings.Columns.Real,
        Discrete = settings.Columns.Discrete,
        Counts = settings.Columns.Counts,
        Drop = settings.Columns.Drop,
    });

    /// <summary>A data set of the catalogue, or a table with a tenth of its rows for validation and none for tests.</summary>
    public static DataSet Load(SampleSource source, long seed, Schema? schema)
    {
        if (source.DataSet is { } name)
        {
            DataEntry entry = DataCatalogue.Find(name);
            return DataCatalogue.Load(entry.Name, entry.Group == DataGroup.BuiltIn ? null : DataFolder.Find(source.Folder).Path);
        }
        Evidence all = schema!.Read(source.Csv!, new TableOptions { HasHeader = source.HasHeader });
        int[] order = new RandomStream(seed, "validation split").Permutation(all.Count);
        int valid = all.Count / 10;
        return new DataSet(Path.GetFileName(source.Csv!), all.Rows(order.AsSpan(valid)), all.Rows(order.AsSpan(0, valid)), all.Rows([]));
    }

    /// <summary>One split of a data set, or all rows of a table, some at a time.</summary>
    /// <param name="settings">What to read.</param>
    /// <param name="schema">The columns of the model, or null where it has none.</param>
    public static IEnumerable<Evidence> Batches(ScoreSettings settings, Schema? schema)
    {
        SampleSource source = settings.Source;
        if (source.Csv is not { } csv)
        {
            DataSet data = Load(source, 0, null);
            yield return settings.Split.IsTrain ? data.Train : settings.Split.IsValid ? data.Valid : data.Test;
        }
        // Without a schema text would be coded by the order of its appearance, which another file need not share.
        else if (schema is null) yield return Csv.Read(csv, new CsvOptions { HasHeader = source.HasHeader, TextColumns = [] }).Values;
        else
        {
            using FileStream stream = File.OpenRead(csv);
            var options = new TableOptions { HasHeader = source.HasHeader, HideAbsentColumns = settings.HideAbsent };
            foreach (TableBlock block in schema.ReadBlocks(stream, csv, options: options)) yield return block.Evidence;
        }
    }
}
