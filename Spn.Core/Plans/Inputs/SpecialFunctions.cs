namespace Spn.Core.Plans;

/// <summary>The gamma function's relatives in double precision, and the tails of the gamma and beta distributions by their logarithms.</summary>
/// <remarks>
/// Logarithms, so that tails far out keep their digits; library functions of tails themselves underflow there. Relative errors, or
/// absolute ones where a result is near 0: 1e-14 for the gamma function's logarithm and its derivatives; 1e-13 for tails, and 1e-12
/// where parameters reach 1e5. Sources: Abramowitz and Stegun 1964, 6.1, 6.3, 6.4, 6.5 and 26.5; Loader 2000, Fast and Accurate
/// Computation of Binomial Probabilities, for large parameters.
/// </remarks>
internal static class SpecialFunctions
{
    /// <summary>From here on the asymptotic series have all digits.</summary>
    private const double Large = 10;

    private const double Tiny = 1e-300;

    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    /// <summary>log Gamma(x), x above 0.</summary>
    public static double LogGamma(double x)
    {
        // Shifted up, where Stirling's series converges; the product stays far from the ends of the range.
        double product = 1;
        for (; x < Large; x++) product *= x;
        return (x - 0.5) * Math.Log(x) - x + HalfLogTwoPi + StirlingError(x) - Math.Log(product);
    }

    /// <summary>Derivative of <see cref="LogGamma"/>.</summary>
    public static double Digamma(double x)
    {
        double sum = 0;
        for (; x < Large; x++) sum -= 1 / x;
        double s = 1 / (x * x);
        return sum + Math.Log(x) - 0.5 / x
            - s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s / 12))))));
    }

    /// <summary>Derivative of <see cref="Digamma"/>.</summary>
    public static double Trigamma(double x)
    {
        double sum = 0;
        for (; x < Large; x++) sum += 1 / (x * x);
        double s = 1 / (x * x);
        return sum + 1 / x + 0.5 * s
            + s / x * (1.0 / 6 - s * (1.0 / 30 - s * (1.0 / 42 - s * (1.0 / 30 - s * (5.0 / 66 - s * (691.0 / 2730 - s * 7 / 6))))));
    }

    /// <summary>log(x^a exp(-x) / Gamma(a)): x times the gamma density of shape a and rate 1.</summary>
    public static double LogGammaTerm(double a, double x) => a < Large
        ? a * Math.Log(x) - x - LogGamma(a)
        : a * LogOnePlusMinus((x - a) / a) + 0.5 * Math.Log(a) - HalfLogTwoPi - StirlingError(a);

    /// <summary>log(x^a y^b Gamma(a + b) / (Gamma(a) Gamma(b))) for x + y = 1: x y times the beta density.</summary>
    public static double LogBetaTerm(double a, double b, double x, double y)
    {
        if (Math.Min(a, b) < Large) return a * Math.Log(x) + b * Math.Log(y) + LogGamma(a + b) - LogGamma(a) - LogGamma(b);
        double sum = a + b, share = a / sum, off = x < y ? x - share : b / sum - y;
        return a * LogOnePlusMinus(off / share) + b * LogOnePlusMinus(-off * sum / b)
            + 0.5 * Math.Log(a / sum * b) - HalfLogTwoPi + StirlingError(sum) - StirlingError(a) - StirlingError(b);
    }

    /// <summary>Logarithms of the probabilities below and above x under the gamma distribution of shape a and rate 1.</summary>
    public static (double Below, double Above) LogGammaTails(double a, double x)
    {
        if (!(x > 0)) return (double.NegativeInfinity, 0);
        if (double.IsPositiveInfinity(x)) return (0, double.NegativeInfinity);
        double term = LogGammaTerm(a, x);
        if (x < a + 1)
        {
            double sum = 1, next = 1;
            for (double n = a + 1; next > 1e-17 * sum; n++) sum += next *= x / n;
            return FromLower(Math.Min(term + Math.Log(sum / a), 0));
        }
        // Lentz's way with the continued fraction 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ...))).
        double b = x + 1 - a, c = 1 / Tiny, d = 1 / b, fraction = d;
        for (int i = 1; i < 1_000_000; i++)
        {
            double numerator = -i * (i - a);
            b += 2;
            d = 1 / NotZero(numerator * d + b);
            c = NotZero(b + numerator / c);
            double factor = c * d;
            fraction *= factor;
            if (Math.Abs(factor - 1) < 1e-16) break;
        }
        (double above, double below) = FromLower(Math.Min(term + Math.Log(fraction), 0));
        return (below, above);
    }

    /// <summary>Logarithms of the probabilities below and above x under the beta distribution of a and b.</summary>
    /// <param name="a">First shape.</param>
    /// <param name="b">Second shape.</param>
    /// <param name="x">A number from 0 to 1.</param>
    /// <param name="y">1 - x, told apart so that neither loses digits near 0.</param>
    public static (double Below, double Above) LogBetaTails(double a, double b, double x, double y)
    {
        if (!(x > 0)) return (double.NegativeInfinity, 0);
        if (!(y > 0)) return (0, double.NegativeInfinity);
        double term = LogBetaTerm(a, b, x, y);
        if (x * (b + 1) < y * (a + 1)) return FromLower(Math.Min(term + Math.Log(BetaFraction(a, b, x) / a), 0));
        (double above, double below) = FromLower(Math.Min(term + Math.Log(BetaFraction(b, a, y) / b), 0));
        return (below, above);
    }

    private static double BetaFraction(double a, double b, double x)
    {
        double c = 1, d = 1 / NotZero(1 - (a + b) * x / (a + 1)), fraction = d;
        for (int m = 1; m < 1_000_000; m++)
        {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 / NotZero(1 + even * d);
            c = NotZero(1 + even / c);
            fraction *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / NotZero(1 + odd * d);
            c = NotZero(1 + odd / c);
            double factor = d * c;
            fraction *= factor;
            if (Math.Abs(factor - 1) < 1e-16) break;
        }
        return fraction;
    }

    private static double NotZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;

    private static (double Lower, double Upper) FromLower(double log) => (log, log == 0 ? double.NegativeInfinity : Precise.LogOneMinusExp(log));

    /// <summary>log(1 + x) - x, without loss of digits near 0.</summary>
    private static double LogOnePlusMinus(double x)
    {
        if (Math.Abs(x) > 0.4) return Math.Log(1 + x) - x;
        // log(1 + x) = 2 artanh s with s = x / (2 + x).
        double s = x / (2 + x), square = s * s, power = square, sum = 1.0 / 3;
        for (int n = 5; power > 1e-18; n += 2, power *= square) sum += power / n;
        return s * (2 * square * sum - x);
    }

    /// <summary>What Stirling's formula lacks of the logarithm of the gamma function, for large x.</summary>
    private static double StirlingError(double x)
    {
        double s = 1 / (x * x);
        return (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188 - s * (691.0 / 360360 - s / 156)))))) / x;
    }
}
