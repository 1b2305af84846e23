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
    "gaussian", GaussianInput(channels)
    "gaussian, fixed variances", GaussianInput(channels, FixedVariances = values [ for k in 1..channels -> 0.3 * float k ])
    "gaussian, fixed means", GaussianInput(channels, FixedMeans = values [ for k in 1..channels -> float k - 2.0 ])
]

let weights: (string * WeightSpec) list = [
    "free", WeightSpec.Free()
    "hyper", WeightSpec.Hyper(3, [ 7; 4 ])
    "hyper without hidden layers", WeightSpec.Hyper(2, [])
    "tied", WeightSpec.Tied(WeightSpec.Free())
    "tied hyper", WeightSpec.Tied(WeightSpec.Hyper(3, [ 6 ]))
    "uniform", WeightSpec.Uniform()
]

/// Products that join regions of `channels` channels, each with the channels it makes.
let products channels : (string * ProductSpec) list = [
    "hadamard", HadamardProduct()
    "kronecker", KroneckerProduct()
]

let private pick (random: Random) (items: 'a list) = items[random.Next items.Length]

/// A graph with two partitions of the whole and shared leaves: not a tree.
let diamond =
    HandBuiltRegions(4).Leaf(0).Leaf(1).Leaf(2).Leaf(3).Join([| 0; 1 |]).Join([| 2; 3 |]).Join([| 0; 2 |]).Join([| 1; 3 |]).Join([| 4; 5 |], [| 6; 7 |])

/// Leaves of two variables, three children, and a partition that reuses a region.
let wide =
    HandBuiltRegions(5).Leaf(0, 1).Leaf(2).Leaf(3, 4).Leaf(0).Leaf(1).Join([| 0; 1; 2 |], [| 3; 4; 1; 2 |])

let structure (random: Random) : StructureSpec =
    match random.Next 6 with
    | 0 -> diamond
    | 1 -> wide
    | _ -> BinaryTrees(random.Next(1, 12), random.Next(1, 4), int64 (random.Next()))

/// A random small circuit, with the names of what it is made of.
let spec seed : string * CircuitSpec =
    let random = Random(seed: int)
    let channels = random.Next(1, 7)
    let structure = structure random
    let inputName, input = pick random (inputs channels)
    let channels = input.Components
    let productName, product = pick random (products channels)
    let weightName, weight = pick random weights
    let shared = random.Next 3 = 0
    let sum = SumSpec(channels, shared)
    let root = RootSpec(random.Next(1, 4), random.Next 2 = 0)

    let layers: LayerSpec list = [
        input
        if productName <> "kronecker" && random.Next 3 > 0 then
            sum
            product
        else
            product
            sum
        root
    ]

    $"{structure.Name}, {inputName}, {productName}, {weightName}, shared {shared}, {root.Name}, seed {seed}",
    CircuitSpec(structure, values layers, weight)

/// Values in the domain of a circuit's variables, some of them hidden.
let evidence (plan: Plans.Plan) count hidden seed =
    let random = Random(seed: int)

    let family =
        Seq.init plan.Regions.Count id
        |> Seq.filter (fun r -> plan.Regions.Kind r = Plans.RegionKind.Input)
        |> Seq.map (fun r -> (plan.Regions.Input r).Family)
        |> Seq.head

    let draw () =
        if family.States.HasValue then
            float32 (random.Next family.States.Value)
        else
            float32 (random.NextDouble() * 4.0 - 2.0)

    let batch = Evidence.From(Array.init (count * plan.Variables) (fun _ -> draw ()), plan.Variables)
    if hidden > 0.0 then batch.Hide(fun _ _ -> random.NextDouble() < hidden) else batch
