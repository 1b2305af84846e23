using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>The regions of several circuits, one after another, under a root that mixes theirs.</summary>
internal sealed class MixtureRegions : RegionBuilder
{
    private readonly RootSpec root;
    private readonly int?[] states; // [variable] of the parts so far
    private readonly bool[] read;

    public MixtureRegions(CircuitSpec spec, MixtureOf mixture, LoweringContext context) : base(spec, context)
    {
        if (spec.Layers.Count != 1 || spec.Layers[0] is not RootSpec { Mixture: false } only)
            throw new CircuitException("Layers", "not a root alone", $"The layers are {string.Join(" - ", spec.Layers.Select(l => l.Name))}.", "A mixture of circuits has one layer, Sum.Root(); the parts have the others.");
        root = only;
        if (mixture.Parts.Count == 0) throw new CircuitException(mixture.Name, "no parts", "No circuit was given.", "Give at least one.");
        (states, read) = (new int?[mixture.VariableCount], new bool[mixture.VariableCount]);
        List<int> tops = [];
        for (int p = 0; p < mixture.Parts.Count; p++) tops.Add(Append(p, mixture));
        AddRoot(root, [.. tops], 1, 0, channelwise: true);
    }

    protected override string Describe(LayerSpec layer) => layer.Name;

    /// <summary>Adds the regions of a part and returns its root.</summary>
    private int Append(int p, MixtureOf mixture)
    {
        CircuitSpec part = mixture.Parts[p];
        RegionBuilder own = Build(p, mixture, part);
        RegionTable from = own.Regions;
        int firstRegion = Regions.Count, firstBlock = Blocks.Count;
        for (int b = 0; b < own.Blocks.Count; b++) Blocks.Add(own.Blocks[b].Rows, own.Blocks[b].Columns, own.Blocks.Spacing(b) > 1);
        foreach (BlockSite site in own.Sites) Sites.Add(site with { Block = firstBlock + site.Block, Part = $"part{p}.{site.Part}" });
        for (int r = 0; r < from.Count; r++)
        {
            int[] children = from.Children(r).ToArray();
            for (int i = 0; i < children.Length; i++) children[i] += firstRegion;
            if (from.Kind(r) == RegionKind.Input) Regions.AddInput(from.Input(r) with { Offset = InputParameters + from.Input(r).Offset }, from.Scope(r), 0);
            else if (from.Kind(r) == RegionKind.Product) Regions.AddProduct(from.Table(r), children, from.Scope(r), 0);
            else Regions.AddSum(from.Channels(r), firstBlock + from.Block(r), children, from.Scope(r), 0);
        }
        InputParameters += own.InputParameters;
        return Regions.Root;
    }

    private RegionBuilder Build(int p, MixtureOf mixture, CircuitSpec part)
    {
        string where = $"Part {p + 1} of {mixture.Parts.Count}";
        if (part.Absorbed.Count > 0)
            throw new CircuitException(where, "evidence taken up", $"Its weights have taken up evidence on variables {part.Absorbed}.", "Mix first, then give the evidence to the mixture.");
        RegionBuilder own;
        try
        {
            own = For(part, Context);
        }
        catch (CircuitException e)
        {
            throw new CircuitException([.. e.Findings.Select(Inside)]);
        }
        if (CheckStructure.Find(own.Regions, part.Structure.VariableCount, part.Layers) is { Count: > 0 } findings) throw new CircuitException([.. findings.Select(Inside)]);
        if (part.Structure.VariableCount != mixture.VariableCount)
            throw new CircuitException(where, "other variables", $"It has {part.Structure.VariableCount} variables, the first part {mixture.VariableCount}.", "Give circuits over the same variables.");
        if (own.Regions.Channels(own.Regions.Root) is var classes && classes != root.Classes)
            throw new CircuitException(where, "other classes", $"It has {classes} class roots, the mixture {root.Classes}.", "Give all as many.");
        for (int r = 0; r < own.Regions.Count; r++)
        {
            if (own.Regions.Kind(r) != RegionKind.Input) continue;
            (InputFamily family, int v, _) = own.Regions.Input(r);
            if (read[v] && states[v] != family.States)
                throw new CircuitException(where, "other values", $"Its variable {v} has {Values(family.States)}, that of another part {Values(states[v])}.", "Give circuits over the same variables.");
            (read[v], states[v]) = (true, family.States);
        }
        if (own.LearnsClassPrior)
            throw new CircuitException(where, "class weights inside a mixture", "Its root has class weights.", "Give class weights to the root of the mixture alone.");
        return own;

        static string Values(int? states) => states is int count ? $"{count} values" : "real values";

        CircuitFinding Inside(CircuitFinding finding) => finding with { Layer = $"{where}, {finding.Layer}" };
    }
}
