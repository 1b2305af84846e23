namespace Spn.Core.Plans;

/// <summary>The Cauchy distribution of location 0 and scale 1, 1 / (pi (1 + z^2)), and its pieces between two bounds.</summary>
/// <remarks>The probability between two bounds is the angle between their directions, seen from one scale away, divided by pi.</remarks>
internal static class StandardCauchy
{
    /// <summary>Pieces this narrow, beside their distance from 0, are taken as the density in the middle times the width, with the next term of the series.</summary>
    private const double Narrow = 1e-3;

    /// <summary>From here on 1 does not show beside z^2, which may leave the range.</summary>
    private const double Remote = 1e9;

    /// <summary>A bound out here is none.</summary>
    private const double Boundless = 1e100;

    public static double LogDensity(double z) =>
        Math.Abs(z) < Remote ? -Math.Log(Math.PI) - Precise.LogOnePlus(z * z) : -Math.Log(Math.PI) - 2 * Math.Log(Math.Abs(z));

    /// <summary>Minus the derivative of the log-density.</summary>
    public static double Fall(double z) => Math.Abs(z) < Remote ? 2 * z / (1 + z * z) : 2 / z;

    /// <summary>Logarithm of the probability between two bounds.</summary>
    public static double LogBetween(double low, double high) => high <= low ? double.NegativeInfinity : Math.Log(Angle(low, high) / Math.PI);

    /// <summary>Mean and variance between two finite bounds.</summary>
    /// <returns>The mean as its distance from one of the bounds or from 0.</returns>
    public static (double From, double Distance, double Variance) Moments(double low, double high)
    {
        double width = high - low, middle = 0.5 * (low + high), square = 1 + middle * middle;
        if (width < Narrow * Math.Sqrt(square)) return (low, 0.5 * width - middle / square * width * width / 6, width * width / 12);
        double angle = Angle(low, high);
        double mean = 0.5 * Precise.LogOnePlus(width * (high + low) / (1 + low * low)) / angle;
        return (0, mean, Math.Max(width / angle - 1 - mean * mean, 0));
    }

    /// <summary>Expectations between two bounds of 2z / (1 + z^2) and of z times that.</summary>
    public static (double Fall, double Stretch) ExpectedFall(double low, double high)
    {
        double angle = Angle(low, high);
        if (angle == 0) return (0, 2);
        // f(low) - f(high) and low f(low) - high f(high) by the probability, without the difference of two near numbers.
        if (Math.Abs(low) > Boundless || Math.Abs(high) > Boundless)
            return ((Density(low) - Density(high)) / angle, 1 + (Moment(low) - Moment(high)) / angle);
        double width = high - low;
        return (width * Density(low) * ((high + low) * Density(high)) / angle, 1 - width * Density(low) * ((1 - high * low) * Density(high)) / angle);
    }

    /// <summary>The value below which a share of the probability between two bounds lies.</summary>
    public static double Quantile(double low, double high, double share)
    {
        // A uniform number may be 0, which stands for the numbers up to the next one and not for an infinite quantile.
        share = Math.Clamp(share, 1e-17, 1 - 1.2e-16);
        if (share > 0.5) return -Quantile(-high, -low, 1 - share);
        double turn = Math.Tan(share * Angle(low, high));
        double value = double.IsNegativeInfinity(low) ? -1 / turn : (low + turn) / (1 - low * turn);
        return Math.Clamp(value, low, high);
    }

    /// <summary>The angle between two directions, exact where they nearly agree: atan(high) - atan(low).</summary>
    private static double Angle(double low, double high)
    {
        if (double.IsPositiveInfinity(high)) return double.IsNegativeInfinity(low) ? Math.PI : Math.Atan2(1, low);
        if (double.IsNegativeInfinity(low)) return Math.Atan2(1, -high);
        return low > 1 || high < -1
            ? Math.Atan2((high - low) / low / high, 1 + 1 / low / high)
            : Math.Atan2(high - low, 1 + low * high);
    }

    /// <summary>pi times the density.</summary>
    private static double Density(double z) => 1 / (1 + z * z);

    /// <summary>pi times z times the density.</summary>
    private static double Moment(double z) => double.IsInfinity(z) ? 0 : z / (1 + z * z);
}
