namespace Spn.Core.Training;

/// <summary>Hands out mini-batches: independent draws when steps are counted, shuffled passes when epochs are.</summary>
internal sealed class BatchSource(GradientOptions options, int samples)
{
    private int[] order = [];
    private int epoch = -1;
    private int next;

    public int Size { get; } = Math.Min(options.BatchSize, samples);

    public int StepsPerEpoch => (samples + Size - 1) / Size;

    public int Steps => options.Epochs is int epochs ? checked(epochs * StepsPerEpoch) : options.Steps;

    public ReadOnlySpan<int> Next(int step)
    {
        if (options.Epochs is null) return new RandomStream(options.Seed, "batch", step).SampleWithoutReplacement(samples, Size);
        if (epoch < 0 || next >= samples)
        {
            epoch++;
            order = new RandomStream(options.Seed, "epoch", epoch).Permutation(samples);
            next = 0;
        }
        ReadOnlySpan<int> batch = order.AsSpan(next, Math.Min(Size, samples - next));
        next += Size;
        return batch;
    }
}
