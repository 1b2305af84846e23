namespace Spn.Core.Plans;

/// <summary>The Laplace distribution of location 0 and scale 1, exp(-|z|) / 2, and its pieces between two bounds.</summary>
/// <remarks>Each side of 0 is half an exponential distribution; a piece across 0 is a mixture of two that lie on one side.</remarks>
internal static class StandardLaplace
{
    /// <summary>Pieces this narrow are taken by the first terms of a series.</summary>
    private const double Narrow = 0.1;

    /// <summary>Distance from 0 down to which the pull grows; so small that the likelihood cannot tell.</summary>
    public const double Nearest = 1e-6;

    public static double LogDensity(double z) => -Math.Abs(z) - Math.Log(2);

    /// <summary>Logarithm of the probability between two bounds.</summary>
    public static double LogBetween(double low, double high)
    {
        if (high <= low) return double.NegativeInfinity;
        if (high <= 0) (low, high) = (-high, -low);
        if (low >= 0) return -Math.Log(2) - low + Precise.LogOneMinusExp(low - high);
        (double below, double above) = Sides(low, high);
        return Math.Log(0.5 * (below + above));
    }

    /// <summary>Mean and variance between two bounds.</summary>
    /// <returns>The mean as its distance from one of the bounds or from 0.</returns>
    public static (double From, double Distance, double Variance) Moments(double low, double high)
    {
        if (high <= 0)
        {
            (double from, double distance, double variance) = Moments(-high, -low);
            return (-from, -distance, variance);
        }
        if (low >= 0)
        {
            (double mean, double variance) = Exponential(high - low);
            return (low, mean, variance);
        }
        (double below, double above) = Shares(low, high);
        (double meanBelow, double varianceBelow) = Exponential(-low);
        (double meanAbove, double varianceAbove) = Exponential(high);
        double first = above * meanAbove - below * meanBelow;
        double second = above * (varianceAbove + meanAbove * meanAbove) + below * (varianceBelow + meanBelow * meanBelow);
        return (0, first, second - first * first);
    }

    /// <summary>Expectations of the sign and of the distance from 0 between two bounds.</summary>
    public static (double Sign, double Distance) ExpectedFall(double low, double high)
    {
        if (high <= 0)
        {
            (double sign, double distance) = ExpectedFall(-high, -low);
            return (-sign, distance);
        }
        if (low >= 0) return (1, low + Exponential(high - low).Mean);
        (double below, double above) = Shares(low, high);
        return (above - below, above * Exponential(high).Mean + below * Exponential(-low).Mean);
    }

    /// <summary>The value below which a share of the probability between two bounds lies.</summary>
    public static double Quantile(double low, double high, double share)
    {
        // A uniform number may be 0, which stands for the numbers up to the next one and not for an infinite quantile.
        share = Math.Clamp(share, 1e-17, 1 - 1.2e-16);
        if (high <= 0) return -Quantile(-high, -low, 1 - share);
        if (low >= 0) return Math.Min(low - Precise.LogOnePlus(share * Precise.ExpMinusOne(low - high)), high);
        (double below, double above) = Sides(low, high);
        double left = share * (below + above), right = (1 - share) * (below + above);
        return left < below ? Precise.LogOnePlus(left - below) : -Precise.LogOnePlus(right - above);
    }

    /// <summary>Twice the probability on either side of 0.</summary>
    private static (double Below, double Above) Sides(double low, double high) => (-Precise.ExpMinusOne(low), -Precise.ExpMinusOne(-high));

    /// <summary>The shares of the probability on either side of 0.</summary>
    private static (double Below, double Above) Shares(double low, double high)
    {
        (double below, double above) = Sides(low, high);
        return (below / (below + above), above / (below + above));
    }

    /// <summary>Mean and variance of the exponential distribution cut off at a width.</summary>
    private static (double Mean, double Variance) Exponential(double width)
    {
        if (width < Narrow)
        {
            double square = width * width;
            return (0.5 * width - square / 12 + square * square / 720, square * (1.0 / 12 - square / 240 + square * square / 6048));
        }
        if (double.IsPositiveInfinity(width)) return (1, 1);
        double beyond = Math.Exp(-width), odds = width * beyond / (1 - beyond);
        return (1 - odds, 1 - odds * width / (1 - beyond));
    }

    /// <summary>The fall at z divided by z, bounded near 0: values this close count as that far away.</summary>
    public static double Pull(double z) => 1 / Math.Max(Math.Abs(z), Nearest);

    /// <summary>Expectation of the pull between two bounds.</summary>
    public static double ExpectedPull(double low, double high)
    {
        if (high <= 0) return ExpectedPull(-high, -low);
        if (low >= 0) return PullAbove(low, high);
        (double below, double above) = Shares(low, high);
        return below * PullAbove(0, -low) + above * PullAbove(0, high);
    }

    /// <summary>Expectation of the pull between two bounds of which none is negative.</summary>
    private static double PullAbove(double low, double high)
    {
        const double farAway = 60; // above the lower bound, where nothing is left
        const int pieces = 400;
        double from = Math.Max(low, Nearest), to = Math.Min(high, low + farAway), share = -Precise.ExpMinusOne(low - Math.Min(high, low + farAway));
        if (to <= from) return 1 / Nearest;
        double near = low < from ? -Precise.ExpMinusOne(low - from) / Nearest : 0;
        // The integral of exp(low - z) / z by the logarithm of z, where it is smooth: Simpson's rule.
        double step = (Math.Log(to) - Math.Log(from)) / pieces, sum = 0;
        for (int i = 0; i <= pieces; i++) sum += (i is 0 or pieces ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(low - from * Math.Exp(i * step));
        return (near + sum * step / 3) / share;
    }
}
