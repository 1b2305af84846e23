using Spn.Core.Engines;

namespace Spn.Core.Training;

/// <summary>Settings that every form of expectation maximisation has.</summary>
public abstract record EmOptions
{
    /// <summary>Number of passes over the samples in shuffled order.</summary>
    public int Epochs { get; init; } = 15;

    /// <summary>Samples a batch; the whole set when it is smaller.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Evaluations on the validation samples without a better one after which training stops; null never stops early.</summary>
    public int? Patience { get; init; }

    /// <summary>Whether the weights of sums change, and the learned p(class) with them.</summary>
    public bool UpdateWeights { get; init; } = true;

    /// <summary>Whether the parameters of inputs change, those that are frozen excepted.</summary>
    public bool UpdateInputs { get; init; }

    /// <summary>Seed of the batches and of everything drawn.</summary>
    public long Seed { get; init; } = 1;

    internal Schedule Schedule => new(BatchSize, 0, Epochs, null, Patience, Seed);

    /// <summary>What changes a circuit's parameters.</summary>
    internal abstract ILearner Learner(Circuit circuit, ISession session, Evidence train, int[]? labels);

    internal virtual void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchSize, 1);
        if (Patience is int patience) ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        if (!UpdateWeights && !UpdateInputs) throw new ArgumentException("Neither weights nor inputs are to change; set UpdateWeights or UpdateInputs.", nameof(UpdateWeights));
    }

    internal static void CheckShare(double value, string name)
    {
        if (!(value is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be from 0 to 1.");
    }

    internal static void CheckCount(double value, string name)
    {
        if (!(value >= 0) || double.IsInfinity(value)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be a finite number of at least 0.");
    }
}

/// <summary>Settings of online hard expectation maximisation: every sum on a sample's way down gives all its count to one child.</summary>
/// <remarks>
/// Counts are added to the accumulators and stay for the whole run; <see cref="AccumulatorWeights"/> says how they become weights. With
/// <see cref="EmOptions.UpdateInputs"/> the statistics of the values that end in an input component are added up likewise. The defaults are the paper's. Source: van de Wolfshaar and Pronobis 2020, section 5; Poon and Domingos 2011.
/// </remarks>
public sealed record HardEmOptions : EmOptions
{
    /// <summary>True chooses the child with the largest value, false the one with the largest weighted value; the paper's USI.</summary>
    public bool UnweightedSumInputs { get; init; }

    /// <summary>Share of the choices that are drawn in proportion to these values instead, 0 to 1.</summary>
    public double DrawShare { get; init; }

    /// <summary>How many values the start of an input component counts for, above 0.</summary>
    public double InputCount { get; init; } = 1;

    internal override ILearner Learner(Circuit circuit, ISession session, Evidence train, int[]? labels) => new HardEm(circuit, session, this, train, labels);

    internal override void Check()
    {
        base.Check();
        CheckShare(DrawShare, nameof(DrawShare));
        if (!(InputCount > 0) || double.IsInfinity(InputCount)) throw new ArgumentOutOfRangeException(nameof(InputCount), InputCount, "InputCount must be a finite number above 0.");
    }
}

/// <summary>Settings of soft expectation maximisation: every sum shares its count among its children in proportion to w_c v_c.</summary>
/// <remarks>
/// After a batch the weights w of a sum become (1 - step size) w + step size w', where w' are the shares of its flow that its children got;
/// the expectation parameters of an input component (the mean of its sufficient statistics: probabilities, or first and second moment) become
/// (1 - step size) of themselves + step size times the mean of the statistics of the samples, weighed by their flow into the component.
/// Sums and components that no sample reached stay as they are. Source: Peharz et al. 2020, Einsum networks, section 3.5.
/// </remarks>
public sealed record SoftEmOptions : EmOptions
{
    /// <summary>The defaults: mini-batches, inputs too.</summary>
    public SoftEmOptions() => UpdateInputs = true;

    /// <summary>
    /// True takes one step an epoch, by the flows of all samples, of size 1: the textbook's algorithm, which never lowers the likelihood of
    /// the training samples. <see cref="EmOptions.BatchSize"/> is then a matter of memory only, and <see cref="StepSize"/> and
    /// <see cref="AccumulateBatches"/> are of no use.
    /// </summary>
    public bool FullBatch { get; init; }

    /// <summary>Step size, above 0 and at most 1.</summary>
    public double StepSize { get; init; } = 0.05;

    /// <summary>Steps that grow smaller, in place of <see cref="StepSize"/>; null keeps it.</summary>
    public StepDecay? Decay { get; init; }

    /// <summary>
    /// Share beta, below 1, that a moving average of flows and statistics keeps at every step: m = beta m + (1 - beta) f for the flows f of a
    /// batch. Steps are taken by m / (1 - beta^t) after t steps, so that early ones are not drawn to 0. 0 takes the batch alone.
    /// </summary>
    /// <remarks>As Adam's first moment (Kingma and Ba 2015), with flows for gradients; it averages over more samples than one batch has.</remarks>
    public double Momentum { get; init; }

    /// <summary>
    /// Pseudo-count of samples (Laplace) that every sum shares out equally among its children, and every discrete input among its values, when
    /// shares are taken: w' = (flow + s / n) / (sum flow + s). It is not kept, so it does not pile up.
    /// </summary>
    public double Smoothing { get; init; }

    /// <summary>Batches whose flows are added before a step; one comes at the end of an epoch in any case.</summary>
    public int AccumulateBatches { get; init; } = 1;

    /// <summary>Weights stay at least about this.</summary>
    public double Floor { get; init; } = 1e-10;

    internal override ILearner Learner(Circuit circuit, ISession session, Evidence train, int[]? labels) => new SoftEm(circuit, session, this, train, labels);

    /// <summary>Size of a step.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    internal double SizeOf(int step) => FullBatch ? 1 : Decay?.SizeOf(step) ?? StepSize;

    internal override void Check()
    {
        base.Check();
        CheckShare(StepSize, nameof(StepSize));
        if (StepSize == 0) throw new ArgumentOutOfRangeException(nameof(StepSize), StepSize, "The step size must be above 0.");
        Decay?.Check();
        CheckShare(Momentum, nameof(Momentum));
        if (Momentum == 1) throw new ArgumentOutOfRangeException(nameof(Momentum), Momentum, "Momentum must be below 1.");
        if (FullBatch && (Momentum > 0 || Decay is not null)) throw new ArgumentException("A full batch takes whole steps: leave Momentum and Decay out, or set FullBatch to false.", nameof(FullBatch));
        CheckCount(Smoothing, nameof(Smoothing));
        CheckShare(Floor, nameof(Floor));
        ArgumentOutOfRangeException.ThrowIfLessThan(AccumulateBatches, 1);
    }
}

/// <summary>Settings of the extended Baum-Welch algorithm, which raises log p(class | x) of circuits with several classes.</summary>
/// <remarks>
/// A sum's child with weight w, that got the flow n of the samples' own classes and the flow m of all classes by their posterior, gets the
/// weight (n - m + D w) / (sum (n - m) + D). n - m is w times the derivative of the conditional log-likelihood; D holds the step back, and with
/// one large enough no step lowers it. p(class) is learned likewise where it is; inputs stay as they are.
/// Source: Rashwan, Poupart and Zhitang 2018, Discriminative training of sum-product networks by extended Baum-Welch.
/// </remarks>
public sealed record BaumWelchOptions : EmOptions
{
    /// <summary>
    /// D of a sum, at least 1, in units of the larger of its flow m and the least D that keeps its weights from being negative; the larger, the
    /// smaller and safer the steps.
    /// </summary>
    public double Damping { get; init; } = 2;

    /// <summary>True takes one step an epoch, by the flows of all samples.</summary>
    public bool FullBatch { get; init; }

    /// <summary>Weights stay at least about this.</summary>
    public double Floor { get; init; } = 1e-10;

    internal override ILearner Learner(Circuit circuit, ISession session, Evidence train, int[]? labels) => new BaumWelch(circuit, session, this, train, labels!);

    internal override void Check()
    {
        base.Check();
        if (!(Damping >= 1) || double.IsInfinity(Damping)) throw new ArgumentOutOfRangeException(nameof(Damping), Damping, "Damping must be a finite number of at least 1.");
        CheckShare(Floor, nameof(Floor));
        if (UpdateInputs) throw new ArgumentException("Extended Baum-Welch changes weights only; train inputs by SoftEmOptions or by gradient steps.", nameof(UpdateInputs));
    }
}

/// <summary>Step sizes (t + offset)^-power for steps t = 0, 1, ...</summary>
/// <remarks>Powers above 0.5 up to 1 converge. Source: Liang and Klein 2009, Online EM for unsupervised models.</remarks>
/// <param name="Power">Above 0, at most 1.</param>
/// <param name="Offset">At least 1: how large the first steps are.</param>
public sealed record StepDecay(double Power = 0.7, double Offset = 2)
{
    internal double SizeOf(int step) => Math.Pow(step + Offset, -Power);

    internal void Check()
    {
        if (!(Power is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(Power), Power, "The power must be above 0 and at most 1.");
        if (!(Offset >= 1) || double.IsInfinity(Offset)) throw new ArgumentOutOfRangeException(nameof(Offset), Offset, "The offset must be a finite number of at least 1.");
    }
}
