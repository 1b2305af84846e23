namespace Spn.Core.Training;

/// <summary>Settings that every form of expectation maximisation has.</summary>
public abstract record EmOptions
{
    /// <summary>Number of passes over the samples in shuffled order.</summary>
    public int Epochs { get; init; } = 15;

    /// <summary>Samples a batch, after each of which the weights change; the whole set when it is smaller.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Evaluations on the validation samples without a better one after which training stops; null never stops early.</summary>
    public int? Patience { get; init; }

    /// <summary>Seed of the batches and of everything drawn.</summary>
    public long Seed { get; init; } = 1;

    internal Schedule Schedule => new(BatchSize, 0, Epochs, null, Patience, Seed);

    internal virtual void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchSize, 1);
        if (Patience is int patience) ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
    }

    internal static void CheckShare(double value, string name)
    {
        if (!(value is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be from 0 to 1.");
    }
}

/// <summary>Settings of online hard expectation maximisation: every sum on a sample's way down gives all its count to one child.</summary>
/// <remarks>
/// Counts are added to the accumulators and stay for the whole run; <see cref="AccumulatorWeights"/> says how they become weights.
/// The defaults are the paper's. Source: van de Wolfshaar and Pronobis 2020, section 5; Poon and Domingos 2011.
/// </remarks>
public sealed record HardEmOptions : EmOptions
{
    /// <summary>True chooses the child with the largest value, false the one with the largest weighted value; the paper's USI.</summary>
    public bool UnweightedSumInputs { get; init; }

    /// <summary>Share of the choices that are drawn in proportion to these values instead, 0 to 1.</summary>
    public double DrawShare { get; init; }

    internal override void Check()
    {
        base.Check();
        CheckShare(DrawShare, nameof(DrawShare));
    }
}

/// <summary>Settings of online soft expectation maximisation: every sum shares its count among its children in proportion to w_c v_c.</summary>
/// <remarks>After a batch the weights w become (1 - step size) w + step size w', where w' are the batch's shares; a sum that no sample reached keeps its weights.</remarks>
public sealed record SoftEmOptions : EmOptions
{
    /// <summary>Step size, above 0 and at most 1; 1 with the whole set as batch is the textbook's algorithm.</summary>
    public double StepSize { get; init; } = 0.05;

    /// <summary>Batches whose counts are added before the weights change; counts that wait when validation samples are looked at, or at the end, are dropped.</summary>
    public int AccumulateBatches { get; init; } = 1;

    /// <summary>Weights stay at least about this.</summary>
    public double Floor { get; init; } = 1e-10;

    internal override void Check()
    {
        base.Check();
        CheckShare(StepSize, nameof(StepSize));
        if (StepSize == 0) throw new ArgumentOutOfRangeException(nameof(StepSize), StepSize, "The step size must be above 0.");
        CheckShare(Floor, nameof(Floor));
        ArgumentOutOfRangeException.ThrowIfLessThan(AccumulateBatches, 1);
    }
}
