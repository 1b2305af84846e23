namespace Spn

open Spn.Core
open Spn.Core.Training

/// <summary>Groups of similar samples, and mixtures of one circuit a group.</summary>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Clusters =

    /// <summary>Groups samples by k-means, the best of three starts.</summary>
    /// <param name="count">Number of groups.</param>
    /// <param name="train">The samples; hidden entries count neither for distances nor for centres.</param>
    /// <exception cref="T:System.ArgumentException">There are fewer samples than groups, or the number is below 1.</exception>
    let kMeans (count: int) (train: Evidence) : Clusters = Clusters.KMeans(train, count)

    /// <summary>The group of each sample, from 0: that of the nearest centre.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The number of variables differs.</exception>
    let assign (samples: Evidence) (clusters: Clusters) : int[] = clusters.Assign samples

    /// <summary>The samples of each group.</summary>
    /// <exception cref="T:Spn.Core.EvidenceException">The number of variables differs.</exception>
    let split (samples: Evidence) (clusters: Clusters) : Evidence[] = clusters.Split samples

    /// <summary>A mixture of one circuit a group, trained on the samples of the group alone and weighted by their number.</summary>
    /// <param name="train">The samples.</param>
    /// <param name="part">Makes and trains the circuit of a group from its samples; the mixture copies it and disposes it.</param>
    /// <param name="clusters">The groups.</param>
    /// <exception cref="T:Spn.Core.CircuitException">The circuits do not fit together.</exception>
    let mixture (train: Evidence) (part: Evidence -> Circuit) (clusters: Clusters) : Circuit =
        clusters.Mixture(train, fun rows _ -> part rows)
