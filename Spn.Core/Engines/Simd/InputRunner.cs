using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The input steps: densities from evidence, and statistics of input parameters.</summary>
internal static unsafe class InputRunner<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Families with at most that many states are looked up in a table of their values, in registers.</summary>
    public const int TableStates = 16;

    /// <summary>Families with at most that many states, unless there is a kernel for them, are looked up in a table in memory.</summary>
    public const int WideTableStates = 256;

    /// <summary>See <see cref="RunSource.MostLog"/>.</summary>
    public static double MostLog(int variables) => 1e9 / variables;

    /// <summary>Components whose derivatives are summed in one go.</summary>
    private const int MostTogether = 64;

    private const double LogOfTwo = 0.69314718055994531;

    internal static bool HasTable(InputFamily family) => family.States <= TableStates && family.ParameterCount > 0;

    internal static bool HasKernel(InputFamily family) => family is NormalFamily or LaplaceFamily or CauchyFamily;

    /// <summary>Floats of what is made of a variable's parameters once for all tiles, or 0.</summary>
    public static int PreparedFloats(InputFamily family) =>
        HasTable(family) ? TableStates * (family.Components + 1)
        : HasWideTable(family) ? WideTableStates * (family.Components + 1)
        : LineRunner<L, F, I>.Serves(family) ? (LineKernel<L, F, I>.Numbers * family.Components + 15) / 16 * 16
        : HasKernel(family) ? (DensityKernel<L, F, I>.Numbers * family.Components + 15) / 16 * 16 : 0;

    /// <summary>Writes what is made of a variable's parameters: where it has a table that of its values, [component, state], then the exponents; else what its kernel reads.</summary>
    public static void Prepare(InputFamily family, ReadOnlySpan<double> parameters, double mostLog, float* table)
    {
        if (family is LocationScaleFamily real)
        {
            DensityKernel<L, F, I>.Prepare(real, parameters, table);
            return;
        }
        if (!HasTable(family) && LineRunner<L, F, I>.Serves(family))
        {
            LineKernel<L, F, I>.Prepare((CountFamily)family, parameters, table);
            return;
        }
        int states = family.States!.Value, width = HasTable(family) ? TableStates : WideTableStates;
        var logs = new double[family.Components];
        var byState = new double[family.Components * states];
        for (int k = 0; k < logs.Length; k++) family.LogDensities(k, parameters, byState.AsSpan(k * states, states));
        for (int s = 0; s < states; s++)
        {
            for (int k = 0; k < logs.Length; k++) logs[k] = byState[k * states + s];
            Scale(logs, mostLog, table + s, width, out ((int*)table)[width * logs.Length + s]);
        }
    }

    internal static bool HasWideTable(InputFamily family) =>
        family.States is > TableStates and <= WideTableStates && family.ParameterCount > 0 && !LineRunner<L, F, I>.Serves(family);

    /// <summary>Reads a table of more values than a register holds.</summary>
    private static void LookUp(float* table, int channels, byte* states, float* y, int* e, int lanes)
    {
        int* index = stackalloc int[L.Count];
        int* exponents = (int*)table + WideTableStates * channels;
        for (int at = 0; at < lanes; at += L.Count)
        {
            L.StoreInt(index, L.Widen(states + at));
            for (int k = 0; k < channels; k++) L.Store(y + (long)k * lanes + at, L.Gather(table + WideTableStates * k, index));
            for (int i = 0; i < L.Count; i++) e[at + i] = exponents[index[i]];
        }
    }

    /// <summary>Writes units and exponents of an input; the largest unit of a lane lies in [1, 2) unless all are 0.</summary>
    /// <returns>Whether all units of a lane may be 0.</returns>
    public static bool Forward(Op op, in RunSource source, float* y, int* e, int lanes)
    {
        InputFamily family = op.Family!;
        byte* hidden = HiddenLanes(op, source);
        bool mayBeZero = true;
        if (HasKernel(family)) mayBeZero = !Densities(op, source, hidden, y, e, lanes);
        else if (HasTable(family))
        {
            new Span<int>(e, lanes).Clear();
            RegionKernel<L, F, I>.Lookup(Prepared(op, source), op.Channels, source.Values(op), y, e, null, lanes);
        }
        else if (HasWideTable(family)) LookUp(Prepared(op, source), op.Channels, source.Values(op), y, e, lanes);
        else if (LineRunner<L, F, I>.Serves(family)) mayBeZero = !Lines(op, source, hidden, y, e, lanes);
        else if (family is IndicatorFamily && family.States <= 256)
        {
            new Span<int>(e, lanes).Clear();
            RegionKernel<L, F, I>.Indicators(source.Values(op), y, op.Channels, lanes);
            mayBeZero = false;
        }
        else
        {
            for (int lane = 0; lane < lanes; lane++) Density(op, source, y, e, lane, lanes);
        }
        if (hidden != null) Hidden(op, source, hidden, y, e, lanes);
        return mayBeZero || (hidden != null && source.Packed.HasSets);
    }

    /// <summary>Densities of real variables; returns false when all of a lane are 0.</summary>
    private static bool Densities(Op op, in RunSource source, byte* hidden, float* y, int* e, int lanes)
    {
        float* table = Prepared(op, source), x = source.Reals + (long)source.Component.Inputs[op.Place].Variable * source.Stride;
        bool exact = op.Family switch
        {
            NormalFamily => DensityKernel<L, F, I>.Forward<NormalShape<L, F, I>>(table, op.Channels, x, y, e, lanes),
            LaplaceFamily => DensityKernel<L, F, I>.Forward<LaplaceShape<L, F, I>>(table, op.Channels, x, y, e, lanes),
            _ => DensityKernel<L, F, I>.Forward<CauchyShape<L, F, I>>(table, op.Channels, x, y, e, lanes),
        };
        if (exact) return true;
        return Redo(op, source, hidden, y, e, lanes);
    }

    /// <summary>Probabilities of counts; returns false when all of a lane are 0.</summary>
    private static bool Lines(Op op, in RunSource source, byte* hidden, float* y, int* e, int lanes) =>
        LineRunner<L, F, I>.Forward((CountFamily)op.Family!, Prepared(op, source), source, source.Component.Inputs[op.Place].Variable, y, e, lanes)
        || Redo(op, source, hidden, y, e, lanes);

    /// <summary>Does lanes again that a kernel left; returns false when all of a lane are 0.</summary>
    private static bool Redo(Op op, in RunSource source, byte* hidden, float* y, int* e, int lanes)
    {
        bool positive = true;
        for (int lane = 0; lane < lanes; lane++)
            if (Math.Abs(e[lane]) > DensityKernel<L, F, I>.MostExponent && (hidden == null || hidden[lane] == 0)) positive &= Density(op, source, y, e, lane, lanes);
        return positive;
    }

    /// <summary>The densities of one lane in double precision; false when they are out of range.</summary>
    private static bool Density(Op op, in RunSource source, float* y, int* e, int lane, int lanes)
    {
        Span<double> logs = op.Channels <= 64 ? stackalloc double[op.Channels] : new double[op.Channels];
        Logs(op, source, lane, logs);
        return Scale(logs, source.MostLog, y + lane, lanes, out e[lane]);
    }

    /// <summary>What each component of a lane gives in double precision: log-density, the mass of a set, or of the largest value.</summary>
    internal static void Logs(Op op, in RunSource source, int lane, Span<double> logs)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, input.Family.ParameterCount);
        byte* hidden = HiddenLanes(op, source);
        if (hidden == null || hidden[lane] == 0)
        {
            float x = Value(input.Family, source, input.Variable, lane);
            for (int k = 0; k < logs.Length; k++) logs[k] = input.Family.LogDensity(k, x, parameters);
            return;
        }
        ValueSet? set = hidden[lane] == PackedEvidence.InSet ? source.Packed.SetOf(source.Start + lane, input.Variable) : null;
        for (int k = 0; k < logs.Length; k++)
            logs[k] = source.Max ? input.Family.LogPeak(k, set, parameters) : set is null ? 0 : input.Family.LogValue(k, set, parameters);
    }

    internal static float* Prepared(Op op, in RunSource source) => source.ValueTables + source.Component.ValueTables[op.Place];

    /// <summary>What hidden variables give: 1, the probability of a set, or the largest density.</summary>
    private static void Hidden(Op op, in RunSource source, byte* hidden, float* y, int* e, int lanes)
    {
        InputFamily family = op.Family!;
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
        Span<float> unknown = op.Channels <= 64 ? stackalloc float[op.Channels] : new float[op.Channels];
        int exponent = 0;
        unknown.Fill(1);
        fixed (float* values = unknown)
        {
            if (source.Max && family is not IndicatorFamily)
            {
                var logs = new double[op.Channels];
                for (int k = 0; k < logs.Length; k++) logs[k] = family.LogPeak(k, null, parameters);
                Scale(logs, source.MostLog, values, 1, out exponent);
            }
            RegionKernel<L, F, I>.Replace(hidden, values, exponent, y, op.Channels, e, lanes);
        }
        if (!source.Packed.HasSets) return;
        for (int lane = 0; lane < lanes; lane++)
            if (hidden[lane] == PackedEvidence.InSet) Density(op, source, y, e, lane, lanes);
    }

    /// <summary>Adds the derivatives by the parameters of an input, or what else is gathered at inputs.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run, with where they are added.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="flows">Flows of the components, [component, lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Gather(Op op, in RunSource source, Workspace ws, float* flows, int lanes)
    {
        if (source.Gathering != InputGathering.Gradient)
        {
            if (source.Gathering == InputGathering.Statistics) InputStatistics<L, F, I>.Gather(op, source, ws, flows, lanes);
            return;
        }
        InputFamily family = op.Family!;
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
        Span<double> gradient = source.InputGradient.Slice(input.Offset, family.ParameterCount);
        byte* hidden = HiddenLanes(op, source);
        if (hidden != null && source.Packed.HasSets) GatherSets(op, source, hidden, flows, lanes);
        if (HasTable(family) || HasWideTable(family))
        {
            byte* values = source.Values(op);
            int states = family.States!.Value;
            Span<double> byState = stackalloc double[WideTableStates];
            for (int k = 0; k < op.Channels; k++)
            {
                byState.Clear();
                for (int lane = 0; lane < lanes; lane++)
                    if (hidden == null || hidden[lane] == 0) byState[values[lane]] += flows[k * lanes + lane];
                family.AddGradients(k, byState[..states], parameters, gradient);
            }
            return;
        }
        if (LineRunner<L, F, I>.Serves(family))
        {
            LineRunner<L, F, I>.Gather((CountFamily)family, source, input.Variable, Observed(op, source, ws, flows, lanes), parameters, gradient, lanes);
            return;
        }
        if (HasKernel(family))
        {
            GatherDensities(op, source, Observed(op, source, ws, flows, lanes), gradient, lanes);
            return;
        }
        for (int k = 0; k < op.Channels; k++) GatherComponent(op, source, hidden, k, flows, gradient, lanes);
    }

    /// <summary>Flows that are 0 where a lane hides the variable; those given stay as they are.</summary>
    internal static float* Observed(Op op, in RunSource source, Workspace ws, float* flows, int lanes)
    {
        byte* hidden = HiddenLanes(op, source);
        if (hidden == null) return flows;
        new Span<float>(flows, op.Channels * lanes).CopyTo(new Span<float>(ws.Scratch, op.Channels * lanes));
        DensityKernel<L, F, I>.Mask(hidden, ws.Scratch, op.Channels, lanes);
        return ws.Scratch;
    }

    private static void GatherDensities(Op op, in RunSource source, float* flows, Span<double> gradient, int lanes)
    {
        var family = (LocationScaleFamily)op.Family!;
        float* table = Prepared(op, source), x = source.Reals + (long)source.Component.Inputs[op.Place].Variable * source.Stride;
        float* sums = stackalloc float[2 * MostTogether];
        for (int first = 0; first < op.Channels; first += MostTogether)
        {
            int count = Math.Min(MostTogether, op.Channels - first);
            float* own = table + first * DensityKernel<L, F, I>.Numbers, from = flows + (long)first * lanes;
            switch (family)
            {
                case NormalFamily: DensityKernel<L, F, I>.Gather<NormalShape<L, F, I>>(own, count, x, from, sums, lanes); break;
                case LaplaceFamily: DensityKernel<L, F, I>.Gather<LaplaceShape<L, F, I>>(own, count, x, from, sums, lanes); break;
                default: DensityKernel<L, F, I>.Gather<CauchyShape<L, F, I>>(own, count, x, from, sums, lanes); break;
            }
            for (int k = 0; k < count; k++, own += DensityKernel<L, F, I>.Numbers)
            {
                float byLocation = sums[2 * k], byScale = sums[2 * k + 1];
                // A component without a precision is beyond single precision.
                if (own[1] == 0 || !float.IsFinite(byLocation) || !float.IsFinite(byScale)) GatherComponent(op, source, null, first + k, flows, gradient, lanes);
                else family.AddSums(first + k, byLocation * (double)own[1], byScale, gradient);
            }
        }
    }

    /// <summary>One component's derivatives, lane by lane.</summary>
    private static void GatherComponent(Op op, in RunSource source, byte* hidden, int component, float* flows, Span<double> gradient, int lanes)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, input.Family.ParameterCount);
        for (int lane = 0; lane < lanes; lane++)
        {
            float flow = flows[component * lanes + lane];
            if (flow != 0 && (hidden == null || hidden[lane] == 0))
                input.Family.AddGradient(component, Value(input.Family, source, input.Variable, lane), flow, parameters, gradient);
        }
    }

    private static void GatherSets(Op op, in RunSource source, byte* hidden, float* flows, int lanes)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        int count = input.Family.ParameterCount;
        for (int lane = 0; lane < lanes; lane++)
        {
            if (hidden[lane] != PackedEvidence.InSet) continue;
            ValueSet set = source.Packed.SetOf(source.Start + lane, input.Variable);
            for (int k = 0; k < op.Channels; k++)
                if (flows[k * lanes + lane] != 0)
                    input.Family.AddGradient(k, set, flows[k * lanes + lane], source.Parameters.Slice(input.Offset, count), source.InputGradient.Slice(input.Offset, count));
        }
    }

    /// <summary>Whether an input adds anything to the numbers of the rows.</summary>
    public static bool IsReadOut(Op op, in RunSource source)
    {
        InputReadOut place = source.ReadOuts![op.Place];
        return place.Offset >= 0 && (!place.HiddenOnly || source.Hides(source.Component.Inputs[op.Place].Variable));
    }

    /// <summary>Adds the flows of an input's channels, or what the family expects of them, to the numbers of the rows.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run, with what to add and where.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="flows">Flows of the components, [component, lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void ReadOut(Op op, in RunSource source, Workspace ws, float* flows, int lanes)
    {
        InputReadOut place = source.ReadOuts![op.Place];
        byte* hidden = HiddenLanes(op, source);
        float* to = source.Numbers + (long)place.Offset * lanes, matrix = (float*)place.Matrix;
        if (matrix == null)
        {
            RegionKernel<L, F, I>.Add(flows, to, op.Channels * lanes);
            return;
        }
        if (hidden != null && source.Packed.HasSets)
        {
            new Span<float>(flows, op.Channels * lanes).CopyTo(new Span<float>(ws.Scratch, op.Channels * lanes));
            flows = ws.Scratch;
            ReadOutSets(op, source, hidden, flows, to, lanes);
        }
        for (int j = 0; j < place.Count; j++)
        {
            MatrixKernel<L, F, I>.Multiply(matrix + j * op.Channels, op.Channels, 1, 1, op.Channels, flows, ws.OtherScratch, lanes);
            RegionKernel<L, F, I>.Add(ws.OtherScratch, to + (long)j * lanes, lanes);
        }
    }

    /// <summary>Expectations under sets differ from lane to lane; their flows are taken out of the rest.</summary>
    private static void ReadOutSets(Op op, in RunSource source, byte* hidden, float* flows, float* to, int lanes)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, input.Family.ParameterCount);
        double[]? expectations = null;
        for (int lane = 0; lane < lanes; lane++)
        {
            if (hidden[lane] != PackedEvidence.InSet) continue;
            ValueSet set = source.Packed.SetOf(source.Start + lane, input.Variable);
            expectations ??= new double[input.Family.Expectations];
            for (int k = 0; k < op.Channels; k++)
            {
                float flow = flows[k * lanes + lane];
                flows[k * lanes + lane] = 0;
                if (flow == 0) continue;
                input.Family.Expect(k, set, parameters, InputFamily.CentreWithin(set, source.Centres[input.Variable]), expectations);
                for (int j = 0; j < expectations.Length; j++) to[(long)j * lanes + lane] += (float)(flow * expectations[j]);
            }
        }
    }

    internal static float Value(InputFamily family, in RunSource source, int variable, int lane) =>
        family.States <= 256 ? source.Codes[(long)variable * source.Stride + lane] : source.Reals[(long)variable * source.Stride + lane];

    internal static byte* HiddenLanes(Op op, in RunSource source) =>
        source.Hidden == null ? null : source.Hidden + (long)source.Component.Inputs[op.Place].Variable * source.Stride;

    /// <summary>Scales numbers given by their logarithms to a largest of [1, 2) and tells the power of two taken out; false when that is out of range.</summary>
    internal static bool Scale(ReadOnlySpan<double> logs, double mostLog, float* to, int stride, out int exponent)
    {
        double max = double.NegativeInfinity;
        foreach (double l in logs) max = Math.Max(max, l);
        exponent = 0;
        // Out of the range of exponents: the lane becomes 0 and is redone in log space.
        if (!(Math.Abs(max) < mostLog))
        {
            for (int k = 0; k < logs.Length; k++) to[k * stride] = 0;
            return false;
        }
        // The largest as a float lies in [1, 2), which rounding alone would not make sure of: a later pass must find the same exponent.
        exponent = (int)Math.Floor(max / LogOfTwo);
        float largest = (float)Math.Exp(max - exponent * LogOfTwo);
        exponent += largest >= 2 ? 1 : largest < 1 ? -1 : 0;
        for (int k = 0; k < logs.Length; k++) to[k * stride] = (float)Math.Exp(logs[k] - exponent * LogOfTwo);
        return true;
    }
}
