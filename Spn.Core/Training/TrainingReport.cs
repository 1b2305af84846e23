namespace Spn.Core.Training;

/// <summary>Where a running training stands.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps asked for.</param>
/// <param name="Train">Mean log-likelihood of the samples seen since the last evaluation, in nats.</param>
/// <param name="Valid">Last validation log-likelihood, in nats, or null before the first.</param>
/// <param name="BestValid">Best validation log-likelihood so far, or null.</param>
/// <param name="SamplesPerSecond">Training samples per second, evaluations included.</param>
/// <param name="Elapsed">Time since the start.</param>
/// <param name="Remaining">Expected time to the last step.</param>
public sealed record TrainingProgress(
    int Step, int Steps, double Train, double? Valid, double? BestValid, double SamplesPerSecond, TimeSpan Elapsed, TimeSpan Remaining)
{
    /// <summary>Share of the validation samples whose likeliest class is theirs, at the last evaluation; null for circuits of one class.</summary>
    public double? Accuracy { get; init; }
}

/// <summary>One point of a learning curve.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Train">Mean log-likelihood of the batches since the point before, in nats.</param>
/// <param name="Valid">Mean log-likelihood of the validation samples, in nats, or null without any.</param>
public sealed record TrainingPoint(int Step, double Train, double? Valid)
{
    /// <summary>Share of the validation samples whose likeliest class is theirs; null for circuits of one class.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Time since the start of the training.</summary>
    public TimeSpan Elapsed { get; init; }
}

/// <summary>Why a training ended.</summary>
public enum TrainingEnd
{
    /// <summary>All steps were done.</summary>
    Finished,

    /// <summary>The validation log-likelihood stopped improving.</summary>
    StoppedEarly,

    /// <summary>A gradient or a parameter was no longer finite; the circuit holds the best parameters so far, or the last finite ones.</summary>
    Diverged,

    /// <summary>The caller cancelled; the circuit holds the best parameters so far.</summary>
    Cancelled,
}

/// <summary>What a training did.</summary>
/// <param name="Curve">The learning curve, one point an evaluation.</param>
/// <param name="BestStep">Step whose parameters the circuit now has.</param>
/// <param name="BestValid">Its validation log-likelihood, in nats, or null without validation samples.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="End">Why it ended.</param>
/// <param name="Elapsed">Time taken.</param>
/// <param name="SamplesPerSecond">Training samples per second, evaluations included.</param>
public sealed record TrainingReport(
    IReadOnlyList<TrainingPoint> Curve, int BestStep, double? BestValid, int Steps, TrainingEnd End, TimeSpan Elapsed, double SamplesPerSecond);
