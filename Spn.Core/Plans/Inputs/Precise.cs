namespace Spn.Core.Plans;

/// <summary>Differences from 1 that keep their digits where they are small.</summary>
internal static class Precise
{
    /// <summary>Below this size the first terms of a series are exact.</summary>
    private const double Small = 1e-5;

    /// <summary>exp(x) - 1.</summary>
    public static double ExpMinusOne(double x) => Math.Abs(x) < Small ? x * (1 + x * (0.5 + x / 6)) : Math.Exp(x) - 1;

    /// <summary>log(1 + x) for x above -1.</summary>
    public static double LogOnePlus(double x) => Math.Abs(x) < Small ? x * (1 - x * (0.5 - x / 3)) : Math.Log(1 + x);

    /// <summary>log(1 - exp(x)) for x at most 0.</summary>
    public static double LogOneMinusExp(double x) => Math.Log(-ExpMinusOne(x));
}
