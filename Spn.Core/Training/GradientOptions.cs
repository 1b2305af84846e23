using Spn.Core.Plans;

namespace Spn.Core.Training;

/// <summary>Rules that turn a gradient into a step.</summary>
public enum Optimiser
{
    /// <summary>Adam (Kingma and Ba 2015); weight decay is added to the gradient, not decoupled.</summary>
    Adam,

    /// <summary>Plain stochastic gradient ascent.</summary>
    Sgd,
}

/// <summary>What a mini-batch contributes.</summary>
public enum Objective
{
    /// <summary>The sum of the log-likelihoods, so that weight decay weighs less in larger batches (HyperSPN's released code).</summary>
    Sum,

    /// <summary>The mean of the log-likelihoods.</summary>
    Mean,
}

/// <summary>How parameters of one kind are stepped.</summary>
/// <param name="Kind">Which parameters.</param>
public sealed record ParameterRate(ParameterKind Kind)
{
    /// <summary>Their step size; where the step size of all falls, it falls likewise. Null takes that of all.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Their L2 weight decay; null takes that of all.</summary>
    public double? WeightDecay { get; init; }
}

/// <summary>Settings of mini-batch gradient ascent on the log-likelihood.</summary>
public sealed record GradientOptions
{
    /// <summary>The update rule.</summary>
    public Optimiser Optimiser { get; init; } = Optimiser.Adam;

    /// <summary>Step size.</summary>
    public double LearningRate { get; init; } = 5e-3;

    /// <summary>Step size that the last step reaches from <see cref="LearningRate"/> in a straight line, at least 0; null keeps the step size as it is.</summary>
    public double? FinalLearningRate { get; init; }

    /// <summary>Adam's decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Adam's addition to the denominator.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>L2 weight decay on every parameter, coupled.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Step sizes and weight decays of some kinds of parameters; the last one of a kind counts. The other kinds take those of all.</summary>
    public ValueList<ParameterRate> Rates { get; init; } = [];

    /// <summary>After every step raw weights, and factors of raw weights, are at least this; other parameters have no bound.</summary>
    /// <remarks>Source: Trapp, Peharz and Pernkopf 2019, released code.</remarks>
    public double Floor { get; init; } = 1e-4;

    /// <summary>True raises log f - Z instead of log f - log Z of circuits with raw weights: the same optimum, where Z is 1, on another way.</summary>
    /// <remarks>Curves show log f - log Z either way. Source: Trapp, Peharz and Pernkopf 2019, later code.</remarks>
    public bool LinearPartition { get; init; }

    /// <summary>What a batch contributes.</summary>
    public Objective Objective { get; init; } = Objective.Sum;

    /// <summary>Samples a batch; the whole set when it is smaller.</summary>
    public int BatchSize { get; init; } = 500;

    /// <summary>Number of steps, each on a batch drawn without replacement; unused when <see cref="Epochs"/> is given.</summary>
    public int Steps { get; init; } = 4000;

    /// <summary>Number of passes over the samples in shuffled order, or null to count steps.</summary>
    public int? Epochs { get; init; }

    /// <summary>Steps between evaluations on the validation samples; null makes it one pass over the samples.</summary>
    public int? EvaluationPeriod { get; init; }

    /// <summary>Evaluations without a better validation log-likelihood after which training stops; null never stops early.</summary>
    public int? Patience { get; init; }

    /// <summary>Seed of the batches.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>
    /// Share lambda of what is raised that tells classes apart: lambda log p(class | x) + (1 - lambda) log p(x | class), with
    /// log p(x, class) in the second place where the circuit learns its class prior. 0 is generative, 1 discriminative (cross-entropy),
    /// between them hybrid.
    /// </summary>
    public double Discriminative { get; init; }

    /// <summary>Probability with which each value of a product counts as 0 in a training step, below 1.</summary>
    /// <remarks>See <see cref="Engines.ISession.DropProducts"/>. Source: van de Wolfshaar and Pronobis 2020, section 5, with 0.2.</remarks>
    public double ProductDropout { get; init; }

    /// <summary>Probability with which each observed entry of a sample counts as hidden in a training step, below 1.</summary>
    /// <remarks>Source: van de Wolfshaar and Pronobis 2020, section 5, with 0.2.</remarks>
    public double InputDropout { get; init; }

    /// <summary>True ends with the last parameters even where validation samples are given: they then only tell how the training went.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Evaluates equal samples of a batch once, with their number as weight: the same sum, less work.</summary>
    public bool MergeEqualSamples { get; init; } = true;

    internal Schedule Schedule => new(BatchSize, Steps, Epochs, EvaluationPeriod, Patience, Seed) { KeepLast = KeepLast };

    internal void Check()
    {
        Positive(LearningRate, nameof(LearningRate));
        if (FinalLearningRate is double final && !(final >= 0 && double.IsFinite(final)))
            throw new ArgumentOutOfRangeException(nameof(FinalLearningRate), final, "FinalLearningRate must be at least 0.");
        Positive(BatchSize, nameof(BatchSize));
        if (Epochs is int epochs) Positive(epochs, nameof(Epochs));
        else Positive(Steps, nameof(Steps));
        if (EvaluationPeriod is int period) Positive(period, nameof(EvaluationPeriod));
        if (Patience is int patience) Positive(patience, nameof(Patience));
        Decay(WeightDecay);
        foreach (ParameterRate rate in Rates)
        {
            if (rate.LearningRate is double own) Positive(own, $"{nameof(LearningRate)} of {rate.Kind}");
            if (rate.WeightDecay is double decay) Decay(decay);
        }
        if (!(Floor >= 0) || double.IsInfinity(Floor)) throw new ArgumentOutOfRangeException(nameof(Floor), Floor, "The floor of weights is at least 0.");
        Fraction(Beta1, nameof(Beta1));
        Fraction(Beta2, nameof(Beta2));
        Positive(Epsilon, nameof(Epsilon));
        Fraction(ProductDropout, nameof(ProductDropout));
        Fraction(InputDropout, nameof(InputDropout));
        if (!(Discriminative is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(Discriminative), Discriminative, "Discriminative must be from 0 to 1.");

        static void Positive(double value, string name)
        {
            if (!(value > 0) || double.IsInfinity(value)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0.");
        }

        static void Decay(double value)
        {
            if (!(value >= 0)) throw new ArgumentOutOfRangeException(nameof(WeightDecay), value, "Weight decay is at least 0.");
        }

        static void Fraction(double value, string name)
        {
            if (!(value is >= 0 and < 1)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 0 and below 1.");
        }
    }
}
