/// What may know what, read from the assembly: signatures, fields and local variables.
module Spn.Tests.ArchitectureTests

open System
open System.Reflection
open Spn.Core

let private everything =
    BindingFlags.Public
    ||| BindingFlags.NonPublic
    ||| BindingFlags.Static
    ||| BindingFlags.Instance
    ||| BindingFlags.DeclaredOnly

let private core = typeof<Circuit>.Assembly

let private types = core.GetTypes()

let rec private parts (t: Type | null) : Type list =
    match t with
    | null -> []
    | t when t.HasElementType -> parts (t.GetElementType())
    | t -> [
        t
        for argument in t.GetGenericArguments() do
            if not argument.IsGenericParameter then
                yield! parts argument
      ]

/// The types of the core that a type mentions.
let private mentions (t: Type) =
    [
        yield! parts t.BaseType
        for i in t.GetInterfaces() do
            yield! parts i
        for field in t.GetFields everything do
            yield! parts field.FieldType
        for method in
            Seq.append (t.GetMethods everything |> Seq.cast<MethodBase>) (t.GetConstructors everything |> Seq.cast) do
            for parameter in method.GetParameters() do
                yield! parts parameter.ParameterType

            match method with
            | :? MethodInfo as m -> yield! parts m.ReturnType
            | _ -> ()

            match method.GetMethodBody() with
            | null -> ()
            | body ->
                for local in body.LocalVariables do
                    yield! parts local.LocalType
    ]
    |> List.filter (fun other -> other.Assembly = core)
    |> List.distinct

let rec private outermost (t: Type) =
    match t.DeclaringType with
    | null -> t
    | outer -> outermost outer

let private space (t: Type) = string (outermost t).Namespace

let private isDescription (t: Type) =
    let t = outermost t

    typeof<LayerSpec>.IsAssignableFrom t
    || typeof<WeightSpec>.IsAssignableFrom t
    || typeof<StructureSpec>.IsAssignableFrom t
    || t = typeof<CircuitSpec>
    || (space t).StartsWith "Spn.Core.Circuits"

let private inside (names: string list) (t: Type) =
    names
    |> List.exists (fun name -> (space t = name) || (space t).StartsWith(name + "."))

let private forbid who (from: Type -> bool) what (target: Type -> bool) =
    testCase $"{who} know nothing of {what}" (fun () ->
        let members = types |> Array.filter from
        Expect.isNonEmpty members who

        let wrong = [
            for t in members do
                for other in mentions t do
                    if target other && not (from other) then
                        $"{t.FullName} -> {other.FullName}"
        ]

        Expect.isEmpty wrong "arrows")

let tests =
    testList "architecture" [
        forbid
            "descriptions"
            isDescription
            "plans and engines"
            (inside [
                "Spn.Core.Plans"
                "Spn.Core.Engines"
                "Spn.Core.Lowering"
                "Spn.Core.Training"
                "Spn.Core.Files"
            ])
        forbid "plans" (inside [ "Spn.Core.Plans" ]) "descriptions" isDescription
        forbid
            "plans"
            (inside [ "Spn.Core.Plans" ])
            "engines, lowering and training"
            (inside [
                "Spn.Core.Engines"
                "Spn.Core.Lowering"
                "Spn.Core.Training"
                "Spn.Core.Files"
            ])
        forbid "engines" (inside [ "Spn.Core.Engines" ]) "descriptions" (fun t ->
            isDescription t || t = typeof<Circuit>)
        forbid
            "engines"
            (inside [ "Spn.Core.Engines" ])
            "lowering, training and files"
            (inside [
                "Spn.Core.Lowering"
                "Spn.Core.Training"
                "Spn.Core.Files"
                "Spn.Core.Inference"
            ])
        forbid
            "lowering"
            (inside [ "Spn.Core.Lowering" ])
            "engines and training"
            (inside [ "Spn.Core.Engines"; "Spn.Core.Training" ])
        forbid
            "training"
            (inside [ "Spn.Core.Training" ])
            "particular engines"
            (inside [ "Spn.Core.Engines.Simd"; "Spn.Core.Engines.Reference"; "Spn.Core.Lowering" ])
        forbid "judges" (inside [ "Spn.Core.Judging" ]) "circuits and lowering" (fun t ->
            isDescription t || t = typeof<Circuit> || inside [ "Spn.Core.Lowering" ] t)
        forbid "data" (inside [ "Spn.Core.Data" ]) "circuits" (fun t ->
            isDescription t
            || inside
                [
                    "Spn.Core.Plans"
                    "Spn.Core.Engines"
                    "Spn.Core.Lowering"
                    "Spn.Core.Training"
                ]
                t)
        testCase "the core needs no F#" (fun () ->
            let names = core.GetReferencedAssemblies() |> Seq.map (fun a -> string a.Name)
            Expect.isFalse (names |> Seq.exists (fun n -> n.Contains "FSharp")) "references")
        testCase "classes are abstract or sealed" (fun () ->
            let neither =
                types
                |> Array.filter (fun t -> t.IsClass && t.IsPublic && not t.IsAbstract && not t.IsSealed)

            Expect.isEmpty neither "open for overriding")
        testCase "public names follow .NET casing" (fun () ->
            let wrong = [
                for t in types do
                    if t.IsPublic then
                        for m in
                            t.GetMembers(
                                BindingFlags.Public
                                ||| BindingFlags.Static
                                ||| BindingFlags.Instance
                                ||| BindingFlags.DeclaredOnly
                            ) do
                            if
                                Char.IsLower m.Name[0]
                                && not (
                                    m.Name.StartsWith "get_"
                                    || m.Name.StartsWith "set_"
                                    || m.Name.StartsWith "op_"
                                    || m.Name = "value__"
                                )
                            then
                                $"{t.Name}.{m.Name}"
            ]

            Expect.isEmpty wrong "casing")
    ]
