namespace Spn.Core.Data;

/// <summary>The built-in set: 1797 handwritten digits of 8 x 8 pixels with their class, inside the library itself.</summary>
/// <remarks>
/// Split at random by the seed: floor(0.7 n) = 1258 samples to train on, the next round(0.1 n) = 180 to validate, the other 359 to test.
/// The same seed gives the same split on every machine, and the same one for grey and binary pixels.
/// Source: optical recognition of handwritten digits, test part (Alpaydin and Kaynak 1998).
/// </remarks>
public static class Digits
{
    private const int Side = 8, Pixels = Side * Side, Count = 1797, TrainCount = 1258, ValidCount = 180;
    private const string File = "digits8x8.csv.gz";

    /// <summary>Grey value of a white pixel.</summary>
    internal const int White = 16;

    /// <summary>Pixels as grey values 0 to 16.</summary>
    /// <param name="seed">Seed of the split.</param>
    public static DataSet LoadGrey(long seed = 0) => Load(seed, "digits-grey", White, grey => grey);

    /// <summary>Pixels as 0 and 1: grey values of 8 and more are 1.</summary>
    /// <param name="seed">Seed of the split.</param>
    public static DataSet LoadBinary(long seed = 0) => Load(seed, "digits", 1, grey => 2 * grey >= White ? 1 : 0);

    private static DataSet Load(long seed, string name, int highest, Func<float, float> pixel)
    {
        using var stream = typeof(Digits).Assembly.GetManifestResourceStream(File)!;
        var table = Csv.Read(stream, File, new CsvOptions { HasHeader = false }).Values;
        var order = new RandomStream(seed, "digits split").Permutation(Count);

        (Evidence Samples, int[] Labels) Part(int start, int count)
        {
            var rows = order.AsSpan(start, count);
            var values = new float[count * Pixels];
            var labels = new int[count];
            for (int i = 0; i < count; i++)
            {
                var row = table.Row(rows[i]);
                for (int p = 0; p < Pixels; p++) values[i * Pixels + p] = pixel(row[p]);
                labels[i] = (int)row[Pixels];
            }
            return (Evidence.From(values, Pixels), labels);
        }

        var train = Part(0, TrainCount);
        var valid = Part(TrainCount, ValidCount);
        var test = Part(TrainCount + ValidCount, Count - TrainCount - ValidCount);
        return new DataSet(name, train.Samples, valid.Samples, test.Samples)
        {
            TrainLabels = train.Labels,
            ValidLabels = valid.Labels,
            TestLabels = test.Labels,
            Height = Side,
            Width = Side,
            Highest = highest,
        };
    }
}
