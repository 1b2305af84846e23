using Spn.Core.Engines.Simd.Kernels;
using Spn.Core.Plans;

namespace Spn.Core.Engines.Simd;

/// <summary>What an input step adds to the statistics of its family on the way down.</summary>
internal static unsafe class InputStatistics<L, F, I>
    where L : ILanes<F, I>
    where F : struct
    where I : struct
{
    /// <summary>Components whose statistics are summed in one go.</summary>
    private const int MostTogether = 64;

    /// <summary>Adds the statistics of an input; hidden variables add nothing, sets what is expected under them.</summary>
    /// <param name="op">The step.</param>
    /// <param name="source">The run, with where statistics are added.</param>
    /// <param name="ws">The workspace, for scratch.</param>
    /// <param name="flows">Flows of the components, [component, lane].</param>
    /// <param name="lanes">Number of lanes.</param>
    public static void Gather(Op op, in RunSource source, Workspace ws, float* flows, int lanes)
    {
        InputFamily family = op.Family!;
        InputPlace input = source.Component.Inputs[op.Place];
        ReadOnlySpan<double> parameters = source.Parameters.Slice(input.Offset, family.ParameterCount);
        Span<double> statistics = source.InputStatistics.Slice(source.Component.FirstStatistic[op.Place], family.StatisticCount);
        byte* hidden = InputRunner<L, F, I>.HiddenLanes(op, source);
        if (hidden != null && source.Packed.HasSets) GatherSets(op, source, hidden, flows, parameters, statistics, lanes);
        flows = InputRunner<L, F, I>.Observed(op, source, ws, flows, lanes);
        if (InputRunner<L, F, I>.HasTable(family)) GatherStates(op, source, flows, parameters, statistics, lanes);
        else if (InputRunner<L, F, I>.HasWideTable(family)) GatherWideStates(op, source, flows, parameters, statistics, lanes);
        else if (InputRunner<L, F, I>.HasKernel(family)) GatherDensities(op, source, flows, parameters, statistics, lanes);
        else if (LineRunner<L, F, I>.Serves(family)) LineRunner<L, F, I>.GatherStatistics((CountFamily)family, source, input.Variable, flows, parameters, statistics, lanes);
        else
            for (int k = 0; k < op.Channels; k++) GatherComponent(op, source, k, flows, parameters, statistics, lanes);
    }

    private static void GatherStates(Op op, in RunSource source, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        InputFamily family = op.Family!;
        int states = family.States!.Value;
        float* sums = stackalloc float[MostTogether * InputRunner<L, F, I>.TableStates];
        for (int first = 0; first < op.Channels; first += MostTogether)
        {
            int count = Math.Min(MostTogether, op.Channels - first);
            StatisticsKernel<L, F, I>.ByState(flows + (long)first * lanes, count, source.Values(op), states, sums, lanes);
            for (int k = 0; k < count; k++)
                for (int s = 0; s < states; s++)
                    if (sums[k * states + s] is var flow && flow != 0) family.AddStatistics(first + k, s, flow, parameters, statistics);
        }
    }

    /// <summary>Where there are more values than a register holds: a value at a time, whatever the number of lanes that have it.</summary>
    private static void GatherWideStates(Op op, in RunSource source, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        InputFamily family = op.Family!;
        byte* values = source.Values(op);
        Span<double> byState = stackalloc double[InputRunner<L, F, I>.WideTableStates];
        for (int k = 0; k < op.Channels; k++, flows += lanes)
        {
            byState.Clear();
            for (int lane = 0; lane < lanes; lane++) byState[values[lane]] += flows[lane];
            family.AddStatistics(k, byState[..family.States!.Value], parameters, statistics);
        }
    }

    private static void GatherDensities(Op op, in RunSource source, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        const int numbers = LocationScaleFamily.Sums;
        var family = (LocationScaleFamily)op.Family!;
        float* table = InputRunner<L, F, I>.Prepared(op, source), x = source.Reals + (long)source.Component.Inputs[op.Place].Variable * source.Stride;
        float* sums = stackalloc float[numbers * MostTogether];
        for (int first = 0; first < op.Channels; first += MostTogether)
        {
            int count = Math.Min(MostTogether, op.Channels - first);
            float* own = table + first * DensityKernel<L, F, I>.Numbers, from = flows + (long)first * lanes;
            switch (family)
            {
                case NormalFamily: StatisticsKernel<L, F, I>.Pulls<NormalShape<L, F, I>>(own, count, x, from, sums, lanes); break;
                case LaplaceFamily: StatisticsKernel<L, F, I>.Pulls<LaplaceShape<L, F, I>>(own, count, x, from, sums, lanes); break;
                default: StatisticsKernel<L, F, I>.Pulls<CauchyShape<L, F, I>>(own, count, x, from, sums, lanes); break;
            }
            for (int k = 0; k < count; k++, own += DensityKernel<L, F, I>.Numbers)
            {
                float* sum = sums + numbers * k;
                // A component without a precision is beyond single precision.
                if (own[1] == 0 || !float.IsFinite(sum[1] + sum[2] + sum[3])) GatherComponent(op, source, first + k, flows, parameters, statistics, lanes);
                else family.AddSums(first + k, sum[0], sum[1], sum[2], sum[3], DensityKernel<L, F, I>.ScaleOf(own), parameters, statistics);
            }
        }
    }

    /// <summary>One component's statistics, lane by lane.</summary>
    private static void GatherComponent(Op op, in RunSource source, int component, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        for (int lane = 0; lane < lanes; lane++)
        {
            float flow = flows[component * lanes + lane];
            if (flow != 0) input.Family.AddStatistics(component, InputRunner<L, F, I>.Value(input.Family, source, input.Variable, lane), flow, parameters, statistics);
        }
    }

    private static void GatherSets(Op op, in RunSource source, byte* hidden, float* flows, ReadOnlySpan<double> parameters, Span<double> statistics, int lanes)
    {
        InputPlace input = source.Component.Inputs[op.Place];
        for (int lane = 0; lane < lanes; lane++)
        {
            if (hidden[lane] != PackedEvidence.InSet) continue;
            ValueSet set = source.Packed.SetOf(source.Start + lane, input.Variable);
            for (int k = 0; k < op.Channels; k++)
                if (flows[k * lanes + lane] is var flow && flow != 0) input.Family.AddStatistics(k, set, flow, parameters, statistics);
        }
    }
}
