/// Corner cases of queries in which an answer was once wrong.
module Spn.Tests.QueryCornerTests

open System
open Spn.Core
open Spn.Core.Circuits.Structures
open Spn.Core.Engines
open Spn.Core.Engines.Reference
open Spn.Core.Engines.Simd
open Spn.Core.Inference

let private engines: IEngine list = [ ReferenceEngine(); SimdEngine 2 ]

let private single = HandBuiltRegions(1).Leaf(0)

let private relative tolerance (actual: float) expected message =
    Expect.isTrue (abs (actual - expected) <= tolerance * abs expected) $"{message}: {actual}, expected {expected}"

let private priorOf (circuit: Circuit) =
    circuit.ClassPrior
    |> Option.ofObj
    |> Option.map List.ofSeq
    |> Option.defaultValue []

let tests =
    testList "corner cases of queries" [
        testCase "a most probable explanation over overlapping classes is not called exact" (fun () ->
            let circuit weights =
                Circuit.Compile(
                    CircuitSpec.Over(single).IndicatorInput(3).RootSum(2).WithWeights(WeightSpec.Fixed weights)
                )

            use overlapping = circuit [ 0.4; 0.35; 0.25; 0.25; 0.35; 0.4 ]
            let result = overlapping.Mpe(Evidence.Unknown(1, 1))
            Expect.isFalse result.Exactness.IsExact $"{result.Exactness}"
            Expect.isTrue (result.LogBound[0] <= result.LogLikelihood[0] + 1e-6) "bound"
            use apart = circuit [ 0.4; 0.6; 0.0; 0.0; 0.0; 1.0 ]
            let result = apart.Mpe(Evidence.Unknown(1, 1))
            Expect.isTrue result.Exactness.IsExact $"{result.Exactness}"
            relative 1e-6 result.LogBound[0] result.LogLikelihood[0] "bound of an exact answer")
        testCase "moments keep their digits far out in a tail" (fun () ->
            for engine in engines do
                use circuit =
                    Circuit.Compile(CircuitSpec.Over(single).NormalInput(1, [ 0.0 ], [ 1.0 ]).RootSum(), engine)

                for low in [ 100.0; 1e3; 1e4 ] do
                    // 1 / z (1 - 2 / z^2) above z, and 1 / z^2 (1 - 6 / z^2).
                    for sign in [ 1.0; -1.0 ] do
                        let set =
                            if sign > 0.0 then
                                ValueSet.AtLeast low
                            else
                                ValueSet.AtMost -low

                        let posterior = circuit.Posterior(Evidence.Unknown(1, 1).Where(0, set))

                        relative
                            1e-6
                            (sign * posterior.Mean(0, 0) - low)
                            ((1.0 - 2.0 / low / low) / low)
                            $"mean above {low}"

                        relative
                            1e-5
                            (posterior.Variance(0, 0))
                            ((1.0 - 6.0 / low / low) / low / low)
                            $"variance above {low}"

                Expect.throwsT<EvidenceException>
                    (fun () ->
                        circuit.LogLikelihood(Evidence.Unknown(1, 1).Where(0, ValueSet.AtLeast 1e200))
                        |> ignore)
                    "no such number")
        testCase "a variance keeps its digits where the components lie far apart" (fun () ->
            for engine in engines do
                let spec =
                    CircuitSpec
                        .Over(HandBuiltRegions(2).Leaf(0).Leaf(1).Join([| 0; 1 |]))
                        .NormalInput(2, [ 0.0; 1000.0 ], [ 1e-4; 1e-4 ])
                        .HadamardProduct()
                        .RootSum()

                use circuit = Circuit.Compile(spec, engine)
                let posterior = circuit.Posterior(Evidence.Unknown(1, 2).Observe(0, 1000f))
                relative 1e-8 (posterior.Mean(0, 1)) 1000.0 "mean"
                relative 1e-6 (posterior.Variance(0, 1)) 1e-4 "variance")
        testCase "values below the range of numbers are not impossible together" (fun () ->
            for engine in engines do
                use circuit =
                    Circuit.Compile(CircuitSpec.Over(single).CategoricalInput(1, 3).RootSum(), engine)

                circuit.SetParameters(ReadOnlySpan [| 0f; -800f; -801f; 0f |])
                let evidence = Evidence.Unknown(1, 1).Where(0, ValueSet.OneOf(1f, 2f))
                relative 1e-6 (circuit.LogLikelihood evidence).[0] (-800.0 + log (1.0 + exp -1.0)) "likelihood"

                Expect.isTrue
                    ((circuit.Sample(evidence, 20)).Values.ToArray()
                     |> Array.forall (fun x -> x >= 1f))
                    "samples lie in the set")
        testCase "an infinite cross-entropy is told without NaN" (fun () ->
            let twice = HandBuiltRegions(1).Leaf(0).Leaf(0)
            use p = Circuit.Compile(CircuitSpec.Over(single).CategoricalInput(1, 2).RootSum())

            use q =
                Circuit.Compile(
                    CircuitSpec
                        .Over(twice)
                        .IndicatorInput(2)
                        .RootSum()
                        .WithWeights(WeightSpec.Fixed [ 0.5; 0.0; 0.5; 0.0 ])
                )

            p.SetParameters(ReadOnlySpan [| 0f; -800f; 0f |])
            Expect.equal (p.CrossEntropy q).Nats infinity "added up"
            p.SetParameters(ReadOnlySpan [| 0f; 0f; 0f |])
            let estimate = p.CrossEntropy(q, InformationOptions(MostStates = 0))
            Expect.equal (estimate.Nats, estimate.StandardError) (infinity, 0.0) "estimated")
        testCase "equal logits far below zero are equal weights" (fun () ->
            for engine in engines do
                use circuit =
                    Circuit.Compile(CircuitSpec.Over(single).IndicatorInput(2).RootSum(), engine)

                circuit.SetParameters(ReadOnlySpan [| -1e30f; -1e30f |])
                relative 1e-6 (circuit.LogLikelihood(Evidence.From([| 1f |], 1))).[0] (log 0.5) "likelihood")
        testCase "more samples than a batch holds are refused by name" (fun () ->
            use circuit =
                Circuit.Compile(
                    CircuitSpec
                        .Over(BinaryTrees(3, 1, 1L))
                        .IndicatorInput(2)
                        .SumPerRegion(2)
                        .HadamardProduct()
                        .RootSum()
                )

            Expect.throwsT<ArgumentOutOfRangeException> (fun () -> circuit.Sample(Int32.MaxValue) |> ignore) "too many")
        testCase "what is forbidden with next to no probability is forbidden all the same" (fun () ->
            // The first circuit says 1 with e^-30, the second never: the divergence is infinite though the missing mass is rounding.
            use p = Circuit.Compile(CircuitSpec.Over(single).CategoricalInput(1, 2).RootSum())
            p.SetParameters(ReadOnlySpan [| 0f; -30f; 0f |])

            let sure weights =
                Circuit.Compile(
                    CircuitSpec.Over(single).IndicatorInput(2).RootSum().WithWeights(WeightSpec.Fixed weights)
                )

            use q = sure [ 1.0; 0.0 ]
            let none = InformationOptions(MostStates = 0)
            let cross = p.CrossEntropy(q, none)
            Expect.isTrue cross.Exactness.IsExact $"{cross.Exactness}"
            Expect.equal cross.Nats infinity "cross-entropy"
            use r = sure [ 0.25; 0.75 ]

            relative
                1e-9
                (p.CrossEntropy(r, none)).Nats
                (-(log 0.25 + exp -30.0 * log 0.75) / (1.0 + exp -30.0))
                "allowed"

            relative 1e-9 (q.CrossEntropy(r, none)).Nats (log 4.0) "less may be allowed than the other allows")
        testCase "a conditioned circuit remembers what the evidence says of its classes" (fun () ->
            let spec =
                CircuitSpec
                    .Over(HandBuiltRegions(2).Leaf(0).Leaf(1).Join([| 0; 1 |]))
                    .IndicatorInput(2)
                    .With(KroneckerProduct())
                    .RootSum(2)
                    .WithWeights(WeightSpec.Fixed [ 0.81; 0.09; 0.09; 0.01; 0.04; 0.16; 0.16; 0.64 ])

            for engine in engines do
                use circuit = Circuit.Compile(spec, engine)

                for prior in [ [| 0.5; 0.5 |]; [| 0.3; 0.7 |] ] do
                    circuit.ClassPrior <- prior
                    let given = Evidence.Unknown(1, 2).Observe(0, 1f)
                    use rest = circuit.Condition given
                    let nothing = Evidence.Unknown(1, 1)

                    relative
                        1e-6
                        ((rest.Posterior nothing).Probabilities(0, 0)).[1]
                        (((circuit.Posterior given).Probabilities(0, 1)).[1])
                        "posterior"

                    relative 1e-6 (rest.ClassPosterior nothing).[0] (circuit.ClassPosterior given).[0] "classes"

                    Expect.equal
                        (((rest.Mpe nothing).Completed.Row 0).[0])
                        (((circuit.Mpe given).Completed.Row 0).[1])
                        "explanation"

                    relative
                        1e-6
                        (rest.JointLogLikelihood(nothing.Observe(0, 1f))).[0]
                        ((circuit.JointLogLikelihood(given.Observe(1, 1f))).[0]
                         - (circuit.JointLogLikelihood given).[0])
                        "joint"

                    let file =
                        IO.Path.Combine(IO.Path.GetTempPath(), $"spn-{Guid.NewGuid()}.safetensors")

                    try
                        rest.Save file
                        use loaded = Circuit.Load file
                        Expect.equal (priorOf loaded) (priorOf rest) "saved"
                    finally
                        IO.File.Delete file

                Expect.throwsT<ArgumentException> (fun () -> circuit.ClassPrior <- [| 0.5; 0.6 |]) "no distribution")
        testCase
            "a class that is impossible answers minus infinity, and only what is impossible in all is refused"
            (fun () ->
                use circuit =
                    Circuit.Compile(
                        CircuitSpec
                            .Over(HandBuiltRegions(2).Leaf(0).Leaf(1).Join([| 0; 1 |]))
                            .IndicatorInput(2)
                            .HadamardProduct()
                            .RootSum(2)
                            .WithWeights(WeightSpec.Fixed [ 1.0; 0.0; 0.5; 0.5 ])
                    )

                let given = Evidence.Unknown(1, 2).Observe(0, 1f)
                let answer = circuit.Conditional(Evidence.Unknown(1, 2).Observe(1, 1f), given)
                Expect.equal answer[0] -infinity "impossible"
                relative 1e-6 (exp answer[1]) 1.0 "possible"
                use rest = circuit.Condition given
                Expect.equal (priorOf rest) [ 0.0; 1.0 ] "prior"
                // One question may be asked of many samples.
                let many =
                    circuit.Conditional(
                        Evidence.Unknown(1, 2).Observe(1, 0f),
                        Evidence.From([| 0f; nanf; 0f; nanf |], 2)
                    )

                Expect.equal many.Length 4 "one answer a sample and class")
    ]
