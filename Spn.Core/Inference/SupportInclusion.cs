using Spn.Core.Plans;

namespace Spn.Core.Inference;

/// <summary>Whether a deterministic circuit allows every value that another circuit of the same regions allows.</summary>
/// <remarks>
/// Probabilities cannot tell: what is missing may weigh less than rounding. Positive numbers are therefore replaced by random
/// elements of a finite field, zeros stay, and the sum over all values that the first circuit allows is compared with the sum over
/// those that both allow. The sums are polynomials in the random elements; different ones agree with a probability below 1e-15.
/// Source: Schwartz 1980 and Zippel 1979 on testing polynomials by random values.
/// </remarks>
internal sealed class SupportInclusion(Plan plan, double[] parameters, double[] weights, Plan otherPlan, double[] otherParameters, double[] otherWeights)
{
    private const ulong Prime = (1UL << 61) - 1;

    private readonly RandomStream random = new(1, "support inclusion");

    /// <summary>True when the other circuit allows everything that the first one does.</summary>
    public bool Holds()
    {
        RegionTable a = plan.Regions, b = otherPlan.Regions;
        var all = new ulong[a.Count][];
        var both = new ulong[a.Count][]; // [region][unit * other's units + other's unit]
        for (int r = 0; r < a.Count; r++)
        {
            int units = a.Channels(r), others = b.Channels(r);
            all[r] = new ulong[units];
            both[r] = new ulong[units * others];
            for (int m = 0; m < units; m++)
                switch (a.Kind(r))
                {
                    case RegionKind.Input: OfInput(r, m, all[r], both[r].AsSpan(m * others, others)); break;
                    case RegionKind.Product: OfProduct(r, m, all, both); break;
                    default: OfSum(r, m, all, both); break;
                }
        }
        return all[a.Root][0] == both[a.Root][0];
    }

    private void OfInput(int region, int m, ulong[] all, Span<ulong> both)
    {
        InputPlace own = plan.Regions.Input(region), other = otherPlan.Regions.Input(region);
        // Densities, and probabilities of counts without an end, allow every value.
        for (int s = 0; s < (own.Family.States ?? 1); s++)
        {
            if (own.Family.States is not null && Forbids(own, m, s, parameters)) continue;
            ulong element = Element();
            all[m] = Add(all[m], element);
            for (int n = 0; n < both.Length; n++)
                if (own.Family.States is null || !Forbids(other, n, s, otherParameters)) both[n] = Add(both[n], element);
        }
    }

    private void OfProduct(int region, int m, ulong[][] all, ulong[][] both)
    {
        ChannelTable own = plan.Regions.Table(region), other = otherPlan.Regions.Table(region);
        ReadOnlySpan<int> children = plan.Regions.Children(region);
        int others = otherPlan.Regions.Channels(region);
        all[region][m] = 1;
        for (int t = 0; t < children.Length; t++) all[region][m] = Multiply(all[region][m], all[children[t]][own[t, m]]);
        for (int n = 0; n < others; n++)
        {
            ulong product = 1;
            for (int t = 0; t < children.Length; t++)
                product = Multiply(product, both[children[t]][own[t, m] * otherPlan.Regions.Channels(children[t]) + other[t, n]]);
            both[region][m * others + n] = product;
        }
    }

    private void OfSum(int region, int m, ulong[][] all, ulong[][] both)
    {
        (_, int columns, int offset) = plan.Blocks[plan.Regions.Block(region)];
        (_, int otherColumns, int otherOffset) = otherPlan.Blocks[otherPlan.Regions.Block(region)];
        int child = plan.Regions.Children(region)[0], others = otherPlan.Regions.Channels(region);
        for (int i = 0; i < columns; i++)
        {
            if (weights[offset + m * columns + i] == 0) continue;
            ulong element = Element();
            all[region][m] = Add(all[region][m], Multiply(element, all[child][i]));
            for (int n = 0; n < others; n++)
                for (int j = 0; j < otherColumns; j++)
                    if (otherWeights[otherOffset + n * otherColumns + j] != 0)
                        both[region][m * others + n] = Add(both[region][m * others + n], Multiply(element, both[child][i * otherColumns + j]));
        }
    }

    private static bool Forbids(InputPlace input, int component, int state, double[] parameters) =>
        double.IsNegativeInfinity(input.Family.LogDensity(component, state, parameters.AsSpan(input.Offset, input.Family.ParameterCount)));

    private ulong Element() => 1 + random.NextUInt64() % (Prime - 1);

    private static ulong Add(ulong a, ulong b) => (a + b) % Prime;

    private static ulong Multiply(ulong a, ulong b) => (ulong)((UInt128)a * b % Prime);
}
