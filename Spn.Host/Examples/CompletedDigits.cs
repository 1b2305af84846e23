using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Training;

namespace Spn.Host.Examples;

/// <summary>Handwritten digits of which the lower half is hidden, completed by a DGC-SPN.</summary>
public static class CompletedDigits
{
    /// <summary>Trains a circuit by hard EM with unweighted sum inputs and completes the test images.</summary>
    public static Evidence Run(TextWriter output, int epochs = 15)
    {
        DataSet digits = Digits.LoadGrey();
        Evidence train = StandardScore.VisibleOnly().Apply(digits.Train).Images;
        using Circuit circuit = Circuit.Compile(DgcSpn.Generative(height: 8, width: 8)).Initialise(train);
        circuit.Fit(train, new HardEmOptions { Epochs = epochs, UnweightedSumInputs = true });

        Evidence occluded = digits.Test.Occlude(8, 8, Occlusion.Bottom), completed = circuit.Inpaint(occluded);
        double error = completed.MeanSquaredError(digits.Test, occluded, highest: 16);
        output.WriteLine($"mean squared error of the lower halves: {error:F0}, on grey values from 0 to 255");
        return completed;
    }
}
