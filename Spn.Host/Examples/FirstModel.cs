using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Training;

namespace Spn.Host.Examples;

/// <summary>A first model: handwritten digits of 8 x 8 black and white pixels.</summary>
public static class FirstModel
{
    /// <summary>A HyperSPN: ten random trees over the pixels, mixture weights made by a small network.</summary>
    public static CircuitSpec Describe(int variables) => CircuitSpec
        .Over(new BinaryTrees(variables, Replicas: 10))
        .IndicatorInput(2).SumPerRegion(5).HadamardProduct().RootSum(mixture: true)
        .WithWeights(WeightSpec.Hyper(embedding: 5, hidden: [20, 20]));

    /// <summary>Trains it and asks it two questions.</summary>
    public static void Run(TextWriter output, int steps = 1000)
    {
        DataSet digits = Digits.LoadBinary();
        using Circuit circuit = Circuit.Compile(Describe(digits.Variables));
        circuit.Fit(digits.Train, digits.Valid, new GradientOptions { Steps = steps, EvaluationPeriod = 50 });
        Evidence upperHalf = digits.Test.Hide((sample, pixel) => pixel >= 32);
        output.WriteLine($"log p(digit)      {circuit.AverageLogLikelihood(digits.Test):F2} nats on average");
        output.WriteLine($"log p(upper half) {circuit.AverageLogLikelihood(upperHalf):F2} nats, the lower half summed out");
    }
}
