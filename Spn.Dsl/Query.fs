namespace Spn

open System
open Spn.Core
open Spn.Core.Inference

/// <summary>Questions to a circuit; each answer is exact unless it says otherwise. The circuit comes last, for <c>|></c>.</summary>
/// <remarks>Evidence that does not fit the circuit, or has probability 0 where an answer supposes it, raises <see cref="T:Spn.Core.EvidenceException"/>.</remarks>
[<RequireQualifiedAccess>]
module Query =

    /// <summary>log p(evidence) of every sample, in nats; hidden entries are summed out.</summary>
    /// <returns>[sample] for one class, else [sample, class] row by row.</returns>
    let logLikelihood (evidence: Evidence) (circuit: Circuit) : float[] = circuit.LogLikelihood evidence

    /// <summary>Mean of the log-likelihoods, in nats.</summary>
    let averageLogLikelihood (evidence: Evidence) (circuit: Circuit) : float = circuit.AverageLogLikelihood evidence

    /// <summary>log p of some variables of every sample, all others summed out.</summary>
    let marginal (variables: seq<int>) (evidence: Evidence) (circuit: Circuit) : float[] =
        circuit.Marginal(evidence, Array.ofSeq variables)

    /// <summary>log p(query | given) of every sample; one given sample holds for all.</summary>
    let conditional (query: Evidence) (given: Evidence) (circuit: Circuit) : float[] = circuit.Conditional(query, given)

    /// <summary>Logarithm of the partition function, [class]: 0 up to rounding for a normalised circuit.</summary>
    let logPartition (circuit: Circuit) : float[] = circuit.LogPartition()

    /// <summary>The exact distribution of every variable given the evidence.</summary>
    let posterior (evidence: Evidence) (circuit: Circuit) : Posterior = circuit.Posterior evidence

    /// <summary>The exact distribution of one hidden variable given the evidence, as a mixture of input densities, [sample].</summary>
    let mixture (variable: int) (evidence: Evidence) (circuit: Circuit) : VariableMixture[] =
        circuit.Mixture(evidence, variable)

    let private each (read: int -> int -> float) (posterior: Posterior) =
        Array2D.init posterior.Count posterior.Variables read

    /// <summary>Mean of every variable given the evidence, [sample, variable]; a discrete variable counts by its codes.</summary>
    let mean (evidence: Evidence) (circuit: Circuit) : float[,] =
        let posterior = circuit.Posterior evidence
        each (fun sample variable -> posterior.Mean(sample, variable)) posterior

    /// <summary>Variance of every variable given the evidence, [sample, variable]; a discrete variable counts by its codes.</summary>
    let variance (evidence: Evidence) (circuit: Circuit) : float[,] =
        let posterior = circuit.Posterior evidence
        each (fun sample variable -> posterior.Variance(sample, variable)) posterior

    /// <summary>Covariance of all variables given one sample of evidence, [variable, variable].</summary>
    let covariance (evidence: Evidence) (circuit: Circuit) : float[,] = circuit.Covariance evidence

    /// <summary>The joint maximiser of all hidden variables; says whether it is exact.</summary>
    let mpe (evidence: Evidence) (circuit: Circuit) : MpeResult = circuit.Mpe evidence

    /// <summary>The same with settings, for example <c>MpeOptions(Improve = 3)</c>.</summary>
    let mpeWith (options: MpeOptions) (evidence: Evidence) (circuit: Circuit) : MpeResult =
        circuit.Mpe(evidence, options)

    /// <summary>Independent samples of all variables, with seed 1.</summary>
    let sample (count: int) (circuit: Circuit) : Evidence = circuit.Sample count

    /// <summary>Independent samples of all variables.</summary>
    let sampleWith (seed: int64) (count: int) (circuit: Circuit) : Evidence = circuit.Sample(count, seed)

    /// <summary>The batch with the hidden entries of every sample drawn given the others, with seed 1.</summary>
    let sampleGiven (evidence: Evidence) (circuit: Circuit) : Evidence = circuit.Sample evidence

    /// <summary>Several draws for every sample, [sample, draw].</summary>
    let sampleGivenWith (seed: int64) (draws: int) (evidence: Evidence) (circuit: Circuit) : Evidence =
        circuit.Sample(evidence, draws, seed)

    /// <summary>The batch with every hidden entry filled in.</summary>
    let complete (by: Completion) (evidence: Evidence) (circuit: Circuit) : Evidence = circuit.Complete(evidence, by)

    /// <summary>The same with the seed of random draws.</summary>
    let completeWith (seed: int64) (by: Completion) (evidence: Evidence) (circuit: Circuit) : Evidence =
        circuit.Complete(evidence, by, seed)

    /// <summary>Images with their hidden pixels filled in by the posterior mean, in the images' own unit; each is standardised by its visible pixels.</summary>
    let inpaint (images: Evidence) (circuit: Circuit) : Evidence = circuit.Inpaint images

    /// <summary>The same with settings, for example <c>InpaintOptions(Score = StandardScore.Global train)</c>.</summary>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, a score is given to a circuit of discrete variables, or the full images are needed and not given.</exception>
    let inpaintWith (options: InpaintOptions) (images: Evidence) (circuit: Circuit) : Evidence =
        circuit.Inpaint(images, options)

    /// <summary>Draws given one sample of evidence, some thousand at a time, for more of them than memory holds.</summary>
    let sampleBlocks (seed: int64) (draws: int) (evidence: Evidence) (circuit: Circuit) : seq<Evidence> =
        circuit.SampleBlocks(evidence, draws, seed)

    /// <summary>Copies a CSV file with its missing cells filled in and all else as it was.</summary>
    /// <param name="options">How, for example <c>TableCompletionOptions(By = Completion.Mpe)</c>.</param>
    /// <param name="input">The file, plain or gzip.</param>
    /// <param name="output">The file to write.</param>
    /// <param name="circuit">The circuit.</param>
    /// <exception cref="T:Spn.Core.Data.DataFormatException">The table does not fit the circuit's columns, or a row has probability 0.</exception>
    let completeTable
        (options: TableCompletionOptions)
        (input: string)
        (output: string)
        (circuit: Circuit)
        : TableCompletionReport =
        circuit.CompleteTable(input, output, options)

    /// <summary>Expected value of a function of one sample's values, estimated from 10,000 samples given one sample of evidence.</summary>
    let expectation (f: float32[] -> float) (evidence: Evidence) (circuit: Circuit) : Estimate =
        circuit.Expectation(Func<float32[], float> f, evidence)

    /// <summary>The same with a number of samples and their seed.</summary>
    let expectationWith
        (seed: int64)
        (samples: int)
        (f: float32[] -> float)
        (evidence: Evidence)
        (circuit: Circuit)
        : Estimate =
        circuit.Expectation(Func<float32[], float> f, evidence, samples, seed)

    /// <summary>p(class | evidence), [sample][class], by the circuit's prior: equal ones unless it was set.</summary>
    let classPosterior (evidence: Evidence) (circuit: Circuit) : float[][] =
        circuit.ClassPosterior evidence |> Array.chunkBySize circuit.Classes

    /// <summary>p(class | evidence), [sample][class], with a prior.</summary>
    /// <exception cref="T:System.ArgumentException">The prior is no distribution over the classes.</exception>
    let classPosteriorWith (prior: seq<float>) (evidence: Evidence) (circuit: Circuit) : float[][] =
        circuit.ClassPosterior(evidence, Array.ofSeq prior)
        |> Array.chunkBySize circuit.Classes

    /// <summary>The most probable class of every sample, by the circuit's prior.</summary>
    let mostProbableClass (evidence: Evidence) (circuit: Circuit) : int[] = circuit.MostProbableClass evidence

    /// <summary>Entropy in nats: exact or estimated, and it says which.</summary>
    let entropy (circuit: Circuit) : Information = circuit.Entropy()

    /// <summary>The same with settings of an estimate, for example <c>InformationOptions(Samples = 100000)</c>.</summary>
    let entropyWith (options: InformationOptions) (circuit: Circuit) : Information = circuit.Entropy options

    /// <summary>Cross-entropy in nats that another circuit spends on this one's samples.</summary>
    let crossEntropy (other: Circuit) (circuit: Circuit) : Information = circuit.CrossEntropy other

    /// <summary>The same with settings of an estimate.</summary>
    let crossEntropyWith (options: InformationOptions) (other: Circuit) (circuit: Circuit) : Information =
        circuit.CrossEntropy(other, options)

    /// <summary>Kullback-Leibler divergence of another circuit from this one, in nats.</summary>
    let divergence (other: Circuit) (circuit: Circuit) : Information = circuit.Divergence other

    /// <summary>The same with settings of an estimate.</summary>
    let divergenceWith (options: InformationOptions) (other: Circuit) (circuit: Circuit) : Information =
        circuit.Divergence(other, options)

    /// <summary>Mutual information of two sets of variables in nats, all others summed out.</summary>
    let mutualInformation (first: seq<int>) (second: seq<int>) (circuit: Circuit) : Information =
        circuit.MutualInformation(Array.ofSeq first, Array.ofSeq second)

    /// <summary>The same with settings of an estimate.</summary>
    let mutualInformationWith
        (options: InformationOptions)
        (first: seq<int>)
        (second: seq<int>)
        (circuit: Circuit)
        : Information =
        circuit.MutualInformation(Array.ofSeq first, Array.ofSeq second, options)

    /// <summary>Every query with how well this circuit answers it, and why.</summary>
    let support (circuit: Circuit) : QuerySupport list = circuit.Support() |> List.ofSeq
