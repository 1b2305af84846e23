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
