using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>The input steps: densities from evidence, and statistics of input parameters.</summary>
internal static unsafe class InputRunner<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Families with at most that many states are looked up in a table of their values.</summary>
    public const int TableStates = 16;

    /// <summary>See <see cref="RunSource.MostLog"/>.</summary>
    public static double MostLog(int variables) => 1e9 / variables;

    private const double LogOfTwo = 0.69314718055994531;

    public static bool HasTable(InputFamily family) => family.States <= TableStates && family.ParameterCount > 0;

    /// <summary>Writes the value table of a discrete input: [component, state], then 16 exponents.</summary>
    public static void MakeTable(InputFamily family, ReadOnlySpan<double> parameters, double mostLog, float* table)
    {
        var logs = new double[family.Components];
        for (int s = 0; s < family.States; s++)
        {
            for (int k = 0; k < logs.Length; k++) logs[k] = family.LogDensity(k, s, parameters);
            ((int*)table)[16 * logs.Length + s] = Scaled(logs, mostLog, table + s, 16);
        }
    }

    public static void Forward(Op op, in RunSource source, float* y, int* e, int lanes)
    {
        InputFamily family = op.Family!;
        int place = op.Place;
        new Span<int>(e, lanes).Clear();
        if (family is IndicatorFamily && family.States <= 256) RegionKernel<L, F, I>.Indicators(source.Values(op), y, op.Channels, lanes);
        else if (HasTable(family)) RegionKernel<L, F, I>.Lookup(source.ValueTables + source.Component.ValueTables[place], op.Channels, source.Values(op), y, e, null, lanes);
        else
        {
            InputPlace input = source.Component.Inputs[place];
            ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
            var logs = new double[op.Channels];
            for (int lane = 0; lane < lanes; lane++)
            {
                float x = Value(family, source, input.Variable, lane);
                for (int k = 0; k < logs.Length; k++) logs[k] = family.LogDensity(k, x, parameters);
                e[lane] = Scaled(logs, source.MostLog, y + lane, lanes);
            }
        }
        byte* hidden = HiddenLanes(op, source);
        if (hidden != null) Hidden(op, source, hidden, y, e, lanes);
    }

    /// <summary>What hidden variables give: 1, the probability of a set, or the largest density.</summary>
    private static void Hidden(Op op, in RunSource source, byte* hidden, float* y, int* e, int lanes)
    {
        InputFamily family = op.Family!;
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
        Span<float> unknown = op.Channels <= 64 ? stackalloc float[op.Channels] : new float[op.Channels];
        int exponent = 0;
        unknown.Fill(1);
        double[]? logs = null;
        fixed (float* values = unknown)
        {
            if (source.Max && family is not IndicatorFamily)
            {
                logs = new double[op.Channels];
                for (int k = 0; k < logs.Length; k++) logs[k] = family.LogPeak(k, null, parameters);
                exponent = Scaled(logs, source.MostLog, values, 1);
            }
            RegionKernel<L, F, I>.Replace(hidden, values, exponent, y, op.Channels, e, lanes);
        }
        if (!source.Packed.HasSets) return;
        for (int lane = 0; lane < lanes; lane++)
        {
            if (hidden[lane] != PackedEvidence.InSet) continue;
            logs ??= new double[op.Channels];
            ValueSet set = source.Packed.SetOf(source.Start + lane, input.Variable);
            for (int k = 0; k < logs.Length; k++) logs[k] = source.Max ? family.LogPeak(k, set, parameters) : family.LogValue(k, set, parameters);
            e[lane] = Scaled(logs, source.MostLog, y + lane, lanes);
        }
    }

    /// <summary>Adds the derivatives by the parameters of an input.</summary>
    public static void Gather(Op op, in RunSource source, Workspace ws, float* units, float* slopes, int lanes)
    {
        InputFamily family = op.Family!;
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
        Span<double> gradient = source.InputGradient.Slice(input.Offset, family.ParameterCount);
        float* flows = ws.Scratch;
        RegionKernel<L, F, I>.Multiply(units, slopes, flows, op.Channels * lanes);
        byte* hidden = HiddenLanes(op, source);
        if (hidden != null && source.Packed.HasSets) GatherSets(op, source, hidden, flows, lanes);
        if (HasTable(family))
        {
            byte* values = source.Values(op);
            int states = family.States!.Value;
            Span<double> byState = stackalloc double[TableStates];
            for (int k = 0; k < op.Channels; k++)
            {
                byState.Clear();
                for (int lane = 0; lane < lanes; lane++)
                    if (hidden == null || hidden[lane] == 0) byState[values[lane] & 15] += flows[k * lanes + lane];
                for (int s = 0; s < states; s++)
                    if (byState[s] != 0) family.AddGradient(k, s, byState[s], parameters, gradient);
            }
            return;
        }
        for (int lane = 0; lane < lanes; lane++)
        {
            if (hidden != null && hidden[lane] != 0) continue;
            float x = Value(family, source, input.Variable, lane);
            for (int k = 0; k < op.Channels; k++)
                if (flows[k * lanes + lane] != 0) family.AddGradient(k, x, flows[k * lanes + lane], parameters, gradient);
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

    /// <summary>Adds the flows of an input's channels, or what the family expects of them, to the numbers of the rows.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run, with what to add and where.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="units">Units of the input.</param>
    /// <param name="slopes">Their slopes.</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void ReadOut(Op op, in RunSource source, Workspace ws, float* units, float* slopes, int lanes)
    {
        InputReadOut place = source.ReadOuts![op.Place];
        byte* hidden = HiddenLanes(op, source);
        if (place.Offset < 0 || (place.HiddenOnly && !source.Hides(source.Component.Inputs[op.Place].Variable))) return;
        float* to = source.Numbers + (long)place.Offset * lanes, matrix = (float*)place.Matrix;
        if (matrix == null)
        {
            RegionKernel<L, F, I>.MultiplyAdd(units, slopes, to, op.Channels * lanes);
            return;
        }
        float* flows = ws.Scratch;
        RegionKernel<L, F, I>.Multiply(units, slopes, flows, op.Channels * lanes);
        if (hidden != null && source.Packed.HasSets) ReadOutSets(op, source, hidden, flows, to, lanes);
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

    private static float Value(InputFamily family, in RunSource source, int variable, int lane) =>
        family.States <= 256 ? source.Codes[(long)variable * source.Stride + lane] : source.Reals[(long)variable * source.Stride + lane];

    private static byte* HiddenLanes(Op op, in RunSource source) =>
        source.Hidden == null ? null : source.Hidden + (long)source.Component.Inputs[op.Place].Variable * source.Stride;

    /// <summary>Scales numbers given by their logarithms to a largest of [1, 2) and returns the power of two taken out.</summary>
    private static int Scaled(ReadOnlySpan<double> logs, double mostLog, float* to, int stride)
    {
        double max = double.NegativeInfinity;
        foreach (double l in logs) max = Math.Max(max, l);
        // Out of the range of exponents: the lane becomes 0 and is redone in log space.
        if (!(Math.Abs(max) < mostLog))
        {
            for (int k = 0; k < logs.Length; k++) to[k * stride] = 0;
            return 0;
        }
        // The largest as a float lies in [1, 2), which rounding alone would not make sure of: a later pass must find the same exponent.
        int exponent = (int)Math.Floor(max / LogOfTwo);
        float largest = (float)Math.Exp(max - exponent * LogOfTwo);
        exponent += largest >= 2 ? 1 : largest < 1 ? -1 : 0;
        for (int k = 0; k < logs.Length; k++) to[k * stride] = (float)Math.Exp(logs[k] - exponent * LogOfTwo);
        return exponent;
    }
}
