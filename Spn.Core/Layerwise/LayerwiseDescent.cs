namespace Spn.Core.Layerwise;

/// <summary>The way down of some images: mixture layers draw, folding and pooling layers hand on, sharpening moves signals uphill.</summary>
/// <remarks>Signals are kept image by image, [image, number]; below 0 where sparse pooling leaves none.</remarks>
internal sealed unsafe class LayerwiseDescent : IDisposable
{
    private const float LeastSignal = 1e-6f, MostSignal = 1.1e4f, NoSignal = -1;

    private readonly LayerwiseNumbers numbers;
    private readonly LayerwisePlan plan;
    private readonly LayerwiseSampleOptions options;
    private readonly int count, first;
    private readonly RandomStream[] streams;
    private LayerwiseWorkspace? work;

    /// <summary>Prepares.</summary>
    /// <param name="numbers">Parameters.</param>
    /// <param name="options">Settings.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="first">Number of the first image among all that are drawn; each has random numbers of its own.</param>
    public LayerwiseDescent(LayerwiseNumbers numbers, LayerwiseSampleOptions options, int count, int first)
    {
        (this.numbers, this.options, this.count, this.first) = (numbers, options, count, first);
        plan = numbers.Plan;
        streams = [.. Enumerable.Range(first, count).Select(image => new RandomStream(options.Seed, "layerwise sample", image))];
    }

    /// <summary>Goes down.</summary>
    /// <param name="stage">The stage that receives the signals.</param>
    /// <param name="signals">Signals to its output, [image, number]; empty when there are none.</param>
    /// <returns>Images, [image, number].</returns>
    public ReadOnlySpan<float> Go(int stage, ReadOnlySpan<float> signals)
    {
        float[] now = signals.ToArray();
        for (int at = stage; at >= 0; at--)
        {
            Stage own = plan.Stages[at];
            var below = new float[(long)count * own.Input.Count];
            for (int image = 0; image < count; image++)
            {
                ReadOnlySpan<float> signal = now.Length == 0 ? default : now.AsSpan(image * own.Output.Count, own.Output.Count);
                Span<float> to = below.AsSpan(image * own.Input.Count, own.Input.Count);
                switch (own)
                {
                    case MixtureStage mixture:
                        Draw(mixture, signal, to, image);
                        break;
                    case FoldingStage folding:
                        for (int cell = 0; cell < own.Output.Cells; cell++) Unfold(folding.Table, cell, signal.Slice(cell * own.Output.Channels, own.Output.Channels), to);
                        Average(folding.Table, to);
                        break;
                    case PoolingStage pooling:
                        Spread(pooling, signal, to, streams[image]);
                        break;
                }
            }
            foreach (Sharpening sharpening in options.Sharpenings.Where(s => s.Layer == own.First)) Sharpen(at, below, sharpening);
            now = below;
        }
        return now;
    }

    public void Dispose() => work?.Dispose();

    private void Draw(MixtureStage stage, ReadOnlySpan<float> signal, Span<float> to, int image)
    {
        int components = stage.Components, inputs = stage.Inputs;
        RandomStream stream = streams[image];
        Span<float> shares = components <= 512 ? stackalloc float[components] : new float[components], patch = new float[inputs];
        Span<double> factors = new double[stage.Layer.Factors];
        float bound = (float)Math.Sqrt(options.LargestPrecision);
        for (int cell = 0; cell < stage.Output.Cells; cell++)
        {
            int set = stage.Set(cell), z;
            if (signal.IsEmpty) z = options.Component ?? Chosen(stage, set, image, stream);
            else z = Drawn(signal.Slice(cell * components, components), shares, stream);
            patch.Clear();
            if (z >= 0)
            {
                float* mu = numbers.Centres(stage, set) + (long)z * inputs, s = numbers.Deviations(stage, set) + (long)z * inputs;
                foreach (ref double factor in factors) factor = stream.NextNormal();
                for (int i = 0; i < inputs; i++)
                {
                    patch[i] = mu[i];
                    // An inverse deviation still at its bound has learned nothing of its dimension.
                    if (s[i] == bound) continue;
                    double noise = stream.NextNormal();
                    for (int f = 0; f < factors.Length; f++)
                        noise += factors[f] * (numbers.Loadings(stage, set) + (long)z * factors.Length * inputs)[(long)f * inputs + i];
                    patch[i] += (float)(noise / (s[i] + 1e-5) / options.Divisor);
                }
            }
            Unfold(stage.Table, cell, patch, to);
        }
        Average(stage.Table, to);
    }

    private int Chosen(MixtureStage stage, int set, int image, RandomStream stream)
    {
        switch (options.Choice)
        {
            case ComponentChoice.Cycle:
                return (first + image) % stage.Components;
            case ComponentChoice.ByWeight:
                return Inverse(new ReadOnlySpan<float>(numbers.Shares(stage, set), stage.Components), stream.NextDouble());
            default:
                return stream.NextInt(stage.Components);
        }
    }

    /// <summary>A component drawn by the largest entries of a signal; -1 where there is none.</summary>
    private int Drawn(ReadOnlySpan<float> signal, Span<float> shares, RandomStream stream)
    {
        float most = 0;
        foreach (float value in signal) most = Math.Max(most, value);
        if (most <= 0) return -1;
        // Relative to the largest, so that no power takes all of them out of the range of numbers.
        double scale = 1 / Math.Clamp((double)most, LeastSignal, MostSignal);
        for (int k = 0; k < signal.Length; k++) shares[k] = (float)Math.Pow(Math.Clamp(signal[k], LeastSignal, MostSignal) * scale, options.Power);
        if (options.Top > 0 && options.Top < shares.Length)
        {
            float[] sorted = shares.ToArray();
            Array.Sort(sorted);
            float least = sorted[^options.Top];
            foreach (ref float share in shares)
                if (share < least) share = 0;
        }
        return Inverse(shares, stream.NextDouble());
    }

    private static int Inverse(ReadOnlySpan<float> shares, double uniform)
    {
        double total = 0, sum = 0;
        foreach (float share in shares) total += share;
        int last = 0;
        for (int k = 0; k < shares.Length; k++)
        {
            if (shares[k] == 0) continue;
            sum += shares[k];
            last = k;
            if (sum > uniform * total) break;
        }
        return last;
    }

    private static void Unfold(PatchTable table, int cell, ReadOnlySpan<float> patch, Span<float> to)
    {
        int length = table.RunLength;
        for (int run = 0; run < table.Runs; run++)
        {
            int start = table.Starts[cell * table.Runs + run];
            for (int i = 0; i < length; i++) to[start + i] += patch[run * length + i];
        }
    }

    private static void Average(PatchTable table, Span<float> to)
    {
        for (int cell = 0; cell < table.Copies.Length; cell++)
            for (int c = 0; c < table.Input.Channels && table.Copies[cell] > 1; c++) to[cell * table.Input.Channels + c] /= table.Copies[cell];
    }

    private static void Spread(PoolingStage stage, ReadOnlySpan<float> signal, Span<float> to, RandomStream stream)
    {
        int channels = stage.Output.Channels;
        if (stage.Backward == PoolingBackward.Dense)
        {
            for (int cell = 0; cell < stage.Nearest.Length; cell++) signal.Slice(stage.Nearest[cell] * channels, channels).CopyTo(to[(cell * channels)..]);
            return;
        }
        to.Fill(NoSignal);
        for (int cell = 0; cell < stage.Output.Cells; cell++)
        {
            int[] window = stage.Windows[cell];
            signal.Slice(cell * channels, channels).CopyTo(to[window[stream.NextInt(window.Length)]..]);
        }
    }

    /// <summary>Gradient ascent on the loss of the target with respect to what a stage reads.</summary>
    private void Sharpen(int stage, float[] signals, Sharpening sharpening)
    {
        int target = plan.StageIndex(LayerwiseSampleOptions.Target(plan, sharpening)), numbersOfImage = plan.Stages[stage].Input.Count;
        work ??= new LayerwiseWorkspace(plan, count, withSlopes: true);
        work.Load(stage, signals, count);
        int all = numbersOfImage * work.Lanes;
        float* x = work.Input(stage), slopes = work.InputSlopes(stage);
        float[] before = sharpening.Penalty > 0 ? new ReadOnlySpan<float>(x, all).ToArray() : [];
        float rate = (float)sharpening.Rate, pull = (float)(2 * sharpening.Penalty / numbersOfImage);
        for (int iteration = 0; iteration < sharpening.Iterations; iteration++)
        {
            LayerwisePass.Forward(numbers, work, stage, target);
            LayerwisePass.PullBack(numbers, work, stage, target);
            for (int i = 0; i < before.Length; i++) slopes[i] -= pull * (x[i] - before[i]);
            MixtureKernels.Best.Add(rate, slopes, x, all);
        }
        work.Read(stage, signals);
    }
}
