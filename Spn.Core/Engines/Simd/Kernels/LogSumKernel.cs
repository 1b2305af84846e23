using System.Runtime.CompilerServices;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>Sums of base-2 logarithms of the densities of several variables, component by component.</summary>
/// <remarks>
/// A sum is kept as a whole number and a small rest, so that thousands of bits lose no more than the logarithms themselves were rounded by.
/// What a lane gets does not depend on the other lanes: a later pass must find the same bits in another tile.
/// </remarks>
internal static unsafe class LogSumKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Sums whose largest is beyond are left to the caller; whole numbers are exact well above.</summary>
    /// <remarks>A logarithm is rounded by no more than the rounding of its parameters to floats shifts it.</remarks>
    private const float MostBits = 1 << 22;

    /// <summary>Numbers beyond are not made whole.</summary>
    private const float MostWhole = 1 << 30;

    /// <summary>Adds location-scale densities.</summary>
    /// <param name="tables">For each variable its components, as <see cref="DensityKernel{L, F, I}.Prepare"/> writes them, all within single precision.</param>
    /// <param name="x">For each variable its values, [lane].</param>
    /// <param name="hidden">For each variable 0 where a lane observes it, or null where all do; others add nothing.</param>
    /// <param name="count">Number of variables, at most <see cref="LeafProducts.Together"/>.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="whole">Sums, [component, lane], added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddDensities<S>(float** tables, float** x, byte** hidden, int count, int channels, float* whole, float* rest, int lanes) where S : IDensityShape<L, F, I>
    {
        bool all = !AnyHidden(hidden, count);
        for (int k = 0, first = 0; k < channels; k++, first += DensityKernel<L, F, I>.Numbers)
            for (int at = 0; at < lanes; at += 2 * L.Count)
            {
                // Two vectors of lanes share the loads of a component; the second of an odd last one is its own neighbour.
                int other = Math.Min(at + L.Count, lanes - L.Count);
                F sum = default, otherSum = default;
                for (int v = 0; v < count; v++)
                {
                    float* own = tables[v] + first;
                    F location = L.Broadcast(own[0]), precision = L.Broadcast(own[1]), shift = L.Broadcast(own[2]), peak = L.Broadcast(own[3]);
                    F next = L.Add(S.LogTwo(L.Fma(L.Subtract(L.Load(x[v] + at), location), precision, shift), sum), peak);
                    F otherNext = L.Add(S.LogTwo(L.Fma(L.Subtract(L.Load(x[v] + other), location), precision, shift), otherSum), peak);
                    bool shown = all || hidden[v] == null;
                    sum = shown ? next : Choose(hidden[v] + at, next, sum);
                    otherSum = shown ? otherNext : Choose(hidden[v] + other, otherNext, otherSum);
                }
                Keep(sum, default, whole + (long)k * lanes + at, rest + (long)k * lanes + at);
                if (other > at) Keep(otherSum, default, whole + (long)k * lanes + other, rest + (long)k * lanes + other);
            }
    }

    /// <summary>Adds probabilities of counts whose logarithms are straight lines; see <see cref="LineKernel{L, F, I}"/>.</summary>
    /// <param name="tables">For each variable its components, as <see cref="LineKernel{L, F, I}.Prepare"/> writes them.</param>
    /// <param name="x">Counts, [variable, lane].</param>
    /// <param name="hidden">As for densities.</param>
    /// <param name="count">Number of variables.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="whole">Sums, added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddLines(float** tables, float* x, byte** hidden, int count, int channels, float* whole, float* rest, int lanes)
    {
        bool all = !AnyHidden(hidden, count);
        for (int k = 0, first = 0; k < channels; k++, first += LineKernel<L, F, I>.Numbers)
            for (int at = 0; at < lanes; at += L.Count)
            {
                F sum = default, small = default;
                for (int v = 0; v < count; v++)
                {
                    float* own = tables[v] + first;
                    F value = L.Load(x + (long)v * lanes + at);
                    // Both are exact: a multiple of 2^-10 below 2^13, and the whole number in it.
                    F exact = L.Fma(value, L.Broadcast(own[0]), L.Broadcast(own[2])), near = L.ToFloat(L.Round(exact));
                    F next = L.Add(small, L.Add(L.Subtract(exact, near), L.Fma(value, L.Broadcast(own[1]), L.Broadcast(own[3]))));
                    bool shown = all || hidden[v] == null;
                    small = shown ? next : Choose(hidden[v] + at, next, small);
                    sum = shown ? L.Add(sum, near) : Choose(hidden[v] + at, L.Add(sum, near), sum);
                }
                Keep(sum, small, whole + (long)k * lanes + at, rest + (long)k * lanes + at);
            }
    }

    /// <summary>Adds what all components have in common.</summary>
    /// <param name="table">[value, 2], the parts of the logarithm.</param>
    /// <param name="codes">Values, [lane].</param>
    /// <param name="hidden">0 where a lane observes the variable, or null.</param>
    /// <param name="whole">Sums, [lane], added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddCommon(float* table, byte* codes, byte* hidden, float* whole, float* rest, int lanes)
    {
        int* index = stackalloc int[L.Count];
        for (int at = 0; at < lanes; at += L.Count)
        {
            I value = L.Widen(codes + at);
            L.StoreInt(index, L.AddInt(value, value));
            F exact = L.Gather(table, index), near = L.ToFloat(L.Round(exact)), small = L.Add(L.Subtract(exact, near), L.Gather(table + 1, index));
            if (hidden != null)
            {
                near = Choose(hidden + at, near, default);
                small = Choose(hidden + at, small, default);
            }
            Keep(near, small, whole + at, rest + at);
        }
    }

    /// <summary>Adds the same to every component.</summary>
    /// <param name="common">Whole numbers, [lane].</param>
    /// <param name="commonRest">Their rests.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="whole">Sums, [component, lane], added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddToAll(float* common, float* commonRest, int channels, float* whole, float* rest, int lanes)
    {
        for (int k = 0; k < channels; k++)
            for (int at = 0; at < lanes; at += L.Count) Keep(L.Load(common + at), L.Load(commonRest + at), whole + (long)k * lanes + at, rest + (long)k * lanes + at);
    }

    /// <summary>Adds the logarithms of units and their exponents; a unit below all normal numbers leaves a rest that is no number.</summary>
    /// <param name="units">Units, [component, lane].</param>
    /// <param name="e">Exponents, [lane].</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="whole">Sums, added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddUnits(float* units, int* e, int channels, float* whole, float* rest, int lanes)
    {
        F least = L.Broadcast(2.3509887e-38f);
        for (int k = 0; k < channels; k++)
            for (int at = 0; at < lanes; at += L.Count)
            {
                F unit = L.Load(units + (long)k * lanes + at), lost = L.Divide(default, L.WherePositive(L.Subtract(unit, least), unit));
                Keep(L.ToFloat(L.LoadInt(e + at)), L.Add(FastMath<L, F, I>.LogTwo(unit), lost), whole + (long)k * lanes + at, rest + (long)k * lanes + at);
            }
    }

    /// <summary>Adds one number a component in the lanes that hide a variable.</summary>
    /// <param name="hidden">0 where a lane observes it.</param>
    /// <param name="bits">The numbers in two parts, a whole number and a rest, [component, 2].</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="whole">Sums, added to.</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void AddWhereHidden(byte* hidden, float* bits, int channels, float* whole, float* rest, int lanes)
    {
        for (int k = 0; k < channels; k++, bits += 2)
            for (int at = 0; at < lanes; at += L.Count)
                Keep(Choose(hidden + at, default, L.Broadcast(bits[0])), Choose(hidden + at, default, L.Broadcast(bits[1])), whole + (long)k * lanes + at, rest + (long)k * lanes + at);
    }

    /// <summary>Turns sums into units, the largest of a lane in [1, 2), and an exponent.</summary>
    /// <param name="whole">Sums, [component, lane].</param>
    /// <param name="rest">Their rests.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="y">Receives the units, [component, lane].</param>
    /// <param name="e">Receives the exponents.</param>
    /// <param name="left">Receives what is above 0 in lanes that are exact, [lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <returns>Whether all lanes are exact: all their sums are numbers, the largest at most 2^22 in size.</returns>
    [MethodImpl(Hot)]
    public static bool ToUnits(float* whole, float* rest, int channels, float* y, int* e, float* left, int lanes)
    {
        int end = channels * lanes;
        F one = L.Broadcast(1f), inside = one, below = L.Broadcast(BitConverter.Int32BitsToSingle(0x3f7fffff)), least = L.Broadcast(-MostWhole);
        for (int at = 0; at < lanes; at += L.Count)
        {
            F max = least, sound = default;
            for (int o = at; o < end; o += lanes)
            {
                F small = L.Load(rest + o);
                max = L.Max(L.Add(L.Load(whole + o), small), max);
                sound = L.Fma(small, L.Broadcast(0f), sound);
            }
            F bounded = L.Min(L.Max(max, least), L.Broadcast(MostWhole)), top = L.ToFloat(L.Round(bounded));
            top = L.Subtract(top, L.WherePositive(L.Subtract(top, bounded), one));
            L.StoreInt(e + at, L.Round(top));
            // No number anywhere makes this one too, and such a lane is not above 0.
            F size = L.AsFloat(L.And(L.AsInt(top), L.BroadcastInt(0x7fffffff))), exact = L.Add(L.Subtract(L.Broadcast(MostBits), size), sound);
            L.Store(left + at, exact);
            inside = L.Multiply(inside, L.WherePositive(exact, one));
            for (int o = at; o < end; o += lanes)
                L.Store(y + o, FastMath<L, F, I>.PowerOfTwo(L.Min(L.Add(L.Subtract(L.Load(whole + o), top), L.Load(rest + o)), below)));
        }
        return L.Sum(inside) == L.Count;
    }

    /// <summary>Adds to a sum: whole numbers to the one part, what is left to the other.</summary>
    [MethodImpl(Inline)]
    private static void Keep(F bits, F more, float* whole, float* rest)
    {
        F near = L.ToFloat(L.Round(L.Max(L.Min(bits, L.Broadcast(MostWhole)), L.Broadcast(-MostWhole))));
        L.Store(whole, L.Add(L.Load(whole), near));
        L.Store(rest, L.Add(L.Load(rest), L.Add(L.Subtract(bits, near), more)));
    }

    /// <summary>shown where a lane observes the variable, else kept; one of two numbers that are added is 0, so no bit changes.</summary>
    [MethodImpl(Inline)]
    private static F Choose(byte* hidden, F shown, F kept)
    {
        F observed = L.OneWhereEqual(L.Widen(hidden), L.BroadcastInt(0));
        return L.Add(L.WherePositive(observed, shown), L.WherePositive(L.Subtract(L.Broadcast(1f), observed), kept));
    }

    private static bool AnyHidden(byte** hidden, int count)
    {
        for (int v = 0; v < count; v++)
            if (hidden[v] != null) return true;
        return false;
    }
}
