namespace Spn.Core.Plans;

/// <summary>Differences from 1 that keep their digits where they are small.</summary>
/// <remarks>Kahan's way: the rounding of exp(x) or of 1 + x cancels when its own logarithm or distance from 1 divides.</remarks>
internal static class Precise
{
    /// <summary>exp(x) - 1.</summary>
    public static double ExpMinusOne(double x)
    {
        double e = Math.Exp(x);
        return e == 1 ? x : e is < 0.5 or > 2 ? e - 1 : (e - 1) * x / Math.Log(e);
    }

    /// <summary>log(1 + x) for x above -1.</summary>
    public static double LogOnePlus(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : sum is < 0.5 or > 2 ? Math.Log(sum) : Math.Log(sum) * x / (sum - 1);
    }

    /// <summary>log(1 - exp(x)) for x at most 0.</summary>
    public static double LogOneMinusExp(double x) => x < -1 ? LogOnePlus(-Math.Exp(x)) : Math.Log(-ExpMinusOne(x));

    /// <summary>log(exp(a) + exp(b)).</summary>
    public static double LogAdd(double a, double b)
    {
        double most = Math.Max(a, b);
        return double.IsInfinity(most) ? most : most + LogOnePlus(Math.Exp(Math.Min(a, b) - most));
    }
}
