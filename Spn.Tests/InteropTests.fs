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

let private trees = BinaryTrees(4, 2)

let private small () =
    let spec =
        Regions.RandomBinaryTrees(4, replicas = 2)
        |> Circuit.overRegions [ Input.Indicator 2; Sum.PerRegion 3; Product.Hadamard; Sum.Root() ]

    spec, Evidence.From(Array.init 32 (fun i -> float32 (i * i / 3 % 2)), 4)

let private samples =
    Evidence.From(Array.init 60 (fun i -> float32 (i * i / 7 % 2)), 5)

let private descriptions: (string * CircuitSpec * CircuitSpec) list = [
    "the first model", ReadmeExamples.describe 64, FirstModel.Describe 64
    "HyperSPN in the released layout",
    Regions.RandomBinaryTrees(16, replicas = 50, seed = 3)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]
    |> Circuit.withWeights (Weights.Hyper(embedding = 5, hidden = [ 20; 20 ], deadEntries = true)),
    HyperSpn.Released(16, seed = 3)
    "the baseline",
    Regions.RandomBinaryTrees(16, replicas = 50)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]
    |> Circuit.withWeights (Weights.Free(deadEntries = true)),
    HyperSpn.Baseline 16
    "normal inputs",
    trees
    |> Circuit.overRegions [
        Input.Normal(2, means = [ 0.0; 1.0 ], variances = [ 1.0; 2.0 ])
        Product.Kronecker
        Sum.Shared(3, weights = Weights.Uniform)
        Sum.Root(classes = 4)
    ],
    CircuitSpec
        .Over(trees)
        .NormalInput(2, [ 0.0; 1.0 ], [ 1.0; 2.0 ])
        .KroneckerProduct()
        .SumShared(3, WeightSpec.Uniform())
        .RootSum(4)
    "learned normal inputs",
    trees |> Circuit.overRegions [ Input.Normal 2; Product.Hadamard; Sum.Root() ],
    CircuitSpec.Over(trees).NormalInput(2).HadamardProduct().RootSum()
    "frozen normal inputs",
    trees
    |> Circuit.overRegions [
        Input.Normal(components = 4, init = Init.Quantiles, trainable = false)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec.Over(trees).NormalInput(4, init = Init.Quantiles, trainable = false).HadamardProduct().RootSum()
    "Laplace inputs",
    trees
    |> Circuit.overRegions [
        Input.Laplace(3, scales = [ 1.0; 2.0; 3.0 ], init = Init.KMeans)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec
        .Over(trees)
        .LaplaceInput(3, fixedScales = [ 1.0; 2.0; 3.0 ], init = Init.KMeans)
        .HadamardProduct()
        .RootSum()
    "Cauchy inputs",
    trees
    |> Circuit.overRegions [
        Input.Cauchy(2, init = Init.Equidistant(low = -1.0), trainableScales = false)
        Product.Hadamard
        Sum.Root()
    ],
    CircuitSpec
        .Over(trees)
        .CauchyInput(2, init = Init.Equidistant(-1.0), trainableScales = false)
        .HadamardProduct()
        .RootSum()
    "a RAT-SPN",
    Regions.Rat(16, depth = 2, replicas = 3, seed = 5)
    |> Circuit.overRegions [ Input.Bernoulli 4; Product.Kronecker; Sum.PerRegion 6; Sum.Root(classes = 3) ],
    RatSpn.Published(16, BernoulliInput 4, depth = 2, replicas = 3, sums = 6, classes = 3, seed = 5L)
    "an Einsum network on strips",
    Regions.PoonDomingos(Variables.Image(height = 8, width = 8), pieces = [ 4 ], axes = [ 1 ])
    |> Circuit.overRegions [ Input.Normal 3; Product.Kronecker; Sum.PerPartition 3; Sum.Root() ],
    EinsumNetwork.Over(
        PoonDomingos(GridVariables.Image(8, 8), ValueList [ ValueList [ 2.0; 2.0 ] ], Axes = ValueList [ 1 ]),
        NormalInput 3,
        3
    )
    "a Poon-Domingos circuit coarse to fine",
    Regions.PoonDomingos(Variables.Line 8, distances = [ 4.0; 2.0 ], mostCuts = 3)
    |> Circuit.overRegions [
        Input.Bernoulli 2
        Product.Kronecker
        Sum.PerPartition(2, mixing = Weights.Uniform)
        Sum.Root()
    ],
    CircuitSpec
        .Over(
            PoonDomingos(
                GridVariables.Line 8,
                ValueList [ ValueList [ 4.0 ]; ValueList [ 2.0 ] ],
                MostCuts = Nullable 3
            )
        )
        .BernoulliInput(2)
        .KroneckerProduct()
        .SumPerPartition(2, mixing = WeightSpec.Uniform())
        .RootSum()
    "a quad tree",
    Regions.QuadTree(Variables.Image(height = 4, width = 4), binary = true, patch = 2)
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Hadamard; Sum.Root() ],
    CircuitSpec
        .Over(QuadRegions(GridVariables.Image(4, 4), QuadSplit.Halves, 2))
        .BernoulliInput(2)
        .HadamardProduct()
        .RootSum()
    "a quad graph",
    Regions.QuadGraph(Variables.Image(height = 4, width = 4))
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Hadamard; Sum.PerRegion 2; Sum.Root() ],
    CircuitSpec
        .Over(QuadRegions(GridVariables.Image(4, 4), QuadSplit.AllHalves))
        .BernoulliInput(2)
        .HadamardProduct()
        .SumPerRegion(2)
        .RootSum()
    "a tensor train",
    Regions.Linear(5, replicas = 2, seed = 3)
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Kronecker; Sum.PerRegion 2; Sum.Root() ],
    CircuitSpec
        .Over(LinearTrees(5, 2, Seed = Nullable 3L))
        .BernoulliInput(2)
        .KroneckerProduct()
        .SumPerRegion(2)
        .RootSum()
    "a hidden Chow-Liu tree",
    Regions.ChowLiu(samples)
    |> Circuit.overRegions [ Input.Bernoulli 4; Product.Hadamard; Sum.PerRegion 4; Sum.Root() ],
    HiddenChowLiuTree.Over(ChowLiu.Tree samples, BernoulliInput 4)
    "a mixture of circuits",
    Circuit.mixtureOf [ HyperSpn.Baseline 3; HyperSpn.Released 3 ],
    CircuitSpec.Over(MixtureOf(ValueList [ HyperSpn.Baseline 3; HyperSpn.Released 3 ])).RootSum()
    "a channel table and tied weights",
    trees
    |> Circuit.overRegions [ Input.Bernoulli 2; Product.Channels [ [ 0; 1 ]; [ 1; 0 ] ]; Sum.Root() ]
    |> Circuit.withWeights (Weights.Tied(Weights.Free())),
    CircuitSpec
        .Over(trees)
        .BernoulliInput(2)
        .ChannelTableProduct([| 0; 1 |], [| 1; 0 |])
        .RootSum()
        .WithWeights(WeightSpec.Tied(WeightSpec.Free()))
    "raw weights in three layers below exponential ones",
    trees
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion(4, weights = Weights.Raw(low = 0.1, high = 0.2))
        Product.Hadamard
        Sum.Root(mixtureWeights = Weights.Factored(Weights.Exponential(), groupSizes = [ 4; 2 ], factorStart = 0.5))
    ]
    |> Circuit.overparametrize 3,
    CircuitSpec
        .Over(trees)
        .IndicatorInput()
        .SumPerRegion(4, WeightSpec.Raw(0.1, 0.2))
        .HadamardProduct()
        .RootSum(mixtureWeights = WeightSpec.Factored(WeightSpec.Exponential(), [ 4; 2 ], factorStart = 0.5))
        .Overparametrize(3)
    "hand-built regions",
    Regions.HandBuilt(
        3,
        [
            for variable in 0..2 do
                Regions.Leaf [ variable ]
            Regions.Join [ [ 0; 1 ] ]
            Regions.Join [ [ 3; 2 ] ]
        ]
    )
    |> Circuit.overRegions [
        Input.Categorical(2, states = 3)
        Product.Hadamard
        Sum.Root(weights = Weights.Fixed [ 0.5; 0.5 ])
    ],
    CircuitSpec
        .Over(HandBuiltRegions(3).Leaf(0).Leaf(1).Leaf(2).Join([| 0; 1 |]).Join([| 3; 2 |]))
        .CategoricalInput(2, 3)
        .HadamardProduct()
        .With(RootSpec(Weights = WeightSpec.Fixed [ 0.5; 0.5 ]))
]

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
            for file in [ "ReadmeExamples"; "ReadmeQueries"; "ReadmeImages"; "ReadmeClasses" ] do
                let fsharp = readRoot $"Spn.Tests/{file}.fs"

                Expect.contains
                    (blocks "fsharp")
                    (fsharp.Substring(fsharp.IndexOf("open ", fsharp.IndexOf "module")))
                    file

            for file in [ "FirstModel"; "Questions"; "CompletedDigits"; "ClassifiedDigits" ] do
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
