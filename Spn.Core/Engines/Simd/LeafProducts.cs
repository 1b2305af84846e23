using System.Runtime.CompilerServices;
using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>Sizes of products of inputs.</summary>
internal static class LeafProducts
{
    /// <summary>Variables whose logarithms are added in one go.</summary>
    public const int Together = 8;

    /// <summary>Rows of scratch that a step needs: counts of some variables or units of a product of them, then three of its own.</summary>
    public static int ScratchOf(int channels) => Math.Max(Together, channels) + 3;
}

/// <summary>Products of inputs of several variables, component by component: their logarithms are added before anything leaves the range.</summary>
/// <remarks>
/// Components of a hundred variables are hundreds of bits apart half way, whichever wins in the end. Families with a kernel add their
/// logarithms; of others, units of a few variables are multiplied first. A lane that is not exact that way is done again in double precision.
/// </remarks>
internal static unsafe class LeafProducts<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    private const int Together = LeafProducts.Together;

    private const double LogOfTwo = 0.69314718055994531;

    private enum Way
    {
        Normal,
        Laplace,
        Cauchy,
        Lines,
        Units,
    }

    /// <summary>Units and exponents; the largest unit of a lane lies in [1, 2) unless all are 0.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="y">Receives the units, [component, lane].</param>
    /// <param name="e">Receives the exponents.</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Forward(Op op, in RunSource source, Workspace ws, float* y, int* e, int lanes)
    {
        float* whole = ws.Scratch, rest = ws.OtherScratch, common = ws.Scaled + (long)Math.Max(Together, op.Channels) * lanes, left = common + 2L * lanes;
        new Span<float>(whole, op.Channels * lanes).Clear();
        new Span<float>(rest, op.Channels * lanes).Clear();
        new Span<float>(common, 2 * lanes).Clear();
        bool anyCommon = false;
        for (int first = 0; first < op.Inputs.Length;)
        {
            Way way = WayOf(op.Inputs[first], source);
            int count = 1;
            while (count < Together && first + count < op.Inputs.Length && WayOf(op.Inputs[first + count], source) == way) count++;
            ReadOnlySpan<Op> some = op.Inputs.AsSpan(first, count);
            if (way == Way.Units) AddUnits(some, source, ws, y, e, whole, rest, lanes);
            else AddLogs(way, some, source, ws, common, whole, rest, lanes);
            anyCommon |= way == Way.Lines;
            first += count;
        }
        if (anyCommon) LogSumKernel<L, F, I>.AddToAll(common, common + lanes, op.Channels, whole, rest, lanes);
        bool exact = LogSumKernel<L, F, I>.ToUnits(whole, rest, op.Channels, y, e, left, lanes);
        bool sets = source.Hidden != null && source.Packed.HasSets;
        if (exact && !sets) return;
        for (int lane = 0; lane < lanes; lane++)
            if (!(left[lane] > 0) || (sets && InSet(op, source, lane))) Redo(op, source, y, e, lane, lanes);
    }

    private static Way WayOf(Op input, in RunSource source)
    {
        if (LineRunner<L, F, I>.Serves(input.Family!) && input.Family!.States is <= LineKernel<L, F, I>.Counts && !InputRunner<L, F, I>.HasTable(input.Family))
            return Finite(input, source, LineKernel<L, F, I>.Numbers, 2) ? Way.Lines : Way.Units;
        if (!InputRunner<L, F, I>.HasKernel(input.Family!) || !Finite(input, source, DensityKernel<L, F, I>.Numbers, 3)) return Way.Units;
        return input.Family switch
        {
            NormalFamily => Way.Normal,
            LaplaceFamily => Way.Laplace,
            _ => Way.Cauchy,
        };
    }

    /// <summary>Whether all components are within single precision.</summary>
    private static bool Finite(Op input, in RunSource source, int numbers, int number)
    {
        float* table = InputRunner<L, F, I>.Prepared(input, source) + number;
        for (int k = 0; k < input.Channels; k++, table += numbers)
            if (!float.IsFinite(*table)) return false;
        return true;
    }

    private static void AddLogs(Way way, ReadOnlySpan<Op> inputs, in RunSource source, Workspace ws, float* common, float* whole, float* rest, int lanes)
    {
        float** tables = stackalloc float*[Together], x = stackalloc float*[Together];
        byte** hidden = stackalloc byte*[Together];
        int channels = inputs[0].Channels, count = inputs.Length;
        for (int v = 0; v < count; v++)
        {
            tables[v] = InputRunner<L, F, I>.Prepared(inputs[v], source);
            hidden[v] = HiddenLanes(inputs[v], source, lanes);
            if (way == Way.Lines) LoadCounts(inputs[v], source, hidden[v], common, ws.Scaled + (long)v * lanes, lanes);
            else x[v] = source.Reals + (long)source.Component.Inputs[inputs[v].Place].Variable * source.Stride;
        }
        switch (way)
        {
            case Way.Normal: LogSumKernel<L, F, I>.AddDensities<NormalShape<L, F, I>>(tables, x, hidden, count, channels, whole, rest, lanes); break;
            case Way.Laplace: LogSumKernel<L, F, I>.AddDensities<LaplaceShape<L, F, I>>(tables, x, hidden, count, channels, whole, rest, lanes); break;
            case Way.Cauchy: LogSumKernel<L, F, I>.AddDensities<CauchyShape<L, F, I>>(tables, x, hidden, count, channels, whole, rest, lanes); break;
            default: LogSumKernel<L, F, I>.AddLines(tables, ws.Scaled, hidden, count, channels, whole, rest, lanes); break;
        }
        if (!source.Max) return;
        for (int v = 0; v < count; v++)
            if (hidden[v] != null) AddPeaks(inputs[v], source, hidden[v], whole, rest, lanes);
    }

    private static void LoadCounts(Op input, in RunSource source, byte* hidden, float* common, float* x, int lanes)
    {
        byte* codes = source.Values(input);
        for (int lane = 0; lane < lanes; lane++) x[lane] = codes[lane];
        fixed (float* table = LineRunner<L, F, I>.CommonOf((CountFamily)input.Family!))
            LogSumKernel<L, F, I>.AddCommon(table, codes, hidden, common, common + lanes, lanes);
    }

    /// <summary>A hidden variable takes its likeliest value where the largest term counts.</summary>
    private static void AddPeaks(Op input, in RunSource source, byte* hidden, float* whole, float* rest, int lanes)
    {
        InputPlace place = source.Component.Inputs[input.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(place.Offset, place.Family.ParameterCount);
        Span<float> bits = input.Channels <= 64 ? stackalloc float[2 * input.Channels] : new float[2 * input.Channels];
        for (int k = 0; k < input.Channels; k++)
        {
            double log = place.Family.LogPeak(k, null, parameters) / LogOfTwo, near = Math.Round(log);
            (bits[2 * k], bits[2 * k + 1]) = ((float)near, (float)(log - near));
        }
        fixed (float* from = bits) LogSumKernel<L, F, I>.AddWhereHidden(hidden, from, input.Channels, whole, rest, lanes);
    }

    private static void AddUnits(ReadOnlySpan<Op> inputs, in RunSource source, Workspace ws, float* y, int* e, float* whole, float* rest, int lanes)
    {
        float* product = ws.Scaled;
        int count = inputs[0].Channels * lanes;
        Span<int> exponents = lanes <= 1024 ? stackalloc int[lanes] : new int[lanes];
        fixed (int* sum = exponents)
        {
            for (int v = 0; v < inputs.Length; v++)
            {
                InputRunner<L, F, I>.Forward(inputs[v], source, v == 0 ? product : y, v == 0 ? sum : e, lanes);
                if (v == 0) continue;
                RegionKernel<L, F, I>.Multiply(product, y, product, count);
                RegionKernel<L, F, I>.AddExponents(sum, e, sum, lanes);
            }
            LogSumKernel<L, F, I>.AddUnits(product, sum, inputs[0].Channels, whole, rest, lanes);
        }
    }

    private static byte* HiddenLanes(Op input, in RunSource source, int lanes)
    {
        byte* hidden = InputRunner<L, F, I>.HiddenLanes(input, source);
        return hidden != null && new ReadOnlySpan<byte>(hidden, lanes).ContainsAnyExcept((byte)0) ? hidden : null;
    }

    private static bool InSet(Op op, in RunSource source, int lane)
    {
        foreach (Op input in op.Inputs)
            if (InputRunner<L, F, I>.HiddenLanes(input, source)[lane] == PackedEvidence.InSet) return true;
        return false;
    }

    /// <summary>One lane in double precision.</summary>
    private static void Redo(Op op, in RunSource source, float* y, int* e, int lane, int lanes)
    {
        Span<double> sums = op.Channels <= 64 ? stackalloc double[op.Channels] : new double[op.Channels];
        Span<double> logs = op.Channels <= 64 ? stackalloc double[op.Channels] : new double[op.Channels];
        sums.Clear();
        foreach (Op input in op.Inputs)
        {
            InputRunner<L, F, I>.Logs(input, source, lane, logs);
            for (int k = 0; k < logs.Length; k++) sums[k] += logs[k];
        }
        InputRunner<L, F, I>.Scale(sums, source.MostLog * op.Inputs.Length, y + lane, lanes, out e[lane]);
    }
}
