/// Tests as values, in Expecto's vocabulary: trees of named lists whose leaves xunit runs one by one (Cases.fs).
/// A leaf passes when it returns, fails when it throws, and is skipped when it calls skiptest.
namespace Spn.Tests

open System
open FsCheck

/// A leaf with its code, or a named list of tests.
[<NoComparison; NoEquality>]
type Test =
    | TestCase of name: string * code: (unit -> unit)
    | TestList of name: string * tests: Test list

[<RequireQualifiedAccess>]
module Test =
    /// Every leaf with its full path: the names from the root down, joined by '/'. An empty list name adds nothing.
    let rec leaves test =
        match test with
        | TestCase(name, code) -> [ name, code ]
        | TestList("", tests) -> tests |> List.collect leaves
        | TestList(name, tests) ->
            [ for path, code in tests |> List.collect leaves do
                  name + "/" + path, code ]

    /// Paths that more than one leaf bears; a runner could not tell such leaves apart.
    let duplicates test =
        leaves test
        |> List.countBy fst
        |> List.choose (fun (path, count) -> if count > 1 then Some path else None)

/// Tolerance: a and b are close when |a - b| is at most absolute + relative * (the larger of |a| and |b|).
type Accuracy = { absolute: float; relative: float }

[<RequireQualifiedAccess>]
module Accuracy =
    let low = { absolute = 1e-6; relative = 1e-3 }
    let medium = { absolute = 1e-8; relative = 1e-5 }
    let high = { absolute = 1e-10; relative = 1e-7 }
    let veryHigh = { absolute = 1e-12; relative = 1e-9 }

    /// Equal infinities are close, since -inf is a legal log-probability; NaN is close to nothing.
    let areClose accuracy (a: float) (b: float) =
        a = b
        || (Double.IsFinite a
            && Double.IsFinite b
            && abs (a - b) <= accuracy.absolute + accuracy.relative * max (abs a) (abs b))

/// Thrown by a test that cannot run here; its message is the reason.
type SkipException(reason: string) =
    inherit Exception(reason)

/// How a test fails or steps aside.
[<AutoOpen>]
module Failure =
    /// Fails the running test.
    let failtest (message: string) : 'a = raise (Xunit.Sdk.XunitException message)

    /// Fails the running test with a formatted message.
    let failtestf format = Printf.ksprintf failtest format

    /// Skips the running test; the reason appears in the report.
    let skiptest (reason: string) : 'a = raise (SkipException reason)

/// Assertions. The value under test comes first, then what is expected, then a message that says which law it is about.
[<RequireQualifiedAccess>]
module Expect =
    let private show (value: 'a) =
        match box value with
        | :? float as x -> x.ToString "R"
        | :? float32 as x -> x.ToString "R"
        | _ -> sprintf "%A" value

    let private firstDifference same (actual: 'a[]) (expected: 'a[]) =
        let shared = min actual.Length expected.Length

        match Seq.tryFind (fun i -> not (same actual[i] expected[i])) (seq { 0 .. shared - 1 }) with
        | Some i -> Some $"at index {i} expected {show expected[i]}, got {show actual[i]}"
        | None when actual.Length <> expected.Length ->
            Some $"expected {expected.Length} elements, got {actual.Length}; the first {shared} agree"
        | None -> None

    let private compare relation holds actual expected message =
        if not (holds actual expected) then
            failtestf "%s.\nExpected a value %s %s\n     Got %s" message relation (show expected) (show actual)

    let isTrue actual message =
        if not actual then
            failtestf "%s.\nExpected true, got false" message

    let isFalse actual message =
        if actual then
            failtestf "%s.\nExpected false, got true" message

    let equal (actual: 'a) (expected: 'a) message =
        if actual <> expected then
            failtestf "%s.\nExpected %s\n     Got %s" message (show expected) (show actual)

    let notEqual (actual: 'a) (expected: 'a) message =
        if actual = expected then
            failtestf "%s.\nExpected anything but %s" message (show expected)

    let sequenceEqual (actual: 'a seq) (expected: 'a seq) message =
        match firstDifference (=) (Seq.toArray actual) (Seq.toArray expected) with
        | Some difference -> failtestf "%s.\nSequences differ: %s" message difference
        | None -> ()

    let isLessThan actual expected message =
        compare "less than" (<) actual expected message

    let isLessThanOrEqual actual expected message =
        compare "at most" (<=) actual expected message

    let isGreaterThan actual expected message =
        compare "greater than" (>) actual expected message

    let isGreaterThanOrEqual actual expected message =
        compare "at least" (>=) actual expected message

    let floatClose accuracy (actual: float) (expected: float) message =
        if not (Accuracy.areClose accuracy actual expected) then
            failtestf
                "%s.\nExpected %s\n     Got %s\nDifference %s, allowed %g + %g relative"
                message
                (show expected)
                (show actual)
                (show (abs (actual - expected)))
                accuracy.absolute
                accuracy.relative

    /// floatClose at every index of two sequences of one length.
    let floatsClose accuracy (actual: float seq) (expected: float seq) message =
        match firstDifference (Accuracy.areClose accuracy) (Seq.toArray actual) (Seq.toArray expected) with
        | Some difference ->
            failtestf
                "%s.\nSequences differ: %s; allowed %g + %g relative"
                message
                difference
                accuracy.absolute
                accuracy.relative
        | None -> ()

    let isNotNaN (actual: float) message =
        if Double.IsNaN actual then
            failtestf "%s.\nExpected a number, got NaN" message

    let isFinite (actual: float) message =
        if not (Double.IsFinite actual) then
            failtestf "%s.\nExpected a finite number, got %s" message (show actual)

    let isSome actual message =
        if Option.isNone actual then
            failtestf "%s.\nExpected Some, got None" message

    let isNone actual message =
        match actual with
        | Some value -> failtestf "%s.\nExpected None, got Some %s" message (show value)
        | None -> ()

    let wantSome actual message =
        match actual with
        | Some value -> value
        | None -> failtestf "%s.\nExpected Some, got None" message

    let isOk actual message =
        match actual with
        | Ok _ -> ()
        | Error error -> failtestf "%s.\nExpected Ok, got Error %s" message (show error)

    let isError actual message =
        match actual with
        | Ok value -> failtestf "%s.\nExpected Error, got Ok %s" message (show value)
        | Error _ -> ()

    let isEmpty (actual: 'a seq) message =
        if not (Seq.isEmpty actual) then
            failtestf "%s.\nExpected an empty sequence, got %s" message (show (Seq.toList actual))

    let isNonEmpty (actual: 'a seq) message =
        if Seq.isEmpty actual then
            failtestf "%s.\nExpected a non-empty sequence" message

    let hasLength (actual: 'a seq) expected message =
        let length = Seq.length actual

        if length <> expected then
            failtestf "%s.\nExpected %d elements, got %d" message expected length

    let contains (actual: 'a seq) element message =
        if not (Seq.contains element actual) then
            failtestf "%s.\nExpected %s among %s" message (show element) (show (Seq.toList actual))

    let all (actual: 'a seq) predicate message =
        match Seq.tryFindIndex (predicate >> not) actual with
        | Some i -> failtestf "%s.\nElement %d does not comply: %s" message i (show (Seq.item i actual))
        | None -> ()

    let stringContains (actual: string) (part: string) message =
        if not (actual.Contains(part, StringComparison.Ordinal)) then
            failtestf "%s.\nExpected text containing %A\n     Got %s" message part actual

    let stringStarts (actual: string) (start: string) message =
        if not (actual.StartsWith(start, StringComparison.Ordinal)) then
            failtestf "%s.\nExpected text starting with %A\n     Got %s" message start actual

    /// The exception of this type that the code throws, to look at its properties; any other outcome fails.
    let raises<'e when 'e :> exn> (code: unit -> unit) message : 'e =
        let raised =
            try
                code ()
                None
            with error ->
                Some error

        match raised with
        | Some(:? 'e as error) -> error
        | Some error ->
            failtestf "%s.\nExpected %s, got %s: %s" message typeof<'e>.Name (error.GetType().Name) error.Message
        | None -> failtestf "%s.\nExpected %s, but nothing was thrown" message typeof<'e>.Name

    let throwsT<'e when 'e :> exn> (code: unit -> unit) message = raises<'e> code message |> ignore

    let throws (code: unit -> unit) message = throwsT<exn> code message

/// Property tests. One fixed seed for all of them, so that a failure on one machine is a failure on the next;
/// the environment variable SPN_TEST_SEED takes another number, or "random".
[<RequireQualifiedAccess>]
module Property =
    let private seed =
        lazy
            (match Environment.GetEnvironmentVariable "SPN_TEST_SEED" with
             | null
             | "" -> 20240601UL
             | "random" -> uint64 (Random.Shared.NextInt64())
             | text ->
                 match UInt64.TryParse text with
                 | true, number -> number
                 | false, _ -> failtestf "SPN_TEST_SEED is %A; expected a number or \"random\"" text)

    let private showArguments (arguments: obj list) =
        arguments |> List.map (sprintf "%A") |> String.concat "\n  "

    // FsCheck wraps what a property throws when the property is a function of several arguments.
    let rec private innermost (error: exn) =
        match error with
        | :? Reflection.TargetInvocationException
        | :? AggregateException ->
            match error.InnerException with
            | null -> error
            | inner -> innermost inner
        | _ -> error

    /// The configuration with a seed of its own, which no environment variable changes.
    let withSeed (seed: uint64) (config: Config) =
        config.WithReplay(Some { Rnd = Rnd seed; Size = None })

    /// Runs a property; a failure tells the original and the shrunk arguments, and the seed.
    let check (config: Config) (property: 'testable) =
        let seed =
            match config.Replay with
            | Some replay -> replay.Rnd.Seed
            | None -> seed.Value

        let finished = ResizeArray<TestResult>()

        let listener =
            { new IRunner with
                member _.OnStartFixture _ = ()
                member _.OnArguments(_, _, _) = ()
                member _.OnShrink(_, _) = ()
                member _.OnFinished(_, result) = finished.Add result }

        let config =
            if config.Replay.IsSome then
                config
            else
                withSeed seed config

        Check.One(config.WithRunner listener, property)

        match List.ofSeq finished with
        | [ TestResult.Passed _ ] -> ()
        | [ TestResult.Failed(data, original, shrunk, outcome, _, _, _) ] ->
            let reason =
                match outcome with
                | Outcome.Failed error ->
                    match innermost error with
                    | :? SkipException as skip -> raise skip
                    | error -> error.Message
                | _ -> "The property is false"

            failtestf
                "Property fails at test %d, seed %d (repeat with SPN_TEST_SEED=%d).\n%s\nShrunk in %d steps to\n  %s\nOriginal arguments\n  %s"
                data.NumberOfTests
                seed
                seed
                reason
                data.NumberOfShrinks
                (showArguments shrunk)
                (showArguments original)
        | [ TestResult.Exhausted data ] ->
            failtestf
                "Property gave up after %d tests, seed %d: its condition rejected too many arguments."
                data.NumberOfTests
                seed
        | results -> failtestf "FsCheck reported %d results instead of one." results.Length

/// The words that build tests.
[<AutoOpen>]
module Tests =
    let testList name tests = TestList(name, tests)

    let testCase name code = TestCase(name, code)

    /// A pending test: listed as skipped with its reason until the code can pass.
    let ptestCase name reason (_: unit -> unit) =
        TestCase(name, (fun () -> skiptest ("pending: " + reason)))

    /// A pending list: each leaf is listed as skipped with the reason.
    let ptestList name reason tests =
        TestList(
            name,
            [ for path, code in tests |> List.collect Test.leaves do
                  ptestCase path reason code ]
        )

    /// One leaf for each case, named after it.
    let testTheory name (cases: 'case seq) (code: 'case -> unit) =
        TestList(
            name,
            [ for case in cases do
                  testCase (sprintf "%A" case) (fun () -> code case) ]
        )

    /// 100 tests of sizes 1 to 100, quietly.
    let fsCheckConfig = Config.Quick.WithQuietOnSuccess true

    /// A function from generated arguments to bool, unit or a FsCheck Property, which must hold for each of them.
    let testPropertyWithConfig (config: Config) name (property: 'testable) =
        testCase name (fun () -> Property.check config property)

    let testProperty name (property: 'testable) =
        testPropertyWithConfig fsCheckConfig name property
