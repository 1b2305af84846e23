namespace Spn

open Spn.Core
open Spn.Core.Inference

/// <summary>A query as the documentation explains it.</summary>
type QueryEntry = {
    /// <summary>Its name, as <c>Query.support</c> has it.</summary>
    Query: string
    /// <summary>What it answers.</summary>
    Meaning: string
    /// <summary>The call in F#.</summary>
    FSharp: string
    /// <summary>The call in C#.</summary>
    CSharp: string
}

/// <summary>The page of the documentation that says which circuits answer which queries exactly.</summary>
[<RequireQualifiedAccess>]
module QueryTable =

    /// <summary>The command that writes the page.</summary>
    [<Literal>]
    let Command = "dotnet fsi scripts/query-table.fsx"

    let private trees (variables: int) (layers: LayerSpec list) =
        Regions.RandomBinaryTrees(variables, replicas = 3) |> Circuit.overRegions layers

    let private hyperSpn variables =
        trees variables [
            Input.Indicator 2
            Sum.PerRegion 3
            Product.Hadamard
            Sum.Root(mixture = true)
        ]
        |> Circuit.withWeights (Weights.Hyper(embedding = 3, hidden = [ 8 ]))

    /// p(x0) p(x1 | x0) p(x2 | x1) ...: channel k of the region over x_i, x_i+1, ... says how likely they are after k.
    let private markovChain variables =
        Regions.HandBuilt(
            variables,
            [
                for variable in 0 .. variables - 1 do
                    Regions.Leaf [ variable ]
                Regions.Join [ [ variables - 1 ] ]
                for step in 1 .. variables - 1 do
                    Regions.Join [ [ variables - 1 - step; variables + step - 1 ] ]
            ]
        )
        |> Circuit.overRegions [ Input.Indicator 2; Product.Hadamard; Sum.PerRegion 2; Sum.Root() ]

    let private mixedColumns =
        let inputs = [
            for variable in 0..11 ->
                match variable % 3 with
                | 0 -> Input.Normal 2
                | 1 -> Input.Indicator 4
                | _ -> Input.Bernoulli 2
        ]

        trees 12 [ Input.PerVariable inputs; Sum.PerRegion 3; Product.Hadamard; Sum.Root() ]

    let private conditioned () =
        use whole = hyperSpn 32 |> Circuit.compile

        whole
        |> Circuit.condition (Evidence.ofRows [ [ 1.0; 0.0; 1.0; 0.0 ] @ List.replicate 28 nan ])

    /// <summary>The circuits that stand for kinds of structure: a short name, a description, and the circuit itself.</summary>
    let circuits: (string * string * (unit -> Circuit)) list = [
        "HyperSPN",
        "three random binary trees over 32 binary variables, mixture weights made by a hyper-network",
        (fun () -> hyperSpn 32 |> Circuit.compile)
        "class roots",
        "three random binary trees over 32 binary variables with three class roots",
        (fun () ->
            trees 32 [ Input.Indicator 2; Sum.PerRegion 3; Product.Hadamard; Sum.Root(classes = 3) ]
            |> Circuit.compile)
        "deterministic",
        "a Markov chain over 24 binary variables, built by hand: every sum tells its terms apart by the value of one variable",
        (fun () -> markovChain 24 |> Circuit.compile)
        "mixed columns",
        "three random binary trees over 12 columns, of which four are real, four have four values and four are binary",
        (fun () -> mixedColumns |> Circuit.compile)
        "normal",
        "three random binary trees over 12 real variables",
        (fun () -> trees 12 [ Input.Normal 2; Product.Hadamard; Sum.Root() ] |> Circuit.compile)
        "Cauchy",
        "the same with Cauchy densities, which have no moments",
        (fun () -> trees 12 [ Input.Cauchy 2; Product.Hadamard; Sum.Root() ] |> Circuit.compile)
        "conditioned", "the first circuit, given the values of four variables: 28 are left", conditioned
        "small",
        "the first circuit over 10 variables, whose 1,024 joint values can be added up",
        (fun () -> hyperSpn 10 |> Circuit.compile)
    ]

    /// <summary>Every query, in the order of <c>Query.support</c>.</summary>
    let entries: QueryEntry list = [
        let entry query meaning fsharp csharp = {
            Query = query
            Meaning = meaning
            FSharp = fsharp
            CSharp = csharp
        }

        entry
            "log-likelihood"
            "log p(x) of every sample, in nats. Hidden entries are summed out, so samples may have gaps. With class roots there is one number for each sample and class."
            "circuit |> Query.logLikelihood samples"
            "circuit.LogLikelihood(samples)"

        entry
            "marginal"
            "log p of some variables of every sample; the others are hidden, whatever the samples say of them."
            "circuit |> Query.marginal [ 0; 2 ] samples"
            "circuit.Marginal(samples, 0, 2)"

        entry
            "conditional"
            "log p(query | given) of every sample. One given sample serves for all."
            "circuit |> Query.conditional query given"
            "circuit.Conditional(query, given)"

        entry
            "posterior of every variable"
            "The distribution of each hidden variable given the observed ones: probabilities of the values of a discrete variable, mean and variance of a real one. `Query.mixture` (`Circuit.Mixture`) has the whole density of a real variable."
            "circuit |> Query.posterior given"
            "circuit.Posterior(given)"

        entry
            "moments and covariance"
            "Means, variances and the covariance matrix given one sample of evidence; discrete variables count by their codes. `Query.mean` and `Query.variance` answer for many samples. Cauchy inputs have moments only of variables that the evidence bounds on both sides."
            "circuit |> Query.covariance given"
            "circuit.Covariance(given)"

        entry
            "evidence by intervals and sets"
            "What is known of a variable may be a set of values or an interval instead of a value. Every query except the conditioned circuit takes such evidence."
            "circuit |> Query.logLikelihood (given |> Evidence.where 1 (ValueSet.AtLeast 0.5))"
            "circuit.LogLikelihood(given.Where(1, ValueSet.AtLeast(0.5)))"

        entry
            "partition function"
            "The logarithm of the sum of p over all values: 0 up to rounding, for every class root."
            "circuit |> Query.logPartition"
            "circuit.LogPartition()"

        entry
            "most probable explanation"
            "The values of all hidden variables that are most probable together (MPE), with the log-likelihood that they attain. Finding them is NP-hard unless every sum is deterministic; the answer says which it is. `MpeOptions(Improve = 3)` improves an approximate one."
            "circuit |> Query.mpe given"
            "circuit.Mpe(given)"

        entry
            "sample"
            "Independent samples of all variables. The same seed gives the same samples on any number of threads."
            "circuit |> Query.sample 5"
            "circuit.Sample(5)"

        entry
            "conditional sample"
            "The hidden entries drawn from their joint distribution given the observed ones."
            "circuit |> Query.sampleGiven given"
            "circuit.Sample(given)"

        entry
            "conditioned circuit"
            "A circuit over the hidden variables alone, whose answers are those given the evidence. It can be trained, saved and conditioned again."
            "circuit |> Circuit.condition given"
            "circuit.Condition(given)"

        entry
            "expectation of a function"
            "The expected value of a function of all variables, estimated from samples, with its standard error."
            "circuit |> Query.expectation (fun x -> float x[0]) given"
            "circuit.Expectation(x => x[0], given)"

        entry
            "class posterior"
            "p(class | evidence) by Bayes' rule, for circuits with one root a class. `Query.mostProbableClass` (`Circuit.MostProbableClass`) picks the class."
            "circuit |> Query.classPosterior samples"
            "circuit.ClassPosterior(samples)"

        entry
            "entropy"
            "-E log p, in nats. The answer says whether it is exact; an estimate has a standard error."
            "circuit |> Query.entropy"
            "circuit.Entropy()"

        entry
            "cross-entropy and divergence"
            "How far another circuit over the same variables is from this one, in nats."
            "circuit |> Query.divergence other"
            "circuit.Divergence(other)"

        entry
            "mutual information"
            "How much one set of variables tells of another, all others summed out, in nats."
            "circuit |> Query.mutualInformation [ 0 ] [ 1; 2 ]"
            "circuit.MutualInformation([0], [1, 2])"
    ]

    /// <summary>The text of the page.</summary>
    /// <remarks>The circuits are compiled with their starting parameters and asked; the page is the same on every machine.</remarks>
    let page () : string =
        let answers = [
            for name, _, make in circuits do
                use circuit = make ()

                name,
                circuit
                |> Query.support
                |> List.map (fun answer -> answer.Query, answer)
                |> Map.ofList
        ]

        let asked = [
            for entry in entries -> [ for _, own in answers -> Map.find entry.Query own ]
        ]

        let reasons = asked |> List.concat |> List.map _.Reason |> List.distinct

        let cell (answer: QuerySupport) =
            let note = 1 + List.findIndex ((=) answer.Reason) reasons
            $"{QueryText.level answer.Level} ({note})"

        String.concat "\n\n" [
            "# What a circuit can be asked"
            "Every circuit here is smooth and decomposable, which makes most queries exact in one or two passes. Some need more: "
            + "the most probable explanation is exact where every sum is deterministic, that is, has at most one term above 0 for any sample; entropies are exact there too, and where the joint values are few enough to be added up. "
            + "Nothing is approximated in silence: `Query.support circuit` (`circuit.Support()`) lists what holds for a circuit with its present parameters, and answers that can be inexact say so themselves."
            $"Made by\n\n```\n{Command}\n```"
            "## Queries by structure"
            [ for name, text, _ in circuits -> $"- **{name}**: {text}" ]
            |> String.concat "\n"
            Table.create ("query" :: List.map fst answers) [
                for entry, row in List.zip entries asked -> entry.Query :: List.map cell row
            ]
            |> Table.toMarkdown
            "Why:"
            reasons
            |> List.mapi (fun i reason -> $"{i + 1}. {reason}")
            |> String.concat "\n"
            "## Run on every structure and family"
            "Small circuits with random parameters were asked every query, and each answer was checked by a law: a marginal is the log-likelihood with the other variables hidden, "
            + "a conditional and a conditioned circuit are differences of log-likelihoods, both sides of a value add up to one, an explanation attains what it says and leaves what was observed, shares among samples are near the probabilities, a circuit does not diverge from itself. "
            + "A dash is a query that does not apply."
            QueryRuns.table "structure" QueryRuns.structures |> Table.toMarkdown
            QueryRuns.table "densities, on random regions" QueryRuns.families
            |> Table.toMarkdown
            "## Every query"
            "In the examples, `samples`, `query` and `given` are batches of evidence and `other` is a circuit over the same variables. F# comes first, then C#."
            for entry in entries do
                $"### {entry.Query.Substring(0, 1).ToUpperInvariant()}{entry.Query.Substring 1}"
                entry.Meaning
                $"```fsharp\n{entry.FSharp}\n```"
                $"```csharp\n{entry.CSharp}\n```"
            "### Filling in"
            "`Query.complete` (`Circuit.Complete`) gives the batch back with its hidden entries filled in: `Completion.Mean` by the posterior of each, which makes the fewest errors an entry; "
            + "`Completion.Component` by the likeliest value of the input density that most probably made it, which costs a pass for each variable; "
            + "`Completion.Mpe` by the most probable explanation; `Completion.Sample` by a conditional sample, which keeps the spread of the data."
            "```fsharp\ncircuit |> Query.complete Completion.Mean given\n```"
            "```csharp\ncircuit.Complete(given, Completion.Mean)\n```"
            "`Query.inpaint` (`Circuit.Inpaint`) does the same for images in their own unit: each is standardised by its visible pixels, completed by the expected value of every hidden pixel, and brought back; "
            + "`InpaintOptions` sets the standard score and the kind of completion."
            "```fsharp\ncircuit |> Query.inpaint given\ncircuit |> Query.inpaintWith (InpaintOptions(Score = StandardScore.Global train)) given\n```"
            "```csharp\ncircuit.Inpaint(given)\ncircuit.Inpaint(given, new InpaintOptions { Score = StandardScore.Global(train) })\n```"
        ]
        + "\n"
