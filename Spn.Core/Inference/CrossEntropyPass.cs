using Spn.Core.Plans;

namespace Spn.Core.Inference;

/// <summary>The exact expectation under one circuit of another's log-likelihood, where the other is deterministic and both have the same regions.</summary>
/// <remarks>
/// Goes up the pairs of units of matching regions. Of a pair (m, n) it keeps the probability under m of the values that n allows, and
/// the expectation of log n over those. A deterministic sum has one positive term, so its logarithm is the sum of its terms' logarithms.
/// Source: Vergari et al. 2021, A compositional atlas of tractable circuit operations, section 4.
/// </remarks>
internal sealed class CrossEntropyPass(Plan plan, double[] parameters, Plan otherPlan, double[] otherParameters)
{
    private readonly double[] weights = Determinism.Weights(plan, parameters);
    private readonly double[] otherWeights = Determinism.Weights(otherPlan, otherParameters);
    private readonly (double Mass, double Log)[][] pairs = new (double, double)[plan.Regions.Count][]; // [region][unit * other's units + other's unit]

    /// <summary>Why the exact pass does not apply, or null when it does.</summary>
    public static string? Obstacle(Plan plan, Plan other)
    {
        RegionTable a = plan.Regions, b = other.Regions;
        if (plan.Classes != 1 || other.Classes != 1) return "the circuits have class roots";
        if (a.Count != b.Count) return $"the circuits have {a.Count} and {b.Count} regions";
        for (int r = 0; r < a.Count; r++)
        {
            if (a.Kind(r) != b.Kind(r) || a.Scope(r).DiffersFrom(b.Scope(r)) is not null || !a.Children(r).SequenceEqual(b.Children(r)))
                return $"region {r} is over {a.Scope(r)} in one circuit and over {b.Scope(r)}, or made otherwise, in the other";
            if (a.Kind(r) == RegionKind.Sum && a.Children(r).Length > 1)
                return $"the sum over {a.Scope(r)} mixes {a.Children(r).Length} regions that split it differently";
            if (a.Kind(r) == RegionKind.Input && a.Input(r).Family is var own && b.Input(r).Family is var theirs)
            {
                if (own.States != theirs.States || own.Domain.IsInteger != theirs.Domain.IsInteger) return $"variable {a.Input(r).Variable} has different domains";
                if (own.States is null && !(own.IsPositive && theirs.IsPositive && theirs.Domain.Includes(own.Domain))) return $"an input of variable {a.Input(r).Variable} forbids numbers that another allows";
            }
        }
        return null;
    }

    /// <summary>Expected log-likelihood of the other; minus infinity where it forbids what this one allows, null when an input has no formula.</summary>
    public double? Run()
    {
        if (!new SupportInclusion(plan, parameters, weights, otherPlan, otherParameters, otherWeights).Holds()) return double.NegativeInfinity;
        RegionTable a = plan.Regions, b = otherPlan.Regions;
        for (int r = 0; r < a.Count; r++)
        {
            int units = a.Channels(r), others = b.Channels(r);
            pairs[r] = new (double, double)[units * others];
            for (int m = 0; m < units; m++)
                for (int n = 0; n < others; n++)
                {
                    (double, double)? pair = a.Kind(r) switch
                    {
                        RegionKind.Input => OfInputs(r, m, n),
                        RegionKind.Product => OfProducts(r, m, n),
                        _ => OfSums(r, m, n),
                    };
                    if (pair is null) return null;
                    pairs[r][m * others + n] = pair.Value;
                }
        }
        return pairs[a.Root][0].Log;
    }

    private (double, double)? OfInputs(int region, int m, int n)
    {
        InputPlace own = plan.Regions.Input(region), other = otherPlan.Regions.Input(region);
        return own.Family.CrossLog(m, parameters.AsSpan(own.Offset, own.Family.ParameterCount),
            other.Family, n, otherParameters.AsSpan(other.Offset, other.Family.ParameterCount));
    }

    private (double, double) OfProducts(int region, int m, int n)
    {
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        ChannelTable own = plan.Regions.Table(region), other = otherPlan.Regions.Table(region);
        double mass = 1, log = 0;
        for (int t = 0; t < children.Length; t++)
        {
            (double factorMass, double factorLog) = pairs[children[t]][own[t, m] * otherPlan.Regions.Channels(children[t]) + other[t, n]];
            (mass, log) = (mass * factorMass, log * factorMass + mass * factorLog);
        }
        return (mass, log);
    }

    private (double, double) OfSums(int region, int m, int n)
    {
        (_, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        (_, int otherColumns, int otherOffset) = otherPlan.Blocks[otherPlan.Regions.Block(region)];
        int child = plan.Regions.Children(region)[0];
        double mass = 0, log = 0;
        for (int i = 0; i < columns; i++)
            for (int j = 0; j < otherColumns; j++)
            {
                double own = weights[offset + m * columns + i], other = otherWeights[otherOffset + n * otherColumns + j];
                if (own == 0 || other == 0) continue;
                (double pairMass, double pairLog) = pairs[child][i * otherColumns + j];
                mass += own * pairMass;
                log += own * (pairMass * Math.Log(other) + pairLog);
            }
        return (mass, log);
    }
}
