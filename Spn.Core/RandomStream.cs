namespace Spn.Core;

/// <summary>A stream of random numbers named by a seed, a purpose and an item.</summary>
/// <remarks>
/// Streams are counter-based: number i is a fixed function of the name and i. Each piece of work (a replica, a sample, a region)
/// draws from a stream of its own, so results depend neither on the number of threads nor on the order of the work.
/// Only integer and correctly rounded floating-point operations are used: the same name gives the same bits on every machine.
/// Not for cryptography. One stream serves one thread at a time.
/// Source: the SplitMix64 generator (Steele, Lea and Flood 2014) with its finaliser (Stafford's variant 13), started at a hash of the name.
/// </remarks>
public sealed class RandomStream
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private readonly ulong key;
    private ulong position;
    private double spareNormal;
    private bool hasSpare;

    /// <summary>The stream of that name, at its beginning.</summary>
    /// <param name="seed">The user's seed.</param>
    /// <param name="purpose">What the numbers are for, such as "weights"; other purposes give unrelated streams.</param>
    /// <param name="item">Which part of the work, such as a replica or a sample.</param>
    public RandomStream(long seed, string purpose, long item = 0)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        key = Mix(Mix(Mix((ulong)seed + Golden) ^ Hash(purpose)) ^ (ulong)item);
    }

    /// <summary>The number at a position, without moving the stream.</summary>
    /// <param name="index">Position, from 0; the first <see cref="NextUInt64"/> of a new stream returns number 0.</param>
    public ulong At(ulong index) => Mix(key + (index + 1) * Golden);

    /// <summary>Uniform in [0, 1) by the number at a position, without moving the stream; may be called from several threads.</summary>
    /// <param name="index">Position, from 0.</param>
    public double DoubleAt(ulong index) => (At(index) >> 11) * (1.0 / (1UL << 53));

    /// <summary>The next 64 random bits.</summary>
    public ulong NextUInt64() => At(position++);

    /// <summary>Uniform in [0, 1), a multiple of 2^-53.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, 1), a multiple of 2^-24.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1.0f / (1 << 24));

    /// <summary>Uniform among 0 to bound - 1, exactly (no modulo bias).</summary>
    /// <remarks>Source: Lemire 2019, Fast random integer generation in an interval.</remarks>
    /// <param name="bound">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The bound is below 1.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        ulong range = (ulong)bound;
        ulong result = Math.BigMul(NextUInt64(), range, out ulong low);
        if (low < range)
        {
            ulong surplus = (0 - range) % range;
            while (low < surplus) result = Math.BigMul(NextUInt64(), range, out low);
        }
        return (int)result;
    }

    /// <summary>Normal with mean 0 and variance 1.</summary>
    /// <remarks>Marsaglia's polar method, which takes a varying count of numbers from the stream and yields two at a time.</remarks>
    public double NextNormal()
    {
        if (hasSpare)
        {
            hasSpare = false;
            return spareNormal;
        }
        double x, y, square;
        do
        {
            x = 2 * NextDouble() - 1;
            y = 2 * NextDouble() - 1;
            square = x * x + y * y;
        }
        while (square >= 1 || square == 0);
        double scale = Math.Sqrt(-2 * Log(square) / square);
        spareNormal = y * scale;
        hasSpare = true;
        return x * scale;
    }

    /// <summary>Gamma with a shape and scale 1.</summary>
    /// <remarks>
    /// Marsaglia and Tsang 2000, by rejection; a shape below 1 is one more, times a power of a uniform number. The power and the
    /// last bit of the result may differ between platforms.
    /// </remarks>
    /// <param name="shape">Above 0.</param>
    public double NextGamma(double shape)
    {
        if (!(shape > 0)) throw new ArgumentOutOfRangeException(nameof(shape), shape, "A shape is above 0.");
        if (shape < 1) return NextGamma(shape + 1) * Math.Pow(1 - NextDouble(), 1 / shape);
        double d = shape - 1.0 / 3, c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = NextNormal(), v = 1 + c * x;
            if (v <= 0) continue;
            v = v * v * v;
            if (Math.Log(1 - NextDouble()) < 0.5 * x * x + d - d * v + d * Math.Log(v)) return d * v;
        }
    }

    /// <summary>A draw from the symmetric Dirichlet distribution, times a factor.</summary>
    /// <param name="concentration">Above 0; the smaller, the more unequal.</param>
    /// <param name="total">Sum of the numbers.</param>
    /// <param name="numbers">Receives them, at least one.</param>
    public void NextDirichlet(double concentration, double total, Span<float> numbers)
    {
        double sum = 0;
        foreach (ref float number in numbers) sum += number = (float)NextGamma(concentration);
        // A tiny concentration may leave nothing but numbers below the float range.
        if (sum == 0) sum = numbers[NextInt(numbers.Length)] = 1;
        foreach (ref float number in numbers) number = (float)(number * total / sum);
    }

    /// <summary>Puts values into a uniformly random order, in place (Fisher-Yates).</summary>
    /// <param name="values">The values to reorder.</param>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>The numbers 0 to n - 1 in a uniformly random order.</summary>
    /// <param name="n">How many, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">n is negative.</exception>
    public int[] Permutation(int n)
    {
        var numbers = Numbers(n);
        Shuffle(numbers);
        return numbers;
    }

    /// <summary>k different numbers of 0 to n - 1 in random order; every ordered choice is equally likely. Takes time and memory in n.</summary>
    /// <param name="n">How many there are to choose from, at least 0.</param>
    /// <param name="k">How many to choose, 0 to n.</param>
    /// <exception cref="ArgumentOutOfRangeException">n is negative, or k is not in 0 to n.</exception>
    public int[] SampleWithoutReplacement(int n, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, n);
        if (k < n / 16) return SampleFew(n, k);
        var numbers = Numbers(n);
        for (int i = 0; i < k; i++)
        {
            int j = i + NextInt(n - i);
            (numbers[i], numbers[j]) = (numbers[j], numbers[i]);
        }
        return numbers[..k];
    }

    /// <summary>The same draws with only the moved numbers kept, so that a small sample of many does not cost a pass over all.</summary>
    private int[] SampleFew(int n, int k)
    {
        var moved = new Dictionary<int, int>(2 * k);
        var sample = new int[k];
        for (int i = 0; i < k; i++)
        {
            int j = i + NextInt(n - i);
            sample[i] = moved.GetValueOrDefault(j, j);
            moved[j] = moved.GetValueOrDefault(i, i);
        }
        return sample;
    }

    private static int[] Numbers(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        var numbers = new int[n];
        for (int i = 0; i < n; i++) numbers[i] = i;
        return numbers;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    // FNV-1a over UTF-16 units: string.GetHashCode differs from one run to the next.
    private static ulong Hash(string text)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in text) hash = (hash ^ c) * 0x100000001B3;
        return hash;
    }

    // Math.Log may differ in the last bit between platforms. Here x = m 2^e, log m = 2 artanh((m - 1) / (m + 1)).
    private static double Log(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1023;
        double m = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (m > 1.4142135623730951)
        {
            m *= 0.5;
            exponent++;
        }
        double t = (m - 1) / (m + 1), u = t * t;
        double series = 1.0 / 21;
        for (int k = 19; k >= 1; k -= 2) series = series * u + 1.0 / k;
        return exponent * 0.6931471805599453 + 2 * t * series;
    }
}
