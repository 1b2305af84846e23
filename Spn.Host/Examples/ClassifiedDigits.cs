using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Training;

namespace Spn.Host.Examples;

/// <summary>Handwritten digits told apart: by one density a class, and by a classifier.</summary>
public static class ClassifiedDigits
{
    /// <summary>Ten random trees over the pixels with one root a class.</summary>
    public static CircuitSpec Describe(WeightSpec weights) => CircuitSpec
        .Over(new BinaryTrees(64, Replicas: 10))
        .IndicatorInput(2).SumPerRegion(5).HadamardProduct().RootSum(classes: 10)
        .WithWeights(weights);

    /// <summary>Trains both and counts the test images told right.</summary>
    public static void Run(TextWriter output, int epochs = 15)
    {
        DataSet digits = Digits.LoadBinary();
        using Circuit counted = Circuit.Compile(Describe(WeightSpec.Accumulators()));
        counted.Fit(digits, new SoftEmOptions { Epochs = epochs });
        output.WriteLine($"by expectation maximisation {Right(digits, counted):F1} % of the digits are told right");

        using Circuit classifier = Circuit.Compile(Describe(WeightSpec.Free()));
        TrainingReport report = classifier.Fit(digits, new GradientOptions { Epochs = epochs, BatchSize = 100, LearningRate = 0.02, Discriminative = 1 });
        TrainingPoint best = report.Curve.First(point => point.Step == report.BestStep);
        output.WriteLine($"as a classifier             {Right(digits, classifier):F1} %, of the validation samples {100 * best.Accuracy:F1} %");
    }

    private static double Right(DataSet data, Circuit circuit) =>
        circuit.MostProbableClass(data.Test).Zip(data.TestLabels!).Average(pair => pair.First == pair.Second ? 100.0 : 0.0);
}
