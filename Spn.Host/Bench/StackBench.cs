using Spn.Core;
using Spn.Core.Engines;
using Spn.Core.Engines.Simd;
using Spn.Core.Plans;
using Spn.Core.Training;

namespace Spn.Host.Bench;

/// <summary>A circuit on images that is timed.</summary>
/// <param name="Name">Name of its figures.</param>
/// <param name="Describe">Makes its description.</param>
/// <param name="Rows">Number of images.</param>
/// <param name="Metrics">What is timed: loglik, hard_em, hard_em_usi, em, adam.</param>
internal sealed record Stack(string Name, Func<CircuitSpec> Describe, int Rows, params string[] Metrics)
{
    private const int Side = 28;

    /// <summary>Samples a batch.</summary>
    private const int HardBatch = 128, SoftBatch = 500, AdamBatch = 64;

    private const int MostCount = 255;

    /// <summary>The DGC-SPN paper's stacks, and Einsum networks on 28 x 28 pixels.</summary>
    public static IReadOnlyList<Stack> All { get; } =
    [
        new("dgcspn/generative28", () => DgcSpn.Generative(28, 28).WithWeights(WeightSpec.Accumulators()), 1024, "loglik", "hard_em", "hard_em_usi"),
        new("dgcspn/generative64", () => DgcSpn.Generative(64, 64).WithWeights(WeightSpec.Accumulators()), 350, "loglik", "hard_em", "hard_em_usi"),
        new("dgcspn/discriminative28", () => DgcSpn.Discriminative(), 1024, "loglik", "adam"),
        .. from structure in new[] { (Name: "rat", Regions: (StructureSpec)new RatRegions(Side * Side, 3, 20)), ("pd", PoonDomingos.Pieces(GridVariables.Image(Side, Side), 4) with { Axes = new ValueList<int>([1]) }) }
           from channels in new[] { 10, 40 }
           from input in new[] { (Name: "normal", Spec: (InputSpec)new NormalInput(channels)), ("binomial", new BinomialInput(channels, MostCount)) }
           select new Stack($"einsum/{structure.Name}_{input.Name}_k{channels}", () => Einsum(structure.Regions, input.Spec, channels), 2000, "loglik", "em"),
    ];

    /// <summary>What is done for a metric, the images it takes, and the passes over the circuit that it costs.</summary>
    public (Action Work, int Images, int Passes) Timed(StackBench bench, string metric) => metric switch
    {
        "loglik" => (bench.LogLikelihoods, bench.Rows, 1),
        "adam" => (() => bench.Adam(AdamBatch), AdamBatch, 3),
        "em" => (() => bench.Em(SoftBatch), SoftBatch, 3),
        _ => (() => bench.HardEm(HardBatch, metric == "hard_em_usi"), HardBatch, 1),
    };

    private static CircuitSpec Einsum(StructureSpec structure, InputSpec input, int channels) =>
        EinsumNetwork.Over(structure, input, channels).WithWeights(WeightSpec.Accumulators());
}

/// <summary>Timings of a circuit on random images: upward passes, hard and soft expectation maximisation, Adam.</summary>
internal sealed class StackBench : IDisposable
{
    private readonly Circuit circuit;
    private readonly ISession session;
    private readonly Evidence images;
    private readonly float[] parameters;
    private readonly double[] logLikelihoods;
    private readonly double[] seeds;
    private Stepper? stepper;
    private SoftEm? em;
    private int step;

    /// <param name="spec">The stack.</param>
    /// <param name="rows">Number of images.</param>
    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    public StackBench(CircuitSpec spec, int rows, int threads)
    {
        circuit = Circuit.Compile(spec, new SimdEngine(threads));
        var random = new RandomStream(1, "images");
        var pixels = new float[rows * circuit.Plan.Variables];
        bool counts = circuit.Plan.InputOf[0] is CountFamily;
        for (int i = 0; i < pixels.Length; i++) pixels[i] = counts ? random.NextInt(256) : (float)random.NextNormal();
        images = Evidence.From(pixels, circuit.Plan.Variables);
        session = circuit.NewSession();
        parameters = circuit.Parameters.ToArray();
        logLikelihoods = new double[rows * circuit.Classes];
        seeds = new double[rows * circuit.Classes];
        for (int i = 0; i < rows; i++) seeds[i * circuit.Classes + i % circuit.Classes] = 1;
        session.SetParameters(parameters);
    }

    /// <summary>Multiply-adds of one upward pass of one sample: one a weight, and one a sufficient statistic of a learned density.</summary>
    public double ForwardFma
    {
        get
        {
            RegionTable regions = circuit.Plan.Regions;
            double densities = Enumerable.Range(0, regions.Count).Where(r => regions.Kind(r) == RegionKind.Input && regions.Input(r).Family.Learns)
                .Sum(r => regions.Input(r).Family.StatisticCount - regions.Channels(r));
            return circuit.Plan.Blocks.Total + densities;
        }
    }

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

    /// <summary>One step of soft expectation maximisation on a batch.</summary>
    public void Em(int batch)
    {
        em ??= new SoftEm(circuit, session, new SoftEmOptions(), images, null);
        em.Step(step, Batch(batch), out _);
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
