using Spn.Core.Layerwise;

namespace Spn.Core.Files;

/// <summary>The content of the file of a deep Gaussian mixture: description, parameters and the caller's metadata.</summary>
/// <remarks>
/// The layout is that of <see cref="ModelFile"/>, with the description under <c>spn.layerwise</c>:
/// <c>{"height": 28, "width": 28, "colours": 1, "layers": [{"kind": "folding", "kernel": 8, "stride": 2}, {"kind": "mixture", ...}, ...]}</c>.
/// Tensors are those of <see cref="LayerwiseModel.Tensors"/>.
/// </remarks>
public sealed class LayerwiseFile
{
    private readonly float[] parameters;

    internal LayerwiseFile(LayerwiseSpec spec, LayerwisePlan plan, float[] parameters, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        Spec = spec;
        Plan = plan;
        this.parameters = parameters;
        Metadata = TensorFile.OfCaller(metadata);
    }

    /// <summary>The description.</summary>
    public LayerwiseSpec Spec { get; }

    /// <summary>The flat parameter vector, in the order of the model's tensors.</summary>
    public ReadOnlySpan<float> Parameters => parameters;

    /// <summary>What the caller of LayerwiseModel.Save added.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    internal LayerwisePlan Plan { get; }

    /// <summary>Reads the file of a deep Gaussian mixture and checks all of it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, holds another kind of model, is of a newer version, was cut or was changed.</exception>
    public static LayerwiseFile Read(string path) => TensorFile.Read(path, Read);

    internal static LayerwiseFile Read(TensorFileReader file)
    {
        LayerwiseSpec spec = file.Description(ModelKind.Layerwise, SpecKinds.Default.ReadLayerwise);
        LayerwisePlan plan = file.Try(() => new LayerwisePlan(spec), "the description makes no model");
        float[] parameters = file.Parameters(TensorsOf(plan), plan.ParameterCount);
        file.Try(() =>
        {
            plan.CheckParameters(parameters);
            return true;
        }, "the parameters do not fit");
        return new LayerwiseFile(spec, plan, parameters, file.OfCaller);
    }

    internal void Write(string path) => TensorFile.Write(
        path, ModelKind.Layerwise, () => [new(ModelKind.Layerwise.Key(), SpecKinds.Default.Write(Spec))], Metadata, TensorsOf(Plan), parameters);

    private static NamedTensor[] TensorsOf(LayerwisePlan plan) => [.. plan.Tensors.Select(tensor => new NamedTensor(tensor.Name, tensor.Shape, tensor.Offset))];
}
