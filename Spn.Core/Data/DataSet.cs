namespace Spn.Core.Data;

/// <summary>Samples in three splits, with class labels and an image size where these are known.</summary>
public sealed class DataSet
{
    private readonly int[]? trainLabels, validLabels, testLabels;

    /// <summary>A data set of three batches over the same variables.</summary>
    /// <param name="name">Short name, such as nltcs.</param>
    /// <param name="train">Samples to fit to.</param>
    /// <param name="valid">Samples to choose settings by; a batch of no samples where there are none.</param>
    /// <param name="test">Samples to report on.</param>
    /// <exception cref="ArgumentException">The batches differ in their number of variables.</exception>
    public DataSet(string name, Evidence train, Evidence valid, Evidence test)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(valid);
        ArgumentNullException.ThrowIfNull(test);
        if (valid.Variables != train.Variables || test.Variables != train.Variables)
            throw new ArgumentException(
                $"The splits of {name} have {train.Variables}, {valid.Variables} and {test.Variables} variables; they must have the same number.");
        (Name, Train, Valid, Test) = (name, train, valid, test);
    }

    /// <summary>Short name, such as nltcs.</summary>
    public string Name { get; }

    /// <summary>Samples to fit to.</summary>
    public Evidence Train { get; }

    /// <summary>Samples to choose settings by; may hold none.</summary>
    public Evidence Valid { get; }

    /// <summary>Samples to report on.</summary>
    public Evidence Test { get; }

    /// <summary>Number of variables of a sample.</summary>
    public int Variables => Train.Variables;

    /// <summary>Class of each training sample, [sample]; null when unknown.</summary>
    /// <exception cref="ArgumentException">On setting, when there is not one label a sample.</exception>
    public int[]? TrainLabels { get => trainLabels; init => trainLabels = Fitting(value, Train, nameof(TrainLabels)); }

    /// <summary>Class of each validation sample, [sample]; null when unknown.</summary>
    /// <exception cref="ArgumentException">On setting, when there is not one label a sample.</exception>
    public int[]? ValidLabels { get => validLabels; init => validLabels = Fitting(value, Valid, nameof(ValidLabels)); }

    /// <summary>Class of each test sample, [sample]; null when unknown.</summary>
    /// <exception cref="ArgumentException">On setting, when there is not one label a sample.</exception>
    public int[]? TestLabels { get => testLabels; init => testLabels = Fitting(value, Test, nameof(TestLabels)); }

    /// <summary>Height of an image in pixels, where samples are images kept row by row; else null.</summary>
    public int? Height { get; init; }

    /// <summary>Width of an image in pixels, where samples are images kept row by row; else null.</summary>
    public int? Width { get; init; }

    /// <summary>Grey value of a white pixel, where samples are images: 255, or 16 or 1 for the built-in digits; else null.</summary>
    public int? Highest { get; init; }

    private static int[]? Fitting(int[]? labels, Evidence samples, string property) =>
        labels is null || labels.Length == samples.Count
            ? labels
            : throw new ArgumentException($"There are {labels.Length} labels for {samples.Count} samples.", property);
}
