/// Evaluation in little memory.
module Spn.Tests.StreamingTests

open System
open Spn.Core
open Spn.Core.Inference

let private live n =
    use circuit = Circuit.Compile(HyperSpn.Released(n, replicas = 2))
    use evaluator = new StreamingEvaluator(circuit)
    evaluator.LiveRegions

let tests =
    testList "streaming" [
        testCase "both schedules give the log-likelihoods of the circuit" (fun () ->
            for seed in 1..80 do
                let name, spec = Generators.spec seed
                use circuit = Circuit.Compile(spec, seed = int64 seed)

                let evidence =
                    Generators.evidence circuit.Plan 70 (if seed % 2 = 0 then 0.2 else 0.0) seed

                let expected = circuit.LogLikelihood evidence

                for schedule in [ EvaluationSchedule.PostOrder; EvaluationSchedule.Level ] do
                    use evaluator = new StreamingEvaluator(circuit, schedule)
                    EngineTests.logLikelihoodsClose (evaluator.LogLikelihood evidence) expected $"{name}, {schedule}")
        testCase "at most log2(n) + 1 regions of a replica are alive" (fun () ->
            for power in 1..8 do
                Expect.isLessThanOrEqual (live (1 <<< power)) (power + 1) $"{1 <<< power} variables")
        testCase "odd widths need few regions more" (fun () ->
            for n, most in [ 69, 9; 100, 9; 1556, 14 ] do
                Expect.isLessThanOrEqual (live n) most $"{n} variables")
        testCase "post-order needs a small part of the memory of the level schedule" (fun () ->
            use circuit = Circuit.Compile(HyperSpn.Released 200)

            let bytes schedule =
                use evaluator = new StreamingEvaluator(circuit, schedule)

                evaluator.LogLikelihood(Evidence.From(Array.zeroCreate<float32> 200, 200))
                |> ignore

                evaluator.WorkspaceBytes

            Expect.isLessThan (20L * bytes EvaluationSchedule.PostOrder) (bytes EvaluationSchedule.Level) "bytes")
    ]
