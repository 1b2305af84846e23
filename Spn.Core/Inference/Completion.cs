using Spn.Core.Inference;

namespace Spn.Core.Inference
{
    /// <summary>How hidden entries are filled in.</summary>
    public enum Completion
    {
        /// <summary>All hidden entries of a sample together by its most probable explanation.</summary>
        Mpe,

        /// <summary>Each hidden entry alone, by <see cref="Posterior.Guess"/>: the most probable value of a discrete variable, the mean of a real one; fewest errors an entry.</summary>
        Mean,

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
                default:
                    Posterior posterior = Posterior(evidence, cancellation);
                    return evidence.Observe((row, v) => evidence.IsHidden(row, v) ? posterior.Guess(row, v) : null);
            }
        }
    }
}
