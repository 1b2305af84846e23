namespace Spn

open System
open System.Text.RegularExpressions

/// <summary>A table of text cells, for reports and for the console.</summary>
[<RequireQualifiedAccess>]
type Table = {
    /// <summary>Column titles, with units where there are any.</summary>
    Headers: string list
    /// <summary>Cells, row by row; every row is as long as the headers.</summary>
    Rows: string list list
}

/// <summary>Makes and prints tables.</summary>
[<RequireQualifiedAccess>]
module Table =

    // A number, perhaps with a spread, perhaps with a unit; or one of the usual signs for no number.
    let private number =
        let digits = @"[+\-−]?(\d[\d,]*(\.\d+)?|\.\d+)([eE][+\-]?\d+)?"

        Regex(
            $@"^({digits}( ?± ?{digits})? ?[%%×a-zA-Zµ/]{{0,6}}|[+\-−]?(NaN|inf|∞|Infinity)|n/a|[\-–—])?$",
            RegexOptions.CultureInvariant
        )

    /// <summary>A table from its headers and its rows.</summary>
    /// <param name="headers">Column titles, with units where there are any.</param>
    /// <param name="rows">Rows of cells.</param>
    /// <exception cref="T:System.ArgumentException">A row has more or fewer cells than there are headers.</exception>
    let create (headers: seq<string>) (rows: seq<#seq<string>>) : Table =
        let headers = List.ofSeq headers
        let rows = [ for row in rows -> List.ofSeq row ]

        rows
        |> List.iteri (fun i row ->
            if row.Length <> headers.Length then
                invalidArg (nameof rows) $"Row {i + 1} has {row.Length} cells; the table has {headers.Length} headers.")

        { Headers = headers; Rows = rows }

    /// <summary>Says of each column whether it holds numbers, which are set flush right.</summary>
    /// <remarks>A number may carry a spread ("0.31 ± 0.02") or a short unit ("12 s"); empty cells, dashes and "n/a" fit in.</remarks>
    /// <param name="table">The table.</param>
    let numericColumns (table: Table) : bool list =
        table.Headers
        |> List.mapi (fun column _ ->
            let cells = [ for row in table.Rows -> row[column] ]

            List.forall (fun (cell: string) -> number.IsMatch cell) cells
            && List.exists (Seq.exists Char.IsDigit) cells)

    /// <summary>The table as aligned lines of text, without a final line break.</summary>
    /// <remarks>Columns stand two spaces apart; numbers are flush right, all else flush left.</remarks>
    /// <param name="table">The table.</param>
    let toText (table: Table) : string =
        let numeric = numericColumns table

        let widths =
            table.Headers
            |> List.mapi (fun i header ->
                (header.Length, table.Rows)
                ||> List.fold (fun width row -> max width row[i].Length))

        let line cells =
            (List.zip cells numeric, widths)
            ||> List.map2 (fun (cell: string, right) width -> if right then cell.PadLeft width else cell.PadRight width)
            |> String.concat "  "

        let rule =
            widths |> List.map (fun width -> String('─', width)) |> String.concat "  "

        line table.Headers :: rule :: List.map line table.Rows
        |> List.map _.TrimEnd()
        |> String.concat "\n"

    /// <summary>The table in Markdown, without a final line break.</summary>
    /// <param name="table">The table.</param>
    let toMarkdown (table: Table) : string =
        let line (cells: string list) =
            cells
            |> List.map _.Replace("|", "\\|")
            |> String.concat " | "
            |> fun cells -> $"| {cells} |"

        let rule = [ for right in numericColumns table -> if right then "---:" else "---" ]

        line table.Headers :: line rule :: List.map line table.Rows
        |> String.concat "\n"
