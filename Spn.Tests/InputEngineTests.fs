/// Real inputs in the fast engine: equal to the definition far out too, and joined right.
module Spn.Tests.InputEngineTests

open System
open Spn.Core
open Spn.Core.Lowering
open Spn.Core.Plans

let tests =
    testList "real inputs in the engine" [
        testCase "inputs with locations, scales and values of any size equal the reference" (fun () ->
            let values = ValueList<float>
            let random = Random 5

            for scales in
                [
                    [ 1e-8; 1.0; 1e8 ]
                    [ 1e-34; 1e-31; 1.0 ]
                    [ 1.0; 1e35; 3.0 ]
                    [ 0.3; 0.4; 20.0 ]
                ] do
                for locations in [ [ 0.0; 1.0; -2.0 ]; [ 1e6; 1e6 + 0.3; 0.1 ]; [ 1e6; float -1e31f; 2.0 ] ] do
                    for input in
                        ([
                            NormalInput(
                                3,
                                FixedMeans = values locations,
                                FixedVariances = values (scales |> List.map (fun s -> s * s + 1e-300))
                            )
                            LaplaceInput(3, FixedLocations = values locations, FixedScales = values scales)
                            CauchyInput(3, FixedLocations = values locations, FixedScales = values scales)
                        ]
                        : LayerSpec list) do
                        let plan =
                            Lowerer.Lower(
                                CircuitSpec
                                    .Over(BinaryTrees(3, 2, 1L))
                                    .With(input)
                                    .SumPerRegion(2)
                                    .HadamardProduct()
                                    .RootSum()
                            )

                        let evidence =
                            Evidence.From(
                                Array.init 60 (fun i ->
                                    let own = i % 3

                                    match random.Next 6 with
                                    | 0 -> float32 locations[own]
                                    | 1 -> float32 (locations[own] + scales[own])
                                    | 2 -> float32 (locations[own] - 30.0 * scales[own])
                                    | 3 -> float32 (locations[own] + 1000.0 * scales[own])
                                    | _ -> float32 (random.NextDouble() * 6.0 - 3.0)),
                                3
                            )

                        EngineTests.agrees $"{input.Name}, {locations}, {scales}" plan (plan.Initialise 1L) evidence)
        testCase "learned locations and scales far from the data have the reference's gradient" (fun () ->
            for name, input in Generators.inputs 3 do
                match input with
                | :? LocationScaleInput ->
                    let plan =
                        Lowerer.Lower(
                            CircuitSpec
                                .Over(BinaryTrees(3, 2, 1L))
                                .With(input)
                                .SumPerRegion(2)
                                .HadamardProduct()
                                .RootSum()
                        )

                    let start = plan.Initialise 3L
                    let inputs = plan.Tensors[0]

                    for shift, width in [ 0f, 0f; 50f, 0f; 0f, -6.9f; 0f, -9f; 2f, 3f ] do
                        // Whatever is a location or a log scale: moved far out, beyond the least scale too.
                        let parameters =
                            start
                            |> Array.mapi (fun i p ->
                                if inputs.Name = "inputs" && i < inputs.Count then
                                    (if i % 6 < 3 then p + shift else p + width)
                                else
                                    p)

                        let evidence = Generators.evidence plan 70 0.2 9
                        EngineTests.agrees $"{name}, {shift}, {width}" plan parameters evidence
                | _ -> ())
        testCase "evidence that is all but certain right under the root keeps its gradient" (fun () ->
            let plan =
                Lowerer.Lower(
                    CircuitSpec
                        .Over(BinaryTrees(1, 3, 5L))
                        .NormalInput(5, null, [ 0.3; 0.6; 0.9; 1.2; 1.5 ])
                        .HadamardProduct()
                        .RootSum()
                )

            for low in [ -2.0; -4.0; -6.0; -9.0 ] do
                let evidence = Evidence.Unknown(3, 1).Where(0, ValueSet.AtLeast low)
                EngineTests.agrees $"above {low}" plan (plan.Initialise 358L) evidence)
        testCase "the colours of a cell are joined channel by channel, whatever the input" (fun () ->
            let kinds = [
                yield! Generators.inputs 2
                "an input a colour",
                PerVariableInput(
                    ValueList<InputSpec> [ IndicatorInput(2) :> InputSpec; NormalInput 2; CategoricalInput(2, 4) ]
                )
            ]

            for name, input in kinds do
                let perCell, colours = (if input :? PerVariableInput then 1 else 4), 3

                let grid: CircuitSpec =
                    CircuitSpec.Over(
                        if perCell = 1 then
                            GridVariables.Image(1, 1, colours)
                        else
                            GridVariables.Image(2, 2, colours)
                    )

                let spec =
                    if perCell = 1 then
                        grid.With(input).RootSum()
                    else
                        grid.With(input).SpatialProduct(kernel = 2, padding = Padding.Valid).RootSum()

                use circuit = Circuit.Compile(spec, seed = 4L)
                let plan = circuit.Plan
                let parameters = circuit.Parameters.ToArray() |> Array.map float
                let evidence = Generators.evidence plan 20 0.0 4

                let weights =
                    parameters[parameters.Length - 2 ..]
                    |> Array.map exp
                    |> fun w -> w |> Array.map (fun x -> x / Array.sum w)

                let scores = circuit.LogLikelihood evidence

                for row in 0 .. evidence.Count - 1 do
                    let x = evidence.Row(row).ToArray()

                    let channel k =
                        Seq.init plan.Variables (fun v ->
                            let place = plan.Regions.Input(Array.head (plan.InputsOf v))

                            place.Family.LogDensity(
                                k,
                                x[v],
                                ReadOnlySpan(parameters, place.Offset, place.Family.ParameterCount)
                            ))
                        |> Seq.sum

                    let expected =
                        LogSum.Of(ReadOnlySpan [| log weights[0] + channel 0; log weights[1] + channel 1 |])

                    if
                        not (
                            scores[row] = expected
                            || abs (scores[row] - expected) < 1e-4 * max 1.0 (abs expected)
                        )
                    then
                        failtest $"{name}, row {row}: {scores[row]}, expected {expected}"

                Expect.floatClose { absolute = 1e-5; relative = 0.0 } (circuit.LogPartition()[0]) 0.0 $"Z, {name}")
    ]
