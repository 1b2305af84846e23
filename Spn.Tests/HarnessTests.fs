/// The harness tests itself: what it says about failing, skipped and random tests must be true.
module Spn.Tests.HarnessTests

open System
open FsCheck

type private XunitException = Xunit.Sdk.XunitException

let private run test =
    for _, code in Test.leaves test do
        code ()

let private failure test =
    (Expect.raises<XunitException> (fun () -> run test) "the test should fail").Message

let tests =
    testList "harness" [
        testList "cases" [
            testCase "a leaf is reached by its full path" (fun () ->
                let tree = testList "a" [ testCase "b" ignore; testList "c" [ testCase "d" ignore ] ]
                Expect.equal (Test.leaves tree |> List.map fst) [ "a/b"; "a/c/d" ] "names joined from the root down")

            testCase "two leaves of one path are found" (fun () ->
                let tree = testList "a" [ testCase "b" ignore; testCase "b" ignore ]
                Expect.equal (Test.duplicates tree) [ "a/b" ] "the path that occurs twice")

            testCase "a failing test fails with its message and both values" (fun () ->
                let message = failure (testCase "wrong" (fun () -> Expect.equal (1 + 1) 3 "a sum"))
                Expect.stringContains message "a sum" "the message"
                Expect.stringContains message "Expected 3" "what was expected"
                Expect.stringContains message "Got 2" "what came")

            testCase "a pending test is skipped with its reason and not run" (fun () ->
                let ran = ref false
                let pending = ptestCase "later" "no kernel yet" (fun () -> ran.Value <- true)
                let skip = Expect.raises<SkipException> (fun () -> run pending) "pending means skipped"
                Expect.stringContains skip.Message "no kernel yet" "the reason"
                Expect.isFalse ran.Value "its code stays untouched")

            testCase "every leaf of a pending list is skipped" (fun () ->
                let inner = [ testCase "a" ignore; testList "b" [ testCase "c" ignore ] ]
                let leaves = ptestList "later" "no data" inner |> Test.leaves
                Expect.equal (List.map fst leaves) [ "later/a"; "later/b/c" ] "names stay"

                for _, code in leaves do
                    Expect.throwsT<SkipException> code "each one skips")

            testCase "a theory has one leaf a case" (fun () ->
                let seen = ResizeArray<int>()
                let theory = testTheory "squares" [ 1; 2; 3 ] seen.Add
                Expect.hasLength (Test.leaves theory) 3 "one leaf each"
                run theory
                Expect.sequenceEqual seen [ 1; 2; 3 ] "each case is run")
        ]

        testList "expectations" [
            testCase "close floats are close, and others fail" (fun () ->
                Expect.floatClose Accuracy.high 1.0 (1.0 + 1e-9) "within tolerance"
                let apart () = Expect.floatClose Accuracy.high 1.0 1.001 "out of tolerance"
                Expect.throwsT<XunitException> apart "beyond tolerance")

            testCase "NaN is close to nothing, and -inf only to itself" (fun () ->
                Expect.isFalse (Accuracy.areClose Accuracy.low nan nan) "NaN"
                Expect.isTrue (Accuracy.areClose Accuracy.low -infinity -infinity) "-inf"
                Expect.isFalse (Accuracy.areClose Accuracy.low -infinity -1e300) "-inf and a number"
                Expect.isFalse (Accuracy.areClose Accuracy.low -infinity infinity) "-inf and +inf")

            testCase "differing sequences name the first index" (fun () ->
                let compare () = Expect.floatsClose Accuracy.high [ 0.0; 1.0; 2.0 ] [ 0.0; 1.5; 9.0 ] "numbers"
                let message = failure (testCase "wrong" compare)
                Expect.stringContains message "at index 1 expected 1.5, got 1" "where they part")

            testCase "code that throws nothing, or something else, fails an expected throw" (fun () ->
                let nothing () = Expect.throws ignore "nothing thrown"
                let other () = Expect.throwsT<ArgumentException> (fun () -> failwith "other") "another type"
                Expect.throwsT<XunitException> nothing "nothing thrown"
                Expect.throwsT<XunitException> other "another type")
        ]

        testList "properties" [
            testProperty "a true property passes" (fun (xs: int list) -> List.rev (List.rev xs) = xs)

            testCase "a false property fails with the shrunk arguments and the seed" (fun () ->
                let message = failure (testProperty "wrong" (fun (x: int) -> abs x < 10))
                let smallest = message.Contains "steps to\n  10\n" || message.Contains "steps to\n  -10\n"
                Expect.isTrue smallest $"10 is the smallest counterexample, but: {message}"
                Expect.stringContains message "SPN_TEST_SEED=" "how to repeat it")

            testCase "an expectation that fails inside a property keeps its message" (fun () ->
                let message = failure (testProperty "wrong" (fun (x: int) -> Expect.isLessThan (abs x) 10 "small"))
                Expect.stringContains message "small.\nExpected a value less than 10" "the message of the expectation")

            testCase "a property can skip" (fun () ->
                let skips = testProperty "skips" (fun (_: int) -> (skiptest "not here": unit))
                Expect.throwsT<SkipException> (fun () -> run skips) "the skip comes through")

            testCase "the same seed gives the same arguments" (fun () ->
                let arguments seed =
                    let seen = ResizeArray<int>()
                    let config = fsCheckConfig |> Property.withSeed seed
                    run (testPropertyWithConfig config "collects" (fun (x: int) -> seen.Add x))
                    List.ofSeq seen

                Expect.equal (arguments 7UL) (arguments 7UL) "two runs of one seed"
                Expect.notEqual (arguments 7UL) (arguments 8UL) "two seeds")

            testCase "a property that rejects everything does not pass" (fun () ->
                let message = failure (testProperty "empty" (fun (x: int) -> FSharp.Prop.filter (x <> x) true))
                Expect.stringContains message "gave up" "no argument was tried")
        ]
    ]
