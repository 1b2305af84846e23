/// Random stacks of spatial layers.
module Spn.Tests.SpatialStacks

open System
open Spn
open Spn.Core
open Spn.Core.Plans

/// Random stacks on small grids of one to three axes, accepted or not.
let randomStack seed =
    let random = Random(seed: int)
    let axes = random.Next(1, 4)

    let extents = [
        for _ in 1..axes ->
            random.Next(
                2,
                (if axes = 1 then 14
                 elif axes = 2 then 7
                 else 4)
            )
    ]

    let channels = random.Next(1, 4)
    let any (items: 'a list) = items[random.Next items.Length]

    let product isLast dilation : LayerSpec =
        let each low high = [ for _ in extents -> random.Next(low, high + 1) ]

        Product.SpatialBy(
            (if random.Next 3 = 0 then each 1 3 else [ 2 ]),
            (if random.Next 4 = 0 then each 1 4 else [ dilation ]),
            (if random.Next 4 = 0 then each 1 2 else [ 1 ]),
            padding =
                (if isLast then
                     any [ Padding.Final; Padding.FinalCrop ]
                 else
                     any [ Padding.Full; Padding.Full; Padding.Valid ]),
            channels =
                any [
                    ProductChannels.Depthwise
                    ProductChannels.Limited(channels + 1, int64 seed)
                    (if channels < 3 && axes < 3 then
                         ProductChannels.AllCombinations
                     else
                         ProductChannels.Depthwise)
                ]
        )

    let levels = random.Next(1, 4)

    let input: LayerSpec =
        match random.Next 3 with
        | 0 -> Input.Indicator 2
        | 1 -> Input.Categorical(channels, 3)
        | _ -> Input.Normal channels

    GridVariables(ValueList extents, random.Next(1, 3))
    |> (fun grid ->
        Circuit.stack grid [
            input
            for level in 0 .. levels - 1 do
                product false (1 <<< level)
                Sum.Spatial(channels, shared = (random.Next 3 = 0))
            product true (1 <<< levels)
            Sum.Root(classes = random.Next(1, 3))
        ])

/// Every accepted random stack among some seeds.
let accepted seeds =
    seeds
    |> Seq.choose (fun seed ->
        let spec = randomStack seed

        if (Circuit.check spec).IsEmpty then
            Some(seed, spec)
        else
            None)

/// Where the logits of each sum start among the parameters.
let firstLogit (plan: Plan) =
    let places =
        dict [
            for program in plan.Programs do
                match program with
                | :? SoftmaxProgram as softmax ->
                    for block, logit in Seq.zip softmax.Blocks softmax.Logits do
                        block, logit
                | _ -> ()
        ]

    fun region -> places[plan.Regions.Block region]
