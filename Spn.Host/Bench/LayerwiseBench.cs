using Spn.Core;
using Spn.Core.Layerwise;

namespace Spn.Host.Bench;

/// <summary>Timings of a deep Gaussian mixture on random 28 x 28 images: scores and training steps.</summary>
internal sealed class LayerwiseBench : IDisposable
{
    private const int Batch = 100, Images = 1000;

    private readonly LayerwiseModel model;
    private readonly LayerwiseTraining training;
    private readonly Evidence images;
    private int step;

    /// <param name="spec">The stack.</param>
    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    public LayerwiseBench(LayerwiseSpec spec, int threads)
    {
        model = spec.Compile(threads: threads);
        var random = new RandomStream(1, "images");
        var pixels = new float[Images * spec.Height * spec.Width * spec.Colours];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = random.NextSingle();
        images = Evidence.From(pixels, pixels.Length / Images);
        var plan = new LayerwisePlan(spec);
        training = new LayerwiseTraining(plan, new LayerwiseNumbers(plan, model.Parameters), new LayerwiseOptions { BatchSize = Batch }, WorkerPool.Of(model.Threads), Images);
        // Two multiply-adds a component and number that it reads.
        ForwardFma = 2.0 * plan.Mixtures.Sum(m => (double)m.Output.Cells * m.Components * m.Inputs);
    }

    /// <summary>The instances of the DCGMM paper that are timed.</summary>
    public static IReadOnlyList<(string Name, LayerwiseSpec Spec)> All { get; } =
    [
        ("dcgmm/a", Dcgmm.A()),
        ("dcgmm/b", Dcgmm.B()),
        ("dcgmm/e", Dcgmm.E()),
        ("dcgmm/e_independent", Dcgmm.E(independent: true)),
        ("dcgmm/f", Dcgmm.F()),
    ];

    /// <summary>Multiply-adds of the way up of one image.</summary>
    public double ForwardFma { get; }

    /// <summary>Bytes that a training works in, beside images and parameters.</summary>
    public long WorkspaceBytes => training.Bytes;

    /// <summary>What is timed, and how many images it takes.</summary>
    public IReadOnlyList<(string Metric, Action Work, int Count)> Timed => [("scores", () => model.Scores(images), Images), ("train", Step, Batch)];

    /// <summary>One training step of all layers.</summary>
    public void Step()
    {
        int first = step++ * Batch % (Images - Batch + 1);
        using FlushToZero flush = FlushToZero.Here();
        // Late enough for every layer to have started.
        training.Step(images, null, [.. Enumerable.Range(first, Batch)], done: 0.99);
    }

    public void Dispose() => training.Dispose();
}
