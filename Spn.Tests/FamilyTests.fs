/// What every input family must hold: one list of laws over the inputs of Generators.fs.
module Spn.Tests.FamilyTests

open System
open Spn.Core
open Spn.Core.Lowering
open Spn.Core.Plans

let private components = 3

/// Every input with some parameters: name, family, parameters in double precision.
let private families =
    lazy
        [
            for name, input in Generators.inputs components do
                let family = LoweringRules.Default.Lower input
                let start: float32[] = Array.zeroCreate family.ParameterCount
                family.Initialise(RandomStream(3L, "laws", 0L), Span start)

                let parameters =
                    match family with
                    // Further from the poles at 0 and 1, where single precision has few numbers.
                    | :? BetaFamily -> start |> Array.map (fun p -> float p + 1.0)
                    | _ -> Array.map float start

                name, family, parameters
        ]

let private each law =
    for name, family, parameters in families.Value do
        for k in 0 .. components - 1 do
            law $"{name}, component {k}" (family: InputFamily) (parameters: float[]) k

let private logDensity (family: InputFamily) (parameters: float[]) k (x: float) =
    family.LogDensity(k, float32 x, ReadOnlySpan parameters)

let private logProbability (family: InputFamily) (parameters: float[]) k set =
    family.LogProbability(k, set, ReadOnlySpan parameters)

/// The values of a domain between two bounds, each with the width that it stands for: all integers, or steps of a line that bends
/// where densities are steep.
let private nodes (domain: ValueDomain) low high : (float * float)[] =
    let low, high = max low domain.Low, min high domain.High
    let steps = 20000

    let line toLine fromLine stretch =
        let first, last = max (toLine low) -30.0, min (toLine high) 30.0
        let width = (last - first) / float steps

        Array.init steps (fun i ->
            let t = first + (float i + 0.5) * width
            fromLine t, stretch t * width)

    if domain.IsInteger then
        [| for x in ceil low .. min (floor high) 4000.0 -> x, 1.0 |]
    elif Double.IsInfinity domain.Low then
        line atan tan (fun t -> 1.0 / (cos t * cos t))
        |> Array.filter (fun (x, _) -> abs x < 1e30)
    elif Double.IsInfinity domain.High then
        line log exp exp
    elif domain = ValueDomain.Share then
        let sigmoid t = 1.0 / (1.0 + exp -t)

        line (fun x -> log (x / (1.0 - x))) sigmoid (fun t -> sigmoid t * sigmoid -t)
        |> Array.filter (fun (x, _) -> float32 x < 1f)
    else
        line id id (fun _ -> 1.0)

/// Sum of f over the values, weighed by their probabilities.
let private expectation (family: InputFamily) parameters k low high (f: float -> float) =
    nodes family.Domain low high
    |> Seq.sumBy (fun (x, width) ->
        let p = exp (logDensity family parameters k x) * width
        if p = 0.0 then 0.0 else p * f x)

/// Pieces of the domain that hold something.
let private pieces (domain: ValueDomain) =
    if domain.IsInteger then
        [ 0.0, 3.0; 2.0, infinity; 1.5, 6.2; 3.0, 3.0; 0.0, 1e9 ]
    elif Double.IsInfinity domain.Low then
        [ -0.6, 1.1; 0.4, 0.55; 0.2, infinity; -infinity, -0.5 ]
    elif Double.IsInfinity domain.High then
        [ 0.1, 1.1; 0.4, 0.42; 0.7, infinity; -infinity, 1.5; 0.3, 1e9 ]
    else
        let at share =
            domain.Low + share * (domain.High - domain.Low)

        [ at 0.1, at 0.6; at 0.31, at 0.33; at 0.45, infinity; -infinity, at 0.72 ]

let private close = { absolute = 3e-5; relative = 3e-4 }

/// Parameters that are learned.
let private learned (family: InputFamily) =
    let first, count = family.Frozen.ToTuple()

    [ 0 .. family.ParameterCount - 1 ]
    |> List.filter (fun i -> i < first || i >= first + count)

/// A density seen through a value's log-density, or a set's log-probability, as a function of the parameters.
let private matchesDifferences
    name
    (family: InputFamily)
    (parameters: float[])
    (value: float[] -> float)
    (gradient: float[])
    =
    let isLearned = learned family |> set

    for i in 0 .. parameters.Length - 1 do
        let step = 1e-4

        let moved d =
            Array.mapi (fun j p -> if i = j then p + d else p) parameters

        let difference = (value (moved step) - value (moved -step)) / (2.0 * step)
        let expected = if isLearned.Contains i then 1.7 * difference else 0.0

        Expect.floatClose { absolute = 1e-5; relative = 1e-5 } gradient[i] expected $"{name}, parameter {i}"

let private hasMoments (family: InputFamily) set = isNull (family.NoMoments set)

let private densityLaws =
    testList "densities" [
        testCase "every family sums or integrates to one" (fun () ->
            Expect.isGreaterThan families.Value.Length 25 "families in the list"

            each (fun name family parameters k ->
                Expect.floatClose close (expectation family parameters k -infinity infinity (fun _ -> 1.0)) 1.0 name))
        testCase "values outside of the domain are refused, and those inside are not" (fun () ->
            for name, family, _ in families.Value do
                for x, _ in nodes family.Domain -infinity infinity |> Seq.truncate 10 do
                    Expect.isTrue (family.Accepts(float32 x)) $"{name}: {x}"

                Expect.isFalse (family.Accepts nanf) name
                Expect.isFalse (family.Accepts infinityf) name

                if family.Domain.IsInteger then
                    Expect.isFalse (family.Accepts 0.5f) name

                if not (Double.IsInfinity family.Domain.Low) then
                    Expect.isFalse (family.Accepts -2.5f) name)
        testCase "the probability of a set is the sum of its values" (fun () ->
            each (fun name family parameters k ->
                for low, high in pieces family.Domain do
                    let expected = expectation family parameters k low high (fun _ -> 1.0)
                    let actual = logProbability family parameters k (ValueSet.Between(low, high))
                    Expect.floatClose close (exp actual) expected $"{name}, {low} to {high}"

                if family.Domain.IsInteger then
                    let some = [| 0f; 2f; 3f |] |> Array.filter family.Accepts

                    let expected =
                        some |> Seq.sumBy (fun x -> exp (logDensity family parameters k (float x)))

                    let actual = logProbability family parameters k (ValueSet.OneOf some)
                    Expect.floatClose close (exp actual) expected $"{name}, some values"))
        testCase "probabilities of neighbouring sets add up, far out too" (fun () ->
            each (fun name family parameters k ->
                // Of the families with tails that reach anywhere.
                match family with
                | :? TailFamily when Double.IsInfinity family.Domain.High ->
                    let half = if family.Domain.IsInteger then 1.0 else 0.0

                    for low, middle, high in [ 3.0, 8.0, 20.0; 40.0, 41.0, 60.0; 200.0, 230.0, infinity ] do
                        let part a b =
                            logProbability family parameters k (ValueSet.Between(a, b))

                        let whole = part low high

                        if whole > -1e5 then
                            let both = exp (part low middle - whole) + exp (part (middle + half) high - whole)

                            Expect.floatClose { absolute = 1e-9; relative = 0.0 } both 1.0 $"{name}, {low} to {high}"
                | _ -> ()))
        testCase "gradients of densities and of probabilities of sets match differences" (fun () ->
            each (fun name family parameters k ->
                let all = nodes family.Domain -2.0 5.0

                for share in [ 0.02; 0.3; 0.55; 0.9 ] do
                    let x = float (float32 (fst all[int (share * float all.Length)]))

                    if not (Double.IsNegativeInfinity(logDensity family parameters k x)) then
                        let gradient = Array.zeroCreate parameters.Length
                        family.AddGradient(k, float32 x, 1.7, ReadOnlySpan parameters, Span gradient)

                        matchesDifferences
                            $"{name} at {x}"
                            family
                            parameters
                            (fun p -> logDensity family p k x)
                            gradient

                for low, high in pieces family.Domain do
                    let set = ValueSet.Between(low, high)

                    if not (Double.IsNegativeInfinity(logProbability family parameters k set)) then
                        let gradient = Array.zeroCreate parameters.Length
                        family.AddGradient(k, set, 1.7, ReadOnlySpan parameters, Span gradient)

                        matchesDifferences
                            $"{name}, {set}"
                            family
                            parameters
                            (fun p -> logProbability family p k set)
                            gradient))
        testCase "the mode has the largest density, also of a set" (fun () ->
            each (fun name family parameters k ->
                for low, high in (-infinity, infinity) :: pieces family.Domain do
                    let set = ValueSet.Between(low, high)

                    if logProbability family parameters k set > -1e4 then
                        let mode = family.Mode(k, set, ReadOnlySpan parameters)
                        Expect.isTrue (set.Contains mode && family.Accepts mode) $"{name}: the mode {mode} of {set}"
                        let most = logDensity family parameters k (float mode)

                        for x, _ in nodes family.Domain low high do
                            if set.Contains(float32 x) && logDensity family parameters k x > most + 1e-5 then
                                failtest $"{name}, {set}: {x} beats {mode}"))
    ]

let private samplingLaws =
    testList "moments and samples" [
        testCase "mean and variance are those of the density, also of a set" (fun () ->
            each (fun name family parameters k ->
                for low, high in (-infinity, infinity) :: pieces family.Domain do
                    let set =
                        if Double.IsInfinity low && Double.IsInfinity high then
                            null
                        else
                            ValueSet.Between(low, high)

                    let mass = expectation family parameters k low high (fun _ -> 1.0)

                    if
                        hasMoments family set
                        && mass > 1e-6
                        && not (family.Domain.IsInteger && high > 4000.0 && high < infinity)
                    then
                        let actual = Array.zeroCreate family.Expectations
                        family.Expect(k, set, ReadOnlySpan parameters, 0.3, Span actual)

                        let moment f =
                            expectation family parameters k low high f / mass

                        if family.Domain.HasCodes then
                            for s in 0 .. actual.Length - 1 do
                                let expected = moment (fun x -> if x = float s then 1.0 else 0.0)
                                Expect.floatClose close actual[s] expected $"{name}, {low} to {high}, value {s}"
                        else
                            let close = { absolute = 1e-3; relative = 1e-3 }

                            Expect.floatClose
                                close
                                actual[0]
                                (moment (fun x -> x - 0.3))
                                $"{name}, {low} to {high}, mean"

                            Expect.floatClose
                                close
                                actual[1]
                                (moment (fun x -> pown (x - 0.3) 2))
                                $"{name}, {low} to {high}, square"))
        testCase "quantiles are where the probability up to them passes the share" (fun () ->
            each (fun name family parameters k ->
                for low, high in (-infinity, infinity) :: pieces family.Domain do
                    let set = ValueSet.Between(low, high)
                    let total = logProbability family parameters k set

                    if total > -500.0 then
                        for share in [ 0.0; 1e-4; 0.2; 0.5; 0.83; 0.9999 ] do
                            let x =
                                family.Quantile(
                                    k,
                                    (if Double.IsInfinity low && Double.IsInfinity high then
                                         null
                                     else
                                         set),
                                    share,
                                    ReadOnlySpan parameters
                                )

                            Expect.isTrue
                                (set.Contains x && family.Accepts x)
                                $"{name}: quantile {share} of {set} is {x}"

                            let upTo (bound: float) =
                                if bound < low then
                                    0.0
                                else
                                    exp (logProbability family parameters k (ValueSet.Between(low, bound)) - total)

                            let tolerance = 1e-5

                            if family.Domain.IsInteger then
                                Expect.isTrue
                                    (upTo (float x) > share - tolerance)
                                    $"{name}: {share} of {set}, up to {x}"

                                Expect.isTrue
                                    (upTo (float x - 1.0) < share + tolerance)
                                    $"{name}: {share} of {set}, below {x}"
                            else
                                Expect.floatClose
                                    { absolute = tolerance; relative = 0.0 }
                                    (upTo (float x))
                                    share
                                    $"{name}: {share} of {set} at {x}"))
        testCase "random draws have the frequencies of the density" (fun () ->
            each (fun name family parameters k ->
                // Ten classes of equal probability where the family has them; chi-square of nine degrees of freedom.
                let random = RandomStream(5L, name, int64 k)
                let draws = 4000

                let edges = [|
                    for share in 0.1..0.1..0.95 -> float (family.Quantile(k, null, share, ReadOnlySpan parameters))
                |]

                let classOf x =
                    edges |> Array.filter (fun edge -> x > edge) |> Array.length

                let counts = Array.zeroCreate (edges.Length + 1)

                for _ in 1..draws do
                    let x = family.Quantile(k, null, random.NextDouble(), ReadOnlySpan parameters)
                    counts[classOf (float x)] <- counts[classOf (float x)] + 1

                let upTo = [|
                    for edge in edges do
                        yield exp (logProbability family parameters k (ValueSet.AtMost edge))
                    yield 1.0
                |]

                let square =
                    counts
                    |> Seq.indexed
                    |> Seq.sumBy (fun (c, count) ->
                        let p = upTo[c] - (if c = 0 then 0.0 else upTo[c - 1])

                        if p > 1e-9 then
                            pown (float count - float draws * p) 2 / (float draws * p)
                        elif count > 0 then
                            infinity
                        else
                            0.0)

                Expect.isTrue (square < 40.0) $"{name}: chi-square {square}"))
    ]

let private statisticLaws =
    testList "statistics" [
        testCase "expected statistics are the average of those of the values" (fun () ->
            each (fun name family parameters k ->
                // The statistics of a Laplace density have a pole at its location, which points do not show.
                if family.StatisticCount > 0 && not (family :? LaplaceFamily) then
                    let expected: float[] = Array.zeroCreate family.StatisticCount
                    let actual: float[] = Array.zeroCreate family.StatisticCount

                    for x, width in nodes family.Domain -infinity infinity do
                        let p = exp (logDensity family parameters k x) * width

                        if p > 0.0 then
                            family.AddStatistics(k, float32 x, p, ReadOnlySpan parameters, Span expected)

                    family.MeanStatistics(ReadOnlySpan parameters, Span actual)
                    let own = family.StatisticCount / components

                    for i in k * own .. (k + 1) * own - 1 do
                        Expect.floatClose
                            { absolute = 2e-3; relative = 2e-3 }
                            actual[i]
                            expected[i]
                            $"{name}, statistic {i}"

                    for low, high in pieces family.Domain do
                        let set = ValueSet.Between(low, high)
                        let total = logProbability family parameters k set

                        if total > -10.0 && not (high > 4000.0 && high < infinity) then
                            let expected: float[] = Array.zeroCreate family.StatisticCount
                            let actual: float[] = Array.zeroCreate family.StatisticCount

                            for x, width in nodes family.Domain low high do
                                let p = exp (logDensity family parameters k x - total) * width

                                if p > 0.0 then
                                    family.AddStatistics(k, float32 x, p, ReadOnlySpan parameters, Span expected)

                            family.AddStatistics(k, set, 1.0, ReadOnlySpan parameters, Span actual)

                            for i in 0 .. actual.Length - 1 do
                                Expect.floatClose
                                    { absolute = 2e-3; relative = 2e-3 }
                                    actual[i]
                                    expected[i]
                                    $"{name}, {set}, statistic {i}"))
        testCase "the M-step recovers the parameters from the statistics of many values" (fun () ->
            for name, family, parameters in families.Value do
                if family.StatisticCount > 0 then
                    let statistics: float[] = Array.zeroCreate family.StatisticCount
                    let many = 20000

                    for k in 0 .. components - 1 do
                        for i in 0 .. many - 1 do
                            let x =
                                family.Quantile(k, null, (float i + 0.5) / float many, ReadOnlySpan parameters)

                            family.AddStatistics(k, x, 0.5, ReadOnlySpan parameters, Span statistics)

                    let isLearned = learned family |> set

                    let fitted =
                        parameters
                        |> Array.mapi (fun i p ->
                            if isLearned.Contains i then
                                p + 0.4 * float (i % 2) - 0.1
                            else
                                p)

                    family.Maximise(ReadOnlySpan statistics, Span fitted)

                    for k in 0 .. components - 1 do
                        let all = nodes family.Domain 0.1 4.0

                        for share in [ 0.01; 0.2; 0.5; 0.75; 0.99 ] do
                            let x = fst all[int (share * float all.Length)]
                            let expected = logDensity family parameters k x

                            if expected > -20.0 then
                                Expect.floatClose
                                    { absolute = 0.02; relative = 0.01 }
                                    (logDensity family fitted k x)
                                    expected
                                    $"{name}, component {k} at {x}")
        testCase "components without flow stay as they are" (fun () ->
            for name, family, parameters in families.Value do
                if family.StatisticCount > 0 then
                    let fitted = Array.copy parameters
                    family.Maximise(ReadOnlySpan(Array.zeroCreate family.StatisticCount), Span fitted)
                    Expect.equal fitted parameters name)
        testCase "a start from values is near them" (fun () ->
            for name, family, parameters in families.Value do
                let values = [|
                    for i in 0..400 ->
                        family.Quantile(i % components, null, (float i + 0.5) / 401.0, ReadOnlySpan parameters)
                |]

                let start (fill: float32[] -> unit) =
                    let own: float32[] = Array.zeroCreate family.ParameterCount
                    fill own
                    Array.map float own

                let fitted =
                    start (fun own ->
                        family.InitialiseFrom(RandomStream(1L, "start", 0L), ReadOnlySpan values, Span own))

                Expect.isTrue (fitted |> Array.forall Double.IsFinite) $"{name}: finite"

                match family with
                | :? TailFamily ->
                    let least, most = float (Array.min values), float (Array.max values)
                    let slack = 0.1 * (most - least)

                    for k in 0 .. components - 1 do
                        let moments = [| 0.0; 0.0 |]
                        family.Expect(k, null, ReadOnlySpan fitted, 0.0, Span moments)

                        Expect.isTrue
                            (moments[0] > least - slack && moments[0] < most + slack)
                            $"{name}: component {k} starts at {moments[0]}, values are {least} to {most}"
                | _ -> ())
    ]

let tests = testList "input families" [ densityLaws; samplingLaws; statisticLaws ]
