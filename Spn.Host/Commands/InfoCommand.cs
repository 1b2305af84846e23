using Spn.Core;
using Spn.Core.Drawings;
using Spn.Core.Files;
using Spn.Core.Layerwise;

namespace Spn.Host.Commands;

/// <summary>spn info: what a model file holds.</summary>
internal static class InfoCommand
{
    public static void Run(string file, bool queries, string? svg, string? dot, TextWriter output)
    {
        if (ModelFile.KindOf(file) == ModelKind.Layerwise)
        {
            if (queries || svg is not null || dot is not null)
                throw new ArgumentException($"{Path.GetFileName(file)} holds a deep Gaussian mixture: --queries, --svg and --dot are for circuits. Leave them out.");
            output.WriteLine(LayerwiseModel.Load(file).Summary());
            Pairs(LayerwiseFile.Read(file).Metadata, output);
            return;
        }
        using Circuit circuit = Circuit.Load(file);
        if (svg is not null || dot is not null)
        {
            Drawing drawing = Drawing.OfUnits(circuit);
            if (svg is not null) drawing.SaveSvg(svg);
            if (dot is not null) drawing.SaveDot(dot);
            output.WriteLine(drawing);
        }
        if (queries)
        {
            IEnumerable<string[]> rows = circuit.Support().Select(s => (string[])[s.Query, s.Level.ToString().ToLowerInvariant(), s.Reason]);
            output.WriteLine(TableModule.toText(TableModule.create(["query", "answer", "reason"], rows)));
            return;
        }
        output.WriteLine(circuit.Summary());
        if (circuit.Schema is { } schema) output.WriteLine($"  columns\n    {Show.text(schema)!.ReplaceLineEndings("\n    ")}");
        Pairs(ModelFile.Read(file).Metadata, output);
    }

    private static void Pairs(IReadOnlyDictionary<string, string> metadata, TextWriter output)
    {
        if (metadata.Count == 0) return;
        output.WriteLine("  metadata");
        foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            output.WriteLine($"    {key,-36} {value}");
    }
}
