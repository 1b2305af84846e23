using Spn.Core;
using Spn.Core.Engines;
using Spn.Core.Engines.Simd;
using Spn.Core.Training;

namespace Spn.Host.Bench;

/// <summary>Timings of a convolutional stack on random images: upward passes, hard expectation maximisation, Adam.</summary>
internal sealed class DgcSpnBench : IDisposable
{
    private readonly Circuit circuit;
    private readonly ISession session;
    private readonly Evidence images;
    private readonly float[] parameters;
    private readonly double[] logLikelihoods;
    private readonly double[] seeds;
    private Stepper? stepper;
    private int step;

    /// <param name="spec">The stack.</param>
    /// <param name="rows">Number of images.</param>
    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    public DgcSpnBench(CircuitSpec spec, int rows, int threads)
    {
        circuit = Circuit.Compile(spec, new SimdEngine(threads));
        var random = new RandomStream(1, "images");
        var pixels = new float[rows * circuit.Plan.Variables];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (float)random.NextNormal();
        images = Evidence.From(pixels, circuit.Plan.Variables);
        session = circuit.NewSession();
        parameters = circuit.Parameters.ToArray();
        logLikelihoods = new double[rows * circuit.Classes];
        seeds = new double[rows * circuit.Classes];
        for (int i = 0; i < rows; i++) seeds[i * circuit.Classes + i % circuit.Classes] = 1;
        session.SetParameters(parameters);
    }

    /// <summary>Multiply-adds of one upward pass of one sample.</summary>
    public double ForwardFma => circuit.Plan.Blocks.Total;

    public int Rows => images.Count;

    public void LogLikelihoods() => session.Forward(images, [.. Enumerable.Range(0, Rows)], logLikelihoods);

    /// <summary>One step of hard expectation maximisation on a batch.</summary>
    public void HardEm(int batch, bool unweighted)
    {
        session.Count(images, Batch(batch), new Winner(!unweighted, 0, step), Seeds(batch), logLikelihoods);
        session.AddCounts(parameters);
    }

    /// <summary>One step of Adam on a batch.</summary>
    public void Adam(int batch)
    {
        stepper ??= new Stepper(new GradientOptions(), circuit.Plan);
        session.Forward(images, Batch(batch), logLikelihoods);
        session.Backward(Routing.Soft, Seeds(batch));
        stepper.Step(session, 1.0 / batch, 0, []);
    }

    public void Dispose()
    {
        session.Dispose();
        circuit.Dispose();
    }

    private int[] Batch(int batch)
    {
        int first = step++ * batch % (Rows - batch + 1);
        return [.. Enumerable.Range(first, batch)];
    }

    private double[] Seeds(int batch) => circuit.Classes == 1 ? [] : seeds[..(batch * circuit.Classes)];
}
