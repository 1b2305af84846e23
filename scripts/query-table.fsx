/// Writes docs/queries.md: which circuits answer which queries exactly, and how each query is asked.
///
///     dotnet fsi scripts/query-table.fsx              writes the page
///     dotnet fsi scripts/query-table.fsx --out DIR    writes it to another folder; so does the variable SPN_OUT
#load "_ensure-built.fsx"
#load "_refs.fsx"

open System.IO
open Spn

let options =
    Script.options QueryTable.Command (Path.Combine(__SOURCE_DIRECTORY__, "..", "docs")) fsi.CommandLineArgs

QueryTable.page ()
|> Report.save (Path.Combine(options.Out, "queries.md"))
|> printfn "Page: %s"
