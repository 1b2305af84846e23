using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The input steps of counts whose log-probabilities are straight lines; see <see cref="CountFamily.HasLines"/>.</summary>
internal static unsafe class LineRunner<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Lanes done together.</summary>
    private const int Together = 64;

    private static readonly ConditionalWeakTable<CountFamily, float[]> common = [];

    public static bool Serves(InputFamily family) => family is CountFamily { HasLines: true };

    /// <summary>What all components have in common; see <see cref="LineKernel{L, F, I}.Common"/>.</summary>
    public static float[] CommonOf(CountFamily family) => common.GetValue(family, LineKernel<L, F, I>.Common);

    /// <summary>Units and exponents; false when a lane has to be redone.</summary>
    public static bool Forward(CountFamily family, float* table, in RunSource source, int variable, float* y, int* e, int lanes)
    {
        float* x = stackalloc float[3 * Together];
        float[] shared = CommonOf(family);
        bool exact = true;
        for (int first = 0; first < lanes; first += Together)
        {
            int count = Math.Min(Together, lanes - first);
            Load(family, source, variable, first, count, x);
            for (int i = 0; i < count; i++)
            {
                bool known = x[i] < LineKernel<L, F, I>.Counts;
                x[count + i] = known ? shared[2 * (int)x[i]] : float.PositiveInfinity;
                x[2 * count + i] = known ? shared[2 * (int)x[i] + 1] : 0;
            }
            exact &= LineKernel<L, F, I>.Forward(table, family.Components, x, count, y + first, e + first, lanes);
        }
        return exact;
    }

    /// <summary>Adds the derivatives by the parameters; the flows of hidden lanes are 0.</summary>
    public static void Gather(CountFamily family, in RunSource source, int variable, float* flows, ReadOnlySpan<double> parameters, Span<double> gradient, int lanes)
    {
        Span<double> sums = family.Components <= 256 ? stackalloc double[2 * family.Components] : new double[2 * family.Components];
        Sum(family, source, variable, flows, sums, lanes);
        for (int k = 0; k < family.Components; k++)
        {
            // The derivative is a straight line too: its values at 0 and 1 tell all.
            family.AddGradient(k, 0f, sums[2 * k] - sums[2 * k + 1], parameters, gradient);
            family.AddGradient(k, 1f, sums[2 * k + 1], parameters, gradient);
        }
    }

    /// <summary>Adds the statistics; the flows of hidden lanes are 0.</summary>
    public static void GatherStatistics(CountFamily family, in RunSource source, int variable, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        Span<double> sums = family.Components <= 256 ? stackalloc double[2 * family.Components] : new double[2 * family.Components];
        Sum(family, source, variable, flows, sums, lanes);
        for (int k = 0; k < family.Components; k++)
        {
            // What is sufficient is the count itself.
            family.AddStatistics(k, 0f, sums[2 * k] - sums[2 * k + 1], parameters, statistics);
            family.AddStatistics(k, 1f, sums[2 * k + 1], parameters, statistics);
        }
    }

    /// <summary>The flows of each component, and flow times count, [component, 2].</summary>
    private static void Sum(CountFamily family, in RunSource source, int variable, float* flows, Span<double> sums, int lanes)
    {
        float* x = stackalloc float[Together];
        sums.Clear();
        fixed (double* to = sums)
            for (int first = 0; first < lanes; first += Together)
            {
                int count = Math.Min(Together, lanes - first);
                Load(family, source, variable, first, count, x);
                LineKernel<L, F, I>.Gather(x, count, family.Components, flows + first, to, lanes);
            }
    }

    private static void Load(CountFamily family, in RunSource source, int variable, int first, int count, float* x)
    {
        long at = (long)variable * source.Stride + first;
        if (family.States <= 256)
            for (int i = 0; i < count; i++) x[i] = source.Codes[at + i];
        else
            for (int i = 0; i < count; i++) x[i] = source.Reals[at + i];
    }
}
