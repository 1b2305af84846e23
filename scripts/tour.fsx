/// A tour of everything that a circuit can be asked.
///
///     dotnet fsi scripts/tour.fsx             less than a minute
///     dotnet fsi scripts/tour.fsx --quick     the same with less training
///     dotnet fsi scripts/tour.fsx help        options: --out DIR, --data DIR
///
/// Read it from top to bottom; it prints what it finds and writes a page with charts, out/tour.html. You need to know what a
/// joint, a marginal and a conditional distribution are, and nothing of circuits: a circuit is a formula for a joint
/// distribution, made of weighted sums (mixtures) and products (independent parts), in which sums over values are cheap.
#load "_ensure-built.fsx"
#load "_refs.fsx"

open System
open Spn
open Spn.Core
open Spn.Core.Data
open Spn.Core.Inference
open Spn.Core.Training

let clock = Diagnostics.Stopwatch.StartNew()
let options = Script.options "dotnet fsi scripts/tour.fsx" "out" fsi.CommandLineArgs
let tour = Notebook("A tour of the queries", options.Out)

let steps full =
    if options.Quick then full / 10 else full

// ---------------------------------------------------------------------------------------------------------------------
// Part 1: a table
// ---------------------------------------------------------------------------------------------------------------------

tour.Say "Made by scripts/tour.fsx; the script explains each step."
tour.Section "1. Describe a model and train it"

// nltcs holds 16 yes/no answers of elderly people about what they can do in daily life. Without its files the built-in
// digits serve as well: 64 columns, the pixels, which are black (0) or white (1).
let data =
    if DataCatalogue.IsPresent(DataCatalogue.Find "nltcs", options.Data.Path) then
        DataCatalogue.Load("nltcs", options.Data.Path)
    else
        Digits.LoadBinary()

tour.Print data

// A description is a value: a structure, and the layers put on it, bottom up. Here ten random trees split the columns in
// halves again and again; every inner region mixes five products of its halves.
let description =
    Regions.RandomBinaryTrees(data.Variables, replicas = 10)
    |> Circuit.overRegions [
        Input.Indicator 2
        Sum.PerRegion 5
        Product.Hadamard
        Sum.Root(mixture = true)
    ]

let circuit = description |> Circuit.compile

// Training raises the log-likelihood of the training samples, and keeps the parameters that serve the validation samples best.
let most = if data.Variables = 16 then 1500 else 300 // the digits have more columns and fewer samples

let report =
    circuit
    |> Train.dataSet
        data
        (GradientOptions(Steps = steps most, LearningRate = 0.02, EvaluationPeriod = steps (most / 30)))

tour.Print circuit
tour.Print report

tour.Chart(
    Chart.Line(
        [
            "log-likelihood train", [ for point in report.Curve -> float point.Step, point.Train ]
            "log-likelihood valid",
            [
                for point in report.Curve -> float point.Step, point.Valid.GetValueOrDefault nan
            ]
        ],
        title = "Learning curve",
        x = "step",
        y = "average log-likelihood (nats)"
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "2. How probable is a sample?"

// The first question to a distribution. Log-likelihoods are in nats, one for each sample.
let logLikelihoods = circuit |> Query.logLikelihood data.Test

// To compare: a model whose columns know nothing of each other, each with the frequency of its ones in the training samples.
let frequency = [|
    for v in 0 .. data.Variables - 1 ->
        let ones =
            Seq.sum [ for s in 0 .. data.Train.Count - 1 -> float (data.Train.Row(s)[v]) ]

        (ones + 1.0) / float (data.Train.Count + 2)
|]

let logColumn v value =
    log (if value = 1.0f then frequency[v] else 1.0 - frequency[v])

let independent =
    List.average [
        for s in 0 .. data.Test.Count - 1 ->
            List.sum [ for v in 0 .. data.Variables - 1 -> logColumn v (data.Test.Row(s)[v]) ]
    ]

tour.Say
    $"Test samples: %.3f{Array.average logLikelihoods} nats on average; %.3f{independent} were the columns independent."

// A circuit is a distribution: over all values that a sample can have, its probabilities add to 1.
let total = circuit |> Query.logPartition |> Array.head |> exp
tour.Say $"Sum of the probabilities of all samples: %.4f{total}"

tour.Chart(
    Chart.Histogram(
        [ ("test samples", logLikelihoods) ],
        title = "Log-likelihood of single samples",
        x = "log p (nats)"
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "3. Moments: which columns go together?"

// The covariance matrix of all columns is exact: no samples are drawn. `Evidence.unknown` is a sample of which nothing is known.
let nothing = Evidence.unknown 1 data.Variables
let covariance = circuit |> Query.covariance nothing

let pairs = [
    for i in 0 .. data.Variables - 1 do
        for j in i + 1 .. data.Variables - 1 -> (i, j)
]

let a, b = pairs |> List.maxBy (fun (i, j) -> covariance[i, j])

tour.Say $"Columns {a} and {b} go together most: covariance %.4f{covariance[a, b]}."

tour.Chart(
    Chart.HeatMap(
        covariance,
        title = "Covariance of the columns",
        x = "column",
        y = "column",
        diverging = true,
        square = true
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "4. Marginals and conditionals"

// Whatever is hidden is summed out, in the same single pass as a full sample takes. Beside the model's probabilities stand the
// shares counted in the test samples, which it has not seen.
let isOne v = nothing |> Evidence.observe v 1.0

let probability evidence =
    circuit |> Query.logLikelihood evidence |> Array.head |> exp

let given evidence query =
    circuit |> Query.conditional query evidence |> Array.head |> exp

let counted query condition =
    let matching = [
        for s in 0 .. data.Test.Count - 1 do
            if condition (data.Test.Row(s).ToArray()) then
                if query (data.Test.Row(s).ToArray()) then 1.0 else 0.0
    ]

    List.average matching

let one v (sample: float32[]) = sample[v] = 1.0f
let row (name: string) (model: float) (share: float) = [ name; $"%.4f{model}"; $"%.4f{share}" ]

tour.Table(
    [ "probability"; "model"; "test samples" ],
    [
        row $"p(column {a} = 1)" (probability (isOne a)) (counted (one a) (fun _ -> true))
        row $"p(column {b} = 1)" (probability (isOne b)) (counted (one b) (fun _ -> true))
        row
            $"p(columns {a} and {b} = 1)"
            (probability (isOne a |> Evidence.andAlso (isOne b)))
            (counted (fun s -> one a s && one b s) (fun _ -> true))
        row $"p(column {a} = 1 | column {b} = 1)" (isOne a |> given (isOne b)) (counted (one a) (one b))
    ]
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "5. Posteriors of everything that is hidden"

// A whole table of answers from one pass up and one down: the exact distribution of every hidden column given the others.
// Here every other column of one test sample is hidden.
let half =
    data.Test |> Evidence.rows [ 1 ] |> Evidence.hideWhere (fun _ v -> v % 2 = 1)

let before = circuit |> Query.mean nothing
let after = circuit |> Query.mean half

let hiddenColumns = [
    for v in 0 .. data.Variables - 1 do
        if half.IsHidden(0, v) then
            v
]

tour.Print(circuit |> Query.posterior half)

tour.Chart(
    Chart.Bars(
        [ for v in hiddenColumns -> string v ],
        [
            "nothing known", [ for v in hiddenColumns -> before[0, v] ]
            "half of the sample known", [ for v in hiddenColumns -> after[0, v] ]
            "true value", [ for v in hiddenColumns -> float (data.Test.Row(1)[v]) ]
        ],
        title = "Probability of a one in the hidden columns",
        x = "column",
        y = "p(column = 1)"
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "6. Filling in what is missing"

// The same at scale: 30 % of all cells of the test samples are hidden at random and filled in again.
let truth =
    if options.Quick then
        data.Test |> Evidence.rows [ 0..299 ]
    else
        data.Test

let holes = truth |> Evidence.hideAtRandom 0.3

// Three ways: by the posterior of each cell (fewest errors), by the most probable values of all hidden cells of a sample
// together, and by a random draw, which has more errors and keeps the spread of the data.
let byPosterior = circuit |> Query.complete Completion.Mean holes
let byMpe = circuit |> Query.complete Completion.Mpe holes
let bySample = circuit |> Query.complete Completion.Sample holes

// The simplest way of all takes the commoner value of the column.
let byMode =
    truth
    |> Evidence.hideWhere (fun _ _ -> true)
    |> fun blank -> blank.Observe(fun _ v -> Nullable(if frequency[v] > 0.5 then 1.0f else 0.0f))

let share completed =
    $"%.2f{100.0 * Evidence.shareRight truth holes completed}"

// The log score of a hidden cell is the log-probability that its true value was given: 0 is best, -0.693 is a coin.
let posterior = circuit |> Query.posterior holes

let hiddenCells = [
    for s in 0 .. truth.Count - 1 do
        for v in 0 .. truth.Variables - 1 do
            if holes.IsHidden(s, v) then
                s, v, truth.Row(s)[v]
]

let scoreOfPosterior =
    hiddenCells
    |> List.averageBy (fun (s, v, value) -> log (posterior.Probabilities(s, v)[int value]))

let scoreOfColumns =
    hiddenCells |> List.averageBy (fun (_, v, value) -> logColumn v value)

// All hidden cells of a sample together: log p(hidden | observed), as a share of each cell.
let scoreTogether =
    Array.sum (circuit |> Query.conditional truth holes) / float hiddenCells.Length

tour.Say $"{hiddenCells.Length} hidden cells of {truth.Count} samples:"

tour.Table(
    [ "filled in by"; "right (%)"; "log score of a cell (nats)" ],
    [
        [ "commoner value of the column"; share byMode; $"%.3f{scoreOfColumns}" ]
        [ "posterior of each cell"; share byPosterior; $"%.3f{scoreOfPosterior}" ]
        [ "most probable explanation"; share byMpe; "-" ]
        [ "random draw"; share bySample; "-" ]
        [ "joint distribution of the hidden cells"; "-"; $"%.3f{scoreTogether}" ]
    ]
)

// Can the posterior be taken at its word? Of the cells to which it gives a one with 30 %, 30 % should be ones.
let promises =
    hiddenCells
    |> List.map (fun (s, v, value) -> posterior.Mean(s, v), float value)
    |> List.groupBy (fun (p, _) -> round (p * 20.0))
    |> List.sortBy fst
    |> List.map (fun (_, cells) -> List.averageBy fst cells, List.averageBy snd cells)

tour.Chart(
    Chart.Scatter(
        [ ("hidden cells, in bins of 5 %", promises) ],
        title = "Posterior probability of a one, and how often it is one",
        x = "posterior probability",
        y = "share of ones",
        diagonal = true
    )
)

// The most probable explanation is a hard question for most circuits, and an answer says whether it is exact.
tour.Print(circuit |> Query.mpe (holes |> Evidence.rows [ 0..4 ]))

// Where it is not exact, a little local search may find more probable values.
let some = holes |> Evidence.rows [ 0 .. steps 200 - 1 ]
let plain = circuit |> Query.mpe some
let improved = circuit |> Query.mpeWith (MpeOptions(Improve = 3)) some

tour.Say
    $"Explanations of {some.Count} samples attain %.3f{Array.average plain.LogLikelihood} nats on average, improved ones \
      %.3f{Array.average improved.LogLikelihood}; none can be worse."

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "7. Entropy and mutual information"

// Exact where the circuit's structure or the number of joint values allows it, else estimated with a standard error.
tour.Say "Entropy of the model:"
tour.Print(circuit |> Query.entropy)
let untrained = description |> Circuit.compile
tour.Say "Divergence of an untrained circuit of the same description from it:"
tour.Print(circuit |> Query.divergence untrained)
tour.Say $"Mutual information of columns {a} and {b}:"
tour.Print(circuit |> Query.mutualInformation [ a ] [ b ])

let columns = [ 0 .. min data.Variables 16 - 1 ]

let information =
    Array2D.init columns.Length columns.Length (fun i j ->
        if i = j then
            nan
        else
            (circuit |> Query.mutualInformation [ i ] [ j ]).Nats)

tour.Chart(
    Chart.HeatMap(
        information,
        title = "Mutual information of pairs of columns",
        x = "column",
        y = "column",
        unit = "nats",
        square = true
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "8. A circuit that has taken in what is known"

// Conditioning makes a smaller circuit over the other columns. Its plain answers are the conditional ones of the whole.
let rest = circuit |> Circuit.condition (isOne b)
let whole = isOne a |> given (isOne b)
let a' = if a > b then a - 1 else a // the columns after the one that is gone move up

let small =
    rest
    |> Query.logLikelihood (Evidence.unknown 1 rest.Variables |> Evidence.observe a' 1.0)
    |> Array.head
    |> exp

tour.Say
    $"Given column {b} = 1, {rest.Variables} of {circuit.Variables} columns are left, and p(column {a} = 1) is %.4f{small}; \
      asked of the whole circuit it is %.4f{whole}."

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "9. What can be asked of this circuit?"

// Every query, with how well this very circuit answers it, and why; docs/queries.md compares kinds of circuits.
tour.Print(circuit |> Query.support)

// ---------------------------------------------------------------------------------------------------------------------
// Part 2: images, with classes
// ---------------------------------------------------------------------------------------------------------------------

tour.Section "10. Images: one root for each digit"

// Ten class roots share everything below: root c is the distribution of the images of digit c.
let digits = Digits.LoadBinary()

let images =
    Regions.RandomBinaryTrees(digits.Variables, replicas = 60)
    |> Circuit.overRegions [ Input.Bernoulli 6; Product.Hadamard; Sum.PerRegion 6; Sum.Root(classes = 10) ]
    |> Circuit.compile

let imageReport =
    images
    |> Train.dataSet digits (GradientOptions(Steps = steps 300, LearningRate = 0.05, EvaluationPeriod = steps 20))

tour.Print imageReport

// Bayes' rule over the class roots makes a classifier, though the circuit was trained to describe the images and not to tell
// them apart. A classifier made of a distribution needs no special treatment of images of which a part is hidden.
let labels = digits.TestLabels |> Option.ofObj |> Option.get

let accuracy evidence =
    Array.zip (images |> Query.mostProbableClass evidence) labels
    |> Array.averageBy (fun (guess, label) -> if guess = label then 100.0 else 0.0)

let occluded part =
    digits.Test |> Evidence.occlude 8 8 part

let accuracies = [
    "whole image", accuracy digits.Test
    "upper half hidden", accuracy (occluded Occlusion.Top)
    "lower half hidden", accuracy (occluded Occlusion.Bottom)
    "left half hidden", accuracy (occluded Occlusion.Left)
    "right half hidden", accuracy (occluded Occlusion.Right)
    "half of the pixels hidden", accuracy (digits.Test |> Evidence.hideAtRandom 0.5)
]

tour.Say $"Digits recognised among {labels.Length} test images:"
tour.Table([ "evidence"; "right (%)" ], [ for name, percent in accuracies -> [ name; $"%.1f{percent}" ] ])

tour.Chart(
    Chart.Bars(
        List.map fst accuracies,
        [ ("recognised (%)", List.map snd accuracies) ],
        title = "Digits recognised with parts of the image hidden",
        horizontal = true,
        x = "right (%)"
    )
)

// The class posterior itself, of the first test images: rows are images, columns the ten digits.
let classes =
    images
    |> Query.classPosterior (occluded Occlusion.Bottom |> Evidence.rows [ 0..11 ])

let first = [ for i in 0..11 -> string labels[i] ] |> String.concat " "

tour.Chart(
    Chart.HeatMap(
        array2D classes,
        title = $"p(digit | upper half); the true digits, from the top: {first}",
        x = "digit",
        y = "image",
        unit = "probability"
    )
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "11. Completing images"

// Half of each image is hidden (light blue) and filled in: by the most probable explanation, by the mean of each pixel (grey
// is doubt), by the more probable value of each pixel, and by two random draws.
let shown = digits.Test |> Evidence.rows [ 0..11 ]
let upper = shown |> Evidence.occlude 8 8 Occlusion.Bottom
let draws = images |> Query.sampleGivenWith 1L 2 upper // [image, draw]

tour.Picture(
    "completions",
    Chart.SampleRows(
        [
            shown
            upper
            images |> Query.complete Completion.Mpe upper
            images |> Query.mean upper |> Evidence.ofArray2D
            images |> Query.complete Completion.Mean upper
            draws |> Evidence.rows [ 0..2..23 ]
            draws |> Evidence.rows [ 1..2..23 ]
        ],
        height = 8,
        width = 8,
        title =
            "From the top: image, what is known, most probable explanation, mean, more probable value of each pixel, two random draws",
        side = 6
    )
)

let lower = digits.Test |> Evidence.occlude 8 8 Occlusion.Bottom

let pixels by =
    $"%.1f{100.0
           * Evidence.shareRight digits.Test lower (images |> Query.complete by lower)}"

tour.Say "Pixels of hidden lower halves filled in right, over all test images:"

tour.Table(
    [ "filled in by"; "right (%)" ],
    [
        [ "more probable value of each pixel"; pixels Completion.Mean ]
        [ "most probable explanation"; pixels Completion.Mpe ]
        [ "random draw"; pixels Completion.Sample ]
    ]
)

// ---------------------------------------------------------------------------------------------------------------------
tour.Section "12. Drawing images"

// Samples of the whole distribution; each class is drawn as often as every other.
tour.Picture(
    "samples",
    Chart.SampleGrid(images |> Query.sample 48, height = 8, width = 8, title = "48 samples", columns = 12, side = 6)
)

// ---------------------------------------------------------------------------------------------------------------------
// Part 3: columns of different kinds
// ---------------------------------------------------------------------------------------------------------------------

tour.Section "13. Numbers and words in one table: intervals and sets"

// A small table made of the digits: how much ink is in the upper and in the lower half of an image, and which digit it is.
// A schema says what the columns mean; evidence then speaks of them by name.
let grey = Digits.LoadGrey()

let schema =
    Schema [
        RealColumn("Upper", location = 150.0, scale = 30.0) :> Column // mean and deviation, roughly
        RealColumn("Lower", location = 150.0, scale = 30.0)
        DiscreteColumn("Digit", [ for digit in 0..9 -> string digit ])
    ]

let ink (images: Evidence) (labels: int[] | null) =
    labels
    |> Option.ofObj
    |> Option.get
    |> Array.mapi (fun s label -> {|
        Upper = Array.sum (images.Row(s).Slice(0, 32).ToArray())
        Lower = Array.sum (images.Row(s).Slice(32).ToArray())
        Digit = string label
    |})
    |> Evidence.ofRecords schema

let inkTrain, inkValid, inkTest =
    ink grey.Train grey.TrainLabels, ink grey.Valid grey.ValidLabels, ink grey.Test grey.TestLabels

let table =
    Regions.RandomBinaryTrees(schema.Variables, replicas = 3)
    |> Circuit.overRegions [
        Input.ForSchema(components = 4, schema = schema)
        Sum.PerRegion 8
        Product.Hadamard
        Sum.Root()
    ]
    |> Circuit.compile
    |> Circuit.initialise inkTrain
    |> Circuit.withSchema schema

table
|> Train.gradient
    inkTrain
    inkValid
    (GradientOptions(Steps = steps 300, LearningRate = 0.02, EvaluationPeriod = steps 20))
|> tour.Print

// Evidence may say that a number lies in an interval, or a word in a set.
let asked (query: string) (condition: string) =
    let p =
        table
        |> Query.conditional (Evidence.given schema query) (Evidence.given schema condition)
        |> Array.head
        |> exp

    [ $"p({query} | {condition})"; $"%.3f{p}" ]

tour.Table(
    [ "question"; "answer" ],
    [
        asked "Digit in {1, 7}" "Lower <= 130"
        asked "Digit in {1, 7}" "Lower <= 130, Upper >= 160"
        asked "Upper >= 160" "Digit = 7"
        asked "Upper >= 160" "Digit = 6"
        asked "Upper >= 160" "Digit = 6, Lower >= 180"
    ]
)

// All there is to say of a hidden number is its density, a mixture of the circuit's normal densities.
let inkOf digit =
    let density = table |> Query.mixture 0 (Evidence.given schema $"Digit = {digit}")
    $"digit {digit}", [ for ink in 60.0..2.0..260.0 -> ink, exp (density[0].LogDensity(float32 ink)) ]

tour.Chart(
    Chart.Line(
        [ inkOf 1; inkOf 6; inkOf 7 ],
        title = "Ink in the upper half given the digit",
        x = "ink (sum of grey values)",
        y = "density"
    )
)

// What is no probability of a value can still be estimated: here the expected ink of a whole image of a seven.
tour.Say "Expected ink of a 7:"

tour.Print(
    table
    |> Query.expectation (fun x -> float (x[0] + x[1])) (Evidence.given schema "Digit = 7")
)

// ---------------------------------------------------------------------------------------------------------------------

tour.Save "tour" |> ignore
printfn $"Done in %.0f{clock.Elapsed.TotalSeconds} s."
