using Spn.Core;
using Spn.Core.Engines.Simd;

namespace Spn.Host.Bench;

/// <summary>Timings of queries to a HyperSPN (50 replicas, 5 channels, h = 20), as a caller sees them, on rows of which 30 % of the cells are hidden.</summary>
internal sealed class QueryBench : IDisposable
{
    private const int MostRows = 8192;
    private const int MostCells = 1 << 22;
    private const double HiddenShare = 0.3;

    private readonly Circuit circuit;
    private readonly Evidence observed;
    private readonly Evidence hidden;

    public QueryBench(Evidence train, int threads)
    {
        circuit = Circuit.Compile(HyperSpn.Released(train.Variables), new SimdEngine(threads));
        observed = train.Rows([.. Enumerable.Range(0, Math.Min(train.Count, Math.Min(MostRows, MostCells / train.Variables)))]);
        var random = new RandomStream(1, "bench hidden cells");
        hidden = observed.Hide((_, _) => random.NextDouble() < HiddenShare);
    }

    /// <summary>Rows of a call.</summary>
    public int Rows => observed.Count;

    /// <summary>The queries by the names of their figures; the first two are log-likelihood passes.</summary>
    public IReadOnlyList<(string Metric, Action Ask)> Queries =>
    [
        ("loglik", () => circuit.LogLikelihood(observed)),
        ("marginal", () => circuit.LogLikelihood(hidden)),
        ("posterior", () => circuit.Posterior(hidden)),
        ("mpe", () => circuit.Mpe(hidden)),
        ("sample", () => circuit.Sample(Rows)),
        ("conditional_sample", () => circuit.Sample(hidden)),
    ];

    public void Dispose() => circuit.Dispose();
}
