/// Random circuits and evidence of every kind that the library has. A new input, sum or product joins by one line here.
module Spn.Tests.Generators

open System
open Spn.Core

/// The folder of the checkout, found from where the tests run.
let repository =
    let rec up (folder: string | null) =
        match folder with
        | null -> failwith "The tests do not run inside a checkout."
        | folder when IO.File.Exists(IO.Path.Combine(folder, "Spn.slnx")) -> folder
        | folder -> up (IO.Path.GetDirectoryName folder)

    up AppContext.BaseDirectory

let private values (items: 'a seq) = ValueList<'a>(items)

let inputs channels : (string * InputSpec) list = [
    if channels = 2 then
        "indicator", IndicatorInput(2)
    if channels = 3 then
        "indicator of three", IndicatorInput(3)
    "bernoulli", BernoulliInput(channels)
    "categorical", CategoricalInput(channels, 4)
    "categorical of many", CategoricalInput(channels, 19)
    "normal", NormalInput(channels)
    "normal, fixed variances", NormalInput(channels, FixedVariances = values [ for k in 1..channels -> 0.3 * float k ])
    "normal, fixed means", NormalInput(channels, FixedMeans = values [ for k in 1..channels -> float k - 2.0 ])
    "normal, frozen", NormalInput(channels, TrainableLocations = false, TrainableScales = false)
    "normal, frozen variances", NormalInput(channels, TrainableScales = false, Init = Init.Quantiles)
    "laplace", LaplaceInput(channels, Location = -0.2, Scale = 0.8)
    "laplace, frozen locations", LaplaceInput(channels, TrainableLocations = false, Init = Init.Equidistant())
    "cauchy", CauchyInput(channels)
    "cauchy, fixed scales",
    CauchyInput(channels, FixedScales = values [ for k in 1..channels -> 0.4 * float k ], Init = Init.KMeans)
    "binomial", BinomialInput(channels, 7)
    "binomial of many", BinomialInput(channels, 300, Init = Init.KMeans)
    "poisson", PoissonInput(channels)
    "geometric", GeometricInput(channels)
    "negative binomial", NegativeBinomialInput(channels)
    "negative binomial, successes given", NegativeBinomialInput(channels, Successes = 2.5, Init = Init.Quantiles)
    "discretised logistic", DiscretisedLogisticInput(channels, 12)
    "exponential", ExponentialInput(channels)
    "gamma", GammaInput(channels)
    "gamma, shape given", GammaInput(channels, Shape = 2.5)
    "beta", BetaInput(channels)
    "log-normal", LogNormalInput(channels)
    "uniform",
    UniformInput(
        values [ for k in 1..channels -> 0.1 * float (channels - k) ],
        values [ for k in 1..channels -> 2.0 + 0.1 * float k ]
    )
    "histogram", HistogramInput(channels, values [ -2.0; -1.0; 0.5; 0.75; 2.0 ])
    "histogram at quantiles", HistogramInput(channels, values [ -2.0; -1.0; 0.0; 1.0; 2.0 ], Quantiles = true)
]

/// An input of another kind for every variable; channels differ, so a sum must follow.
let mixed (random: Random) variables : InputSpec =
    PerVariableInput(
        values [
            for _ in 1..variables ->
                match random.Next 10 with
                | 0 -> IndicatorInput(2) :> InputSpec
                | 1 -> IndicatorInput(3)
                | 2 -> CategoricalInput(2, 4)
                | 3 -> BernoulliInput(3)
                | 4 -> LaplaceInput(3, TrainableScales = false)
                | 5 -> CauchyInput(2, Location = -0.5)
                | 6 -> PoissonInput(3)
                | 7 -> GammaInput(2)
                | 8 -> BinomialInput(2, 4)
                | _ -> NormalInput(2, Location = 0.3, Scale = 1.7)
        ]
    )

let weights: (string * WeightSpec) list = [
    "free", WeightSpec.Free()
    "hyper", WeightSpec.Hyper(3, [ 7; 4 ])
    "hyper without hidden layers", WeightSpec.Hyper(2, [])
    "hyper by groups", WeightSpec.Hyper(3, [ 5; 4 ], groupSize = 3)
    "tied", WeightSpec.Tied(WeightSpec.Free())
    "tied hyper", WeightSpec.Tied(WeightSpec.Hyper(3, [ 6 ]))
    "uniform", WeightSpec.Uniform()
]

/// Products that join regions of `channels` channels, each with the channels it makes.
let products channels : (string * ProductSpec) list = [
    "hadamard", HadamardProduct()
    "kronecker", KroneckerProduct()
    // Two children: every channel beside its neighbour; the pairs are drawn where a structure is binary.
    "table", ChannelTableProduct(values [ for o in 0 .. channels - 1 -> values [ o; (o + 1) % channels ] ])
]

let private pick (random: Random) (items: 'a list) = items[random.Next items.Length]

/// A graph with two partitions of the whole and shared leaves: not a tree.
let diamond =
    HandBuiltRegions(4)
        .Leaf(0)
        .Leaf(1)
        .Leaf(2)
        .Leaf(3)
        .Join([| 0; 1 |])
        .Join([| 2; 3 |])
        .Join([| 0; 2 |])
        .Join([| 1; 3 |])
        .Join([| 4; 5 |], [| 6; 7 |])

/// A leaf of twelve variables beside a tree: wide products are taken in pieces.
let wideLeaf =
    HandBuiltRegions(14).Leaf([| 0..11 |]).Leaf(12).Leaf(13).Join([| 0; 1; 2 |])

/// (((x0 x1) x2) x3) ...
let chain variables =
    let mutable graph = HandBuiltRegions(variables).Leaf(0)
    let mutable top = 0

    for v in 1 .. variables - 1 do
        graph <- graph.Leaf(v)
        graph <- graph.Join([| top; graph.Regions.Count - 1 |])
        top <- graph.Regions.Count - 1

    graph

/// Leaves of two variables, three children, and a partition that reuses a region.
let wide =
    HandBuiltRegions(5).Leaf(0, 1).Leaf(2).Leaf(3, 4).Leaf(0).Leaf(1).Join([| 0; 1; 2 |], [| 3; 4; 1; 2 |])

let private image = GridVariables.Image(2, 3)

/// One of every structure with a builder of its own, small. A new one joins by one line here.
let structures: (string * StructureSpec) list = [
    "random regions", RatRegions(7, 2, 2, 5L)
    "random regions down to single variables", RatRegions(5, 9, 2)
    "Poon-Domingos", PoonDomingos.At(image, 1.0)
    "Poon-Domingos, coarse to fine", PoonDomingos.At(GridVariables.Line 7, 3.0, 1.0)
    "Poon-Domingos over width", PoonDomingos(image, values [ values [ 1.0 ] ], Axes = values [ 1 ])
    "Poon-Domingos, few cuts", PoonDomingos(image, values [ values [ 1.0; 2.0 ] ], MostCuts = 2)
    "Poon-Domingos on a line of pairs", PoonDomingos.Pieces(GridVariables.Line(4, 2), 3)
    "Poon-Domingos on a volume", PoonDomingos.At(GridVariables.Volume(2, 2, 2), 1.0)
    "quad tree", QuadRegions(image)
    "binary quad tree", QuadRegions(image, QuadSplit.Halves)
    "quad graph", QuadRegions(image, QuadSplit.AllHalves)
    "quad graph of patches", QuadRegions(GridVariables.Image(3, 3), QuadSplit.AllHalves, 2)
    "octree", QuadRegions(GridVariables.Volume(2, 2, 2))
    "linear trees", LinearTrees(6, 2)
    "linear trees in random order", LinearTrees(5, 2, Seed = 4L)
    "hidden tree", HiddenTree(values [ 1; -1; 1; 2; 2; 4 ])
]

let structure (random: Random) : StructureSpec =
    match random.Next 10 with
    | 0 -> diamond
    | 1 -> wide
    | 2 -> wideLeaf
    | 3 -> chain (random.Next(2, 25))
    | 4
    | 5
    | 6 -> snd (pick random structures)
    | _ -> BinaryTrees(random.Next(1, 12), random.Next(1, 4), int64 (random.Next()))

/// A random small circuit, with the names of what it is made of.
let spec seed : string * CircuitSpec =
    let random = Random(seed: int)
    let channels = random.Next(1, 7)
    let structure = structure random

    let regions = structure.Build().Regions

    let partitions = [
        for region in regions do
            for partition in region.Partitions -> partition.Length
    ]

    let isBinary = partitions |> List.forall ((=) 2)

    let hasWideLeaf =
        regions |> Seq.exists (fun r -> r.Partitions.Count = 0 && r.Scope.Count > 1)

    let most = List.fold max 1 partitions

    let inputName, input = pick random (inputs channels)

    let isMixed = random.Next 5 = 0 && not hasWideLeaf

    let inputName, input =
        if isMixed then
            "mixed", mixed random structure.VariableCount
        else
            inputName, input

    let channels = if isMixed then channels else input.Components

    let productName, product =
        products channels
        |> List.filter (fun (name, _) ->
            (name <> "table" || isBinary)
            && (name <> "kronecker" || (not isMixed && float channels ** float most <= 1500.0)))
        |> pick random

    let weightName, weight = pick random weights
    let shared = random.Next 3 = 0
    let sum = SumSpec(channels, shared, PerPartition = (not shared && seed % 4 = 1))

    let root =
        RootSpec(
            random.Next(1, 4),
            random.Next 2 = 0,
            MixtureWeights =
                (if random.Next 4 = 0 then
                     WeightSpec.Uniform() :> WeightSpec
                 else
                     WeightSpec.Free()),
            ClassWeights =
                ((if seed % 3 = 0 then
                      Some(WeightSpec.Free() :> WeightSpec)
                  else
                      None)
                 |> Option.toObj)
        )

    let weight: WeightSpec =
        if structure :? BinaryTrees && random.Next 4 = 0 then
            if random.Next 2 = 0 then
                WeightSpec.Free(deadEntries = true)
            else
                WeightSpec.Hyper(3, [ 5 ], deadEntries = true)
        else
            weight

    let layers: LayerSpec list = [
        input
        if productName <> "kronecker" && (isMixed || random.Next 3 > 0) then
            sum
            product

            if random.Next 3 = 0 then
                SumSpec(channels, Weights = WeightSpec.Hyper(2, [ 3 ]))
        else
            product
            sum
        root
    ]

    $"{structure.Name}, {inputName}, {productName}, {weightName}, {sum.Name}, {root.Name}, seed {seed}",
    CircuitSpec(structure, values layers, weight)

/// A value of a domain.
let value (random: Random) (domain: ValueDomain) =
    let low, high = domain.Low, domain.High

    if domain.States.HasValue then
        float32 (random.Next domain.States.Value)
    elif domain.IsInteger then
        float32 (random.Next 12)
    elif Double.IsInfinity low then
        float32 (random.NextDouble() * 4.0 - 2.0)
    elif Double.IsInfinity high then
        float32 (low + 0.01 + random.NextDouble() * 4.0)
    else
        float32 (low + (high - low) * (0.001 + 0.998 * random.NextDouble()))

/// Values in the domain of a circuit's variables, some of them hidden.
let evidence (plan: Plans.Plan) count hidden seed =
    let random = Random(seed: int)

    let draw variable =
        match plan.InputOf[variable] with
        | null -> 0f
        | family -> value random family.Domain

    let batch =
        Evidence.From(Array.init (count * plan.Variables) (fun i -> draw (i % plan.Variables)), plan.Variables)

    if hidden > 0.0 then
        batch.Hide(fun _ _ -> random.NextDouble() < hidden)
    else
        batch

/// Sets of values for some of the hidden entries.
let restrict (plan: Plans.Plan) (random: Random) (evidence: Evidence) =
    let set variable : ValueSet | null =
        match plan.InputOf[variable] with
        | null -> null
        | family when family.States.HasValue ->
            let states = family.States.Value

            let kept = [|
                for s in 0 .. states - 1 do
                    if random.Next 2 = 0 then
                        float32 s
            |]

            if random.Next 3 = 0 then
                ValueSet.Between(0.0, float (random.Next states))
            elif kept.Length = 0 then
                ValueSet.OneOf(float32 (random.Next states))
            else
                ValueSet.OneOf kept
        | family ->
            let low = float (value random family.Domain)

            match random.Next 3 with
            | 0 -> ValueSet.AtLeast low
            | 1 -> ValueSet.AtMost low
            | _ -> ValueSet.Between(low, low + random.NextDouble() * 2.0 + 0.01)

    evidence.Where(fun row variable ->
        if evidence.IsHidden(row, variable) && random.Next 3 = 0 then
            set variable
        else
            null)
