using System.Globalization;
using System.Text;
using Spn.Core.Plans;

namespace Spn.Core;

/// <summary>Writes what a circuit is, for the REPL and the command line.</summary>
internal static class CircuitSummary
{
    public static string Of(Circuit circuit)
    {
        Plan plan = circuit.Plan;
        RegionTable regions = plan.Regions;
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Circuit over {plan.Variables} variables{(plan.Classes > 1 ? $", {plan.Classes} classes" : "")}: {circuit.ParameterCount:N0} parameters");
        text.AppendLine($"  structure  {circuit.Spec.Structure.Name}");
        if (circuit.Spec.Absorbed.Count > 0) text.AppendLine($"  given      evidence on {circuit.Spec.Absorbed} of the structure, taken up by the weights");
        text.AppendLine($"  weights    {circuit.Spec.Weights.Name}");
        text.AppendLine($"  engine     {circuit.Engine.Name}");
        text.AppendLine("  layers, bottom up");
        if (circuit.Spec.Structure is MixtureOf mixture)
            foreach (var same in mixture.Parts.GroupBy(p => p)) text.AppendLine($"    {(same.Count() == 1 ? "part:" : $"{same.Count()} parts:")} {same.Key}");
        IReadOnlyList<LayerSpec> layers = circuit.Spec.Layers;
        for (int layer = 0; layer < layers.Count; layer++)
        {
            int[] own = [.. Enumerable.Range(0, regions.Count).Where(r => regions.Layer(r) == layer)];
            int edges = own.Where(r => regions.Kind(r) == RegionKind.Sum).Select(regions.Block).Distinct().Sum(plan.Blocks.Weights);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"    {layers[layer].Name,-36} {own.Length,9:N0} regions {own.Sum(regions.Channels),11:N0} units{(edges > 0 ? $" {edges,11:N0} weights" : "")}");
        }
        text.Append("  parameters");
        foreach (ParameterTensor tensor in plan.Tensors)
            text.Append(CultureInfo.InvariantCulture, $"\n    {tensor.Name,-36} {string.Join(" x ", tensor.Shape),20}");
        return text.ToString();
    }
}
