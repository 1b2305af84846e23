/// Hard expectation maximisation of inputs: where the ways of every engine end.
module Spn.Tests.HardEmInputTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

let tests =
    testList "hard em of inputs" [
        testCase "every engine counts the values where the ways of the definition end" (fun () ->
            for input in
                [
                    NormalInput 3 :> InputSpec
                    LaplaceInput 3
                    PerVariableInput(
                        ValueList<InputSpec> [
                            for v in 0..4 ->
                                if v = 2 then
                                    CategoricalInput(3, 4) :> InputSpec
                                else
                                    CauchyInput 3
                        ]
                    )
                ] do
                for trees in [ 1; 3 ] do
                    let spec =
                        CircuitSpec
                            .Over(BinaryTrees(5, trees, 2L))
                            .With(input)
                            .SumPerRegion(3)
                            .HadamardProduct()
                            .RootSum(classes = 2)
                            .WithWeights(WeightSpec.Accumulators())

                    let plan = Lowerer.Lower spec
                    let parameters = plan.Initialise 4L

                    let evidence =
                        (Generators.evidence plan 30 0.0 1).Hide(fun row variable -> row < 8 && variable = 1)

                    let evidence =
                        evidence.Where(fun row v ->
                            if row < 4 && v = 1 && not (input :? PerVariableInput) then
                                ValueSet.Between(0.0, 1.0)
                            else
                                null)

                    let ends (bind: Plan -> ISession) =
                        use session = bind plan
                        session.GatherAtInputs InputGathering.Statistics
                        session.SetParameters(ReadOnlySpan parameters)
                        let values: float[] = Array.zeroCreate 60
                        let counts = Array.init 60 (fun i -> float (i % 3))

                        session.Count(
                            evidence,
                            ReadOnlySpan(Array.init 30 id),
                            Winner(true, 0.0, 1L),
                            ReadOnlySpan counts,
                            Span values
                        )

                        let result: float[] = Array.zeroCreate plan.StatisticCount
                        session.InputStatistics(Span result)
                        result

                    let expected = ends EngineTests.reference
                    // Every variable but the hidden one ends in one component for each count.
                    Expect.isTrue (Array.sum expected <> 0.0) "something is counted"

                    for engine, bind in [ "wide", EngineTests.simd 2; "narrow", EngineTests.narrow 1 ] do
                        EngineTests.gradientsClose (ends bind) expected $"{input.Name}, {trees} trees, {engine}")
        testCase
            "hard expectation maximisation takes the mean of the values that a component wins, its start among them"
            (fun () ->
                for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
                    let spec =
                        CircuitSpec(
                            HandBuiltRegions(1).Leaf(0),
                            ValueList<LayerSpec> [ NormalInput(2, TrainableScales = false) :> LayerSpec; RootSpec() ],
                            WeightSpec.Accumulators()
                        )

                    use circuit = Circuit.Compile(spec, engine)
                    circuit.SetParameters(ReadOnlySpan [| -2f; 2f; 0f; 0f; 1f; 1f |])

                    let x = [|
                        for i in 0..99 -> (if i % 4 = 0 then -2.5f else 3f) + float32 (i % 7) * 0.1f
                    |]

                    circuit.Fit(
                        Evidence.From(x, 1),
                        HardEmOptions(Epochs = 1, BatchSize = 30, UpdateInputs = true, InputCount = 5.0)
                    )
                    |> ignore

                    let own = circuit.Parameters.ToArray()

                    for k, start in [ 0, -2.0; 1, 2.0 ] do
                        let won = x |> Array.filter (fun v -> (v < 0f) = (k = 0)) |> Array.map float
                        let mean = (5.0 * start + Array.sum won) / (5.0 + float won.Length)
                        Expect.floatClose Accuracy.medium (float own[k]) mean $"mean {k}"

                        Expect.floatClose
                            Accuracy.medium
                            (float own[4 + k])
                            (1.0 + float won.Length)
                            $"accumulator {k}"

                        Expect.equal own[2 + k] 0f "frozen")
    ]
