/// Hyper-networks with an embedding a group of weights, and step sizes of kinds of parameters.
module Spn.Tests.HyperGroupTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

let private strips k =
    Regions.PoonDomingos(Variables.Image(height = 4, width = 4), pieces = [ 4 ], axes = [ 1 ])
    |> Circuit.overRegions [ Input.Normal k; Product.Kronecker; Sum.PerPartition k; Sum.Root() ]

let private byGroups size =
    Weights.Hyper(embedding = 8, hidden = [ 10; 10 ], groupSize = size)

let private kinds (plan: Plan) =
    plan.Tensors
    |> Seq.groupBy _.Kind
    |> Seq.map (fun (kind, tensors) -> kind, tensors |> Seq.sumBy _.Count)
    |> Map.ofSeq

let private rows =
    Evidence.From(Array.init (20 * 16) (fun i -> float32 (i * i % 17) / 5f), 16)

let tests =
    testList "Hyper-networks by groups" [
        testCase "the published network has an embedding of 8 for every 40 of its weights" (fun () ->
            let k = 40
            let own = kinds (Lowerer.Lower(strips k |> Circuit.withWeights (byGroups k)))
            // Seven partitions below the root, three at it.
            let weights = 7 * k * k * k + 3 * k * k
            Expect.equal own[ParameterKind.Embeddings] (weights / 40 * 8) "a fifth of the weights"
            Expect.equal own[ParameterKind.Network] (8 * 10 + 10 + 10 * 10 + 10 + 10 * 40 + 40) "8-10-10-40"
            Expect.equal own[ParameterKind.Weights] (2 * k * 2 + 3) "what mixes partitions is free"
            Expect.equal own[ParameterKind.Inputs] (16 * k * 2) "means and deviations")
        testCase
            "a group of a sum's weights is the network's output for its embedding, whatever the others are"
            (fun () ->
                use circuit =
                    Circuit.Compile(strips 5 |> Circuit.withWeights (byGroups 7), ReferenceEngine())

                let plan = circuit.Plan

                let program =
                    plan.Programs
                    |> Seq.pick (fun p ->
                        match p with
                        | :? HyperProgram as h -> Some h
                        | _ -> None)

                let weights parameters =
                    let made = Array.zeroCreate<float> plan.Blocks.Total
                    program.Forward(plan.Blocks, ReadOnlySpan(parameters: float[]), Span made)
                    made

                let parameters = circuit.Parameters.ToArray() |> Array.map float
                let before = weights parameters
                // Row 1 of the first block has 25 inputs: groups of 7, 7, 7 and 4. The third group is changed.
                let block = program.Blocks[0]
                let row = plan.Blocks.Row(block, 1)
                Expect.equal row.Count 25 "pairs of channels"
                let embedding = program.Embeddings[0] + (4 + 2) * 8
                parameters[embedding] <- parameters[embedding] + 1.0
                let after = weights parameters

                let ratios = [ for i in 0..24 -> after[row[i]] / before[row[i]] ]
                let others = List.take 14 ratios @ List.skip 21 ratios

                for ratio in others do
                    Expect.floatClose
                        Accuracy.high
                        ratio
                        others.Head
                        "outside of the group only the sum of all changes"

                Expect.isTrue
                    (ratios
                     |> List.skip 14
                     |> List.take 7
                     |> List.exists (fun r -> abs (r - others.Head) > 1e-6))
                    "the group changes"

                Expect.floatClose Accuracy.high (List.sum [ for i in 0..24 -> after[row[i]] ]) 1.0 "normalised"

                for i in 0 .. before.Length - 1 do
                    if i < row.First || i >= row.First + 25 then
                        Expect.equal after[i] before[i] "other sums")
        testCase "large blocks have the weights and gradients of the reference engine" (fun () ->
            let spec = strips 18 |> Circuit.withWeights (byGroups 7)

            let results =
                [ ReferenceEngine() :> IEngine; SimdEngine 2 ]
                |> List.map (fun engine ->
                    use circuit = Circuit.Compile(spec, engine, 3L)
                    use session = circuit.NewSession()

                    let values, gradient =
                        Array.zeroCreate<float> 20, Array.zeroCreate<float32> circuit.ParameterCount

                    session.SetParameters circuit.Parameters
                    session.Forward(rows, ReadOnlySpan [| 0..19 |], Span values)
                    session.Backward(Routing.Soft, ReadOnlySpan [||])
                    session.Gradient(Span gradient)
                    values, gradient)

            let (values, gradient), (ours, own) = results[0], results[1]

            for i in 0..19 do
                Expect.isTrue (abs (values[i] - ours[i]) < 1e-4 * abs values[i]) $"row {i}"

            let largest = gradient |> Array.map abs |> Array.max

            for i in 0 .. gradient.Length - 1 do
                if not (abs (gradient[i] - own[i]) <= 1e-4f * largest + 1e-3f * abs gradient[i]) then
                    failtest $"entry {i}: {own[i]}, reference {gradient[i]}")
        testCase "groups need a size of at least 1 and no dead entries" (fun () ->
            let refused weights =
                let e =
                    Expect.raises<CircuitException>
                        (fun () ->
                            HyperSpn.Baseline(4, replicas = 2)
                            |> Circuit.withWeights weights
                            |> Lowerer.Lower
                            |> ignore)
                        "refused"

                Expect.stringContains e.Message "size of at least 1 without dead entries" "way out"

            refused (Weights.Hyper(embedding = 2, hidden = [], groupSize = 0))
            refused (Weights.Hyper(embedding = 2, hidden = [], deadEntries = true, groupSize = 5)))
        testCase "Adam's first step is as long as the rate of the parameter's kind, by either engine" (fun () ->
            let options =
                GradientOptions(
                    LearningRate = 1e-2,
                    Rates =
                        ValueList [
                            ParameterRate(ParameterKind.Network, LearningRate = Nullable 3e-4)
                            ParameterRate(ParameterKind.Inputs, LearningRate = Nullable 2e-3)
                        ],
                    Steps = 1,
                    BatchSize = 20
                )

            for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
                use circuit =
                    Circuit.Compile(strips 18 |> Circuit.withWeights (byGroups 18), engine)
                    |> Circuit.initialise rows

                let before = circuit.Parameters.ToArray()
                circuit |> Train.gradient rows (Evidence.unknown 0 16) options |> ignore
                let after = circuit.Parameters.ToArray()

                for tensor in circuit.Plan.Tensors do
                    let longest =
                        [
                            for i in tensor.Offset .. tensor.Offset + tensor.Count - 1 -> abs (after[i] - before[i])
                        ]
                        |> List.max

                    let rate =
                        match tensor.Kind with
                        | ParameterKind.Network -> 3e-4
                        | ParameterKind.Inputs -> 2e-3
                        | _ -> 1e-2

                    if not (abs (float longest - rate) < 0.02 * rate) then
                        failtest $"{engine}, {tensor.Name}: {longest} instead of {rate}")
        testCase "weight decay of a kind is that of its rate" (fun () ->
            // A flat likelihood leaves decay alone: one plain step shrinks parameters by rate times decay.
            let hidden = Evidence.unknown 4 4

            let options =
                GradientOptions(
                    Optimiser = Optimiser.Sgd,
                    LearningRate = 0.5,
                    WeightDecay = 0.1,
                    Rates =
                        ValueList [
                            ParameterRate(ParameterKind.Embeddings, WeightDecay = Nullable 0.4)
                            ParameterRate(
                                ParameterKind.Network,
                                LearningRate = Nullable 0.25,
                                WeightDecay = Nullable 0.0
                            )
                        ],
                    Steps = 1,
                    BatchSize = 4
                )

            use circuit = Circuit.Compile(HyperSpn.PaperText(4, replicas = 2))
            let before = circuit.Parameters.ToArray()
            circuit |> Train.gradient hidden (Evidence.unknown 0 4) options |> ignore
            let after = circuit.Parameters.ToArray()

            for tensor in circuit.Plan.Tensors do
                let left =
                    match tensor.Kind with
                    | ParameterKind.Embeddings -> 0.8
                    | ParameterKind.Network -> 1.0
                    | _ -> 0.95

                for i in tensor.Offset .. tensor.Offset + tensor.Count - 1 do
                    Expect.isTrue (abs (float after[i] - left * float before[i]) < 1e-5) $"{tensor.Name}, {i}")
    ]
