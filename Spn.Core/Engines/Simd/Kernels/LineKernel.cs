using System.Runtime.CompilerServices;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Probabilities of counts whose logarithm is a straight line in the count, beside what all components have in common.</summary>
/// <remarks>
/// Slope, offset and common part are hundreds of bits that all but cancel. Each is therefore split into a multiple of 2^-10 and a rest:
/// products of such multiples with counts of 8 bits, and their sums, are exact in single precision as long as they stay below 2^13.
/// </remarks>
internal static unsafe class LineKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Numbers that a component is prepared as: slope and offset, each in two parts, of the base-2 logarithm.</summary>
    public const int Numbers = 4;

    /// <summary>Counts from here on are left to the caller.</summary>
    public const int Counts = 256;

    private const double Grid = 1 << 10;

    private const double Most = 1 << 13;

    /// <summary>Prepares the components of a variable.</summary>
    /// <param name="family">The family, one of lines.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="table">Receives [component, number].</param>
    public static void Prepare(CountFamily family, ReadOnlySpan<double> parameters, float* table)
    {
        for (int k = 0; k < family.Components; k++, table += Numbers)
        {
            // A component out of range gets an infinite offset, so that no lane counts as exact.
            (double slope, double offset) = family.Line(k, parameters) ?? (double.PositiveInfinity, 0);
            Split(slope / Math.Log(2), Most / Counts, table);
            Split(offset / Math.Log(2), Most, table + 2);
            if (float.IsFinite(table[0]) && float.IsFinite(table[2])) continue;
            (table[0], table[1], table[2], table[3]) = (0, 0, float.PositiveInfinity, 0);
        }
    }

    /// <summary>What all components have in common, [count, 2], for every count below <see cref="Counts"/>.</summary>
    public static float[] Common(CountFamily family)
    {
        var table = new float[2 * Counts];
        fixed (float* to = table)
            for (int x = 0; x < Counts; x++)
                if (family.Accepts(x)) Split(family.Common(x) / Math.Log(2), Most, to + 2 * x);
        return table;
    }

    /// <summary>Probabilities, scaled so that the largest of a lane lies in [1, 2).</summary>
    /// <param name="table">The components as <see cref="Prepare"/> writes them.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="x">Counts and the two parts of what is common, [3, count]; an infinite part marks a lane that is left to the caller.</param>
    /// <param name="count">Number of lanes to do.</param>
    /// <param name="y">Receives the units, [component, lane], from the first of these lanes.</param>
    /// <param name="e">Receives the exponents, [lane].</param>
    /// <param name="lanes">Distance between components.</param>
    /// <returns>Whether all lanes are exact; those whose exponent exceeds <see cref="DensityKernel{L, F, I}.MostExponent"/> in size are not.</returns>
    [MethodImpl(Hot)]
    public static bool Forward(float* table, int channels, float* x, int count, float* y, int* e, int lanes)
    {
        int n = L.Count, end = channels * lanes;
        F one = L.Broadcast(1f), inside = one, below = L.Broadcast(BitConverter.Int32BitsToSingle(0x3f7fffff));
        for (int at = 0; at < count; at += n)
        {
            F value = L.Load(x + at), high = L.Load(x + count + at), low = L.Load(x + 2 * count + at), max = L.Broadcast(float.NegativeInfinity);
            float* own = table;
            for (int o = at; o < end; o += lanes, own += Numbers)
            {
                F exact = L.Add(L.Fma(value, L.Broadcast(own[0]), L.Broadcast(own[2])), high);
                F log = L.Add(exact, L.Add(L.Fma(value, L.Broadcast(own[1]), L.Broadcast(own[3])), low));
                max = L.Max(max, log);
                L.Store(y + o, log);
            }
            // Kept within what an integer holds; all beyond the bound is redone.
            max = L.Min(L.Max(max, L.Broadcast(-1000f)), L.Broadcast(1000f));
            F whole = L.ToFloat(L.Round(max));
            whole = L.Subtract(whole, L.WherePositive(L.Subtract(whole, max), one));
            L.StoreInt(e + at, L.Round(whole));
            F size = L.AsFloat(L.And(L.AsInt(whole), L.BroadcastInt(0x7fffffff)));
            inside = L.Multiply(inside, L.WherePositive(L.Subtract(L.Broadcast(DensityKernel<L, F, I>.MostExponent + 0.5f), size), one));
            for (int o = at; o < end; o += lanes) L.Store(y + o, FastMath<L, F, I>.PowerOfTwo(L.Min(L.Subtract(L.Load(y + o), whole), below)));
        }
        return L.Sum(inside) == n;
    }

    /// <summary>Sums over lanes of the flows, and of flow times count.</summary>
    /// <param name="x">Counts, [lane].</param>
    /// <param name="count">Number of lanes to do.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="flows">Flows, [component, lane], from the first of these lanes.</param>
    /// <param name="sums">[component, 2], added to.</param>
    /// <param name="lanes">Distance between components.</param>
    [MethodImpl(Hot)]
    public static void Gather(float* x, int count, int channels, float* flows, double* sums, int lanes)
    {
        int n = L.Count;
        for (int k = 0; k < channels; k++, flows += lanes, sums += 2)
        {
            F all = default, weighed = default;
            for (int at = 0; at < count; at += n)
            {
                F flow = L.Load(flows + at);
                all = L.Add(all, flow);
                weighed = L.Fma(flow, L.Load(x + at), weighed);
            }
            sums[0] += L.Sum(all);
            sums[1] += L.Sum(weighed);
        }
    }

    /// <summary>Splits a number into a multiple of the grid and the rest; infinity where it is too large.</summary>
    private static void Split(double value, double most, float* to)
    {
        double high = Math.Round(value * Grid) / Grid;
        bool fits = Math.Abs(value) < most;
        to[0] = fits ? (float)high : float.PositiveInfinity;
        to[1] = fits ? (float)(value - high) : 0;
    }
}
