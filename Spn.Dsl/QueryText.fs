namespace Spn

open System.Globalization
open Spn.Core
open Spn.Core.Inference

/// Answers to queries as readable text.
[<RequireQualifiedAccess>]
module internal QueryText =

    let private mostRows = 20

    let private mostValues = 32

    let private number (format: string) (value: float) =
        value.ToString(format, CultureInfo.InvariantCulture)

    let private count noun n =
        let digits = number "N0" (float n)
        if n = 1 then $"1 {noun}" else $"{digits} {noun}s"

    let private exactness (exactness: Exactness) =
        (if exactness.IsExact then "exact: " else "approximate: ") + exactness.Reason

    let private lines parts = String.concat "\n" parts

    /// Hidden entries, those of the first samples first.
    let private hiddenEntries (evidence: Evidence) =
        seq {
            for sample in 0 .. evidence.Count - 1 do
                for variable in 0 .. evidence.Variables - 1 do
                    if evidence.IsHidden(sample, variable) then
                        sample, variable
        }

    let posterior (posterior: Posterior) : string =
        let evidence = posterior.Evidence
        let entries = hiddenEntries evidence
        let hidden = Seq.length entries
        let shown = entries |> Seq.truncate mostRows |> List.ofSeq
        let discrete = shown |> List.exists (fun (_, v) -> posterior.IsDiscrete v)
        let real = shown |> List.exists (fun (_, v) -> not (posterior.IsDiscrete v))

        let known sample variable =
            match evidence.SetOf(sample, variable) with
            | null -> "nothing"
            | set -> string set

        let headers = [
            "sample"
            "variable"
            if evidence.HasSets then
                "known"
            if discrete then
                "most probable"
                "probability"
            if real then
                "mean"
                "deviation"
        ]

        let row (sample, variable) = [
            string sample
            string variable
            if evidence.HasSets then
                known sample variable
            let own = posterior.IsDiscrete variable

            if discrete then
                let guess = posterior.Guess(sample, variable)

                if own then
                    number "G6" (float guess)
                    number "F4" (posterior.Probabilities(sample, variable)[int guess])
                else
                    "-"
                    "-"

            if real then
                if own || not (posterior.HasMoments(sample, variable)) then
                    "-"
                    "-"
                else
                    number "G5" (posterior.Mean(sample, variable))
                    number "G3" (sqrt (posterior.Variance(sample, variable)))
        ]

        let samples, variables =
            count "sample" posterior.Count, count "variable" posterior.Variables

        lines [
            if hidden = 0 then
                $"Posterior of {samples} of {variables}: nothing is hidden"
            else
                $"Posterior of {samples} of {variables}; hidden entries: {hidden}"
                Table.toText (Table.create headers (List.map row shown))

                if hidden > shown.Length then
                    $"... and {hidden - shown.Length} more"
        ]

    let mpe (result: MpeResult) : string =
        let completed = result.Completed
        let shown = min completed.Count mostRows

        let values sample =
            let row = completed.Row(sample).ToArray()

            let texts =
                row
                |> Seq.truncate mostValues
                |> Seq.map (fun value -> number "G4" (float value))

            String.concat " " texts + (if row.Length > mostValues then " ..." else "")

        lines [
            let samples = count "sample" completed.Count
            $"Most probable explanation of {samples}"
            $"  {exactness result.Exactness}"

            Table.create [ "sample"; "values"; "log-likelihood (nats)"; "largest product (nats)" ] [
                for sample in 0 .. shown - 1 ->
                    [
                        string sample
                        values sample
                        number "F4" result.LogLikelihood[sample]
                        number "F4" result.LogBound[sample]
                    ]
            ]
            |> Table.toText

            if completed.Count > shown then
                $"... and {completed.Count - shown} more"
        ]

    let information (value: Information) : string =
        let spread =
            if value.Exactness.IsExact then
                ""
            else
                " ± " + number "G2" value.StandardError

        let nats = number "G6" value.Nats
        $"{nats}{spread} nats\n  {exactness value.Exactness}"

    let estimate (value: Estimate) : string =
        let mean, error = number "G6" value.Value, number "G2" value.StandardError
        let samples = count "sample" value.Samples
        $"{mean} ± {error}, estimated from {samples}"

    let level (level: QueryLevel) : string =
        match level with
        | QueryLevel.Exact -> "exact"
        | QueryLevel.Approximate -> "approximate"
        | _ -> "unavailable"

    let support (answers: seq<QuerySupport>) : string =
        let counts =
            answers
            |> Seq.countBy _.Level
            |> Seq.sortBy fst
            |> Seq.map (fun (own, n) -> $"{n} {level own}")
            |> String.concat ", "

        lines [
            $"Queries: {counts}"

            Table.create [ "query"; "answer"; "why" ] [
                for answer in answers -> [ answer.Query; level answer.Level; answer.Reason ]
            ]
            |> Table.toText
        ]

    let evidence (evidence: Evidence) : string =
        let samples, variables =
            count "sample" evidence.Count, count "variable" evidence.Variables

        let hidden = Seq.length (hiddenEntries evidence)

        let sets =
            hiddenEntries evidence
            |> Seq.filter (fun (sample, variable) -> not (isNull (evidence.SetOf(sample, variable))))
            |> Seq.length

        $"{samples} of {variables}; hidden entries: {hidden}"
        + (if sets = 0 then
               ""
           else
               $", of which known to lie in sets: {sets}")
