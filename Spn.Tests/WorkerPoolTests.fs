/// Threads that share the items of loops.
module Spn.Tests.WorkerPoolTests

open System.Threading
open Spn.Core

let tests =
    testList "worker pool" [
        testCase "every loop runs all its items once, also where helpers fall asleep between loops" (fun () ->
            let pool = WorkerPool.Of 5
            let counts = Array.zeroCreate<int> 40

            for loop in 1..200 do
                // Long enough now and then for idle helpers to stop spinning.
                if loop % 3 = 0 then
                    Thread.Sleep 2

                pool.Run(counts.Length, (fun item _ -> Interlocked.Increment(&counts[item]) |> ignore))

            Expect.sequenceEqual counts (Array.replicate 40 200) "runs of each item")
        testCase "an error in a loop reaches the caller and the next loop runs" (fun () ->
            let pool = WorkerPool.Of 3

            Expect.throwsT<System.AggregateException>
                (fun () ->
                    pool.Run(
                        8,
                        (fun item _ ->
                            if item = 5 then
                                failwith "five")
                    ))
                "error"

            let runs = [| 0 |]
            pool.Run(8, (fun _ _ -> Interlocked.Increment(&runs[0]) |> ignore))
            Expect.equal runs[0] 8 "items")
    ]
