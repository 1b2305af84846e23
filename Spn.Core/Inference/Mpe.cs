using Spn.Core.Engines;
using Spn.Core.Inference;
using Spn.Core.Plans;

namespace Spn.Core.Inference
{
    /// <summary>Settings of <see cref="Circuit.Mpe"/>.</summary>
    public sealed record MpeOptions
    {
        /// <summary>
        /// Passes over the hidden variables in which each takes its best value given all others, as long as the log-likelihood
        /// rises; 0 leaves the answer of the max pass as it is. Of no use where that is exact.
        /// </summary>
        public int Improve { get; init; }
    }

    /// <summary>A most probable explanation of each sample, and how far it can be trusted.</summary>
    /// <param name="Completed">The batch with every hidden entry filled in.</param>
    /// <param name="LogLikelihood">log p(completed sample) in nats, [sample]: what the answer attains.</param>
    /// <param name="LogBound">Logarithm of the largest product along one way down (from a mixture of the classes with equal priors), [sample]; never above the attained log-likelihood but for rounding.</param>
    /// <param name="Exactness">Whether no completion is more probable.</param>
    public sealed record MpeResult(Evidence Completed, double[] LogLikelihood, double[] LogBound, Exactness Exactness);
}

namespace Spn.Core
{
    /// <content>Most probable explanations.</content>
    public sealed partial class Circuit
    {
        /// <summary>The joint maximiser of all hidden variables given the evidence (MPE), by a max upward pass and a way back down.</summary>
        /// <remarks>
        /// Exact where every sum is deterministic: at most one of its terms is positive for any sample, classes included. Elsewhere finding the
        /// maximiser is NP-hard, and the answer is that of the largest single product, marked as approximate, with the
        /// log-likelihood that it attains. With several classes the class of the largest product is taken, priors equal.
        /// Source: Poon and Domingos 2011, section 3; Conaty, Maua and de Campos 2017 on hardness.
        /// </remarks>
        /// <param name="evidence">What is known.</param>
        /// <param name="options">Settings; null takes the defaults.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="EvidenceException">The evidence does not fit, or has probability 0.</exception>
        public MpeResult Mpe(Evidence evidence, MpeOptions? options = null, CancellationToken cancellation = default)
        {
            ArgumentNullException.ThrowIfNull(evidence);
            var filled = new float[(long)evidence.Count * Variables];
            var bound = new double[evidence.Count];
            double[] values = InDouble(Parameters);
            Use(evidence, (session, block) =>
            {
                int[] rows = Rows(block);
                var logValues = new double[rows.Length * Classes];
                session.ForwardMax(evidence, rows, logValues);
                var classes = new int[rows.Length];
                for (int i = 0; i < rows.Length; i++)
                {
                    Span<double> own = logValues.AsSpan(i * Classes, Classes);
                    for (int c = 1; c < Classes; c++)
                        if (own[c] > own[classes[i]]) classes[i] = c;
                    bound[rows[i]] = own[classes[i]] - Math.Log(Classes);
                    if (double.IsNegativeInfinity(bound[rows[i]])) throw Impossible(rows[i]);
                }
                var units = new int[rows.Length * Variables];
                session.Route(Routing.Max, classes, 0, 0, units);
                Fill(evidence, rows, 1, item => rows[item] * Variables, units, values, filled,
                    (place, component, set, _, _) => place.Family.Mode(component, set, values.AsSpan(place.Offset, place.Family.ParameterCount)));
            }, WaysOfBlock, cancellation);
            Evidence completed = Evidence.From(filled, Variables);
            double[] attained = JointLogLikelihood(completed);
            Exactness exactness = Determinism().Mpe;
            for (int pass = 0; pass < (options?.Improve ?? 0) && !exactness.IsExact; pass++)
                if (!Improve(evidence, ref completed, attained, cancellation)) break;
            return new MpeResult(completed, attained, bound, exactness);
        }

        /// <summary>log p(sample) over all classes with equal priors.</summary>
        internal double[] JointLogLikelihood(Evidence samples)
        {
            double[] each = LogLikelihood(samples);
            return Classes == 1 ? each : [.. each.Chunk(Classes).Select(own => LogSum.Of(own) - Math.Log(Classes))];
        }

        /// <summary>Gives each hidden variable in turn its best value given all others; keeps what raises the log-likelihood.</summary>
        private bool Improve(Evidence evidence, ref Evidence completed, double[] attained, CancellationToken cancellation)
        {
            bool any = false;
            for (int v = 0; v < Variables; v++)
            {
                cancellation.ThrowIfCancellationRequested();
                int variable = v;
                int[] rows = [.. Enumerable.Range(0, evidence.Count).Where(row => evidence.IsHidden(row, variable))];
                if (rows.Length == 0) continue;
                Evidence alone = completed.Rows(rows).Hide(variable).Where((row, u) => u == variable ? evidence.SetOf(rows[row], variable) : null);
                Posterior posterior = Posterior(alone, cancellation);
                Evidence tried = alone.Observe((row, u) => u == variable ? posterior.Guess(row, variable) : null);
                double[] reached = JointLogLikelihood(tried);
                var better = new Dictionary<int, float>();
                for (int i = 0; i < rows.Length; i++)
                {
                    if (!(reached[i] > attained[rows[i]] + 1e-6)) continue;
                    better[rows[i]] = tried.Row(i)[variable];
                    attained[rows[i]] = reached[i];
                }
                if (better.Count == 0) continue;
                any = true;
                completed = completed.Observe((row, u) => u == variable && better.TryGetValue(row, out float value) ? value : null);
            }
            return any;
        }
    }
}
