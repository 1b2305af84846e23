namespace Spn

open System
open Spn.Core.Data

/// <summary>Pages with the experiment's results.</summary>
[<RequireQualifiedAccess>]
module HyperSpnReport =

    let private charts (results: TwentyResult list) = [
        let best = HyperSpnTables.chosen results
        let models = [ TwentyModel.Hyper; TwentyModel.Decay ]

        let mean entry model =
            match HyperSpnTables.those entry model best with
            | [] -> nan
            | ours -> ours |> List.averageBy _.Test

        let paper (entry: DataEntry) model =
            HyperSpnProtocol.paper model entry.Name |> Option.defaultValue nan

        let inPaper =
            HyperSpnTables.names results
            |> List.filter (fun e -> Double.IsFinite(paper e models.Head))

        if not inPaper.IsEmpty then
            Report.Heading "Ours and the paper's"

            Report.Columns [
                Report.Chart(
                    Chart.Bars(
                        [ for entry in inPaper -> entry.DisplayName ],
                        [
                            for model in models ->
                                model.Title, [ for e in inPaper -> Math.Round(mean e model - paper e model, 2) + 0.0 ]
                        ],
                        title = "Difference to the paper; to the right is better",
                        x = "ours less the paper's (nats)",
                        horizontal = true
                    )
                )
                Report.Chart(
                    Chart.Scatter(
                        [
                            for model in models -> model.Title, [ for e in inPaper -> paper e model, mean e model ]
                        ],
                        title = "Test log-likelihood",
                        x = "the paper's (nats)",
                        y = "ours (nats)",
                        diagonal = true
                    )
                )
            ]

        Report.Heading "Learning curves"

        let first =
            best
            |> List.groupBy (fun r -> r.Job.DataSet, r.Job.Model)
            |> List.map (fun (_, seeds) -> seeds.Head)

        Report.Columns [
            for entry in HyperSpnTables.names results do
                let drawn =
                    first
                    |> List.filter (fun r -> r.Job.DataSet = entry.Name && not r.Curve.IsEmpty)

                if not drawn.IsEmpty then
                    Report.Chart(
                        Chart.Line(
                            [
                                for result in drawn do
                                    let title = result.Job.Model.Title
                                    $"{title} train", [ for step, train, _ in result.Curve -> float step, train ]
                                    $"{title} valid", [ for step, _, valid in result.Curve -> float step, valid ]
                            ],
                            title =
                                $"{entry.DisplayName}: "
                                + (drawn
                                   |> List.map (fun r -> r.Job.Model.Describe r.Job.Setting)
                                   |> String.concat ", "),
                            x = "step",
                            y = "log-likelihood (nats)"
                        )
                    )
        ]
    ]

    let private protocol =
        "Both models have 50 random binary trees and 5 channels and are trained by Adam on the sum of the log-likelihoods of a batch: "
        + "the HyperSPN at rate 0.005 for h = 5, 10 and 20, the SPN at rate 0.02 with L2 weight decay 0.001, 0.0001 and 0.00001. "
        + "Batches have 500 samples, or 50 for Reuters-52, 20Newsgroups, BBC and Ad. The parameters kept are those with the best validation log-likelihood."

    /// <summary>The results as an HTML page with learning curves.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let html (command: string) (results: TwentyResult list) : string =
        Report.html "HyperSPN on binary data sets" [
            Report.Text protocol
            Report.Code command
            Report.Heading "Results"
            Report.Table(HyperSpnTables.table results)
            Report.Text HyperSpnTables.legend
            yield! HyperSpnTables.verdict results |> Option.map Report.Text |> Option.toList
            yield!
                match HyperSpnTables.plain results with
                | Some table -> [
                    Report.Heading "Plain SPNs of two sizes"
                    Report.Table table
                    Report.Text HyperSpnTables.plainLegend
                  ]
                | None -> []
            yield!
                match HyperSpnTables.parzen results with
                | Some(table, words) -> [ Report.Heading "Samples"; Report.Table table; Report.Text words ]
                | None -> []
            yield! charts results
            Report.Heading "Every training"
            Report.Text "A star marks the setting with the best validation log-likelihood."
            Report.Table(HyperSpnTables.settings results)
        ]

    /// <summary>The results as a page of the documentation.</summary>
    /// <param name="command">The command line that makes them.</param>
    /// <param name="results">The results.</param>
    let markdown (command: string) (results: TwentyResult list) : string =
        String.concat "\n\n" [
            "# HyperSPN on binary data sets"
            protocol
            $"Made by\n\n```\n{command}\n```"
            "The same command with `--resume --markdown FILE` writes this page again from the finished rows of the CSV file."
            "## Results"
            Table.toMarkdown (HyperSpnTables.table results)
            HyperSpnTables.legend
            yield! HyperSpnTables.verdict results |> Option.toList
            yield!
                match HyperSpnTables.plain results with
                | Some table -> [
                    "## Plain SPNs of two sizes"
                    Table.toMarkdown table
                    HyperSpnTables.plainLegend
                  ]
                | None -> []
            yield!
                match HyperSpnTables.parzen results with
                | Some(table, words) -> [ "## Samples"; Table.toMarkdown table; words ]
                | None -> []
            "## Every training"
            "A star marks the setting with the best validation log-likelihood."
            Table.toMarkdown (HyperSpnTables.settings results)
        ]
        + "\n"
