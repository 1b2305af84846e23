using Spn.Core.Engines.Simd;

namespace Spn.Core.Layerwise;

/// <summary>Memory of a batch on its way through the stages: images are the lanes.</summary>
internal sealed unsafe class LayerwiseWorkspace : IDisposable
{
    private readonly LayerwisePlan plan;
    private readonly NativeBuffer?[] values, rows, slopes, best, winners, weights;
    private readonly NativeBuffer? hidden;
    private readonly NativeBuffer[] scratch;

    /// <summary>Makes room.</summary>
    /// <param name="plan">What is computed.</param>
    /// <param name="most">Images of a batch at most.</param>
    /// <param name="workers">Threads that share the work on a batch.</param>
    /// <param name="withRows">Whether outputs are kept image by image as well.</param>
    /// <param name="withSlopes">Whether there is room for derivatives by outputs.</param>
    /// <param name="withHidden">Whether images may have hidden pixels.</param>
    public LayerwiseWorkspace(LayerwisePlan plan, int most, int workers = 1, bool withRows = false, bool withSlopes = false, bool withHidden = false)
    {
        this.plan = plan;
        Lanes = MixtureKernels.Padded(most);
        int stages = plan.Stages.Length;
        (values, rows, slopes) = (new NativeBuffer?[stages + 1], new NativeBuffer?[stages + 1], new NativeBuffer?[stages + 1]);
        (best, winners, weights) = (new NativeBuffer?[stages], new NativeBuffer?[stages], new NativeBuffer?[stages]);
        for (int i = 0; i <= stages; i++)
        {
            int numbers = InputCount(i);
            values[i] = Room(numbers);
            if (withRows || i == 0) rows[i] = Room(numbers);
            if (withSlopes) slopes[i] = Room(numbers);
            if (i == stages || plan.Stages[i] is not MixtureStage mixture) continue;
            best[i] = Room(mixture.Output.Cells);
            winners[i] = Room(mixture.Output.Cells);
            if (withRows && mixture.Layer.Loss == MixtureLoss.Full) weights[i] = Room(mixture.Output.Count);
        }
        if (withHidden) hidden = Room(plan.Image.Count);
        int components = plan.Mixtures.Select(m => m.Components).DefaultIfEmpty(1).Max();
        int factors = plan.Mixtures.Select(m => m.Layer.Factors).DefaultIfEmpty(0).Max();
        int inputs = MixtureKernels.Padded(plan.Mixtures.Select(m => m.Inputs).DefaultIfEmpty(1).Max());
        int channels = Math.Max(components, plan.Classifier?.Output.Channels ?? 0);
        // For scores under annealing, for what a classifier reads of one layer, for the moments of a set of parameters before and after the annealing filter, or for factors.
        ScratchFloats = Math.Max(Math.Max((long)channels * Lanes, withRows ? 4L * components * inputs : 0), factors > 0 ? FactorScores.ScratchFloats(inputs, factors, Lanes) : 0);
        scratch = [.. Enumerable.Range(0, workers).Select(_ => new NativeBuffer(ScratchFloats * sizeof(float)))];

        NativeBuffer Room(int numbers) => new((long)numbers * Lanes * sizeof(float));
    }

    /// <summary>Room for images, a multiple of <see cref="MixtureKernels.LaneMultiple"/>.</summary>
    public int Lanes { get; }

    /// <summary>Images of the present batch.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the present batch has hidden pixels.</summary>
    public bool HasHidden { get; private set; }

    public long ScratchFloats { get; }

    /// <summary>Bytes held.</summary>
    public long Bytes => new[] { values, rows, slopes, best, winners, weights, [hidden], scratch }.Sum(group => group.Sum(b => b?.Bytes ?? 0));

    /// <summary>Numbers of an image that a stage reads.</summary>
    public int InputCount(int stage) => stage == 0 ? plan.Image.Count : plan.Stages[stage - 1].Output.Count;

    /// <summary>What a stage reads, [number, lane]; that of the first is the image.</summary>
    public float* Input(int stage) => values[stage]!.Floats;

    /// <summary>What a stage makes, [number, lane].</summary>
    public float* Output(int stage) => values[stage + 1]!.Floats;

    /// <summary>
    /// Where the first lane's number of a stage's input lies among the rows of the grid, [row of the grid, lane, number of the row]; null where
    /// they are not kept. Numbers of a row follow each other; from a lane to the next there are as many as a row has.
    /// </summary>
    public float* InputRow(int stage, int number)
    {
        if (rows[stage] is not { } kept) return null;
        int column = number % RowLength(stage);
        return kept.Floats + (long)(number - column) * Lanes + column;
    }

    /// <summary>Numbers of a row of the grid that a stage reads.</summary>
    public int RowLength(int stage)
    {
        LayerShape shape = stage == 0 ? plan.Image : plan.Stages[stage - 1].Output;
        return shape.Width * shape.Channels;
    }

    /// <summary>Derivatives by what a stage reads, [number, lane].</summary>
    public float* InputSlopes(int stage) => slopes[stage]!.Floats;

    /// <summary>Derivatives by what a stage makes, [number, lane].</summary>
    public float* OutputSlopes(int stage) => slopes[stage + 1]!.Floats;

    /// <summary>The loss of each cell of a mixture, [cell, lane].</summary>
    public float* Best(int stage) => best[stage]!.Floats;

    /// <summary>The winning component of each cell of a mixture, [cell, lane].</summary>
    public float* Winners(int stage) => winners[stage]!.Floats;

    /// <summary>How much each component counts under the full loss, [cell, component, lane]; null where it is not kept.</summary>
    public float* Weights(int stage) => weights[stage] is { } kept ? kept.Floats : null;

    /// <summary>1 where a number of an image is hidden, [number, lane].</summary>
    public float* Hidden => hidden!.Floats;

    public float* Scratch(int worker) => scratch[worker].Floats;

    /// <summary>Takes images; lanes beyond them are 0.</summary>
    /// <param name="images">The images.</param>
    /// <param name="samples">Which of them, at most as many as there are lanes.</param>
    /// <param name="marginal">Whether hidden pixels are summed out; else they count as 0.</param>
    public void Load(Evidence images, ReadOnlySpan<int> samples, bool marginal = false)
    {
        Count = samples.Length;
        HasHidden = false;
        int length = RowLength(0);
        for (int row = 0; row < plan.Image.Height; row++)
        {
            float* own = InputRow(0, row * length);
            var to = new Span<float>(own, Lanes * length);
            for (int lane = 0; lane < Count; lane++) images.Row(samples[lane]).Slice(row * length, length).CopyTo(to[(lane * length)..]);
            to[(Count * length)..].Clear();
            for (int lane = 0; images.HasHidden && lane < Count; lane++)
                for (int i = 0; i < length; i++)
                    if (images.IsHidden(samples[lane], row * length + i)) (own[lane * length + i], HasHidden) = (0, true);
            MixtureKernels.TurnBack(own, length, length, Input(0) + (long)row * length * Lanes, Lanes);
        }
        HasHidden &= marginal;
        if (!HasHidden) return;
        hidden!.Clear();
        for (int lane = 0; lane < Count; lane++)
            for (int i = 0; i < plan.Image.Count; i++)
                if (images.IsHidden(samples[lane], i)) Hidden[(long)i * Lanes + lane] = 1;
    }

    /// <summary>Takes numbers of a stage's input, [lane, number].</summary>
    public void Load(int stage, ReadOnlySpan<float> numbers, int count)
    {
        (Count, HasHidden) = (count, false);
        int each = numbers.Length / count;
        fixed (float* from = numbers)
            for (int i = 0; i < each; i++)
            {
                float* to = Input(stage) + (long)i * Lanes;
                for (int lane = 0; lane < Lanes; lane++) to[lane] = lane < count ? from[(long)lane * each + i] : 0;
            }
    }

    /// <summary>Gives numbers of a stage's input back, [lane, number].</summary>
    public void Read(int stage, Span<float> numbers) => Read(Input(stage), numbers);

    /// <summary>Gives numbers of a stage's output back, [lane, number].</summary>
    public void ReadOutput(int stage, Span<float> numbers) => Read(Output(stage), numbers);

    public void Dispose()
    {
        foreach (NativeBuffer?[] group in new[] { values, rows, slopes, best, winners, weights, [hidden], scratch })
            foreach (NativeBuffer? buffer in group) buffer?.Dispose();
    }

    private void Read(float* from, Span<float> numbers)
    {
        int each = numbers.Length / Count;
        for (int lane = 0; lane < Count; lane++)
            for (int i = 0; i < each; i++) numbers[lane * each + i] = from[(long)i * Lanes + lane];
    }
}
