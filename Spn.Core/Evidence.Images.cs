namespace Spn.Core;

/// <content>Images: samples that are kept row by row, the channels of a pixel side by side.</content>
public sealed partial class Evidence
{
    /// <summary>The same images with a part hidden in all of them.</summary>
    /// <param name="height">Height of an image in pixels.</param>
    /// <param name="width">Width of an image in pixels.</param>
    /// <param name="occlusion">The part.</param>
    /// <param name="channels">Variables of a pixel, 3 for colours; all of a hidden pixel are hidden.</param>
    /// <exception cref="EvidenceException">Images of this size have another number of variables.</exception>
    /// <exception cref="ArgumentException">A rectangle does not lie inside the image.</exception>
    public Evidence Occlude(int height, int width, Occlusion occlusion, int channels = 1)
    {
        ArgumentNullException.ThrowIfNull(occlusion);
        return Occlude(occlusion.Mask(height, width), channels);
    }

    /// <summary>The same images with some pixels hidden in all of them.</summary>
    /// <param name="mask">[row, column], true for a hidden pixel.</param>
    /// <param name="channels">Variables of a pixel, 3 for colours; all of a hidden pixel are hidden.</param>
    /// <exception cref="EvidenceException">Images of the mask's size have another number of variables.</exception>
    public Evidence Occlude(bool[,] mask, int channels = 1)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        int height = mask.GetLength(0), width = mask.GetLength(1);
        if ((long)height * width * channels != Variables)
            throw new EvidenceException($"An image of {height} x {width} pixels{(channels == 1 ? "" : $" and {channels} channels")} has {(long)height * width * channels} variables, the samples have {Variables}.");
        return Hide((_, v) => mask[v / channels / width, v / channels % width]);
    }

    /// <summary>The same samples with a uniform random number from [0, 1) added to every observed value: integers become real numbers without gaps.</summary>
    /// <remarks>
    /// On average the log-density of the result is at most the logarithm of the density's integral from each integer to the next one, which is the probability that a
    /// model of real values gives the integers. Source: Theis, van den Oord and Bethge 2016, A note on the evaluation of generative models, section 3.1.
    /// </remarks>
    /// <param name="seed">The same seed gives the same numbers.</param>
    /// <exception cref="EvidenceException">An entry is known to lie in a set only.</exception>
    public Evidence Dequantise(long seed = 1)
    {
        if (HasSets) throw new EvidenceException("An entry is known to lie in a set, which cannot be de-quantised; observe or hide it.");
        int variables = Variables;
        var values = new float[(long)Count * variables];
        Parallel.For(0, Count, row =>
        {
            var random = new RandomStream(seed, "de-quantisation", row);
            ReadOnlySpan<float> from = Row(row);
            Span<float> to = values.AsSpan(row * variables, variables);
            for (int v = 0; v < to.Length; v++)
            {
                float noise = random.NextSingle();
                // Large values round to the next integer; the number below it still belongs to their own.
                to[v] = IsHidden(row, v) ? float.NaN : from[v] + noise >= from[v] + 1 ? MathF.BitDecrement(from[v] + 1) : from[v] + noise;
            }
        });
        return From(values, variables);
    }

    /// <summary>The same samples with every value divided by a number, such as grey values by that of white.</summary>
    /// <param name="unit">What becomes 1, above 0.</param>
    /// <exception cref="EvidenceException">An entry is known to lie in a set only.</exception>
    public Evidence InUnitsOf(double unit)
    {
        if (!(unit > 0) || double.IsInfinity(unit)) throw new ArgumentOutOfRangeException(nameof(unit), unit, "The unit must be above 0.");
        if (HasSets) throw new EvidenceException("An entry is known to lie in a set, which has no unit; observe or hide it.");
        var divided = new float[values.Length];
        for (int i = 0; i < divided.Length; i++) divided[i] = (float)(values[i] / unit);
        return new Evidence(divided, hidden, null, Count, Variables);
    }
}
