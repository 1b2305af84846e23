/// Random circuits over few values beside the table of all of them.
module Spn.Tests.Enumeration

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Inference
open Spn.Core.Plans

let compileWith (engine: IEngine) seed =
    let name, spec = Generators.spec seed
    name, Circuit.Compile(spec, engine, int64 seed)

let statesOf (circuit: Circuit) v =
    match circuit.Plan.InputOf[v] with
    | null -> failwith "no input"
    | family when family.States.HasValue -> family.States.Value
    | _ -> 0

let jointStates circuit (variables: int seq) =
    variables |> Seq.fold (fun n v -> n * float (statesOf circuit v)) 1.0

/// Seeds of random circuits with one class over few discrete values.
let small most =
    Seq.initInfinite ((+) 1)
    |> Seq.filter (fun seed ->
        let _, spec = Generators.spec seed
        use circuit = Circuit.Compile(spec, ReferenceEngine())
        let n = jointStates circuit (seq { 0 .. circuit.Variables - 1 })
        n >= 4.0 && n <= most)

/// Every joint value of all variables.
let allValues (circuit: Circuit) =
    let states = Array.init circuit.Variables (statesOf circuit)
    let count = Array.fold (*) 1 states

    let values =
        Array.init (count * circuit.Variables) (fun i ->
            let mutable rest = i / circuit.Variables
            let v = i % circuit.Variables

            for u in 0 .. v - 1 do
                rest <- rest / states[u]

            float32 (rest % states[v]))

    Evidence.From(values, circuit.Variables)

/// log p of all joint values, classes taken together with equal priors, by the reference.
let logTable (circuit: Circuit) (all: Evidence) =
    use reference = Circuit.Compile(circuit.Spec, ReferenceEngine())
    reference.SetParameters circuit.Parameters

    reference.LogLikelihood all
    |> Array.chunkBySize circuit.Classes
    |> Array.map (fun own -> LogSum.Of(ReadOnlySpan own) - log (float circuit.Classes))

/// Whether a joint value agrees with what a row says.
let agrees (evidence: Evidence) row (all: Evidence) state =
    let values = all.Row(state).ToArray()

    Seq.forall
        (fun v ->
            if not (evidence.IsHidden(row, v)) then
                evidence.Row(row).ToArray()[v] = values[v]
            else
                match evidence.SetOf(row, v) with
                | null -> true
                | set -> set.Contains values[v])
        (seq { 0 .. all.Variables - 1 })

/// The conditional distribution over joint values that a row leaves, or None when it is impossible.
let conditional (evidence: Evidence) row (all: Evidence) (table: float[]) =
    let weights =
        Array.init table.Length (fun state ->
            if agrees evidence row all state then
                exp table[state]
            else
                0.0)

    let total = Array.sum weights

    if total = 0.0 then
        None
    else
        Some(weights |> Array.map (fun w -> w / total))

let engines: (string * IEngine * float) list = [ "reference", ReferenceEngine(), 1e-6; "simd", SimdEngine(2), 1e-4 ]

let close tolerance (actual: float) expected message =
    if
        not (
            actual = expected
            || abs (actual - expected) <= tolerance * max 1.0 (abs expected)
        )
    then
        failtest $"{message}: {actual}, expected {expected}"

/// Circuits of both engines with rows of hidden entries and sets that are possible, and the enumerated conditional of each row.
let eachSmall count most (law: string -> Circuit -> float -> Evidence -> Evidence -> float[] -> float[][] -> unit) =
    for seed in small most |> Seq.take count do
        for engineName, engine, tolerance in engines do
            let name, circuit = compileWith engine seed
            use circuit = circuit
            let all = allValues circuit
            let table = logTable circuit all

            let drawn =
                Generators.evidence circuit.Plan 6 0.6 seed
                |> Generators.restrict circuit.Plan (Random seed)

            let possible =
                [| 0..5 |] |> Array.filter (fun row -> (conditional drawn row all table).IsSome)

            if possible.Length > 0 then
                let evidence = drawn.Rows(ReadOnlySpan possible)

                let conditionals =
                    Array.init evidence.Count (fun row -> (conditional evidence row all table).Value)

                law $"{engineName}, {name}" circuit tolerance evidence all table conditionals

let normalCircuit (engine: IEngine) =
    let spec =
        CircuitSpec.Over(BinaryTrees(3, 2, 5L)).NormalInput(2).SumPerRegion(2).HadamardProduct().RootSum(1, true)

    Circuit.Compile(spec, engine, 3L)
