namespace Spn.Core.Data;

/// <summary>Which pixels give an image its mean and its deviation.</summary>
public enum ImageStatistics
{
    /// <summary>Those that can be seen in the image.</summary>
    VisibleOnly,

    /// <summary>All of the image, those that are to be hidden included: what published experiments do, and a leak.</summary>
    FullImage,

    /// <summary>Those of other images, such as all for training: one mean and deviation for every image.</summary>
    Global,
}

/// <summary>How images are brought to mean 0 and deviation 1: each by itself, or all by the same numbers. Compared by value.</summary>
/// <remarks>
/// x' = (x - mean) / (deviation + epsilon), with the deviation of all pixels taken (divided by their number, not by one less).
/// An image of one grey value becomes 0 everywhere; one without a visible pixel keeps its unit, as if its mean were 0 and its deviation 1.
/// Source: van de Wolfshaar and Pronobis 2020, section 5, and their released code.
/// </remarks>
public sealed record StandardScore
{
    private const double UsualEpsilon = 1e-8;

    private StandardScore(ImageStatistics statistics, double epsilon, double mean = 0, double deviation = 1)
    {
        if (!(epsilon >= 0) || double.IsInfinity(epsilon)) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "The addition to a deviation is at least 0.");
        (Statistics, Epsilon, GlobalMean, GlobalDeviation) = (statistics, epsilon, mean, deviation);
    }

    /// <summary>Leaves images as they are.</summary>
    public static StandardScore None { get; } = new(ImageStatistics.Global, 0);

    /// <summary>Which pixels count.</summary>
    public ImageStatistics Statistics { get; }

    /// <summary>Addition to the deviation, so that images of one grey value can be divided by it.</summary>
    public double Epsilon { get; }

    /// <summary>The mean that all images share, of <see cref="ImageStatistics.Global"/>.</summary>
    public double GlobalMean { get; }

    /// <summary>The deviation that all images share, of <see cref="ImageStatistics.Global"/>.</summary>
    public double GlobalDeviation { get; }

    /// <summary>Each image by its visible pixels.</summary>
    /// <param name="epsilon">Addition to the deviation, at least 0.</param>
    public static StandardScore VisibleOnly(double epsilon = UsualEpsilon) => new(ImageStatistics.VisibleOnly, epsilon);

    /// <summary>Each image by all of its pixels, which have to be known when some are hidden.</summary>
    /// <param name="epsilon">Addition to the deviation, at least 0.</param>
    public static StandardScore FullImage(double epsilon = UsualEpsilon) => new(ImageStatistics.FullImage, epsilon);

    /// <summary>All images by one mean and deviation.</summary>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The deviation, at least 0.</param>
    /// <param name="epsilon">Addition to the deviation, at least 0.</param>
    public static StandardScore Global(double mean, double deviation, double epsilon = UsualEpsilon)
    {
        if (!double.IsFinite(mean)) throw new ArgumentOutOfRangeException(nameof(mean), mean, "The mean is a finite number.");
        if (!(deviation >= 0) || double.IsInfinity(deviation)) throw new ArgumentOutOfRangeException(nameof(deviation), deviation, "The deviation is at least 0.");
        return new(ImageStatistics.Global, epsilon, mean, deviation);
    }

    /// <summary>All images by the mean and the deviation of all visible pixels of a batch.</summary>
    /// <param name="images">The batch, such as all images for training.</param>
    /// <param name="epsilon">Addition to the deviation, at least 0.</param>
    /// <exception cref="ArgumentException">No pixel of the batch is visible.</exception>
    public static StandardScore Global(Evidence images, double epsilon = UsualEpsilon)
    {
        ArgumentNullException.ThrowIfNull(images);
        return Moments(images, 0, images.Count) is var (mean, deviation)
            ? Global(mean, deviation, epsilon)
            : throw new ArgumentException("No pixel is visible, so there is nothing to take a mean and a deviation of.", nameof(images));
    }

    /// <summary>Brings images to mean 0 and deviation 1; what is hidden stays hidden.</summary>
    /// <param name="images">The images.</param>
    /// <param name="full">The same images with nothing hidden; read by <see cref="ImageStatistics.FullImage"/> only, and not needed when the images hide nothing.</param>
    /// <exception cref="EvidenceException">An entry is known to lie in a set only, or the batches differ in size.</exception>
    /// <exception cref="ArgumentException">The full images are needed and not given.</exception>
    public StandardisedImages Apply(Evidence images, Evidence? full = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.HasSets) throw new EvidenceException("An entry is known to lie in a set, which has no standard score; observe or hide it.");
        Evidence from = images;
        if (Statistics == ImageStatistics.FullImage && images.HasHidden)
            from = full ?? throw new ArgumentException("Pixels are hidden: give the full images as well, or take the statistics of visible pixels only.", nameof(full));
        if (from.Count != images.Count || from.Variables != images.Variables)
            throw new EvidenceException($"{images.Count} images of {images.Variables} variables cannot be standardised by {from.Count} of {from.Variables}.");
        var means = new double[images.Count];
        var scales = new double[images.Count];
        for (int i = 0; i < images.Count; i++)
        {
            (means[i], double deviation) = Statistics == ImageStatistics.Global ? (GlobalMean, GlobalDeviation) : Moments(from, i, 1) ?? (0, 1 - Epsilon);
            scales[i] = deviation + Epsilon == 0 ? 1 : deviation + Epsilon;
        }
        return new StandardisedImages(images, means, scales);
    }

    /// <summary>Mean and deviation of the visible entries of some samples, or null when there are none.</summary>
    private static (double Mean, double Deviation)? Moments(Evidence images, int first, int count)
    {
        // Distances from a visible pixel keep their digits, and are exactly 0 in an image of one grey value.
        double origin = double.NaN, sum = 0, squares = 0;
        long seen = 0;
        for (int i = first; i < first + count; i++)
        {
            ReadOnlySpan<float> row = images.Row(i);
            for (int v = 0; v < row.Length; v++)
            {
                if (images.IsHidden(i, v)) continue;
                if (seen++ == 0) origin = row[v];
                double distance = row[v] - origin;
                sum += distance;
                squares += distance * distance;
            }
        }
        if (seen == 0) return null;
        double mean = sum / seen;
        return (origin + mean, Math.Sqrt(Math.Max(squares / seen - mean * mean, 0)));
    }
}

/// <summary>Images at mean 0 and deviation 1, and the way back.</summary>
public sealed class StandardisedImages
{
    private readonly double[] means, scales;

    internal StandardisedImages(Evidence original, double[] means, double[] scales)
    {
        (Original, this.means, this.scales) = (original, means, scales);
        Images = Changed(original, (value, i) => (value - means[i]) / scales[i]);
    }

    /// <summary>The images as they were.</summary>
    public Evidence Original { get; }

    /// <summary>The images in standard deviations from the mean.</summary>
    public Evidence Images { get; }

    /// <summary>What was taken from every pixel of an image.</summary>
    /// <param name="image">Index of the image, from 0.</param>
    public double Mean(int image) => means[image];

    /// <summary>What its pixels were divided by then: the deviation and the epsilon.</summary>
    /// <param name="image">Index of the image, from 0.</param>
    public double Scale(int image) => scales[image];

    /// <summary>Standardised images in the original unit; pixels that are visible in the original are copied from it.</summary>
    /// <param name="standardised">As many images of as many variables, for example with hidden pixels filled in.</param>
    /// <exception cref="EvidenceException">The batch differs in size.</exception>
    public Evidence Undo(Evidence standardised)
    {
        ArgumentNullException.ThrowIfNull(standardised);
        if (standardised.Count != Original.Count || standardised.Variables != Original.Variables)
            throw new EvidenceException($"{standardised.Count} images of {standardised.Variables} variables are not the {Original.Count} of {Original.Variables} that were standardised.");
        return Changed(standardised, (value, i) => value * scales[i] + means[i], keep: Original);
    }

    /// <summary>Changes all visible values, but copies those that another batch has.</summary>
    private static Evidence Changed(Evidence images, Func<double, int, double> change, Evidence? keep = null)
    {
        int variables = images.Variables;
        var values = new float[(long)images.Count * variables];
        for (int i = 0; i < images.Count; i++)
        {
            ReadOnlySpan<float> from = images.Row(i);
            Span<float> to = values.AsSpan(i * variables, variables);
            for (int v = 0; v < to.Length; v++)
                to[v] = keep?.IsHidden(i, v) == false ? keep.Row(i)[v]
                    : images.IsHidden(i, v) ? float.NaN
                    : (float)change(from[v], i);
        }
        return Evidence.From(values, variables);
    }
}
