using System.Runtime.CompilerServices;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd.Kernels;

/// <summary>The shape of a location-scale density on lanes, at z = (x - location) / scale.</summary>
internal interface IDensityShape<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Base-2 logarithm of the density beside that of its peak, plus a number; infinite where z leaves the range that is exact.</summary>
    static abstract F LogTwo(F z, F plus);

    /// <summary>Minus the derivative of the natural logarithm.</summary>
    static abstract F Fall(F z);

    /// <summary>z times <see cref="Fall"/>.</summary>
    static abstract F Stretch(F z, F fall);

    /// <summary><see cref="Fall"/> divided by z.</summary>
    static abstract F Pull(F z);
}

/// <summary>exp(-z^2 / 2)</summary>
internal readonly struct NormalShape<L, F, I> : IDensityShape<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    [MethodImpl(Inline)] public static F LogTwo(F z, F plus) => L.Fma(L.Multiply(z, z), L.Broadcast(-0.72134752f), plus);
    [MethodImpl(Inline)] public static F Fall(F z) => z;
    [MethodImpl(Inline)] public static F Stretch(F z, F fall) => L.Multiply(z, fall);
    [MethodImpl(Inline)] public static F Pull(F z) => L.Broadcast(1f);
}

/// <summary>exp(-|z|)</summary>
internal readonly struct LaplaceShape<L, F, I> : IDensityShape<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    [MethodImpl(Inline)] public static F LogTwo(F z, F plus) => L.Fma(Size(z), L.Broadcast(-1.44269504f), plus);

    [MethodImpl(Inline)]
    public static F Fall(F z)
    {
        F one = L.Broadcast(1f);
        return L.Subtract(L.WherePositive(z, one), L.WherePositive(L.Subtract(L.Broadcast(0f), z), one));
    }

    [MethodImpl(Inline)] public static F Stretch(F z, F fall) => Size(z);
    [MethodImpl(Inline)] public static F Pull(F z) => L.Divide(L.Broadcast(1f), L.Max(Size(z), L.Broadcast((float)StandardLaplace.Nearest)));
    [MethodImpl(Inline)] private static F Size(F z) => L.AsFloat(L.And(L.AsInt(z), L.BroadcastInt(0x7fffffff)));
}

/// <summary>1 / (1 + z^2)</summary>
internal readonly struct CauchyShape<L, F, I> : IDensityShape<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Squares beyond are near the end of the range.</summary>
    private const float MostSquare = 1e37f;

    [MethodImpl(Inline)]
    public static F LogTwo(F z, F plus)
    {
        F square = L.Fma(z, z, L.Broadcast(1f));
        F far = L.WherePositive(L.Subtract(square, L.Broadcast(MostSquare)), L.Broadcast(float.PositiveInfinity));
        return L.Add(L.Subtract(plus, FastMath<L, F, I>.LogTwo(square)), far);
    }

    [MethodImpl(Inline)]
    public static F Fall(F z)
    {
        F within = L.Max(L.Min(z, L.Broadcast(1e18f)), L.Broadcast(-1e18f));
        return L.Divide(L.Add(within, within), L.Fma(within, within, L.Broadcast(1f)));
    }

    [MethodImpl(Inline)] public static F Stretch(F z, F fall) => L.Multiply(L.Max(L.Min(z, L.Broadcast(1e18f)), L.Broadcast(-1e18f)), fall);
    [MethodImpl(Inline)] public static F Pull(F z) => L.Divide(L.Broadcast(2f), L.Fma(z, z, L.Broadcast(1f)));
}

/// <summary>Densities of location-scale families in scaled linear form, and their derivatives.</summary>
/// <remarks>Single precision where it is exact: a lane whose largest density is not between 2^-92 and 2^92 is left to the caller.</remarks>
internal static unsafe class DensityKernel<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const MethodImplOptions Hot = MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization;

    /// <summary>Numbers that a component is prepared as: location, precision (1 / scale), what rounding the location to a float shifts z by, base-2 logarithm of the peak, least and most derivative by the log scale, and a double, the scale in the unit of the parameters.</summary>
    public const int Numbers = 8;

    /// <summary>The scale of a component in the unit of the parameters.</summary>
    /// <param name="own">The component as <see cref="Prepare"/> writes it.</param>
    public static double ScaleOf(float* own) => *(double*)(own + 6);

    /// <summary>Lanes whose exponent is larger in size are left to the caller.</summary>
    public const int MostExponent = 92;

    /// <summary>Prepares the components of a variable.</summary>
    /// <param name="family">The family.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="table">Receives [component, number].</param>
    public static void Prepare(LocationScaleFamily family, ReadOnlySpan<double> parameters, float* table)
    {
        const double most = 1e30, perLogOfTwo = 1.4426950408889634;
        const int mostOnStack = 64;
        int components = family.Components;
        double peak = family.LogPeakOfStandard, unit = family.Unit;
        Span<double> precisions = components <= mostOnStack ? stackalloc double[components] : new double[components];
        for (int k = 0; k < components; k++) precisions[k] = -family.LogScaleOf(k, parameters);
        Bulk.Exp(precisions);
        for (int k = 0; k < components; k++, table += Numbers)
        {
            double location = family.LocationOf(k, parameters), precision = precisions[k];
            float rounded = (float)location, shift = (float)((rounded - location) * precision);
            bool fits = Math.Abs(location) < most && precision is > 1 / most and < most && float.IsFinite(shift);
            // A component beyond single precision gets an infinite peak, so that no lane counts as exact.
            table[0] = fits ? rounded : 0;
            table[1] = fits ? (float)precision : 0;
            table[2] = fits ? shift : 0;
            table[3] = fits ? (float)((peak - family.LogScaleOf(k, parameters)) * perLogOfTwo) : float.PositiveInfinity;
            (double least, double highest) = family.LearnsScales ? family.SlopeBounds(k, parameters) : (0, 0);
            table[4] = (float)least;
            table[5] = (float)highest;
            *(double*)(table + 6) = 1 / (precision * unit);
        }
    }

    /// <summary>Densities, scaled so that the largest of a lane lies in [1, 2).</summary>
    /// <param name="table">The components as <see cref="Prepare"/> writes them.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="x">Values, [lane].</param>
    /// <param name="y">Receives the units, [component, lane].</param>
    /// <param name="e">Receives the exponents, [lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <returns>Whether all lanes are exact; those whose exponent exceeds <see cref="MostExponent"/> in size are not.</returns>
    [MethodImpl(Hot)]
    public static bool Forward<S>(float* table, int channels, float* x, float* y, int* e, int lanes) where S : IDensityShape<L, F, I>
    {
        int n = L.Count, end = channels * lanes;
        F one = L.Broadcast(1f), inside = one, below = L.Broadcast(BitConverter.Int32BitsToSingle(0x3f7fffff));
        for (int at = 0; at < lanes; at += n)
        {
            F value = L.Load(x + at), max = L.Broadcast(float.NegativeInfinity);
            float* own = table;
            for (int o = at; o < end; o += lanes, own += Numbers)
            {
                F z = L.Fma(L.Subtract(value, L.Broadcast(own[0])), L.Broadcast(own[1]), L.Broadcast(own[2]));
                F log = S.LogTwo(z, L.Broadcast(own[3]));
                max = L.Max(max, log);
                L.Store(y + o, log);
            }
            // Kept within what an integer holds; all beyond the bound is redone.
            max = L.Min(L.Max(max, L.Broadcast(-1000f)), L.Broadcast(1000f));
            F whole = L.ToFloat(L.Round(max));
            whole = L.Subtract(whole, L.WherePositive(L.Subtract(whole, max), one));
            L.StoreInt(e + at, L.Round(whole));
            F size = L.AsFloat(L.And(L.AsInt(whole), L.BroadcastInt(0x7fffffff)));
            inside = L.Multiply(inside, L.WherePositive(L.Subtract(L.Broadcast(MostExponent + 0.5f), size), one));
            for (int o = at; o < end; o += lanes) L.Store(y + o, FastMath<L, F, I>.PowerOfTwo(L.Min(L.Subtract(L.Load(y + o), whole), below)));
        }
        return L.Sum(inside) == n;
    }

    /// <summary>Sums over lanes of flow times the derivatives of the log-density by location (in scales) and log scale.</summary>
    /// <param name="table">The components as <see cref="Prepare"/> writes them.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="x">Values, [lane].</param>
    /// <param name="flows">Flows, [component, lane].</param>
    /// <param name="sums">Receives [component, 2]; not finite where a lane leaves the range.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Gather<S>(float* table, int channels, float* x, float* flows, float* sums, int lanes) where S : IDensityShape<L, F, I>
    {
        int n = L.Count;
        F one = L.Broadcast(1f);
        for (int k = 0; k < channels; k++, table += Numbers, flows += lanes, sums += 2)
        {
            F location = L.Broadcast(table[0]), precision = L.Broadcast(table[1]), shift = L.Broadcast(table[2]);
            F least = L.Broadcast(table[4]), most = L.Broadcast(table[5]);
            F byLocation = default, byScale = default;
            for (int at = 0; at < lanes; at += n)
            {
                F flow = L.Load(flows + at);
                F z = L.Fma(L.Subtract(L.Load(x + at), location), precision, shift), fall = S.Fall(z);
                byLocation = L.Fma(flow, fall, byLocation);
                byScale = L.Add(byScale, L.Max(L.Min(L.Multiply(flow, L.Subtract(S.Stretch(z, fall), one)), most), least));
            }
            sums[0] = L.Sum(byLocation);
            sums[1] = L.Sum(byScale);
        }
    }

    /// <summary>Sets the flows of hidden lanes to 0.</summary>
    /// <param name="hidden">0 where a lane is observed.</param>
    /// <param name="flows">[component, lane], in place.</param>
    /// <param name="channels">Number of components.</param>
    /// <param name="lanes">Number of lanes.</param>
    [MethodImpl(Hot)]
    public static void Mask(byte* hidden, float* flows, int channels, int lanes)
    {
        int n = L.Count, end = channels * lanes;
        I zero = L.BroadcastInt(0);
        for (int at = 0; at < lanes; at += n)
        {
            F observed = L.OneWhereEqual(L.Widen(hidden + at), zero);
            for (int o = at; o < end; o += lanes) L.Store(flows + o, L.WherePositive(observed, L.Load(flows + o)));
        }
    }
}
