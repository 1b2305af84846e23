using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Engines.Simd;
using Spn.Core.Inference;
using Spn.Core.Layerwise;

namespace Spn.Host.Bench;

/// <summary>One measured figure.</summary>
/// <param name="Name">What was measured, for example "hyperspn/nltcs".</param>
/// <param name="Metric">Which of its figures, for example "train".</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record Figure(string Name, string Metric, double Value, string Unit)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} {Metric} {Number} {Unit}");

    public string Number => Math.Abs(Value) >= 1000 ? Value.ToString("F0", CultureInfo.InvariantCulture) : Value.ToString("G4", CultureInfo.InvariantCulture);
}

/// <summary>spn bench: measures this machine's ceilings and the engine's speed and memory in one run.</summary>
internal sealed class BenchReport
{
    private const int LargeBatch = 500;
    private const int SmallBatch = 50;
    private const double Mebi = 1 << 20;

    private static readonly string[] Sets = ["nltcs", "plants", "baudio", "ad"];
    private static readonly string[] QuerySets = ["nltcs", "baudio", "ad"];
    private static readonly string[] QueryMetrics = ["loglik", "marginal", "posterior", "mpe", "sample", "conditional_sample"];

    private readonly string filter;
    private readonly int threads;
    private readonly string? folder;
    private readonly Action<Figure> tell;
    private double peak;

    /// <param name="filter">Part of "name metric" of the figures wanted; empty for all.</param>
    /// <param name="threads">Number of threads, 0 for one a processor.</param>
    /// <param name="folder">The data folder, or null to look for one.</param>
    /// <param name="tell">Told each figure as it is measured.</param>
    public BenchReport(string filter, int threads, string? folder, Action<Figure> tell)
    {
        this.filter = filter;
        this.threads = new SimdEngine(threads).Threads;
        this.folder = folder;
        this.tell = tell;
    }

    /// <summary>True when rows were made up because data were absent.</summary>
    public bool Synthetic { get; private set; }

    /// <summary>Measures everything that the filter lets through; the machine's peak is measured whenever a share of it is wanted.</summary>
    public void Run(CancellationToken cancellation)
    {
        if (Wanted("machine", "fma1")) Tell("machine", "fma1", MachinePeak.FmaGiga(1), "GFMA/s");
        bool shares = JudgeBench.Metrics.Any(m => Wanted(JudgeBench.Name, m) || Wanted(JudgeBench.Name, $"{m}_share")) || LayerwiseBench.All.Any(s => Wanted(s.Name, "scores_share") || Wanted(s.Name, "train_share")) || Stack.All.Any(s => s.Metrics.Any(m => Wanted(s.Name, $"{m}_share"))) || Sets.Any(s => Wanted($"hyperspn/{s}", "train") || Wanted($"hyperspn/{s}", "train_share") || Wanted($"hyperspn/{s}", "loglik") || Wanted($"hyperspn/{s}", "loglik_share"));
        if (shares) peak = MachinePeak.FmaGiga(threads);
        if (Wanted("machine", "fma2")) Tell("machine", "fma2", shares && threads == 2 ? peak : MachinePeak.FmaGiga(2), "GFMA/s");
        if (Wanted("machine", "read2")) Tell("machine", "read2", MachinePeak.ReadGiga(2), "GB/s");
        foreach (string set in Sets)
        {
            cancellation.ThrowIfCancellationRequested();
            RunSet(set, cancellation);
        }
        foreach (Stack stack in Stack.All)
        {
            cancellation.ThrowIfCancellationRequested();
            RunStack(stack, cancellation);
        }
        foreach ((string name, LayerwiseSpec spec) in LayerwiseBench.All)
        {
            cancellation.ThrowIfCancellationRequested();
            RunLayerwise(name, spec, cancellation);
        }
        RunJudge(cancellation);
        foreach (string set in QuerySets)
        {
            cancellation.ThrowIfCancellationRequested();
            RunQueries(set, cancellation);
        }
    }

    /// <summary>Peak resident memory of this process while it trains on ad with batches of 500, in MiB; run in a process of its own.</summary>
    public static double PeakOfTraining(int threads, string? folder)
    {
        using (var bench = new HyperSpnBench(Rows("ad", folder, out _), threads))
            for (int i = 0; i < 4; i++) bench.Step(LargeBatch, merge: false);
        return Process.GetCurrentProcess().PeakWorkingSet64 / Mebi;
    }

    private static Evidence Rows(string set, string? folder, out bool synthetic)
    {
        DataEntry entry = DataCatalogue.Find(set);
        DataFolder found = DataFolder.Find(folder);
        synthetic = !DataCatalogue.IsPresent(entry, found.Path);
        if (!synthetic) return DataCatalogue.Load(set, found.Path).Train;
        var random = new RandomStream(1, $"bench rows of {set}");
        var values = new float[entry.Train * entry.Variables];
        for (int i = 0; i < values.Length; i++) values[i] = random.NextDouble() < 0.1 ? 1 : 0;
        return Evidence.From(values, entry.Variables);
    }

    private void RunSet(string set, CancellationToken cancellation)
    {
        string name = $"hyperspn/{set}";
        string[] metrics = ["train", "train_share", "train_merged", "loglik", "loglik_share", "epoch", "step50", "peak_train500", "workspace_level", "workspace_postorder"];
        if (!metrics.Any(m => Wanted(name, m) && (set == "ad" || m is not ("step50" or "peak_train500")))) return;
        Evidence rows = Rows(set, folder, out bool synthetic);
        Synthetic |= synthetic;
        using (var bench = new HyperSpnBench(rows, threads))
        {
            if (Wanted(name, "train") || Wanted(name, "train_share"))
            {
                double seconds = HyperSpnBench.Median(() => bench.Step(LargeBatch, merge: false), 2, cancellation);
                Tell(name, "train", LargeBatch / seconds, "samples/s");
                Tell(name, "train_share", Share(bench.TrainFma(LargeBatch) * LargeBatch / seconds), "%");
            }
            if (Wanted(name, "train_merged"))
                Tell(name, "train_merged", LargeBatch / HyperSpnBench.Median(() => bench.Step(LargeBatch, merge: true), 1, cancellation), "samples/s");
            if (Wanted(name, "loglik") || Wanted(name, "loglik_share"))
            {
                double seconds = HyperSpnBench.Median(bench.LogLikelihoods, 1, cancellation);
                Tell(name, "loglik", 1000 * seconds, "ms");
                Tell(name, "loglik_share", Share(bench.ForwardFma * bench.Rows / seconds), "%");
            }
            if (Wanted(name, "epoch"))
                Tell(name, "epoch", 1000 * HyperSpnBench.Median(() => bench.Epoch(LargeBatch), 1, cancellation), "ms");
            if (set == "ad" && Wanted(name, "step50"))
                Tell(name, "step50", 1000 * HyperSpnBench.Median(() => bench.Step(SmallBatch, merge: false), 2, cancellation), "ms");
            foreach ((EvaluationSchedule schedule, string metric) in new[] { (EvaluationSchedule.Level, "workspace_level"), (EvaluationSchedule.PostOrder, "workspace_postorder") })
                if (Wanted(name, metric)) Tell(name, metric, bench.WorkspaceBytes(schedule), "bytes");
        }
        if (set == "ad" && Wanted(name, "peak_train500")) Tell(name, "peak_train500", PeakInChild("ad"), "MiB");
    }

    /// <summary>Images a second of a circuit, the share of the peak that its dense multiply-adds come to, and the memory.</summary>
    private void RunStack(Stack stack, CancellationToken cancellation)
    {
        string[] metrics = [.. stack.Metrics.Where(m => Wanted(stack.Name, m) || Wanted(stack.Name, $"{m}_share"))];
        if (metrics.Length > 0)
        {
            using var bench = new StackBench(stack.Describe(), stack.Rows, threads);
            foreach (string metric in metrics)
            {
                (Action work, int images, int passes) = stack.Timed(bench, metric);
                double seconds = HyperSpnBench.Median(work, 2, cancellation);
                Tell(stack.Name, metric, images / seconds, "samples/s");
                Tell(stack.Name, $"{metric}_share", Share(passes * bench.ForwardFma * images / seconds), "%");
            }
        }
        if (Wanted(stack.Name, "peak_train")) Tell(stack.Name, "peak_train", PeakInChild(stack.Name), "MiB");
    }

    /// <summary>Images a second of a deep Gaussian mixture, the share of the peak that its multiply-adds come to, and the memory.</summary>
    private void RunLayerwise(string name, LayerwiseSpec spec, CancellationToken cancellation)
    {
        string[] metrics = ["scores", "scores_share", "train", "train_share", "workspace_train", "peak_train"];
        if (!metrics.Any(m => Wanted(name, m))) return;
        using (var bench = new LayerwiseBench(spec, threads))
        {
            foreach ((string metric, Action work, int count) in bench.Timed)
            {
                if (!Wanted(name, metric) && !Wanted(name, $"{metric}_share")) continue;
                double seconds = HyperSpnBench.Median(work, 2, cancellation);
                Tell(name, metric, count / seconds, "samples/s");
                Tell(name, $"{metric}_share", Share(bench.ForwardFma * count / seconds), "%");
            }
            if (Wanted(name, "workspace_train")) Tell(name, "workspace_train", bench.WorkspaceBytes, "bytes");
        }
        if (Wanted(name, "peak_train")) Tell(name, "peak_train", PeakInChild(name), "MiB");
    }

    /// <summary>Images a second of the convolutional judge, and the share of the peak that its multiply-adds come to.</summary>
    private void RunJudge(CancellationToken cancellation)
    {
        string[] metrics = [.. JudgeBench.Metrics.Where(m => Wanted(JudgeBench.Name, m) || Wanted(JudgeBench.Name, $"{m}_share"))];
        if (metrics.Length == 0) return;
        using var bench = new JudgeBench(threads);
        foreach (string metric in metrics)
        {
            (Action work, int images, double fma) = bench.Timed(metric);
            double seconds = HyperSpnBench.Median(work, 2, cancellation);
            Tell(JudgeBench.Name, metric, images / seconds, "samples/s");
            Tell(JudgeBench.Name, $"{metric}_share", Share(fma * images / seconds), "%");
        }
    }

    /// <summary>Peak resident memory of this process while it trains a stack, a circuit by the last of its metrics, in MiB; run in a process of its own.</summary>
    public static double PeakOfStack(string name, int threads)
    {
        if (LayerwiseBench.All.FirstOrDefault(m => m.Name == name).Spec is { } layers)
        {
            using (var bench = new LayerwiseBench(layers, threads))
                for (int i = 0; i < 4; i++) bench.Step();
            return Process.GetCurrentProcess().PeakWorkingSet64 / Mebi;
        }
        Stack stack = Stack.All.Single(s => s.Name == name);
        using (var bench = new StackBench(stack.Describe(), stack.Rows, threads))
            for (int i = 0; i < 4; i++) stack.Timed(bench, stack.Metrics[^1]).Work();
        return Process.GetCurrentProcess().PeakWorkingSet64 / Mebi;
    }

    /// <summary>Queries a second, and how many passes of a log-likelihood over the same rows they cost.</summary>
    private void RunQueries(string set, CancellationToken cancellation)
    {
        string name = $"query/{set}";
        if (!QueryMetrics.Any(m => Wanted(name, m) || Wanted(name, $"{m}_passes"))) return;
        Evidence rows = Rows(set, folder, out bool synthetic);
        Synthetic |= synthetic;
        using var bench = new QueryBench(rows, threads);
        foreach ((string metric, Action ask) in bench.Queries)
        {
            if (!Wanted(name, metric) && !Wanted(name, $"{metric}_passes")) continue;
            // What a call is compared with takes turns with it: the machine's moods fall on both.
            Action? unit = metric switch { "loglik" => null, "marginal" => bench.Queries[0].Ask, _ => bench.Queries[1].Ask };
            (double seconds, double one) = HyperSpnBench.Medians(ask, unit, 2, cancellation);
            Tell(name, metric, bench.Rows / seconds, "samples/s");
            if (unit is not null) Tell(name, $"{metric}_passes", seconds / one, "passes");
        }
    }

    private double Share(double fmaPerSecond) => 100 * fmaPerSecond / 1e9 / peak;

    private bool Wanted(string name, string metric) => $"{name} {metric}".Contains(filter, StringComparison.OrdinalIgnoreCase);

    private void Tell(string name, string metric, double value, string unit) => tell(new Figure(name, metric, value, unit));

    private double PeakInChild(string what)
    {
        string program = Environment.ProcessPath ?? "dotnet";
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        foreach (string argument in (string[])["bench", "--peak-only", what, "--threads", threads.ToString(CultureInfo.InvariantCulture), .. folder is null ? Array.Empty<string>() : ["--data", folder]])
            start.ArgumentList.Add(argument);
        using Process child = Process.Start(start) ?? throw new InvalidOperationException("The process that measures memory did not start.");
        string text = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        if (child.ExitCode != 0) throw new InvalidOperationException($"The process that measures memory ended with code {child.ExitCode}.");
        return double.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>The figures as a page for the documentation.</summary>
    public static string Markdown(IReadOnlyList<Figure> figures, int threads, bool synthetic)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Performance

            Written by `dotnet run -c Release --project Spn.Host -- bench --markdown docs/results/performance.md` on {threads} threads,
            vectors of {SimdEngine.VectorLanes} floats{(synthetic ? ", made-up rows where data sets were absent" : "")}. Timings are medians within the one run; peaks are measured in the same run.

            Model: HyperSPN with 50 replicas, 5 channels, h = 20. `train` is a whole step (hyper-network, weights, upward and downward pass,
            gradient, Adam) at batch 500, `train_merged` the same with equal samples of a batch evaluated once; `epoch` is one pass in batches of 500;
            `loglik` all training rows, weights made afresh; `step50` a whole step at batch 50; `peak_train500` the peak resident memory of a process
            that trains at batch 500. `workspace_...` are bytes beside parameters and evidence of an evaluation in little memory, by schedule.
            Shares count the multiply-adds of the dense model, three passes for training, against the peak: state tables compute fewer,
            so a share is a speed, not a utilisation.

            `dgcspn/...` are the DGC-SPN paper's stacks (4 components, all 256 combinations of a patch, 16 sums; the discriminative one with 32 components)
            on random images: `loglik` an upward pass, `hard_em` and `hard_em_usi` whole steps of hard expectation maximisation at batch 128 with weighted and
            unweighted winners, `adam` a whole training step at batch 64. Shares count the multiply-adds of the dense model, one pass for hard expectation
            maximisation and three for Adam. `peak_train` is the peak resident memory of a process that trains.

            `einsum/...` are Einsum networks on random 28 x 28 images, `rat` over 20 random structures of depth 3, `pd` over four strips (Poon-Domingos),
            with 10 or 40 channels and normal or binomial densities: `loglik` an upward pass, `em` a whole step of soft expectation maximisation of weights
            and densities at batch 500. Shares count a multiply-add a weight, two a normal and one a binomial density, three passes for `em`.

            `dcgmm/...` are deep Gaussian mixtures of the DCGMM paper on random 28 x 28 images, cells sharing parameters unless independent: `scores` the way up,
            `train` a step of all layers at batch 100. Shares count two multiply-adds for each component and number that it reads, once for a step too.
            `workspace_train` are the bytes that a training works in, `peak_train` the peak resident memory of a process that trains.

            `judge/cnn28` is the convolutional judge on random 28 x 28 images: `forward` the classes of 1,000 images, `train` a whole step at batch 100.
            Shares count the multiply-adds of its layers, three times for training but twice in the first layer.

            `query/...` are calls of the same model's queries as a user makes them: `loglik` on observed rows, all others on rows of which 30 % of the
            cells are hidden at random. `marginal_passes` compares with `loglik`, which state tables serve; the other `_passes` compare with `marginal`,
            a log-likelihood pass over the same rows.

            | figure | metric | value | unit |
            | --- | --- | ---: | --- |

            """);
        foreach (Figure f in figures) text.Append(CultureInfo.InvariantCulture, $"| {f.Name} | {f.Metric} | {f.Number} | {f.Unit} |\n");
        return text.ToString();
    }
}
