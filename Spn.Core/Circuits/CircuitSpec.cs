namespace Spn.Core;

/// <summary>The description of a circuit: a structure, the layers put on it and where the mixture weights come from.</summary>
/// <remarks>
/// A value: two descriptions are equal when they say the same. The layers are the recipe at each region, bottom up: an
/// input, then one product and its sums, which repeat up the structure, then the root. A sum before the product stands on
/// every leaf; a sum after it on every inner region; when only one of the two is given, a sum before the product serves
/// inner regions too. On a grid the layers are a stack instead: an input at every cell, then spatial products and sums in any
/// number, each on the cells that the one before made, then the root.
/// </remarks>
/// <param name="Structure">The regions.</param>
/// <param name="Layers">The recipe, bottom up.</param>
/// <param name="Weights">Where the weights of layers that name no source of their own come from.</param>
public sealed partial record CircuitSpec(StructureSpec Structure, ValueList<LayerSpec> Layers, WeightSpec Weights)
{
    /// <summary>
    /// Variables whose evidence the weights have taken up: they are no variables of the circuit any more, and the others move up in
    /// order. Every sum then has free weights of its own. See <see cref="Circuit.Condition"/>.
    /// </summary>
    public ValueList<int> Absorbed { get; init; } = [];

    /// <summary>Starts a description over a structure, with free weights and no layers yet.</summary>
    public static CircuitSpec Over(StructureSpec structure) => new(structure, [], WeightSpec.Free());

    /// <summary>Circuits side by side under a root that mixes them; see <see cref="Spn.Core.MixtureOf"/>.</summary>
    /// <param name="parts">The circuits, over the same variables and with as many class roots.</param>
    public static CircuitSpec MixtureOf(params IEnumerable<CircuitSpec> parts)
    {
        var list = new ValueList<CircuitSpec>(parts);
        return Over(new MixtureOf(list)).With(new RootSpec(list.Select(p => p.Layers.OfType<RootSpec>().LastOrDefault()?.Classes ?? 1).FirstOrDefault(1)));
    }

    /// <summary>The description with one layer more on top.</summary>
    public CircuitSpec With(LayerSpec layer) => this with { Layers = Layers.Add(layer) };

    /// <summary>The description with another default source of mixture weights.</summary>
    public CircuitSpec WithWeights(WeightSpec weights) => this with { Weights = weights };

    /// <summary>Adds <see cref="IndicatorInput"/>.</summary>
    public CircuitSpec IndicatorInput(int states = 2) => With(new IndicatorInput(states));

    /// <summary>Adds <see cref="BernoulliInput"/>.</summary>
    public CircuitSpec BernoulliInput(int components) => With(new BernoulliInput(components));

    /// <summary>Adds <see cref="CategoricalInput"/>.</summary>
    public CircuitSpec CategoricalInput(int components, int states) => With(new CategoricalInput(components, states));

    /// <summary>Adds <see cref="NormalInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="fixedMeans">Means that are no parameters, or null.</param>
    /// <param name="fixedVariances">Variances that are no parameters, or null.</param>
    /// <param name="init">How the parameters start; null takes <see cref="Init.Random"/>.</param>
    /// <param name="trainable">False keeps all of them as they start.</param>
    /// <param name="trainableMeans">The same for the means alone; null takes that of all.</param>
    /// <param name="trainableVariances">The same for the variances alone; null takes that of all.</param>
    public CircuitSpec NormalInput(
        int components, IEnumerable<double>? fixedMeans = null, IEnumerable<double>? fixedVariances = null, Init? init = null,
        bool trainable = true, bool? trainableMeans = null, bool? trainableVariances = null) =>
        With(new NormalInput(components)
        {
            FixedMeans = fixedMeans is null ? null : new(fixedMeans),
            FixedVariances = fixedVariances is null ? null : new(fixedVariances),
            Init = init ?? Init.Random,
            TrainableLocations = trainableMeans ?? trainable,
            TrainableScales = trainableVariances ?? trainable,
        });

    /// <summary>Adds <see cref="LaplaceInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="fixedLocations">Locations that are no parameters, or null.</param>
    /// <param name="fixedScales">Scales that are no parameters, or null.</param>
    /// <param name="init">How the parameters start; null takes <see cref="Init.Random"/>.</param>
    /// <param name="trainable">False keeps all of them as they start.</param>
    /// <param name="trainableLocations">The same for the locations alone; null takes that of all.</param>
    /// <param name="trainableScales">The same for the scales alone; null takes that of all.</param>
    public CircuitSpec LaplaceInput(
        int components, IEnumerable<double>? fixedLocations = null, IEnumerable<double>? fixedScales = null, Init? init = null,
        bool trainable = true, bool? trainableLocations = null, bool? trainableScales = null) =>
        With(new LaplaceInput(components)
        {
            FixedLocations = fixedLocations is null ? null : new(fixedLocations),
            FixedScales = fixedScales is null ? null : new(fixedScales),
            Init = init ?? Init.Random,
            TrainableLocations = trainableLocations ?? trainable,
            TrainableScales = trainableScales ?? trainable,
        });

    /// <summary>Adds <see cref="CauchyInput"/>.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="fixedLocations">Locations that are no parameters, or null.</param>
    /// <param name="fixedScales">Scales that are no parameters, or null.</param>
    /// <param name="init">How the parameters start; null takes <see cref="Init.Random"/>.</param>
    /// <param name="trainable">False keeps all of them as they start.</param>
    /// <param name="trainableLocations">The same for the locations alone; null takes that of all.</param>
    /// <param name="trainableScales">The same for the scales alone; null takes that of all.</param>
    public CircuitSpec CauchyInput(
        int components, IEnumerable<double>? fixedLocations = null, IEnumerable<double>? fixedScales = null, Init? init = null,
        bool trainable = true, bool? trainableLocations = null, bool? trainableScales = null) =>
        With(new CauchyInput(components)
        {
            FixedLocations = fixedLocations is null ? null : new(fixedLocations),
            FixedScales = fixedScales is null ? null : new(fixedScales),
            Init = init ?? Init.Random,
            TrainableLocations = trainableLocations ?? trainable,
            TrainableScales = trainableScales ?? trainable,
        });

    /// <summary>Adds <see cref="HadamardProduct"/>.</summary>
    public CircuitSpec HadamardProduct() => With(new HadamardProduct());

    /// <summary>Adds <see cref="KroneckerProduct"/>.</summary>
    public CircuitSpec KroneckerProduct() => With(new KroneckerProduct());

    /// <summary>Adds <see cref="ChannelTableProduct"/>.</summary>
    /// <param name="channels">One row an output channel: the channel taken from each child.</param>
    public CircuitSpec ChannelTableProduct(params int[][] channels) =>
        With(new ChannelTableProduct(new(channels.Select(row => new ValueList<int>(row)))));

    /// <summary>Adds a <see cref="SumSpec"/> with weights of its own at every region.</summary>
    /// <param name="channels">Mixtures a region.</param>
    /// <param name="weights">Where its weights come from; null takes the circuit's.</param>
    public CircuitSpec SumPerRegion(int channels, WeightSpec? weights = null) => With(new SumSpec(channels) { Weights = weights });

    /// <summary>Adds a <see cref="SumSpec"/> with mixtures of its own at every partition, and mixtures of partitions channel by channel; see <see cref="SumSpec.PerPartition"/>.</summary>
    /// <param name="channels">Mixtures a partition and a region.</param>
    /// <param name="weights">Where the weights at partitions come from; null takes the circuit's.</param>
    /// <param name="mixing">See <see cref="SumSpec.MixingWeights"/>.</param>
    public CircuitSpec SumPerPartition(int channels, WeightSpec? weights = null, WeightSpec? mixing = null) =>
        With(new SumSpec(channels) { PerPartition = true, Weights = weights, MixingWeights = mixing });

    /// <summary>Adds a <see cref="SumSpec"/> whose weights are shared by the regions of a level.</summary>
    /// <param name="channels">Mixtures a region.</param>
    /// <param name="weights">Where its weights come from; null takes the circuit's.</param>
    public CircuitSpec SumShared(int channels, WeightSpec? weights = null) => With(new SumSpec(channels, Shared: true) { Weights = weights });

    /// <summary>Adds a <see cref="SpatialProduct"/> with the same settings along every axis.</summary>
    /// <param name="kernel">Cells of a patch along an axis.</param>
    /// <param name="dilation">Distance between joined cells.</param>
    /// <param name="stride">Distance between patches.</param>
    /// <param name="padding">What is read beyond the border.</param>
    /// <param name="channels">Which channels are combined; null takes channel by channel.</param>
    public CircuitSpec SpatialProduct(int kernel = 2, int dilation = 1, int stride = 1, Padding padding = Padding.Full, ProductChannels? channels = null) =>
        With(new SpatialProduct { Kernel = [kernel], Dilation = [dilation], Stride = [stride], Padding = padding, Channels = channels ?? ProductChannels.Depthwise });

    /// <summary>Adds a <see cref="SumSpec"/> over the channels of every cell.</summary>
    /// <param name="channels">Mixtures a cell.</param>
    /// <param name="shared">True shares the weights among all cells of the layer; false gives each cell its own.</param>
    /// <param name="weights">Where its weights come from; null takes the circuit's.</param>
    public CircuitSpec SpatialSum(int channels, bool shared = false, WeightSpec? weights = null) => With(new SumSpec(channels, shared) { Weights = weights });

    /// <summary>Adds layers once for each value.</summary>
    /// <param name="values">The values, for example dilations.</param>
    /// <param name="add">Adds the layers of one value.</param>
    public CircuitSpec Repeat<T>(IEnumerable<T> values, Func<CircuitSpec, T, CircuitSpec> add) => values.Aggregate(this, add);

    /// <summary>Adds the root.</summary>
    /// <param name="classes">Number of class roots.</param>
    /// <param name="mixture">See <see cref="RootSpec.Mixture"/>.</param>
    /// <param name="classWeights">See <see cref="RootSpec.ClassWeights"/>.</param>
    /// <param name="mixtureWeights">See <see cref="RootSpec.MixtureWeights"/>.</param>
    public CircuitSpec RootSum(int classes = 1, bool mixture = false, WeightSpec? classWeights = null, WeightSpec? mixtureWeights = null) =>
        With(new RootSpec(classes, mixture) { ClassWeights = classWeights, MixtureWeights = mixtureWeights });

    /// <summary>The same model with every sum of free or raw weights replaced by so many sum layers; see <see cref="FactoredWeights"/>.</summary>
    /// <remarks>Weights that are factored already are collapsed before. Source: Trapp, Peharz and Pernkopf 2019, section 3.</remarks>
    /// <param name="depth">Number of sum layers in place of one; 1 collapses.</param>
    /// <exception cref="CircuitException">No sum has such weights, or the depth is below 1 or above 30.</exception>
    public CircuitSpec Overparametrize(int depth) => Overparametrisation.Of(this, depth, null);

    /// <summary>The same for the sums of some layers only.</summary>
    /// <param name="depth">Number of sum layers in place of one.</param>
    /// <param name="layers">Positions of the layers, from 0; each must be a sum or the root, whose top mixture is meant.</param>
    /// <exception cref="CircuitException">A layer has no such weights, or the depth is below 1 or above 30.</exception>
    public CircuitSpec Overparametrize(int depth, IEnumerable<int> layers) => Overparametrisation.Of(this, depth, [.. layers]);

    /// <summary>The same model with one sum layer in place of those that <see cref="Overparametrize(int)"/> made.</summary>
    /// <remarks>A layer whose weights are then those that it would take by itself names none.</remarks>
    public CircuitSpec Collapse() => Overparametrisation.Collapse(this);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Structure.Name}; {string.Join(" - ", Layers.Select(l => l.Name))}; weights {Weights.Name}{(Absorbed.Count == 0 ? "" : $"; evidence on {Absorbed} taken up")}";
}
