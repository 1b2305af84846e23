/// The F# and the C# surface describe the same models, and the examples of the README run.
module Spn.Tests.InteropTests

open System
open System.IO
open System.Reflection
open System.Threading
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Engines.Reference
open Spn.Core.Training
open Spn.Host.Examples
open Spn.Tests.Descriptions

let private root = Path.Combine(__SOURCE_DIRECTORY__, "..")

let private readRoot (path: string) =
    File.ReadAllText(Path.Combine(root, path)).ReplaceLineEndings "\n"

/// The texts between a fence of the given language and its end.
let private blocks language =
    (readRoot "README.md").Split $"```{language}\n"
    |> Array.tail
    |> Array.map (fun text -> text.Substring(0, text.IndexOf("```", StringComparison.Ordinal)))

let private printed work =
    let before = Console.Out
    use writer = new StringWriter()
    Console.SetOut writer

    try
        work ()
    finally
        Console.SetOut before

    string writer

let tests =
    testList "interop" [
        testList "a description in F# equals the one in C#" [
            for name, fsharp, csharp in descriptions do
                testCase name (fun () ->
                    Expect.isTrue (fsharp = csharp) $"\n{fsharp}\nequals\n{csharp}"
                    Expect.equal (hash fsharp) (hash csharp) "equal values have equal hash codes")
        ]

        testCase "descriptions that differ in a setting are not equal" (fun () ->
            let all = descriptions |> List.map (fun (_, spec, _) -> spec)
            Expect.hasLength (List.distinct all) all.Length "all differ")

        testCase "the code of the README stands in the tested files" (fun () ->
            for file in
                [
                    "ReadmeExamples"
                    "ReadmeQueries"
                    "ReadmeImages"
                    "ReadmeClasses"
                    "ReadmeMixtures"
                ] do
                let fsharp = readRoot $"Spn.Tests/{file}.fs"

                Expect.contains
                    (blocks "fsharp")
                    (fsharp.Substring(fsharp.IndexOf("open ", fsharp.IndexOf "module")))
                    file

            for file in
                [
                    "FirstModel"
                    "Questions"
                    "CompletedDigits"
                    "ClassifiedDigits"
                    "DrawnDigits"
                ] do
                Expect.contains (blocks "csharp") (readRoot $"Spn.Host/Examples/{file}.cs") file)

        testCase "the questions of the README get the same answers in F# and C#" (fun () ->
            use csharp = new StringWriter()
            Questions.Run csharp
            let fsharp = printed ReadmeQueries.ask
            Expect.stringContains fsharp "p(umbrella | cool)" "it speaks"
            Expect.equal fsharp (string csharp) "the same model, seed and data give the same answers")

        testCase "the first models of the README say the same in F# and C#" (fun () ->
            use csharp = new StringWriter()
            FirstModel.Run(csharp, 60)
            let fsharp = printed (fun () -> ReadmeExamples.run 60 |> ignore)
            Expect.stringContains fsharp "log p(digit)" "it speaks"
            Expect.equal fsharp (string csharp) "the same model, seed and data give the same numbers")

        testCase "the completed digits of the README are the same in F# and C#" (fun () ->
            use csharp = new StringWriter()
            CompletedDigits.Run(csharp, 1) |> ignore
            let fsharp = printed (fun () -> ReadmeImages.complete 1 |> ignore)
            Expect.stringContains fsharp "mean squared error" "it speaks"
            Expect.equal fsharp (string csharp) "the same model, seed and data give the same error")

        testCase "the classified digits of the README are the same in F# and C#" (fun () ->
            use csharp = new StringWriter()
            ClassifiedDigits.Run(csharp, 2)
            let fsharp = printed (fun () -> ReadmeClasses.compare 2)
            Expect.stringContains fsharp "of the validation samples" "it speaks"
            Expect.equal fsharp (string csharp) "the same model, seed and data give the same shares")

        testCase "the drawn digits of the README are the same in F# and C#" (fun () ->
            use csharp = new StringWriter()
            Expect.equal (DrawnDigits.Run(csharp, 1)).Count 24 "images"
            Expect.isTrue (ReadmeMixtures.patches = DrawnDigits.Describe()) "one description"
            let fsharp = printed (fun () -> ReadmeMixtures.draw 1 |> ignore)
            Expect.stringContains fsharp "of all pairs" "it speaks"
            Expect.equal fsharp (string csharp) "the same model, seed and data give the same share")

        testCase "check lists findings that compile throws" (fun () ->
            let wrong =
                Regions.HandBuilt(2, [ Regions.Leaf [ 0; 1 ]; Regions.Leaf [ 1 ]; Regions.Join [ [ 0; 1 ] ] ])
                |> Circuit.overRegions [ Input.Indicator 2; Product.Hadamard; Sum.Root() ]

            let findings = Circuit.check wrong
            Expect.isNonEmpty findings "the children share a variable"

            let error =
                Expect.raises<CircuitException> (fun () -> (Circuit.compile wrong).Dispose()) "it does not compile"

            Expect.sequenceEqual error.Findings findings "the same findings"
            Expect.isEmpty (Circuit.check (fst (small ()))) "nothing is wrong with a good one")

        testCase "queries of both surfaces and of two engines agree" (fun () ->
            let spec, samples = small ()
            use simd = Circuit.compile spec
            use reference = spec |> Circuit.compileWith (ReferenceEngine())
            let scores = simd |> Query.logLikelihood samples
            Expect.sequenceEqual scores (simd.LogLikelihood samples) "the same numbers from F# and C#"
            Expect.floatsClose Accuracy.medium scores (reference |> Query.logLikelihood samples) "engines"

            Expect.floatClose
                Accuracy.high
                (simd |> Query.averageLogLikelihood samples)
                (Array.average scores)
                "the average is the mean")

        testCase "a training reports and can be cancelled" (fun () ->
            let spec, samples = small ()
            use circuit = Circuit.compile spec
            use source = new CancellationTokenSource()
            let heard = ResizeArray()

            let hear (now: TrainingProgress) =
                heard.Add now.Step

                if now.Step >= 20 then
                    source.Cancel()

            let options = GradientOptions(Steps = 1000, EvaluationPeriod = 10)

            let report = circuit |> Train.gradientWith hear source.Token samples samples options

            Expect.equal report.End TrainingEnd.Cancelled "it ends early"
            Expect.equal report.Steps 20 "right after the report that cancelled it"
            Expect.contains heard 10 "evaluations are reported")

        testCase "validation samples may be none" (fun () ->
            let spec, samples = small ()
            use circuit = Circuit.compile spec
            let none = Evidence.From(Array.empty<float32>, 4)
            let report = circuit |> Train.gradient samples none (GradientOptions(Steps = 5))
            Expect.isFalse report.BestValid.HasValue "nothing to choose by")

        testCase "a saved circuit answers as before" (fun () ->
            let spec, samples = small ()
            let folder = Directory.CreateTempSubdirectory "spn-test-"
            let path = Path.Combine(folder.FullName, "small.safetensors")

            try
                use circuit = Circuit.compile spec
                use loaded = circuit |> Circuit.save path |> ignore |> fun () -> Circuit.load path

                Expect.sequenceEqual
                    (loaded |> Query.logLikelihood samples)
                    (circuit |> Query.logLikelihood samples)
                    "bit for bit"
            finally
                folder.Delete true)

        testCase "the REPL prints models, descriptions, reports and data as text" (fun () ->
            let spec, samples = small ()
            use circuit = Circuit.compile spec
            let report = circuit |> Train.gradient samples samples (GradientOptions(Steps = 5))
            let mutable printed: objnull -> string option = fun _ -> None
            Show.registerPrinters (fun printer -> printed <- printer >> Option.ofObj)

            for value, part in
                [
                    box circuit, "Circuit over 4 variables"
                    box spec, "Sum.PerRegion(3)"
                    box report, "Finished after 5 steps"
                    box (Digits.LoadBinary()), "images of 8 x 8"
                    box (Query.support circuit), "why"
                    box (circuit |> Query.posterior samples), "nothing is hidden"
                ] do
                Expect.stringContains (printed value).Value part "the text says what it is"

            Expect.isNone (printed (box 1)) "other values are left to the REPL")

        testCase "Spn.Core needs no F# and its public names have .NET casing" (fun () ->
            let core = typeof<CircuitSpec>.Assembly

            Expect.all
                (core.GetReferencedAssemblies())
                (fun name -> name.Name <> "FSharp.Core")
                "no reference to FSharp.Core"

            let special (info: MemberInfo) =
                match info with
                | :? MethodBase as m -> m.IsSpecialName || m.Name.Contains '<'
                | :? FieldInfo as f -> f.IsSpecialName
                | _ -> false

            let names = [
                for t in core.GetExportedTypes() do
                    t.Name

                    for m in t.GetMembers(BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.Static) do
                        if not (special m) then
                            $"{t.Name} {m.Name}"
            ]

            Expect.all
                names
                (fun name ->
                    name.Split ' '
                    |> Array.forall (fun part -> Char.IsUpper part[0] && not (part.Contains '_')))
                "capital letters first, no underscores")
    ]
