using Spn.Core.Inference;

namespace Spn.Core.Inference
{
    /// <summary>How well a circuit answers a query.</summary>
    public enum QueryLevel
    {
        /// <summary>The answer is exact up to rounding.</summary>
        Exact,

        /// <summary>The answer is an approximation or an estimate, and says so.</summary>
        Approximate,

        /// <summary>The query does not apply.</summary>
        Unavailable,
    }

    /// <summary>What a circuit can answer.</summary>
    /// <param name="Query">Name of the query.</param>
    /// <param name="Level">How well.</param>
    /// <param name="Reason">Why.</param>
    public sealed record QuerySupport(string Query, QueryLevel Level, string Reason);
}

namespace Spn.Core
{
    /// <content>Which queries are exact.</content>
    public sealed partial class Circuit
    {
        /// <summary>Every query with how well this circuit, with its present parameters, answers it.</summary>
        public IReadOnlyList<QuerySupport> Support()
        {
            const string OnePass = "smooth and decomposable: sums over values move into the inputs";
            Exactness mpe = Determinism().Mpe;
            double states = Plan.InputOf.Aggregate(1.0, (product, f) => product * (f?.States ?? double.PositiveInfinity));
            bool few = states <= new InformationOptions().MostStates, single = Classes == 1;
            string? noMoments = Plan.InputOf.Select((f, v) => f?.NoMoments(null) is { } why ? $"{NameOf(v)}: {why}" : null).FirstOrDefault(why => why is not null);
            string? obstacle = CrossEntropyPass.Obstacle(Plan, Plan) ?? Determinism().Witness;
            QuerySupport Exact(string query, string reason) => new(query, QueryLevel.Exact, reason);
            QuerySupport Unless(string query, bool holds, string otherwise, QuerySupport support) => holds ? support : new(query, QueryLevel.Unavailable, otherwise);
            QuerySupport Information(string query) => Unless(query, single, "the circuit has class roots, and this is a question to one distribution",
                obstacle is null ? Exact(query, "every sum is deterministic; between circuits of the same regions")
                : few ? Exact(query, $"added up over all {(int)states} values")
                : new(query, QueryLevel.Approximate, $"estimated from samples with a standard error; {obstacle}"));
            return
            [
                Exact("log-likelihood", "one upward pass"),
                Exact("marginal", OnePass),
                Exact("conditional", "two upward passes"),
                Exact("posterior of every variable", "one upward and one downward pass"),
                Unless("moments and covariance", noMoments is null, noMoments ?? "", Exact("moments and covariance", "posterior passes")),
                Exact("evidence by intervals and sets", "every input family gives the probability of a set"),
                Exact("partition function", OnePass),
                new("most probable explanation", mpe.IsExact ? QueryLevel.Exact : QueryLevel.Approximate, mpe.Reason),
                Exact("sample", "a way down for each sample"),
                Exact("conditional sample", "an upward pass, then a way down for each sample"),
                Exact("conditioned circuit", "the sums' weights take up the evidence"),
                new("expectation of a function", QueryLevel.Approximate, "estimated from samples with a standard error"),
                Unless("class posterior", !single, "the circuit has one root", Exact("class posterior", "Bayes' rule over the class roots")),
                Information("entropy"),
                Information("cross-entropy and divergence"),
                Unless("mutual information", single, "the circuit has class roots, and this is a question to one distribution", few
                    ? Exact("mutual information", $"added up over at most {(int)states} values")
                    : new("mutual information", QueryLevel.Approximate, $"added up where the two sets have at most {new InformationOptions().MostStates} joint values, else estimated from samples with a standard error")),
            ];
        }
    }
}
