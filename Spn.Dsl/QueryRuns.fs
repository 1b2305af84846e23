namespace Spn

open System
open Spn.Core
open Spn.Core.Inference

/// <summary>What came of asking a circuit a query and checking a law on the answer.</summary>
[<RequireQualifiedAccess>]
type QueryRun =
    /// <summary>The answer obeys the law.</summary>
    | Holds
    /// <summary>The query does not apply to the circuit, as <c>Query.support</c> says.</summary>
    | Unavailable
    /// <summary>The answer breaks the law, or there was none.</summary>
    | Fails of string

/// <summary>Runs every query on every structure and every family of densities.</summary>
[<RequireQualifiedAccess>]
module QueryRuns =

    let private image = Variables.Image(2, 3)
    let private variables = 6

    let private einsum structure =
        structure
        |> Circuit.overRegions [ Input.Normal 2; Product.Kronecker; Sum.PerPartition 2; Sum.Root() ]

    let private network layers structure =
        structure |> Circuit.overRegions (layers @ [ Sum.Root() ])

    let private over input =
        Regions.Rat(variables, depth = 1, replicas = 2)
        |> network [ input; Product.Hadamard; Sum.PerRegion 2 ]

    /// <summary>One small circuit of every structure, over 2 x 3 variables.</summary>
    let structures: (string * CircuitSpec) list = [
        "random binary trees",
        Regions.RandomBinaryTrees(variables, replicas = 2)
        |> network [ Input.Normal 2; Product.Hadamard; Sum.PerRegion 2 ]
        "class roots",
        Regions.RandomBinaryTrees(variables, replicas = 2)
        |> Circuit.overRegions [ Input.Normal 2; Product.Hadamard; Sum.PerRegion 2; Sum.Root(classes = 3) ]
        "HyperSPN",
        Regions.RandomBinaryTrees(variables, replicas = 2)
        |> network [ Input.Indicator 2; Sum.PerRegion 2; Product.Hadamard ]
        |> Circuit.withWeights (Weights.Hyper(embedding = 2, hidden = [ 4 ]))
        "RAT-SPN", Regions.Rat(variables, depth = 2, replicas = 2) |> einsum
        "Poon-Domingos", Regions.PoonDomingos(image, distances = [ 1.0 ]) |> einsum
        "quad tree",
        Regions.QuadTree image
        |> network [ Input.Normal 2; Product.Hadamard; Sum.PerRegion 2 ]
        "quad graph", Regions.QuadGraph image |> einsum
        "linear tree", Regions.Linear(variables, replicas = 2) |> einsum
        "hidden tree",
        Regions.HiddenTree [ -1; 0; 0; 1; 1; 2 ]
        |> network [ Input.Normal 2; Product.Hadamard; Sum.PerRegion 2 ]
        "spatial stack",
        Circuit.stack (Variables.Image(2, 2)) [
            Input.Normal 2
            Sum.Spatial 2
            Product.Spatial(padding = Padding.Valid)
            Sum.Root()
        ]
        "mixture of circuits", Circuit.mixtureOf [ over (Input.Normal 2); over (Input.Laplace 2) ]
    ]

    /// <summary>One small circuit of every family of densities.</summary>
    let families: (string * CircuitSpec) list = [
        for name, input in
            [
                "indicators", Input.Indicator 2
                "Bernoulli", Input.Bernoulli 2
                "categorical", Input.Categorical(2, states = 4)
                "binomial", Input.Binomial(2, trials = 7)
                "Poisson", Input.Poisson 2
                "geometric", Input.Geometric 2
                "negative binomial", Input.NegativeBinomial 2
                "discretised logistic", Input.DiscretisedLogistic(2, states = 12)
                "normal", Input.Normal 2
                "Laplace", Input.Laplace 2
                "Cauchy", Input.Cauchy 2
                "exponential", Input.Exponential 2
                "gamma", Input.Gamma 2
                "beta", Input.Beta 2
                "log-normal", Input.LogNormal 2
                "uniform", Input.Uniform [ 0.0, 1.0; 0.5, 2.0 ]
                "histogram", Input.Histogram(2, edges = [ -1.0; 0.0; 0.5; 2.0 ])
                "mixed types",
                Input.PerVariable [
                    Input.Normal 2
                    Input.Categorical(2, states = 3)
                    Input.Poisson 2
                    Input.Gamma 2
                    Input.Bernoulli 2
                    Input.Beta 2
                ]
            ] -> name, over input
    ]

    let private require holds text =
        if not holds then
            failwith text

    let private near (a: float) (b: float) text =
        require (abs (a - b) <= 1e-3 * (1.0 + abs b)) $"{text}: {a} beside {b}"

    let private within (a: float) (b: float) error text =
        require (abs (a - b) <= 6.0 * error + 1e-3) $"{text}: {a} beside {b}, standard error {error}"

    let private allNear a b text =
        Array.iter2 (fun a b -> near a b text) a b

    /// The law that a query is checked by.
    let private laws (circuit: Circuit) : (string * (unit -> unit)) list =
        let last = circuit.Variables - 1
        let samples = circuit |> Query.sampleWith 5L 6
        let likelihood evidence = circuit |> Query.logLikelihood evidence
        let first evidence = Array.head (likelihood evidence)

        let only kept =
            samples
            |> Evidence.hide [
                for v in 0..last do
                    if not (List.contains v kept) then
                        v
            ]

        let given = samples |> Evidence.hide [ 0; 2 ]
        let row (evidence: Evidence) = evidence.Rows(ReadOnlySpan [| 0 |])
        let unknown = Evidence.unknown 1 circuit.Variables
        let bound = float (samples.Row(0)[0])
        let below = unknown |> Evidence.where 0 (ValueSet.AtMost bound)
        let few = InformationOptions(Samples = 400)

        let observed (completed: Evidence) =
            for i in 0 .. completed.Count - 1 do
                for v in 0..last do
                    if not (given.IsHidden(i, v)) then
                        require (completed.Row(i)[v] = given.Row(i)[v]) "an observed value changed"

        [
            "log-likelihood", (fun () -> require (Array.forall Double.IsFinite (likelihood samples)) "not finite")
            "marginal",
            (fun () -> allNear (circuit |> Query.marginal [ 1 ] samples) (likelihood (only [ 1 ])) "marginal")
            "conditional",
            (fun () ->
                allNear
                    (circuit |> Query.conditional (only [ 0 ]) (only [ 1 ]))
                    (Array.map2 (-) (likelihood (only [ 0; 1 ])) (likelihood (only [ 1 ])))
                    "conditional")
            "posterior of every variable",
            (fun () ->
                let posterior = circuit |> Query.posterior given

                for i in 0 .. given.Count - 1 do
                    if posterior.IsDiscrete 0 then
                        near (posterior.Probabilities(i, 0).ToArray() |> Array.sum) 1.0 "probabilities"
                    elif posterior.HasMoments(i, 0) then
                        require (posterior.Variance(i, 0) > 0.0) "variance")
            "moments and covariance",
            (fun () ->
                let covariance, variance =
                    circuit |> Query.covariance (row given), circuit |> Query.variance (row given)

                near covariance[0, 0] variance[0, 0] "variance"
                near covariance[0, 2] covariance[2, 0] "symmetry")
            "evidence by intervals and sets",
            (fun () ->
                let counts =
                    Seq.forall (fun i -> Single.IsInteger(samples.Row(i)[0])) (seq { 0 .. samples.Count - 1 })

                let next = if counts then bound + 1.0 else bound
                let above = unknown |> Evidence.where 0 (ValueSet.AtLeast next)
                near (exp (first below) + exp (first above)) 1.0 "both sides of a value")
            "partition function",
            (fun () ->
                for z in circuit |> Query.logPartition do
                    near z 0.0 "log Z")
            "most probable explanation",
            (fun () ->
                let answer = circuit |> Query.mpe given
                observed answer.Completed

                // Classes are equally likely before anything is seen.
                let attained =
                    likelihood answer.Completed
                    |> Array.chunkBySize circuit.Classes
                    |> Array.map (Array.averageBy exp >> log)

                allNear answer.LogLikelihood attained "attained")
            "sample", (fun () -> require (samples.Count = 6 && not samples.HasHidden) "samples")
            "conditional sample", (fun () -> circuit |> Query.sampleGivenWith 3L 1 given |> observed)
            "conditioned circuit",
            (fun () ->
                use rest = circuit |> Circuit.condition (row given)
                let kept = Evidence.From([| samples.Row(0)[0]; samples.Row(0)[2] |], 2)
                let own = rest |> Query.logLikelihood kept
                near own[0] (first samples - first given) "rest")
            "expectation of a function",
            (fun () ->
                let share =
                    circuit
                    |> Query.expectation (fun x -> if float x[0] <= bound then 1.0 else 0.0) unknown

                within share.Value (exp (first below)) share.StandardError "share below a value")
            "class posterior",
            (fun () ->
                for classes in circuit |> Query.classPosterior samples do
                    near (Array.sum classes) 1.0 "classes")
            "entropy",
            (fun () ->
                let own, cross =
                    circuit |> Query.entropyWith few, circuit |> Query.crossEntropyWith few circuit

                within own.Nats cross.Nats (own.StandardError + cross.StandardError) "cross-entropy with itself")
            "cross-entropy and divergence",
            (fun () ->
                let own = circuit |> Query.divergenceWith few circuit
                within own.Nats 0.0 own.StandardError "divergence from itself")
            "mutual information",
            (fun () ->
                let own = circuit |> Query.mutualInformationWith few [ 0 ] [ 1 ]
                require (own.Nats >= -6.0 * own.StandardError - 1e-3) $"{own}")
        ]

    /// <summary>Asks a circuit every query and checks a law on each answer.</summary>
    /// <param name="spec">The circuit, which starts with random parameters.</param>
    let run (spec: CircuitSpec) : (string * QueryRun) list =
        use circuit = Circuit.compile spec

        let levels =
            circuit
            |> Query.support
            |> List.map (fun answer -> answer.Query, answer.Level)
            |> Map.ofList

        [
            for query, law in laws circuit ->
                query,
                try
                    law ()

                    if levels[query] = QueryLevel.Unavailable then
                        QueryRun.Unavailable
                    else
                        QueryRun.Holds
                with problem ->
                    if levels[query] = QueryLevel.Unavailable then
                        QueryRun.Unavailable
                    else
                        QueryRun.Fails problem.Message
        ]

    let private cell run =
        match run with
        | QueryRun.Holds -> "holds"
        | QueryRun.Unavailable -> "-"
        | QueryRun.Fails why -> $"FAILS: {why}"

    /// <summary>A table of runs, one row a circuit.</summary>
    /// <param name="title">What the circuits differ in.</param>
    /// <param name="specs">The circuits with their names.</param>
    let table (title: string) (specs: (string * CircuitSpec) list) : Table =
        let runs = [ for name, spec in specs -> name, run spec ]

        Table.create (title :: (runs |> List.head |> snd |> List.map fst)) [
            for name, own in runs -> name :: List.map (snd >> cell) own
        ]
