using Spn.Core.Files;

namespace Spn.Core.Layerwise;

public sealed unsafe partial class LayerwiseModel
{
    /// <summary>Reads a model that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="threads">Number of threads, or 0 for one a processor.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, holds another kind of model, is of a newer version, was cut or was changed.</exception>
    public static LayerwiseModel Load(string path, int threads = 0)
    {
        LayerwiseFile file = LayerwiseFile.Read(path);
        return new LayerwiseModel(file.Spec, file.Plan, file.Parameters, threads);
    }

    /// <summary>Writes description and parameters to one file in safetensors layout; an existing file is replaced in one step.</summary>
    /// <remarks>See <see cref="LayerwiseFile"/> for the layout; how far a training had annealed is not kept.</remarks>
    /// <param name="path">The file, usually named *.safetensors.</param>
    /// <param name="metadata">Pairs to keep with the model, for example the data it was trained on; <see cref="LayerwiseFile.Metadata"/> gives them back.</param>
    /// <exception cref="ModelFileException">The file cannot be written; an existing file stays as it was.</exception>
    /// <exception cref="ArgumentException">A metadata key is "format" or starts with "spn.".</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        new LayerwiseFile(Spec, plan, Parameters.ToArray(), metadata ?? new Dictionary<string, string>()).Write(path);
}
