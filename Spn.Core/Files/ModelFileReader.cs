using System.Text.Json;
using Spn.Core.Lowering;
using Spn.Core.Plans;

namespace Spn.Core.Files;

/// <summary>Reads the file of a circuit; each step may rely on what the steps before it checked.</summary>
internal sealed class ModelFileReader(TensorFileReader file)
{
    public ModelFileReader(string path, Stream stream) : this(new TensorFileReader(path, stream)) { }

    public ModelFile Read()
    {
        CircuitSpec spec = file.Description(ModelKind.Circuit, SpecKinds.Default.Read);
        Plan plan = file.Try(() => Lowerer.Lower(spec), "the circuit description makes no circuit");
        Schema? schema = Columns(plan);
        float[] parameters = file.Parameters(ModelFile.TensorsOf(plan), plan.ParameterCount);
        return new ModelFile(spec, plan, parameters, schema, Prior(plan), file.OfCaller);
    }

    private double[]? Prior(Plan plan)
    {
        if (!file.Metadata.TryGetValue(ModelFile.PriorKey, out string? text)) return null;
        if (plan.ClassLogits is { } logits)
            throw file.Bad($"the metadata hold a prior of the classes, \"{ModelFile.PriorKey}\"; expected only the tensor \"{logits.Name}\", since the circuit learns it");
        return file.Try(() => plan.CheckPrior(JsonSerializer.Deserialize<double[]>(text) ?? throw new JsonException("it is null")), "the prior of the classes cannot be read");
    }

    private Schema? Columns(Plan plan) => !file.Metadata.TryGetValue(ModelFile.SchemaKey, out string? text) ? null : file.Try(() =>
    {
        Schema schema = SchemaText.Read(text);
        plan.CheckSchema(schema);
        return schema;
    }, "the schema cannot be read");
}
