using Spn.Core;

namespace Spn.Host.Examples;

/// <summary>The calls that docs/queries.md shows.</summary>
public static class EveryQuery
{
    /// <summary>Asks a circuit everything, and gives the answers in the order of the page.</summary>
    public static IReadOnlyList<object> Ask(Circuit circuit, Circuit other, Evidence samples, Evidence query, Evidence given) =>
    [
        circuit.LogLikelihood(samples),
        circuit.Marginal(samples, 0, 2),
        circuit.Conditional(query, given),
        circuit.Posterior(given),
        circuit.Covariance(given),
        circuit.LogLikelihood(given.Where(1, ValueSet.AtLeast(0.5))),
        circuit.LogPartition(),
        circuit.Mpe(given),
        circuit.Sample(5),
        circuit.Sample(given),
        circuit.Condition(given),
        circuit.Expectation(x => x[0], given),
        circuit.ClassPosterior(samples),
        circuit.Entropy(),
        circuit.Divergence(other),
        circuit.MutualInformation([0], [1, 2]),
    ];
}
