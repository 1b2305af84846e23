using System.Globalization;
using Spn.Core;
using Spn.Core.Engines.Simd;

namespace Spn.Host.Commands;

/// <summary>spn score: log-likelihoods of samples under a saved model.</summary>
internal static class ScoreCommand
{
    public static void Run(ScoreSettings settings, TextWriter output)
    {
        using Circuit circuit = Circuit.Load(settings.File, new SimdEngine(settings.Threads));
        Evidence samples = Samples.Load(settings.Source, settings.Split);
        if (samples.Count == 0) throw new ArgumentException("There are no samples in this split.");
        double[] scores = circuit.LogLikelihood(samples);
        if (settings.PerRow)
            foreach (double[] row in scores.Chunk(circuit.Classes))
                output.WriteLine(string.Join('\t', row.Select(s => s.ToString("R", CultureInfo.InvariantCulture))));
        else if (circuit.Classes > 1)
            throw new ArgumentException($"The model has {circuit.Classes} classes; --per-row prints the log-likelihood of each.");
        else
        {
            double average = scores.Average();
            double bits = -average / (circuit.Variables * Math.Log(2));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"average log-likelihood {average:F4} nats, {bits:F4} bits per dimension ({samples.Count} samples of {circuit.Variables} variables)"));
        }
    }
}
