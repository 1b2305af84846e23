namespace Spn.Core.Plans;

/// <summary>Sums of numbers that are given by their logarithms.</summary>
public static class LogSum
{
    /// <summary>log(sum of exp(values)); minus infinity when all are, never NaN.</summary>
    public static double Of(ReadOnlySpan<double> values)
    {
        double max = double.NegativeInfinity;
        foreach (double v in values) max = Math.Max(max, v);
        if (double.IsNegativeInfinity(max)) return max;
        double sum = 0;
        foreach (double v in values) sum += Math.Exp(v - max);
        return max + Math.Log(sum);
    }
}
