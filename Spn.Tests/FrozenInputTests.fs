/// Parameters of real inputs that no training changes, and descriptions of how inputs start.
module Spn.Tests.FrozenInputTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Files
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training
open Spn.Tests.InitTests

let private frozenTests =
    testList "frozen parameters" [
        testCase "training leaves them as they were, bit by bit, and changes the others" (fun () ->
            let train = samples 200 4 6L

            for input, learned in
                ([
                    NormalInput(3, Init = Init.Quantiles, TrainableLocations = false, TrainableScales = false), 0
                    NormalInput(3, TrainableLocations = false), 3
                    LaplaceInput(3, TrainableScales = false), 3
                    CauchyInput(3, FixedScales = ValueList [ 1.0; 2.0; 3.0 ], TrainableLocations = false), 0
                    PerVariableInput(
                        ValueList<InputSpec> [
                            NormalInput(3) :> InputSpec
                            NormalInput(3, TrainableScales = false)
                            CauchyInput(3, TrainableLocations = false, TrainableScales = false)
                            LaplaceInput 3
                        ]
                    ),
                    -1
                ]
                : (LayerSpec * int) list) do
                for engine in [ Reference.ReferenceEngine() :> IEngine; Simd.SimdEngine 2 ] do
                    for optimiser in [ Optimiser.Adam; Optimiser.Sgd ] do
                        let plan = plan input 4

                        use circuit =
                            Circuit.Compile(
                                CircuitSpec
                                    .Over(BinaryTrees(4, 1, 1L))
                                    .With(input)
                                    .SumPerRegion(2)
                                    .HadamardProduct()
                                    .RootSum(),
                                engine
                            )

                        circuit.Initialise(train, 3L) |> ignore
                        let before = circuit.Parameters.ToArray()
                        let inputs = plan.Tensors[0]

                        let frozen = [
                            for run in inputs.Frozen do
                                yield! [ run.Offset .. run.End - 1 ]
                        ]

                        let isLearned = plan.Learned |> Seq.sumBy _.Count

                        Expect.equal
                            (isLearned + frozen.Length)
                            plan.ParameterCount
                            "every parameter is one or the other"

                        Expect.equal plan.LearnedCount isLearned "counted"

                        if learned >= 0 then
                            Expect.equal (inputs.Count - frozen.Length) (4 * learned) "learned input parameters"

                        circuit.Fit(
                            train,
                            null,
                            GradientOptions(
                                Optimiser = optimiser,
                                Steps = 5,
                                BatchSize = 50,
                                LearningRate = 0.001,
                                WeightDecay = 0.1
                            )
                        )
                        |> ignore

                        let after = circuit.Parameters.ToArray()

                        for i in 0 .. before.Length - 1 do
                            let same =
                                BitConverter.SingleToInt32Bits before[i] = BitConverter.SingleToInt32Bits after[i]

                            if List.contains i frozen then
                                Expect.isTrue same $"{input.Name}: frozen parameter {i}"
                            elif before[i] <> 0f then
                                Expect.isFalse same $"{input.Name}: learned parameter {i}")
        testCase "their gradient is zero" (fun () ->
            let plan = plan (NormalInput(2, TrainableScales = false)) 3
            let evidence = Generators.evidence plan 40 0.2 1

            for bind in [ EngineTests.reference; EngineTests.simd 2; EngineTests.narrow 1 ] do
                let _, gradient, _ = EngineTests.run bind plan (plan.Initialise 1L) evidence [||]

                for run in plan.Tensors[0].Frozen do
                    for i in run.Offset .. run.End - 1 do
                        Expect.equal gradient[i] 0.0 $"entry {i}"

                Expect.isTrue
                    (plan.Learned
                     |> Seq.forall (fun run -> Seq.exists (fun i -> gradient[i] <> 0.0) [ run.Offset .. run.End - 1 ]))
                    "learned entries")
        testCase "conditioning and files keep them" (fun () ->
            let spec =
                CircuitSpec
                    .Over(BinaryTrees(4, 1, 1L))
                    .NormalInput(2, init = Init.Quantiles, trainable = false)
                    .SumPerRegion(2)
                    .HadamardProduct()
                    .RootSum()

            use circuit = Circuit.Compile spec
            circuit.Initialise(samples 100 4 1L) |> ignore
            use rest = circuit.Condition(Evidence.From([| 0.5f; nanf; nanf; nanf |], 4))

            Expect.equal
                (Seq.sumBy (fun (run: ParameterRun) -> run.Count) rest.Plan.Tensors[0].Frozen)
                12
                "of three variables")
    ]

let private descriptionTests =
    testList "descriptions" [
        testCase "starts are values, and come back from JSON" (fun () ->
            let starts = [
                Init.Random
                Init.Quantiles
                Init.KMeans
                Init.Equidistant()
                Init.Equidistant(-1.0, 2.5)
                Init.Quantiles.WithDeviations InitDeviations.OfPart
                Init.Random.WithDeviations InitDeviations.One
            ]

            Expect.hasLength (List.distinct starts) starts.Length "all differ"
            Expect.isTrue (Init.Equidistant() = Init.Equidistant(-1.5, 1.5)) "the defaults"

            for init in starts do
                for trainable in [ true; false ] do
                    for spec in
                        [
                            CircuitSpec
                                .Over(Generators.diamond)
                                .NormalInput(2, init = init, trainable = trainable)
                                .RootSum()
                            CircuitSpec
                                .Over(Generators.diamond)
                                .LaplaceInput(2, init = init, trainableScales = trainable)
                                .RootSum()
                            CircuitSpec
                                .Over(Generators.diamond)
                                .CauchyInput(2, init = init, trainableLocations = trainable)
                                .RootSum()
                        ] do
                        Expect.isTrue (SpecKinds.Default.Read(SpecKinds.Default.Write spec) = spec) $"{spec}")
        testCase "a description of before, without start and frozen parameters, means what it meant" (fun () ->
            let written =
                """{"structure":{"kind":"binaryTrees","variables":3,"replicas":1,"seed":7},"layers":["""
                + """{"kind":"gaussianInput","components":2,"location":0.5,"scale":2,"leastDeviation":0.01,"fixedVariances":[1,4]},"""
                + """{"kind":"hadamardProduct"},{"kind":"root","classes":1,"mixture":false}],"weights":{"kind":"free","deadEntries":false}}"""

            let expected =
                CircuitSpec
                    .Over(BinaryTrees(3, 1, 7L))
                    .With(
                        NormalInput(
                            2,
                            Location = 0.5,
                            Scale = 2.0,
                            LeastDeviation = 0.01,
                            FixedVariances = ValueList [ 1.0; 4.0 ]
                        )
                    )
                    .HadamardProduct()
                    .RootSum()

            Expect.isTrue (SpecKinds.Default.Read written = expected) "read"
            Expect.stringContains (SpecKinds.Default.Write expected) "\"normalInput\"" "written by the present name")
        testCase "settings that make no density are refused with the way out" (fun () ->
            for spec, word in
                ([
                    LaplaceInput(2, FixedLocations = ValueList [ 1.0 ]), "locations"
                    CauchyInput(2, FixedScales = ValueList [ 1.0; 0.0 ]), "scales"
                    NormalInput(2, FixedMeans = ValueList [ 1.0; nan ]), "means"
                    NormalInput(1, FixedVariances = ValueList [ infinity ]), "variances"
                    CauchyInput(2, LeastDeviation = 0.0), "least deviation"
                    LaplaceInput(2, Scale = -1.0), "scale"
                ]
                : (LayerSpec * string) list) do
                let error =
                    Expect.raises<CircuitException>
                        (fun () ->
                            Lowerer.Lower(CircuitSpec.Over(Generators.diamond).With(spec).RootSum())
                            |> ignore)
                        spec.Name

                Expect.stringContains error.Message word spec.Name

            for low, high in [ 1.0, 0.0; nan, 1.0; 0.0, infinity ] do
                Expect.throwsT<ArgumentException> (fun () -> Init.Equidistant(low, high) |> ignore) $"{low} to {high}")
        testCase "summaries say how an input starts and what is frozen" (fun () ->
            for input, name in
                ([
                    NormalInput 4, "Input.Normal(4)"
                    NormalInput(4, Init = Init.Quantiles, TrainableLocations = false, TrainableScales = false),
                    "Input.Normal(4, quantiles, frozen)"
                    NormalInput(2, FixedVariances = ValueList [ 1.0; 1.0 ]), "Input.Normal(2, fixed variances)"
                    LaplaceInput(3, Init = Init.Equidistant(), TrainableScales = false),
                    "Input.Laplace(3, equidistant -1.5 to 1.5, frozen scales)"
                    CauchyInput(3, FixedLocations = ValueList [ 0.0; 1.0; 2.0 ], TrainableScales = false),
                    "Input.Cauchy(3, fixed locations, frozen)"
                ]
                : (LayerSpec * string) list) do
                Expect.equal input.Name name "name")
    ]

let tests = testList "frozen inputs" [ frozenTests; descriptionTests ]
