namespace Spn.Core.Plans;

/// <summary>Sums of numbers that are given by their logarithms.</summary>
public static class LogSum
{
    /// <summary>log(sum of exp(values)); minus infinity when all are, never NaN.</summary>
    public static double Of(ReadOnlySpan<double> values)
    {
        double max = Largest(values);
        if (double.IsNegativeInfinity(max)) return max;
        double sum = 0;
        foreach (double v in values) sum += Math.Exp(v - max);
        return max + Math.Log(sum);
    }

    /// <summary>log(exp(a) + exp(b)); minus infinity when both are, never NaN.</summary>
    public static double Of(double a, double b) =>
        double.IsNegativeInfinity(a) ? b : Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b)));

    /// <summary>The largest value; minus infinity when there is none.</summary>
    public static double Largest(ReadOnlySpan<double> values)
    {
        double max = double.NegativeInfinity;
        foreach (double v in values) max = Math.Max(max, v);
        return max;
    }
}
