/// RAT-SPNs and hidden Chow-Liu trees by expectation maximisation on the twenty binary data sets, beside published numbers.
///
///     dotnet fsi scripts/structures-twenty.fsx                   nltcs, or the built-in digits where no data are around
///     dotnet fsi scripts/structures-twenty.fsx --quick           a look in a minute
///     dotnet fsi scripts/structures-twenty.fsx --datasets all    the whole table; --resume goes on after an interruption
///     dotnet fsi scripts/structures-twenty.fsx help              all options (fsi keeps --help to itself; -- --help works)
#load "_ensure-built.fsx"
#load "_refs.fsx"

open Spn

fsi.CommandLineArgs |> Array.skip 1 |> StructuresTwenty.main |> exit
