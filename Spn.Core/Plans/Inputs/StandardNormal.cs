namespace Spn.Core.Plans;

/// <summary>The normal distribution of mean 0 and variance 1, and its pieces between two bounds, exact far out in the tails too.</summary>
internal static class StandardNormal
{
    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    /// <summary>Pieces this narrow are taken as the density in the middle times the width, with the next term of the series.</summary>
    private const double Narrow = 1e-3;

    /// <summary>From here on the tail is that of a continued fraction.</summary>
    private const double Far = 2.5;

    /// <summary>From here on a tail is an exponential distribution.</summary>
    private const double Remote = 1e5;

    public static double LogDensity(double z) => -0.5 * z * z - HalfLogTwoPi;

    /// <summary>Logarithm of the probability above z.</summary>
    public static double LogAbove(double z)
    {
        if (double.IsPositiveInfinity(z)) return double.NegativeInfinity;
        if (z < 0) return Precise.LogOneMinusExp(LogAbove(-z));
        if (z < Far)
        {
            // The series of the probability between 0 and z has positive terms only.
            double term = z, sum = z;
            for (int n = 1; term > 1e-17 * sum; n++) sum += term *= z * z / (2 * n + 1);
            return Math.Log(0.5 - sum * Math.Exp(LogDensity(z)));
        }
        return LogDensity(z) - Math.Log(Tail(z).Hazard);
    }

    /// <summary>Density by probability above z, and first and second moment of the distance above z; for z of at least <see cref="Far"/>.</summary>
    private static (double Hazard, double First, double Second) Tail(double z)
    {
        // Laplace's continued fraction of the Mills ratio: 1 / (z + 1 / (z + 2 / (z + 3 / ...))).
        double second = z;
        for (int n = (int)(20 + 500 / (z * z)); n > 2; n--) second = z + n / second;
        double first = z + 2 / second;
        return (z + 1 / first, 1 / first, 2 / first / second);
    }

    /// <summary>Logarithm of the share of the probability above low that lies above high; 0 is at most low.</summary>
    private static double LogShareAbove(double low, double high)
    {
        if (double.IsPositiveInfinity(high)) return double.NegativeInfinity;
        // Far out the logarithms of the two are large and nearly equal, and their difference has no digits left.
        return low < Far ? LogAbove(high) - LogAbove(low) : -(high - low) * (0.5 * low + 0.5 * high) - Math.Log(Tail(high).Hazard / Tail(low).Hazard);
    }

    /// <summary>Logarithm of the probability between two bounds.</summary>
    public static double LogBetween(double low, double high)
    {
        if (high <= low) return double.NegativeInfinity;
        if (low + high < 0) (low, high) = (-high, -low);
        if (IsNarrow(low, high))
        {
            double middle = 0.5 * (low + high), width = high - low;
            return LogDensity(middle) + Math.Log(width) + width * width / 24 * (middle * middle - 1);
        }
        if (low >= 0) return LogAbove(low) + Precise.LogOneMinusExp(LogShareAbove(low, high));
        return Math.Log(1 - Math.Exp(LogAbove(high)) - Math.Exp(LogAbove(-low)));
    }

    /// <summary>Mean and variance between two bounds.</summary>
    /// <returns>The mean as its distance from one of the bounds or from 0, so that a mean close beside a bound far out keeps its digits.</returns>
    public static (double From, double Distance, double Variance) Moments(double low, double high)
    {
        if (double.IsInfinity(low) && double.IsInfinity(high)) return (0, 0, 1);
        if (low + high < 0)
        {
            (double from, double distance, double variance) = Moments(-high, -low);
            return (-from, -distance, variance);
        }
        if (IsNarrow(low, high))
        {
            double middle = 0.5 * (low + high), width = high - low;
            return (low, 0.5 * width - middle * width * width / 12, width * width / 12);
        }
        if (low >= Far)
        {
            (_, double one, double two) = Tail(low);
            if (!double.IsPositiveInfinity(high))
            {
                double beyond = Math.Exp(LogShareAbove(low, high)), width = high - low;
                (_, double oneBeyond, double twoBeyond) = Tail(high);
                if (beyond > 0)
                {
                    one = (one - beyond * (width + oneBeyond)) / (1 - beyond);
                    two = (two - beyond * (width * width + 2 * width * oneBeyond + twoBeyond)) / (1 - beyond);
                }
            }
            return (low, one, Math.Max(two - one * one, 0));
        }
        double total = LogBetween(low, high);
        double atLow = double.IsInfinity(low) ? 0 : Math.Exp(LogDensity(low) - total), atHigh = double.IsInfinity(high) ? 0 : Math.Exp(LogDensity(high) - total);
        double first = atLow - atHigh;
        double second = 1 + (atLow == 0 ? 0 : low * atLow) - (atHigh == 0 ? 0 : high * atHigh);
        return (0, first, Math.Max(second - first * first, 0));
    }

    /// <summary>The value below which a share of the probability between two bounds lies.</summary>
    public static double Quantile(double low, double high, double share)
    {
        // A uniform number may be 0, which stands for the numbers up to the next one and not for an infinite quantile.
        share = Math.Clamp(share, 1e-17, 1 - 1.2e-16);
        if (low + high < 0) return -Quantile(-high, -low, 1 - share);
        // The density falls nearly evenly across a narrow piece.
        if (IsNarrow(low, high)) return low + (high - low) * (share - 0.25 * (high + low) * (high - low) * share * (1 - share));
        double value;
        if (low >= 0)
        {
            double left = Math.Log(1 - share * (1 - Math.Exp(LogShareAbove(low, high))));
            value = low < Remote ? FromAbove(LogAbove(low) + left) : low - left / low;
        }
        else
        {
            double below = Math.Exp(LogAbove(-low)), above = Math.Exp(LogAbove(high)), between = 1 - below - above;
            double left = below + share * between, right = above + (1 - share) * between;
            value = left < right ? -FromAbove(Math.Log(left)) : FromAbove(Math.Log(right));
        }
        return Math.Clamp(value, low, high);
    }

    /// <summary>The value above which there is a probability of at most one half, given by its logarithm.</summary>
    private static double FromAbove(double log)
    {
        // The bound P(above z) <= exp(-z^2/2) / 2 puts the start to the right; the logarithm is concave, so Newton's steps stay there.
        log = Math.Max(log, -1e12);
        double z = Math.Sqrt(-2 * Math.Min(log, -0.5));
        for (int step = 0; step < 20; step++)
        {
            double above = LogAbove(z), move = (above - log) / Math.Exp(LogDensity(z) - above);
            z += move;
            if (Math.Abs(move) < 1e-13 * (1 + z)) break;
        }
        return Math.Max(z, 0);
    }

    private static bool IsNarrow(double low, double high) => (high - low) * Math.Max(1, Math.Max(Math.Abs(low), Math.Abs(high))) < Narrow;
}
