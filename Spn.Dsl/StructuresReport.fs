namespace Spn

/// <summary>Pages with the experiment's results.</summary>
[<RequireQualifiedAccess>]
module StructuresReport =

    let private protocol =
        let sizes = StructuresProtocol.StepSizes |> List.map string |> String.concat ", "
        let byBatch, byAll = StructuresProtocol.Smoothing

        [
            $"RAT-SPN: random halvings to depth D = 3 in {StructuresProtocol.Replicas} replicas, {StructuresProtocol.Sums} sums a region and {StructuresProtocol.Sums} Bernoulli components a leaf, all pairs of channels at products."
            $"HCLT: the Chow-Liu tree of the training samples with a hidden variable for each variable, of K = 16 and 32 states (8 and 16 beyond {StructuresProtocol.Wide} variables), and Bernoulli inputs."
            $"Both are trained by expectation maximisation of weights and inputs. Weights start as draws from a Dirichlet distribution of concentration {StructuresProtocol.Concentration}, logits of inputs as draws from U(-1, 1)."
            $"Mini-batches of a fortieth of the samples, but 100 to 500, at step sizes {sizes}, one after another, each until the validation log-likelihood has not risen for {StructuresProtocol.Patience} passes, "
            + $"and for at most 15 passes (fewer on large sets: about 2000 steps, at least 4 passes); then at most {StructuresProtocol.FullPasses} passes of full-batch EM."
            $"Laplace smoothing by a pseudo-count of {byBatch} a sum and batch, {byAll} with full batches. After each stage training goes on from the parameters with the best validation log-likelihood so far, and the last of these are kept."
            "Where a training has a time budget, each stage may use its share of it and what those before left over; rows that it shortened say so."
            "What differs from the published RAT-SPNs: other sizes, and starts and step sizes of our own."
        ]

    let private charts (results: StructuresResult list) = [
        let compared =
            StructuresTables.dataSets results
            |> List.choose (fun entry ->
                StructuresProtocol.published StructuresSource.HyperSpn entry.Name
                |> Option.map (fun published -> entry, published))

        let models =
            StructuresModel.All
            |> List.filter (fun model -> results |> List.exists (fun r -> r.Job.Model = model))

        if not compared.IsEmpty then
            Report.Heading "Beside HyperSPN"

            Report.Chart(
                Chart.Bars(
                    [ for entry, _ in compared -> entry.DisplayName ],
                    [
                        for model in models ->
                            model.Title,
                            [
                                for entry, published in compared ->
                                    StructuresTables.mean entry model results
                                    |> Option.map (fun ours -> System.Math.Round(ours - published, 2) + 0.0)
                                    |> Option.defaultValue nan
                            ]
                    ],
                    title = "Difference to the published HyperSPN; to the right is better",
                    x = "ours less the published (nats)",
                    horizontal = true
                )
            )

        Report.Heading "Learning curves"

        Report.Columns [
            for entry in StructuresTables.dataSets results do
                let drawn = [
                    for model in models do
                        yield!
                            StructuresTables.chosen results
                            |> StructuresTables.those entry model
                            |> List.filter (fun r -> not r.Curve.IsEmpty)
                            |> List.truncate 1
                ]

                if not drawn.IsEmpty then
                    Report.Chart(
                        Chart.Line(
                            [
                                for result in drawn do
                                    let title = result.Job.Model.Title
                                    $"{title} train", [ for pass, train, _ in result.Curve -> float pass, train ]
                                    $"{title} valid", [ for pass, _, valid in result.Curve -> float pass, valid ]
                            ],
                            title =
                                $"{entry.DisplayName}: "
                                + (drawn
                                   |> List.map (fun r -> r.Job.Model.Describe r.Job.Setting)
                                   |> String.concat ", "),
                            x = "pass over the training samples",
                            y = "log-likelihood (nats)"
                        )
                    )
        ]
    ]

    /// <summary>The results as an HTML page with charts.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let html (command: string) (results: StructuresResult list) : string =
        Report.html "RAT-SPNs and hidden Chow-Liu trees by EM on binary data sets" [
            for sentence in protocol do
                Report.Text sentence
            Report.Code command
            Report.Heading "Results"
            Report.Table(StructuresTables.table results)
            Report.Text StructuresTables.legend
            yield! StructuresTables.verdict results |> Option.map Report.Text |> Option.toList
            yield! charts results
            Report.Heading "Every training"
            Report.Text "A star marks the setting with the best validation log-likelihood."
            Report.Table(StructuresTables.settings results)
        ]

    /// <summary>The results as a page of the documentation.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let markdown (command: string) (results: StructuresResult list) : string =
        String.concat "\n\n" [
            "# RAT-SPNs and hidden Chow-Liu trees by EM on binary data sets"
            yield! protocol
            $"Made by\n\n```\n{command}\n```"
            "The same command with `--resume --markdown FILE` writes this page again from the finished rows of the CSV file. Our HyperSPNs on the same sets are in `hyperspn-twenty.md`."
            "## Results"
            Table.toMarkdown (StructuresTables.table results)
            StructuresTables.legend
            yield! StructuresTables.verdict results |> Option.toList
            "## Every training"
            "A star marks the setting with the best validation log-likelihood."
            Table.toMarkdown (StructuresTables.settings results)
        ]
        + "\n"
