namespace Spn.Core.Data;

/// <summary>The cropped digits of the Street View House Numbers: colour images of 32 x 32 pixels.</summary>
/// <remarks>
/// The first 50,000 training images, unless more are asked for, and the additional ones are to train on, the rest of the training images to
/// validate. Source of the data: Netzer, Wang, Coates, Bissacco, Wu and Ng 2011; of the split: Shih, Sadigh and Ermon 2021, section 5.
/// </remarks>
public static class Svhn
{
    private const int Side = 32, Colours = 3, Pixels = Side * Side * Colours, TrainImages = 50_000;
    private const string Mat = "_32x32.mat";

    /// <summary>What a folder must hold, in words.</summary>
    public static string Needed => "train_32x32.mat and test_32x32.mat, for more training images extra_32x32.mat; or images and labels in the IDX layout of Idx.Load";

    /// <summary>Whether a folder holds the files; their content is not looked at.</summary>
    /// <param name="folder">The folder; null when there is none.</param>
    public static bool IsPresent(string? folder) =>
        folder is not null && ((File.Exists(Path.Combine(folder, "train" + Mat)) && File.Exists(Path.Combine(folder, "test" + Mat))) || Idx.IsPresent(folder));

    /// <summary>Loads the images, [image, (row * 32 + column) * 3 + colour], colours 0 to 255 red first.</summary>
    /// <param name="folder">The folder; see <see cref="Needed"/>.</param>
    /// <param name="extra">At most so many of the 531,131 additional images, each of which takes 12 KB.</param>
    /// <param name="train">At most so many of the 73,257 training images to train on.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="DataFormatException">A file is malformed, or its images have another size.</exception>
    public static DataSet Load(string folder, int extra = 0, int train = TrainImages)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(extra);
        ArgumentOutOfRangeException.ThrowIfLessThan(train, 1);
        if (!IsPresent(folder)) throw new FileNotFoundException($"{folder} holds no SVHN images; it needs {Needed}.");
        Evidence images, test;
        int[] trainLabels, testLabels;
        if (File.Exists(Path.Combine(folder, "train" + Mat)))
        {
            (images, trainLabels) = ReadMat(Path.Combine(folder, "train" + Mat), int.MaxValue);
            (test, testLabels) = ReadMat(Path.Combine(folder, "test" + Mat), int.MaxValue);
        }
        else
        {
            DataSet idx = Idx.Load(folder);
            if (idx.Variables != Pixels)
                throw new DataFormatException(folder, null, null, $"images of {Side} x {Side} pixels in {Colours} colours", $"images of {idx.Variables} values");
            (images, trainLabels, test, testLabels) = (idx.Train, idx.TrainLabels!, idx.Test, idx.TestLabels!);
        }
        int first = Math.Min(train, images.Count);
        int[] all = [.. Enumerable.Range(0, images.Count)];
        Evidence chosen = images.Rows(all.AsSpan(0, first)), valid = images.Rows(all.AsSpan(first));
        int[] chosenLabels = trainLabels[..first];
        if (extra > 0)
        {
            string path = Path.Combine(folder, "extra" + Mat);
            if (!File.Exists(path)) throw new FileNotFoundException($"{folder} holds no file extra{Mat}; ask for no extra images, or put it there.");
            (Evidence more, int[] moreLabels) = ReadMat(path, extra);
            chosen = Evidence.From([.. chosen.Values, .. more.Values], Pixels);
            chosenLabels = [.. chosenLabels, .. moreLabels];
        }
        return new DataSet("svhn", chosen, valid, test)
        {
            TrainLabels = chosenLabels,
            ValidLabels = trainLabels[first..],
            TestLabels = testLabels,
            Height = Side,
            Width = Side,
            Highest = byte.MaxValue,
        };
    }

    /// <summary>X is [row, column, colour, image] with the row fastest, y [image, 1] with 10 for the digit 0.</summary>
    private static (Evidence Images, int[] Labels) ReadMat(string path, int most)
    {
        MatArray x = MatFile.Read(path, "X", most);
        int count = x.Shape.Count == 3 ? 1 : x.Shape[^1];
        if (x.Shape.Count is not (3 or 4) || !x.Shape.Take(3).SequenceEqual([Side, Side, Colours]))
            throw new DataFormatException(path, null, null, $"an array X of {Side} x {Side} x {Colours} x images", string.Join(" x ", x.Shape));
        var pixels = new float[x.Values.Length];
        Parallel.For(0, count, i =>
        {
            int start = i * Pixels;
            for (int colour = 0; colour < Colours; colour++)
                for (int column = 0; column < Side; column++)
                    for (int row = 0; row < Side; row++)
                        pixels[start + (row * Side + column) * Colours + colour] = x.Values[start + (colour * Side + column) * Side + row];
        });
        MatArray y = MatFile.Read(path, "y");
        if (y.Values.Length < count) throw new DataFormatException(path, null, null, $"{count} labels y", $"{y.Values.Length}");
        return (Evidence.From(pixels, Pixels), [.. y.Values.Take(count).Select(label => (int)label % 10)]);
    }
}
