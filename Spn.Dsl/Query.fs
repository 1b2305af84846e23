namespace Spn

open Spn.Core

/// <summary>Exact answers of a circuit.</summary>
[<RequireQualifiedAccess>]
module Query =

    /// <summary>log p(observed entries) of every sample, in nats; hidden entries are summed out.</summary>
    /// <param name="evidence">The samples.</param>
    /// <param name="circuit">The circuit.</param>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    /// <exception cref="T:Spn.Core.EvidenceException">The evidence does not fit the circuit.</exception>
    let logLikelihood (evidence: Evidence) (circuit: Circuit) : float[] = circuit.LogLikelihood evidence

    /// <summary>Mean of the log-likelihoods, in nats.</summary>
    /// <param name="evidence">The samples, at least one.</param>
    /// <param name="circuit">The circuit.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The evidence does not fit the circuit.</exception>
    let averageLogLikelihood (evidence: Evidence) (circuit: Circuit) : float = circuit.AverageLogLikelihood evidence
