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
        if (!settings.PerRow && circuit.Classes > 1)
            throw new ArgumentException($"The model has {circuit.Classes} classes; --per-row prints the log-likelihood of each.");
        long count = 0;
        double sum = 0;
        foreach (Evidence samples in Samples.Batches(settings, circuit.Schema))
        {
            double[] scores = circuit.LogLikelihood(samples);
            count += samples.Count;
            sum += scores.Sum();
            if (settings.PerRow)
                foreach (double[] row in scores.Chunk(circuit.Classes))
                    output.WriteLine(string.Join('\t', row.Select(s => s.ToString("R", CultureInfo.InvariantCulture))));
        }
        if (count == 0) throw new ArgumentException("There are no samples in this split.");
        if (settings.PerRow) return;
        double average = sum / count, bits = -average / (circuit.Variables * Math.Log(2));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"average log-likelihood {average:F4} nats, {bits:F4} bits per dimension ({count} samples of {circuit.Variables} variables)"));
    }
}
