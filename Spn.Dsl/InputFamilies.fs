namespace Spn

open Spn.Core

/// <summary>Inputs for counts and for densities on a part of the line.</summary>
[<AutoOpen>]
module InputFamilies =

    let private start init = defaultArg init Init.Random

    type Input with

        /// <summary>Binomial probabilities of the values 0 to trials; with 255 trials, grey values.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="trials">The largest value.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Binomial(components: int, trials: int, ?init: Init) : LayerSpec =
            BinomialInput(components, trials, Init = start init)

        /// <summary>Poisson probabilities of the counts 0, 1, 2, ... without an end.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Poisson(components: int, ?init: Init) : LayerSpec =
            PoissonInput(components, Init = start init)

        /// <summary>Geometric probabilities of the counts 0, 1, 2, ... without an end: failures before a success.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Geometric(components: int, ?init: Init) : LayerSpec =
            GeometricInput(components, Init = start init)

        /// <summary>Negative binomial probabilities of the counts 0, 1, 2, ... without an end: more scattered than Poisson ones.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="successes">The number of successes awaited, above 0; learned unless told.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member NegativeBinomial(components: int, ?successes: float, ?init: Init) : LayerSpec =
            NegativeBinomialInput(components, Successes = Option.toNullable successes, Init = start init)

        /// <summary>Probabilities of the values 0 to states - 1 by pieces of a logistic distribution, as for the grey values of pixels.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="states">Number of values.</param>
        /// <param name="leastDeviation">Scales stay above this share of half of the largest value; 0.001 unless told.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member DiscretisedLogistic
            (components: int, states: int, ?leastDeviation: float, ?init: Init)
            : LayerSpec =
            DiscretisedLogisticInput(
                components,
                states,
                LeastDeviation = defaultArg leastDeviation 0.001,
                Init = start init
            )

        /// <summary>Exponential densities of the numbers from 0 on.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Exponential(components: int, ?init: Init) : LayerSpec =
            ExponentialInput(components, Init = start init)

        /// <summary>Gamma densities of the numbers above 0.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="shape">The shape, above 0; learned unless told.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Gamma(components: int, ?shape: float, ?init: Init) : LayerSpec =
            GammaInput(components, Shape = Option.toNullable shape, Init = start init)

        /// <summary>Beta densities of the numbers above 0 and below 1.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member Beta(components: int, ?init: Init) : LayerSpec =
            BetaInput(components, Init = start init)

        /// <summary>Densities of the numbers above 0 whose logarithm is normal.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="init">Where the components start; <c>Init.Random</c> unless told.</param>
        static member LogNormal(components: int, ?init: Init) : LayerSpec =
            LogNormalInput(components, Init = start init)

        /// <summary>Even densities between given bounds; nothing is learned.</summary>
        /// <param name="bounds">Lower and upper bound of each component.</param>
        static member Uniform(bounds: seq<float * float>) : LayerSpec =
            UniformInput(ValueList(Seq.map fst bounds), ValueList(Seq.map snd bounds))

        /// <summary>Densities that are constant between edges, with a learned probability for every bin.</summary>
        /// <param name="components">Channels of a region.</param>
        /// <param name="edges">The edges of the bins in ascending order.</param>
        /// <param name="quantiles">True lets <c>Circuit.initialise</c> move the inner edges to the quantiles of the observed values; false unless told.</param>
        static member Histogram(components: int, edges: seq<float>, ?quantiles: bool) : LayerSpec =
            HistogramInput(components, ValueList edges, Quantiles = defaultArg quantiles false)
