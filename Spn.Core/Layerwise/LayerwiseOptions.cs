namespace Spn.Core.Layerwise;

/// <summary>What a classifier lowers.</summary>
public enum ClassifierLoss
{
    /// <summary>The cross-entropy of the classes: minus the log-probability of the true one.</summary>
    CrossEntropy,

    /// <summary>The squared error: the sum over classes of the squared distance of the logit from 1 for the true class, from 0 for the others.</summary>
    SquaredError,
}

/// <summary>Settings of <see cref="LayerwiseModel.Fit"/>; the defaults are the paper's.</summary>
/// <remarks>Source: Gepperth 2022 (DCGMM); Gepperth and Pfuelb 2021 on annealing.</remarks>
public sealed record LayerwiseOptions
{
    /// <summary>Passes over the samples, in shuffled order.</summary>
    public int Epochs { get; init; } = 15;

    /// <summary>Samples a step; fewer where there are not so many.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>Step size at the start.</summary>
    public double StartRate { get; init; } = 0.011;

    /// <summary>Step size that the controller does not go below, unless training starts there; its inverse is the number of steps of a window of the controller.</summary>
    public double EndRate { get; init; } = 0.01;

    /// <summary>Step size of centroids, as a multiple of the step size.</summary>
    public double CentreRate { get; init; } = 1;

    /// <summary>Step size of inverse deviations, as a multiple of the step size.</summary>
    public double DeviationRate { get; init; } = 0.1;

    /// <summary>Step size of logits, as a multiple of the step size.</summary>
    public double WeightRate { get; init; } = 0.2;

    /// <summary>Step size of loadings, as a multiple of the step size.</summary>
    public double LoadingRate { get; init; } = 0.1;

    /// <summary>Largest precision; inverse deviations are at most its root.</summary>
    public double LargestPrecision { get; init; } = LayerwiseModel.StartPrecision;

    /// <summary>Smallest inverse deviation. The paper lets them pass through 0, where no density is; their sign means nothing.</summary>
    public double LeastDeviation { get; init; } = 0.01;

    /// <summary>Radius of the annealing filter at the start, in components; null is sqrt(2 K) / 4, 0 smooths nothing.</summary>
    public double? StartRadius { get; init; }

    /// <summary>Radius of the annealing filter that the controller does not go below, unless training starts there.</summary>
    public double EndRadius { get; init; } = 0.01;

    /// <summary>Relative change of the loss below which the controller lessens radius and step size.</summary>
    public double Plateau { get; init; } = 0.05;

    /// <summary>Share of the steps after which each mixture layer starts to learn, lowest first; null is 0, 0.1, 0.2, ...</summary>
    public ValueList<double>? Delays { get; init; }

    /// <summary>Step size of the classifier.</summary>
    public double ClassifierRate { get; init; } = 0.1;

    /// <summary>Step size of the classifier that the last step has; it changes evenly from <see cref="ClassifierRate"/>. Null keeps that.</summary>
    public double? FinalClassifierRate { get; init; }

    /// <summary>What the classifier lowers.</summary>
    public ClassifierLoss ClassifierLoss { get; init; }

    /// <summary>Times that losses are kept and measured on the validation samples; at most one a step. A training whose losses leave the range of numbers ends with the parameters of the last such time.</summary>
    public int Points { get; init; } = 50;

    /// <summary>Seed of the order of the samples.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>The classifier's step size after a share of the steps.</summary>
    internal double ClassifierRateAt(double done) => ClassifierRate + done * ((FinalClassifierRate ?? ClassifierRate) - ClassifierRate);

    internal double Delay(int mixture) => Delays is null ? Math.Min(0.1 * mixture, 0.9) : Delays[mixture];

    internal void Check(LayerwisePlan plan)
    {
        AtLeast(Epochs, 1, nameof(Epochs));
        AtLeast(BatchSize, 1, nameof(BatchSize));
        AtLeast(Points, 1, nameof(Points));
        foreach ((double value, string name) in new[] { (CentreRate, nameof(CentreRate)), (DeviationRate, nameof(DeviationRate)), (WeightRate, nameof(WeightRate)), (LoadingRate, nameof(LoadingRate)), (ClassifierRate, nameof(ClassifierRate)), (FinalClassifierRate ?? 0, nameof(FinalClassifierRate)), (StartRadius ?? 0, nameof(StartRadius)), (Plateau, nameof(Plateau)) })
            AtLeast(value, 0, name);
        foreach ((double value, string name) in new[] { (StartRate, nameof(StartRate)), (EndRate, nameof(EndRate)), (LargestPrecision, nameof(LargestPrecision)), (LeastDeviation, nameof(LeastDeviation)), (EndRadius, nameof(EndRadius)) })
            if (!(value > 0) || double.IsInfinity(value)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0.");
        if (LeastDeviation * LeastDeviation > LargestPrecision)
            throw new ArgumentOutOfRangeException(nameof(LeastDeviation), LeastDeviation, $"The smallest inverse deviation lies above the largest, {Math.Sqrt(LargestPrecision):0.###}.");
        if (!Enum.IsDefined(ClassifierLoss)) throw new ArgumentOutOfRangeException(nameof(ClassifierLoss), ClassifierLoss, "There is no such loss.");
        if (Delays is not null && Delays.Count != plan.Mixtures.Length)
            throw new ArgumentException($"There are {Delays.Count} delays and {plan.Mixtures.Length} mixture layers; give one for each.", nameof(Delays));
        if (Delays?.Any(d => !(d is >= 0 and < 1)) == true)
            throw new ArgumentOutOfRangeException(nameof(Delays), Delays, "A delay is a share of the steps: at least 0 and below 1.");
        if (StartRadius == 0) return;
        foreach (MixtureStage mixture in plan.Mixtures)
        {
            int side = (int)Math.Round(Math.Sqrt(mixture.Components));
            if (side * side != mixture.Components)
                throw new CircuitException($"Layer {mixture.Last + 1} of {plan.Spec.Layers.Count}, {mixture.Layer.Name}", "components form no square",
                    $"Annealing lays components on a square grid, and there are {mixture.Components}.", $"Use {side * side} or {(side + 1) * (side + 1)}, or train with StartRadius = 0.");
        }

        static void AtLeast(double value, double least, string name)
        {
            if (!(value >= least) || double.IsInfinity(value)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");
        }
    }
}

/// <summary>Losses of all mixture layers at one time of a training.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Train">Mean loss that training raised since the point before, of each mixture layer, in nats; NaN for layers that have not started.</param>
/// <param name="Valid">Mean loss of the validation samples, of each mixture layer, in nats, without annealing; empty without samples.</param>
/// <param name="Radii">Radius of the annealing filter of each mixture layer.</param>
/// <param name="Accuracy">Share of the validation samples whose likeliest class is theirs; null without classifier or samples.</param>
/// <param name="Elapsed">Time since the start.</param>
public sealed record LayerwisePoint(
    int Step, IReadOnlyList<double> Train, IReadOnlyList<double> Valid, IReadOnlyList<double> Radii, double? Accuracy, TimeSpan Elapsed);

/// <summary>Where a running training of a layerwise model stands.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps asked for.</param>
/// <param name="Losses">Mean loss of each mixture layer since the last point, in nats; NaN for layers that have not started.</param>
/// <param name="SamplesPerSecond">Training samples per second, measuring included.</param>
/// <param name="Elapsed">Time since the start.</param>
/// <param name="Remaining">Expected time to the last step.</param>
public sealed record LayerwiseProgress(int Step, int Steps, IReadOnlyList<double> Losses, double SamplesPerSecond, TimeSpan Elapsed, TimeSpan Remaining)
{
    /// <summary>Share of the validation samples whose likeliest class is theirs, at the last point; null without any.</summary>
    public double? Accuracy { get; init; }
}

/// <summary>What a training of a layerwise model did.</summary>
/// <param name="Curve">Losses over time.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="End">Why it ended.</param>
/// <param name="Elapsed">Time taken.</param>
/// <param name="SamplesPerSecond">Training samples per second, measuring included.</param>
public sealed record LayerwiseReport(IReadOnlyList<LayerwisePoint> Curve, int Steps, Training.TrainingEnd End, TimeSpan Elapsed, double SamplesPerSecond);
