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
}
