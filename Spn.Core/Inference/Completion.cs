using Spn.Core.Inference;
using Spn.Core.Plans;

namespace Spn.Core.Inference
{
    /// <summary>How hidden entries are filled in.</summary>
    public enum Completion
    {
        /// <summary>All hidden entries of a sample together by its most probable explanation.</summary>
        Mpe,

        /// <summary>Each hidden entry alone, by <see cref="Posterior.Guess"/>: the most probable value of a discrete variable, the mean of a real one; fewest errors an entry.</summary>
        Mean,

        /// <summary>Each hidden entry alone: the likeliest value of the one input density that most probably made it. Needs a pass for each variable that is hidden.</summary>
        Component,

        /// <summary>A random draw of all hidden entries together: keeps spread and dependences of the data.</summary>
        Sample,
    }
}

namespace Spn.Core
{
    /// <content>Filling in missing values.</content>
    public sealed partial class Circuit
    {
        /// <summary>The batch with every hidden entry filled in.</summary>
        /// <param name="evidence">What is known.</param>
        /// <param name="by">How.</param>
        /// <param name="seed">Seed of <see cref="Completion.Sample"/>.</param>
        /// <param name="firstRow">Number of the first sample in a table of which this is a block, so that blocks draw what the whole would.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0.</exception>
        public Evidence Complete(Evidence evidence, Completion by = Completion.Mean, long seed = 1, long firstRow = 0, CancellationToken cancellation = default)
        {
            ArgumentNullException.ThrowIfNull(evidence);
            switch (by)
            {
                case Completion.Mpe: return Mpe(evidence, cancellation: cancellation).Completed;
                case Completion.Sample: return Draw(evidence, firstRow, 0, 1, seed, cancellation);
                case Completion.Component: return MostProbableComponents(evidence, cancellation);
                default:
                    Posterior posterior = Posterior(evidence, cancellation);
                    return evidence.Observe((row, v) => evidence.IsHidden(row, v) ? posterior.Guess(row, v) : null);
            }
        }

        private Evidence MostProbableComponents(Evidence evidence, CancellationToken cancellation)
        {
            float[] filled = evidence.Values.ToArray();
            double[] values = InDouble(Parameters), prior = Prior();
            Use(evidence, (session, block) =>
            {
                for (int v = 0; v < Variables; v++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    int[] rows = [.. Rows(block).Where(row => evidence.IsHidden(row, v))];
                    if (rows.Length == 0) continue;
                    InputUnit[] units = UnitsOf(v);
                    double[] logLikelihoods = new double[rows.Length], flows = new double[rows.Length * units.Length];
                    session.InputFlows(evidence, rows, v, prior, logLikelihoods, flows);
                    for (int i = 0; i < rows.Length; i++)
                    {
                        if (double.IsNegativeInfinity(logLikelihoods[i])) throw Impossible(rows[i]);
                        ReadOnlySpan<double> own = flows.AsSpan(i * units.Length, units.Length);
                        int best = 0;
                        for (int u = 1; u < own.Length; u++)
                            if (own[u] > own[best]) best = u;
                        InputPlace place = Plan.Regions.Input(units[best].Region);
                        filled[(long)rows[i] * Variables + v] =
                            place.Family.Mode(units[best].Component, evidence.SetOf(rows[i], v), values.AsSpan(place.Offset, place.Family.ParameterCount));
                    }
                }
            }, cancellation: cancellation);
            return Evidence.From(filled, Variables);
        }
    }
}
