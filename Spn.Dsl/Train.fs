namespace Spn

open System
open System.Threading
open Spn.Core
open Spn.Core.Data
open Spn.Core.Training

/// <summary>Trains circuits in place.</summary>
[<RequireQualifiedAccess>]
module Train =

    let private progressOf report = {
        new IProgress<TrainingProgress> with
            member _.Report value = report value
    }

    /// <summary>Gradient ascent that tells how it stands and can be cancelled.</summary>
    /// <param name="report">Called about five times a second, such as <c>Progress.show</c>.</param>
    /// <param name="cancellation">Ends the training; the circuit keeps the best parameters so far.</param>
    /// <param name="train">Training samples, at least one.</param>
    /// <param name="valid">Validation samples, by which the parameters to keep are chosen; none keeps the last.</param>
    /// <param name="options">Settings.</param>
    /// <param name="circuit">The circuit.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, or there are no samples.</exception>
    let gradientWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (train: Evidence)
        (valid: Evidence)
        (options: GradientOptions)
        (circuit: Circuit)
        : TrainingReport =
        let valid = if valid.Count = 0 then null else valid
        circuit.Fit(train, valid, options, progress = progressOf report, cancellation = cancellation)

    /// <summary>Gradient ascent on the log-likelihood, in the protocol of HyperSPN's released code unless the options say otherwise.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.gradientWith"/>
    let gradient (train: Evidence) (valid: Evidence) (options: GradientOptions) (circuit: Circuit) : TrainingReport =
        gradientWith ignore CancellationToken.None train valid options circuit

    /// <summary>Expectation maximisation that tells how it stands and can be cancelled.</summary>
    /// <param name="report">Called about five times a second, such as <c>Progress.show</c>.</param>
    /// <param name="cancellation">Ends the training; the circuit keeps what it has learned so far.</param>
    /// <param name="options"><c>SoftEmOptions</c> or <c>HardEmOptions</c>: which form it takes, and its settings.</param>
    /// <param name="train">Training samples, at least one; hidden entries are summed out.</param>
    /// <param name="circuit">The circuit; hard expectation maximisation needs weights that are accumulators, soft ones that are free or accumulators.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, there are no samples, or weights or inputs have no M-step.</exception>
    let emWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (options: EmOptions)
        (train: Evidence)
        (circuit: Circuit)
        : TrainingReport =
        circuit.Fit(train, options, progress = progressOf report, cancellation = cancellation)

    /// <summary>Expectation maximisation of weights and inputs, in the form that the options say.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.emWith"/>
    let em (options: EmOptions) (train: Evidence) (circuit: Circuit) : TrainingReport =
        emWith ignore CancellationToken.None options train circuit

    /// <summary>Hard expectation maximisation that tells how it stands and can be cancelled.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.emWith"/>
    let hardEmWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (options: HardEmOptions)
        (train: Evidence)
        (circuit: Circuit)
        : TrainingReport =
        emWith report cancellation options train circuit

    /// <summary>Hard expectation maximisation of weights that are accumulators.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.emWith"/>
    let hardEm (options: HardEmOptions) (train: Evidence) (circuit: Circuit) : TrainingReport = em options train circuit

    /// <summary>Soft expectation maximisation that tells how it stands and can be cancelled.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.emWith"/>
    let softEmWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (options: SoftEmOptions)
        (train: Evidence)
        (circuit: Circuit)
        : TrainingReport =
        emWith report cancellation options train circuit

    /// <summary>Soft expectation maximisation of weights and inputs.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.emWith"/>
    let softEm (options: SoftEmOptions) (train: Evidence) (circuit: Circuit) : TrainingReport = em options train circuit

    /// <summary>Gradient ascent on a data set that tells how it stands and can be cancelled.</summary>
    /// <remarks>
    /// Class roots learn p(x | class) of each class, and p(class) where the root has weights for its classes;
    /// <c>GradientOptions(Discriminative = 1.0)</c> trains them to classify.
    /// </remarks>
    /// <param name="report">Called about five times a second, such as <c>Progress.show</c>.</param>
    /// <param name="cancellation">Ends the training; the circuit keeps the best parameters so far.</param>
    /// <param name="data">Training and validation samples; their labels are used where the circuit has several classes.</param>
    /// <param name="options">Settings.</param>
    /// <param name="circuit">The circuit.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, there are no samples, or labels are missing.</exception>
    let dataSetWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (data: DataSet)
        (options: GradientOptions)
        (circuit: Circuit)
        : TrainingReport =
        circuit.Fit(data, options, progressOf report, cancellation)

    /// <summary>Gradient ascent on the training and validation samples of a data set, with its labels where the circuit has class roots.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.dataSetWith"/>
    let dataSet (data: DataSet) (options: GradientOptions) (circuit: Circuit) : TrainingReport =
        dataSetWith ignore CancellationToken.None data options circuit

    /// <summary>Expectation maximisation on a data set that tells how it stands and can be cancelled.</summary>
    /// <param name="report">Called about five times a second, such as <c>Progress.show</c>.</param>
    /// <param name="cancellation">Ends the training; the circuit keeps what it has learned so far.</param>
    /// <param name="data">Training and validation samples; their labels are used where the circuit has several classes.</param>
    /// <param name="options"><c>SoftEmOptions</c>, <c>HardEmOptions</c>, or <c>BaumWelchOptions</c>, which trains class roots to classify.</param>
    /// <param name="circuit">The circuit; hard expectation maximisation needs weights that are accumulators, the others ones that are free or accumulators.</param>
    /// <exception cref="T:Spn.Core.EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="T:System.ArgumentException">A setting is out of range, there are no samples, labels are missing, or weights or inputs have no M-step.</exception>
    let dataSetEmWith
        (report: TrainingProgress -> unit)
        (cancellation: CancellationToken)
        (data: DataSet)
        (options: EmOptions)
        (circuit: Circuit)
        : TrainingReport =
        circuit.Fit(data, options, progressOf report, cancellation)

    /// <summary>Expectation maximisation, in the form that the options say, on the training and validation samples of a data set, with its labels where the circuit has class roots.</summary>
    /// <inheritdoc cref="M:Spn.TrainModule.dataSetEmWith"/>
    let dataSetEm (data: DataSet) (options: EmOptions) (circuit: Circuit) : TrainingReport =
        dataSetEmWith ignore CancellationToken.None data options circuit
