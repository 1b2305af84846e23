/// Raw weights with a partition function, and sums that are several layers deep.
module Spn.Tests.OverparametrisationTests

open System
open System.IO
open Spn
open Spn.Core
open Spn.Core.Engines.Reference
open Spn.Core.Lowering
open Spn.Core.Plans
open Spn.Core.Training

let kinds: WeightSpec list = [
    Weights.Raw()
    Weights.Exponential()
    Weights.Factored(Weights.Raw(), [ 2 ])
    Weights.Factored(Weights.Raw(0.2, 0.9), depth = 3)
    Weights.Factored(Weights.Exponential(), [ 4; 2 ], factorStart = 0.7)
    Weights.Factored(Weights.Free(), [ 3 ])
]

let withSources (spec: CircuitSpec) weights =
    let own (layer: LayerSpec) : LayerSpec =
        match layer with
        | :? SumSpec as sum ->
            SumSpec(
                sum.Channels,
                Weights = sum.Weights,
                PerPartition = sum.PerPartition,
                MixingWeights = sum.MixingWeights
            )
        | :? RootSpec as root when spec.Layers.Count % 2 = 0 ->
            RootSpec(root.Classes, root.Mixture, ClassWeights = root.ClassWeights)
        | layer -> layer

    CircuitSpec(spec.Structure, ValueList<LayerSpec>(Seq.map own spec.Layers), weights)

/// A random small circuit whose own weights are of a kind above; some layers keep a hyper-network, some roots free weights.
let described seed =
    let name, spec = Generators.spec seed
    let weights = kinds[seed % kinds.Length]
    $"{name}, now {weights.Name}", withSources spec weights

let unsettle seed (parameters: float32[]) =
    let random = Random(seed: int)
    parameters |> Array.map (fun p -> p * float32 (0.5 + random.NextDouble()))

/// K components over binary variables with raw indicator weights; the mixture has the given weights.
let mixture variables channels weights =
    (HandBuiltRegions variables, [ 0 .. variables - 1 ])
    ||> List.fold (fun graph v -> graph.Leaf v)
    |> _.Join([| 0 .. variables - 1 |])
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion channels
        Product.Hadamard
        Sum.Root(mixtureWeights = weights)
    ]
    |> Circuit.withWeights (Weights.Raw())

let bits variables = // every joint value
    let count = 1 <<< variables
    Evidence.From(Array.init (count * variables) (fun i -> float32 (i / variables >>> i % variables &&& 1)), variables)

let sample seed variables rows =
    let random = Random(seed: int)
    Evidence.From(Array.init (rows * variables) (fun _ -> if random.NextDouble() < 0.3 then 1f else 0f), variables)

let private total (values: float[]) = LogSum.Of(ReadOnlySpan values)

let private refused (part: string) (spec: CircuitSpec) =
    let e =
        Expect.raises<CircuitException> (fun () -> Lowerer.Lower spec |> ignore) part

    Expect.stringContains e.Message part "why"

let private tensor (circuit: Circuit) name =
    circuit.Plan.Tensors |> Seq.find (fun t -> t.Name = name)

let tests =
    testList "overparametrisation" [
        testCase "raw weights mean log f - log Z, and log Z is what the partition query says" (fun () ->
            use circuit = mixture 3 2 (Weights.Raw(0.1, 3.0)) |> Circuit.compile
            let p = circuit.Parameters.ToArray() |> Array.map float
            let at name = (tensor circuit name).Offset

            let indicator v k s =
                p[at "sectors.weights" + 4 * v + 2 * k + s]

            let f (state: int) =
                Seq.sum [
                    for k in 0..1 ->
                        p[at "mixture.weights" + k]
                        * Seq.fold (*) 1.0 [ for v in 0..2 -> indicator v k (state >>> v &&& 1) ]
                ]

            let z = Seq.sumBy f [ 0..7 ]
            Expect.floatClose Accuracy.medium (circuit.LogPartition()[0]) (log z) "log Z"
            Expect.isGreaterThan (abs (log z)) 0.1 "Z is not 1"

            Expect.floatsClose
                Accuracy.low
                (circuit.LogLikelihood(bits 3))
                [ for state in 0..7 -> log (f state / z) ]
                "log f - log Z")
        testCase "with raw and factored weights of every kind all states add to one" (fun () ->
            for seed in 1..60 do
                let name, spec = described seed
                use circuit = Circuit.Compile(spec, seed = int64 seed)
                circuit.SetParameters(ReadOnlySpan(unsettle seed (circuit.Parameters.ToArray())))

                for value in circuit.LogLikelihood(Generators.evidence circuit.Plan 2 1.1 seed) do
                    Expect.isTrue (abs value < 1e-5) $"{name}: {value}"

                if
                    circuit.Classes = 1
                    && circuit.Variables <= 4
                    && Seq.forall (fun v -> Enumeration.statesOf circuit v > 0) [ 0 .. circuit.Variables - 1 ]
                then
                    let all = Enumeration.allValues circuit
                    Expect.isTrue (abs (total (circuit.LogLikelihood all)) < 1e-5) $"{name}: all states")
        testCase "simd equals reference with raw and factored weights" (fun () ->
            for seed in 1..80 do
                let name, spec = described seed
                let plan = Lowerer.Lower spec
                let parameters = unsettle seed (plan.Initialise(int64 seed))
                EngineTests.agrees name plan parameters (Generators.evidence plan 23 0.2 seed))
        testCase "collapsing an overparametrized description gives the description back" (fun () ->
            let mutable some = 0

            for seed in 1..120 do
                let name, spec = Generators.spec seed

                match
                    (try
                        Some(Circuit.overparametrize 3 spec)
                     with :? CircuitException ->
                         None)
                with
                | None -> ()
                | Some deep ->
                    some <- some + 1
                    Expect.notEqual deep spec $"{name}: deeper"
                    Expect.equal (Circuit.collapse deep) spec name

            Expect.isGreaterThan some 40 "descriptions with weights to factor"
            let spec = mixture 4 6 (Weights.Raw())
            let root = spec.Overparametrize(2, [ 3 ])

            Expect.equal
                (root.Layers[3] :?> RootSpec).MixtureWeights
                (Weights.Factored(Weights.Raw(), [ 2 ]))
                "the root alone"

            Expect.equal root.Weights (Weights.Raw()) "the others stay"
            Expect.equal (root.Overparametrize 1) (Circuit.collapse root) "depth 1 collapses"

            let automatic =
                CircuitSpec.Over(BinaryTrees(4, 2)).IndicatorInput().SumPerRegion(3).HadamardProduct().RootSum()

            Expect.equal
                (automatic.Overparametrize(2, [ 1; 3 ]) |> Circuit.collapse)
                automatic
                "layers that named no source name none")
        testCase "overparametrized circuits say the same, and collapsed again have the same parameters" (fun () ->
            for seed in 1..60 do
                let name, spec = Generators.spec seed

                let spec =
                    if seed % 2 = 0 then
                        withSources spec kinds[seed / 2 % 2]
                    else
                        spec

                match
                    (try
                        Some(Circuit.overparametrize (2 + seed % 3) spec)
                     with :? CircuitException ->
                         None)
                with
                | None -> ()
                | Some deep ->
                    use circuit = Circuit.Compile(spec, seed = int64 seed)
                    use deeper = circuit |> Circuit.overparametrize (2 + seed % 3)
                    use back = deeper |> Circuit.collapse
                    let evidence = Generators.evidence circuit.Plan 9 0.2 seed
                    Expect.equal deeper.Spec deep $"{name}: description"

                    EngineTests.logLikelihoodsClose
                        (deeper.LogLikelihood evidence)
                        (circuit.LogLikelihood evidence)
                        name

                    Expect.sequenceEqual
                        (back.Parameters.ToArray())
                        (circuit.Parameters.ToArray())
                        $"{name}: parameters")
        testCase "factors that have moved are multiplied out" (fun () ->
            for weights in kinds do
                use circuit = mixture 4 7 weights |> Circuit.compile
                circuit.SetParameters(ReadOnlySpan(unsettle 6 (circuit.Parameters.ToArray())))
                use flat = Circuit.collapse circuit
                let expected = circuit.LogLikelihood(bits 4)
                EngineTests.logLikelihoodsClose (flat.LogLikelihood(bits 4)) expected weights.Name
                Expect.equal flat.Spec (Circuit.collapse circuit.Spec) "description")
        testCase
            "a sum whose raw weights are all 0 is left out, and a root of such is refused nowhere but impossible"
            (fun () ->
                use circuit = mixture 3 2 (Weights.Raw()) |> Circuit.compile
                let parameters = circuit.Parameters.ToArray()
                parameters[0] <- 0f // both indicator weights of the first component at the first variable
                parameters[1] <- 0f
                circuit.SetParameters(ReadOnlySpan parameters)

                Expect.isTrue
                    (abs (total (circuit.LogLikelihood(bits 3))) < 1e-5)
                    "the other component is all there is"

                circuit.SetParameters(ReadOnlySpan(Array.zeroCreate<float32> parameters.Length))

                Expect.isTrue
                    (circuit.LogLikelihood(bits 3) |> Array.forall Double.IsNegativeInfinity)
                    "nothing is possible")
        testCase "queries of a circuit with raw weights are those of its table" (fun () ->
            use circuit =
                mixture 4 3 (Weights.Factored(Weights.Raw(), depth = 2)) |> Circuit.compile

            let all = bits 4
            let p = circuit.LogLikelihood all |> Array.map exp

            let one v =
                Seq.sum [
                    for s in 0..15 do
                        if s >>> v &&& 1 = 1 then
                            p[s]
                ]

            let posterior = circuit.Posterior(Evidence.Unknown(1, 4))

            for v in 0..3 do
                Expect.floatClose Accuracy.low (posterior.Probabilities(0, v).ToArray()[1]) (one v) $"variable {v}"

            let given = Evidence.From([| 1f; 0f; 0f; 0f |], 4).Only 0
            use conditioned = circuit.Condition given
            let rest = conditioned.LogLikelihood(bits 3)
            Expect.floatsClose Accuracy.low rest [ for s in 0..7 -> log (p[2 * s + 1] / one 0) ] "conditioned"
            let samples = circuit.Sample(20000, seed = 3L)

            let share =
                Seq.averageBy (fun row -> float (samples.Row(row).ToArray()[2])) [ 0 .. samples.Count - 1 ]

            Expect.isTrue (abs (share - one 2) < 0.02) $"sampled {share}, expected {one 2}")
        testCase "a mixture of circuits with raw weights has the shares it was given" (fun () ->
            use raw = mixture 3 2 (Weights.Raw(2.0, 4.0)) |> Circuit.compile

            use free =
                mixture 3 2 (Weights.Factored(Weights.Raw(), depth = 2)) |> Circuit.compile

            Expect.isGreaterThan (abs (raw.LogPartition()[0] - free.LogPartition()[0])) 0.5 "other partition functions"
            use both = Circuit.mix [ 0.3, raw; 0.7, free ]

            let expected =
                Array.map2
                    (fun a b -> log (0.3 * exp a + 0.7 * exp b))
                    (raw.LogLikelihood(bits 3))
                    (free.LogLikelihood(bits 3))

            Expect.floatsClose Accuracy.low (both.LogLikelihood(bits 3)) expected "shares")
        testCase "raw and factored weights come back from model files" (fun () ->
            let folder = Directory.CreateTempSubdirectory("spn-deep-").FullName

            try
                for weights in kinds do
                    use circuit = mixture 3 5 weights |> Circuit.compile
                    let path = Path.Combine(folder, "deep.safetensors")
                    circuit.Save path
                    use loaded = Circuit.Load path
                    Expect.equal loaded.Spec circuit.Spec weights.Name
                    Expect.sequenceEqual (loaded.Parameters.ToArray()) (circuit.Parameters.ToArray()) weights.Name
            finally
                Directory.Delete(folder, true))
        testCase "what raw and factored weights cannot do is refused with a reason" (fun () ->
            let trees sum weights =
                CircuitSpec
                    .Over(BinaryTrees(4, 2))
                    .IndicatorInput()
                    .With(sum)
                    .HadamardProduct()
                    .RootSum()
                    .WithWeights(weights)

            refused "raw weights shared" (trees (SumSpec(3, true)) (Weights.Raw()))
            refused "raw weights shared" (trees (SumSpec 3) (Weights.Tied(Weights.Raw())))
            refused "nothing to factor" (trees (SumSpec 3) (Weights.Factored(Weights.Accumulators(), [ 2 ])))
            refused "groups unfit" (trees (SumSpec 3) (Weights.Factored(Weights.Raw(), [ 3; 2 ])))
            refused "start unfit" (trees (SumSpec 3) (Weights.Raw(2.0, 1.0)))
            refused "start unfit" (trees (SumSpec 3) (Weights.Exponential(0.0, 1.0)))
            refused "start unfit" (trees (SumSpec 3) (Weights.Factored(Weights.Raw(), [ 2 ], factorStart = 0.0)))

            refused
                "accumulators above raw weights"
                (trees (SumSpec(3, Weights = Weights.Raw())) (Weights.Accumulators()))

            let raises part action =
                Expect.stringContains (Expect.raises<Exception> action part).Message part "why"

            raises "depth" (fun () -> mixture 3 4 (Weights.Raw()) |> Circuit.overparametrize 0 |> ignore)

            raises "nothing to factor" (fun () ->
                trees (SumSpec 3) Weights.Uniform |> Circuit.overparametrize 2 |> ignore)

            raises "no sum" (fun () -> (mixture 3 4 (Weights.Raw())).Overparametrize(2, [ 0 ]) |> ignore)
            use circuit = mixture 3 4 (Weights.Raw()) |> Circuit.compile
            let parameters = circuit.Parameters.ToArray()
            parameters[2] <- -0.1f
            raises "at least 0" (fun () -> circuit.SetParameters(ReadOnlySpan parameters))
            use free = HyperSpn.Baseline(4, replicas = 2) |> Circuit.compile
            raises "reference engine" (fun () -> new GradientAscent(free, sample 1 4 10) |> ignore)

            raises "LinearPartition" (fun () ->
                free.Fit(sample 1 4 10, null, GradientOptions(LinearPartition = true)) |> ignore))
    ]
