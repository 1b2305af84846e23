using Spn.Core.Inference;

namespace Spn.Core.Inference
{
    /// <summary>An amount of information.</summary>
    /// <param name="Nats">The amount, in nats; infinite where one circuit forbids what the other allows.</param>
    /// <param name="StandardError">Standard deviation of an estimate; 0 when exact.</param>
    /// <param name="Exactness">Whether it is exact, by which way, or why it is an estimate.</param>
    public sealed record Information(double Nats, double StandardError, Exactness Exactness)
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{Nats:G6}{(Exactness.IsExact ? "" : $" +- {StandardError:G2}")} nats, {Exactness}");
    }

    /// <summary>How an amount of information is estimated where it cannot be had exactly.</summary>
    public sealed record InformationOptions
    {
        /// <summary>Number of samples, at least 2.</summary>
        public int Samples { get; init; } = 10_000;

        /// <summary>Seed of the samples.</summary>
        public long Seed { get; init; } = 1;

        /// <summary>Circuits over discrete variables with at most this many joint values are added up value by value.</summary>
        public int MostStates { get; init; } = 1 << 16;
    }
}

namespace Spn.Core
{
    /// <content>Entropy and its relatives: exact where the structure allows it, else estimated from samples, and the answer says which.</content>
    public sealed partial class Circuit
    {
        /// <summary>Entropy, -E log p.</summary>
        /// <param name="options">How to estimate where that must be; null takes the defaults.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="ArgumentException">The circuit has class roots.</exception>
        public Information Entropy(InformationOptions? options = null, CancellationToken cancellation = default) => CrossEntropy(this, options, cancellation);

        /// <summary>Cross-entropy, -E log q under this circuit p: nats a sample that q spends on p's samples.</summary>
        /// <remarks>Exact when q is deterministic and both have the same regions, or when the joint values can be added up.</remarks>
        /// <param name="other">The circuit q.</param>
        /// <param name="options">How to estimate where that must be; null takes the defaults.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="ArgumentException">The circuits have different variables, or class roots.</exception>
        public Information CrossEntropy(Circuit other, InformationOptions? options = null, CancellationToken cancellation = default)
        {
            CheckPair(other);
            string? obstacle = CrossEntropyPass.Obstacle(Plan, other.Plan) ?? other.Determinism().Witness;
            if (obstacle is null && new CrossEntropyPass(Plan, InDouble(Parameters), other.Plan, InDouble(other.Parameters)).Run() is double log)
                return new Information(-log, 0, new Exactness(true, "every sum is deterministic"));
            obstacle ??= "an input has no formula for the expected logarithm of the other's";
            return Average(LogOf, all => [.. other.LogLikelihood(all, cancellation).Select(l => -l)], Enumerable.Range(0, Variables), obstacle, options, cancellation);

            double[] LogOf(Evidence all) => LogLikelihood(all, cancellation);
        }

        /// <summary>Kullback-Leibler divergence of another circuit q from this one p: E log p - log q under p.</summary>
        /// <param name="other">The circuit q.</param>
        /// <param name="options">How to estimate where that must be; null takes the defaults.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="ArgumentException">The circuits have different variables, or class roots.</exception>
        public Information Divergence(Circuit other, InformationOptions? options = null, CancellationToken cancellation = default)
        {
            CheckPair(other);
            string? obstacle = CrossEntropyPass.Obstacle(Plan, other.Plan) ?? Determinism().Witness ?? other.Determinism().Witness;
            if (obstacle is null)
            {
                Information own = Entropy(options, cancellation), cross = CrossEntropy(other, options, cancellation);
                if (own.Exactness.IsExact && cross.Exactness.IsExact) return cross with { Nats = cross.Nats - own.Nats };
                obstacle = cross.Exactness.Reason;
            }
            return Average(all => LogLikelihood(all, cancellation),
                all => [.. LogLikelihood(all, cancellation).Zip(other.LogLikelihood(all, cancellation), (p, q) => p - q)], Enumerable.Range(0, Variables), obstacle, options, cancellation);
        }

        /// <summary>Mutual information of two sets of variables, all others summed out: E log p(a, b) - log p(a) - log p(b).</summary>
        /// <remarks>Exact when the joint values of both sets can be added up; the terms of an estimate are exact.</remarks>
        /// <param name="first">Indices of the variables of one set, from 0.</param>
        /// <param name="second">Those of the other; no variable is in both.</param>
        /// <param name="options">How to estimate where that must be; null takes the defaults.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        /// <exception cref="ArgumentException">A set is empty, names a variable twice or one that does not exist, shares a variable with the other, or the circuit has class roots.</exception>
        public Information MutualInformation(IReadOnlyList<int> first, IReadOnlyList<int> second, InformationOptions? options = null, CancellationToken cancellation = default)
        {
            CheckPair(this);
            int[] both = [.. first, .. second];
            if (first.Count == 0 || second.Count == 0 || both.Distinct().Count() != both.Length || both.Any(v => v < 0 || v >= Variables))
                throw new ArgumentException($"Name two sets of different variables, each 0 to {Variables - 1}; given {{{string.Join(", ", first)}}} and {{{string.Join(", ", second)}}}.", nameof(first));
            return Average(all => LogOf(all, both), all =>
            {
                double[] joint = LogOf(all, both), a = LogOf(all, [.. first]), b = LogOf(all, [.. second]);
                for (int i = 0; i < joint.Length; i++) joint[i] -= a[i] + b[i];
                return joint;
            }, both, "marginals of a circuit have no closed form for their logarithm", options, cancellation);

            double[] LogOf(Evidence all, int[] variables) => LogLikelihood(all.Only(variables), cancellation);
        }

        /// <summary>The expectation of a quantity of some variables' values: over all values when they are few, else over samples.</summary>
        /// <param name="logProbability">Logarithm of the probability of those values.</param>
        /// <param name="quantity">The quantity.</param>
        /// <param name="variables">The variables that both depend on.</param>
        /// <param name="obstacle">Why the expectation has no closed form.</param>
        /// <param name="options">Settings.</param>
        /// <param name="cancellation">Stops between blocks of samples.</param>
        private Information Average(
            Func<Evidence, double[]> logProbability, Func<Evidence, double[]> quantity, IEnumerable<int> variables, string obstacle,
            InformationOptions? options, CancellationToken cancellation)
        {
            const int BlockStates = 4096;
            options ??= new();
            ArgumentOutOfRangeException.ThrowIfLessThan(options.Samples, 2, nameof(options));
            int[] chosen = [.. variables];
            double states = chosen.Aggregate(1.0, (product, v) => product * (Plan.InputOf[v]?.States ?? double.PositiveInfinity));
            if (states > options.MostStates)
            {
                double[] values = quantity(Sample(options.Samples, options.Seed, cancellation));
                Estimate estimate = Estimate.Of(values);
                return new Information(estimate.Value, estimate.StandardError, new Exactness(false, $"estimated from {options.Samples} samples; {obstacle}"));
            }
            double sum = 0;
            for (int first = 0; first < states; first += BlockStates)
            {
                Evidence some = Values(chosen, first, Math.Min(BlockStates, (int)states - first));
                double[] logs = logProbability(some), terms = quantity(some);
                for (int i = 0; i < logs.Length; i++)
                {
                    if (double.IsNegativeInfinity(logs[i])) continue;
                    // A probability below the range of numbers is not 0: what it forbids stays infinite.
                    sum += double.IsInfinity(terms[i]) ? terms[i] : Math.Exp(logs[i]) * terms[i];
                }
            }
            return new Information(sum, 0, new Exactness(true, $"added up over all {(int)states} values"));
        }

        /// <summary>Some of the joint values of discrete variables, by number; the other variables are hidden.</summary>
        private Evidence Values(int[] variables, int first, int count)
        {
            var values = new float[(long)count * Variables];
            Array.Fill(values, float.NaN);
            for (int i = 0; i < count; i++)
                for (int t = 0, rest = first + i; t < variables.Length; t++)
                {
                    int own = Plan.InputOf[variables[t]]!.States!.Value;
                    values[(long)i * Variables + variables[t]] = rest % own;
                    rest /= own;
                }
            return Evidence.From(values, Variables);
        }

        private void CheckPair(Circuit other)
        {
            ArgumentNullException.ThrowIfNull(other);
            if (Classes != 1 || other.Classes != 1)
                throw new ArgumentException($"The circuits have {Classes} and {other.Classes} classes; information is that of one distribution.", nameof(other));
            for (int v = 0; v < Math.Max(Variables, other.Variables); v++)
                if (Variables != other.Variables || (Plan.InputOf[v]?.Domain is { } own && other.Plan.InputOf[v]?.Domain is { } theirs && !theirs.Includes(own)))
                    throw new ArgumentException($"The circuits speak of different variables: {Variables} and {other.Variables}, or of other domains.", nameof(other));
        }
    }
}
