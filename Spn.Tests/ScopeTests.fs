/// Scopes against plain sets.
module Spn.Tests.ScopeTests

open System
open Spn.Core

/// Few enough variables that runs of neighbours are common, and that scopes meet.
let private plain (variables: byte list) =
    variables |> List.map (fun v -> int v % 24) |> Set.ofList

let private scope (variables: Set<int>) = Scope.Of variables

let private least (variables: Set<int>) =
    if variables.IsEmpty then
        Nullable()
    else
        Nullable variables.MinimumElement

let tests =
    testList "scopes" [
        testProperty "a scope lists its variables once, in order" (fun (variables: byte list) ->
            let all = variables |> List.map (fun v -> int v % 24)
            let scope, expected = Scope.Of all, List.sort (List.distinct all)
            Expect.equal (List.ofSeq scope) expected "variables"
            Expect.equal scope.Count expected.Length "count"
            Expect.equal [ for i in 0 .. scope.Count - 1 -> scope[i] ] expected "by position"

            for position in [ -1; scope.Count ] do
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> scope[position] |> ignore) "no such position"

            for v in -2 .. 26 do
                Expect.equal (scope.Contains v) (List.contains v expected) $"{v}")
        testProperty
            "what two scopes share, and where they differ, is as with sets"
            (fun (first: byte list) (second: byte list) ->
                let a, b = plain first, plain second
                Expect.equal ((scope a).SharedWith(scope b)) (least (Set.intersect a b)) "shared"
                Expect.equal ((scope a).DiffersFrom(scope b)) (least (Set.union (a - b) (b - a))) "differs"
                Expect.equal (scope a = scope b) (a = b) "equal"
                Expect.equal (scope (Set.add 30 a) = scope (Set.add 31 a)) false "equally many, but others")
        testProperty "unions are those of sets, and equal scopes hash alike" (fun (parts: byte list list) ->
            let parts = parts |> List.map plain
            let union = Scope.Union(ReadOnlySpan [| for part in parts -> scope part |])
            let expected = scope (Set.unionMany parts)
            Expect.equal union expected "union"
            Expect.equal (union.GetHashCode()) (expected.GetHashCode()) "hash"
            Expect.equal union.Count expected.Count "count")
        testCase "full and single scopes are those of their variables; what is no index is refused" (fun () ->
            Expect.equal (Scope.Full 5) (Scope.Of [ 4; 2; 0; 1; 3 ]) "full"
            Expect.equal (Scope.Full 0) (Scope.Of []) "empty"
            Expect.equal (Scope.Single 7) (Scope.Of [ 7; 7 ]) "single"
            Expect.equal (string (Scope.Of [ 1; 0; 5 ])) "{0, 1, 5}" "few"

            Expect.equal
                (string (Scope.Union(ReadOnlySpan [| Scope.Full 12; Scope.Single 20 |])))
                "{0, 1, 2, 3, 4, 5, ... 20} (13 variables)"
                "many"

            for make in
                [
                    fun () -> Scope.Single -1
                    fun () -> Scope.Of [ 3; -1 ]
                    fun () -> Scope.Of [ 3; Int32.MaxValue ]
                ] do
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> make () |> ignore) "no index")
    ]
