using System.Numerics;

namespace Spn.Core.Plans;

/// <summary>Elementary steps on many numbers, as vectors: each becomes what it would alone, but for the last bits.</summary>
internal static class Bulk
{
    /// <summary>x = exp(x).</summary>
    public static void Exp(Span<double> x)
    {
        int n = Vector<double>.Count, i = 0;
        for (; i + n <= x.Length; i += n) Vector.Exp(new Vector<double>(x[i..])).CopyTo(x[i..]);
        if (i < x.Length) PutFirst(Vector.Exp(Padded(x[i..])), x[i..]);
    }

    /// <summary>x = log(x).</summary>
    public static void Log(Span<double> x)
    {
        int n = Vector<double>.Count, i = 0;
        for (; i + n <= x.Length; i += n) Vector.Log(new Vector<double>(x[i..])).CopyTo(x[i..]);
        if (i < x.Length) PutFirst(Vector.Log(Padded(x[i..])), x[i..]);
    }

    /// <summary>x = softmax of x, which is not empty.</summary>
    public static void Softmax(Span<double> x)
    {
        double most = double.NegativeInfinity;
        foreach (double logit in x) most = Math.Max(most, logit);
        Move(x, 1, -most);
        Exp(x);
        Move(x, 1 / Sum(x), 0);
    }

    /// <summary>x = factor x + plus.</summary>
    public static void Move(Span<double> x, double factor, double plus)
    {
        int n = Vector<double>.Count, i = 0;
        var more = new Vector<double>(plus);
        for (; i + n <= x.Length; i += n) (new Vector<double>(x[i..]) * factor + more).CopyTo(x[i..]);
        for (; i < x.Length; i++) x[i] = x[i] * factor + plus;
    }

    /// <summary>x = factor x + plus + share y.</summary>
    public static void Move(Span<double> x, double factor, double plus, double share, ReadOnlySpan<float> y)
    {
        int n = Vector<float>.Count, half = Vector<double>.Count, i = 0;
        var more = new Vector<double>(plus);
        for (; i + n <= x.Length; i += n)
        {
            Vector.Widen(new Vector<float>(y[i..]), out Vector<double> low, out Vector<double> high);
            (new Vector<double>(x[i..]) * factor + more + low * share).CopyTo(x[i..]);
            (new Vector<double>(x[(i + half)..]) * factor + more + high * share).CopyTo(x[(i + half)..]);
        }
        for (; i < x.Length; i++) x[i] = x[i] * factor + plus + y[i] * share;
    }

    /// <summary>Lifts all numbers to at least a bound.</summary>
    public static void AtLeast(Span<double> x, double bound)
    {
        int n = Vector<double>.Count, i = 0;
        var least = new Vector<double>(bound);
        for (; i + n <= x.Length; i += n) Vector.Max(new Vector<double>(x[i..]), least).CopyTo(x[i..]);
        for (; i < x.Length; i++) x[i] = Math.Max(x[i], bound);
    }

    /// <summary>x += y.</summary>
    public static void Add(Span<double> x, ReadOnlySpan<double> y)
    {
        int n = Vector<double>.Count, i = 0;
        for (; i + n <= x.Length; i += n) (new Vector<double>(x[i..]) + new Vector<double>(y[i..])).CopyTo(x[i..]);
        for (; i < x.Length; i++) x[i] += y[i];
    }

    /// <summary>Sum of the numbers.</summary>
    public static double Sum(ReadOnlySpan<double> x)
    {
        int n = Vector<double>.Count, i = 0;
        Vector<double> all = default;
        for (; i + n <= x.Length; i += n) all += new Vector<double>(x[i..]);
        double sum = Vector.Sum(all);
        for (; i < x.Length; i++) sum += x[i];
        return sum;
    }

    /// <summary>Sum of the numbers, in double precision.</summary>
    public static double Sum(ReadOnlySpan<float> x)
    {
        int n = Vector<float>.Count, i = 0;
        Vector<double> all = default;
        for (; i + n <= x.Length; i += n)
        {
            Vector.Widen(new Vector<float>(x[i..]), out Vector<double> low, out Vector<double> high);
            all += low + high;
        }
        double sum = Vector.Sum(all);
        for (; i < x.Length; i++) sum += x[i];
        return sum;
    }

    /// <summary>to = x.</summary>
    public static void Widen(ReadOnlySpan<float> x, Span<double> to)
    {
        int n = Vector<float>.Count, half = Vector<double>.Count, i = 0;
        for (; i + n <= x.Length; i += n)
        {
            Vector.Widen(new Vector<float>(x[i..]), out Vector<double> low, out Vector<double> high);
            low.CopyTo(to[i..]);
            high.CopyTo(to[(i + half)..]);
        }
        for (; i < x.Length; i++) to[i] = x[i];
    }

    /// <summary>to = x, rounded.</summary>
    public static void Narrow(ReadOnlySpan<double> x, Span<float> to)
    {
        int n = Vector<float>.Count, half = Vector<double>.Count, i = 0;
        for (; i + n <= x.Length; i += n) Vector.Narrow(new Vector<double>(x[i..]), new Vector<double>(x[(i + half)..])).CopyTo(to[i..]);
        for (; i < x.Length; i++) to[i] = (float)x[i];
    }

    /// <summary>Fewer numbers than a vector holds, the last of them repeated.</summary>
    private static Vector<double> Padded(ReadOnlySpan<double> x)
    {
        Span<double> padded = stackalloc double[Vector<double>.Count];
        padded.Fill(x[^1]);
        x.CopyTo(padded);
        return new Vector<double>(padded);
    }

    private static void PutFirst(Vector<double> value, Span<double> to)
    {
        for (int i = 0; i < to.Length; i++) to[i] = value[i];
    }
}
