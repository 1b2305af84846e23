namespace Spn

open Spn.Core

/// <summary>Input distributions over one variable: the bottom of a circuit.</summary>
[<AbstractClass; Sealed>]
type Input =
    static let fixedTo values =
        values |> Option.map ValueList<float> |> Option.toObj

    static member private OfLayer(argument: string, layer: LayerSpec) : InputSpec =
        match layer with
        | :? InputSpec as input -> input
        | other -> invalidArg argument $"{other.Name} is no input."

    /// <summary>One channel a value: 1 when the variable has it, else 0.</summary>
    /// <param name="states">Number of values, which are 0 to states - 1.</param>
    static member Indicator(states: int) : LayerSpec = IndicatorInput states

    /// <summary>P(x = 1) = sigmoid(logit) with a learned logit a component.</summary>
    static member Bernoulli(components: int) : LayerSpec = BernoulliInput components

    /// <summary>P(x = s) = softmax(logits)[s] with learned logits a component.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="states">Number of values, which are 0 to states - 1.</param>
    static member Categorical(components: int, states: int) : LayerSpec = CategoricalInput(components, states)

    /// <summary>Normal densities.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="means">Fixed means, one a component, which are no parameters then.</param>
    /// <param name="variances">Fixed variances, one a component, each above 0, which are no parameters then.</param>
    /// <param name="location">Origin of the parameters: where the values lie; 0 unless told.</param>
    /// <param name="scale">Unit of the parameters: how far the values scatter; 1 unless told.</param>
    /// <param name="leastDeviation">Deviations stay above this share of the scale, unless they are fixed; 0.001 unless told.</param>
    /// <param name="mostDeviation">Deviations stay below this multiple of the scale, unless they are fixed; no bound unless told.</param>
    /// <param name="init">How the parameters start; <c>Init.Random</c> unless told.</param>
    /// <param name="trainable">False keeps all of them as they start; true unless told.</param>
    /// <param name="trainableMeans">The same for the means alone.</param>
    /// <param name="trainableVariances">The same for the variances alone.</param>
    static member Normal
        (
            components: int,
            ?means: seq<float>,
            ?variances: seq<float>,
            ?location: float,
            ?scale: float,
            ?leastDeviation: float,
            ?mostDeviation: float,
            ?init: Init,
            ?trainable: bool,
            ?trainableMeans: bool,
            ?trainableVariances: bool
        ) : LayerSpec =
        let trainable = defaultArg trainable true

        NormalInput(
            components,
            FixedMeans = fixedTo means,
            FixedVariances = fixedTo variances,
            Location = defaultArg location 0.0,
            Scale = defaultArg scale 1.0,
            LeastDeviation = defaultArg leastDeviation 0.001,
            MostDeviation = Option.toNullable mostDeviation,
            Init = defaultArg init Init.Random,
            TrainableLocations = defaultArg trainableMeans trainable,
            TrainableScales = defaultArg trainableVariances trainable
        )

    /// <summary>Laplace densities: sharper at the location and with heavier tails than normal ones; the variance is twice the square of the scale.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="locations">Fixed locations, one a component, which are no parameters then.</param>
    /// <param name="scales">Fixed scales, one a component, each above 0, which are no parameters then.</param>
    /// <param name="location">Origin of the parameters: where the values lie; 0 unless told.</param>
    /// <param name="scale">Unit of the parameters: how far the values scatter; 1 unless told.</param>
    /// <param name="leastDeviation">Scales stay above this share of the scale, unless they are fixed; 0.001 unless told.</param>
    /// <param name="mostDeviation">Scales stay below this multiple of the scale, unless they are fixed; no bound unless told.</param>
    /// <param name="init">How the parameters start; <c>Init.Random</c> unless told.</param>
    /// <param name="trainable">False keeps all of them as they start; true unless told.</param>
    /// <param name="trainableLocations">The same for the locations alone.</param>
    /// <param name="trainableScales">The same for the scales alone.</param>
    static member Laplace
        (
            components: int,
            ?locations: seq<float>,
            ?scales: seq<float>,
            ?location: float,
            ?scale: float,
            ?leastDeviation: float,
            ?mostDeviation: float,
            ?init: Init,
            ?trainable: bool,
            ?trainableLocations: bool,
            ?trainableScales: bool
        ) : LayerSpec =
        let trainable = defaultArg trainable true

        LaplaceInput(
            components,
            FixedLocations = fixedTo locations,
            FixedScales = fixedTo scales,
            Location = defaultArg location 0.0,
            Scale = defaultArg scale 1.0,
            LeastDeviation = defaultArg leastDeviation 0.001,
            MostDeviation = Option.toNullable mostDeviation,
            Init = defaultArg init Init.Random,
            TrainableLocations = defaultArg trainableLocations trainable,
            TrainableScales = defaultArg trainableScales trainable
        )

    /// <summary>Cauchy densities: tails so heavy that no mean exists; half of the probability lies within one scale of the location.</summary>
    /// <param name="components">Channels of a region.</param>
    /// <param name="locations">Fixed locations, one a component, which are no parameters then.</param>
    /// <param name="scales">Fixed scales, one a component, each above 0, which are no parameters then.</param>
    /// <param name="location">Origin of the parameters: where the values lie; 0 unless told.</param>
    /// <param name="scale">Unit of the parameters: how far the values scatter; 1 unless told.</param>
    /// <param name="leastDeviation">Scales stay above this share of the scale, unless they are fixed; 0.001 unless told.</param>
    /// <param name="mostDeviation">Scales stay below this multiple of the scale, unless they are fixed; no bound unless told.</param>
    /// <param name="init">How the parameters start; <c>Init.Random</c> unless told.</param>
    /// <param name="trainable">False keeps all of them as they start; true unless told.</param>
    /// <param name="trainableLocations">The same for the locations alone.</param>
    /// <param name="trainableScales">The same for the scales alone.</param>
    static member Cauchy
        (
            components: int,
            ?locations: seq<float>,
            ?scales: seq<float>,
            ?location: float,
            ?scale: float,
            ?leastDeviation: float,
            ?mostDeviation: float,
            ?init: Init,
            ?trainable: bool,
            ?trainableLocations: bool,
            ?trainableScales: bool
        ) : LayerSpec =
        let trainable = defaultArg trainable true

        CauchyInput(
            components,
            FixedLocations = fixedTo locations,
            FixedScales = fixedTo scales,
            Location = defaultArg location 0.0,
            Scale = defaultArg scale 1.0,
            LeastDeviation = defaultArg leastDeviation 0.001,
            MostDeviation = Option.toNullable mostDeviation,
            Init = defaultArg init Init.Random,
            TrainableLocations = defaultArg trainableLocations trainable,
            TrainableScales = defaultArg trainableScales trainable
        )

    /// <summary>An input of its own for every variable: mixed types in one model; a sum must follow where channels differ.</summary>
    /// <param name="inputs">[variable]</param>
    static member PerVariable(inputs: seq<LayerSpec>) : LayerSpec =
        PerVariableInput(ValueList<InputSpec>(inputs |> Seq.map (fun input -> Input.OfLayer(nameof inputs, input))))

    /// <summary>Inputs that suit the columns of a table: indicators of labels, normal densities of real columns, negative binomial counts.</summary>
    /// <param name="components">Components of the densities.</param>
    /// <param name="schema">The columns.</param>
    /// <param name="special">Inputs of columns, by name, that are to have other ones.</param>
    static member ForSchema(components: int, schema: Schema, ?special: seq<string * LayerSpec>) : LayerSpec =
        schema.Inputs(
            components,
            dict [
                for name, input in defaultArg special [] -> name, Input.OfLayer(nameof special, input)
            ]
            |> System.Collections.Generic.Dictionary
        )

/// <summary>Mixtures over the channels of regions with the same scope.</summary>
[<AbstractClass; Sealed>]
type Sum =
    /// <summary>Mixtures with weights of their own at every region.</summary>
    /// <param name="channels">Mixtures a region.</param>
    /// <param name="weights">Where the weights come from; the circuit's unless told.</param>
    static member PerRegion(channels: int, ?weights: WeightSpec) : LayerSpec =
        SumSpec(channels, Weights = Option.toObj weights)

    /// <summary>Mixtures with weights of their own at every partition; where a region has several, channel k mixes channel k of each. The root does the same with its classes.</summary>
    /// <remarks>The einsum and mixing layers of Peharz et al. 2020. <c>Sum.PerRegion</c> describes the same distributions with other parameters.</remarks>
    /// <param name="channels">Mixtures a partition and a region.</param>
    /// <param name="weights">Where the weights at partitions come from; the circuit's unless told.</param>
    /// <param name="mixing">Where the weights that mix partitions come from; free, fixed and accumulator weights of the circuit unless told, and free where it has others.</param>
    static member PerPartition(channels: int, ?weights: WeightSpec, ?mixing: WeightSpec) : LayerSpec =
        SumSpec(channels, PerPartition = true, Weights = Option.toObj weights, MixingWeights = Option.toObj mixing)

    /// <summary>Mixtures whose weights the regions of a level share.</summary>
    /// <param name="channels">Mixtures a region.</param>
    /// <param name="weights">Where the weights come from; the circuit's unless told.</param>
    static member Shared(channels: int, ?weights: WeightSpec) : LayerSpec =
        SumSpec(channels, Shared = true, Weights = Option.toObj weights)

    /// <summary>Mixtures over the channels of every cell of a grid.</summary>
    /// <param name="channels">Mixtures a cell.</param>
    /// <param name="shared">True shares the weights among all cells of the layer; each cell has its own unless told.</param>
    /// <param name="weights">Where the weights come from; the circuit's unless told.</param>
    static member Spatial(channels: int, ?shared: bool, ?weights: WeightSpec) : LayerSpec =
        SumSpec(channels, defaultArg shared false, Weights = Option.toObj weights)

    /// <summary>The root: one mixture a class over the tops of all replicas.</summary>
    /// <param name="classes">Number of class roots; 1 unless told.</param>
    /// <param name="mixture">Gives every replica a root sum of its own, which the classes mix; false unless told.</param>
    /// <param name="weights">Where the weights of the replicas' own root sums come from; the circuit's unless told.</param>
    /// <param name="classWeights">Free weights learn p(class) as a root sum over the classes; a constant unless told. See <see cref="P:Spn.Core.RootSpec.ClassWeights"/>.</param>
    /// <param name="mixtureWeights">Where the weights of the top mixture come from. See <see cref="P:Spn.Core.RootSpec.MixtureWeights"/>.</param>
    static member Root
        (?classes: int, ?mixture: bool, ?weights: WeightSpec, ?classWeights: WeightSpec, ?mixtureWeights: WeightSpec)
        : LayerSpec =
        RootSpec(
            defaultArg classes 1,
            defaultArg mixture false,
            Weights = Option.toObj weights,
            ClassWeights = Option.toObj classWeights,
            MixtureWeights = Option.toObj mixtureWeights
        )

/// <summary>Products of one channel from each child of a partition.</summary>
[<AbstractClass; Sealed>]
type Product =
    /// <summary>Channel by channel; all children have the same number.</summary>
    static member Hadamard: LayerSpec = HadamardProduct()

    /// <summary>Every combination of one channel a child; the first child's channel varies fastest.</summary>
    static member Kronecker: LayerSpec = KroneckerProduct()

    /// <summary>A given list of combinations.</summary>
    /// <param name="channels">One row an output channel: the channel taken from each child.</param>
    static member Channels(channels: seq<#seq<int>>) : LayerSpec =
        ChannelTableProduct(ValueList [ for row in channels -> ValueList row ])

    /// <summary>One channel from each cell of a patch, for every patch of a grid; see <see cref="T:Spn.Core.SpatialProduct"/>.</summary>
    /// <param name="kernel">Cells of a patch along an axis; 2 unless told.</param>
    /// <param name="dilation">Distance between joined cells; 1 unless told. At unit stride it is the product of the kernels below.</param>
    /// <param name="stride">Distance between patches; 1 unless told.</param>
    /// <param name="padding">What is read beyond the border; <c>Padding.Full</c> unless told.</param>
    /// <param name="channels">Which channels are combined; channel by channel unless told.</param>
    static member Spatial
        (?kernel: int, ?dilation: int, ?stride: int, ?padding: Padding, ?channels: ProductChannels)
        : LayerSpec =
        Product.SpatialBy(
            [ defaultArg kernel 2 ],
            [ defaultArg dilation 1 ],
            [ defaultArg stride 1 ],
            ?padding = padding,
            ?channels = channels
        )

    /// <summary>The same with settings of their own along each axis.</summary>
    static member SpatialBy
        (kernel: seq<int>, dilation: seq<int>, stride: seq<int>, ?padding: Padding, ?channels: ProductChannels)
        : LayerSpec =
        SpatialProduct(
            Kernel = ValueList kernel,
            Dilation = ValueList dilation,
            Stride = ValueList stride,
            Padding = defaultArg padding Padding.Full,
            Channels = defaultArg channels ProductChannels.Depthwise
        )
