namespace Spn

open System

/// <summary>Pages with the results of the experiment on overparametrized sums.</summary>
[<RequireQualifiedAccess>]
module OverparamReport =

    let private depths = [ 1; 2; 3 ]

    /// Means over the seeds, at every iteration that has a value.
    let private average pick (results: OverparamResult list) = [|
        for iteration, points in
            results
            |> List.collect _.Curve
            |> List.groupBy (fun (p: OverparamPoint) -> p.Iteration) do
            let values = points |> List.map pick

            if List.forall Double.IsFinite values then
                float iteration, List.average values
    |]

    let private lines (results: OverparamResult list) pick suffix = [
        for depth in depths do
            match OverparamTables.ofDepth depth results with
            | [] -> ()
            | own -> $"L = {depth}{suffix}", average pick own
    ]

    /// <summary>The figure of the paper: training log-likelihood against iteration, means over the seeds, beside the published curves.</summary>
    /// <param name="results">The results of one data set and mode.</param>
    let figure (results: OverparamResult list) : Chart =
        let job = results.Head.Job

        let published =
            if OverparamProtocol.isPublished job then
                [
                    for depth in depths do
                        $"L = {depth} published",
                        [|
                            for iteration, values in OverparamProtocol.published -> float iteration, values[depth - 1]
                        |]
                ]
            else
                []

        Chart.Line(
            lines results _.Train "" @ published,
            title = $"{job.DataSet}, {job.Mode.Title}",
            x = "iteration",
            y = "average training log-likelihood (nats)"
        )

    let private charts (results: OverparamResult list) =
        let job = results.Head.Job

        [
            figure results
            if job.Mode = OverparamMode.Paper then
                for name, (pick: OverparamPoint -> float) in
                    [
                        "rho / eta, the adaptive step size", _.Rho
                        "lambda, the growth by itself, where it is positive", _.Lambda
                    ] do
                    Chart.Line(
                        lines results pick "",
                        title = $"{job.DataSet}: {name} of the heaviest component",
                        x = "iteration",
                        y = name,
                        logY = true
                    )
            else
                Chart.Line(
                    lines results _.Train " train" @ lines results _.Test " test",
                    title = $"{job.DataSet}, {job.Mode.Title}: training and test samples",
                    x = "iteration",
                    y = "average log-likelihood (nats)"
                )
        ]

    let private protocol =
        "A mixture of 8 components, each a product over the variables of a sum over the variable's two indicators, is trained by plain gradient ascent on all samples: "
        + "step size 0.01, weights kept at or above 0.0001, mixture weights started there. The one sum over the components (L = 1) is replaced by a root over 2 sums of 4 components (L = 2) "
        + "or by three layers of sums of 2 (L = 3). Weights need not add to 1: what is raised is the average of log f(x) - log Z. Iteration 1 is the start."

    let private about mode =
        match mode with
        | OverparamMode.Paper ->
            "All components start alike, as in the released code, so that in exact arithmetic none would ever differ from another; jitter of 1e-14 on the indicator weights stands in for the rounding errors that broke the symmetry there. "
            + "Trained in double precision."
        | OverparamMode.Robust ->
            "Indicator weights start uniformly between 0.0001 and 1, so that components differ from the start. Trained by the library's own gradient ascent in single precision."
        | OverparamMode.Log ->
            "Parameters are the logarithms of weights, started at log |N(0, 0.1)|, those of the added layers at N(0, 0.1); step size 0.1. As the authors' later code, but with log Z in the objective."
        | OverparamMode.LogZ ->
            "The same with Z in place of log Z, as the later code has it; shown is the log-likelihood, log f - log Z, which is one nat above log f - Z where Z is 1."
        | OverparamMode.Softmax ->
            "Weights are softmax of logits, those of the layers added up, so that they add to 1 and Z is 1; starts as in the mode of random indicator weights, but equal mixture weights; step size 0.1."
        | OverparamMode.Adam ->
            "The starts of the mode of random indicator weights, trained by Adam with step size 0.01."

    let private halvingText =
        "How far the predicted first step misses the actual one, for weights started between 0.5 and 1.5: what the prediction leaves out is of second order, so that halving the step size quarters the error."

    let private stepsText =
        "What a step does to the heaviest component (means over the seeds): rho is its adaptive step size, eta (u_1 ... u_(L-1))^2 with the factors u of the layers above; lambda the growth by itself, which carries past gradients on; the error is the share of its weight by which the step predicted from them misses the actual one."

    let private groups (results: OverparamResult list) =
        results |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Mode) |> List.map snd

    /// <summary>The results as an HTML page with charts.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="halving">Errors of predicted steps.</param>
    /// <param name="results">The results.</param>
    let html (command: string) (halving: Table) (results: OverparamResult list) : string =
        Report.html "Overparametrized sums" [
            Report.Text protocol
            Report.Code command
            yield! OverparamTables.verdict results |> Option.map Report.Text |> Option.toList

            for own in groups results do
                let job = own.Head.Job
                Report.Heading $"{job.DataSet}: {job.Mode.Title}"
                Report.Text(about job.Mode)
                Report.Columns [ for chart in charts own -> Report.Chart chart ]
                Report.Table(OverparamTables.iterations own)
                yield! OverparamTables.comparison own |> Option.map Report.Text |> Option.toList

                if job.Mode = OverparamMode.Paper then
                    Report.Text stepsText
                    Report.Table(OverparamTables.steps own)

            Report.Heading "Last values"
            Report.Table(OverparamTables.ends results)
            Report.Heading "Predicted and actual steps"
            Report.Text halvingText
            Report.Table halving
        ]

    /// <summary>The results as a page of the documentation, with a figure beside it for every data set and kind of training.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="halving">Errors of predicted steps.</param>
    /// <param name="results">The results.</param>
    /// <returns>The page, and names and contents of the figures it shows.</returns>
    let markdown (command: string) (halving: Table) (results: OverparamResult list) : string * (string * string) list =
        let figures = [
            for own in groups results do
                let job = own.Head.Job
                $"overparam-{job.DataSet}-{job.Mode.Name}.svg", own
        ]

        let page =
            String.concat "\n\n" [
                "# Overparametrized sums"
                "Trapp, Peharz and Pernkopf 2019 claim that depth accelerates the learning of weights: one sum replaced by several on one another says the same, but gradient ascent gets further with it in fewer steps."
                protocol
                $"Made by\n\n```\n{command}\n```"
                "The same command with `--resume --markdown FILE` writes this page again from the finished rows of the CSV file."
                yield! OverparamTables.verdict results |> Option.toList

                for name, own in figures do
                    let job = own.Head.Job
                    $"## {job.DataSet}: {job.Mode.Title}"
                    about job.Mode
                    $"![training log-likelihood against iteration]({name})"
                    Table.toMarkdown (OverparamTables.iterations own)
                    yield! OverparamTables.comparison own |> Option.toList

                    if job.Mode = OverparamMode.Paper then
                        stepsText
                        Table.toMarkdown (OverparamTables.steps own)

                "## Last values"
                Table.toMarkdown (OverparamTables.ends results)
                "## Predicted and actual steps"
                halvingText
                Table.toMarkdown halving
            ]
            + "\n"

        page, [ for name, own in figures -> name, SvgChart.lines (figure own) ]
