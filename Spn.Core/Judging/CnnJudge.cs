using Spn.Core.Data;
using Spn.Core.Training;

namespace Spn.Core.Judging;

/// <summary>A small convolutional classifier that judges images, such as samples of a model whose class is known.</summary>
/// <remarks>
/// An image is one sample: values by row, column and colour, the last one fastest, all observed. Layers for 28 x 28 grey images: convolutions
/// of 3 x 3 with 64 channels (28, 26, 24 cells a side), pool (12), convolution (10), pool (5), convolution (3), pool (1), dense layers of
/// 350, 350, 350 and one number a class; ReLU between them; dropout of pixels and of the first dense layer in training. On smaller
/// images the convolutions and pools end before the first that does not fit: 8 x 8 pixels go through 6, 4 and 2 to the dense layers.
/// A judge does not change; it may be asked from several threads.
/// Source: the DCGMM paper, Table VII.
/// </remarks>
public sealed partial class CnnJudge
{
    private const int BlockRows = 1000;

    private readonly JudgeNetwork network;
    private readonly float[] parameters;

    internal CnnJudge(JudgeNetwork network, double highest, float[] parameters)
    {
        this.network = network;
        this.parameters = parameters;
        Highest = highest;
    }

    /// <summary>Height of an image in pixels.</summary>
    public int Height => network.Image.Height;

    /// <summary>Width of an image in pixels.</summary>
    public int Width => network.Image.Width;

    /// <summary>Values of a pixel.</summary>
    public int Colours => network.Image.Channels;

    /// <summary>The value of white in the images.</summary>
    public double Highest { get; }

    /// <summary>Number of classes.</summary>
    public int Classes => network.Classes;

    /// <summary>Number of weights and biases.</summary>
    public int ParameterCount => parameters.Length;

    /// <summary>Weights and biases, layer after layer: [kernel row, kernel column, channel in, channel out], then [channel out].</summary>
    public ReadOnlySpan<float> Parameters => parameters;

    /// <summary>How its training went: log-probabilities of the labels in nats; null where the judge was loaded.</summary>
    public TrainingReport? Training { get; private init; }

    /// <summary>Number of threads that answer, 0 for one a processor; answers do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>Trains a judge.</summary>
    /// <param name="images">The images, [image, (row * width + column) * colours + colour].</param>
    /// <param name="labels">The class of each, from 0.</param>
    /// <param name="options">Sizes and settings; null takes the defaults, grey images of 28 x 28 pixels with white 255.</param>
    /// <param name="valid">Images that tell after every epoch how the training goes, or null; they change nothing.</param>
    /// <param name="validLabels">Their classes.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Ends the training; the judge has what it learned so far.</param>
    /// <exception cref="EvidenceException">The images have another size, or a value is hidden or not finite.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, there are no images, or labels are missing or out of range.</exception>
    public static CnnJudge Train(
        Evidence images, int[] labels, JudgeOptions? options = null, Evidence? valid = null, int[]? validLabels = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new JudgeOptions();
        var judge = new CnnJudge(options.Check(), options.Highest, []);
        judge.CheckLabelled(images, labels, nameof(labels));
        if (valid is not null) judge.CheckLabelled(valid, validLabels, nameof(validLabels));
        var training = new JudgeTraining(judge.network, options, images, labels, valid, validLabels);
        TrainingReport report = training.Go(progress, cancellation);
        return new CnnJudge(judge.network, options.Highest, training.Parameters) { Training = report, Threads = options.Threads };
    }

    /// <summary>Trains a judge on the training images of a data set, whose validation images, if any, tell how it goes.</summary>
    /// <param name="data">The data set, with labels and the size of its images.</param>
    /// <param name="options">Settings; sizes, colours and the value of white are those of the data set.</param>
    /// <param name="progress">Told about five times a second how things stand.</param>
    /// <param name="cancellation">Ends the training; the judge has what it learned so far.</param>
    /// <exception cref="EvidenceException">A value is hidden or not finite.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, or the data set has no labels or does not say the size of its images.</exception>
    public static CnnJudge Train(DataSet data, JudgeOptions? options = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Height is not int height || data.Width is not int width || data.Highest is not int highest || data.TrainLabels is not { } labels)
            throw new ArgumentException($"{data.Name} has no labels or does not say the size of its images; give images, labels and JudgeOptions.", nameof(data));
        options = (options ?? new JudgeOptions()) with { Height = height, Width = width, Colours = data.Variables / (height * width), Highest = highest };
        bool tells = data.Valid.Count > 0 && data.ValidLabels is not null;
        return Train(data.Train, labels, options, tells ? data.Valid : null, tells ? data.ValidLabels : null, progress, cancellation);
    }

    /// <summary>Probabilities of the classes.</summary>
    /// <param name="images">The images, [image, (row * width + column) * colours + colour].</param>
    /// <param name="cancellation">Stops with an exception.</param>
    /// <returns>[image, class].</returns>
    /// <exception cref="EvidenceException">The images have another size, or a value is hidden or not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public double[] Probabilities(Evidence images, CancellationToken cancellation = default)
    {
        Check(images);
        var result = new double[(long)images.Count * Classes];
        using IJudgeSession session = JudgeSession.Bind(network, Highest, Threads);
        session.SetParameters(parameters);
        LogProbabilities(session, images, Classes, result, cancellation);
        for (int i = 0; i < result.Length; i++) result[i] = Math.Exp(result[i]);
        return result;
    }

    /// <summary>The likeliest class of each image; the first one where several are.</summary>
    /// <returns>[image], from 0.</returns>
    /// <inheritdoc cref="Probabilities"/>
    public int[] Classify(Evidence images, CancellationToken cancellation = default) => Likeliest(Probabilities(images, cancellation), Classes);

    /// <summary>Share of the images whose likeliest class is their label.</summary>
    /// <param name="images">The images, at least one.</param>
    /// <param name="labels">The class of each, from 0.</param>
    /// <param name="cancellation">Stops with an exception.</param>
    /// <returns>From 0 to 1.</returns>
    /// <exception cref="EvidenceException">The images have another size, or a value is hidden or not finite.</exception>
    /// <exception cref="ArgumentException">There are no images, or labels are missing or out of range.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public double Accuracy(Evidence images, int[] labels, CancellationToken cancellation = default)
    {
        CheckLabelled(images, labels, nameof(labels));
        return Share(Classify(images, cancellation), labels);
    }

    /// <summary>Log-probabilities of the classes of all images, [image, class].</summary>
    internal static void LogProbabilities(IJudgeSession session, Evidence images, int classes, double[] result, CancellationToken cancellation)
    {
        for (int first = 0; first < images.Count; first += BlockRows)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(BlockRows, images.Count - first);
            session.Classes(images, [.. Enumerable.Range(first, count)], result.AsSpan(first * classes, count * classes));
        }
    }

    internal static int[] Likeliest(double[] scores, int classes)
    {
        var result = new int[scores.Length / classes];
        for (int i = 0; i < result.Length; i++)
            for (int c = 1; c < classes; c++)
                if (scores[i * classes + c] > scores[i * classes + result[i]]) result[i] = c;
        return result;
    }

    internal static double Share(int[] classes, int[] labels) => (double)classes.Zip(labels).Count(pair => pair.First == pair.Second) / labels.Length;

    private void Check(Evidence images)
    {
        ArgumentNullException.ThrowIfNull(images);
        int expected = network.Image.Cells * Colours;
        if (images.Variables != expected)
            throw new EvidenceException($"The samples have {images.Variables} variables; the judge looks at images of {Height} x {Width} pixels{(Colours == 1 ? "" : $" in {Colours} colours")}, {expected} variables. Set Height, Width and Colours of JudgeOptions.");
        for (int i = 0; i < images.Count; i++)
        {
            ReadOnlySpan<float> row = images.Row(i);
            bool whole = !images.AnyHidden(i);
            for (int v = 0; v < row.Length; v++)
            {
                if (!whole && images.IsHidden(i, v)) throw new EvidenceException($"Row {i}, variable {v} is hidden; a judge needs whole images. Complete them first, such as by Inpaint.", i, v);
                if (!float.IsFinite(row[v])) throw new EvidenceException($"Row {i}, variable {v} is {row[v]}; a judge needs finite values.", i, v);
            }
        }
    }

    private void CheckLabelled(Evidence images, int[]? labels, string name)
    {
        Check(images);
        if (images.Count == 0) throw new ArgumentException("There are no images.", name == nameof(labels) ? nameof(images) : "valid");
        if (labels is null || labels.Length != images.Count)
            throw new ArgumentException($"There are {labels?.Length ?? 0} labels for {images.Count} images; give one for each.", name);
        int wrong = Array.FindIndex(labels, l => l < 0 || l >= Classes);
        if (wrong >= 0) throw new ArgumentException($"Label {wrong} is {labels[wrong]}, classes are 0 to {Classes - 1}. Set Classes of JudgeOptions.", name);
    }
}
