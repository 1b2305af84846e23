using System.Globalization;
using Spn.Core.Plans;

namespace Spn.Core.Lowering;

/// <summary>The rules for counts and for densities on a part of the line.</summary>
internal static class FamilyRules
{
    private const int MostBins = 1024;
    private const int MostStates = 1 << 16;

    public static void AddTo(LoweringRules rules)
    {
        rules.AddInput<BinomialInput>(s => new BinomialFamily(s.Components, Start(s), Count(s, s.Trials, "trials", 1, int.MaxValue - 1)));
        rules.AddInput<PoissonInput>(s => new PoissonFamily(s.Components, Start(s)));
        rules.AddInput<GeometricInput>(s => new NegativeBinomialFamily(s.Components, Start(s), 1));
        rules.AddInput<NegativeBinomialInput>(s => new NegativeBinomialFamily(s.Components, Start(s), Positive(s, s.Successes, "successes")));
        rules.AddInput<DiscretisedLogisticInput>(s =>
            new DiscretisedLogisticFamily(s.Components, Start(s), Count(s, s.States, "states", 2, MostStates), Positive(s, s.LeastDeviation, "least deviation")!.Value));
        rules.AddInput<ExponentialInput>(s => new GammaFamily(s.Components, Start(s), 1));
        rules.AddInput<GammaInput>(s => new GammaFamily(s.Components, Start(s), Positive(s, s.Shape, "shape")));
        rules.AddInput<BetaInput>(s => new BetaFamily(s.Components, Start(s)));
        rules.AddInput<LogNormalInput>(s => new LogNormalFamily(s.Components, Start(s)));
        rules.AddInput<UniformInput>(Uniform);
        rules.AddInput<HistogramInput>(Histogram);
    }

    private static Init Start(PlacedInput spec) =>
        spec.Init ?? throw new CircuitException(spec.GetType().Name, "no start", "Init is null.", "Give one, for example Init.Random.");

    private static int Count(InputSpec spec, int count, string what, int least, int most) => count >= least && count <= most ? count
        : throw new CircuitException(spec.Name, $"{what} unfit", string.Create(CultureInfo.InvariantCulture, $"There are {count} {what}."), string.Create(CultureInfo.InvariantCulture, $"Give {least} to {most}."));

    private static double? Positive(InputSpec spec, double? value, string what) => value is null or (> 0 and < double.PositiveInfinity) ? value
        : throw new CircuitException(spec.Name, $"{what} unfit", string.Create(CultureInfo.InvariantCulture, $"It is {value}."), "Give a finite number above 0.");

    private static UniformFamily Uniform(UniformInput spec)
    {
        if (spec.Lows.Count != spec.Highs.Count)
            throw new CircuitException("Input.Uniform", "bounds unfit", $"There are {spec.Lows.Count} lower bounds and {spec.Highs.Count} upper ones.", "Give one of each a component.");
        (double Low, double High)[] bounds = [.. spec.Lows.Zip(spec.Highs)];
        if (bounds.Any(b => !double.IsFinite(b.Low) || !double.IsFinite(b.High) || !(b.Low < b.High)))
            throw new CircuitException(spec.Name, "bounds unfit", $"Lower bounds are {spec.Lows}, upper ones {spec.Highs}.", "Give finite bounds, each lower one below its upper one.");
        return new UniformFamily(bounds);
    }

    private static HistogramFamily Histogram(HistogramInput spec)
    {
        if (spec.Edges.Count is < 2 or > MostBins + 1)
            throw new CircuitException(spec.Name, "edges unfit", $"There are {spec.Edges.Count} edges.", $"Give 2 to {MostBins + 1}.");
        for (int e = 0; e < spec.Edges.Count; e++)
            if (!double.IsFinite(spec.Edges[e]) || (e > 0 && !(spec.Edges[e - 1] < spec.Edges[e])))
                throw new CircuitException(spec.Name, "edges unfit", string.Create(CultureInfo.InvariantCulture, $"Edge {e} is {spec.Edges[e]}{(e > 0 ? $", the one before {spec.Edges[e - 1]}" : "")}."), "Give finite numbers in ascending order.");
        return new HistogramFamily(spec.Components, spec.Edges, spec.Quantiles);
    }
}
