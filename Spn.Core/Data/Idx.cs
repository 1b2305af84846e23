using System.Buffers.Binary;

namespace Spn.Core.Data;

/// <summary>Images of one size, one a sample.</summary>
/// <param name="Values">[image, (row * width + column) * colours + colour], values 0 to 255, all observed.</param>
/// <param name="Height">Rows of an image, in pixels.</param>
/// <param name="Width">Columns of an image, in pixels.</param>
/// <param name="Colours">Values of a pixel: 1 for grey images.</param>
public sealed record IdxImages(Evidence Values, int Height, int Width, int Colours = 1);

/// <summary>Reads images and labels in the IDX layout, plain or gzip.</summary>
/// <remarks>
/// Big-endian 32-bit numbers: 2051, count, height, width for grey images, 2052, count, height, width, colours for others, 2049, count
/// for labels; then one byte a value or label.
/// Source: LeCun, Bottou, Bengio and Haffner 1998 (MNIST); Fashion-MNIST and others use it too.
/// </remarks>
public static class Idx
{
    private const uint ImageMagic = 2051, ColourMagic = 2052, LabelMagic = 2049;
    private const string ImageEnding = "images-idx3-ubyte", ColourEnding = "images-idx4-ubyte", LabelEnding = "labels-idx1-ubyte";
    private static readonly string[] TrainNames = ["train"], TestNames = ["t10k", "test"];

    /// <summary>Reads a file of images.</summary>
    /// <param name="path">Path of the file.</param>
    /// <exception cref="DataFormatException">It is no image file, or longer or shorter than its header says.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IdxImages ReadImages(string path) => Images(DataBytes.Read(path).Span, path);

    /// <summary>Reads a stream of images to its end.</summary>
    /// <param name="stream">The images, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <inheritdoc cref="ReadImages(string)"/>
    public static IdxImages ReadImages(Stream stream, string name) => Images(DataBytes.Read(stream, name).Span, name);

    /// <summary>Reads a file of labels.</summary>
    /// <param name="path">Path of the file.</param>
    /// <returns>[image], each 0 to 255.</returns>
    /// <exception cref="DataFormatException">It is no label file, or longer or shorter than its header says.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static int[] ReadLabels(string path) => Labels(DataBytes.Read(path).Span, path);

    /// <summary>Reads a stream of labels to its end.</summary>
    /// <param name="stream">The labels, plain or gzip; left open.</param>
    /// <param name="name">How errors call it.</param>
    /// <inheritdoc cref="ReadLabels(string)"/>
    public static int[] ReadLabels(Stream stream, string name) => Labels(DataBytes.Read(stream, name).Span, name);

    /// <summary>Reads the four files of a folder into a data set; the validation split holds no samples.</summary>
    /// <remarks>
    /// The names are train-images-idx3-ubyte (idx4 in colours), train-labels-idx1-ubyte and the same with t10k or test for train, with or
    /// without a prefix that ends in a hyphen and with or without .gz at the end.
    /// </remarks>
    /// <param name="folder">The folder; its last part becomes the name of the set.</param>
    /// <exception cref="FileNotFoundException">One of the four files is missing.</exception>
    /// <exception cref="DataFormatException">A file is malformed, or images and labels differ in number or images in size.</exception>
    public static DataSet Load(string folder)
    {
        var (train, trainLabels, _) = Split(folder, TrainNames);
        var (test, testLabels, testFile) = Split(folder, TestNames);
        if ((test.Height, test.Width, test.Colours) != (train.Height, train.Width, train.Colours))
            throw new DataFormatException(testFile, null, null, $"images of {Size(train)}", Size(test));
        var none = Evidence.From(Array.Empty<float>(), train.Values.Variables);
        return new DataSet(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), train.Values, none, test.Values)
        {
            TrainLabels = trainLabels,
            ValidLabels = [],
            TestLabels = testLabels,
            Height = train.Height,
            Width = train.Width,
            Highest = byte.MaxValue,
        };
    }

    /// <summary>Whether a folder holds the four files of <see cref="Load"/>; their content is not looked at.</summary>
    internal static bool IsPresent(string folder) => Directory.Exists(folder) && new[] { TrainNames, TestNames }.All(names =>
        (TryFind(folder, names, ImageEnding) ?? TryFind(folder, names, ColourEnding)) is not null && TryFind(folder, names, LabelEnding) is not null);

    private static (IdxImages Images, int[] Labels, string File) Split(string folder, string[] names)
    {
        string imageFile = TryFind(folder, names, ColourEnding) ?? Find(folder, names, ImageEnding), labelFile = Find(folder, names, LabelEnding);
        var images = ReadImages(imageFile);
        var labels = ReadLabels(labelFile);
        if (labels.Length != images.Values.Count)
            throw new DataFormatException(labelFile, null, null,
                $"{images.Values.Count} labels as {Path.GetFileName(imageFile)} has images", $"{labels.Length}");
        return (images, labels, imageFile);
    }

    private static string Find(string folder, string[] names, string ending) => TryFind(folder, names, ending)
        ?? throw new FileNotFoundException($"{folder} holds no file {names[0]}-{ending} or {names[0]}-{ending}.gz.");

    private static string? TryFind(string folder, string[] names, string ending)
    {
        foreach (string file in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            string name = "-" + Path.GetFileName(file);
            if (name.EndsWith(".gz", StringComparison.Ordinal)) name = name[..^3];
            if (names.Any(n => name.EndsWith($"-{n}-{ending}", StringComparison.Ordinal)))
                return file;
        }
        return null;
    }

    private static IdxImages Images(ReadOnlySpan<byte> bytes, string name)
    {
        bool coloured = bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) == ColourMagic;
        var size = coloured ? Header(bytes, name, ColourMagic, 4) : Header(bytes, name, ImageMagic, 3);
        int start = 4 * (1 + size.Length), colours = coloured ? (int)size[3] : 1;
        if (bytes.Length == start) throw new DataFormatException(name, null, null, "at least one image of at least one pixel", string.Join(" x ", size));
        return new IdxImages(Evidence.From(bytes[start..].ToArray(), (int)(size[1] * size[2]) * colours), (int)size[1], (int)size[2], colours);
    }

    private static string Size(IdxImages images) => $"{images.Height} x {images.Width} pixels{(images.Colours == 1 ? "" : $" in {images.Colours} colours")}";

    private static int[] Labels(ReadOnlySpan<byte> bytes, string name)
    {
        Header(bytes, name, LabelMagic, 1);
        return Array.ConvertAll(bytes[8..].ToArray(), label => (int)label);
    }

    private static uint[] Header(ReadOnlySpan<byte> bytes, string name, uint magic, int dimensions)
    {
        string kind = $"the IDX number {magic} of {(magic == LabelMagic ? "labels" : "images")}";
        if (bytes.Length < 4) throw new DataFormatException(name, null, null, kind, $"a file of {bytes.Length} bytes");
        uint first = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (first != magic) throw new DataFormatException(name, null, null, kind, $"{first}");
        int start = 4 * (1 + dimensions);
        if (bytes.Length < start) throw new DataFormatException(name, null, null, $"a header of {start} bytes", $"a file of {bytes.Length} bytes");
        var size = new uint[dimensions];
        UInt128 length = 1;
        for (int d = 0; d < dimensions; d++)
        {
            size[d] = BinaryPrimitives.ReadUInt32BigEndian(bytes[(4 * (1 + d))..]);
            length *= size[d];
        }
        if (length + (uint)start != (uint)bytes.Length)
            throw new DataFormatException(name, null, null,
                $"{length + (uint)start} bytes for {string.Join(" x ", size)} values", $"{bytes.Length} bytes");
        return size;
    }
}
