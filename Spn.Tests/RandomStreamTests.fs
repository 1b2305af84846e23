module Spn.Tests.RandomStreamTests

open System
open Spn.Core

/// Chi-square of counts against equal shares; mean k - 1, variance 2 (k - 1) when they are equal.
let private chiSquare (counts: int[]) =
    let expected = float (Array.sum counts) / float counts.Length
    counts |> Array.sumBy (fun c -> (float c - expected) ** 2.0 / expected)

let private isUniform counts =
    let freedom = float (Array.length counts - 1)
    abs (chiSquare counts - freedom) < 5.0 * sqrt (2.0 * freedom)

let tests =
    testList "random streams" [
        testCase "known answers stay as they are" (fun () ->
            let s = RandomStream(0L, "known")
            let first = [ 11187989754031145817UL; 2087882965112420314UL; 15538658912731848387UL ]
            Expect.equal [ for _ in 1..3 -> s.NextUInt64() ] first "numbers"
            Expect.equal (RandomStream(1L, "weights", 2L).At 0UL) 14326694320351728246UL "purpose and item"
            Expect.equal (RandomStream(-1L, "", -1L).At 0UL) 17502068493802325302UL "negative names"
            Expect.equal (RandomStream(3L, "order").Permutation 10) [| 5; 8; 6; 2; 4; 9; 1; 0; 7; 3 |] "permutation"
            let n = RandomStream(7L, "normal")

            Expect.equal
                [ for _ in 1..4 -> BitConverter.DoubleToInt64Bits(n.NextNormal()) ]
                [
                    -4628711157501161066L
                    -4622545430792529197L
                    4603855395700674258L
                    4598387529900752516L
                ]
                "normals, to the last bit")
        testCase "numbers by position are the numbers in order" (fun () ->
            let s = RandomStream(4L, "position")
            Expect.equal [ for i in 0UL .. 9UL -> s.At i ] [ for _ in 0..9 -> s.NextUInt64() ] "numbers")
        testCase "seed, purpose and item each name another stream" (fun () ->
            let first = [
                for seed in -2L .. 2L do
                    for purpose in [ ""; "a"; "b"; "ab"; "ba" ] do
                        for item in -2L .. 2L -> RandomStream(seed, purpose, item).At 0UL
            ]

            Expect.equal (List.distinct first).Length first.Length "all differ")
        testCase "integers, reals and bits are uniform" (fun () ->
            for bound in [ 1; 2; 7; 100 ] do
                let s, counts = RandomStream(1L, "integers", int64 bound), Array.zeroCreate bound

                for _ in 1..100_000 do
                    let i = s.NextInt bound
                    counts[i] <- counts[i] + 1

                Expect.isTrue (bound = 1 || isUniform counts) $"integers below {bound}"

            let s = RandomStream(2L, "reals")

            let bins draw =
                Array.init 100_000 (fun _ -> int (draw () * 64.0))
                |> Array.countBy id
                |> Array.map snd

            for name, counts in
                [
                    "double", bins s.NextDouble
                    "single", bins (fun () -> float (s.NextSingle()))
                ] do
                Expect.isTrue (counts.Length = 64 && isUniform counts) name

            // First numbers of neighbouring items, as a parallel loop over samples would draw them.
            let neighbours =
                Array.init 100_000 (fun i -> int (RandomStream(3L, "items", int64 i).NextUInt64() >>> 58))

            Expect.isTrue (neighbours |> Array.countBy id |> Array.map snd |> isUniform) "neighbouring items")
        testCase "a large bound has no modulo bias" (fun () ->
            let s = RandomStream(6L, "large")
            let third = Int32.MaxValue / 3 + 1

            let counts =
                Array.init 100_000 (fun _ -> s.NextInt Int32.MaxValue / third)
                |> Array.countBy id
                |> Array.map snd

            Expect.isTrue (isUniform counts) "thirds")
        testCase "normals have the moments and the tails of the normal distribution" (fun () ->
            let s = RandomStream(8L, "moments")
            let x = Array.init 400_000 (fun _ -> s.NextNormal())
            let moment k = Array.averageBy (fun v -> v ** k) x

            for k, expected, tolerance in [ 1.0, 0.0, 0.008; 2.0, 1.0, 0.012; 3.0, 0.0, 0.03; 4.0, 3.0, 0.08 ] do
                Expect.isTrue (abs (moment k - expected) < tolerance) $"moment {k}"

            let share = Array.averageBy (fun v -> if abs v > 1.959964 then 1.0 else 0.0) x
            Expect.isTrue (abs (share - 0.05) < 0.002) "outside the 95% interval")
        testCase "a permutation is a bijection and every order is equally likely" (fun () ->
            for n in [ 0; 1; 2; 100 ] do
                Expect.equal (Array.sort (RandomStream(1L, "bijection").Permutation n)) [| 0 .. n - 1 |] $"of {n}"

            let s = RandomStream(2L, "orders")

            let counts =
                Array.init 24_000 (fun _ -> s.Permutation 4 |> List.ofArray)
                |> Array.countBy id
                |> Array.map snd

            Expect.isTrue (counts.Length = 24 && isUniform counts) "orders of 4")
        testCase "a sample without replacement has no number twice and every choice is equally likely" (fun () ->
            let s = RandomStream(3L, "choices")

            let counts =
                Array.init 20_000 (fun _ -> s.SampleWithoutReplacement(5, 2) |> List.ofArray)
                |> Array.countBy id
                |> Array.map snd

            Expect.isTrue (counts.Length = 20 && isUniform counts) "ordered pairs of 5"
            Expect.equal (Array.sort (s.SampleWithoutReplacement(9, 9))) [| 0..8 |] "all"
            Expect.equal (s.SampleWithoutReplacement(9, 0)) [||] "none")
        testCase "impossible requests are refused" (fun () ->
            let s = RandomStream(0L, "errors")

            for request in
                [
                    fun () -> s.NextInt 0 |> ignore
                    fun () -> s.Permutation -1 |> ignore
                    fun () -> s.SampleWithoutReplacement(3, 4) |> ignore
                    fun () -> s.SampleWithoutReplacement(3, -1) |> ignore
                ] do
                Expect.throwsT<ArgumentOutOfRangeException> request "request")
    ]
