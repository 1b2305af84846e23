/// Hands every leaf of allTests to xunit as a case of its own, with its full path as the display name:
/// dotnet test --filter "DisplayName~harness/properties".
namespace Spn.Tests

// The parameterless constructor of a case is marked obsolete, though deserialisation needs it in derived cases too.
#nowarn "44"

open System
open Xunit
open Xunit.Abstractions
open Xunit.Sdk

/// Passes messages on, but reports a test that threw SkipException as skipped with its reason, since xunit 2 alone
/// knows only skips that are fixed at compile time.
type SkippingBus(inner: IMessageBus) =
    member val Skipped = 0 with get, set

    interface IMessageBus with
        member this.QueueMessage message =
            match message with
            | :? ITestFailed as failed when Array.contains typeof<Spn.Tests.SkipException>.FullName failed.ExceptionTypes ->
                this.Skipped <- this.Skipped + 1
                inner.QueueMessage(TestSkipped(failed.Test, failed.Messages[0]))
            | _ -> inner.QueueMessage message

        // The runner owns the inner bus.
        member _.Dispose() = ()

/// One leaf. The path is the only argument, since xunit writes a case as text between discovery and run.
type LeafCase =
    inherit XunitTestCase

    [<Obsolete("For deserialisation only")>]
    new() = { inherit XunitTestCase() }

    new(messages: IMessageSink, method: ITestMethod, path: string) =
        { inherit
            XunitTestCase(
                messages,
                TestMethodDisplay.Method,
                TestMethodDisplayOptions.None,
                method,
                [| box path |]
            ) }

    // A plain theory would show method(path: "..."), cut after 50 characters.
    override this.GetDisplayName(_, _) = string this.TestMethodArguments[0]

    override this.RunAsync(messages, bus, arguments, aggregator, cancellation) =
        // A base call may not stand inside the task expression.
        let skipping = new SkippingBus(bus)
        let running = base.RunAsync(messages, skipping, arguments, aggregator, cancellation)

        task {
            let! summary = running
            summary.Failed <- summary.Failed - skipping.Skipped
            summary.Skipped <- summary.Skipped + skipping.Skipped
            return summary
        }

type LeafDiscoverer(messages: IMessageSink) =
    interface IXunitTestCaseDiscoverer with
        member _.Discover(_, method, _) =
            let failed (message: string) : IXunitTestCase =
                new ExecutionErrorTestCase(
                    messages,
                    TestMethodDisplay.Method,
                    TestMethodDisplayOptions.None,
                    method,
                    message
                )

            // An exception here would leave the run with no test and no reason.
            try
                match Test.duplicates All.allTests with
                | [] ->
                    [ for path, _ in Test.leaves All.allTests do
                          new LeafCase(messages, method, path) :> IXunitTestCase ]
                | paths ->
                    let list = String.concat "\n  " paths
                    [ failed $"More than one test has the path\n  {list}" ]
            with error ->
                [ failed $"The tests could not be listed: {error}" ]

[<AttributeUsage(AttributeTargets.Method); XunitTestCaseDiscoverer("Spn.Tests.LeafDiscoverer", "Spn.Tests")>]
type LeavesAttribute() =
    inherit TheoryAttribute()

type Cases() =
    static let codes = lazy (All.allTests |> Test.leaves |> dict)

    // Leaves of one class run one after another, which timing and memory tests rely on.
    [<Leaves>]
    member _.Leaf(path: string) = codes.Value[path]()
