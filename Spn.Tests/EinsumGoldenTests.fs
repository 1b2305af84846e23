/// Numbers of the Einsum networks' authors, with missing variables and derivatives.
module Spn.Tests.EinsumGoldenTests

open System
open System.Text.Json
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd

let private sources: (string * WeightSpec) list = [
    "free", WeightSpec.Free()
    "accumulators", WeightSpec.Accumulators 0.0
]

let private circuit engine weights (data: JsonElement) (given: JsonElement) =
    let circuit = Circuit.Compile(EinsumGolden.describe weights data, engine)
    circuit.SetParameters(ReadOnlySpan(EinsumGolden.parameters circuit.Plan data given))
    circuit

let private close name tolerance (actual: float seq) (expected: float seq) =
    Expect.equal (Seq.length actual) (Seq.length expected) $"{name}: how many"

    Seq.iter2
        (fun (a: float) e -> Expect.isTrue (abs (a - e) <= tolerance * max 1.0 (abs e)) $"{name}: {a}, expected {e}")
        actual
        expected

let private check name (circuit: Circuit) (evidence: Evidence) (expected: JsonElement) =
    close name 1e-5 (circuit.LogLikelihood evidence) (GoldenTests.numbers expected)

/// Derivatives of the sum of all log-likelihoods by the weights, each taken as free.
let private byWeights (circuit: Circuit) (evidence: Evidence) =
    let plan = circuit.Plan
    let weights = Array.zeroCreate<float> plan.Blocks.Total
    let parameters = circuit.Parameters.ToArray() |> Array.map float

    for program in plan.Programs do
        program.Forward(plan.Blocks, ReadOnlySpan parameters, Span weights)

    use session = circuit.Engine.Bind plan
    session.SetParameters circuit.Parameters

    session.Forward(
        evidence,
        ReadOnlySpan [| 0 .. evidence.Count - 1 |],
        Span(Array.zeroCreate (evidence.Count * plan.Classes))
    )

    session.Backward(Routing.Soft, ReadOnlySpan Array.empty)
    let flows: float32[] = Array.zeroCreate plan.Blocks.Total
    session.WeightFlows(Span flows)

    [
        for block in 0 .. plan.Blocks.Count - 1 do
            let struct (rows, _, _) = plan.Blocks[block]

            for i in 0 .. rows - 1 do
                let row = plan.Blocks.Row(block, i)

                for j in 0 .. row.Count - 1 do
                    let entry = row.First + j * row.Step
                    float flows[entry] / weights[entry]
    ]

/// Derivatives of the sum of a sample's log-likelihoods by the log-densities, [sample, variable, k, replica] with 0 where there is no leaf.
let private byDensities (data: JsonElement) (circuit: Circuit) (evidence: Evidence) (expected: JsonElement) =
    use session = circuit.Engine.Bind circuit.Plan
    session.SetParameters circuit.Parameters
    let k = GoldenTests.integer "k" data
    let samples = [| 0 .. evidence.Count - 1 |]

    for variable in 0 .. circuit.Variables - 1 do
        let replicas = [
            for v, replica in EinsumGolden.inputs data do
                if v = variable then
                    replica
        ]

        let units = k * replicas.Length
        let total = Array.zeroCreate<float>(evidence.Count * units)

        for c in 0 .. circuit.Classes - 1 do
            let only = Array.init circuit.Classes (fun other -> if other = c then 1.0 else 0.0)
            let own = Array.zeroCreate<float> total.Length

            session.InputFlows(
                evidence,
                ReadOnlySpan samples,
                variable,
                ReadOnlySpan only,
                Span(Array.zeroCreate samples.Length),
                Span own
            )

            own |> Array.iteri (fun i flow -> total[i] <- total[i] + flow)

        let file = [
            for sample in samples do
                for replica in replicas do
                    for channel in 0 .. k - 1 -> expected[sample].[variable].[channel].[replica].GetDouble()
        ]

        close $"leaves of variable {variable}" 1e-5 total file

let private reproduce name =
    testCase name (fun () ->
        let data = EinsumGolden.load name
        let evidence = EinsumGolden.evidence data

        for source, weights in sources do
            for engine in [ ReferenceEngine() :> IEngine; SimdEngine 2 ] do
                let name = $"{name}, {source}, {engine.Name}"
                use before = circuit engine weights data (data.GetProperty "params")
                check name before evidence (data.GetProperty "log_likelihood")
                let gradients = data.GetProperty "gradients_of_sum_log_likelihood"

                close
                    $"{name}, by weights"
                    1e-5
                    (byWeights before evidence)
                    (EinsumGolden.byWeight data (EinsumGolden.items (gradients.GetProperty "sum_weights_linear")))

                byDensities data before evidence (gradients.GetProperty "leaf_log_densities")
                let step = data.GetProperty "online_em"
                use after = circuit engine weights data (step.GetProperty "params_after_one_batch")
                check $"{name}, after a step" after evidence (step.GetProperty "log_likelihood_after")

                for marginal in EinsumGolden.items (data.GetProperty "marginals") do
                    let missing = EinsumGolden.integers (marginal.GetProperty "missing")

                    check
                        $"{name}, missing {missing.Length}"
                        after
                        (evidence.Hide missing)
                        (marginal.GetProperty "log_marginal"))

let tests =
    testList "golden einsum networks" [
        reproduce "einet_rat_d8_bernoulli_k2"
        reproduce "einet_rat_d6_categorical_k3_classes2"
        reproduce "einet_pd_4x4_normal_k2"
    ]
