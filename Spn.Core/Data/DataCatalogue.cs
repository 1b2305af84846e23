using System.Diagnostics.CodeAnalysis;
using static Spn.Core.Data.DataGroup;

namespace Spn.Core.Data;

/// <summary>Which collection a data set belongs to.</summary>
public enum DataGroup
{
    /// <summary>The twenty binary density-estimation sets (Lowd and Davis 2010, Van Haaren and Davis 2012).</summary>
    Twenty,

    /// <summary>The baby registries (Gillenwater, Kulesza, Fox and Taskar 2014).</summary>
    Amazon,

    /// <summary>Grey images with class labels in the IDX layout, a folder each, no validation samples.</summary>
    Images,

    /// <summary>Sets inside the library, which need no file.</summary>
    BuiltIn,
}

/// <summary>A known data set and the shape its files must have.</summary>
/// <param name="Name">Short name, as its files are called.</param>
/// <param name="DisplayName">Name in the tables of the papers.</param>
/// <param name="Group">The collection it belongs to.</param>
/// <param name="Variables">Number of variables.</param>
/// <param name="Train">Number of training samples.</param>
/// <param name="Valid">Number of validation samples.</param>
/// <param name="Test">Number of test samples.</param>
public sealed record DataEntry(string Name, string DisplayName, DataGroup Group, int Variables, int Train, int Valid, int Test)
{
    /// <summary>Greatest value of a variable: 1 for binary sets, the grey value of a white pixel for images.</summary>
    public int Highest { get; init; } = 1;
}

/// <summary>The data sets of the papers by name.</summary>
/// <remarks>
/// The counts are those of the files; some lists give kdd 65 variables and tmovie 4525 training samples.
/// Olivetti and Caltech 101 are split as by Poon and Domingos 2011: the last 50 faces, and the last third but at most 50 images of each
/// category, are the test set.
/// Source: Shih, Sadigh and Ermon 2021, Tables 1 and 2; van de Wolfshaar and Pronobis 2020, section 5.
/// </remarks>
public static class DataCatalogue
{
    /// <summary>All known sets, in the order of the papers' tables.</summary>
    public static IReadOnlyList<DataEntry> Entries { get; } =
    [
        new("nltcs", "NLTCS", Twenty, 16, 16181, 2157, 3236),
        new("msnbc", "MSNBC", Twenty, 17, 291326, 38843, 58265),
        new("kdd", "KDDCup2k", Twenty, 64, 180092, 19907, 34955),
        new("plants", "Plants", Twenty, 69, 17412, 2321, 3482),
        new("baudio", "Audio", Twenty, 100, 15000, 2000, 3000),
        new("jester", "Jester", Twenty, 100, 9000, 1000, 4116),
        new("bnetflix", "Netflix", Twenty, 100, 15000, 2000, 3000),
        new("accidents", "Accidents", Twenty, 111, 12758, 1700, 2551),
        new("tretail", "Retail", Twenty, 135, 22041, 2938, 4408),
        new("pumsb_star", "Pumsb-star", Twenty, 163, 12262, 1635, 2452),
        new("dna", "DNA", Twenty, 180, 1600, 400, 1186),
        new("kosarek", "Kosarek", Twenty, 190, 33375, 4450, 6675),
        new("msweb", "MSWeb", Twenty, 294, 29441, 3270, 5000),
        new("book", "Book", Twenty, 500, 8700, 1159, 1739),
        new("tmovie", "EachMovie", Twenty, 500, 4524, 1002, 591),
        new("cwebkb", "WebKB", Twenty, 839, 2803, 558, 838),
        new("cr52", "Reuters-52", Twenty, 889, 6532, 1028, 1540),
        new("c20ng", "20Newsgroups", Twenty, 910, 11293, 3764, 3764),
        new("bbc", "BBC", Twenty, 1058, 1670, 225, 330),
        new("ad", "Ad", Twenty, 1556, 2461, 327, 491),
        new("amzn_apparel", "Apparel", Amazon, 100, 10479, 1497, 2994),
        new("amzn_bath", "Bath", Amazon, 100, 10179, 1454, 2909),
        new("amzn_bedding", "Bedding", Amazon, 100, 11459, 1637, 3274),
        new("amzn_carseats", "Carseats", Amazon, 34, 5296, 756, 1514),
        new("amzn_diaper", "Diaper", Amazon, 100, 11731, 1676, 3352),
        new("amzn_feeding", "Feeding", Amazon, 100, 13300, 1900, 3801),
        new("amzn_furniture", "Furniture", Amazon, 32, 4965, 709, 1419),
        new("amzn_gear", "Gear", Amazon, 100, 11776, 1682, 3365),
        new("amzn_gifts", "Gifts", Amazon, 16, 2777, 397, 794),
        new("amzn_health", "Health", Amazon, 62, 9839, 1406, 2812),
        new("amzn_media", "Media", Amazon, 58, 4132, 591, 1181),
        new("amzn_moms", "Moms", Amazon, 16, 3453, 493, 987),
        new("amzn_safety", "Safety", Amazon, 36, 6224, 889, 1779),
        new("amzn_strollers", "Strollers", Amazon, 40, 5175, 739, 1479),
        new("amzn_toys", "Toys", Amazon, 62, 7051, 1007, 2015),
        new("olivetti", "Olivetti", Images, 64 * 64, 350, 0, 50) { Highest = 255 },
        new("caltech101", "Caltech 101", Images, 64 * 64, 6485, 0, 2192) { Highest = 255 },
        new("mnist", "MNIST", Images, 28 * 28, 60000, 0, 10000) { Highest = 255 },
        new("fashion-mnist", "Fashion-MNIST", Images, 28 * 28, 60000, 0, 10000) { Highest = 255 },
        new("digits", "Digits", BuiltIn, 64, 1258, 180, 359),
        new("digits-grey", "Grey digits", BuiltIn, 64, 1258, 180, 359) { Highest = Digits.White },
        new("toy", "Toy", BuiltIn, 256, ToyBits.Rows.Train, ToyBits.Rows.Valid, ToyBits.Rows.Test),
    ];

    /// <summary>Finds a set by its short name, its display name, or for the registries the short name without amzn_; case does not matter.</summary>
    /// <param name="name">The name.</param>
    /// <param name="entry">The set; null when no set has that name.</param>
    /// <returns>Whether a set has that name.</returns>
    public static bool TryFind(string name, [NotNullWhen(true)] out DataEntry? entry)
    {
        ArgumentNullException.ThrowIfNull(name);
        entry = Entries.FirstOrDefault(e => Names(e).Contains(name, StringComparer.OrdinalIgnoreCase));
        return entry is not null;
    }

    /// <summary>Finds a set as <see cref="TryFind"/> does.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="ArgumentException">No set has that name; the message lists the nearest ones.</exception>
    public static DataEntry Find(string name)
    {
        if (TryFind(name, out var entry)) return entry;
        var near = Entries
            .Select(e => (e.Name, Distance: Names(e).Min(n => EditDistance(name.ToLowerInvariant(), n.ToLowerInvariant()))))
            .Where(e => e.Distance <= Math.Max(1, name.Length / 3))
            .OrderBy(e => e.Distance).Take(3).Select(e => e.Name).ToList();
        throw new ArgumentException($"There is no data set \"{name}\". " + (near.Count > 0
            ? $"Did you mean {string.Join(" or ", near)}?"
            : $"The names are {string.Join(", ", Entries.Select(e => e.Name))}."), nameof(name));
    }

    /// <summary>Whether the files of a set are there; their content is not looked at. True for a built-in set.</summary>
    /// <param name="entry">The set.</param>
    /// <param name="folder">The data folder; null when there is none.</param>
    public static bool IsPresent(DataEntry entry, string? folder) =>
        entry.Group == BuiltIn || (folder is not null && (entry.Group == Images
            ? Idx.IsPresent(Path.Combine(folder, entry.Name))
            : Splits.All(s => Candidates(entry, folder, s).Any(File.Exists))));

    /// <summary>Loads a set and checks its shape.</summary>
    /// <remarks>
    /// A split is looked for as GROUP/NAME/NAME.SPLIT.data (GROUP is debd or amazon), NAME/NAME.SPLIT.data and NAME.SPLIT.data,
    /// each also with .gz; train may be called ts. Images are the four files of <see cref="Idx.Load"/> in the folder NAME.
    /// The digits are those of <see cref="Digits"/> at seed 0, the toy set is that of <see cref="ToyBits"/> at seed 0.
    /// </remarks>
    /// <param name="name">A name as in <see cref="TryFind"/>.</param>
    /// <param name="folder">The data folder, as <see cref="DataFolder.Find"/> gives it; null will do for a built-in set.</param>
    /// <exception cref="ArgumentException">No set has that name.</exception>
    /// <exception cref="FileNotFoundException">A split is not in the folder, or there is no folder.</exception>
    /// <exception cref="DataFormatException">A file is malformed or has another shape than the catalogue says.</exception>
    public static DataSet Load(string name, string? folder)
    {
        var entry = Find(name);
        if (entry.Group == BuiltIn) return entry.Name == "toy" ? ToyBits.Load() : entry.Highest == 1 ? Digits.LoadBinary() : Digits.LoadGrey();
        if (folder is null)
            throw new FileNotFoundException($"The data set {entry.Name} needs a data folder: name one, or set {DataFolder.Variable}. Built in are {string.Join(", ", Entries.Where(e => e.Group == BuiltIn).Select(e => e.Name))}.");
        if (entry.Group == Images) return LoadImages(entry, Path.Combine(folder, entry.Name));
        return new DataSet(entry.Name,
            Split(entry, folder, "train", entry.Train), Split(entry, folder, "valid", entry.Valid), Split(entry, folder, "test", entry.Test));
    }

    private static readonly string[] Splits = ["train", "valid", "test"];

    private static DataSet LoadImages(DataEntry entry, string folder)
    {
        if (!Directory.Exists(folder)) throw new FileNotFoundException($"The images of {entry.Name} are not there; the folder {folder} must hold them and their labels, as Idx.Load reads them.");
        DataSet set = Idx.Load(folder);
        (int, int, int) expected = (entry.Train, entry.Test, entry.Variables), found = (set.Train.Count, set.Test.Count, set.Variables);
        return found == expected ? set : throw new DataFormatException(folder, null, null, Shape(expected), Shape(found));

        static string Shape((int Train, int Test, int Pixels) of) => $"{of.Train} training and {of.Test} test images of {of.Pixels} pixels";
    }

    private static Evidence Split(DataEntry entry, string folder, string split, int rows)
    {
        string path = Candidates(entry, folder, split).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException(
                $"The {split} split of {entry.Name} is not in {folder}; looked for\n  {string.Join("\n  ", Candidates(entry, folder, split))}");
        var samples = BinaryText.Read(path);
        return (samples.Count, samples.Variables) == (rows, entry.Variables) ? samples
            : throw new DataFormatException(path, null, null,
                $"{rows} rows of {entry.Variables} variables", $"{samples.Count} rows of {samples.Variables}");
    }

    private static IEnumerable<string> Candidates(DataEntry entry, string folder, string split) =>
        from place in new[]
        {
            Path.Combine(folder, entry.Group == Amazon ? "amazon" : "debd", entry.Name),
            Path.Combine(folder, entry.Name),
            folder,
        }
        from part in split == "train" ? new[] { "train", "ts" } : [split]
        from ending in new[] { ".data", ".data.gz" }
        select Path.Combine(place, $"{entry.Name}.{part}{ending}");

    private static string[] Names(DataEntry entry) => [entry.Name, entry.DisplayName, entry.Name.Replace("amzn_", "")];

    private static int EditDistance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0]++;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[b.Length];
    }
}
