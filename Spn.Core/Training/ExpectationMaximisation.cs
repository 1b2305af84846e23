using Spn.Core.Data;
using Spn.Core.Engines;

namespace Spn.Core.Training;

/// <summary>Expectation maximisation: of whole sets or mini-batches, soft or hard, of weights and inputs.</summary>
public static class ExpectationMaximisation
{
    /// <summary>Trains a circuit in place.</summary>
    /// <param name="circuit">The circuit; it ends with the best parameters by the validation samples, or the last without them. Hard expectation maximisation needs weights that are accumulators, the others ones that are free or accumulators.</param>
    /// <param name="train">Training samples, at least one; hidden entries are summed out.</param>
    /// <param name="options">Which form it takes, and its settings: <see cref="SoftEmOptions"/>, <see cref="HardEmOptions"/>, <see cref="BaumWelchOptions"/>.</param>
    /// <param name="valid">Validation samples, or null.</param>
    /// <param name="labels">The class of each training sample, needed for circuits with several classes.</param>
    /// <param name="validLabels">The class of each validation sample, likewise.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps what it has learned so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, labels are missing, or weights or inputs have no M-step.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, Evidence train, EmOptions options, Evidence? valid = null, int[]? labels = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        TrainingLoop.Check(circuit, train, valid, labels, validLabels);
        using ISession session = circuit.NewSession();
        return new TrainingLoop(circuit, session, options.Schedule, train, valid, validLabels).Go(options.Learner(circuit, session, train, labels), progress, cancellation);
    }

    /// <summary>The same with the training and validation samples of a data set; with its labels where the circuit has several classes.</summary>
    /// <param name="circuit">The circuit.</param>
    /// <param name="data">The data set; without validation samples the last parameters are kept.</param>
    /// <param name="options">Which form it takes, and its settings.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Stops the training; the circuit keeps what it has learned so far.</param>
    /// <exception cref="EvidenceException">The samples do not fit the circuit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no samples, the circuit has several classes and the data set no labels, or weights or inputs have no M-step.</exception>
    public static TrainingReport Fit(
        this Circuit circuit, DataSet data, EmOptions options, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(data);
        Evidence? valid = data.Valid.Count == 0 ? null : data.Valid;
        (int[]? labels, int[]? validLabels) = circuit.Classes > 1 ? (data.TrainLabels, data.ValidLabels) : (null, null);
        return circuit.Fit(data.Train, options, valid, labels, validLabels, progress, cancellation);
    }
}
