/// Densities of real inputs: they are densities, and their pieces, moments and derivatives are right.
module Spn.Tests.InputTests

open System
open Spn.Core
open Spn.Core.Engines
open Spn.Core.Inference
open Spn.Core.Lowering
open Spn.Core.Plans

let private components = 3

/// Every real input of the contract list with some parameters: name, family, parameters in double precision.
let private real =
    lazy
        [
            for name, input in Generators.inputs components do
                match LoweringRules.Default.Lower input with
                | :? LocationScaleFamily as family ->
                    let random = Random 11

                    name,
                    family,
                    Array.init family.ParameterCount (fun i ->
                        if i < components then
                            random.NextDouble() * 2.0 - 1.0
                        else
                            random.NextDouble() - 0.7)
                | _ -> ()
        ]

let private logDensity (family: InputFamily) (parameters: float[]) k x =
    family.LogDensity(k, x, ReadOnlySpan parameters)

let private logProbability (family: InputFamily) (parameters: float[]) k set =
    family.LogProbability(k, set, ReadOnlySpan parameters)

/// Integral of f times the density, in steps of equal angle: even the tails of a Cauchy density are short so.
let private integral (family: LocationScaleFamily) (parameters: float[]) k low high (f: float -> float) =
    let location = family.LocationOf(k, ReadOnlySpan parameters)
    let scale = exp (family.LogScaleOf(k, ReadOnlySpan parameters))
    let angle bound = atan ((bound - location) / scale)
    let from, upTo = angle low, angle high
    let steps = 20000
    let width = (upTo - from) / float steps

    Seq.init steps (fun i ->
        let theta = from + (float i + 0.5) * width
        let x = location + scale * tan theta

        f x * exp (logDensity family parameters k (float32 x)) * scale
        / (cos theta * cos theta)
        * width)
    |> Seq.sum

let private everywhere = Double.NegativeInfinity, Double.PositiveInfinity

let private pieces = [ -0.6, 1.1; 0.4, 0.55; -7.0, -4.0; 3.0, 12.0; 0.2, infinity; -infinity, -1.5 ]

let private close = { absolute = 2e-6; relative = 2e-5 }

let private eachComponent law =
    for name, family, parameters in real.Value do
        for k in 0 .. components - 1 do
            law $"{name}, component {k}" (family: LocationScaleFamily) (parameters: float[]) k

let private densityTests =
    testList "densities" [
        testCase "real densities integrate to one" (fun () ->
            Expect.isGreaterThan real.Value.Length 8 "normal, Laplace and Cauchy inputs in the contract list"

            eachComponent (fun name family parameters k ->
                let low, high = everywhere
                Expect.floatClose close (integral family parameters k low high (fun _ -> 1.0)) 1.0 name))
        testCase "probabilities, moments and quantiles of a piece are its integrals" (fun () ->
            eachComponent (fun name family parameters k ->
                for low, high in pieces do
                    let name = $"{name}, {low} to {high}"
                    let set = ValueSet.Between(low, high)
                    let mass = integral family parameters k low high (fun _ -> 1.0)
                    let log = logProbability family parameters k set
                    Expect.floatClose { absolute = 2e-5; relative = 0.0 } log (Math.Log mass) name

                    if isNull (family.NoMoments set) then
                        let moments = [| 0.0; 0.0 |]
                        family.Expect(k, set, ReadOnlySpan parameters, 0.3, Span moments)

                        let moment power =
                            integral family parameters k low high (fun x -> pown (x - 0.3) power) / mass

                        let near = { absolute = 1e-4; relative = 1e-4 }
                        Expect.floatClose near moments[0] (moment 1) $"mean, {name}"
                        Expect.floatClose near moments[1] (moment 2) $"second moment, {name}"

                    for share in [ 0.001; 0.3; 0.77; 0.999 ] do
                        let x = float (family.Quantile(k, set, share, ReadOnlySpan parameters))
                        Expect.isTrue (low <= x && x <= high) $"quantile within, {name}"

                        let below =
                            exp (logProbability family parameters k (ValueSet.Between(low, x)) - log)

                        Expect.floatClose { absolute = 1e-5; relative = 1e-3 } below share $"quantile {share}, {name}"))
        testCase "gradients of densities and of probabilities match differences" (fun () ->
            eachComponent (fun name family parameters k ->
                let frozen = family.Frozen.ToTuple()

                let isFrozen i =
                    i >= fst frozen && i < fst frozen + snd frozen

                let check name value (gradient: float[]) =
                    for i in 0 .. parameters.Length - 1 do
                        let step = 1e-5

                        let moved d =
                            Array.mapi (fun j p -> if i = j then p + d else p) parameters

                        let difference = (value (moved step) - value (moved -step)) / (2.0 * step)
                        let expected = if isFrozen i then 0.0 else 1.7 * difference

                        Expect.floatClose
                            { absolute = 1e-6; relative = 1e-5 }
                            gradient[i]
                            expected
                            $"{name}, parameter {i}"

                for x in [ -3.1f; -0.37f; 0.95f; 40.0f ] do
                    let gradient = Array.zeroCreate parameters.Length
                    family.AddGradient(k, x, 1.7, ReadOnlySpan parameters, Span gradient)
                    check $"{name} at {x}" (fun p -> logDensity family p k x) gradient

                for low, high in pieces do
                    let set = ValueSet.Between(low, high)
                    let gradient = Array.zeroCreate parameters.Length
                    family.AddGradient(k, set, 1.7, ReadOnlySpan parameters, Span gradient)
                    check $"{name}, {set}" (fun p -> logProbability family p k set) gradient))
        testCase "the largest density is that of the mode, also of a piece" (fun () ->
            eachComponent (fun name family parameters k ->
                for low, high in everywhere :: pieces do
                    let set = ValueSet.Between(low, high)
                    let mode = family.Mode(k, set, ReadOnlySpan parameters)
                    Expect.isTrue (set.Contains mode) $"mode within, {name}"
                    let most = logDensity family parameters k mode

                    for share in [ 0.05; 0.3; 0.5; 0.8; 0.97 ] do
                        let x = family.Quantile(k, set, share, ReadOnlySpan parameters)
                        Expect.isTrue (logDensity family parameters k x <= most + 1e-6) $"{name} at {x}"))
        testCase "narrow pieces and pieces far out keep their digits" (fun () ->
            // Of each shape: far out, where a density falls by which part within one scale.
            for log, moments, quantile, far, fall in
                [
                    (fun l h -> StandardNormal.LogBetween(l, h)),
                    (fun l h -> (StandardNormal.Moments(l, h)).ToTuple()),
                    (fun l h s -> StandardNormal.Quantile(l, h, s)),
                    30.0,
                    id
                    (fun l h -> StandardLaplace.LogBetween(l, h)),
                    (fun l h -> (StandardLaplace.Moments(l, h)).ToTuple()),
                    (fun l h s -> StandardLaplace.Quantile(l, h, s)),
                    600.0,
                    fun _ -> 1.0
                    (fun l h -> StandardCauchy.LogBetween(l, h)),
                    (fun l h -> (StandardCauchy.Moments(l, h)).ToTuple()),
                    (fun l h s -> StandardCauchy.Quantile(l, h, s)),
                    1e7,
                    fun z -> 2.0 / z
                ] do
                for sign in [ 1.0; -1.0 ] do
                    let between (a: float) b =
                        min (sign * a) (sign * b), max (sign * a) (sign * b)

                    for at, width in [ 0.3, 1e-6; far, 1e-6; far, 1e-4; far, 1.0 / fall far ] do
                        let low, high = between at (at + width)

                        let middle =
                            between at (at + 0.5 * width) |> fun (a, b) -> if sign > 0.0 then b else a

                        let parts =
                            exp (log low middle - log low high) + exp (log middle high - log low high)

                        Expect.floatClose
                            { absolute = 1e-9; relative = 0.0 }
                            parts
                            1.0
                            $"two halves of {low} to {high}"

                        let from, distance, variance = moments low high
                        let mean = from - low + distance
                        Expect.isTrue (mean > 0.0 && mean < high - low) $"mean within {low} to {high}: {mean}"

                        Expect.isTrue
                            (variance > 0.0 && variance < width * width / 4.0)
                            $"variance within {low} to {high}: {variance}"

                        if width * fall at < 1e-2 then
                            // Nearly even there.
                            Expect.floatClose { absolute = 0.0; relative = 1e-2 } mean (0.5 * width) "mean"

                            Expect.floatClose
                                { absolute = 0.0; relative = 1e-2 }
                                variance
                                (width * width / 12.0)
                                "variance"

                        let z = quantile low high 0.25
                        let spacing = (Math.BitIncrement far - far) / width

                        Expect.floatClose
                            {
                                absolute = 1e-6 + 2.0 * spacing
                                relative = 0.0
                            }
                            (exp (log low z - log low high))
                            0.25
                            "quartile"

            Expect.floatClose
                Accuracy.high
                (StandardLaplace.LogBetween(600.0, infinity))
                (-600.0 - log 2.0)
                "Laplace tail"

            Expect.floatClose
                Accuracy.high
                (StandardCauchy.LogBetween(1e9, infinity))
                (-log(Math.PI * 1e9))
                "Cauchy tail")
        testCase "expected log-densities are integrals, and infinite where those diverge" (fun () ->
            for name, own, parameters in real.Value do
                for otherName, other, otherParameters in real.Value do
                    let found =
                        own.CrossLog(0, ReadOnlySpan parameters, other, 1, ReadOnlySpan otherParameters)

                    let name = $"{otherName} under {name}"

                    match own :> InputFamily, other :> InputFamily with
                    | (:? CauchyFamily), (:? NormalFamily)
                    | (:? CauchyFamily), (:? LaplaceFamily) ->
                        Expect.isTrue (Double.IsNegativeInfinity(found.Value.ToTuple() |> snd)) name
                    | (:? NormalFamily | :? LaplaceFamily), (:? CauchyFamily) -> Expect.isFalse found.HasValue name
                    | _ ->
                        let low, high = everywhere

                        let expected =
                            integral own parameters 0 low high (fun x ->
                                logDensity other otherParameters 1 (float32 x))

                        let mass, log = found.Value.ToTuple()
                        Expect.equal mass 1.0 name
                        Expect.floatClose { absolute = 1e-3; relative = 1e-4 } log expected name)
    ]

/// One variable, one region of these components right under the root.
let private alone (input: LayerSpec) =
    CircuitSpec.Over(HandBuiltRegions(1).Leaf(0)).With(input).RootSum()

let private cauchyTests =
    testList "a variable without a mean" [
        testCase "says so, and has quantiles all the same" (fun () ->
            for engine in [ Reference.ReferenceEngine() :> IEngine; Simd.SimdEngine 2 ] do
                use circuit =
                    Circuit.Compile(
                        alone (CauchyInput(1, FixedLocations = ValueList [ 2.0 ], FixedScales = ValueList [ 0.5 ])),
                        engine
                    )

                let nothing = Evidence.Unknown(1, 1)
                let posterior = circuit.Posterior nothing
                Expect.isFalse (posterior.HasMoments(0, 0)) "no moments"

                for ask in [ posterior.Mean; posterior.Variance ] do
                    let error =
                        Expect.raises<ArgumentException> (fun () -> ask (0, 0) |> ignore) "no mean, no variance"

                    Expect.stringContains error.Message "neither mean nor variance" "why"
                    Expect.stringContains error.Message "Circuit.Mixture" "the way out"

                let error =
                    Expect.raises<EvidenceException> (fun () -> circuit.Covariance nothing |> ignore) "covariance"

                Expect.equal error.Variable (Nullable 0) "which variable"
                let mixture = circuit.Mixture(nothing, 0)[0]

                Expect.raises<InvalidOperationException> (fun () -> mixture.Mean |> ignore) "mean of the mixture"
                |> ignore

                Expect.floatClose Accuracy.medium (mixture.Quantile 0.5) 2.0 "median"
                Expect.floatClose Accuracy.medium (mixture.Quantile 0.75) 2.5 "upper quartile"
                Expect.floatClose Accuracy.medium (float (posterior.Guess(0, 0))) 2.0 "the location stands in"
                Expect.equal (circuit.Complete(nothing).Row(0).ToArray()) [| 2f |] "completed"
                Expect.stringContains (nonNull (Spn.Show.text posterior)) " -" "shown without a mean"

                let moments =
                    circuit.Support()
                    |> Seq.find (fun support -> support.Query = "moments and covariance")

                Expect.equal moments.Level QueryLevel.Unavailable "level"
                Expect.stringContains moments.Reason "Cauchy" "reason")
        testCase "has one between two bounds" (fun () ->
            use circuit =
                Circuit.Compile(
                    alone (CauchyInput(1, FixedLocations = ValueList [ 0.0 ], FixedScales = ValueList [ 1.0 ]))
                )

            let bounded = Evidence.Unknown(1, 1).Where(0, ValueSet.Between(0.0, 1.0))
            let posterior = circuit.Posterior bounded
            Expect.isTrue (posterior.HasMoments(0, 0)) "moments"
            let mean = 2.0 * log 2.0 / Math.PI
            Expect.floatClose Accuracy.medium (posterior.Mean(0, 0)) mean "mean"
            let variance = 4.0 / Math.PI - 1.0 - mean * mean
            Expect.floatClose { absolute = 1e-5; relative = 0.0 } (posterior.Variance(0, 0)) variance "variance"
            let covariance: float[,] = circuit.Covariance bounded
            Expect.floatClose { absolute = 1e-5; relative = 0.0 } covariance[0, 0] variance "covariance"
            let observed = circuit.Posterior(Evidence.From([| 3f |], 1))
            Expect.equal (observed.Mean(0, 0)) 3.0 "of an observed value it is the value")
    ]

let tests = testList "real inputs" [ densityTests; cauchyTests ]
