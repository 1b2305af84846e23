/// Statistics of every input family: their means, their maximum, and starts from values.
module Spn.Tests.FamilyStatisticTests

open System
open Spn.Core
open Spn.Core.Plans
open Spn.Tests.FamilyTests

let tests =
    testList "statistics of input families" [
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
        testCase "log-densities and statistics of all values at once are those of each" (fun () ->
            each (fun name family parameters k ->
                if family.States.HasValue then
                    let states = family.States.Value

                    for spread in [ -3.0; 0.0; 2.0 ] do
                        // Narrow and wide distributions too.
                        let parameters =
                            parameters |> Array.mapi (fun i p -> if i % 2 = 1 then p + spread else p)

                        let logs: float[] = Array.zeroCreate states
                        family.LogDensities(k, ReadOnlySpan parameters, Span logs)

                        for s in 0 .. states - 1 do
                            Expect.floatClose
                                Accuracy.veryHigh
                                logs[s]
                                (logDensity family parameters k (float s))
                                name

                        if family.StatisticCount > 0 then
                            let flows =
                                Array.init states (fun s -> if s % 3 = 1 then 0.0 else 0.3 * float (s + 1))

                            let all: float[] = Array.zeroCreate family.StatisticCount
                            family.AddStatistics(k, ReadOnlySpan flows, ReadOnlySpan parameters, Span all)
                            let singly: float[] = Array.zeroCreate family.StatisticCount

                            flows
                            |> Array.iteri (fun s flow ->
                                family.AddStatistics(k, float32 s, flow, ReadOnlySpan parameters, Span singly))

                            for a, b in Array.zip all singly do
                                Expect.floatClose Accuracy.veryHigh a b name))
        testCase "no M-step lowers the likelihood of the values it was given, all alike or not" (fun () ->
            for name, family, parameters in families.Value do
                if family.StatisticCount > 0 then
                    let random = Random 12

                    for trial in 1..40 do
                        let other = Array.copy parameters

                        for i in learned family do
                            other[i] <- other[i] + 2.0 * random.NextDouble() - 1.0

                        let k = random.Next components

                        let values = [|
                            for _ in 1 .. 1 + trial % 4 do
                                let x = family.Quantile(k, null, random.NextDouble(), ReadOnlySpan parameters)
                                // The ends of a domain too, where there are any.
                                let ends = [ family.Domain.Low; family.Domain.High ] |> List.map float32

                                match ends |> List.filter family.Accepts with
                                | [] -> x
                                | own -> if random.Next 2 = 0 then x else own[random.Next own.Length]
                        |]

                        let score (p: float[]) =
                            values |> Array.sumBy (fun x -> logDensity family p k (float x))

                        let own = Array.copy other
                        let statistics: float[] = Array.zeroCreate family.StatisticCount

                        for x in values do
                            family.AddStatistics(k, x, 1.0, ReadOnlySpan own, Span statistics)

                        family.Maximise(ReadOnlySpan statistics, Span own)
                        Expect.isTrue (own |> Array.forall Double.IsFinite) $"{name}: finite"

                        Expect.isTrue
                            (score own >= score other - 1e-5 * max 1.0 (abs (score other)))
                            $"{name}: %A{values}, {score other} then {score own}")
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
