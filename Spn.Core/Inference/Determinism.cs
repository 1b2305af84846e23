using Spn.Core.Plans;

namespace Spn.Core.Inference;

/// <summary>Whether at most one term of every sum is positive for any sample, seen from which values each unit allows.</summary>
/// <remarks>
/// Of every unit a box around its support is kept: for each variable the values that some sample of positive density has. Two
/// terms whose boxes share no value of some variable exclude each other. Only units that the root reaches count. Several class roots
/// count as the terms of a mixture.
/// The test is sufficient: a circuit may be deterministic for a reason that boxes do not show.
/// Source: Darwiche 2003, section 3; Choi, Vergari and Van den Broeck 2020, section 6.
/// </remarks>
internal sealed record Determinism(string? Witness)
{
    /// <summary>Logits below this one may give weights of 0.</summary>
    private const float MayBeZero = -300;

    public Exactness Mpe => Witness is null
        ? new Exactness(true, "every sum is deterministic")
        : new Exactness(false, $"the largest product along one way down; {Witness}");

    /// <summary>Tests a plan with its parameters.</summary>
    public static Determinism Of(Plan plan, ReadOnlySpan<float> parameters)
    {
        // Weights of a softmax are positive unless a logit is far below the others; then, and only then, they are made.
        bool zeros = plan.Programs.Any(p => p is not (SoftmaxProgram or HyperProgram));
        foreach (float p in parameters) zeros |= p < MayBeZero;
        var theta = new double[parameters.Length];
        for (int i = 0; i < theta.Length; i++) theta[i] = parameters[i];
        return new Determinism(new Boxes(plan, theta, zeros ? Weights(plan, theta) : null).FindOverlap());
    }

    /// <summary>All weights in double precision.</summary>
    public static double[] Weights(Plan plan, double[] parameters)
    {
        var weights = new double[plan.Blocks.Total];
        foreach (WeightProgram program in plan.Programs) program.Forward(plan.Blocks, parameters, weights);
        return weights;
    }

    /// <summary>The supports of units; null weights are all positive.</summary>
    private sealed class Boxes(Plan plan, double[] parameters, double[]? weights)
    {
        private readonly RegionTable regions = plan.Regions;
        private readonly bool[][] reached = new bool[plan.Regions.Count][];

        /// <summary>For each unit the variables that it restricts, with the values that it allows; null where it allows nothing.</summary>
        private readonly Dictionary<int, bool[]>?[][] box = new Dictionary<int, bool[]>?[plan.Regions.Count][];

        public string? FindOverlap()
        {
            Reach();
            for (int r = 0; r < regions.Count; r++)
            {
                box[r] = new Dictionary<int, bool[]>?[regions.Channels(r)];
                for (int k = 0; k < box[r].Length; k++)
                {
                    if (!reached[r][k]) continue;
                    switch (regions.Kind(r))
                    {
                        case RegionKind.Input: box[r][k] = OfInput(regions.Input(r), k); break;
                        case RegionKind.Product: box[r][k] = OfProduct(r, k); break;
                        default:
                            List<Dictionary<int, bool[]>> terms = [.. Terms(r, k).Select(t => box[t.Region][t.Channel]).OfType<Dictionary<int, bool[]>>()];
                            for (int a = 0; a < terms.Count; a++)
                                for (int b = a + 1; b < terms.Count; b++)
                                    if (!Exclude(terms[a], terms[b])) return $"terms {a} and {b} of a sum over {regions.Scope(r)} are positive for the same values";
                            box[r][k] = Union(terms);
                            break;
                    }
                }
            }
            // A query that speaks of one distribution mixes the classes, so that is one sum more.
            for (int a = 0; a < regions.Channels(regions.Root); a++)
                for (int b = a + 1; b < regions.Channels(regions.Root); b++)
                    if (box[regions.Root][a] is { } one && box[regions.Root][b] is { } other && !Exclude(one, other)) return $"classes {a} and {b} are positive for the same values";
            return null;
        }

        private void Reach()
        {
            for (int r = 0; r < regions.Count; r++) reached[r] = new bool[regions.Channels(r)];
            Array.Fill(reached[regions.Root], true);
            for (int r = regions.Root; r >= 0; r--)
                for (int k = 0; k < reached[r].Length; k++)
                {
                    if (!reached[r][k]) continue;
                    if (regions.Kind(r) == RegionKind.Sum)
                        foreach ((int child, int channel) in Terms(r, k)) reached[child][channel] = true;
                    else
                        for (int t = 0; t < regions.Children(r).Length; t++) reached[regions.Children(r)[t]][regions.Table(r)[t, k]] = true;
                }
        }

        private IEnumerable<(int Region, int Channel)> Terms(int sum, int unit)
        {
            (_, int columns, int offset) = plan.Blocks[regions.Block(sum)];
            int c = offset + unit * columns;
            foreach (int child in regions.Children(sum).ToArray())
                for (int k = 0; k < regions.Channels(child); k++, c++)
                    if (weights is null || weights[c] > 0) yield return (child, k);
        }

        private Dictionary<int, bool[]>? OfInput(InputPlace input, int channel)
        {
            if (input.Family.States is not int states) return [];
            var allowed = new bool[states];
            for (int s = 0; s < states; s++)
                allowed[s] = !double.IsNegativeInfinity(input.Family.LogDensity(channel, s, parameters.AsSpan(input.Offset, input.Family.ParameterCount)));
            return allowed.Contains(true) ? allowed.Contains(false) ? new() { [input.Variable] = allowed } : [] : null;
        }

        private Dictionary<int, bool[]>? OfProduct(int region, int channel)
        {
            var joint = new Dictionary<int, bool[]>();
            for (int t = 0; t < regions.Children(region).Length; t++)
            {
                if (box[regions.Children(region)[t]][regions.Table(region)[t, channel]] is not { } factor) return null;
                foreach ((int variable, bool[] allowed) in factor) joint[variable] = allowed;
            }
            return joint;
        }

        private static bool Exclude(Dictionary<int, bool[]> a, Dictionary<int, bool[]> b) =>
            a.Any(own => b.TryGetValue(own.Key, out bool[]? other) && !own.Value.Where((allowed, s) => allowed && other[s]).Any());

        private static Dictionary<int, bool[]>? Union(List<Dictionary<int, bool[]>> terms)
        {
            if (terms.Count == 0) return null;
            var joint = new Dictionary<int, bool[]>();
            foreach ((int variable, bool[] first) in terms[0])
            {
                bool[] allowed = [.. first];
                bool inAll = terms.All(term =>
                {
                    if (!term.TryGetValue(variable, out bool[]? own)) return false;
                    for (int s = 0; s < allowed.Length; s++) allowed[s] |= own[s];
                    return true;
                });
                if (inAll && allowed.Contains(false)) joint[variable] = allowed;
            }
            return joint;
        }
    }
}
