using Spn.Core;
using Spn.Core.Engines;
using Spn.Core.Judging;
using Spn.Core.Training;

namespace Spn.Host.Bench;

/// <summary>Timings of a judge on random grey images of 28 x 28 pixels.</summary>
internal sealed class JudgeBench : IDisposable
{
    private const int TrainBatch = 100, ForwardBatch = 1000;
    private readonly JudgeNetwork network = new JudgeOptions().Check();
    private readonly IJudgeSession session;
    private readonly Evidence images;
    private readonly int[] labels = [.. Enumerable.Range(0, ForwardBatch).Select(i => i % 10)];
    private readonly float[] parameters;
    private readonly float[] gradient;
    private readonly OptimiserState state = new();
    private readonly double[] result = new double[ForwardBatch * 10];

    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    public JudgeBench(int threads)
    {
        session = JudgeSession.Bind(network, 1, threads);
        var random = new RandomStream(1, "images");
        var pixels = new float[ForwardBatch * network.Image.Cells];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = random.NextSingle();
        images = Evidence.From(pixels, network.Image.Cells);
        parameters = network.FirstParameters(1);
        gradient = new float[parameters.Length];
        state.Fit(parameters.Length);
        session.SetParameters(parameters);
    }

    /// <summary>Name of its figures.</summary>
    public const string Name = "judge/cnn28";

    /// <summary>What is timed.</summary>
    public static IReadOnlyList<string> Metrics { get; } = ["forward", "train"];

    /// <summary>What is done for a metric, the images it takes, and the multiply-adds of an image.</summary>
    public (Action Work, int Images, double Fma) Timed(string metric) => metric == "train"
        ? (Step, TrainBatch, TrainFma)
        : (() => session.Classes(images, [.. Enumerable.Range(0, ForwardBatch)], result), ForwardBatch, network.MultiplyAdds);

    /// <summary>Three products a layer, but two in the first, whose input has no derivative.</summary>
    private double TrainFma
    {
        get
        {
            ConvolutionLayer first = network.Convolutions.First();
            return 3.0 * network.MultiplyAdds - (double)first.Weights * first.Out.Cells;
        }
    }

    public void Dispose() => session.Dispose();

    /// <summary>One whole step: gradient with dropout, Adam, weights in their places.</summary>
    private void Step()
    {
        session.Gradient(images, labels, [.. Enumerable.Range(0, TrainBatch)], new Dropout(0.1, state.Steps), gradient);
        JudgeTraining.Climb(state, gradient, parameters, 1e-3, TrainBatch);
        session.SetParameters(parameters);
    }
}
