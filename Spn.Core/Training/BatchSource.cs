namespace Spn.Core.Training;

/// <summary>How long a training runs and how samples are handed out; what the options of all learners have in common.</summary>
/// <param name="BatchSize">Samples a batch.</param>
/// <param name="Steps">Number of steps on independent draws; unused when epochs are given.</param>
/// <param name="Epochs">Shuffled passes over the samples, or null to count steps.</param>
/// <param name="EvaluationPeriod">Steps between evaluations; null makes it one pass.</param>
/// <param name="Patience">Evaluations without a better one after which training stops, or null.</param>
/// <param name="Seed">Seed of the batches.</param>
internal sealed record Schedule(int BatchSize, int Steps, int? Epochs, int? EvaluationPeriod, int? Patience, long Seed)
{
    /// <summary>Whether validation samples leave the choice of parameters alone.</summary>
    public bool KeepLast { get; init; }
}

/// <summary>Hands out mini-batches: independent draws when steps are counted, shuffled passes when epochs are.</summary>
internal sealed class BatchSource(Schedule schedule, int samples)
{
    private int[] order = [];
    private int epoch = -1;
    private int next;

    public int Size { get; } = Math.Min(schedule.BatchSize, samples);

    public int StepsPerEpoch => (samples + Size - 1) / Size;

    public int Steps => schedule.Epochs is not int epochs ? schedule.Steps : epochs <= int.MaxValue / StepsPerEpoch ? epochs * StepsPerEpoch
        : throw new ArgumentOutOfRangeException(nameof(schedule.Epochs), epochs, $"At most {int.MaxValue / StepsPerEpoch} passes over these samples can be counted.");

    public ReadOnlySpan<int> Next(int step)
    {
        if (schedule.Epochs is null) return new RandomStream(schedule.Seed, "batch", step).SampleWithoutReplacement(samples, Size);
        if (epoch < 0 || next >= samples)
        {
            epoch++;
            order = new RandomStream(schedule.Seed, "epoch", epoch).Permutation(samples);
            next = 0;
        }
        ReadOnlySpan<int> batch = order.AsSpan(next, Math.Min(Size, samples - next));
        next += Size;
        return batch;
    }
}
