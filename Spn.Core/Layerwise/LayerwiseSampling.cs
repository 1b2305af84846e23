namespace Spn.Core.Layerwise;

/// <summary>How the topmost mixture layer chooses components where no signal comes from above.</summary>
public enum ComponentChoice
{
    /// <summary>Each with equal probability (the paper).</summary>
    Uniform,

    /// <summary>By the mixing weights.</summary>
    ByWeight,

    /// <summary>One after another, so that all are shown.</summary>
    Cycle,
}

/// <summary>Sharpening: before a folding layer hands its signal on, the signal is moved so that a mixture layer above likes it better.</summary>
/// <remarks>Source: Gepperth 2022 (DCGMM), on sharpening.</remarks>
/// <param name="Layer">Place in the stack, from 0, of the folding or pooling layer whose input is sharpened.</param>
public sealed record Sharpening(int Layer)
{
    /// <summary>Place of the mixture layer whose loss is raised; null takes the next above <see cref="Layer"/>.</summary>
    public int? Target { get; init; }

    /// <summary>Steps of gradient ascent, at least 1.</summary>
    public int Iterations { get; init; } = 300;

    /// <summary>Step size. The loss is that of one image: the mean over the target's cells.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>Weight of the mean squared distance from the signal as it came, which is subtracted from the loss.</summary>
    public double Penalty { get; init; }
}

/// <summary>Settings of the way down: how components are drawn, and what is done to signals.</summary>
public sealed record LayerwiseSampleOptions
{
    /// <summary>Entries of the signal from above that take part in a draw, the largest; 0 keeps all.</summary>
    public int Top { get; init; } = 2;

    /// <summary>Power that the signal is raised to before a draw.</summary>
    public double Power { get; init; } = 1;

    /// <summary>What noise is divided by, above 0; infinity gives the centroids themselves.</summary>
    public double Divisor { get; init; } = 10;

    /// <summary>Largest precision that training allowed: an input whose inverse deviation is still at the root of it has taught nothing, and gets no noise.</summary>
    public double LargestPrecision { get; init; } = LayerwiseModel.StartPrecision;

    /// <summary>How the topmost mixture layer chooses where no signal comes from above.</summary>
    public ComponentChoice Choice { get; init; }

    /// <summary>Component that the topmost mixture layer takes where no signal comes from above; null leaves it to <see cref="Choice"/>.</summary>
    public int? Component { get; init; }

    /// <summary>Probability that a class given to conditional samples has; the others share the rest.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>What is sharpened on the way down.</summary>
    public ValueList<Sharpening> Sharpenings { get; init; } = [];

    /// <summary>Seed of the draws.</summary>
    public long Seed { get; init; } = 1;

    internal void Check(LayerwisePlan plan)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Top);
        if (!(Power > 0) || double.IsInfinity(Power)) throw new ArgumentOutOfRangeException(nameof(Power), Power, "The power must be above 0.");
        if (!(Divisor > 0)) throw new ArgumentOutOfRangeException(nameof(Divisor), Divisor, "The divisor must be above 0.");
        if (!(LargestPrecision > 0)) throw new ArgumentOutOfRangeException(nameof(LargestPrecision), LargestPrecision, "The largest precision must be above 0.");
        if (!(Confidence is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(Confidence), Confidence, "The confidence lies between 0 and 1.");
        if (Component is int fixedOne && (plan.Mixtures.Length == 0 || fixedOne < 0 || fixedOne >= plan.Mixtures[^1].Components))
            throw new ArgumentOutOfRangeException(nameof(Component), fixedOne, $"The topmost mixture layer has the components 0 to {plan.Mixtures.LastOrDefault()?.Components - 1}.");
        foreach (Sharpening sharpening in Sharpenings)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(sharpening.Iterations, 1, nameof(sharpening.Iterations));
            if (!double.IsFinite(sharpening.Rate)) throw new ArgumentOutOfRangeException(nameof(sharpening.Rate), sharpening.Rate, "The step size must be finite.");
            if (!(sharpening.Penalty >= 0) || double.IsInfinity(sharpening.Penalty))
                throw new ArgumentOutOfRangeException(nameof(sharpening.Penalty), sharpening.Penalty, "The penalty must be at least 0, and finite.");
            _ = Target(plan, sharpening);
        }
    }

    /// <summary>The mixture that a sharpening looks at.</summary>
    internal static MixtureStage Target(LayerwisePlan plan, Sharpening sharpening)
    {
        if (sharpening.Layer < 0 || sharpening.Layer >= plan.Spec.Layers.Count || plan.Spec.Layers[sharpening.Layer] is not (FoldingSpec or PoolingSpec))
            throw new ArgumentException($"Layer {sharpening.Layer} cannot be sharpened: it is no folding or pooling layer of the stack.", nameof(sharpening));
        return plan.Mixtures.FirstOrDefault(m => sharpening.Target is int target ? m.Last == target && target > sharpening.Layer : m.Last > sharpening.Layer)
            ?? throw new ArgumentException(
                sharpening.Target is int wanted ? $"Layer {wanted} is no mixture layer above layer {sharpening.Layer}." : $"No mixture layer stands above layer {sharpening.Layer}.", nameof(sharpening));
    }
}

/// <summary>How hidden pixels are completed.</summary>
public enum LayerwiseCompletion
{
    /// <summary>Hidden pixels count as 0 on the way up (the paper): zeros are taken as data.</summary>
    ZeroFill,

    /// <summary>Hidden pixels are summed out in the first mixture layer.</summary>
    Marginal,
}

public sealed unsafe partial class LayerwiseModel
{
    /// <summary>Images of a block of the way down; blocks are shared by threads.</summary>
    private const int SampleRows = 32;

    /// <summary>Draws images by going down from the topmost mixture layer.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="options">Settings; null takes the defaults.</param>
    /// <param name="progress">Told after each block of images how things stand.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <returns>Images, mostly in [0, 1].</returns>
    /// <exception cref="ArgumentException">A setting is out of range, or samples leave the range of numbers by it.</exception>
    public Evidence Sample(int count, LayerwiseSampleOptions? options = null, IProgress<Inference.QueryProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        MixtureStage top = Mixture(null);
        return Down(numbers, count, plan.StageIndex(top), null, options, progress, cancellation);
    }

    /// <summary>Draws images of given classes: the classifier is inverted and what it would like to read is the signal from above.</summary>
    /// <remarks>With several layers to read, the highest receives the signal.</remarks>
    /// <param name="classes">The class of each image.</param>
    /// <param name="options">Settings; null takes the defaults.</param>
    /// <param name="progress">Told after each block of images how things stand.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <exception cref="InvalidOperationException">The stack has no classifier.</exception>
    /// <exception cref="ArgumentException">There is no such class, a setting is out of range, or samples leave the range of numbers by it.</exception>
    public Evidence SampleClasses(int[] classes, LayerwiseSampleOptions? options = null, IProgress<Inference.QueryProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(classes);
        ClassifierStage classifier = Classifier();
        CheckLabels(classes, classes.Length, nameof(classes));
        options ??= new LayerwiseSampleOptions();
        options.Check(plan);
        int read = classifier.Reads.Length - 1, inputs = plan.Stages[classifier.Reads[read]].Output.Count, count = classifier.Output.Channels;
        LayerwiseNumbers current = numbers;
        ReadOnlySpan<float> all = current.Values;
        ReadOnlySpan<float> w = all.Slice(classifier.Weights[read], count * inputs), bias = all.Slice(classifier.Bias, count);
        var signals = new float[(long)classes.Length * inputs];
        for (int sample = 0; sample < classes.Length; sample++)
        {
            Span<float> own = signals.AsSpan(sample * inputs, inputs);
            for (int c = 0; c < count; c++)
            {
                float wanted = (float)Math.Log(c == classes[sample] ? options.Confidence : (1 - options.Confidence) / (count - 1)) - bias[c];
                for (int i = 0; i < inputs; i++) own[i] += wanted * w[c * inputs + i];
            }
            float least = own[0];
            foreach (float value in own) least = Math.Min(least, value);
            foreach (ref float value in own) value -= least;
        }
        return Down(current, classes.Length, classifier.Reads[read], signals, options, progress, cancellation);
    }

    /// <summary>Fills in the hidden pixels of images: up to the topmost mixture layer, down again by its responsibilities; visible pixels stay.</summary>
    /// <param name="images">Images in [0, 1] with what is to be filled in hidden.</param>
    /// <param name="by">How hidden pixels count on the way up.</param>
    /// <param name="options">Settings of the way down; null takes the defaults.</param>
    /// <param name="progress">Told after each block of images how things stand.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, or completions leave the range of numbers by it.</exception>
    /// <exception cref="NotSupportedException">Hidden pixels are to be summed out, and the first layer is no mixture of diagonal Gaussians.</exception>
    public Evidence Complete(
        Evidence images, LayerwiseCompletion by = LayerwiseCompletion.ZeroFill, LayerwiseSampleOptions? options = null,
        IProgress<Inference.QueryProgress>? progress = null, CancellationToken cancellation = default)
    {
        MixtureStage top = Mixture(null);
        float[] signals = Activities(images, top.Last, by == LayerwiseCompletion.Marginal, cancellation);
        Evidence drawn = Down(numbers, images.Count, plan.StageIndex(top), signals, options, progress, cancellation);
        var filled = new float[images.Values.Length];
        for (int i = 0; i < filled.Length; i++)
            filled[i] = images.IsHidden(i / images.Variables, i % images.Variables) ? drawn.Values[i] : images.Values[i];
        return Evidence.From(filled, images.Variables);
    }

    private Evidence Down(
        LayerwiseNumbers current, int count, int stage, float[]? signals, LayerwiseSampleOptions? options, IProgress<Inference.QueryProgress>? progress, CancellationToken cancellation)
    {
        options ??= new LayerwiseSampleOptions();
        options.Check(plan);
        if (options.Sharpenings.FirstOrDefault(s => s.Layer > plan.Stages[stage].Last) is { } above)
            throw new ArgumentException($"Layer {above.Layer} cannot be sharpened: the way down starts at layer {plan.Stages[stage].Last}.", nameof(options));
        var images = new float[(long)count * plan.Image.Count];
        int blocks = (count + SampleRows - 1) / SampleRows, done = 0, each = plan.Stages[stage].Output.Count;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var says = new Lock();
        // As the pool's threads do: results must not depend on which thread takes a block.
        using FlushToZero flush = FlushToZero.Here();
        pool.Run(blocks, (block, _) =>
        {
            if (cancellation.IsCancellationRequested) return;
            int first = block * SampleRows, rows = Math.Min(SampleRows, count - first);
            using var descent = new LayerwiseDescent(current, options, rows, first);
            descent.Go(stage, signals is null ? default : signals.AsSpan(first * each, rows * each)).CopyTo(images.AsSpan(first * plan.Image.Count));
            lock (says)
            {
                done += rows;
                progress?.Report(new Inference.QueryProgress(done, count, clock.Elapsed, clock.Elapsed * ((double)(count - done) / done)));
            }
        });
        cancellation.ThrowIfCancellationRequested();
        if (!Training.TrainingLoop.AllFinite(images))
            throw new ArgumentException("Samples have left the range of numbers: steps of sharpening are too long, or noise is too large. Use smaller steps, or less noise.", nameof(options));
        return Evidence.From(images, plan.Image.Count);
    }
}
