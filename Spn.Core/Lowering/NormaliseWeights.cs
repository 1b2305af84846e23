using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>Fourth pass: where weights need not add to 1, those of all sums from there to the root are normalised.</summary>
internal static class NormaliseWeights
{
    /// <summary>The programs of a plan, with those that make weights of concerned sums joined into one.</summary>
    /// <param name="regions">All regions.</param>
    /// <param name="blocks">All weight blocks.</param>
    /// <param name="programs">What makes the weights.</param>
    /// <param name="layers">The layers, for findings.</param>
    /// <exception cref="CircuitException">Concerned sums share weights or have accumulators.</exception>
    public static IReadOnlyList<WeightProgram> Join(RegionTable regions, WeightBlocks blocks, IReadOnlyList<WeightProgram> programs, IReadOnlyList<LayerSpec> layers)
    {
        if (programs.All(p => p.IsNormalised)) return programs;
        var programOf = new WeightProgram[blocks.Count];
        foreach (WeightProgram program in programs)
            foreach (int block in program.Blocks) programOf[block] = program;

        var concerned = new bool[regions.Count];
        var used = new bool[blocks.Count];
        var joined = new HashSet<WeightProgram>();
        for (int r = 0; r < regions.Count; r++)
        {
            bool sum = regions.Kind(r) == RegionKind.Sum;
            foreach (int child in regions.Children(r)) concerned[r] |= concerned[child];
            if (sum) concerned[r] |= !programOf[regions.Block(r)].IsNormalised;
            if (!sum || !concerned[r]) continue;
            int block = regions.Block(r);
            if (used[block])
                throw new CircuitException(Recipe.Describe(layers, regions.Layer(r)), "raw weights shared",
                    $"Several regions share weights, region {regions.Scope(r)} among them, and stand on weights that need not add to 1: normalised, these differ between regions.",
                    "Give every region weights of its own, or use free weights.");
            if (programOf[block] is AccumulatorProgram)
                throw new CircuitException(Recipe.Describe(layers, regions.Layer(r)), "accumulators above raw weights",
                    $"The sum over {regions.Scope(r)} has accumulators and stands on weights that need not add to 1.", "Use one kind of weights.");
            used[block] = true;
            joined.Add(programOf[block]);
        }
        return [.. programs.Where(p => !joined.Contains(p)), new NormalisedProgram(regions, concerned, [.. programs.Where(joined.Contains)])];
    }
}
