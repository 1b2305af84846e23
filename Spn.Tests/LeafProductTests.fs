/// Leaves of many variables in the fast engine: components that are hundreds of bits apart half way, whatever their families.
module Spn.Tests.LeafProductTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Lowering
open Spn.Core.Plans

let private variables, private channels = 72, 4

let private values (items: 'a seq) = ValueList<'a>(items)

/// Families side by side, some in runs longer than go together, some alone.
let private mixed: InputSpec =
    let kinds: InputSpec list = [
        NormalInput(channels)
        BinomialInput(channels, 255)
        LaplaceInput(channels)
        CategoricalInput(channels, 19)
        GammaInput(channels)
        PoissonInput(channels)
        CauchyInput(channels)
        BernoulliInput(channels)
    ]

    PerVariableInput(
        values [
            for v in 0 .. variables - 1 -> kinds[if v < 24 then v / 12 else v % kinds.Length]
        ]
    )

let private families: (string * InputSpec) list = [
    for name, input in Generators.inputs channels do
        name, input
    "binomial of bytes", BinomialInput(channels, 255)
    "mixed", mixed
]

let private lower (structure: StructureSpec) (input: InputSpec) =
    Lowerer.Lower(CircuitSpec.Over(structure).With(input).HadamardProduct().SumPerRegion(3).RootSum())

/// Parameters of inputs far from their start, so that components differ much at every variable.
let private apart (plan: Plan) factor =
    let parameters = plan.Initialise 3L
    let random = Random 8

    for tensor in plan.Tensors do
        if tensor.Start :? ParameterStart.ByInputs then
            for i in tensor.Offset .. tensor.Offset + tensor.Count - 1 do
                parameters[i] <- parameters[i] + float32 (factor * (random.NextDouble() - 0.5))

    parameters

let private statistics (bind: Plan -> ISession) (plan: Plan) (parameters: float32[]) (evidence: Evidence) =
    use session = bind plan
    session.GatherAtInputs InputGathering.Statistics
    session.SetParameters(ReadOnlySpan parameters)
    session.Forward(evidence, ReadOnlySpan(Array.init evidence.Count id), Span(Array.zeroCreate evidence.Count))
    session.Backward(Routing.Soft, ReadOnlySpan [||])
    let result: float[] = Array.zeroCreate plan.StatisticCount
    session.InputStatistics(Span result)
    result

let private structures: (string * StructureSpec) list = [
    "two random halves, twice", RatRegions(variables, 1, 2)
    "strips of coloured cells",
    PoonDomingos(GridVariables.Image(4, 6, 3), values [ values [ 3.0 ] ], Axes = values [ 1 ])
]

let private check (each: string -> Plan -> float32[] -> Evidence -> unit) =
    for structureName, structure in structures do
        for name, input in families do
            for factor in [ 0.0; 3.0 ] do
                let plan = lower structure input
                let evidence = Generators.evidence plan 35 (if factor = 0.0 then 0.0 else 0.2) 4
                each $"{structureName}, {name}, {factor}" plan (apart plan factor) evidence

let tests =
    testList "products of inputs in the engine" [
        testCase "log-likelihoods and gradients equal the reference's" (fun () -> check EngineTests.agrees)
        testCase "answers to queries equal the reference's" (fun () ->
            check (fun name plan parameters evidence ->
                QueryEngineTests.agrees name plan parameters evidence

                QueryEngineTests.agrees
                    $"{name}, sets"
                    plan
                    parameters
                    (Generators.restrict plan (Random 6) (evidence.Rows(ReadOnlySpan [| 0..7 |])))))
        testCase "statistics equal the reference's" (fun () ->
            check (fun name plan parameters evidence ->
                if plan.StatisticCount > 0 then
                    let expected = statistics EngineTests.reference plan parameters evidence

                    for engine, bind in
                        [
                            "wide", EngineTests.simd 2
                            "narrow", EngineTests.narrow 1
                            "level by level", EngineTests.levels 2
                        ] do
                        EngineTests.gradientsClose
                            (statistics bind plan parameters evidence)
                            expected
                            $"{name}, {engine}, statistics"))
    ]
