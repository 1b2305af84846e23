using Spn.Core;
using Spn.Core.Files;

namespace Spn.Host.Commands;

/// <summary>spn info: what a model file holds.</summary>
internal static class InfoCommand
{
    public static void Run(string file, TextWriter output)
    {
        IReadOnlyDictionary<string, string> metadata = ModelFile.Read(file).Metadata;
        using Circuit circuit = Circuit.Load(file);
        output.WriteLine(circuit.Summary());
        if (circuit.Schema is { } schema) output.WriteLine($"  columns\n    {Show.text(schema)!.ReplaceLineEndings("\n    ")}");
        if (metadata.Count == 0) return;
        output.WriteLine("  metadata");
        foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            output.WriteLine($"    {key,-36} {value}");
    }
}
