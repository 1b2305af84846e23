using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Spn.Core.Layerwise;

namespace Spn.Core.Files;

/// <summary>Descriptions of circuits and of deep Gaussian mixtures as JSON: which kinds there are and how they are called in files.</summary>
/// <remarks>
/// <c>{"structure": {"kind": "binaryTrees", "variables": 16, ...}, "layers": [{"kind": "indicatorInput", "states": 2}, ...],
/// "weights": {"kind": "free", ...}}</c>. Fields are the settings of the record in camel case; settings that are null are left out.
/// A new kind is a record with value equality whose settings are numbers, texts, enumerations, value lists, records or other kinds.
/// </remarks>
public sealed class SpecKinds
{
    private readonly KindConverter<StructureSpec> structures = new("structure");
    private readonly KindConverter<LayerSpec> layers = new("layer");
    private readonly KindConverter<WeightSpec> weights = new("weights");
    private readonly KindConverter<ProductChannels> channelPlans = new("channel plan");
    private readonly KindConverter<Init> inits = new("start");
    private readonly KindConverter<LayerwiseLayer> layerwiseLayers = new("layer");
    private readonly JsonSerializerOptions options;

    /// <summary>Starts a set that knows no kind.</summary>
    public SpecKinds() => options = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            structures, layers, new InputConverter(layers), weights, channelPlans, inits, layerwiseLayers, new ValueListConverter(),
            new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false),
        },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Adapt } },
    };

    /// <summary>The kinds that model files use. Adding to them concerns the whole process.</summary>
    public static SpecKinds Default { get; } = BuiltIn();

    /// <summary>The kinds of this library, in a fresh set.</summary>
    public static SpecKinds BuiltIn()
    {
        var kinds = new SpecKinds();
        kinds.AddStructure<BinaryTrees>("binaryTrees");
        kinds.AddStructure<HandBuiltRegions>("handBuiltRegions");
        kinds.AddStructure<GridVariables>("grid");
        kinds.AddStructure<RatRegions>("ratRegions");
        kinds.AddStructure<PoonDomingos>("poonDomingos");
        kinds.AddStructure<QuadRegions>("quadRegions");
        kinds.AddStructure<LinearTrees>("linearTrees");
        kinds.AddStructure<HiddenTree>("hiddenTree");
        kinds.AddStructure<MixtureOf>("mixture");
        kinds.channelPlans.Add("depthwise", typeof(DepthwiseChannels));
        kinds.channelPlans.Add("allCombinations", typeof(AllChannelCombinations));
        kinds.channelPlans.Add("limited", typeof(LimitedChannels));
        kinds.AddLayer<IndicatorInput>("indicatorInput");
        kinds.AddLayer<BernoulliInput>("bernoulliInput");
        kinds.AddLayer<CategoricalInput>("categoricalInput");
        kinds.AddLayer<NormalInput>("normalInput");
        kinds.layers.AddFormer("gaussianInput", typeof(NormalInput));
        kinds.AddLayer<LaplaceInput>("laplaceInput");
        kinds.AddLayer<CauchyInput>("cauchyInput");
        kinds.AddLayer<BinomialInput>("binomialInput");
        kinds.AddLayer<PoissonInput>("poissonInput");
        kinds.AddLayer<GeometricInput>("geometricInput");
        kinds.AddLayer<NegativeBinomialInput>("negativeBinomialInput");
        kinds.AddLayer<DiscretisedLogisticInput>("discretisedLogisticInput");
        kinds.AddLayer<ExponentialInput>("exponentialInput");
        kinds.AddLayer<GammaInput>("gammaInput");
        kinds.AddLayer<BetaInput>("betaInput");
        kinds.AddLayer<LogNormalInput>("logNormalInput");
        kinds.AddLayer<UniformInput>("uniformInput");
        kinds.AddLayer<HistogramInput>("histogramInput");
        kinds.inits.Add("random", typeof(RandomInit));
        kinds.inits.Add("quantiles", typeof(QuantileInit));
        kinds.inits.Add("kMeans", typeof(KMeansInit));
        kinds.inits.Add("equidistant", typeof(EquidistantInit));
        kinds.AddLayer<PerVariableInput>("perVariableInput");
        kinds.AddLayer<SpatialProduct>("spatialProduct");
        kinds.AddLayer<HadamardProduct>("hadamardProduct");
        kinds.AddLayer<KroneckerProduct>("kroneckerProduct");
        kinds.AddLayer<ChannelTableProduct>("channelTableProduct");
        kinds.AddLayer<SumSpec>("sum");
        kinds.AddLayer<RootSpec>("root");
        kinds.AddWeights<FreeWeights>("free");
        kinds.AddWeights<AccumulatorWeights>("accumulators");
        kinds.AddWeights<HyperWeights>("hyper");
        kinds.AddWeights<FixedWeights>("fixed");
        kinds.AddWeights<TiedWeights>("tied");
        kinds.AddWeights<RawWeights>("raw");
        kinds.AddWeights<FactoredWeights>("factored");
        kinds.layerwiseLayers.Add("folding", typeof(FoldingSpec));
        kinds.layerwiseLayers.Add("pooling", typeof(PoolingSpec));
        kinds.layerwiseLayers.Add("mixture", typeof(MixtureSpec));
        kinds.layerwiseLayers.Add("classifier", typeof(ClassifierSpec));
        return kinds;
    }

    /// <summary>Adds a structure kind.</summary>
    /// <param name="kind">How files call it.</param>
    /// <exception cref="ArgumentException">The name or the type is taken.</exception>
    public void AddStructure<TSpec>(string kind) where TSpec : StructureSpec => structures.Add(kind, typeof(TSpec));

    /// <summary>Adds a layer kind.</summary>
    /// <inheritdoc cref="AddStructure"/>
    public void AddLayer<TSpec>(string kind) where TSpec : LayerSpec => layers.Add(kind, typeof(TSpec));

    /// <summary>Adds a kind of weights.</summary>
    /// <inheritdoc cref="AddStructure"/>
    public void AddWeights<TSpec>(string kind) where TSpec : WeightSpec => weights.Add(kind, typeof(TSpec));

    /// <summary>The description as JSON; reading it gives an equal description.</summary>
    /// <exception cref="JsonException">A part is of no known kind, or does not come back as it was.</exception>
    public string Write(CircuitSpec spec) => WriteAny(spec);

    /// <summary>The description that a JSON text tells.</summary>
    /// <exception cref="JsonException">The text is no JSON, names an unknown kind or field, or lacks a field.</exception>
    public CircuitSpec Read(string json) => ReadAny<CircuitSpec>(json);

    /// <summary>The description of a deep Gaussian mixture as JSON; reading it gives an equal description.</summary>
    /// <exception cref="JsonException">A part is of no known kind, or does not come back as it was.</exception>
    public string Write(LayerwiseSpec spec) => WriteAny(spec);

    /// <summary>The description of a deep Gaussian mixture that a JSON text tells.</summary>
    /// <exception cref="JsonException">The text is no JSON, names an unknown kind or field, or lacks a field.</exception>
    public LayerwiseSpec ReadLayerwise(string json) => ReadAny<LayerwiseSpec>(json);

    private string WriteAny<TSpec>(TSpec spec) where TSpec : class
    {
        ArgumentNullException.ThrowIfNull(spec);
        string json = Text(spec);
        return Parse<TSpec>(json).Equals(spec)
            ? json
            : throw new JsonException($"the description \"{spec}\" is read back from JSON as another one; its kinds need settable properties and value equality");
    }

    private TSpec ReadAny<TSpec>(string json) where TSpec : class
    {
        var spec = Parse<TSpec>(json);
        _ = Text(spec); // Refuses numbers too large for a double, which are read as infinity.
        return spec;
    }

    private TSpec Parse<TSpec>(string json) where TSpec : class => Guard(() =>
        JsonSerializer.Deserialize<TSpec>(json, options) ?? throw new JsonException("the description is null"));

    private string Text<TSpec>(TSpec spec) => Guard(() => JsonSerializer.Serialize(spec, options));

    private static T Guard<T>(Func<T> convert)
    {
        try
        {
            return convert();
        }
        catch (Exception e) when (e is NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw new JsonException(e.Message, e);
        }
    }

    private static void Adapt(JsonTypeInfo type)
    {
        if (type.Kind != JsonTypeInfoKind.Object) return;
        foreach (JsonPropertyInfo derived in type.Properties.Where(IsDerived).ToList()) type.Properties.Remove(derived);
        foreach (JsonPropertyInfo rare in type.Properties.Where(p => p.Name == "absorbed")) rare.ShouldSerialize = (_, value) => value is ValueList<int> { Count: > 0 };
        foreach (JsonPropertyInfo rare in type.Properties.Where(p => p.Name == "perPartition")) rare.ShouldSerialize = (_, value) => value is true;
        foreach (JsonPropertyInfo rare in type.Properties.Where(p => p.PropertyType == typeof(FreeStart))) rare.ShouldSerialize = (_, value) => value is not FreeStart.UniformLogits;
        if (type.Type != typeof(HandBuiltRegions)) return;
        // Of its two constructors the serialiser would choose neither.
        type.CreateObject = () => new HandBuiltRegions(0);
        foreach (JsonPropertyInfo property in type.Properties) property.IsRequired = true;
    }

    // Names and counts; the components of an input whose constructor makes them from other settings.
    private static bool IsDerived(JsonPropertyInfo property) =>
        property.AssociatedParameter is null && (property.Set is null || property.Name == "components");
}
