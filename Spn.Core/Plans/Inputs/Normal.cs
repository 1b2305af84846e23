namespace Spn.Core.Plans;

/// <summary>The normal distribution of mean 0 and variance 1, and its pieces between two bounds, exact far out in the tails too.</summary>
internal static class Normal
{
    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    /// <summary>Pieces this narrow are taken as the density in the middle times the width, with the next term of the series.</summary>
    private const double Narrow = 1e-3;

    public static double LogDensity(double z) => -0.5 * z * z - HalfLogTwoPi;

    /// <summary>Logarithm of the probability above z.</summary>
    public static double LogAbove(double z)
    {
        if (double.IsPositiveInfinity(z)) return double.NegativeInfinity;
        if (z < 0) return LogOneMinus(LogAbove(-z));
        if (z < 2.5)
        {
            // The series of the probability between 0 and z has positive terms only.
            double term = z, sum = z;
            for (int n = 1; term > 1e-17 * sum; n++) sum += term *= z * z / (2 * n + 1);
            return Math.Log(0.5 - sum * Math.Exp(LogDensity(z)));
        }
        // Laplace's continued fraction of the Mills ratio: 1 / (z + 1 / (z + 2 / (z + 3 / ...))).
        double tail = z;
        for (int n = (int)(20 + 500 / (z * z)); n > 0; n--) tail = z + n / tail;
        return LogDensity(z) - Math.Log(tail);
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
        double above = LogAbove(high);
        if (low >= 0) return LogAbove(low) + LogOneMinus(above - LogAbove(low));
        return Math.Log(1 - Math.Exp(above) - Math.Exp(LogAbove(-low)));
    }

    /// <summary>Mean and second moment between two bounds.</summary>
    public static (double Mean, double Square) Moments(double low, double high)
    {
        if (double.IsInfinity(low) && double.IsInfinity(high)) return (0, 1);
        if (IsNarrow(low, high))
        {
            double middle = 0.5 * (low + high), width = high - low, mean = middle * (1 - width * width / 12);
            return (mean, mean * mean + width * width / 12);
        }
        double total = LogBetween(low, high);
        double atLow = double.IsInfinity(low) ? 0 : Math.Exp(LogDensity(low) - total), atHigh = double.IsInfinity(high) ? 0 : Math.Exp(LogDensity(high) - total);
        double first = atLow - atHigh;
        double second = 1 + (atLow == 0 ? 0 : low * atLow) - (atHigh == 0 ? 0 : high * atHigh);
        return (first, Math.Max(second, first * first));
    }

    /// <summary>The value below which a share of the probability between two bounds lies.</summary>
    public static double Quantile(double low, double high, double share)
    {
        if (low + high < 0) return -Quantile(-high, -low, 1 - share);
        // The density falls nearly evenly across a narrow piece.
        if (IsNarrow(low, high)) return low + (high - low) * (share - 0.25 * (high + low) * (high - low) * share * (1 - share));
        double value;
        if (low >= 0)
        {
            double above = LogAbove(low);
            value = FromAbove(above + Math.Log(1 - share * (1 - Math.Exp(LogAbove(high) - above))));
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
        log = Math.Max(log, -1e6);
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

    /// <summary>log(1 - exp(x)) for x at most 0.</summary>
    private static double LogOneMinus(double x)
    {
        if (x > -1e-5) return Math.Log(-x * (1 + x * (0.5 + x / 6)));
        return Math.Log(1 - Math.Exp(x));
    }
}
