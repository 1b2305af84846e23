/// Extended Baum-Welch: its rule, and that it raises the conditional log-likelihood.
module Spn.Tests.BaumWelchTests

open System
open Spn
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Training

let private engines: (string * (unit -> IEngine)) list = [
    "reference", (fun () -> ReferenceEngine())
    "simd", (fun () -> SimdEngine 2)
]

let tests =
    testList "extended baum-welch" [
        for name, engine in engines do
            testCase $"a step is that of the definition ({name})" (fun () ->
                // Two classes, each with a distribution over three values of its own, and p(class).
                let spec =
                    CircuitSpec(
                        HandBuiltRegions(1).Leaf(0),
                        ValueList<LayerSpec> [
                            IndicatorInput 3 :> LayerSpec
                            RootSpec(2, ClassWeights = WeightSpec.Free())
                        ],
                        WeightSpec.Free()
                    )

                let w = [| [| 0.5; 0.3; 0.2 |]; [| 0.2; 0.2; 0.6 |] |]
                let prior = [| 0.4; 0.6 |]
                use circuit = Circuit.Compile(spec, engine ())
                let start = [| for p in Array.append (Array.concat w) prior -> float32 (log p) |]
                circuit.SetParameters start
                let x = [| 0; 0; 1; 2; 2; 1; 0 |]
                let labels = [| 0; 1; 0; 1; 1; 1; 0 |]

                let posterior c value =
                    prior[c] * w[c][value] / (prior[0] * w[0][value] + prior[1] * w[1][value])

                let moved (weights: float[]) (own: float[]) (all: float[]) =
                    let least = Array.map3 (fun n m w -> (m - n) / w) own all weights |> Array.max
                    let d = 3.0 * max (Array.sum all) least
                    let change = Array.sum own - Array.sum all
                    Array.map3 (fun n m w -> (n - m + d * w) / (change + d)) own all weights

                let count (f: int -> int -> float) = Array.map2 f x labels |> Array.sum

                let expected = [|
                    for c in 0..1 do
                        let own =
                            Array.init 3 (fun v ->
                                count (fun value label -> if value = v && label = c then 1.0 else 0.0))

                        let all =
                            Array.init 3 (fun v -> count (fun value _ -> if value = v then posterior c v else 0.0))

                        yield! moved w[c] own all

                    let own =
                        Array.init 2 (fun c -> count (fun _ label -> if label = c then 1.0 else 0.0))

                    let all = Array.init 2 (fun c -> count (fun value _ -> posterior c value))
                    yield! moved prior own all
                |]

                let train = Evidence.From(Array.map float32 x, 1)

                let report =
                    circuit.Fit(
                        train,
                        BaumWelchOptions(FullBatch = true, BatchSize = 3, Epochs = 1, Damping = 3.0),
                        labels = labels
                    )

                let conditional =
                    Array.map2 (fun v c -> log (posterior c v)) x labels |> Array.average

                Expect.floatClose
                    Accuracy.low
                    report.Curve[0].Train
                    conditional
                    "the conditional log-likelihood is reported"

                Array.iteri2
                    (fun i (a: float32) e -> Expect.floatClose Accuracy.low (exp (float a)) e $"weight {i}")
                    (circuit.Parameters.ToArray())
                    expected)

            testCase $"with much damping no step lowers the conditional log-likelihood ({name})" (fun () ->
                let mutable rose = 0

                for seed, weights in
                    [
                        1, WeightSpec.Free() :> WeightSpec
                        2, AccumulatorWeights(0.0, Concentration = 1.0)
                        3, WeightSpec.Tied(WeightSpec.Free())
                    ] do
                    let spec =
                        CircuitSpec
                            .Over(BinaryTrees(6, 2, int64 seed))
                            .IndicatorInput()
                            .SumPerRegion(3)
                            .HadamardProduct()
                            .RootSum(classes = 2 + seed % 2)
                            .WithWeights(weights)

                    use circuit = Circuit.Compile(spec, engine (), int64 seed)
                    let train = Generators.evidence circuit.Plan 80 0.1 seed

                    let labels =
                        Array.init 80 (fun row -> int (train.Row(row)[0] + 2f * train.Row(row)[3]) % circuit.Classes)

                    let report =
                        circuit.Fit(
                            train,
                            BaumWelchOptions(FullBatch = true, Epochs = 40, Damping = 8.0, BatchSize = 25),
                            labels = labels
                        )

                    for before, after in Seq.pairwise report.Curve do
                        Expect.isTrue
                            (after.Train >= before.Train - 1e-6)
                            $"{spec.Weights.Name}: {before.Train} then {after.Train}"

                    if report.Curve[39].Train > report.Curve[0].Train + 0.005 then
                        rose <- rose + 1

                Expect.equal rose 3 "all rise")
        testCase "mini-batches learn to tell digits apart, chosen by the validation samples" (fun () ->
            let digits = Data.Digits.LoadBinary()

            let spec =
                CircuitSpec
                    .Over(BinaryTrees(64, 3, 1L))
                    .IndicatorInput()
                    .SumPerRegion(4)
                    .HadamardProduct()
                    .RootSum(classes = 10)

            use circuit = Circuit.Compile spec
            circuit.Fit(digits, SoftEmOptions(Epochs = 3)) |> ignore

            let accuracy () =
                circuit.Fit(digits, BaumWelchOptions(Epochs = 1, Damping = 1e6)).Curve[0].Accuracy.Value

            let before = accuracy ()
            let report = circuit.Fit(digits, BaumWelchOptions(Epochs = 6))
            Expect.isTrue (report.Curve[5].Train > report.Curve[0].Train) "the conditional log-likelihood rises"
            Expect.isTrue (accuracy () >= before + 0.02) $"accuracy {accuracy ()}, {before} before")
        testCase "one class and learning inputs are refused with the way out" (fun () ->
            let spec =
                CircuitSpec.Over(BinaryTrees(3, 1, 1L)).IndicatorInput().HadamardProduct().RootSum()

            use circuit = Circuit.Compile spec
            let train = Generators.evidence circuit.Plan 5 0.0 1

            for options, advice in
                [
                    BaumWelchOptions(), "SoftEmOptions"
                    BaumWelchOptions(UpdateInputs = true), "gradient steps"
                ] do
                try
                    circuit.Fit(train, options) |> ignore
                    failtest "not refused"
                with :? ArgumentException as e ->
                    Expect.stringContains e.Message advice "advice"

            Expect.throwsT<ArgumentOutOfRangeException>
                (fun () -> circuit.Fit(train, BaumWelchOptions(Damping = 0.5)) |> ignore)
                "damping")
    ]
