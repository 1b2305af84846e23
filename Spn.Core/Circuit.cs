using System.Collections.Concurrent;
using Spn.Core.Engines;
using Spn.Core.Engines.Simd;
using Spn.Core.Files;
using Spn.Core.Inference;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core;

/// <summary>A compiled circuit: its description, its plan, its parameters and the sessions that run it.</summary>
/// <remarks>
/// Queries may come from several threads at once; each takes a session of its own from a pool. Parameters may be replaced meanwhile,
/// but a query that makes several passes may then take some with the old and some with the new ones.
/// </remarks>
public sealed partial class Circuit : IDisposable
{
    private const int BlockRows = 4096;

    private readonly IEngine engine;
    private readonly ConcurrentBag<(ISession Session, long Version)> idle = [];
    private readonly Lock change = new();
    private float[] parameters;
    private long version;
    private volatile bool disposed;
    private volatile DeterminismAt? determinism;

    private Circuit(CircuitSpec spec, Plan plan, IEngine engine, float[] parameters)
    {
        Spec = spec;
        Plan = plan;
        this.engine = engine;
        this.parameters = parameters;
    }

    /// <summary>The description it was compiled from.</summary>
    public CircuitSpec Spec { get; }

    /// <summary>What engines run.</summary>
    public Plan Plan { get; }

    /// <summary>The engine that runs it.</summary>
    public IEngine Engine => engine;

    /// <summary>Number of variables of a sample.</summary>
    public int Variables => Plan.Variables;

    /// <summary>Number of class roots.</summary>
    public int Classes => Plan.Classes;

    /// <summary>Number of parameters, entries that no sum uses included.</summary>
    public int ParameterCount => Plan.ParameterCount;

    /// <summary>The flat parameter vector, in the order of the plan's tensors.</summary>
    public ReadOnlySpan<float> Parameters => parameters;

    /// <summary>Compiles a description and starts its parameters.</summary>
    /// <param name="spec">The description.</param>
    /// <param name="engine">What runs it; null takes <see cref="SimdEngine"/> on all processors.</param>
    /// <param name="seed">Seed of the starting parameters.</param>
    /// <exception cref="CircuitException">The description breaks a rule; all findings are listed.</exception>
    public static Circuit Compile(CircuitSpec spec, IEngine? engine = null, long seed = 1)
    {
        Plan plan = Lowerer.Lower(spec);
        return new Circuit(spec, plan, engine ?? new SimdEngine(), plan.Initialise(seed));
    }

    /// <summary>Reads a model that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="engine">What runs it; null takes <see cref="SimdEngine"/> on all processors.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, is of a newer version, was cut or was changed.</exception>
    public static Circuit Load(string path, IEngine? engine = null)
    {
        ModelFile file = ModelFile.Read(path);
        return new Circuit(file.Spec, file.Plan, engine ?? new SimdEngine(), file.Parameters.ToArray()) { Schema = file.Schema, constantPrior = file.ConstantPrior };
    }

    /// <summary>Writes description and parameters to one file in safetensors layout; an existing file is replaced in one step.</summary>
    /// <remarks>See <see cref="ModelFile"/> for the layout; the seed of the starting parameters and the engine are not kept.</remarks>
    /// <param name="path">The file, usually named *.safetensors.</param>
    /// <param name="metadata">Pairs to keep with the model, for example the data it was trained on; <see cref="ModelFile.Metadata"/> gives them back.</param>
    /// <exception cref="ModelFileException">The file cannot be written, or a kind of the description is unknown to <see cref="SpecKinds"/>; an existing file stays as it was.</exception>
    /// <exception cref="ArgumentException">A metadata key is "format" or starts with "spn.".</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        new ModelFile(Spec, Plan, Snapshot().Parameters, Schema, constantPrior, metadata ?? new Dictionary<string, string>()).Write(path);

    /// <summary>Starts the parameters afresh; learned input densities are placed by the samples.</summary>
    /// <param name="train">Samples to place input densities by.</param>
    /// <param name="seed">The same seed gives the same parameters.</param>
    /// <returns>This circuit.</returns>
    public Circuit Initialise(Evidence train, long seed = 1)
    {
        Check(train);
        SetParameters(Plan.Initialise(seed, train));
        return this;
    }

    /// <summary>Replaces the parameters.</summary>
    /// <param name="values">As many as <see cref="ParameterCount"/>, all finite.</param>
    /// <exception cref="ArgumentException">The number differs, a value is not finite, or a raw weight is below 0.</exception>
    public void SetParameters(ReadOnlySpan<float> values)
    {
        if (values.Length != ParameterCount)
            throw new ArgumentException($"The circuit has {ParameterCount} parameters, {values.Length} were given.", nameof(values));
        for (int i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i])) throw new ArgumentException($"Parameter {i} is {values[i]}.", nameof(values));
        foreach (ParameterTensor tensor in Plan.Tensors.Where(t => t.NonNegative))
            for (int i = tensor.Offset; i < tensor.Offset + tensor.Count; i++)
                if (values[i] < 0) throw new ArgumentException($"Parameter {i} is a weight of \"{tensor.Name}\" and must be at least 0; it is {values[i]}.", nameof(values));
        lock (change)
        {
            parameters = values.ToArray();
            version++;
        }
    }

    /// <summary>A fresh session of this circuit's engine, for a caller that keeps it: training, benchmarks.</summary>
    internal ISession NewSession()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return engine.Bind(Plan);
    }

    /// <summary>Gives the rows of a batch to a session, some thousand at a time.</summary>
    /// <param name="evidence">The batch; checked here.</param>
    /// <param name="work">Told the session and a block of rows.</param>
    /// <param name="most">Rows of a block.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    private void Use(Evidence evidence, Action<ISession, Range> work, int most = BlockRows, CancellationToken cancellation = default)
    {
        Check(evidence);
        Use(session =>
        {
            for (int first = 0; first < evidence.Count; first += most)
            {
                cancellation.ThrowIfCancellationRequested();
                work(session, first..Math.Min(first + most, evidence.Count));
            }
        });
    }

    private static int[] Rows(Range block) => [.. Enumerable.Range(block.Start.Value, block.End.Value - block.Start.Value)];

    private void Use(Action<ISession> work)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        (float[] current, long wanted) = Snapshot();
        if (!idle.TryTake(out (ISession Session, long Version) held)) held = (engine.Bind(Plan), -1);
        try
        {
            if (held.Version != wanted) held.Session.SetParameters(current);
            work(held.Session);
        }
        catch
        {
            held.Session.Dispose();
            throw;
        }
        idle.Add((held.Session, wanted));
        if (disposed) DropSessions();
    }

    /// <summary>Whether the circuit is deterministic with its present parameters; found once for each change of them.</summary>
    private Determinism Determinism()
    {
        (float[] current, long now) = Snapshot();
        if (determinism is { } known && known.Version == now) return known.Found;
        Determinism found = Inference.Determinism.Of(Plan, current);
        determinism = new DeterminismAt(now, found);
        return found;
    }

    private sealed record DeterminismAt(long Version, Determinism Found);

    private (float[] Parameters, long Version) Snapshot()
    {
        lock (change) return (parameters, version);
    }

    private void DropSessions()
    {
        while (idle.TryTake(out (ISession Session, long Version) held)) held.Session.Dispose();
    }

    /// <summary>A few lines that say what the circuit is: structure, layers, sizes, engine.</summary>
    public string Summary() => CircuitSummary.Of(this);

    /// <inheritdoc/>
    public override string ToString() => Summary();

    /// <summary>Frees the sessions' memory.</summary>
    public void Dispose()
    {
        disposed = true;
        DropSessions();
    }
}
