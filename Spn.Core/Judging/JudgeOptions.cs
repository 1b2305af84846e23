namespace Spn.Core.Judging;

/// <summary>What images a judge looks at, and how it is trained.</summary>
/// <remarks>
/// Source: the convolutional classifier of the DCGMM paper, Table VII, with Adam's usual step size of 0.001 in place of the printed
/// 0.01, which is too large for it, and with steps that shorten to 0, without which 0.4 % of the test images of MNIST and 1.2 % of those of
/// Fashion-MNIST are lost.
/// </remarks>
public sealed record JudgeOptions
{
    /// <summary>Height of an image in pixels.</summary>
    public int Height { get; init; } = 28;

    /// <summary>Width of an image in pixels.</summary>
    public int Width { get; init; } = 28;

    /// <summary>Values of a pixel: 1 for grey images, 3 for coloured ones.</summary>
    public int Colours { get; init; } = 1;

    /// <summary>The value of white: 255 for bytes, 1 for values brought to 0 to 1.</summary>
    public double Highest { get; init; } = 255;

    /// <summary>Number of classes, at least 2.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>Shuffled passes over the images.</summary>
    public int Epochs { get; init; } = 15;

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>Adam's step size at the start.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Step size at the end, reached in a straight line; at least 0.</summary>
    public double FinalLearningRate { get; init; }

    /// <summary>Probability with which a pixel, and a unit of the first dense layer, counts as 0 in a training step; the others are scaled up to make up for it.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Seed of the first weights, the batches and what is dropped.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Number of threads, 0 for one a processor; results do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>Most values of an image; a judge is for small ones.</summary>
    private const int MostValues = 1 << 16;

    /// <summary>Refuses settings out of range; the layers that the others make.</summary>
    internal JudgeNetwork Check()
    {
        Least(Height, 1, nameof(Height));
        Least(Width, 1, nameof(Width));
        Least(Colours, 1, nameof(Colours));
        Least(Classes, 2, nameof(Classes));
        long values = (long)Height * Width * Colours;
        if (values > MostValues)
            throw new ArgumentOutOfRangeException(nameof(Height), $"{Height} x {Width}", $"An image of {values} values is too large for a judge, which takes up to {MostValues}; scale the images down.");
        Least(Epochs, 1, nameof(Epochs));
        Least(BatchSize, 1, nameof(BatchSize));
        Least(Threads, 0, nameof(Threads));
        Positive(Highest, nameof(Highest));
        Positive(LearningRate, nameof(LearningRate));
        if (!(FinalLearningRate >= 0) || double.IsInfinity(FinalLearningRate))
            throw new ArgumentOutOfRangeException(nameof(FinalLearningRate), FinalLearningRate, "FinalLearningRate must be at least 0.");
        if (!(Dropout is >= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(Dropout), Dropout, "Dropout must be at least 0 and below 1.");
        return JudgeNetwork.For(new Grid(Height, Width, Colours), Classes);

        static void Least(int value, int least, string name)
        {
            if (value < least) throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");
        }

        static void Positive(double value, string name)
        {
            if (!(value > 0) || double.IsInfinity(value)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0.");
        }
    }
}
