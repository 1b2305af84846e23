namespace Spn.Core.Layerwise;

/// <summary>A deep convolutional Gaussian mixture: its description and its parameters.</summary>
/// <remarks>
/// Forward it estimates densities: every mixture layer passes the responsibilities of its components on. Backward it samples: what an
/// upper layer draws is the mixing prior of the layer below. It is no circuit: layers learn by losses of their own, and a density over
/// images is only defined by each of them for its own input. Images are given in [0, 1]. Queries may come from several threads at once.
/// Source: Gepperth 2022 (DCGMM).
/// </remarks>
public sealed unsafe partial class LayerwiseModel
{
    internal const double StartPrecision = 20, StartRange = 0.1;

    /// <summary>Images that a query takes at a time.</summary>
    private const int BlockRows = 128;

    private readonly LayerwisePlan plan;
    private readonly WorkerPool pool;
    private volatile LayerwiseNumbers numbers;

    private LayerwiseModel(LayerwiseSpec spec, LayerwisePlan plan, ReadOnlySpan<float> parameters, int threads)
    {
        Spec = spec;
        this.plan = plan;
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        pool = WorkerPool.Of(threads > 0 ? threads : Environment.ProcessorCount);
        numbers = new LayerwiseNumbers(plan, parameters);
    }

    /// <summary>The description.</summary>
    public LayerwiseSpec Spec { get; }

    /// <summary>Size of every layer's output.</summary>
    public IReadOnlyList<LayerShape> Shapes => plan.Shapes;

    /// <summary>Places in the stack of the mixture layers, lowest first.</summary>
    public IReadOnlyList<int> MixtureLayers => [.. plan.Mixtures.Select(m => m.Last)];

    /// <summary>Number of parameters.</summary>
    public int ParameterCount => plan.ParameterCount;

    /// <summary>All parameters, in the order of <see cref="Tensors"/>.</summary>
    public ReadOnlySpan<float> Parameters => numbers.Values;

    /// <summary>What the parameters are.</summary>
    public IReadOnlyList<LayerTensor> Tensors => plan.Tensors;

    /// <summary>Number of threads.</summary>
    public int Threads => pool.Threads;

    /// <summary>Allocates a model and starts its parameters.</summary>
    /// <remarks>Equal logits, centroids uniform in [-0.1, 0.1], inverse deviations at their bound sqrt(20).</remarks>
    /// <param name="spec">The description.</param>
    /// <param name="seed">The same seed gives the same parameters.</param>
    /// <param name="threads">Number of threads, or 0 for one a processor.</param>
    /// <exception cref="CircuitException">The description breaks a rule; all findings are listed.</exception>
    public static LayerwiseModel Compile(LayerwiseSpec spec, long seed = 1, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var plan = new LayerwisePlan(spec);
        return new LayerwiseModel(spec, plan, Start(plan, seed), threads);
    }

    /// <summary>Replaces the parameters.</summary>
    /// <param name="values">As many as <see cref="ParameterCount"/>, all finite; inverse deviations above 0.</param>
    /// <exception cref="ArgumentException">The number differs, or a value does not fit.</exception>
    public void SetParameters(ReadOnlySpan<float> values)
    {
        plan.CheckParameters(values);
        numbers = new LayerwiseNumbers(plan, values);
    }

    /// <summary>Trains all layers at once, each by its own loss; the model ends with the last parameters.</summary>
    /// <remarks>
    /// Plain stochastic gradient ascent with annealing; mixture layers start one after another (<see cref="LayerwiseOptions.Delays"/>).
    /// A cancelled training keeps what was learned until then; one whose losses leave the range of numbers, what was learned until the last
    /// point where they had not.
    /// Results do not depend on the number of threads. Source: Gepperth 2022 (DCGMM); Gepperth and Pfuelb 2021.
    /// </remarks>
    /// <param name="train">Images in [0, 1]; hidden pixels count as 0.</param>
    /// <param name="options">Settings; null takes the paper's.</param>
    /// <param name="labels">The class of each image, for a model with a classifier; without them the classifier does not learn.</param>
    /// <param name="valid">Images to measure losses on from time to time, or null.</param>
    /// <param name="validLabels">Their classes, or null.</param>
    /// <param name="progress">Told now and then how things stand.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    /// <exception cref="ArgumentException">A setting or a label is out of range, or there are no images or mixture layers.</exception>
    /// <exception cref="InvalidOperationException">There are labels, and the stack has no classifier.</exception>
    /// <exception cref="CircuitException">Annealing is asked for components that form no square.</exception>
    public LayerwiseReport Fit(
        Evidence train, LayerwiseOptions? options = null, int[]? labels = null, Evidence? valid = null, int[]? validLabels = null,
        IProgress<LayerwiseProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        options ??= new LayerwiseOptions();
        options.Check(plan);
        Check(train);
        if (plan.Mixtures.Length == 0) throw new ArgumentException("The stack has no mixture layer: nothing would learn. Add one with Mixture.", nameof(train));
        if (train.Count == 0) throw new ArgumentException("There are no training samples.", nameof(train));
        int perEpoch = train.Count / Math.Min(options.BatchSize, train.Count);
        if (options.Epochs > int.MaxValue / perEpoch)
            throw new ArgumentOutOfRangeException(nameof(options.Epochs), options.Epochs, $"At most {int.MaxValue / perEpoch} passes over these samples can be counted.");
        CheckLabels(labels, train.Count, nameof(labels));
        if (valid is not null)
        {
            Check(valid);
            if (valid.Count == 0) throw new ArgumentException("There are no validation samples.", nameof(valid));
            CheckLabels(validLabels, valid.Count, nameof(validLabels));
        }
        var trained = new LayerwiseNumbers(plan, numbers.Values);
        using var training = new LayerwiseTraining(plan, trained, options, pool, train.Count);
        LayerwiseReport report = training.Go(train, labels, valid, validLabels, progress, cancellation);
        numbers = report.End == Training.TrainingEnd.Diverged ? new LayerwiseNumbers(plan, training.Kept) : trained;
        return report;
    }

    /// <summary>The loss of each image at one mixture layer: the mean over its cells of the largest weighted log-density, or of the log-likelihood.</summary>
    /// <remarks>The higher, the more normal. The topmost layer tells outliers best. Losses of different layers cannot be compared.</remarks>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="layer">Place of a mixture layer in the stack, from 0; null takes the topmost.</param>
    /// <param name="cancellation">Stops between blocks of images.</param>
    /// <returns>Nats, [sample].</returns>
    /// <exception cref="ArgumentException">There is no mixture layer at that place.</exception>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    public double[] Scores(Evidence images, int? layer = null, CancellationToken cancellation = default)
    {
        MixtureStage mixture = Mixture(layer);
        var scores = new double[images?.Count ?? 0];
        Forward(images!, plan.StageIndex(mixture), false, (work, first) =>
            LayerwisePass.Losses(work, plan.StageIndex(mixture), mixture, scores.AsSpan(first)), cancellation);
        return scores;
    }

    /// <summary>The losses of each image at all mixture layers; see <see cref="Scores"/>.</summary>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="cancellation">Stops between blocks of images.</param>
    /// <returns>Nats, [mixture layer][sample].</returns>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    public double[][] AllScores(Evidence images, CancellationToken cancellation = default)
    {
        double[][] scores = [.. plan.Mixtures.Select(_ => new double[images?.Count ?? 0])];
        Forward(images!, plan.StageIndex(Mixture(null)), false, (work, first) =>
        {
            foreach (MixtureStage mixture in plan.Mixtures)
                LayerwisePass.Losses(work, plan.StageIndex(mixture), mixture, scores[mixture.Number].AsSpan(first));
        }, cancellation);
        return scores;
    }

    /// <summary>The output of a layer: responsibilities of a mixture layer, class probabilities of a classifier.</summary>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="layer">Place in the stack, from 0. A folding layer below a mixture layer is not computed apart: ask for the layers beside it.</param>
    /// <param name="marginal">True sums hidden pixels out in the first mixture layer; else they count as 0.</param>
    /// <param name="cancellation">Stops between blocks of images.</param>
    /// <returns>[sample, number], numbers in the order of <see cref="Shapes"/>: rows, columns, channels.</returns>
    /// <exception cref="ArgumentException">There is no such layer, or it is not computed apart.</exception>
    /// <exception cref="NotSupportedException">Hidden pixels are to be summed out, and the first layer is no mixture of diagonal Gaussians.</exception>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    public float[] Activities(Evidence images, int layer, bool marginal = false, CancellationToken cancellation = default)
    {
        if (layer < 0 || layer >= Spec.Layers.Count || plan.Stages[plan.StageOf[layer]].Last != layer)
            throw new ArgumentException($"The output of layer {layer} is not at hand; there are those of {string.Join(", ", plan.Stages.Select(s => s.Last))}.", nameof(layer));
        int each = plan.Shapes[layer].Count;
        var all = new float[(long)(images?.Count ?? 0) * each];
        Forward(images!, plan.StageOf[layer], marginal, (work, first) => work.ReadOutput(plan.StageOf[layer], all.AsSpan(first * each, work.Count * each)), cancellation);
        return all;
    }

    /// <summary>The most probable class of each image.</summary>
    /// <param name="images">Images in [0, 1].</param>
    /// <param name="cancellation">Stops between blocks of images.</param>
    /// <returns>Classes from 0, [sample].</returns>
    /// <exception cref="InvalidOperationException">The stack has no classifier.</exception>
    /// <exception cref="EvidenceException">The images do not fit.</exception>
    public int[] Classify(Evidence images, CancellationToken cancellation = default)
    {
        ClassifierStage classifier = Classifier();
        var classes = new int[images?.Count ?? 0];
        Forward(images!, plan.Stages.Length - 1, false, (work, first) =>
        {
            for (int lane = 0; lane < work.Count; lane++) classes[first + lane] = LayerwiseTraining.Likeliest(classifier, work, plan.Stages.Length - 1, lane);
        }, cancellation);
        return classes;
    }

    /// <summary>A few lines that say what the model is.</summary>
    public string Summary()
    {
        var image = new LayerShape(Spec.Height, Spec.Width, Spec.Colours);
        return string.Join(Environment.NewLine, Spec.Layers.Select((layer, i) => $"{i,3}  {layer.Name,-28} {plan.Shapes[i]}")
            .Prepend($"Deep Gaussian mixture over images of {image}, {Spec.CentroidValues:N0} centroid values, {ParameterCount:N0} parameters, {Threads} thread{(Threads == 1 ? "" : "s")}"));
    }

    /// <inheritdoc/>
    public override string ToString() => Summary();

    private void Forward(Evidence images, int last, bool marginal, Action<LayerwiseWorkspace, int> read, CancellationToken cancellation)
    {
        Check(images);
        if (marginal && images.HasHidden && plan.Stages[0] is not MixtureStage { Layer.Factors: 0 })
            throw new NotSupportedException(
                $"Layer {plan.Stages[0].Last + 1} of {Spec.Layers.Count}, {Spec.Layers[plan.Stages[0].Last].Name}: hidden pixels cannot be summed out where the first layer to read them is no mixture of diagonal Gaussians. Let them count as 0, or put a mixture layer without factors first.");
        LayerwiseNumbers current = numbers;
        if (images.Count == 0) return;
        using FlushToZero flush = FlushToZero.Here();
        using var work = new LayerwiseWorkspace(plan, Math.Min(BlockRows, images.Count), pool.Threads, withHidden: marginal);
        for (int first = 0; first < images.Count; first += BlockRows)
        {
            cancellation.ThrowIfCancellationRequested();
            work.Load(images, [.. Enumerable.Range(first, Math.Min(BlockRows, images.Count - first))], marginal);
            LayerwisePass.Forward(current, work, 0, last, pool);
            read(work, first);
        }
    }

    private void Check(Evidence images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Variables != plan.Image.Count)
            throw new EvidenceException($"The images have {images.Variables} values, the model is of images of {plan.Image}: {plan.Image.Count} values.");
        if (images.HasSets) throw new EvidenceException("An entry is known to lie in a set, which deep Gaussian mixtures cannot take in; observe or hide it.");
        ReadOnlySpan<float> values = images.Values;
        for (int i = 0; i < values.Length; i++)
        {
            // Samples with much noise lie outside of [0, 1], but grey values that were not divided lie farther.
            if (values[i] is >= -16 and <= 16) continue;
            (int row, int variable) = Math.DivRem(i, images.Variables);
            if (!images.IsHidden(row, variable))
                throw new EvidenceException($"Row {row}, value {variable} is {values[i]}; values lie in [0, 1]. Divide grey values by that of white, such as 255.", row, variable);
        }
    }

    private void CheckLabels(int[]? labels, int count, string name)
    {
        if (labels is null) return;
        int classes = Classifier().Output.Channels;
        if (labels.Length != count) throw new ArgumentException($"There are {labels.Length} labels and {count} images; give one for each.", name);
        int wrong = Array.FindIndex(labels, l => l < 0 || l >= classes);
        if (wrong >= 0) throw new ArgumentException($"Label {wrong} is {labels[wrong]}, classes are 0 to {classes - 1}.", name);
    }

    private ClassifierStage Classifier() => plan.Classifier ?? throw new InvalidOperationException("The stack has no classifier; add one with Classifier.");

    private MixtureStage Mixture(int? layer) => layer is null
        ? plan.Mixtures.LastOrDefault() ?? throw new ArgumentException("The stack has no mixture layer.", nameof(layer))
        : plan.Mixtures.FirstOrDefault(m => m.Last == layer) ?? throw new ArgumentException($"Layer {layer} is no mixture layer; those are {string.Join(", ", MixtureLayers)}.", nameof(layer));

    private static float[] Start(LayerwisePlan plan, long seed)
    {
        var start = new float[plan.ParameterCount];
        foreach (MixtureStage mixture in plan.Mixtures)
        {
            int units = mixture.Sets * mixture.Components;
            var stream = new RandomStream(seed, "layerwise centroids", mixture.Number);
            foreach (ref float centre in start.AsSpan(mixture.Centres, units * mixture.Inputs)) centre = (float)(StartRange * (2 * stream.NextDouble() - 1));
            start.AsSpan(mixture.Deviations, units * mixture.Inputs).Fill((float)Math.Sqrt(StartPrecision));
            start.AsSpan(mixture.Logits, units).Fill(1f / mixture.Components);
            if (mixture.Layer.Factors == 0) continue;
            var loadings = new RandomStream(seed, "layerwise loadings", mixture.Number);
            foreach (ref float loading in start.AsSpan(mixture.Loadings, units * mixture.Layer.Factors * mixture.Inputs)) loading = (float)(StartRange * (2 * loadings.NextDouble() - 1));
        }
        if (plan.Classifier is not { } classifier) return start;
        for (int i = 0; i < classifier.Reads.Length; i++)
        {
            int inputs = plan.Stages[classifier.Reads[i]].Output.Count;
            var stream = new RandomStream(seed, "layerwise classifier", i);
            foreach (ref float weight in start.AsSpan(classifier.Weights[i], classifier.Output.Channels * inputs))
            {
                double drawn = stream.NextNormal();
                while (Math.Abs(drawn) > 2) drawn = stream.NextNormal();
                weight = (float)(drawn / Math.Sqrt(inputs));
            }
        }
        return start;
    }
}
