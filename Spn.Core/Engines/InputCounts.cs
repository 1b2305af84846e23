using Spn.Core.Plans;

namespace Spn.Core.Engines;

/// <summary>Statistics of inputs where ways down end.</summary>
internal static class InputCounts
{
    /// <summary>Adds what a row says of the inputs on its way.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="parameters">The inputs' parameters, which stand first in the flat vector.</param>
    /// <param name="evidence">The batch.</param>
    /// <param name="row">The row.</param>
    /// <param name="region">The input region.</param>
    /// <param name="component">The component in which the way ends.</param>
    /// <param name="count">How much the way counts.</param>
    /// <param name="statistics">Receives them, laid out by the plan.</param>
    public static void Add(Plan plan, ReadOnlySpan<double> parameters, Evidence evidence, int row, int region, int component, double count, Span<double> statistics)
    {
        (InputFamily family, int variable, int offset) = plan.Regions.Input(region);
        ValueSet? set = evidence.SetOf(row, variable);
        if (!family.Learns || (set is null && evidence.IsHidden(row, variable))) return;
        ReadOnlySpan<double> own = parameters.Slice(offset, family.ParameterCount);
        Span<double> to = statistics.Slice(plan.FirstStatistic[region], family.StatisticCount);
        if (set is null) family.AddStatistics(component, evidence.Row(row)[variable], count, own, to);
        else family.AddStatistics(component, set, count, own, to);
    }

    /// <summary>The same for all inputs on a way.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="parameters">The inputs' parameters.</param>
    /// <param name="evidence">The batch.</param>
    /// <param name="row">The row.</param>
    /// <param name="way">The unit of each region, or -1; empty where there is no way.</param>
    /// <param name="count">How much the way counts.</param>
    /// <param name="statistics">Receives them.</param>
    public static void Add(Plan plan, ReadOnlySpan<double> parameters, Evidence evidence, int row, int[] way, double count, Span<double> statistics)
    {
        for (int r = 0; r < way.Length; r++)
            if (way[r] >= 0 && plan.Regions.Kind(r) == RegionKind.Input) Add(plan, parameters, evidence, row, r, way[r], count, statistics);
    }
}
