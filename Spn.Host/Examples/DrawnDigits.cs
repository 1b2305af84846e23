using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Layerwise;

namespace Spn.Host.Examples;

/// <summary>Handwritten digits drawn by a deep Gaussian mixture, which also tells what is none of the digits that it knows.</summary>
public static class DrawnDigits
{
    /// <summary>Mixtures of patches of 4 x 4 pixels, and above them a mixture of what nine patches say together.</summary>
    public static LayerwiseSpec Describe() => LayerwiseSpec.For(height: 8, width: 8)
        .Folding(kernel: 4, stride: 2).Mixture(25).Folding(kernel: 3).Mixture(49);

    /// <summary>Trains it on all digits but the zeros, finds the zeros among the test images, and draws images.</summary>
    public static Evidence Run(TextWriter output, int epochs = 40)
    {
        DataSet digits = Digits.LoadGrey();
        Evidence Of(Evidence images, int[]? labels, Func<int, bool> wanted) =>
            images.Rows([.. Enumerable.Range(0, images.Count).Where(row => wanted(labels![row]))]).InUnitsOf(16);

        LayerwiseModel model = Describe().Compile();
        // Larger steps than the paper's, whose sets have fifty times as many images.
        var options = new LayerwiseOptions { Epochs = epochs, BatchSize = 20, StartRate = 0.05, EndRate = 0.05 };
        model.Fit(Of(digits.Train, digits.TrainLabels, label => label != 0), options);

        double[] known = model.Scores(Of(digits.Test, digits.TestLabels, label => label != 0));
        double[] unknown = model.Scores(Of(digits.Test, digits.TestLabels, label => label == 0));
        output.WriteLine($"a zero scores lower than another digit in {100 * Metrics.AreaUnderCurve(known, unknown):F1} % of all pairs");
        return model.Sample(24, new LayerwiseSampleOptions { Top = 2, Divisor = 10 });
    }
}
