using System.Diagnostics;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Engines;
using Spn.Core.Engines.Simd;
using Spn.Core.Inference;
using Spn.Core.Training;

namespace Spn.Host.Bench;

/// <summary>Timings of a HyperSPN (50 replicas, 5 channels, h = 20) on one data set.</summary>
internal sealed class HyperSpnBench : IDisposable
{
    private const double FmaPerSectorOfNetwork = 1000;

    /// <summary>Long enough for the runtime to finish compiling what runs often; its compiler would share the cores.</summary>
    private const double WarmSeconds = 2;

    private readonly Evidence train;
    private readonly Circuit circuit;
    private readonly ISession session;
    private readonly float[] parameters;
    private readonly double[] logLikelihoods;
    private readonly Stepper stepper;
    private readonly MergedBatch? merged;
    private int step;

    public HyperSpnBench(Evidence train, int threads)
    {
        this.train = train;
        circuit = Circuit.Compile(HyperSpn.Released(train.Variables), new SimdEngine(threads));
        session = circuit.NewSession();
        parameters = circuit.Parameters.ToArray();
        session.SetParameters(parameters);
        logLikelihoods = new double[Math.Max(train.Count, 500)];
        stepper = new Stepper(new GradientOptions(), circuit.Plan);
        merged = MergedBatch.For(train);
    }

    public int Rows => train.Count;

    /// <summary>Multiply-adds of one upward pass of one sample, every sector computed.</summary>
    public double ForwardFma => circuit.Plan.Blocks.Total - 50 - 10.0 * train.Variables * 50;

    /// <summary>Multiply-adds of one training sample: an upward pass, twice that downward, and its part of the network's three passes.</summary>
    public double TrainFma(int batch) => 3 * (ForwardFma + FmaPerSectorOfNetwork * (circuit.Plan.Blocks.Count - 1) / batch);

    /// <summary>One pass over the samples in batches.</summary>
    public void Epoch(int batch)
    {
        for (int i = 0; i < (train.Count + batch - 1) / batch; i++) Step(batch, merge: false);
    }

    /// <summary>Bytes that an evaluation in little memory needs beside parameters and evidence.</summary>
    public long WorkspaceBytes(EvaluationSchedule schedule)
    {
        using var evaluator = new StreamingEvaluator(circuit, schedule);
        evaluator.LogLikelihood(train.Rows([.. Enumerable.Range(0, Math.Min(64, train.Count))]));
        return evaluator.WorkspaceBytes;
    }

    /// <summary>One training step on random samples: weights, upward, downward, gradient, Adam.</summary>
    public void Step(int batch, bool merge)
    {
        ReadOnlySpan<int> rows = new RandomStream(1, "bench", step++).SampleWithoutReplacement(train.Count, Math.Min(batch, train.Count));
        ReadOnlySpan<double> counts = [];
        if (merge && merged is not null) rows = merged.Merge(rows, out counts);
        session.Forward(train, rows, logLikelihoods);
        session.Backward(Routing.Soft, counts);
        stepper.Step(session, 1, 0, []);
    }

    /// <summary>Log-likelihoods of all training rows, weights made afresh.</summary>
    public void LogLikelihoods()
    {
        session.SetParameters(parameters);
        int[] rows = [.. Enumerable.Range(0, train.Count)];
        for (int first = 0; first < rows.Length; first += 4096)
            session.Forward(train, rows.AsSpan(first, Math.Min(4096, rows.Length - first)), logLikelihoods.AsSpan(first));
    }

    /// <summary>Median seconds of a call, after warming up.</summary>
    public static double Median(Action work, double seconds, CancellationToken cancellation) => Medians(work, null, seconds, cancellation).Work;

    /// <summary>Median seconds of a call and of another one that takes turns with it, after warming up; 0 where there is no other.</summary>
    public static (double Work, double Other) Medians(Action work, Action? other, double seconds, CancellationToken cancellation)
    {
        for (var warm = Stopwatch.StartNew(); warm.Elapsed.TotalSeconds < WarmSeconds;)
        {
            work();
            other?.Invoke();
        }
        List<double> times = [], others = [];
        for (var total = Stopwatch.StartNew(); total.Elapsed.TotalSeconds < seconds || times.Count < 5;)
        {
            cancellation.ThrowIfCancellationRequested();
            var clock = Stopwatch.StartNew();
            work();
            times.Add(clock.Elapsed.TotalSeconds);
            if (other is null) continue;
            clock.Restart();
            other();
            others.Add(clock.Elapsed.TotalSeconds);
        }
        return (MiddleOf(times), others.Count == 0 ? 0 : MiddleOf(others));

        static double MiddleOf(List<double> values)
        {
            values.Sort();
            return values[values.Count / 2];
        }
    }

    public void Dispose()
    {
        session.Dispose();
        circuit.Dispose();
    }
}
