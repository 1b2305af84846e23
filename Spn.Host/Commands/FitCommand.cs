using System.Globalization;
using Spn.Core;
using Spn.Core.Data;
using Spn.Core.Engines.Simd;
using Spn.Core.Training;

namespace Spn.Host.Commands;

/// <summary>spn fit: trains a model and saves it.</summary>
internal static class FitCommand
{
    private const int MostStates = 256;

    public static void Run(FitSettings settings, TextWriter output, ProgressLine progress, CancellationToken cancellation)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(settings.Out))!;
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"The folder {folder} of the model file does not exist.");
        TableProfile? table = settings.Source.Csv is null ? null : Samples.Profile(settings);
        DataSet data = Samples.Load(settings.Source, settings.Seed, table?.Schema);
        InputSpec input = table?.Schema.Inputs(settings.Channels) ?? (States(data) is int count ? new IndicatorInput(count) : new NormalInput(settings.Channels));
        bool binary = input is IndicatorInput { States: 2 };
        FitDefaults defaults = binary || table is null ? FitDefaults.Binary(settings.Model) : FitDefaults.Table;
        using Circuit circuit = Circuit.Compile(Describe(settings, data.Variables, input, defaults), new SimdEngine(settings.Threads))
            .Initialise(data.Train, settings.Seed);
        circuit.Schema = table?.Schema;
        output.WriteLine($"{Show.text(data)}\n{(table is null ? "" : $"\n{Show.text(table)}\n\n")}{circuit.Spec}\n{circuit.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters");

        Evidence? valid = data.Valid.Count == 0 ? null : data.Valid;
        var line = new Line(progress);
        TrainingReport report = settings.Learner.IsAdam
            ? circuit.Fit(data.Train, valid, Options(settings, defaults), progress: line, cancellation: cancellation)
            : circuit.Fit(data.Train, EmOptions(settings, defaults), valid, progress: line, cancellation: cancellation);
        progress.Clear();
        output.WriteLine(Show.text(report));
        circuit.Save(settings.Out, Metadata(settings, data, report));
        if (data.Test.Count > 0)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  test   {circuit.AverageLogLikelihood(data.Test):F3}"));
        output.WriteLine($"Saved {settings.Out}");
    }

    private static CircuitSpec Describe(FitSettings settings, int variables, InputSpec input, FitDefaults defaults)
    {
        int k = settings.Channels, replicas = settings.Replicas ?? defaults.Replicas;
        CircuitSpec spec = settings.Model.IsHyper
            ? HyperSpn.Released(variables, settings.H, k, replicas, settings.Seed)
            : HyperSpn.Baseline(variables, k, replicas, settings.Seed);
        if (input is IndicatorInput { States: 2 } && !settings.Model.IsSpn) return spec;

        // The released layout of the parameters exists for binary variables only.
        WeightSpec weights = settings.Model.IsHyper ? WeightSpec.Hyper(k, [20, settings.H]) : WeightSpec.Free();
        return (spec with { Layers = [input, .. spec.Layers.Skip(1)] }).WithWeights(weights);
    }

    /// <summary>One more than the greatest value, at least 2, when all values are codes; else null.</summary>
    private static int? States(DataSet data)
    {
        int states = 2;
        foreach (Evidence part in (Evidence[])[data.Train, data.Valid])
            for (int i = 0; i < part.Count; i++)
            {
                ReadOnlySpan<float> row = part.Row(i);
                for (int v = 0; v < row.Length; v++)
                {
                    if (part.IsHidden(i, v)) continue;
                    if (!(row[v] is >= 0 and < MostStates && row[v] == MathF.Floor(row[v]))) return null;
                    states = Math.Max(states, (int)row[v] + 1);
                }
            }
        return states;
    }

    private static GradientOptions Options(FitSettings settings, FitDefaults defaults) => new()
    {
        LearningRate = settings.LearningRate ?? defaults.LearningRate,
        WeightDecay = settings.Decay,
        BatchSize = settings.Batch ?? defaults.Batch,
        Steps = settings.Steps,
        Epochs = settings.Epochs,
        EvaluationPeriod = settings.Epochs is null ? Math.Clamp(settings.Steps / 10, 1, defaults.MostPeriod) : null,
        Patience = settings.Patience ?? defaults.Patience,
        Seed = settings.Seed,
    };

    private static SoftEmOptions EmOptions(FitSettings settings, FitDefaults defaults) => new()
    {
        FullBatch = settings.Learner.IsFullEm,
        StepSize = settings.LearningRate ?? FitDefaults.EmStep,
        Smoothing = settings.Smoothing,
        BatchSize = settings.Batch ?? defaults.Batch,
        Epochs = settings.Epochs ?? FitDefaults.EmEpochs,
        Patience = settings.Patience ?? defaults.Patience,
        Seed = settings.Seed,
    };

    private static Dictionary<string, string> Metadata(FitSettings settings, DataSet data, TrainingReport report)
    {
        var pairs = new Dictionary<string, string>
        {
            ["data"] = data.Name,
            ["training_samples"] = data.Train.Count.ToString(CultureInfo.InvariantCulture),
            ["steps"] = report.Steps.ToString(CultureInfo.InvariantCulture),
            ["kept_step"] = report.BestStep.ToString(CultureInfo.InvariantCulture),
            ["seed"] = settings.Seed.ToString(CultureInfo.InvariantCulture),
            ["end"] = report.End.ToString(),
        };
        if (report.BestValid is double valid) pairs["valid_log_likelihood"] = valid.ToString("F6", CultureInfo.InvariantCulture);
        return pairs;
    }

    private sealed class Line(ProgressLine line) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => line.Show(Progress.text(value));
    }
}
