using System.Text.Json;
using Spn.Core.Plans;

namespace Spn.Core.Files;

/// <summary>The content of the file of a circuit: description, parameters and the caller's metadata.</summary>
/// <remarks>
/// The layout is that of safetensors: 8 bytes of little-endian header length; a JSON header, padded with spaces to a multiple of 8,
/// with dtype, shape and data_offsets of every tensor of the plan, in order; the tensors as little-endian F32 without gaps.
/// <c>__metadata__</c> holds <c>format</c> ("spn"), <c>spn.version</c>, <c>spn.circuit</c> (see <see cref="SpecKinds"/>), perhaps
/// <c>spn.schema</c> (see <see cref="SchemaText"/>), <c>spn.class_prior</c> (a JSON array of numbers), and <c>spn.sha256</c>, the hash in lower-case hexadecimal digits of key, byte 0, value, byte 0 (UTF-8) of every other metadata pair
/// in ordinal order of the keys, and of the tensor bytes after them. The file of another kind of model (<see cref="ModelKind"/>) differs
/// in the key of its description: see <see cref="LayerwiseFile"/>.
/// </remarks>
public sealed class ModelFile
{
    internal const string SchemaKey = "spn.schema", PriorKey = "spn.class_prior";

    private readonly float[] parameters;

    internal ModelFile(CircuitSpec spec, Plan plan, float[] parameters, Schema? schema, double[]? constantPrior, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        Spec = spec;
        Plan = plan;
        this.parameters = parameters;
        Schema = schema;
        ConstantPrior = constantPrior;
        Metadata = TensorFile.OfCaller(metadata);
    }

    /// <summary>The description.</summary>
    public CircuitSpec Spec { get; }

    /// <summary>The plan that the description makes.</summary>
    public Plan Plan { get; }

    /// <summary>The flat parameter vector, in the order of the plan's tensors.</summary>
    public ReadOnlySpan<float> Parameters => parameters;

    /// <summary>The columns of the table that the variables are, or null where none were named.</summary>
    public Schema? Schema { get; }

    /// <summary>See <see cref="Circuit.ClassPrior"/>.</summary>
    public IReadOnlyList<double>? ClassPrior => Plan.LearnedPrior(parameters) ?? ConstantPrior;

    /// <summary>A prior that is not among the parameters, or null.</summary>
    internal double[]? ConstantPrior { get; }

    /// <summary>What the caller of Circuit.Save added.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>What a model file holds, by its header.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, or is of a newer version.</exception>
    public static ModelKind KindOf(string path) => TensorFile.Read(path, file =>
        file.Kind ?? throw file.Bad($"the metadata describe no model; expected one of {string.Join(", ", Enum.GetValues<ModelKind>().Select(kind => $"\"{kind.Key()}\""))}"));

    /// <summary>Reads the file of a circuit and checks all of it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFileException">The file cannot be read, is no model file, holds another kind of model, is of a newer version, was cut or was changed.</exception>
    public static ModelFile Read(string path) => TensorFile.Read(path, file => new ModelFileReader(file).Read());

    internal static NamedTensor[] TensorsOf(Plan plan) => [.. plan.Tensors.Select(tensor => new NamedTensor(tensor.Name, tensor.Shape, tensor.Offset))];

    internal void Write(string path) => TensorFile.Write(path, ModelKind.Circuit, Describe, Metadata, TensorsOf(Plan), parameters);

    private IEnumerable<KeyValuePair<string, string>> Describe()
    {
        yield return new(ModelKind.Circuit.Key(), SpecKinds.Default.Write(Spec));
        if (Schema is not null) yield return new(SchemaKey, SchemaText.Write(Schema));
        if (ConstantPrior is not null) yield return new(PriorKey, JsonSerializer.Serialize(ConstantPrior));
    }
}
